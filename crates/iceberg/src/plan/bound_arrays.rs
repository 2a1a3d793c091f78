// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The bounds of one column of many files at once, for the types whose bounds are most asked for.
//! They are those that [`bound_facts`](super::bounds::bound_facts) gives one by one.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, Decimal128Array, PrimitiveArray, StringBuilder,
    TimestampMicrosecondArray, TimestampNanosecondArray,
};
use arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, Int32Type, Int64Type, Time64MicrosecondType,
};
use iceberg::spec::PrimitiveType;

use super::decode_tuple::big_endian;
use super::entry_columns::Metrics;
use super::transforms::after_prefix;
use crate::schema::TableColumn;

/// Lower and upper bounds. None for types whose bounds are read one by one.
pub(super) fn bound_arrays(
    metrics: &[Metrics<'_>],
    column: &TableColumn,
) -> Option<(ArrayRef, ArrayRef)> {
    let primitive = column.primitive.as_ref()?;
    let lower = array(metrics, primitive, &column.data_type, Side::Lower)?;
    let upper = array(metrics, primitive, &column.data_type, Side::Upper)?;
    let typed = |array: &ArrayRef| *array.data_type() == column.data_type;
    (typed(&lower) && typed(&upper)).then_some((lower, upper))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Lower,
    Upper,
}

fn array(
    metrics: &[Metrics<'_>],
    primitive: &PrimitiveType,
    data_type: &DataType,
    side: Side,
) -> Option<ArrayRef> {
    use PrimitiveType as T;
    Some(match (primitive, data_type) {
        (T::Int, _) => Arc::new(numbers::<Int32Type>(metrics, side, int)),
        (T::Date, _) => Arc::new(numbers::<Date32Type>(metrics, side, int)),
        (T::Long, _) => Arc::new(numbers::<Int64Type>(metrics, side, widened)),
        (T::Time, _) => Arc::new(numbers::<Time64MicrosecondType>(metrics, side, long)),
        (T::Timestamp | T::Timestamptz, DataType::Timestamp(_, zone)) => {
            let ticks: TimestampMicrosecondArray = numbers(metrics, side, long);
            Arc::new(ticks.with_timezone_opt(zone.clone()))
        }
        (T::TimestampNs | T::TimestamptzNs, DataType::Timestamp(_, zone)) => {
            let ticks: TimestampNanosecondArray = numbers(metrics, side, long);
            Arc::new(ticks.with_timezone_opt(zone.clone()))
        }
        (T::Float, _) => {
            let read = |bytes: &[u8]| Some(f32::from_le_bytes(bytes.try_into().ok()?));
            Arc::new(floats::<Float32Type>(metrics, side, read, -0.0))
        }
        (T::Double, _) => Arc::new(floats::<Float64Type>(metrics, side, double, -0.0)),
        (T::Decimal { .. }, DataType::Decimal128(precision, scale)) => {
            let unscaled: Decimal128Array = numbers(metrics, side, big_endian);
            Arc::new(unscaled.with_precision_and_scale(*precision, *scale).ok()?)
        }
        (T::String, _) => texts(metrics, side),
        _ => return None,
    })
}

fn bound<'a>(metrics: &Metrics<'a>, side: Side) -> Option<&'a [u8]> {
    match side {
        Side::Lower => metrics.lower,
        Side::Upper => metrics.upper,
    }
}

fn numbers<A: ArrowPrimitiveType>(
    metrics: &[Metrics<'_>],
    side: Side,
    read: impl Fn(&[u8]) -> Option<A::Native>,
) -> PrimitiveArray<A> {
    let value = |metrics: &Metrics<'_>| read(bound(metrics, side)?);
    metrics.iter().map(value).collect()
}

/// Bounds leave NaN out, and Arrow orders it at both ends. Zeros of both signs are one value to a
/// writer.
fn floats<A: ArrowPrimitiveType>(
    metrics: &[Metrics<'_>],
    side: Side,
    read: impl Fn(&[u8]) -> Option<A::Native>,
    negative_zero: A::Native,
) -> PrimitiveArray<A>
where
    A::Native: PartialEq + std::ops::Add<Output = A::Native> + Default + Copy,
{
    let value = |metrics: &Metrics<'_>| {
        if metrics.nans != Some(0) {
            return None;
        }
        let value = read(bound(metrics, side)?)?;
        let zero = A::Native::default();
        Some(match side {
            Side::Lower if value == zero => negative_zero,
            Side::Lower => value,
            Side::Upper => value + zero,
        })
    };
    metrics.iter().map(value).collect()
}

fn texts(metrics: &[Metrics<'_>], side: Side) -> ArrayRef {
    let mut array = StringBuilder::with_capacity(metrics.len(), metrics.len() * 16);
    for metrics in metrics {
        let text = bound(metrics, side).and_then(|bytes| std::str::from_utf8(bytes).ok());
        match (text, side) {
            // It may be a cut value that nobody rounded up.
            (Some(text), Side::Upper) => array.append_option(after_prefix(text)),
            (text, _) => array.append_option(text),
        }
    }
    Arc::new(array.finish())
}

fn int(bytes: &[u8]) -> Option<i32> {
    Some(i32::from_le_bytes(bytes.try_into().ok()?))
}

fn long(bytes: &[u8]) -> Option<i64> {
    Some(i64::from_le_bytes(bytes.try_into().ok()?))
}

/// Written as an int, perhaps, before the column was a long.
fn widened(bytes: &[u8]) -> Option<i64> {
    long(bytes).or_else(|| int(bytes).map(i64::from))
}

/// Written as a float, perhaps, before the column was a double.
fn double(bytes: &[u8]) -> Option<f64> {
    match bytes.try_into() {
        Ok(bytes) => Some(f64::from_le_bytes(bytes)),
        Err(_) => Some(f64::from(f32::from_le_bytes(bytes.try_into().ok()?))),
    }
}
