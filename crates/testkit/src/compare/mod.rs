// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Exact comparison of two results, and what to show when they differ.
//!
//! Cells are compared as [`Value`]s: NaN equals NaN, `-0.0` differs from `0.0`, NULL equals NULL.
//! Nullability and metadata of fields are not compared, names and types are.

mod difference;
mod rows;

pub use difference::Difference;
pub use rows::{rows_of, sorted};

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;

use crate::oracle::Value;

/// Is the order of rows part of the answer?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOrder {
    /// Rows must come in the expected order.
    Exact,
    /// Rows are a multiset.
    Any,
}

/// Compares a result with what is expected: columns by name and type, rows by value.
pub fn compare(
    expected: &RecordBatch,
    actual_schema: &Schema,
    actual: &[RecordBatch],
    order: RowOrder,
) -> Result<(), Difference> {
    let describe = |schema: &Schema| -> Vec<String> {
        let field = |f: &arrow::datatypes::FieldRef| format!("{} {}", f.name(), f.data_type());
        schema.fields().iter().map(field).collect()
    };
    compare_columns(&describe(&expected.schema()), &describe(actual_schema))?;
    for batch in actual {
        compare_columns(&describe(actual_schema), &describe(&batch.schema()))?;
    }
    let names: Vec<String> = expected
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    let expected = rows_of(std::slice::from_ref(expected)).map_err(Difference::unreadable)?;
    let actual = rows_of(actual).map_err(Difference::unreadable)?;
    compare_rows(&names, expected, actual, order)
}

fn compare_columns(expected: &[String], actual: &[String]) -> Result<(), Difference> {
    match expected == actual {
        true => Ok(()),
        false => Err(Difference::columns(expected, actual)),
    }
}

/// Compares rows under the same column names.
pub fn compare_rows(
    names: &[String],
    expected: Vec<Vec<Value>>,
    actual: Vec<Vec<Value>>,
    order: RowOrder,
) -> Result<(), Difference> {
    match order {
        RowOrder::Exact if expected == actual => Ok(()),
        RowOrder::Exact => Err(Difference::in_order(names, &expected, &actual)),
        RowOrder::Any => {
            let (expected, actual) = (sorted(expected), sorted(actual));
            match expected == actual {
                true => Ok(()),
                false => Err(Difference::as_multiset(names, &expected, &actual)),
            }
        }
    }
}
