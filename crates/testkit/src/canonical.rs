// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Values in the canonical form of the fixtures' `expected.json`, see `tests/data/tables/README.md`.
//!
//! That form came from several readers, so both sides are brought to one: zones and trailing zeros
//! of fractions go, floats keep six digits, decimals the 28 digits that Python keeps, the dashes of
//! UUIDs go, maps are lists of pairs.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, TimeUnit, TimestampNanosecondType};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::NaiveDateTime;
use serde_json::{Map, Value as Json, json};

/// Rows of batches in canonical form, sorted.
///
/// # Errors
///
/// When a value has no canonical form.
pub fn found_rows(batches: &[RecordBatch]) -> Result<Vec<Vec<Json>>, ArrowError> {
    let mut rows = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().map(|column| found(column, row));
            rows.push(cells.collect::<Result<Vec<_>, _>>()?);
        }
    }
    Ok(sorted(rows))
}

/// Rows as a fixture expects them for columns of these fields, sorted.
pub fn expected_rows<'a>(rows: &Json, fields: impl Iterator<Item = &'a Field>) -> Vec<Vec<Json>> {
    let types: Vec<&DataType> = fields.map(Field::data_type).collect();
    let cells = |row: &Json| -> Vec<Json> {
        let cells = row.as_array().into_iter().flatten().enumerate();
        cells
            .map(|(at, cell)| expected(cell, types.get(at).copied().unwrap_or(&DataType::Null)))
            .collect()
    };
    sorted(rows.as_array().into_iter().flatten().map(cells).collect())
}

fn sorted(mut rows: Vec<Vec<Json>>) -> Vec<Vec<Json>> {
    rows.sort_by_cached_key(|row| Json::from(row.clone()).to_string());
    rows
}

/// A cell in canonical form.
///
/// # Errors
///
/// When its type has no canonical form.
pub fn found(array: &ArrayRef, row: usize) -> Result<Json, ArrowError> {
    if array.is_null(row) {
        return Ok(Json::Null);
    }
    let shown = || -> Result<String, ArrowError> {
        let options = FormatOptions::new();
        let formatter = ArrayFormatter::try_new(array.as_ref(), &options)?;
        formatter.value(row).try_to_string()
    };
    let raw = match array.data_type() {
        DataType::Boolean => json!(array.as_boolean().value(row)),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            json!(array.as_primitive::<TimestampNanosecondType>().value(row))
        }
        DataType::Struct(fields) => {
            let mut object = Map::new();
            for (field, column) in fields.iter().zip(array.as_struct().columns()) {
                object.insert(field.name().clone(), found(column, row)?);
            }
            return Ok(in_order(object));
        }
        DataType::List(_) => {
            let values = array.as_list::<i32>().value(row);
            let items = (0..values.len()).map(|at| found(&values, at));
            return items.collect::<Result<Vec<_>, _>>().map(Json::Array);
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let mut pairs = Vec::new();
            for at in 0..entries.len() {
                pairs.push(json!([found(keys, at)?, found(values, at)?]));
            }
            return Ok(pairs_in_order(pairs));
        }
        other if other.is_integer() => json!(shown()?.parse::<i64>().unwrap_or(i64::MAX)),
        other if other.is_floating() => {
            let text = shown()?;
            match text.parse::<f64>() {
                Ok(float) if float.is_finite() => json!(float),
                _ => json!(text.replace("inf", "Infinity")),
            }
        }
        _ => json!(shown()?),
    };
    Ok(expected(&raw, array.data_type()))
}

/// A fixture's value for a column of a type, in canonical form.
pub fn expected(value: &Json, data_type: &DataType) -> Json {
    match (value, data_type) {
        (Json::Null, _) => Json::Null,
        (Json::Number(number), _) if data_type.is_floating() => {
            rounded(number.as_f64().unwrap_or(f64::NAN))
        }
        (Json::Number(number), DataType::Decimal128(..)) => json!(decimal(&number.to_string())),
        (Json::String(text), DataType::Decimal128(..)) => json!(decimal(text)),
        (Json::String(text), DataType::Timestamp(..)) => json!(instant(text)),
        (Json::String(text), DataType::Date32) => json!(full_year(text)),
        (Json::String(text), DataType::Time64(_)) => json!(short_fraction(text)),
        (Json::String(text), DataType::FixedSizeBinary(_)) => json!(text.replace('-', "")),
        (Json::Array(items), DataType::List(item)) => items
            .iter()
            .map(|v| expected(v, item.data_type()))
            .collect(),
        (Json::Object(object), DataType::Struct(fields)) => {
            let cell = |(name, value): (&String, &Json)| {
                let field = fields.iter().find(|field| field.name() == name);
                let data_type = field.map_or(&DataType::Null, |field| field.data_type());
                (name.clone(), expected(value, data_type))
            };
            in_order(object.iter().map(cell).collect())
        }
        (value, DataType::Map(entry, _)) => match entry.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => {
                map(value, pair[0].data_type(), pair[1].data_type())
            }
            _ => value.clone(),
        },
        (other, _) => other.clone(),
    }
}

/// A map, given as pairs or as an object.
fn map(value: &Json, key: &DataType, held: &DataType) -> Json {
    let pair = |k: &Json, v: &Json| json!([expected(k, key), expected(v, held)]);
    let pairs = match value {
        Json::Array(pairs) => pairs.iter().map(|p| pair(&p[0], &p[1])).collect(),
        Json::Object(object) => {
            let key_of = |name: &String| match name.parse::<i64>() {
                Ok(number) if key.is_integer() => json!(number),
                _ => json!(name),
            };
            object.iter().map(|(k, v)| pair(&key_of(k), v)).collect()
        }
        _ => Vec::new(),
    };
    pairs_in_order(pairs)
}

fn pairs_in_order(mut pairs: Vec<Json>) -> Json {
    pairs.sort_by_cached_key(Json::to_string);
    Json::Array(pairs)
}

fn in_order(object: Map<String, Json>) -> Json {
    let mut fields: Vec<(String, Json)> = object.into_iter().collect();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    Json::Object(fields.into_iter().collect())
}

fn rounded(float: f64) -> Json {
    match float == 0.0 {
        true => json!("0"),
        false => json!(format!("{float:.5e}")),
    }
}

/// `2024-01-01T00:00:00.5` of any spelling of an instant.
fn instant(text: &str) -> String {
    let text = text.replacen(' ', "T", 1);
    let text = text
        .strip_suffix("+00:00")
        .or(text.strip_suffix('Z'))
        .unwrap_or(&text);
    let full = full_year(text);
    match NaiveDateTime::parse_from_str(&full, "%Y-%m-%dT%H:%M:%S%.f") {
        Ok(time) => short_fraction(&time.format("%Y-%m-%dT%H:%M:%S%.6f").to_string()),
        Err(_) => full,
    }
}

/// A year before 1000 gets its zeros.
fn full_year(text: &str) -> String {
    match text.find('-') {
        Some(digits @ 1..4) => format!("{}{text}", "0".repeat(4 - digits)),
        _ => text.to_owned(),
    }
}

fn short_fraction(text: &str) -> String {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    }
}

/// A decimal without trailing zeros, in 28 digits.
fn decimal(text: &str) -> String {
    let text = short_fraction(text);
    if text.trim_matches(['-', '0']).is_empty() {
        return "0".to_owned();
    }
    let digits = text
        .trim_start_matches(['-', '0', '.'])
        .replace('.', "")
        .len();
    let (Some(point), true) = (text.find('.'), digits > 28) else {
        return text;
    };
    let decimals = (text.len() - point - 1).saturating_sub(digits - 28);
    let cut = (text.len() - point - 1) - decimals;
    let Ok(unscaled) = text.replace('.', "").parse::<i128>() else {
        return text;
    };
    let divisor = 10_i128.pow(cut as u32);
    let kept = (unscaled + unscaled.signum() * divisor / 2) / divisor;
    let sign = if kept < 0 { "-" } else { "" };
    let kept = format!("{:0>1$}", kept.unsigned_abs(), decimals + 1);
    let (whole, fraction) = kept.split_at(kept.len() - decimals);
    short_fraction(&format!("{sign}{whole}.{fraction}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_value_are_one() {
        assert_eq!(instant("2024-01-01 00:00:00"), "2024-01-01T00:00:00");
        assert_eq!(
            instant("2024-01-01T00:00:00.500000+00:00"),
            "2024-01-01T00:00:00.5"
        );
        assert_eq!(instant("1-01-01T00:00:00"), "0001-01-01T00:00:00");
        assert_eq!(decimal("-0.00"), "0");
        assert_eq!(decimal("12.3400"), "12.34");
        assert_eq!(decimal("1200"), "1200");
        let long = "1234567890123456789012345678.94";
        assert_eq!(decimal(long), "1234567890123456789012345679");
    }
}
