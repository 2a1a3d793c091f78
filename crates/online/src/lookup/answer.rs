// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a lookup answers: values, and what they are worth.

use std::sync::Arc;

use arrow::array::Scalar;
use arrow::array::{
    Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, StringArray, new_null_array,
};
use arrow::compute::kernels::cmp::lt;
use arrow::compute::nullif;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{Result, plan_err};

use super::join::Joined;
use super::{LookupOptions, LookupView};

/// A value is there.
const PRESENT: &str = "PRESENT";
/// The newest row has NULL there.
const NULL_VALUE: &str = "NULL_VALUE";
/// Nothing was written for the key.
const NOT_FOUND: &str = "NOT_FOUND";
/// The newest row is older than the view's TTL.
const OUTSIDE_MAX_AGE: &str = "OUTSIDE_MAX_AGE";

/// The columns of an answer: those of the request, then for each feature its value and, where asked
/// for, `{feature}__status` and `{feature}__event_timestamp`. Two columns of one name are an error.
pub fn lookup_schema(
    request: &Schema,
    views: &[LookupView],
    options: &LookupOptions,
) -> Result<SchemaRef> {
    let mut fields: Vec<Field> = request
        .fields()
        .iter()
        .map(|field| field.as_ref().clone())
        .collect();
    for wanted in views {
        for feature in &wanted.features {
            let mut columns = wanted.view.columns.iter();
            let kept = columns.find(|kept| kept.name == feature.name);
            let data_type = kept.map_or(DataType::Null, |kept| kept.data_type.clone());
            fields.push(Field::new(&feature.output, data_type, true));
            if options.status {
                fields.push(Field::new(
                    format!("{}__status", feature.output),
                    DataType::Utf8,
                    false,
                ));
            }
            if options.timestamps {
                let name = format!("{}__event_timestamp", feature.output);
                fields.push(Field::new(name, wanted.view.event_time.clone(), true));
            }
        }
    }
    for (at, field) in fields.iter().enumerate() {
        if fields[..at]
            .iter()
            .any(|other| other.name() == field.name())
        {
            return plan_err!(
                "{}: two columns of the answer are called {}; set full_feature_names => true, or rename the key",
                options.function,
                field.name()
            );
        }
    }
    Ok(Arc::new(Schema::new(fields)))
}

pub(super) fn answer(
    schema: SchemaRef,
    views: &[LookupView],
    request: &RecordBatch,
    joined: &[Joined],
    options: &LookupOptions,
) -> Result<RecordBatch> {
    let rows = request.num_rows();
    let mut columns: Vec<ArrayRef> = request.columns().to_vec();
    for (wanted, joined) in views.iter().zip(joined) {
        let old = too_old(joined, options, rows)?;
        for (feature, values) in wanted.features.iter().zip(&joined.values) {
            let data_type = schema.field_with_name(&feature.output)?.data_type();
            let value = match values {
                Some(values) => nullif(values, &old)?,
                None => new_null_array(data_type, rows),
            };
            columns.push(value);
            if options.status {
                columns.push(Arc::new(statuses(joined, values.as_ref(), &old)));
            }
            if options.timestamps {
                columns.push(Arc::clone(&joined.event));
            }
        }
    }
    let counted = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(
        schema, columns, &counted,
    )?)
}

/// Which rows have a winner that is too old.
fn too_old(joined: &Joined, options: &LookupOptions, rows: usize) -> Result<BooleanArray> {
    let none = || BooleanArray::from(vec![false; rows]);
    Ok(match &joined.oldest {
        Some(oldest) if options.max_age => {
            let old = lt(&joined.event, &Scalar::new(Arc::clone(oldest)))?;
            old.iter().map(|old| Some(old.unwrap_or(false))).collect()
        }
        _ => none(),
    })
}

fn statuses(joined: &Joined, values: Option<&ArrayRef>, old: &BooleanArray) -> StringArray {
    let nulls = values.map(|values| values.logical_nulls());
    let status = |row: usize| match &nulls {
        _ if joined.event.is_null(row) => NOT_FOUND,
        _ if old.value(row) => OUTSIDE_MAX_AGE,
        None => NOT_FOUND,
        Some(Some(nulls)) if nulls.is_null(row) => NULL_VALUE,
        Some(_) => PRESENT,
    };
    StringArray::from_iter_values((0..old.len()).map(status))
}
