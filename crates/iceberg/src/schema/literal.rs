// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Iceberg values as DataFusion scalars of the column's type.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use iceberg::spec::{Datum, PrimitiveLiteral, PrimitiveType};

/// The microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// `value` as a scalar of `data_type`, widened where the spec lets a type widen (int to long,
/// float to double, date to timestamp), and narrowed again where an older snapshot is read. None
/// when the value is not one of that type.
pub(crate) fn literal_scalar(
    value: &PrimitiveLiteral,
    data_type: &DataType,
) -> Option<ScalarValue> {
    use PrimitiveLiteral as L;
    Some(match (value, data_type) {
        (L::Boolean(v), DataType::Boolean) => ScalarValue::Boolean(Some(*v)),
        (L::Int(v), DataType::Int32) => ScalarValue::Int32(Some(*v)),
        (L::Int(v), DataType::Int64) => ScalarValue::Int64(Some(i64::from(*v))),
        (L::Int(v), DataType::Date32) => ScalarValue::Date32(Some(*v)),
        // A date that became a timestamp: the start of the day.
        (L::Int(v), DataType::Timestamp(TimeUnit::Microsecond, zone)) => {
            ScalarValue::TimestampMicrosecond(Some(i64::from(*v) * DAY), zone.clone())
        }
        (L::Int(v), DataType::Timestamp(TimeUnit::Nanosecond, zone)) => {
            let nanos = i64::from(*v).checked_mul(DAY * 1_000)?;
            ScalarValue::TimestampNanosecond(Some(nanos), zone.clone())
        }
        (L::Long(v), DataType::Int32) => ScalarValue::Int32(Some(i32::try_from(*v).ok()?)),
        (L::Long(v), DataType::Int64) => ScalarValue::Int64(Some(*v)),
        (L::Long(v), DataType::Time64(TimeUnit::Microsecond)) => {
            ScalarValue::Time64Microsecond(Some(*v))
        }
        (L::Long(v), DataType::Timestamp(TimeUnit::Microsecond, zone)) => {
            ScalarValue::TimestampMicrosecond(Some(*v), zone.clone())
        }
        (L::Long(v), DataType::Timestamp(TimeUnit::Nanosecond, zone)) => {
            ScalarValue::TimestampNanosecond(Some(*v), zone.clone())
        }
        (L::Float(v), DataType::Float32) => ScalarValue::Float32(Some(v.into_inner())),
        (L::Float(v), DataType::Float64) => ScalarValue::Float64(Some(f64::from(v.into_inner()))),
        (L::Double(v), DataType::Float32) => ScalarValue::Float32(Some(narrow(v.into_inner())?)),
        (L::Double(v), DataType::Float64) => ScalarValue::Float64(Some(v.into_inner())),
        (L::String(v), DataType::Utf8) => ScalarValue::Utf8(Some(v.clone())),
        (L::Binary(v), DataType::LargeBinary) => ScalarValue::LargeBinary(Some(v.clone())),
        (L::Binary(v), DataType::FixedSizeBinary(n)) if usize::try_from(*n) == Ok(v.len()) => {
            ScalarValue::FixedSizeBinary(*n, Some(v.clone()))
        }
        (L::UInt128(v), DataType::FixedSizeBinary(16)) => {
            ScalarValue::FixedSizeBinary(16, Some(v.to_be_bytes().to_vec()))
        }
        (L::Int128(v), DataType::Decimal128(precision, scale)) => {
            ScalarValue::Decimal128(Some(*v), *precision, *scale)
        }
        _ => return None,
    })
}

/// The number as the `f32` that it was.
fn narrow(value: f64) -> Option<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "compared below")]
    let narrow = value as f32;
    (value.is_nan() || f64::from(narrow) == value).then_some(narrow)
}

/// A column bound from a manifest as a scalar of `data_type`. None when it was written for a type
/// that does not widen to the column's present one.
pub(crate) fn bound_scalar(
    bound: &Datum,
    primitive: &PrimitiveType,
    data_type: &DataType,
) -> Option<ScalarValue> {
    use PrimitiveType as T;
    let widens = match (bound.data_type(), primitive) {
        (T::Int, T::Long) | (T::Float, T::Double) => true,
        (T::Decimal { scale: from, .. }, T::Decimal { scale: to, .. }) => from == to,
        (from, to) => from == to,
    };
    if widens {
        literal_scalar(bound.literal(), data_type)
    } else {
        None
    }
}
