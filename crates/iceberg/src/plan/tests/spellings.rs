// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Partition values in every form that writers give them.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use iceberg::spec::{
    FieldSummary, Literal, NestedField, PartitionSpec, PrimitiveLiteral, PrimitiveType, Schema,
    Transform, Type,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::avro::Cursor;
use super::super::avro_type::AvroType;
use super::super::decode_tuple::TupleReader;
use super::super::entry_columns::ColumnTypes;
use super::super::partitions::summary_facts;
use crate::error::{ErrorKind, Result};
use crate::schema::TableColumns;

const UUID: [u8; 16] = *b"\x90sixteen bytes!\xff";

fn schema(primitive: &PrimitiveType) -> Arc<Schema> {
    let column = NestedField::optional(1, "x", Type::Primitive(primitive.clone()));
    let schema = Schema::builder().with_fields([Arc::new(column)]);
    Arc::new(schema.build().unwrap())
}

/// A spec of the identity of the one column.
fn spec(primitive: &PrimitiveType) -> PartitionSpec {
    let spec = PartitionSpec::builder(schema(primitive));
    let spec = spec.add_partition_field("x", "x_part", Transform::Identity);
    spec.unwrap().build().unwrap()
}

/// The partition value of a column of type `primitive`, of which the writer says `avro`.
fn read(primitive: &PrimitiveType, avro: &Value, bytes: &[u8]) -> Result<Literal> {
    let types = ColumnTypes::from([(1, primitive.clone())]);
    let mut found = Vec::new();
    for (avro, bytes) in [
        (avro.clone(), bytes.to_vec()),
        (json!(["null", avro]), [&[2], bytes].concat()),
    ] {
        let field = json!({"name": "x_part", "type": avro, "field-id": 1000});
        let record = json!({"type": "record", "name": "r102", "fields": [field]});
        let record = AvroType::parse(record.to_string().as_bytes())?;
        let fields = record.fields().unwrap();
        let reader = TupleReader::try_new(fields, &spec(primitive), &types)?;
        let mut cursor = Cursor { rest: &bytes };
        let tuple = reader.read(&record, &mut cursor)?;
        assert_eq!(cursor.rest, b"", "{avro}: bytes are left");
        found.push(tuple.fields()[0].clone().unwrap());
    }
    assert_eq!(found[0], found[1]);
    Ok(found.swap_remove(0))
}

/// Bytes or text after their length.
fn counted(bytes: &[u8]) -> Vec<u8> {
    [&[(bytes.len() as u8) << 1], bytes].concat()
}

#[test]
fn uuids_are_fixed_texts_or_bytes() {
    let text = Uuid::from_bytes(UUID).to_string();
    for (avro, bytes) in [
        (
            json!({"type": "fixed", "size": 16, "name": "u", "logicalType": "uuid"}),
            UUID.to_vec(),
        ),
        (
            json!({"type": "fixed", "size": 16, "name": "u"}),
            UUID.to_vec(),
        ),
        (
            json!({"type": "string", "logicalType": "uuid"}),
            counted(text.as_bytes()),
        ),
        (json!("string"), counted(text.to_uppercase().as_bytes())),
        (json!("bytes"), counted(&UUID)),
    ] {
        let found = read(&PrimitiveType::Uuid, &avro, &bytes).unwrap();
        assert_eq!(found, Literal::uuid(Uuid::from_bytes(UUID)), "{avro}");
    }
    let error = read(&PrimitiveType::Uuid, &json!("string"), &counted(b"no uuid")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.to_string().contains("x_part"), "{error}");
}

#[test]
fn decimals_are_fixed_of_any_length_or_bytes() {
    let decimal = PrimitiveType::Decimal {
        precision: 9,
        scale: 2,
    };
    let marked = |mut avro: Value| {
        avro["logicalType"] = json!("decimal");
        avro["precision"] = json!(9);
        avro["scale"] = json!(2);
        avro
    };
    let fixed = |size: usize| json!({"type": "fixed", "size": size, "name": "d"});
    for unscaled in [-12_345_i128, 0, 7, 999_999_999] {
        let all = unscaled.to_be_bytes();
        for (avro, bytes) in [
            (marked(fixed(4)), all[12..].to_vec()),
            (fixed(4), all[12..].to_vec()),
            (marked(fixed(16)), all.to_vec()),
            (marked(json!({"type": "bytes"})), counted(&all[11..])),
            (json!("bytes"), counted(&all[12..])),
        ] {
            let found = read(&decimal, &avro, &bytes).unwrap();
            let wanted = Literal::Primitive(PrimitiveLiteral::Int128(unscaled));
            assert_eq!(found, wanted, "{unscaled} as {avro}");
        }
    }
}

/// Java orders UUIDs by their halves as signed numbers, also in the summaries of manifests.
#[test]
fn summaries_of_uuids_lose_no_row_in_either_order() {
    let uuid = |first: u64, second: u64| u128::from(first) << 64 | u128::from(second);
    let (low, high) = (1_u64, 1 << 63 | 1);
    let columns = TableColumns::try_new("t", &schema(&PrimitiveType::Uuid)).unwrap();
    let column = columns.column("x").unwrap();
    let halves = [0, low, 2, high, u64::MAX];
    let of_first = |first: u64| halves.map(|second| uuid(first, second));
    let all: Vec<u128> = halves.into_iter().flat_map(of_first).collect();
    let signed = |value: u128| ((value >> 64) as i64, value as i64);
    let mut pruned = 0;
    for in_java in [false, true] {
        let pairs = all.iter().flat_map(|a| all.iter().map(|b| (*a, *b)));
        for (lower, upper) in pairs {
            let holds = |value: u128| match in_java {
                true => signed(lower) <= signed(value) && signed(value) <= signed(upper),
                false => lower <= value && value <= upper,
            };
            let bytes = |value: u128| Some(value.to_be_bytes().to_vec().into());
            let summary = FieldSummary {
                contains_null: false,
                contains_nan: None,
                lower_bound: bytes(lower),
                upper_bound: bytes(upper),
            };
            let facts = summary_facts(&spec(&PrimitiveType::Uuid), &[summary], column).checked();
            for value in all.iter().copied() {
                let bytes = value.to_be_bytes().to_vec();
                let scalar = ScalarValue::FixedSizeBinary(16, Some(bytes));
                let below = facts.min.as_ref().is_some_and(|min| scalar < *min);
                let above = facts.max.as_ref().is_some_and(|max| scalar > *max);
                assert!(
                    !holds(value) || !(below || above),
                    "{value:x} in {lower:x} to {upper:x}, java {in_java}"
                );
                pruned += usize::from(below || above);
            }
        }
    }
    assert!(pruned > 1_000, "{pruned}");
}
