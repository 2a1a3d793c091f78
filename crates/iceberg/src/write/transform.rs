// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Partition transforms of whole columns.

use std::sync::Arc;

use arrow::array::types::{
    Date32Type, Decimal128Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampNanosecondType,
};
use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Decimal128Array, Int32Array, LargeBinaryArray,
    new_null_array,
};
use arrow::datatypes::{DataType, TimeUnit};
use chrono::{DateTime, Datelike};
use iceberg::spec::Transform;
use iceberg::transform::create_transform_function;

use crate::error::{Error, ErrorKind, Result};

/// Nanoseconds of an hour.
const HOUR: i64 = 3_600_000_000_000;

/// The values that `transform` gives for the values of a column; NULL gives NULL.
pub(super) fn apply(transform: Transform, values: &ArrayRef) -> Result<ArrayRef> {
    match transform {
        Transform::Identity => Ok(Arc::clone(values)),
        Transform::Void => Ok(new_null_array(values.data_type(), values.len())),
        Transform::Year => Ok(Arc::new(months(values)?.unary::<_, Int32Type>(year_of))),
        Transform::Month => Ok(Arc::new(months(values)?)),
        Transform::Day => days(values),
        Transform::Hour => hours(values),
        Transform::Bucket(_) => {
            let hashed = microseconds(values);
            Ok(create_transform_function(&transform)?.transform(hashed)?)
        }
        Transform::Truncate(width) => truncated(width, values),
        Transform::Unknown => Err(Error::new(
            ErrorKind::Unsupported,
            "a partition transform that this version does not know",
        )),
    }
}

fn year_of(month: i32) -> i32 {
    month.div_euclid(12)
}

/// Months since 1970.
fn months(values: &ArrayRef) -> Result<Int32Array> {
    let month = |instant: Option<DateTime<chrono::Utc>>| {
        let instant = instant.ok_or_else(out_of_range)?;
        Ok((instant.year() - 1970) * 12 + instant.month0().cast_signed())
    };
    match values.data_type() {
        DataType::Date32 => {
            let day = |day: i32| month(DateTime::from_timestamp(i64::from(day) * 86_400, 0));
            values.as_primitive::<Date32Type>().try_unary(day)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => values
            .as_primitive::<TimestampMicrosecondType>()
            .try_unary(|at| month(DateTime::from_timestamp_micros(at))),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => values
            .as_primitive::<TimestampNanosecondType>()
            .try_unary(|at| month(Some(DateTime::from_timestamp_nanos(at)))),
        other => Err(no_time(other)),
    }
}

fn days(values: &ArrayRef) -> Result<ArrayRef> {
    let days: Date32Array = match values.data_type() {
        DataType::Date32 => return Ok(Arc::clone(values)),
        DataType::Timestamp(TimeUnit::Microsecond, _) => values
            .as_primitive::<TimestampMicrosecondType>()
            .try_unary(|at| unit(at, 24 * HOUR / 1_000))?,
        DataType::Timestamp(TimeUnit::Nanosecond, _) => values
            .as_primitive::<TimestampNanosecondType>()
            .try_unary(|at| unit(at, 24 * HOUR))?,
        other => return Err(no_time(other)),
    };
    Ok(Arc::new(days))
}

fn hours(values: &ArrayRef) -> Result<ArrayRef> {
    let hours: Int32Array = match values.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, _) => values
            .as_primitive::<TimestampMicrosecondType>()
            .try_unary(|at| unit(at, HOUR / 1_000))?,
        DataType::Timestamp(TimeUnit::Nanosecond, _) => values
            .as_primitive::<TimestampNanosecondType>()
            .try_unary(|at| unit(at, HOUR))?,
        other => return Err(no_time(other)),
    };
    Ok(Arc::new(hours))
}

fn unit(at: i64, ticks: i64) -> Result<i32> {
    i32::try_from(at.div_euclid(ticks)).map_err(|_| out_of_range())
}

/// Instants as they are hashed: in microseconds, rounded down.
fn microseconds(values: &ArrayRef) -> ArrayRef {
    match values.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            let instants = values.as_primitive::<TimestampNanosecondType>();
            Arc::new(instants.unary::<_, TimestampMicrosecondType>(|at| at.div_euclid(1_000)))
        }
        _ => Arc::clone(values),
    }
}

fn truncated(width: u32, values: &ArrayRef) -> Result<ArrayRef> {
    if width == 0 {
        return Err(Error::new(ErrorKind::Invalid, "truncate[0] has no values"));
    }
    Ok(match values.data_type() {
        DataType::Int32 => {
            // Wider than every value: all of one sign are one.
            let width = i64::from(width);
            let values = values.as_primitive::<Int32Type>();
            let cut = |v: i32| {
                let v = i64::from(v);
                (v - v.rem_euclid(width)) as i32
            };
            Arc::new(values.unary::<_, Int32Type>(cut))
        }
        DataType::Int64 => {
            let width = i64::from(width);
            let values = values.as_primitive::<Int64Type>();
            Arc::new(values.unary::<_, Int64Type>(|v| v.wrapping_sub(v.rem_euclid(width))))
        }
        DataType::Decimal128(precision, scale) => {
            let width = i128::from(width);
            let values = values.as_primitive::<Decimal128Type>();
            let cut: Decimal128Array = values.unary(|v| v.wrapping_sub(v.rem_euclid(width)));
            let cut = cut.with_precision_and_scale(*precision, *scale);
            Arc::new(cut.map_err(|cause| {
                let text = "a decimal cannot be truncated for its partition";
                Error::new(ErrorKind::Invalid, text).with_source(cause)
            })?)
        }
        DataType::LargeBinary => {
            let width = usize::try_from(width).unwrap_or(usize::MAX);
            let values = values.as_binary::<i64>().iter();
            let cut = values.map(|v| v.map(|v| &v[..v.len().min(width)]));
            Arc::new(cut.collect::<LargeBinaryArray>())
        }
        _ => {
            create_transform_function(&Transform::Truncate(width))?.transform(Arc::clone(values))?
        }
    })
}

fn out_of_range() -> Error {
    Error::new(
        ErrorKind::Invalid,
        "a time is too far from 1970 for its partition",
    )
}

fn no_time(found: &DataType) -> Error {
    Error::new(
        ErrorKind::Invalid,
        format!("a column of type {found} has no year, month, day or hour"),
    )
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        Int64Array, StringArray, TimestampMicrosecondArray, TimestampNanosecondArray,
    };

    use super::*;

    fn ints(transform: Transform, values: ArrayRef) -> Vec<Option<i32>> {
        let applied = apply(transform, &values).unwrap();
        match applied.data_type() {
            DataType::Date32 => applied.as_primitive::<Date32Type>().iter().collect(),
            _ => applied.as_primitive::<Int32Type>().iter().collect(),
        }
    }

    #[test]
    fn times_before_1970_round_down() {
        let instants = [-1, 0, -86_400_000_000, -86_400_000_001];
        let micros: ArrayRef = Arc::new(TimestampMicrosecondArray::from(instants.to_vec()));
        let nanos = instants.map(|at| at * 1_000);
        let nanos: ArrayRef = Arc::new(TimestampNanosecondArray::from(nanos.to_vec()));
        for values in [micros, nanos] {
            let some = |v: [i32; 4]| v.map(Some).to_vec();
            assert_eq!(
                ints(Transform::Day, Arc::clone(&values)),
                some([-1, 0, -1, -2])
            );
            assert_eq!(
                ints(Transform::Hour, Arc::clone(&values)),
                some([-1, 0, -24, -25])
            );
            assert_eq!(
                ints(Transform::Month, Arc::clone(&values)),
                some([-1, 0, -1, -1])
            );
            assert_eq!(ints(Transform::Year, values), some([-1, 0, -1, -1]));
        }
    }

    #[test]
    fn instants_hash_alike_in_both_units() {
        let micros: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![
            -2,
            1_510_871_468_000_000,
        ]));
        let nanos: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![
            -1_001,
            1_510_871_468_000_000_999,
        ]));
        let bucket = Transform::Bucket(1_000_000);
        assert_eq!(ints(bucket, micros), ints(bucket, nanos));
    }

    #[test]
    fn numbers_are_cut_towards_less() {
        let values: ArrayRef = Arc::new(Int64Array::from(vec![Some(-1), Some(11), None]));
        let cut = apply(Transform::Truncate(10), &values).unwrap();
        let expected = Int64Array::from(vec![Some(-10), Some(10), None]);
        assert_eq!(cut.as_primitive::<Int64Type>(), &expected);
        let values: ArrayRef = Arc::new(StringArray::from(vec!["äöü", "a"]));
        let cut = apply(Transform::Truncate(2), &values).unwrap();
        assert_eq!(cut.as_string::<i32>(), &StringArray::from(vec!["äö", "a"]));
        let values: ArrayRef = Arc::new(LargeBinaryArray::from_iter_values([b"abc"]));
        let cut = apply(Transform::Truncate(2), &values).unwrap();
        assert_eq!(cut.as_binary::<i64>().value(0), b"ab");
    }

    #[test]
    fn a_time_that_no_calendar_has_is_an_error() {
        let values: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![i64::MAX]));
        assert!(apply(Transform::Year, &values).is_err());
        assert_eq!(ints(Transform::Day, values), [Some(106_751_991)]);
    }
}
