// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The type names of a cases file: PyArrow's, and Feast's.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, TimeUnit};

use super::CaseError;

/// The Arrow type of a PyArrow type name: `int64`, `timestamp[us, UTC]`, `list<element: double>` …
pub fn arrow_type(name: &str) -> Result<DataType, CaseError> {
    let name = name.trim();
    if let Some(inside) = between(name, "timestamp[", "]") {
        return timestamp(inside);
    }
    if let Some(inside) = between(name, "large_list<", ">") {
        return Ok(DataType::LargeList(Arc::new(item(inside)?)));
    }
    if let Some(inside) = between(name, "list<", ">").or_else(|| between(name, "list[", "]")) {
        return Ok(DataType::List(Arc::new(item(inside)?)));
    }
    if let Some(inside) = between(name, "struct<", ">") {
        let fields = split_top(inside)
            .into_iter()
            .map(item)
            .collect::<Result<Vec<_>, _>>()?;
        return Ok(DataType::Struct(fields.into()));
    }
    if let Some(inside) = between(name, "map<", ">") {
        return map(inside);
    }
    if let Some(inside) =
        between(name, "decimal128(", ")").or_else(|| between(name, "decimal(", ")"))
    {
        let unknown = || unknown_type(name);
        let (precision, scale) = inside.split_once(',').ok_or_else(unknown)?;
        let precision = precision.trim().parse().map_err(|_| unknown())?;
        let scale = scale.trim().parse().map_err(|_| unknown())?;
        return Ok(DataType::Decimal128(precision, scale));
    }
    if let Some(size) = between(name, "fixed_size_binary[", "]") {
        return Ok(DataType::FixedSizeBinary(
            size.parse().map_err(|_| unknown_type(name))?,
        ));
    }
    plain(name)
}

fn plain(name: &str) -> Result<DataType, CaseError> {
    Ok(match name {
        "null" => DataType::Null,
        "bool" | "boolean" => DataType::Boolean,
        "int8" => DataType::Int8,
        "int16" => DataType::Int16,
        "int32" => DataType::Int32,
        "int64" => DataType::Int64,
        "uint8" => DataType::UInt8,
        "uint16" => DataType::UInt16,
        "uint32" => DataType::UInt32,
        "uint64" => DataType::UInt64,
        "float" | "float32" => DataType::Float32,
        "double" | "float64" => DataType::Float64,
        "string" | "utf8" => DataType::Utf8,
        "large_string" | "large_utf8" => DataType::LargeUtf8,
        "string_view" => DataType::Utf8View,
        "binary" => DataType::Binary,
        "large_binary" => DataType::LargeBinary,
        "date32" | "date32[day]" | "date" => DataType::Date32,
        other => return Err(unknown_type(other)),
    })
}

fn unknown_type(name: &str) -> CaseError {
    CaseError::new(format!(
        "the cases file names a type this reader does not know: {name}"
    ))
}

fn timestamp(inside: &str) -> Result<DataType, CaseError> {
    let (unit, zone) = match inside.split_once(',') {
        Some((unit, zone)) => (unit.trim(), Some(zone.trim())),
        None => (inside.trim(), None),
    };
    let unit = match unit {
        "s" => TimeUnit::Second,
        "ms" => TimeUnit::Millisecond,
        "us" => TimeUnit::Microsecond,
        "ns" => TimeUnit::Nanosecond,
        other => return Err(unknown_type(&format!("timestamp[{other}]"))),
    };
    let zone = zone.map(|zone| zone.strip_prefix("tz=").unwrap_or(zone).into());
    Ok(DataType::Timestamp(unit, zone))
}

/// `name: type`, or a type alone.
fn item(text: &str) -> Result<Field, CaseError> {
    let text = text.trim().trim_end_matches(" not null");
    match text.split_once(": ") {
        Some((name, t)) if !name.contains(['<', '[']) => Ok(Field::new(name, arrow_type(t)?, true)),
        _ => Ok(Field::new("item", arrow_type(text)?, true)),
    }
}

fn map(inside: &str) -> Result<DataType, CaseError> {
    let parts = split_top(inside);
    let [key, value] = parts.as_slice() else {
        return Err(unknown_type(&format!("map<{inside}>")));
    };
    let key = Field::new("key", item(key)?.data_type().clone(), false);
    let value = Field::new("value", item(value)?.data_type().clone(), true);
    let entries = Field::new("entries", DataType::Struct(vec![key, value].into()), false);
    Ok(DataType::Map(Arc::new(entries), false))
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    text.strip_prefix(open)?.strip_suffix(close)
}

/// Splits at commas that are in no brackets.
fn split_top(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, letter) in text.char_indices() {
        match letter {
            '<' | '[' | '(' => depth += 1,
            '>' | ']' | ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}

/// The SQL type of a Feast type name (`Int64`, `INT64`, `Array(String)`, `STRING_LIST`); `None` for
/// one that our statements have no word for.
pub(super) fn sql_type(feast: &str) -> Option<String> {
    let feast = feast.trim();
    for (open, close) in [("Array(", ")"), ("Array[", "]")] {
        if let Some(of) = between(feast, open, close) {
            return Some(format!("{}[]", sql_type(of)?));
        }
    }
    if let Some(of) = feast.to_ascii_uppercase().strip_suffix("_LIST") {
        return Some(format!("{}[]", sql_type(of)?));
    }
    let sql = match feast.to_ascii_uppercase().as_str() {
        "INT64" => "BIGINT",
        "INT32" => "INT",
        "STRING" => "VARCHAR",
        "FLOAT64" | "DOUBLE" => "DOUBLE",
        "FLOAT32" | "FLOAT" => "REAL",
        "BOOL" | "BOOLEAN" => "BOOLEAN",
        "BYTES" => "BYTEA",
        "UNIXTIMESTAMP" | "UNIX_TIMESTAMP" => "TIMESTAMP",
        _ => return None,
    };
    Some(sql.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pyarrow_names_are_read() {
        let read = |name: &str| arrow_type(name).unwrap();
        assert_eq!(read("int64"), DataType::Int64);
        let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        assert_eq!(read("timestamp[us, UTC]"), utc);
        assert_eq!(read("timestamp[us, tz=UTC]"), utc);
        assert_eq!(
            read("timestamp[ns]"),
            DataType::Timestamp(TimeUnit::Nanosecond, None)
        );
        let list = read("list<element: int64>");
        assert!(matches!(&list, DataType::List(f) if f.data_type() == &DataType::Int64));
        assert!(matches!(read("list<int64>"), DataType::List(_)));
        let nested = read("struct<a: int64, b: list<item: struct<c: string, d: double>>>");
        assert!(
            matches!(&nested, DataType::Struct(fields) if fields.len() == 2),
            "{nested}"
        );
        assert!(matches!(read("map<string, int64>"), DataType::Map(..)));
        assert_eq!(read("decimal128(10, 2)"), DataType::Decimal128(10, 2));
        assert!(arrow_type("quaternion").is_err());
    }

    #[test]
    fn feast_names_are_written_as_sql() {
        assert_eq!(sql_type("Int64").as_deref(), Some("BIGINT"));
        assert_eq!(sql_type("Array(Float64)").as_deref(), Some("DOUBLE[]"));
        assert_eq!(sql_type("STRING_LIST").as_deref(), Some("VARCHAR[]"));
        assert_eq!(sql_type("PdfBytes"), None);
    }
}
