// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Batches as rows of plain values.

use std::cmp::Ordering;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;

use crate::oracle::{Value, value_at};

/// All rows of batches, in order.
pub fn rows_of(batches: &[RecordBatch]) -> Result<Vec<Vec<Value>>, ArrowError> {
    let mut rows = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let cells = batch
                .columns()
                .iter()
                .map(|column| value_at(column.as_ref(), row));
            rows.push(cells.collect::<Result<Vec<_>, _>>()?);
        }
    }
    Ok(rows)
}

/// Rows in an order that depends on their values alone.
pub fn sorted(mut rows: Vec<Vec<Value>>) -> Vec<Vec<Value>> {
    rows.sort_by(|a, b| row_order(a, b));
    rows
}

pub(super) fn row_order(a: &[Value], b: &[Value]) -> Ordering {
    let mut parts = a.iter().zip(b).map(|(x, y)| x.order(y));
    parts
        .find(|part| part.is_ne())
        .unwrap_or_else(|| a.len().cmp(&b.len()))
}
