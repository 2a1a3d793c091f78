// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a data file's metrics in the manifest say about a column.

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use iceberg::spec::{DataFile, PrimitiveType};

use super::facts::{ColumnFacts, Nulls};
use super::transforms::{above_zero, after_prefix, below_zero};
use crate::schema::{TableColumn, bound_scalar};

/// The facts of one file about one column, safe against truncation and NaN.
pub(crate) fn bound_facts(file: &DataFile, column: &TableColumn) -> ColumnFacts {
    let nulls = match file.null_value_counts().get(&column.id) {
        Some(count) if *count <= file.record_count() => Nulls::Count(*count),
        _ => Nulls::Unknown,
    };
    let (min, max) = range(file, column).unwrap_or((None, None));
    ColumnFacts {
        min,
        max,
        nulls,
        buckets: Vec::new(),
    }
    .checked()
}

type Range = (Option<ScalarValue>, Option<ScalarValue>);

fn range(file: &DataFile, column: &TableColumn) -> Option<Range> {
    let primitive = column.primitive.as_ref()?;
    match primitive {
        // Bounds leave NaN out, and Arrow orders it at both ends.
        PrimitiveType::Float | PrimitiveType::Double
            if file.nan_value_counts().get(&column.id) != Some(&0) =>
        {
            return None;
        }
        // Writers disagree on their order, or cut them.
        PrimitiveType::Uuid | PrimitiveType::Fixed(_) | PrimitiveType::Binary => return None,
        _ => {}
    }
    let read = |bound: Option<_>| bound_scalar(bound?, primitive, &column.data_type);
    let lower = read(file.lower_bounds().get(&column.id)).map(below_zero);
    let upper = read(file.upper_bounds().get(&column.id)).map(above_zero);
    Some((
        lower,
        upper.and_then(|upper| after(upper, &column.data_type)),
    ))
}

/// An upper bound of strings may be a cut value that nobody rounded up.
fn after(upper: ScalarValue, data_type: &DataType) -> Option<ScalarValue> {
    match upper {
        ScalarValue::Utf8(Some(upper)) if *data_type == DataType::Utf8 => {
            Some(ScalarValue::Utf8(Some(after_prefix(&upper)?)))
        }
        upper => Some(upper),
    }
}
