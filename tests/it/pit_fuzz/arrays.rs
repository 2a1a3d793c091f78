// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Arrays as nobody writes them by hand: slices of longer ones, with values below their NULLs.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, DictionaryArray,
    FixedSizeBinaryArray, FixedSizeListArray, ListArray, MapArray, NullArray, PrimitiveArray,
    StringArray, StructArray,
};
use arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal128Type, Field, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt32Type,
    UInt64Type, i256,
};

use super::bytes::Bytes;

fn item() -> Arc<Field> {
    Arc::new(Field::new("item", DataType::Int32, true))
}

fn of_struct() -> arrow::datatypes::Fields {
    vec![
        Field::new("a", DataType::Float64, true),
        Field::new("b", DataType::Utf8, true),
    ]
    .into()
}

fn entries() -> Arc<Field> {
    let fields = vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("value", DataType::Int64, true),
    ];
    Arc::new(Field::new(
        "entries",
        DataType::Struct(fields.into()),
        false,
    ))
}

fn dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8))
}

/// Types of join keys, and some that are refused.
pub(super) fn key_types() -> Vec<DataType> {
    let zone = Some("UTC".into());
    vec![
        DataType::Int64,
        DataType::Int32,
        DataType::Utf8,
        DataType::Int64,
        DataType::Utf8View,
        DataType::Int8,
        DataType::UInt8,
        DataType::UInt64,
        DataType::LargeUtf8,
        DataType::Binary,
        DataType::BinaryView,
        DataType::FixedSizeBinary(3),
        DataType::Date32,
        DataType::Date64,
        DataType::Timestamp(TimeUnit::Second, None),
        DataType::Timestamp(TimeUnit::Microsecond, zone),
        DataType::Timestamp(TimeUnit::Nanosecond, None),
        DataType::Decimal128(12, 2),
        DataType::Decimal128(38, 0),
        dictionary(),
        DataType::Null,
        DataType::Boolean,
        DataType::Float64,
        DataType::List(item()),
    ]
}

/// Types of times, and one that is refused.
pub(super) fn time_types() -> Vec<DataType> {
    let zone = || Some("UTC".into());
    vec![
        DataType::Timestamp(TimeUnit::Microsecond, zone()),
        DataType::Timestamp(TimeUnit::Nanosecond, None),
        DataType::Timestamp(TimeUnit::Second, zone()),
        DataType::Timestamp(TimeUnit::Millisecond, None),
        DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Date32,
        DataType::Date64,
        DataType::Int64,
    ]
}

/// Types of features.
pub(super) fn feature_types() -> Vec<DataType> {
    vec![
        DataType::Int64,
        DataType::Float64,
        DataType::Utf8,
        DataType::Int16,
        DataType::UInt32,
        DataType::Float32,
        DataType::Boolean,
        DataType::Utf8View,
        DataType::LargeUtf8,
        DataType::LargeBinary,
        DataType::FixedSizeBinary(3),
        DataType::Decimal128(12, 2),
        DataType::Date32,
        DataType::Time64(TimeUnit::Microsecond),
        DataType::Timestamp(TimeUnit::Nanosecond, Some("+02:00".into())),
        DataType::List(item()),
        DataType::LargeList(item()),
        DataType::FixedSizeList(item(), 2),
        DataType::Struct(of_struct()),
        DataType::Map(entries(), false),
        dictionary(),
        DataType::Null,
        DataType::Decimal256(50, 1),
        DataType::Duration(TimeUnit::Second),
        DataType::Interval(arrow::datatypes::IntervalUnit::MonthDayNano),
    ]
}

/// So many rows of a type, cut out of more.
pub(super) fn column(bytes: &mut Bytes<'_>, data_type: &DataType, rows: usize) -> ArrayRef {
    let (before, after) = match bytes.chance(100) {
        true => (bytes.below(4), bytes.below(4)),
        false => (0, 0),
    };
    array(bytes, data_type, before + rows + after).slice(before, rows)
}

fn array(bytes: &mut Bytes<'_>, data_type: &DataType, rows: usize) -> ArrayRef {
    use DataType as T;
    let b = bytes;
    match data_type {
        T::Null => Arc::new(NullArray::new(rows)),
        T::Int8 => primitive::<Int8Type>(b, data_type, rows, |n| n as i8),
        T::Int16 => primitive::<Int16Type>(b, data_type, rows, |n| n as i16),
        T::Int32 => primitive::<Int32Type>(b, data_type, rows, |n| n as i32),
        T::Int64 => primitive::<Int64Type>(b, data_type, rows, |n| n),
        T::UInt8 => primitive::<UInt8Type>(b, data_type, rows, |n| n as u8),
        T::UInt32 => primitive::<UInt32Type>(b, data_type, rows, |n| n as u32),
        T::UInt64 => primitive::<UInt64Type>(b, data_type, rows, i64::cast_unsigned),
        T::Float32 => primitive::<Float32Type>(b, data_type, rows, |n| float(n) as f32),
        T::Float64 => primitive::<Float64Type>(b, data_type, rows, float),
        T::Date32 => primitive::<Date32Type>(b, data_type, rows, |n| n as i32),
        T::Date64 => primitive::<Date64Type>(b, data_type, rows, |n| n),
        T::Decimal128(..) => {
            primitive::<Decimal128Type>(b, data_type, rows, |n| i128::from(n % 100_000))
        }
        T::Decimal256(..) => {
            let of = |n: i64| i256::from_i128(i128::from(n));
            primitive::<arrow::datatypes::Decimal256Type>(b, data_type, rows, of)
        }
        T::Time64(_) => primitive::<Time64MicrosecondType>(b, data_type, rows, |n| n),
        T::Duration(_) => {
            primitive::<arrow::datatypes::DurationSecondType>(b, data_type, rows, |n| n)
        }
        T::Timestamp(TimeUnit::Second, _) => {
            primitive::<TimestampSecondType>(b, data_type, rows, |n| n)
        }
        T::Timestamp(TimeUnit::Millisecond, _) => {
            primitive::<TimestampMillisecondType>(b, data_type, rows, |n| n)
        }
        T::Timestamp(TimeUnit::Microsecond, _) => {
            primitive::<TimestampMicrosecondType>(b, data_type, rows, |n| n)
        }
        T::Timestamp(TimeUnit::Nanosecond, _) => {
            primitive::<TimestampNanosecondType>(b, data_type, rows, |n| n)
        }
        T::Interval(_) => {
            let of = |n: i64| arrow::array::types::IntervalMonthDayNano::new(n as i32, 1, n);
            primitive::<arrow::datatypes::IntervalMonthDayNanoType>(b, data_type, rows, of)
        }
        T::Boolean => {
            let values: BooleanBuffer = (0..rows).map(|_| b.chance(128)).collect();
            Arc::new(BooleanArray::new(values, nulls(b, rows)))
        }
        T::Utf8 => texts(b, rows, true),
        T::LargeUtf8 | T::Utf8View => cast(&texts(b, rows, true), data_type).unwrap(),
        T::Binary => binary(b, rows),
        T::LargeBinary | T::BinaryView => cast(&binary(b, rows), data_type).unwrap(),
        T::FixedSizeBinary(width) => {
            let values: Vec<u8> = (0..rows * *width as usize).map(|_| b.byte() % 3).collect();
            let nulls = nulls(b, rows);
            Arc::new(FixedSizeBinaryArray::new(*width, values.into(), nulls))
        }
        T::Dictionary(..) => {
            let values = texts(b, 4, false);
            let keys: Vec<i8> = (0..rows).map(|_| (b.byte() % 4) as i8).collect();
            let keys = PrimitiveArray::<Int8Type>::new(keys.into(), nulls(b, rows));
            Arc::new(DictionaryArray::new(keys, values))
        }
        nested => nested_array(b, nested, rows),
    }
}

fn nested_array(b: &mut Bytes<'_>, data_type: &DataType, rows: usize) -> ArrayRef {
    match data_type {
        DataType::LargeList(field) => {
            let list = array(b, &DataType::List(Arc::clone(field)), rows);
            cast(&list, data_type).unwrap()
        }
        DataType::List(field) => {
            let (offsets, length) = lengths(b, rows);
            let items = array(b, field.data_type(), length);
            let nulls = nulls(b, rows);
            Arc::new(ListArray::new(Arc::clone(field), offsets, items, nulls))
        }
        DataType::FixedSizeList(field, size) => {
            let items = array(b, field.data_type(), rows * *size as usize);
            let nulls = nulls(b, rows);
            let field = Arc::clone(field);
            Arc::new(FixedSizeListArray::new(field, *size, items, nulls))
        }
        DataType::Struct(fields) => {
            let columns = fields.iter().map(|f| array(b, f.data_type(), rows));
            let columns = columns.collect();
            Arc::new(StructArray::new(fields.clone(), columns, nulls(b, rows)))
        }
        DataType::Map(entries, sorted) => {
            let (offsets, length) = lengths(b, rows);
            let DataType::Struct(fields) = entries.data_type() else {
                panic!("{entries}");
            };
            // Keys of a map are distinct.
            let keys = (0..length).map(|at| format!("{}", (at * 7) % (length + 1)));
            let keys: ArrayRef = Arc::new(StringArray::from_iter_values(keys));
            let values = array(b, &DataType::Int64, length);
            let pairs = StructArray::new(fields.clone(), vec![keys, values], None);
            let nulls = nulls(b, rows);
            let entries = Arc::clone(entries);
            Arc::new(MapArray::new(entries, offsets, pairs, nulls, *sorted))
        }
        other => panic!("no arrays of {other} are made here"),
    }
}

/// Which rows are NULL: none, some or all.
fn nulls(b: &mut Bytes<'_>, rows: usize) -> Option<NullBuffer> {
    let share = match b.below(4) {
        0 | 1 => return None,
        2 => 60,
        _ => b.byte(),
    };
    Some((0..rows).map(|_| !b.chance(share)).collect())
}

fn primitive<T: ArrowPrimitiveType>(
    b: &mut Bytes<'_>,
    data_type: &DataType,
    rows: usize,
    of: impl Fn(i64) -> T::Native,
) -> ArrayRef {
    let values: Vec<T::Native> = (0..rows).map(|_| of(b.number())).collect();
    let array = PrimitiveArray::<T>::new(values.into(), nulls(b, rows));
    Arc::new(array.with_data_type(data_type.clone()))
}

fn float(n: i64) -> f64 {
    match n {
        -1 => -0.0,
        i64::MIN => f64::NAN,
        i64::MAX => f64::INFINITY,
        3 => f64::from_bits(0xfff8_0000_0000_0001),
        n => n as f64 / 2.0,
    }
}

fn lengths(b: &mut Bytes<'_>, rows: usize) -> (OffsetBuffer<i32>, usize) {
    let lengths: Vec<usize> = (0..rows).map(|_| b.below(3)).collect();
    let all = lengths.iter().sum();
    (OffsetBuffer::from_lengths(lengths), all)
}

/// Texts of which some are equal, some empty and some longer than what fits into a view.
fn texts(b: &mut Bytes<'_>, rows: usize, with_nulls: bool) -> ArrayRef {
    let text = |byte: u8| match byte % 8 {
        0 => String::new(),
        1 => "a\u{0}".to_owned(),
        2 => format!("long enough to need a buffer {}", byte / 100),
        3 => "\u{10ffff}é".to_owned(),
        n => format!("{n}"),
    };
    let values: Vec<String> = (0..rows).map(|_| text(b.byte())).collect();
    let offsets = OffsetBuffer::from_lengths(values.iter().map(String::len));
    let nulls = if with_nulls { nulls(b, rows) } else { None };
    Arc::new(StringArray::new(
        offsets,
        values.concat().into_bytes().into(),
        nulls,
    ))
}

fn binary(b: &mut Bytes<'_>, rows: usize) -> ArrayRef {
    let values: Vec<Vec<u8>> = (0..rows).map(|_| vec![b.byte() % 3; b.below(3)]).collect();
    let offsets = OffsetBuffer::from_lengths(values.iter().map(Vec::len));
    let nulls = nulls(b, rows);
    Arc::new(BinaryArray::new(offsets, values.concat().into(), nulls))
}
