// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Keys against the bytes that Feast made of them.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Float32Array, Int32Array, Int64Array, NullArray,
    StringArray, TimestampSecondArray,
};
use arrow::datatypes::DataType;
use feast_registry::ValueType;
use serde_json::Value as Json;

use super::*;

fn cases() -> Json {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/data/cases/feast_cases.json"
    );
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = (0..text.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// A value as the vectors have it: its column and the type declared for it.
fn value(json: &Json) -> (ArrayRef, ValueType) {
    let Some((kind, value)) = json.as_object().unwrap().iter().next() else {
        return (Arc::new(NullArray::new(1)), ValueType::Null);
    };
    let number = value.as_i64().unwrap_or_default();
    match kind.as_str() {
        "int64_val" => (Arc::new(Int64Array::from(vec![number])), ValueType::Int64),
        "int32_val" => {
            let number = i32::try_from(number).unwrap();
            (Arc::new(Int32Array::from(vec![number])), ValueType::Int32)
        }
        "string_val" => {
            let text = value.as_str().unwrap();
            (Arc::new(StringArray::from(vec![text])), ValueType::String)
        }
        "bytes_val" => {
            let bytes = unhex(value.as_str().unwrap());
            (
                Arc::new(BinaryArray::from(vec![bytes.as_slice()])),
                ValueType::Bytes,
            )
        }
        "unix_timestamp_val" => {
            let seconds = TimestampSecondArray::from(vec![number]).with_timezone("UTC");
            (Arc::new(seconds), ValueType::UnixTimestamp)
        }
        "float_val" => (Arc::new(Float32Array::from(vec![1.0])), ValueType::Float),
        "bool_val" => (Arc::new(BooleanArray::from(vec![true])), ValueType::Bool),
        other => panic!("{other}"),
    }
}

#[test]
fn bytes_are_those_of_feast() {
    let cases = cases();
    let vectors = cases["entity_key_vectors"]["entity_keys"]
        .as_array()
        .unwrap();
    let (mut equal, mut refused) = (0, 0);
    for vector in vectors {
        let name = vector["name"].as_str().unwrap();
        if vector["join_keys"].as_array().unwrap().is_empty() {
            // Views without entities have Feast's dummy key, see below.
            continue;
        }
        let names = vector["join_keys"].as_array().unwrap().iter();
        let values = vector["values"].as_array().unwrap().iter();
        let mut keys = Vec::new();
        let mut columns = Vec::new();
        let mut error = None;
        for (key, json) in names.zip(values) {
            let (column, declared) = value(json);
            let key = key.as_str().unwrap().to_owned();
            match KeyType::try_new("v", &key, declared, column.data_type()) {
                Ok(key_type) => keys.push((key, key_type)),
                Err(found) => error = Some(found.to_string()),
            }
            columns.push(column);
        }
        if vector["error"].is_string() {
            let error = error.unwrap();
            assert!(error.contains("join key f of feature view v"), "{error}");
            refused += 1;
            continue;
        }
        let encoded = EntityKeyEncoder::new(keys).encode(&columns, 1).unwrap();
        assert_eq!(
            hex(encoded[0].as_ref().unwrap()),
            vector["v3_hex"],
            "{name}"
        );
        equal += 1;
    }
    assert_eq!((equal, refused), (10, 3));
}

#[test]
fn hashes_are_those_of_feast() {
    let cases = cases();
    let hashes = cases["entity_key_vectors"]["redis_field_mmh3"]
        .as_object()
        .unwrap();
    for (field, hash) in hashes {
        let ours = murmur3_x86_32(field.as_bytes()).to_le_bytes();
        assert_eq!(hex(&ours), hash.as_str().unwrap(), "{field}");
    }
    assert_eq!(hashes.len(), 3);
}

#[test]
fn a_view_without_entities_has_the_key_of_the_dummy_entity() {
    let encoded = EntityKeyEncoder::new(vec![]).encode(&[], 2).unwrap();
    let expected = "01000000020000000a0000005f5f64756d6d795f69640200000000000000";
    let all: Vec<String> = encoded.into_iter().map(|key| hex(&key.unwrap())).collect();
    assert_eq!(all, [expected, expected]);
}

#[test]
fn integers_are_cast_to_the_declared_type_or_refused() {
    let narrow: ArrayRef = Arc::new(Int32Array::from(vec![7]));
    let wide: ArrayRef = Arc::new(Int64Array::from(vec![7]));
    let keys = |key| EntityKeyEncoder::new(vec![("k".to_owned(), key)]);
    for key in [KeyType::Int32, KeyType::Int64] {
        let encoder = keys(key);
        assert_eq!(
            encoder.encode(&[Arc::clone(&narrow)], 1).unwrap(),
            encoder.encode(&[Arc::clone(&wide)], 1).unwrap()
        );
    }
    let large: ArrayRef = Arc::new(Int64Array::from(vec![1_i64 << 40]));
    let error = keys(KeyType::Int32)
        .encode(&[large], 1)
        .unwrap_err()
        .to_string();
    assert!(error.contains("join key k does not fit Int32"), "{error}");
    let text: ArrayRef = Arc::new(StringArray::from(vec!["7"]));
    let error = keys(KeyType::Int64)
        .encode(&[text], 1)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("join key k is Int64, found a column of type Utf8"),
        "{error}"
    );
    let list = DataType::new_list(DataType::Int64, true);
    let error = KeyType::try_new("v", "k", ValueType::Unknown, &list).unwrap_err();
    assert!(
        error.to_string().contains("cannot be a key online"),
        "{error}"
    );
}

#[test]
fn a_hash_is_unsigned_modulo_the_parts() {
    let hash = EntityHash::new(
        EntityKeyEncoder::new(vec![("k".to_owned(), KeyType::Int64)]),
        16,
    );
    let keys: ArrayRef = Arc::new(Int64Array::from_iter((0..1_000).map(Some).chain([None])));
    let hashes = hash.of(&[keys], 1_001).unwrap();
    let mut parts = std::collections::BTreeSet::new();
    for part in hashes.iter().take(1_000) {
        parts.insert(part.unwrap());
    }
    assert_eq!(parts, (0..16).collect());
    assert_eq!(hashes.iter().last().unwrap(), None);
}
