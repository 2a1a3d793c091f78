// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! One Arrow value as JSON text, for every Arrow type.

use std::io;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, GenericListArray, GenericListViewArray,
    OffsetSizeTrait, PrimitiveArray, UnionArray,
};
use arrow::datatypes::{
    ArrowDictionaryKeyType, ArrowNativeType, DataType, Date32Type, Date64Type, Float16Type,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, RunEndIndexType,
    Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::not_impl_err;
use datafusion::error::{DataFusionError, Result};
use serde::Serialize;

use super::instants::{write_date, write_time, write_timestamp};
use super::json::write_string;

/// Appends the value of a row.
pub(super) type Encoder<'a> = Box<dyn Fn(usize, &mut Vec<u8>) -> Result<()> + 'a>;

/// The encoder of an array; NULL is `null` everywhere.
pub(super) fn encoder(array: &ArrayRef) -> Result<Encoder<'_>> {
    let value = value_encoder(array)?;
    let Some(nulls) = array.logical_nulls() else {
        return Ok(value);
    };
    Ok(Box::new(move |row, out| {
        if nulls.is_null(row) {
            out.extend_from_slice(b"null");
            Ok(())
        } else {
            value(row, out)
        }
    }))
}

fn value_encoder(array: &ArrayRef) -> Result<Encoder<'_>> {
    use DataType::*;
    Ok(match array.data_type() {
        Null => Box::new(|_, out| {
            out.extend_from_slice(b"null");
            Ok(())
        }),
        Boolean => {
            let array = array.as_boolean();
            Box::new(move |row, out| write_serde(out, &array.value(row)))
        }
        Int8 => number::<Int8Type>(array),
        Int16 => number::<Int16Type>(array),
        Int32 => number::<Int32Type>(array),
        Int64 => number::<Int64Type>(array),
        UInt8 => number::<UInt8Type>(array),
        UInt16 => number::<UInt16Type>(array),
        UInt32 => number::<UInt32Type>(array),
        UInt64 => number::<UInt64Type>(array),
        Float16 => {
            let array = array.as_primitive::<Float16Type>();
            Box::new(move |row, out| write_float(out, array.value(row).to_f32()))
        }
        Float32 => {
            let array = array.as_primitive::<Float32Type>();
            Box::new(move |row, out| write_float(out, array.value(row)))
        }
        Float64 => {
            let array = array.as_primitive::<Float64Type>();
            Box::new(move |row, out| write_float(out, array.value(row)))
        }
        Utf8 => {
            let array = array.as_string::<i32>();
            Box::new(move |row, out| write_string(out, array.value(row)))
        }
        LargeUtf8 => {
            let array = array.as_string::<i64>();
            Box::new(move |row, out| write_string(out, array.value(row)))
        }
        Utf8View => {
            let array = array.as_string_view();
            Box::new(move |row, out| write_string(out, array.value(row)))
        }
        Binary => {
            let array = array.as_binary::<i32>();
            Box::new(move |row, out| write_hex(out, array.value(row)))
        }
        LargeBinary => {
            let array = array.as_binary::<i64>();
            Box::new(move |row, out| write_hex(out, array.value(row)))
        }
        BinaryView => {
            let array = array.as_binary_view();
            Box::new(move |row, out| write_hex(out, array.value(row)))
        }
        FixedSizeBinary(_) => {
            let array = array.as_fixed_size_binary();
            Box::new(move |row, out| write_hex(out, array.value(row)))
        }
        Timestamp(..) | Date32 | Date64 | Time32(_) | Time64(_) => temporal(array)?,
        Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) | Interval(_)
        | Duration(_) => as_text(array)?,
        _ => nested(array)?,
    })
}

fn nested(array: &ArrayRef) -> Result<Encoder<'_>> {
    use DataType::*;
    match array.data_type() {
        List(_) => list(array.as_list::<i32>()),
        LargeList(_) => list(array.as_list::<i64>()),
        ListView(_) => list_view(array.as_list_view::<i32>()),
        LargeListView(_) => list_view(array.as_list_view::<i64>()),
        FixedSizeList(_, size) => {
            let lists = array.as_fixed_size_list();
            let element = encoder(lists.values())?;
            let size = usize::try_from(*size).unwrap_or(0);
            Ok(Box::new(move |row, out| {
                write_list(out, &element, row * size, size)
            }))
        }
        Struct(_) => structure(array),
        Map(..) => map(array),
        Union(..) => union(array),
        Dictionary(key, _) => match key.as_ref() {
            Int8 => dictionary::<Int8Type>(array),
            Int16 => dictionary::<Int16Type>(array),
            Int32 => dictionary::<Int32Type>(array),
            Int64 => dictionary::<Int64Type>(array),
            UInt8 => dictionary::<UInt8Type>(array),
            UInt16 => dictionary::<UInt16Type>(array),
            UInt32 => dictionary::<UInt32Type>(array),
            UInt64 => dictionary::<UInt64Type>(array),
            other => not_impl_err!("dictionary keys of type {other} cannot be printed as JSON"),
        },
        RunEndEncoded(ends, _) => match ends.data_type() {
            Int16 => runs::<Int16Type>(array),
            Int32 => runs::<Int32Type>(array),
            Int64 => runs::<Int64Type>(array),
            other => not_impl_err!("run ends of type {other} cannot be printed as JSON"),
        },
        other => not_impl_err!(
            "type {other} cannot be printed as JSON; cast it, for example to a string"
        ),
    }
}

fn number<T>(array: &ArrayRef) -> Encoder<'_>
where
    T: ArrowPrimitiveType,
    T::Native: Serialize,
{
    let array = array.as_primitive::<T>();
    Box::new(move |row, out| write_serde(out, &array.value(row)))
}

fn temporal(array: &ArrayRef) -> Result<Encoder<'_>> {
    use DataType::*;
    Ok(match array.data_type() {
        Date32 => {
            let array = array.as_primitive::<Date32Type>();
            quoted(move |row, out| write_date(out, i64::from(array.value(row))))
        }
        Date64 => {
            let array = array.as_primitive::<Date64Type>();
            quoted(move |row, out| write_date(out, array.value(row).div_euclid(86_400_000)))
        }
        Time32(TimeUnit::Second) => time::<Time32SecondType>(array, TimeUnit::Second),
        Time32(unit) => time::<Time32MillisecondType>(array, *unit),
        Time64(TimeUnit::Microsecond) => {
            time::<Time64MicrosecondType>(array, TimeUnit::Microsecond)
        }
        Time64(unit) => time::<Time64NanosecondType>(array, *unit),
        Timestamp(unit, zone) => {
            let (unit, zoned) = (*unit, zone.is_some());
            match unit {
                TimeUnit::Second => timestamp::<TimestampSecondType>(array, unit, zoned),
                TimeUnit::Millisecond => timestamp::<TimestampMillisecondType>(array, unit, zoned),
                TimeUnit::Microsecond => timestamp::<TimestampMicrosecondType>(array, unit, zoned),
                TimeUnit::Nanosecond => timestamp::<TimestampNanosecondType>(array, unit, zoned),
            }
        }
        other => return not_impl_err!("{other} is no date or time"),
    })
}

fn timestamp<T>(array: &ArrayRef, unit: TimeUnit, zoned: bool) -> Encoder<'_>
where
    T: ArrowPrimitiveType<Native = i64>,
{
    let array = array.as_primitive::<T>();
    quoted(move |row, out| write_timestamp(out, array.value(row), unit, zoned))
}

fn time<T>(array: &ArrayRef, unit: TimeUnit) -> Encoder<'_>
where
    T: ArrowPrimitiveType,
    T::Native: Into<i64>,
{
    let array: &PrimitiveArray<T> = array.as_primitive::<T>();
    quoted(move |row, out| write_time(out, array.value(row).into(), unit))
}

fn quoted<'a>(write: impl Fn(usize, &mut Vec<u8>) + 'a) -> Encoder<'a> {
    Box::new(move |row, out| {
        out.push(b'"');
        write(row, out);
        out.push(b'"');
        Ok(())
    })
}

/// Arrow's own text of the value, as a string.
fn as_text(array: &ArrayRef) -> Result<Encoder<'_>> {
    const OPTIONS: FormatOptions<'static> = FormatOptions::new().with_display_error(false);
    let formatter = ArrayFormatter::try_new(array.as_ref(), &OPTIONS)?;
    Ok(Box::new(move |row, out| {
        let text = formatter
            .value(row)
            .try_to_string()
            .map_err(DataFusionError::from)?;
        write_string(out, &text)
    }))
}

fn list<O: OffsetSizeTrait>(lists: &GenericListArray<O>) -> Result<Encoder<'_>> {
    let element = encoder(lists.values())?;
    Ok(Box::new(move |row, out| {
        let start = lists.value_offsets()[row].as_usize();
        write_list(out, &element, start, lists.value_length(row).as_usize())
    }))
}

fn list_view<O: OffsetSizeTrait>(lists: &GenericListViewArray<O>) -> Result<Encoder<'_>> {
    let element = encoder(lists.values())?;
    Ok(Box::new(move |row, out| {
        let start = lists.value_offset(row).as_usize();
        write_list(out, &element, start, lists.value_size(row).as_usize())
    }))
}

fn write_list(out: &mut Vec<u8>, element: &Encoder<'_>, start: usize, len: usize) -> Result<()> {
    out.push(b'[');
    for index in start..start + len {
        if index > start {
            out.push(b',');
        }
        element(index, out)?;
    }
    out.push(b']');
    Ok(())
}

fn structure(array: &ArrayRef) -> Result<Encoder<'_>> {
    let array = array.as_struct();
    let mut members = Vec::with_capacity(array.num_columns());
    for (field, column) in array.fields().iter().zip(array.columns()) {
        let mut key = Vec::new();
        write_string(&mut key, field.name())?;
        key.push(b':');
        members.push((key, encoder(column)?));
    }
    Ok(Box::new(move |row, out| {
        out.push(b'{');
        for (index, (key, member)) in members.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(key);
            member(row, out)?;
        }
        out.push(b'}');
        Ok(())
    }))
}

/// A map is an object; a key that is no string becomes the string of its JSON text.
fn map(array: &ArrayRef) -> Result<Encoder<'_>> {
    let maps = array.as_map();
    let keys = encoder(maps.keys())?;
    let values = encoder(maps.values())?;
    Ok(Box::new(move |row, out| {
        let start = maps.value_offsets()[row].as_usize();
        out.push(b'{');
        let mut text = Vec::new();
        for index in start..start + maps.value_length(row).as_usize() {
            if index > start {
                out.push(b',');
            }
            text.clear();
            keys(index, &mut text)?;
            if text.first() == Some(&b'"') {
                out.extend_from_slice(&text);
            } else {
                write_string(out, &String::from_utf8_lossy(&text))?;
            }
            out.push(b':');
            values(index, out)?;
        }
        out.push(b'}');
        Ok(())
    }))
}

fn union(array: &ArrayRef) -> Result<Encoder<'_>> {
    let Some(unions) = array.as_any().downcast_ref::<UnionArray>() else {
        return not_impl_err!("{} is no union", array.data_type());
    };
    let DataType::Union(fields, _) = array.data_type() else {
        return not_impl_err!("{} is no union", array.data_type());
    };
    let members = fields
        .iter()
        .map(|(id, _)| Ok((id, encoder(unions.child(id))?)))
        .collect::<Result<Vec<_>>>()?;
    Ok(Box::new(move |row, out| {
        let id = unions.type_id(row);
        match members.iter().find(|(member, _)| *member == id) {
            Some((_, member)) => member(unions.value_offset(row), out),
            None => not_impl_err!("a union value has type id {id}, which its type does not list"),
        }
    }))
}

fn dictionary<K: ArrowDictionaryKeyType>(array: &ArrayRef) -> Result<Encoder<'_>> {
    let array = array.as_dictionary::<K>();
    let value = encoder(array.values())?;
    Ok(Box::new(move |row, out| match array.key(row) {
        Some(key) => value(key, out),
        None => {
            out.extend_from_slice(b"null");
            Ok(())
        }
    }))
}

fn runs<R: RunEndIndexType>(array: &ArrayRef) -> Result<Encoder<'_>> {
    let Some(array) = array.as_run_opt::<R>() else {
        return not_impl_err!("{} is not run-end encoded", array.data_type());
    };
    let value = encoder(array.values())?;
    Ok(Box::new(move |row, out| {
        value(array.get_physical_index(row), out)
    }))
}

fn write_serde(out: &mut Vec<u8>, value: &impl Serialize) -> Result<()> {
    serde_json::to_writer(out, value).map_err(io::Error::from)?;
    Ok(())
}

fn write_float<F: Into<f64> + Copy + Serialize>(out: &mut Vec<u8>, value: F) -> Result<()> {
    let wide: f64 = value.into();
    if wide.is_finite() {
        return write_serde(out, &value);
    }
    out.extend_from_slice(match wide {
        wide if wide.is_nan() => b"\"NaN\"".as_slice(),
        wide if wide > 0.0 => b"\"Infinity\"",
        _ => b"\"-Infinity\"",
    });
    Ok(())
}

fn write_hex(out: &mut Vec<u8>, bytes: &[u8]) -> Result<()> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
    out.push(b'"');
    Ok(())
}

#[cfg(test)]
#[path = "json_value_tests.rs"]
mod tests;
