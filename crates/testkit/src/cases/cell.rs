// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A JSON cell as a plain value of a column's type.

use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::compute::kernels::cast_utils::string_to_datetime;
use arrow::datatypes::DataType;
use serde_json::Value as Json;

use super::CaseError;
use crate::oracle::Value;

/// Reads a cell as the file's conventions say: null is SQL NULL, the string `NaN` in a float column is
/// NaN, timestamps are ISO 8601 (without an offset: in the column's zone, else UTC).
pub fn value_from_json(data_type: &DataType, cell: &Json) -> Result<Value, CaseError> {
    let wrong = || CaseError::new(format!("{cell} is no value of type {data_type}"));
    if cell.is_null() {
        return Ok(Value::Null);
    }
    Ok(match data_type {
        DataType::Boolean => Value::Bool(cell.as_bool().ok_or_else(wrong)?),
        t if t.is_integer() => Value::Int(integer(cell).ok_or_else(wrong)?),
        DataType::Float32 | DataType::Float64 => Value::Float(float(cell).ok_or_else(wrong)?),
        DataType::Decimal128(_, scale) => decimal(cell, *scale).ok_or_else(wrong)?,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            Value::Str(cell.as_str().ok_or_else(wrong)?.into())
        }
        DataType::Binary | DataType::LargeBinary | DataType::FixedSizeBinary(_) => {
            Value::Bytes(bytes(cell).ok_or_else(wrong)?)
        }
        DataType::Timestamp(_, zone) => {
            Value::Instant(instant(cell, zone.as_ref()).ok_or_else(wrong)?)
        }
        DataType::Date32 => {
            let midnight = instant(cell, None).ok_or_else(wrong)?;
            let day = midnight.div_euclid(86_400_000_000_000);
            Value::Date(i64::try_from(day).map_err(|_| wrong())?)
        }
        DataType::List(of) | DataType::LargeList(of) => {
            let items = cell.as_array().ok_or_else(wrong)?.iter();
            Value::List(
                items
                    .map(|i| value_from_json(of.data_type(), i))
                    .collect::<Result<_, _>>()?,
            )
        }
        DataType::Struct(fields) => {
            let part = |field: &Arc<arrow::datatypes::Field>| {
                let cell = cell.get(field.name()).unwrap_or(&Json::Null);
                Ok((
                    field.name().clone(),
                    value_from_json(field.data_type(), cell)?,
                ))
            };
            Value::Struct(fields.iter().map(part).collect::<Result<_, CaseError>>()?)
        }
        DataType::Map(entries, _) => map(entries.data_type(), cell).ok_or_else(wrong)??,
        _ => return Err(wrong()),
    })
}

fn integer(cell: &Json) -> Option<i128> {
    if let Some(number) = cell.as_i64() {
        return Some(number.into());
    }
    if let Some(number) = cell.as_u64() {
        return Some(number.into());
    }
    let number = cell.as_f64()?;
    (number.fract() == 0.0).then_some(number as i128)
}

fn float(cell: &Json) -> Option<f64> {
    match cell.as_str() {
        Some("NaN" | "nan") => Some(f64::NAN),
        Some("Infinity" | "inf" | "+inf") => Some(f64::INFINITY),
        Some("-Infinity" | "-inf") => Some(f64::NEG_INFINITY),
        Some(text) => text.parse().ok(),
        None => cell.as_f64(),
    }
}

fn decimal(cell: &Json, scale: i8) -> Option<Value> {
    let text = cell
        .as_str()
        .map_or_else(|| cell.to_string(), ToString::to_string);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let scale_digits = usize::try_from(scale).ok()?;
    let unscaled = format!("{whole}{fraction:0<scale_digits$}");
    (fraction.len() <= scale_digits).then_some(())?;
    Some(Value::Decimal(unscaled.parse().ok()?, scale))
}

/// Bytes are written as hexadecimal digits, or as text where they are not.
fn bytes(cell: &Json) -> Option<Vec<u8>> {
    let text = cell.as_str()?;
    let hex: Option<Vec<u8>> = (text.len() % 2 == 0 && text.is_ascii())
        .then(|| {
            let digits = (0..text.len()).step_by(2);
            digits
                .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
                .collect()
        })
        .flatten();
    Some(hex.unwrap_or_else(|| text.as_bytes().to_vec()))
}

fn instant(cell: &Json, zone: Option<&Arc<str>>) -> Option<i128> {
    let zone: Tz = zone.map_or("UTC", |zone| zone).parse().ok()?;
    let time = string_to_datetime(&zone, cell.as_str()?).ok()?;
    Some(i128::from(time.timestamp()) * 1_000_000_000 + i128::from(time.timestamp_subsec_nanos()))
}

fn map(entries: &DataType, cell: &Json) -> Option<Result<Value, CaseError>> {
    let DataType::Struct(fields) = entries else {
        return None;
    };
    let pair = |key: &Json, value: &Json| {
        let key = value_from_json(fields.first()?.data_type(), key);
        let value = value_from_json(fields.get(1)?.data_type(), value);
        Some(key.and_then(|key| Ok((key, value?))))
    };
    let pairs: Option<Result<Vec<_>, _>> = match cell {
        Json::Object(object) => object
            .iter()
            .map(|(k, v)| pair(&Json::String(k.clone()), v))
            .collect(),
        Json::Array(items) => items
            .iter()
            .map(|item| pair(item.get(0)?, item.get(1)?))
            .collect(),
        _ => None,
    };
    Some(pairs?.map(|mut pairs| {
        pairs.sort_by(|(a, _), (b, _)| a.order(b));
        Value::Map(pairs)
    }))
}

#[cfg(test)]
mod tests {
    use super::super::arrow_type;
    use super::*;
    use serde_json::json;

    fn read(type_name: &str, cell: Json) -> Value {
        value_from_json(&arrow_type(type_name).unwrap(), &cell).unwrap()
    }

    #[test]
    fn times_are_exact() {
        let nanos = |cell: &str| read("timestamp[ns, UTC]", json!(cell));
        assert_eq!(nanos("1970-01-01T00:00:00.000000003Z"), Value::Instant(3));
        assert_eq!(
            nanos("1970-01-01T02:00:01+02:00"),
            Value::Instant(1_000_000_000)
        );
        assert_eq!(
            read("timestamp[us]", json!("1969-12-31T23:59:59.5")),
            Value::Instant(-500_000_000)
        );
        let zoned = read(
            "timestamp[us, Europe/Helsinki]",
            json!("1970-01-01T02:00:00"),
        );
        assert_eq!(zoned, Value::Instant(0));
        assert_eq!(read("date32", json!("1970-01-02")), Value::Date(1));
    }

    #[test]
    fn words_for_numbers_are_numbers() {
        assert_eq!(read("double", json!("NaN")), Value::Float(f64::NAN));
        assert_eq!(
            read("decimal128(10, 2)", json!("-1.5")),
            Value::Decimal(-150, 2)
        );
        assert_eq!(read("list<int64>", json!([])), Value::List(vec![]));
        let map = read("map<string, int64>", json!({"b": 1, "a": null}));
        assert_eq!(map.to_string(), "{\"a\" => NULL, \"b\" => 1}");
        assert!(value_from_json(&DataType::Int64, &json!("one")).is_err());
    }
}
