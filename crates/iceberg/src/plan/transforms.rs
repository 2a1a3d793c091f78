// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Partition transforms read backwards: from a partition value to the range of column values that
//! can have it.

use arrow::datatypes::{DataType, TimeUnit};
use chrono::{Datelike, NaiveDate};
use datafusion::common::ScalarValue;
use iceberg::spec::{Datum, PrimitiveLiteral, PrimitiveType, Transform};
use iceberg::transform::create_transform_function;

use crate::schema::literal_scalar;

/// The least column value that can have the partition value `value`.
pub(crate) fn least(
    transform: Transform,
    value: &PrimitiveLiteral,
    data_type: &DataType,
) -> Option<ScalarValue> {
    match transform {
        Transform::Identity => literal_scalar(value, data_type).map(below_zero),
        // Old writers rounded times before 1970 up, so such a unit may hold the one before it too.
        Transform::Year | Transform::Month | Transform::Day | Transform::Hour => {
            let unit = unit(value)?;
            start(
                transform,
                if unit <= 0 {
                    unit.checked_sub(1)?
                } else {
                    unit
                },
                data_type,
            )
        }
        Transform::Truncate(_) => literal_scalar(value, data_type),
        Transform::Bucket(_) | Transform::Void | Transform::Unknown => None,
    }
}

/// A column value that no value with the partition value `value` exceeds.
pub(crate) fn greatest(
    transform: Transform,
    value: &PrimitiveLiteral,
    data_type: &DataType,
) -> Option<ScalarValue> {
    match transform {
        Transform::Identity => literal_scalar(value, data_type).map(above_zero),
        Transform::Year | Transform::Month | Transform::Day | Transform::Hour => {
            before(start(transform, unit(value)?.checked_add(1)?, data_type)?)
        }
        Transform::Truncate(width) => greatest_truncated(width, value, data_type),
        Transform::Bucket(_) | Transform::Void | Transform::Unknown => None,
    }
}

fn unit(value: &PrimitiveLiteral) -> Option<i64> {
    match value {
        PrimitiveLiteral::Int(unit) => Some(i64::from(*unit)),
        PrimitiveLiteral::Long(unit) => Some(*unit),
        _ => None,
    }
}

/// The first instant of a year, month, day or hour counted from 1970.
fn start(transform: Transform, unit: i64, data_type: &DataType) -> Option<ScalarValue> {
    let hours = match transform {
        Transform::Year => days(unit.checked_mul(12)?)?.checked_mul(24)?,
        Transform::Month => days(unit)?.checked_mul(24)?,
        Transform::Day => unit.checked_mul(24)?,
        Transform::Hour => unit,
        _ => return None,
    };
    let ticks = |per_hour: i64| hours.checked_mul(per_hour);
    match data_type {
        DataType::Date32 if hours % 24 == 0 => {
            Some(ScalarValue::Date32(Some(i32::try_from(hours / 24).ok()?)))
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => Some(
            ScalarValue::TimestampMicrosecond(Some(ticks(3_600_000_000)?), zone.clone()),
        ),
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => Some(ScalarValue::TimestampNanosecond(
            Some(ticks(3_600_000_000_000)?),
            zone.clone(),
        )),
        _ => None,
    }
}

/// Days from 1970-01-01 to the first day of a month counted from January 1970.
fn days(month: i64) -> Option<i64> {
    let year = i32::try_from(month.div_euclid(12).checked_add(1970)?).ok()?;
    let month = u32::try_from(month.rem_euclid(12)).ok()? + 1;
    let epoch = NaiveDate::default().num_days_from_ce();
    let first = NaiveDate::from_ymd_opt(year, month, 1)?.num_days_from_ce();
    Some(i64::from(first) - i64::from(epoch))
}

fn before(value: ScalarValue) -> Option<ScalarValue> {
    Some(match value {
        ScalarValue::Date32(Some(v)) => ScalarValue::Date32(Some(v.checked_sub(1)?)),
        ScalarValue::TimestampMicrosecond(Some(v), zone) => {
            ScalarValue::TimestampMicrosecond(Some(v.checked_sub(1)?), zone)
        }
        ScalarValue::TimestampNanosecond(Some(v), zone) => {
            ScalarValue::TimestampNanosecond(Some(v.checked_sub(1)?), zone)
        }
        _ => return None,
    })
}

fn greatest_truncated(
    width: u32,
    value: &PrimitiveLiteral,
    data_type: &DataType,
) -> Option<ScalarValue> {
    let last = i64::from(width) - 1;
    let value = match value {
        PrimitiveLiteral::Int(v) => {
            PrimitiveLiteral::Int(v.saturating_add(i32::try_from(last).unwrap_or(i32::MAX)))
        }
        PrimitiveLiteral::Long(v) => PrimitiveLiteral::Long(v.saturating_add(last)),
        PrimitiveLiteral::Int128(v) => PrimitiveLiteral::Int128(v.checked_add(i128::from(last))?),
        PrimitiveLiteral::String(v) => PrimitiveLiteral::String(after_prefix(v)?),
        PrimitiveLiteral::Binary(v) => PrimitiveLiteral::Binary(after_bytes(v)?),
        _ => return None,
    };
    literal_scalar(&value, data_type)
}

/// A string greater than every string that starts with `prefix`. None when there is none.
pub(crate) fn after_prefix(prefix: &str) -> Option<String> {
    let mut rest = prefix;
    while let Some(last) = rest.chars().next_back() {
        rest = &rest[..rest.len() - last.len_utf8()];
        let next = match last {
            '\u{D7FF}' => Some('\u{E000}'),
            last => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            return Some(format!("{rest}{next}"));
        }
    }
    None
}

/// Bytes greater than all that start with `prefix`. None when there are none.
pub(crate) fn after_bytes(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut after = prefix[..=last].to_vec();
    after[last] += 1;
    Some(after)
}

/// Zero as a lower bound takes in the negative zero, which Arrow orders before it.
pub(crate) fn below_zero(value: ScalarValue) -> ScalarValue {
    match value {
        ScalarValue::Float32(Some(0.0)) => ScalarValue::Float32(Some(-0.0)),
        ScalarValue::Float64(Some(0.0)) => ScalarValue::Float64(Some(-0.0)),
        other => other,
    }
}

/// Negative zero as an upper bound takes in the positive one: adding zero turns it, and leaves every other value.
pub(crate) fn above_zero(value: ScalarValue) -> ScalarValue {
    match value {
        ScalarValue::Float32(Some(v)) => ScalarValue::Float32(Some(v + 0.0)),
        ScalarValue::Float64(Some(v)) => ScalarValue::Float64(Some(v + 0.0)),
        other => other,
    }
}

/// A container holds only values whose bucket lies in `first..=last`.
#[derive(Debug, Clone)]
pub(crate) struct BucketRange {
    transform: Transform,
    source: PrimitiveType,
    first: i32,
    last: i32,
}

impl BucketRange {
    pub(crate) fn try_new(
        transform: Transform,
        source: &PrimitiveType,
        first: &PrimitiveLiteral,
        last: &PrimitiveLiteral,
    ) -> Option<Self> {
        let (Transform::Bucket(_), PrimitiveLiteral::Int(first), PrimitiveLiteral::Int(last)) =
            (transform, first, last)
        else {
            return None;
        };
        Some(Self {
            transform,
            source: source.clone(),
            first: *first,
            last: *last,
        })
    }

    /// The transform that tells the bucket of a value.
    pub(crate) fn transform(&self) -> Transform {
        self.transform
    }

    /// The bucket of a value. None when that cannot be told.
    pub(crate) fn bucket(&self, value: &ScalarValue) -> Option<i32> {
        let function = create_transform_function(&self.transform).ok()?;
        let datum = datum(value, &self.source)?;
        match function.transform_literal(&datum).ok()??.literal() {
            PrimitiveLiteral::Int(bucket) => Some(*bucket),
            _ => None,
        }
    }

    /// Whether the container may hold values of this bucket.
    pub(crate) fn holds(&self, bucket: i32) -> bool {
        (self.first..=self.last).contains(&bucket)
    }
}

/// A value as its type is hashed. Numbers hash like the widest type of their kind, and instants
/// like their microseconds.
fn datum(value: &ScalarValue, source: &PrimitiveType) -> Option<Datum> {
    use PrimitiveType as T;
    use ScalarValue as S;
    Some(match (value, source) {
        (S::Int32(Some(v)), T::Int) => Datum::int(*v),
        (S::Int64(Some(v)), T::Long) => Datum::long(*v),
        (S::Date32(Some(v)), T::Date) => Datum::date(*v),
        (S::Time64Microsecond(Some(v)), T::Time) => Datum::time_micros(*v).ok()?,
        (S::Utf8(Some(v)), T::String) => Datum::string(v),
        (S::LargeBinary(Some(v)), T::Binary) => Datum::binary(v.iter().copied()),
        (S::FixedSizeBinary(_, Some(v)), T::Fixed(_)) => Datum::fixed(v.iter().copied()),
        (S::FixedSizeBinary(_, Some(v)), T::Uuid) => Datum::uuid(uuid::Uuid::from_slice(v).ok()?),
        (S::Decimal128(Some(v), ..), decimal @ T::Decimal { .. }) => {
            Datum::try_from_bytes(&v.to_be_bytes(), decimal.clone()).ok()?
        }
        (S::TimestampMicrosecond(Some(v), _), T::Timestamp | T::Timestamptz) => {
            Datum::timestamp_micros(*v)
        }
        (S::TimestampNanosecond(Some(v), _), T::TimestampNs | T::TimestamptzNs) => {
            Datum::timestamp_micros(v.div_euclid(1_000))
        }
        _ => return None,
    })
}
