// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Arrow arrays to plain values.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal128Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow::error::ArrowError;

use super::Value;

const NANOS_A_DAY: i128 = 86_400_000_000_000;

/// The cell of a column at a row.
pub fn value_at(array: &dyn Array, row: usize) -> Result<Value, ArrowError> {
    if array.is_null(row) || array.data_type() == &DataType::Null {
        return Ok(Value::Null);
    }
    Ok(match array.data_type() {
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Int8 => Value::Int(array.as_primitive::<Int8Type>().value(row).into()),
        DataType::Int16 => Value::Int(array.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => Value::Int(array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => Value::Int(array.as_primitive::<Int64Type>().value(row).into()),
        DataType::UInt8 => Value::Int(array.as_primitive::<UInt8Type>().value(row).into()),
        DataType::UInt16 => Value::Int(array.as_primitive::<UInt16Type>().value(row).into()),
        DataType::UInt32 => Value::Int(array.as_primitive::<UInt32Type>().value(row).into()),
        DataType::UInt64 => Value::Int(array.as_primitive::<UInt64Type>().value(row).into()),
        DataType::Float32 => Value::Float(array.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => Value::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, scale) => {
            Value::Decimal(array.as_primitive::<Decimal128Type>().value(row), *scale)
        }
        DataType::Utf8 => Value::Str(array.as_string::<i32>().value(row).into()),
        DataType::LargeUtf8 => Value::Str(array.as_string::<i64>().value(row).into()),
        DataType::Utf8View => Value::Str(array.as_string_view().value(row).into()),
        DataType::Binary => Value::Bytes(array.as_binary::<i32>().value(row).into()),
        DataType::LargeBinary => Value::Bytes(array.as_binary::<i64>().value(row).into()),
        DataType::BinaryView => Value::Bytes(array.as_binary_view().value(row).into()),
        DataType::FixedSizeBinary(_) => {
            Value::Bytes(array.as_fixed_size_binary().value(row).into())
        }
        DataType::Date32 => Value::Date(array.as_primitive::<Date32Type>().value(row).into()),
        DataType::Time64(TimeUnit::Microsecond) => Value::Int(
            array
                .as_primitive::<Time64MicrosecondType>()
                .value(row)
                .into(),
        ),
        DataType::Timestamp(..) => instant_at(array, row)?.map_or(Value::Null, Value::Instant),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let key = dictionary.normalized_keys()[row];
            value_at(dictionary.values().as_ref(), key)?
        }
        _ => nested_at(array, row)?,
    })
}

fn nested_at(array: &dyn Array, row: usize) -> Result<Value, ArrowError> {
    match array.data_type() {
        DataType::List(_) => list_of(array.as_list::<i32>().value(row).as_ref()),
        DataType::LargeList(_) => list_of(array.as_list::<i64>().value(row).as_ref()),
        DataType::FixedSizeList(..) => list_of(array.as_fixed_size_list().value(row).as_ref()),
        DataType::Struct(fields) => {
            let array = array.as_struct();
            let parts = fields
                .iter()
                .zip(array.columns())
                .map(|(field, column)| Ok((field.name().clone(), value_at(column.as_ref(), row)?)));
            Ok(Value::Struct(parts.collect::<Result<_, ArrowError>>()?))
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let keys = column_values(entries.column(0).as_ref())?;
            let values = column_values(entries.column(1).as_ref())?;
            let mut entries: Vec<_> = keys.into_iter().zip(values).collect();
            entries.sort_by(|(a, _), (b, _)| a.order(b));
            Ok(Value::Map(entries))
        }
        other => Err(ArrowError::NotYetImplemented(format!(
            "the oracle reads no {other}"
        ))),
    }
}

fn list_of(array: &dyn Array) -> Result<Value, ArrowError> {
    Ok(Value::List(column_values(array)?))
}

/// All cells of a column.
pub fn column_values(array: &dyn Array) -> Result<Vec<Value>, ArrowError> {
    (0..array.len()).map(|row| value_at(array, row)).collect()
}

/// A time column's cell as an instant: naive is UTC, a date is its midnight in UTC.
pub fn instant_at(array: &dyn Array, row: usize) -> Result<Option<i128>, ArrowError> {
    if array.is_null(row) {
        return Ok(None);
    }
    let (count, nanos): (i128, i128) = match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => (
            array
                .as_primitive::<TimestampSecondType>()
                .value(row)
                .into(),
            1_000_000_000,
        ),
        DataType::Timestamp(TimeUnit::Millisecond, _) => (
            array
                .as_primitive::<TimestampMillisecondType>()
                .value(row)
                .into(),
            1_000_000,
        ),
        DataType::Timestamp(TimeUnit::Microsecond, _) => (
            array
                .as_primitive::<TimestampMicrosecondType>()
                .value(row)
                .into(),
            1_000,
        ),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => (
            array
                .as_primitive::<TimestampNanosecondType>()
                .value(row)
                .into(),
            1,
        ),
        DataType::Date32 => (
            array.as_primitive::<Date32Type>().value(row).into(),
            NANOS_A_DAY,
        ),
        DataType::Date64 => (
            array.as_primitive::<Date64Type>().value(row).into(),
            1_000_000,
        ),
        other => {
            return Err(ArrowError::InvalidArgumentError(format!(
                "{other} is no time column"
            )));
        }
    };
    Ok(Some(count * nanos))
}
