// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a data file's metrics in the manifest say about a column.

use std::collections::HashMap;

use datafusion::common::ScalarValue;
use iceberg::spec::{DataFile, Datum, PrimitiveLiteral, PrimitiveType};

use super::entry_columns::{Metrics, datum};
use super::facts::{ColumnFacts, Nulls};
use super::transforms::{above_zero, after_bytes, after_prefix, below_zero};
use crate::schema::{TableColumn, bound_scalar, literal_scalar};

/// The facts of one file about one column, safe against truncation and NaN.
pub(crate) fn bound_facts(file: &DataFile, column: &TableColumn) -> ColumnFacts {
    let count = |counts: &HashMap<i32, u64>| counts.get(&column.id).copied();
    Known {
        records: file.record_count(),
        nulls: count(file.null_value_counts()),
        nans: count(file.nan_value_counts()),
        lower: file.lower_bounds().get(&column.id),
        upper: file.upper_bounds().get(&column.id),
    }
    .facts(column)
}

/// The facts that an entry's metrics give about one column of a file with `records` rows.
pub(super) fn metrics_facts(
    metrics: &Metrics<'_>,
    records: u64,
    column: &TableColumn,
) -> ColumnFacts {
    let primitive = column.primitive.as_ref();
    let bound = |bytes: Option<&[u8]>| datum(bytes?, primitive?);
    let (lower, upper) = (bound(metrics.lower), bound(metrics.upper));
    Known {
        records,
        nulls: metrics.nulls,
        nans: metrics.nans,
        lower: lower.as_ref(),
        upper: upper.as_ref(),
    }
    .facts(column)
}

/// What a manifest says about one column of a file.
struct Known<'a> {
    records: u64,
    nulls: Option<u64>,
    nans: Option<u64>,
    lower: Option<&'a Datum>,
    upper: Option<&'a Datum>,
}

type Range = (Option<ScalarValue>, Option<ScalarValue>);

impl Known<'_> {
    fn facts(&self, column: &TableColumn) -> ColumnFacts {
        let (min, max) = self.range(column).unwrap_or((None, None));
        ColumnFacts {
            min,
            max,
            nulls: known_nulls(self.nulls, self.records),
            buckets: Vec::new(),
        }
        .checked()
    }

    fn range(&self, column: &TableColumn) -> Option<Range> {
        let primitive = column.primitive.as_ref()?;
        let read = |bound: Option<&Datum>| bound_scalar(bound?, primitive, &column.data_type);
        let (lower, upper) = (read(self.lower), read(self.upper));
        Some(match primitive {
            // Bounds leave NaN out, and Arrow orders it at both ends.
            PrimitiveType::Float | PrimitiveType::Double => match self.nans {
                Some(0) => (lower.map(below_zero), upper.map(above_zero)),
                _ => (None, None),
            },
            PrimitiveType::String | PrimitiveType::Binary => (lower, upper.and_then(after)),
            PrimitiveType::Uuid => {
                let (lower, upper) = uuid_range(self.lower?.literal(), self.upper?.literal())?;
                let scalar = |uuid| literal_scalar(&uuid, &column.data_type);
                (scalar(lower), scalar(upper))
            }
            _ => (lower, upper),
        })
    }
}

/// More NULLs than rows say nothing.
pub(super) fn known_nulls(nulls: Option<u64>, records: u64) -> Nulls {
    match nulls {
        Some(count) if count <= records => Nulls::Count(count),
        _ => Nulls::Unknown,
    }
}

/// An upper bound of texts may be a cut value that nobody rounded up.
fn after(upper: ScalarValue) -> Option<ScalarValue> {
    Some(match upper {
        ScalarValue::Utf8(Some(upper)) => ScalarValue::Utf8(Some(after_prefix(&upper)?)),
        ScalarValue::LargeBinary(Some(upper)) => {
            ScalarValue::LargeBinary(Some(after_bytes(&upper)?))
        }
        upper => upper,
    })
}

/// Some writers order UUIDs by their halves as signed numbers, Arrow by their bytes. Where the
/// first halves of both bounds have one sign, the two orders agree on these halves; bounds that
/// have none in Java's order cannot be in it. None if nothing is known.
pub(super) fn uuid_range(
    lower: &PrimitiveLiteral,
    upper: &PrimitiveLiteral,
) -> Option<(PrimitiveLiteral, PrimitiveLiteral)> {
    const SECOND_HALF: u128 = u64::MAX as u128;
    const SIGN: u128 = 1 << 127;
    let (PrimitiveLiteral::UInt128(lower), PrimitiveLiteral::UInt128(upper)) = (lower, upper)
    else {
        return None;
    };
    let (lower, upper) = match (lower & SIGN, upper & SIGN) {
        (0, SIGN) => (*lower, *upper),
        (SIGN, 0) => return None,
        _ => (lower & !SECOND_HALF, upper | SECOND_HALF),
    };
    let literal = PrimitiveLiteral::UInt128;
    Some((literal(lower), literal(upper)))
}
