// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Values in the form of `expected.json`.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::{Value, json};

/// The canonical form of `expected.json`.
pub(super) fn value(array: &ArrayRef, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    let text = || {
        let options = FormatOptions::new();
        ArrayFormatter::try_new(array, &options)
            .unwrap()
            .value(row)
            .to_string()
    };
    let list = |values: &ArrayRef| {
        (0..values.len())
            .map(|i| value(values, i))
            .collect::<Vec<_>>()
    };
    match array.data_type() {
        DataType::Boolean => json!(array.as_boolean().value(row)),
        DataType::Int32 | DataType::Int64 | DataType::Utf8 => match array.data_type() {
            DataType::Utf8 => json!(array.as_string::<i32>().value(row)),
            _ => json!(text().parse::<i64>().unwrap()),
        },
        DataType::Float32 | DataType::Float64 => {
            let float: f64 = text().parse().unwrap();
            if float.is_finite() {
                rounded(float)
            } else {
                json!(text().replace("inf", "Infinity"))
            }
        }
        DataType::Decimal128(..) => {
            let text = text();
            let text = if text.contains('.') {
                text.trim_end_matches('0').trim_end_matches('.')
            } else {
                &text
            };
            json!(if text == "-0" {
                "0".to_string()
            } else {
                shortened(text)
            })
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            json!(
                array
                    .as_primitive::<arrow::datatypes::TimestampNanosecondType>()
                    .value(row)
            )
        }
        DataType::Timestamp(_, zone) => {
            let micros = array.as_primitive::<arrow::datatypes::TimestampMicrosecondType>();
            let time = chrono::DateTime::from_timestamp_micros(micros.value(row)).unwrap();
            let zone = if zone.is_some() { "+00:00" } else { "" };
            json!(format!(
                "{}{zone}",
                time.naive_utc().format("%Y-%m-%dT%H:%M:%S%.6f")
            ))
        }
        DataType::Time64(_) => {
            let micros = array.as_primitive::<arrow::datatypes::Time64MicrosecondType>();
            let time = chrono::DateTime::from_timestamp_micros(micros.value(row)).unwrap();
            json!(time.format("%H:%M:%S%.6f").to_string())
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let pairs = fields
                .iter()
                .zip(columns)
                .map(|(f, c)| (f.name().clone(), value(c, row)));
            Value::Object(pairs.collect())
        }
        DataType::List(_) => json!(list(&array.as_list::<i32>().value(row))),
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (list(entries.column(0)), list(entries.column(1)));
            json!(keys.into_iter().zip(values).collect::<Vec<_>>())
        }
        DataType::FixedSizeBinary(16) => {
            json!(
                uuid::Uuid::from_slice(array.as_fixed_size_binary().value(row))
                    .unwrap()
                    .to_string()
            )
        }
        DataType::LargeBinary | DataType::FixedSizeBinary(_) => json!(text()),
        _ => json!(text()),
    }
}

/// The expected decimals went through Python, which keeps 28 digits.
fn shortened(text: &str) -> String {
    let digits = text
        .trim_start_matches(['-', '0', '.'])
        .replace('.', "")
        .len();
    let (Some(point), true) = (text.find('.'), digits > 28) else {
        return text.to_string();
    };
    let decimals = text.len() - point - 1 - (digits - 28);
    let unscaled: i128 = text.replace('.', "").parse().unwrap();
    let divisor = 10_i128.pow(u32::try_from(digits - 28).unwrap());
    let kept = (unscaled + unscaled.signum() * divisor / 2) / divisor;
    let sign = if kept < 0 { "-" } else { "" };
    let kept = format!("{:0>1$}", kept.abs(), decimals + 1);
    let (whole, fraction) = kept.split_at(kept.len() - decimals);
    let text = format!("{sign}{whole}.{fraction}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

fn rounded(float: f64) -> Value {
    json!(if float == 0.0 {
        "0".to_string()
    } else {
        format!("{float:.5e}")
    })
}

/// Brings the expected value to the same form: floats rounded, keys of objects in order.
pub(super) fn canonical(value: &Value) -> Value {
    match value {
        Value::Number(n) if n.is_f64() => rounded(n.as_f64().unwrap()),
        Value::Array(items) => items.iter().map(canonical).collect(),
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields
                .iter()
                .map(|(k, v)| (k.clone(), canonical(v)))
                .collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(fields.into_iter().collect())
        }
        // A year before 1000 without its zeros.
        Value::String(s) if s.len() > 10 && s[..4].contains('-') && s.contains('T') => {
            json!(format!("{}{s}", "0".repeat(4 - s.find('-').unwrap())))
        }
        other => other.clone(),
    }
}
