// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The keys of one view in a request.

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use datafusion::common::{Result, exec_datafusion_err, plan_err};

use super::LookupView;

/// The request's columns with the view's keys, in the view's types.
pub(super) fn view_keys(wanted: &LookupView, request: &RecordBatch) -> Result<Vec<ArrayRef>> {
    let keys = wanted.view.keys.iter().zip(&wanted.keys);
    keys.map(|(key, name)| {
        let Some(column) = request.column_by_name(name) else {
            let schema = request.schema();
            let names: Vec<_> = schema.fields().iter().map(|f| f.name().as_str()).collect();
            return plan_err!(
                "the keys have no column {name}, by which the view is looked up; their columns are {}",
                names.join(", ")
            );
        };
        if !key.key_type.takes(column.data_type()) {
            return plan_err!(
                "key column {name} is {}, the view's join key {} is {:?}; cast the keys",
                column.data_type(),
                key.name,
                key.key_type
            );
        }
        let options = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        cast_with_options(column, &key.key_type.arrow(), &options).map_err(|cause| {
            exec_datafusion_err!("key column {name} does not fit {:?}: {cause}", key.key_type)
        })
    })
    .collect()
}
