// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Which types may be join keys, and as what type two sides are compared.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Result, plan_err};

/// The type both sides of a key are compared as, or an error that names both columns and their types.
///
/// Integers widen; strings, binary, dates, timestamps, decimals and UUIDs compare within their family; booleans, floats and
/// nested types are no keys.
pub fn key_type(
    entity_column: &str,
    entity: &DataType,
    view_column: &str,
    view: &DataType,
) -> Result<DataType> {
    for (side, column, data_type) in [
        ("entity", entity_column, entity),
        ("view", view_column, view),
    ] {
        if !is_key_type(data_type) {
            return plan_err!(
                "join key {column} of the {side} side has type {data_type}, which cannot be a key: expected an integer, \
                 string, binary, date, timestamp, decimal or UUID; cast the column or choose another key"
            );
        }
    }
    match common(strip(entity), strip(view)) {
        Some(common) => Ok(common),
        None => plan_err!(
            "join key types differ: entity column {entity_column} has type {entity}, the view's key {view_column} has type \
             {view}; cast the entity column to {view}"
        ),
    }
}

/// Whether columns of this type can be join keys at all.
pub fn is_key_type(data_type: &DataType) -> bool {
    let data_type = strip(data_type);
    data_type.is_integer()
        || is_string(data_type)
        || is_binary(data_type)
        || matches!(
            data_type,
            DataType::Null
                | DataType::Date32
                | DataType::Date64
                | DataType::Timestamp(_, _)
                | DataType::Decimal32(_, _)
                | DataType::Decimal64(_, _)
                | DataType::Decimal128(_, _)
                | DataType::Decimal256(_, _)
        )
}

/// A key column as the type that keys are compared as; NULL where that type does not hold the value, which then equals none of the
/// other side's.
///
/// A cast that gives a time a zone goes through the calendar, which ends before the range of the type does; in UTC, the only zone
/// keys are compared in, the number stays the same.
pub(crate) fn as_key(column: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    match (column.data_type(), to) {
        (DataType::Dictionary(_, value), _) if value.as_ref() != to => {
            as_key(&cast(column, value)?, to)
        }
        (DataType::Timestamp(unit, None), DataType::Timestamp(_, Some(zone))) => {
            let zoned = DataType::Timestamp(*unit, Some(Arc::clone(zone)));
            let number = cast(column, &DataType::Int64)?;
            Ok(cast(&cast(&number, &zoned)?, to)?)
        }
        _ => Ok(cast(column, to)?),
    }
}

fn strip(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, value) => value,
        other => other,
    }
}

fn is_string(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    )
}

fn is_binary(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_)
    )
}

fn common(entity: &DataType, view: &DataType) -> Option<DataType> {
    use DataType::{
        BinaryView, Date32, Date64, Decimal128, Int64, Null, Timestamp, UInt64, Utf8View,
    };
    let wide = |t: &DataType| matches!(t, UInt64);
    match (entity, view) {
        (Null, Null) => Some(Null),
        (Null, other) | (other, Null) => common(other, other).or(Some(Null)),
        (a, b) if a.is_integer() && b.is_integer() => Some(match (wide(a), wide(b)) {
            (false, false) => Int64,
            (true, true) => UInt64,
            _ => Decimal128(20, 0),
        }),
        (a, b) if is_string(a) && is_string(b) => Some(if a == b { a.clone() } else { Utf8View }),
        (a, b) if is_binary(a) && is_binary(b) => Some(if a == b { a.clone() } else { BinaryView }),
        (Date32, Date32) => Some(Date32),
        (Date32 | Date64, Date32 | Date64) => Some(Date64),
        // In UTC: a cast from no zone to another zone would read the value as local time there.
        (Timestamp(a, _), Timestamp(b, _)) => Some(Timestamp(finer(*a, *b), Some("UTC".into()))),
        (a, b) => decimal(a, b),
    }
}

fn finer(a: TimeUnit, b: TimeUnit) -> TimeUnit {
    let rank = |unit| match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 1,
        TimeUnit::Microsecond => 2,
        TimeUnit::Nanosecond => 3,
    };
    if rank(a) >= rank(b) { a } else { b }
}

fn decimal(a: &DataType, b: &DataType) -> Option<DataType> {
    let parts = |t: &DataType| match t {
        DataType::Decimal32(p, s)
        | DataType::Decimal64(p, s)
        | DataType::Decimal128(p, s)
        | DataType::Decimal256(p, s) => Some((*p, *s)),
        t if t.is_integer() => Some((20, 0)),
        _ => None,
    };
    if a.is_integer() && b.is_integer() {
        return None;
    }
    let ((pa, sa), (pb, sb)) = (parts(a)?, parts(b)?);
    let scale = sa.max(sb);
    let whole = (i16::from(pa) - i16::from(sa)).max(i16::from(pb) - i16::from(sb));
    let precision = u8::try_from(whole + i16::from(scale)).ok()?;
    match precision {
        0..=38 => Some(DataType::Decimal128(precision, scale)),
        39..=76 => Some(DataType::Decimal256(precision, scale)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_widen_and_strings_meet() {
        let t = |a: DataType, b: DataType| key_type("e", &a, "v", &b).unwrap();
        assert_eq!(t(DataType::Int32, DataType::Int64), DataType::Int64);
        assert_eq!(
            t(DataType::UInt64, DataType::Int8),
            DataType::Decimal128(20, 0)
        );
        assert_eq!(t(DataType::Utf8, DataType::LargeUtf8), DataType::Utf8View);
        assert_eq!(t(DataType::Null, DataType::Null), DataType::Null);
        assert_eq!(t(DataType::Null, DataType::Int8), DataType::Int64);
    }

    #[test]
    fn illegal_and_mismatched_keys_name_both_sides() {
        let message =
            |a: DataType, b: DataType| key_type("e", &a, "v", &b).unwrap_err().to_string();
        assert!(message(DataType::Utf8, DataType::Int64).contains("entity column e has type Utf8"));
        assert!(
            message(DataType::Float64, DataType::Int64).contains("join key e of the entity side")
        );
        assert!(
            message(DataType::Int64, DataType::Boolean).contains("join key v of the view side")
        );
    }
}
