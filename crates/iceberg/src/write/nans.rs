// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Counting NaNs, which Parquet's statistics leave out.

use std::collections::HashMap;

use arrow::array::types::{Float32Type, Float64Type};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::DataType;

use crate::schema::field_id;

/// How many NaNs each column of a file has, by field id; columns inside of lists and maps are left
/// out.
#[derive(Debug, Default)]
pub(super) struct NanCounts(HashMap<i32, u64>);

impl NanCounts {
    /// Adds those of `batch`, whose fields carry their ids.
    pub(super) fn add(&mut self, batch: &RecordBatch) {
        for (field, values) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            self.count(field_id(field), values);
        }
    }

    fn count(&mut self, id: Option<i32>, values: &ArrayRef) {
        let nans = match values.data_type() {
            DataType::Float32 => {
                let values = values.as_primitive::<Float32Type>();
                values.iter().flatten().filter(|v| v.is_nan()).count()
            }
            DataType::Float64 => {
                let values = values.as_primitive::<Float64Type>();
                values.iter().flatten().filter(|v| v.is_nan()).count()
            }
            DataType::Struct(fields) => {
                let of = values.as_struct();
                for (field, values) in fields.iter().zip(of.columns()) {
                    self.count(field_id(field), values);
                }
                return;
            }
            _ => return,
        };
        if let Some(id) = id {
            *self.0.entry(id).or_default() += nans as u64;
        }
    }

    /// The number of the column with this id, if it can have any.
    pub(super) fn of(&self, id: i32) -> Option<u64> {
        self.0.get(&id).copied()
    }
}
