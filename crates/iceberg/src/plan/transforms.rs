// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Partition transforms read backwards: from a partition value to the range of column values that
//! can have it.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use chrono::{Datelike, NaiveDate};
use datafusion::common::ScalarValue;
use iceberg::spec::{Datum, PrimitiveLiteral, PrimitiveType, Transform};
use iceberg::transform::{BoxedTransformFunction, create_transform_function};

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
        Transform::Truncate(_) => match value {
            PrimitiveLiteral::Binary(_) => None,
            value => literal_scalar(value, data_type),
        },
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
    function: Arc<BoxedTransformFunction>,
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
        let function = Arc::new(create_transform_function(&transform).ok()?);
        Some(Self {
            function,
            source: source.clone(),
            first: *first,
            last: *last,
        })
    }

    /// Whether `value` hashes into another bucket. False when that cannot be told.
    pub(crate) fn excludes(&self, value: &ScalarValue) -> bool {
        let bucket = datum(value, &self.source)
            .and_then(|datum| self.function.transform_literal(&datum).ok().flatten());
        match bucket.as_ref().map(Datum::literal) {
            Some(PrimitiveLiteral::Int(bucket)) => !(self.first..=self.last).contains(bucket),
            _ => false,
        }
    }
}

fn datum(value: &ScalarValue, source: &PrimitiveType) -> Option<Datum> {
    use ScalarValue as S;
    Some(match (value, source) {
        (S::Int32(Some(v)), PrimitiveType::Int) => Datum::int(*v),
        (S::Int64(Some(v)), PrimitiveType::Long) => Datum::long(*v),
        (S::Date32(Some(v)), PrimitiveType::Date) => Datum::date(*v),
        (S::Utf8(Some(v)), PrimitiveType::String) => Datum::string(v),
        (S::LargeBinary(Some(v)), PrimitiveType::Binary) => Datum::binary(v.iter().copied()),
        (S::TimestampMicrosecond(Some(v), None), PrimitiveType::Timestamp) => {
            Datum::timestamp_micros(*v)
        }
        (S::TimestampMicrosecond(Some(v), Some(_)), PrimitiveType::Timestamptz) => {
            Datum::timestamptz_micros(*v)
        }
        _ => return None,
    })
}
