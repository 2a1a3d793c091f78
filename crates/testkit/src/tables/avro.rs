// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Avro files: their schemas as JSON, their records as values.

use std::io;

use apache_avro::types::Value;
use apache_avro::{Codec, Decimal, DeflateSettings, Schema, to_avro_datum};
use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::datum::Datum;
use super::single::minimal;
use super::types::Type;

/// A required field.
pub(super) fn field(id: i32, name: &str, ty: Json) -> Json {
    json!({"name": name, "type": ty, "field-id": id})
}

/// An optional field.
pub(super) fn optional(id: i32, name: &str, ty: Json) -> Json {
    json!({"name": name, "type": ["null", ty], "default": null, "field-id": id})
}

pub(super) fn record(name: &str, fields: Vec<Json>) -> Json {
    json!({"type": "record", "name": name, "fields": fields})
}

/// A list of `items`.
pub(super) fn list(id: i32, items: Json) -> Json {
    json!({"type": "array", "items": items, "element-id": id})
}

/// A map with integers as keys: a list of pairs.
pub(super) fn map(key: i32, value: i32, ty: &str) -> Json {
    let pair = record(
        &format!("k{key}_v{value}"),
        vec![
            field(key, "key", json!("int")),
            field(value, "value", json!(ty)),
        ],
    );
    json!({"type": "array", "items": pair, "logicalType": "map"})
}

/// The Avro type of partition values; `id` makes the names of types differ. Where they are
/// `unfixed`, UUIDs are texts and decimals as many bytes as each needs.
pub(super) fn primitive(ty: &Type, id: i32, unfixed: bool) -> Json {
    let micros = |zoned: bool| json!({"type": "long", "logicalType": "timestamp-micros", "adjust-to-utc": zoned});
    let nanos = |zoned: bool| json!({"type": "long", "logicalType": "timestamp-nanos", "adjust-to-utc": zoned});
    let fixed = |size: usize| json!({"type": "fixed", "size": size, "name": format!("fixed_{id}")});
    match ty {
        Type::Boolean => json!("boolean"),
        Type::Int => json!("int"),
        Type::Long => json!("long"),
        Type::Float => json!("float"),
        Type::Double => json!("double"),
        Type::Date => json!({"type": "int", "logicalType": "date"}),
        Type::Time => json!({"type": "long", "logicalType": "time-micros"}),
        Type::Timestamp => micros(false),
        Type::Timestamptz => micros(true),
        Type::TimestampNs => nanos(false),
        Type::TimestamptzNs => nanos(true),
        Type::Text => json!("string"),
        Type::Uuid => {
            let mut uuid = if unfixed {
                json!({"type": "string"})
            } else {
                fixed(16)
            };
            uuid["logicalType"] = json!("uuid");
            uuid
        }
        Type::Fixed(length) => fixed(*length),
        Type::Decimal(precision, scale) => {
            let mut decimal = if unfixed {
                json!({"type": "bytes"})
            } else {
                fixed(decimal_size(*precision))
            };
            decimal["logicalType"] = json!("decimal");
            decimal["precision"] = json!(precision);
            decimal["scale"] = json!(scale);
            decimal
        }
        _ => json!("bytes"),
    }
}

/// As few bytes as hold every decimal of a precision.
fn decimal_size(precision: u8) -> usize {
    (1..16)
        .find(|bytes| 10_i128.pow(precision.into()) <= 1 << (8 * bytes - 1))
        .unwrap_or(16)
}

/// A partition value; NULL where there is none.
pub(super) fn value(datum: &Datum, ty: &Type, unfixed: bool) -> Value {
    let value = match (datum, ty) {
        (Datum::Null, _) => return some(None),
        (Datum::Bool(value), _) => Value::Boolean(*value),
        (Datum::Int(value), Type::Int) => Value::Int(*value as i32),
        (Datum::Int(value), Type::Date) => Value::Date(*value as i32),
        (Datum::Int(value), Type::Time) => Value::TimeMicros(*value),
        (Datum::Int(value), Type::Timestamp | Type::Timestamptz) => Value::TimestampMicros(*value),
        (Datum::Int(value), Type::TimestampNs | Type::TimestamptzNs) => {
            Value::TimestampNanos(*value)
        }
        (Datum::Int(value), _) => Value::Long(*value),
        (Datum::Float(value), _) => Value::Float(*value),
        (Datum::Double(value), _) => Value::Double(*value),
        (Datum::Decimal(value), _) => Value::Decimal(Decimal::from(minimal(*value))),
        (Datum::Text(value), _) => Value::String(value.clone()),
        (Datum::Bytes(value), Type::Uuid) if unfixed => Value::String(hyphenated(value)),
        (Datum::Bytes(value), Type::Uuid | Type::Fixed(_)) => {
            Value::Fixed(value.len(), value.clone())
        }
        (Datum::Bytes(value), _) => Value::Bytes(value.clone()),
        _ => return some(None),
    };
    some(Some(value))
}

/// A UUID as text.
fn hyphenated(uuid: &[u8]) -> String {
    let hex: Vec<String> = uuid.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [0..4, 4..6, 6..8, 8..10, 10..16];
    let parts = parts.map(|part| hex[part].concat());
    parts.join("-")
}

/// A value of an optional field.
pub(super) fn some(value: Option<Value>) -> Value {
    match value {
        Some(value) => Value::Union(1, Box::new(value)),
        None => Value::Union(0, Box::new(Value::Null)),
    }
}

/// An optional long.
pub(super) fn some_long(value: Option<i64>) -> Value {
    some(value.map(Value::Long))
}

/// A record of named values.
pub(super) fn values(fields: Vec<(&str, Value)>) -> Value {
    let fields = fields.into_iter();
    Value::Record(
        fields
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

/// Pairs of a map with integers as keys; an empty map is left out.
pub(super) fn pairs(entries: impl Iterator<Item = (i32, Value)>) -> Value {
    let pairs: Vec<Value> = entries
        .map(|(key, value)| values(vec![("key", Value::Int(key)), ("value", value)]))
        .collect();
    some((!pairs.is_empty()).then_some(Value::Array(pairs)))
}

/// A whole file.
pub(super) fn file(
    schema: &Json,
    header: &[(&str, String)],
    records: Vec<Value>,
    compressed: bool,
) -> io::Result<Bytes> {
    let mut encoded = schema.clone();
    forget_uuids(&mut encoded);
    let parsed = Schema::parse(&encoded).map_err(io::Error::other)?;
    let (count, mut block) = (records.len(), Vec::new());
    for record in records {
        block.extend(to_avro_datum(&parsed, record).map_err(io::Error::other)?);
    }
    if compressed {
        let codec = Codec::Deflate(DeflateSettings::default());
        codec.compress(&mut block).map_err(io::Error::other)?;
    }
    let codec = if compressed { "deflate" } else { "null" };
    let mut entries = vec![
        ("avro.schema", schema.to_string()),
        ("avro.codec", codec.to_owned()),
    ];
    entries.extend(header.iter().cloned());

    let mut file = b"Obj\x01".to_vec();
    long(&mut file, entries.len() as i64);
    for (key, value) in &entries {
        text(&mut file, key);
        text(&mut file, value);
    }
    long(&mut file, 0);
    file.extend_from_slice(&MARKER);
    if count > 0 {
        long(&mut file, count as i64);
        long(&mut file, block.len() as i64);
        file.extend_from_slice(&block);
        file.extend_from_slice(&MARKER);
    }
    Ok(file.into())
}

/// Parts the blocks of a file.
const MARKER: [u8; 16] = *b"a sync marker 16";

/// A UUID is 16 bytes, which this Avro crate would write as text.
fn forget_uuids(schema: &mut Json) {
    match schema {
        Json::Object(fields) => {
            if fields.get("logicalType") == Some(&json!("uuid")) {
                fields.remove("logicalType");
            }
            fields.values_mut().for_each(forget_uuids);
        }
        Json::Array(items) => items.iter_mut().for_each(forget_uuids),
        _ => {}
    }
}

/// A number in Avro's form: zigzag, seven bits a byte, the lowest first.
fn long(file: &mut Vec<u8>, value: i64) {
    let mut left = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while left > 0x7f {
        file.push((left & 0x7f | 0x80) as u8);
        left >>= 7;
    }
    file.push(left as u8);
}

fn text(file: &mut Vec<u8>, text: &str) {
    long(file, text.len() as i64);
    file.extend_from_slice(text.as_bytes());
}
