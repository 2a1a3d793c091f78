// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Plain values to Arrow arrays.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array,
    FixedSizeBinaryArray, Float32Array, Float64Array, Int64Array, LargeBinaryArray, LargeListArray,
    LargeStringArray, ListArray, MapArray, StringArray, StringViewArray, StructArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
    TimestampSecondArray, UInt64Array, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, TimeUnit};
use arrow::error::ArrowError;

use super::Value;

/// A column of a type from plain values. An instant between two ticks of the type's unit, or a
/// value of another kind, is an error: test data must be exactly what it says.
pub fn array_from_values(data_type: &DataType, values: &[Value]) -> Result<ArrayRef, ArrowError> {
    use DataType as T;
    let column: ArrayRef = match data_type {
        T::Null => new_null_array(data_type, values.len()),
        T::Boolean => Arc::new(
            collect(values, data_type, |v| match v {
                Value::Bool(v) => Some(*v),
                _ => None,
            })?
            .into_iter()
            .collect::<BooleanArray>(),
        ),
        T::Int8 | T::Int16 | T::Int32 | T::Int64 => exact_cast(
            &Int64Array::from(integers::<i64>(values, data_type)?),
            data_type,
        )?,
        T::UInt8 | T::UInt16 | T::UInt32 | T::UInt64 => exact_cast(
            &UInt64Array::from(integers::<u64>(values, data_type)?),
            data_type,
        )?,
        T::Float32 => Arc::new(Float32Array::from(
            floats(values, data_type)?
                .into_iter()
                .map(|v| v.map(|v| v as f32))
                .collect::<Vec<_>>(),
        )),
        T::Float64 => Arc::new(Float64Array::from(floats(values, data_type)?)),
        T::Decimal128(precision, scale) => {
            let cells = collect(values, data_type, |v| match v {
                Value::Decimal(v, s) if s == scale => Some(*v),
                _ => None,
            })?;
            Arc::new(Decimal128Array::from(cells).with_precision_and_scale(*precision, *scale)?)
        }
        T::Utf8 => Arc::new(StringArray::from(strings(values, data_type)?)),
        T::LargeUtf8 => Arc::new(LargeStringArray::from(strings(values, data_type)?)),
        T::Utf8View => Arc::new(StringViewArray::from(strings(values, data_type)?)),
        T::Binary => Arc::new(BinaryArray::from(bytes(values, data_type)?)),
        T::LargeBinary => Arc::new(LargeBinaryArray::from(bytes(values, data_type)?)),
        T::BinaryView => Arc::new(BinaryViewArray::from(bytes(values, data_type)?)),
        T::FixedSizeBinary(size) => {
            let cells = bytes(values, data_type)?.into_iter();
            Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(
                cells, *size,
            )?)
        }
        T::Date32 => Arc::new(Date32Array::from(collect(
            values,
            data_type,
            |v| match v {
                Value::Date(v) => i32::try_from(*v).ok(),
                _ => None,
            },
        )?)),
        T::Timestamp(unit, zone) => timestamps(*unit, zone.as_ref(), values, data_type)?,
        T::Dictionary(_, of) => cast(&array_from_values(of, values)?, data_type)?,
        T::List(item) => list(item, values, data_type)?,
        T::LargeList(item) => {
            let narrow = list(item, values, data_type)?;
            let wide: LargeListArray = cast(&narrow, data_type)?.as_ref().to_data().into();
            Arc::new(wide)
        }
        T::Struct(fields) => {
            let mut columns = Vec::with_capacity(fields.len());
            for (at, field) in fields.iter().enumerate() {
                columns.push(array_from_values(field.data_type(), &field_of(values, at))?);
            }
            let nulls = validity(values);
            Arc::new(StructArray::try_new(fields.clone(), columns, nulls)?)
        }
        T::Map(entries, sorted) => map(entries, *sorted, values)?,
        other => {
            return Err(ArrowError::NotYetImplemented(format!(
                "test data of type {other}"
            )));
        }
    };
    Ok(column)
}

fn wrong(value: &Value, data_type: &DataType) -> ArrowError {
    ArrowError::InvalidArgumentError(format!("{value} is no value of type {data_type}"))
}

fn collect<'a, T>(
    values: &'a [Value],
    data_type: &DataType,
    read: impl Fn(&'a Value) -> Option<T>,
) -> Result<Vec<Option<T>>, ArrowError> {
    let cell = |value: &'a Value| match value {
        Value::Null => Ok(None),
        value => read(value).map(Some).ok_or_else(|| wrong(value, data_type)),
    };
    values.iter().map(cell).collect()
}

fn integers<T: TryFrom<i128>>(
    values: &[Value],
    data_type: &DataType,
) -> Result<Vec<Option<T>>, ArrowError> {
    collect(values, data_type, |v| match v {
        Value::Int(v) => T::try_from(*v).ok(),
        _ => None,
    })
}

/// A cast that fails where a value does not fit, instead of making it NULL.
fn exact_cast(array: &dyn Array, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    let options = arrow::compute::CastOptions {
        safe: false,
        ..Default::default()
    };
    arrow::compute::cast_with_options(array, data_type, &options)
}

fn floats(values: &[Value], data_type: &DataType) -> Result<Vec<Option<f64>>, ArrowError> {
    collect(values, data_type, |v| match v {
        Value::Float(v) => Some(*v),
        _ => None,
    })
}

fn strings<'a>(
    values: &'a [Value],
    data_type: &DataType,
) -> Result<Vec<Option<&'a str>>, ArrowError> {
    collect(values, data_type, |v| match v {
        Value::Str(v) => Some(v.as_str()),
        _ => None,
    })
}

fn bytes<'a>(
    values: &'a [Value],
    data_type: &DataType,
) -> Result<Vec<Option<&'a [u8]>>, ArrowError> {
    collect(values, data_type, |v| match v {
        Value::Bytes(v) => Some(v.as_slice()),
        _ => None,
    })
}

fn timestamps(
    unit: TimeUnit,
    zone: Option<&Arc<str>>,
    values: &[Value],
    data_type: &DataType,
) -> Result<ArrayRef, ArrowError> {
    let nanos: i128 = match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    };
    let ticks = collect(values, data_type, |v| match v {
        Value::Instant(v) if v % nanos == 0 => i64::try_from(v / nanos).ok(),
        _ => None,
    })?;
    let zone = zone.cloned();
    Ok(match unit {
        TimeUnit::Second => Arc::new(TimestampSecondArray::from(ticks).with_timezone_opt(zone)),
        TimeUnit::Millisecond => {
            Arc::new(TimestampMillisecondArray::from(ticks).with_timezone_opt(zone))
        }
        TimeUnit::Microsecond => {
            Arc::new(TimestampMicrosecondArray::from(ticks).with_timezone_opt(zone))
        }
        TimeUnit::Nanosecond => {
            Arc::new(TimestampNanosecondArray::from(ticks).with_timezone_opt(zone))
        }
    })
}

fn validity(values: &[Value]) -> Option<NullBuffer> {
    values.iter().any(Value::is_null).then(|| {
        values
            .iter()
            .map(|value| !value.is_null())
            .collect::<Vec<bool>>()
            .into()
    })
}

fn field_of(values: &[Value], at: usize) -> Vec<Value> {
    let part = |value: &Value| match value {
        Value::Struct(fields) => fields.get(at).map_or(Value::Null, |(_, part)| part.clone()),
        _ => Value::Null,
    };
    values.iter().map(part).collect()
}

fn list(item: &FieldRef, values: &[Value], data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    let lists = collect(values, data_type, |v| match v {
        Value::List(v) => Some(v.as_slice()),
        _ => None,
    })?;
    let lengths = lists.iter().map(|list| list.map_or(0, <[Value]>::len));
    let offsets = OffsetBuffer::from_lengths(lengths);
    let items: Vec<Value> = lists.into_iter().flatten().flatten().cloned().collect();
    let items = array_from_values(item.data_type(), &items)?;
    Ok(Arc::new(ListArray::try_new(
        Arc::clone(item),
        offsets,
        items,
        validity(values),
    )?))
}

fn map(entries: &FieldRef, sorted: bool, values: &[Value]) -> Result<ArrayRef, ArrowError> {
    let maps = collect(values, entries.data_type(), |v| match v {
        Value::Map(v) => Some(v.as_slice()),
        _ => None,
    })?;
    let offsets = OffsetBuffer::from_lengths(maps.iter().map(|map| map.map_or(0, <[_]>::len)));
    let pairs: Vec<Value> = maps
        .into_iter()
        .flatten()
        .flatten()
        .map(|(key, value)| {
            Value::Struct(vec![
                ("key".into(), key.clone()),
                ("value".into(), value.clone()),
            ])
        })
        .collect();
    let DataType::Struct(fields) = entries.data_type() else {
        return Err(ArrowError::InvalidArgumentError(
            "a map's entries are a struct".into(),
        ));
    };
    let columns = fields
        .iter()
        .enumerate()
        .map(|(at, field)| array_from_values(field.data_type(), &field_of(&pairs, at)));
    let pairs = StructArray::try_new(fields.clone(), columns.collect::<Result<_, _>>()?, None)?;
    let array = MapArray::try_new(
        Arc::clone(entries),
        offsets,
        pairs,
        validity(values),
        sorted,
    )?;
    Ok(Arc::new(array))
}
