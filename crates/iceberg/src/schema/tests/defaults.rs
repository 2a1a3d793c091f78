// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Initial defaults of every type, at the top and in structs.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Fields, Int64Type};
use arrow::util::display::array_value_to_string;
use iceberg::spec::Schema;
use serde_json::{Value, json};

use super::{file, read, read_with, stored};
use crate::error::ErrorKind;
use crate::schema::{TableColumns, check_defaults};

fn columns(fields: &Value) -> Arc<TableColumns> {
    let schema = json!({"type": "struct", "schema-id": 0, "fields": fields});
    let schema: Schema = serde_json::from_value(schema).unwrap();
    Arc::new(TableColumns::try_new("ns.t", &Arc::new(schema)).unwrap())
}

fn field(id: i32, name: &str, of: &Value, default: Value) -> Value {
    let mut field = json!({"id": id, "name": name, "required": false, "type": of});
    if !default.is_null() {
        field["initial-default"] = default;
    }
    field
}

fn two_rows() -> arrow::array::RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    file(vec![(stored(Some(99), "other", DataType::Int64), ids)])
}

#[test]
fn defaults_of_every_type_fill_what_a_file_lacks() {
    let cases = [
        ("boolean", json!(true), "true"),
        ("int", json!(-7), "-7"),
        ("long", json!(i64::MIN), "-9223372036854775808"),
        ("float", json!(0.25), "0.25"),
        ("double", json!(0.5), "0.5"),
        ("decimal(16, 2)", json!("12345.00"), "12345.00"),
        ("decimal(9, 3)", json!("-0.001"), "-0.001"),
        ("date", json!("2003-10-20"), "2003-10-20"),
        ("time", json!("00:00:00.012345"), "00:00:00.012345"),
        (
            "timestamp",
            json!("1970-01-01T00:00:00.012345"),
            "1970-01-01T00:00:00.012345",
        ),
        (
            "timestamptz",
            json!("1969-12-31T00:00:00.5+00:00"),
            "1969-12-31T00:00:00.500Z",
        ),
        ("string", json!("ü"), "ü"),
        ("string", json!(""), ""),
        (
            "uuid",
            json!("f79c3e09-677c-4bbd-a479-3f349cb785e7"),
            "f79c3e09677c4bbda4793f349cb785e7",
        ),
        ("fixed[5]", json!("010203ff03"), "010203ff03"),
        ("binary", json!("0102"), "0102"),
    ];
    for (kind, default, wanted) in cases {
        let columns = columns(&json!([field(1, "c", &json!(kind), default)]));
        let found = read(&columns, &two_rows(), "c");
        assert_eq!(found.null_count(), 0, "{kind}");
        assert_eq!(array_value_to_string(&found, 1).unwrap(), wanted, "{kind}");
    }
}

/// A struct `s` (id 1, default `default`) of a string `x` (id 2), a long `y` (id 3) with the
/// default 5 and a struct `z` (id 4, default {}) of a long `w` (id 5) with the default 6.
fn nested(default: Value) -> Arc<TableColumns> {
    let inner = json!({"type": "struct", "fields": [field(5, "w", &json!("long"), json!(6))]});
    let of = json!({"type": "struct", "fields": [
        field(2, "x", &json!("string"), Value::Null),
        field(3, "y", &json!("long"), json!(5)),
        field(4, "z", &inner, json!({})),
    ]});
    columns(&json!([field(1, "s", &of, default)]))
}

#[test]
fn a_struct_without_a_default_is_null_and_one_with_has_those_of_its_fields() {
    let absent = read(&nested(Value::Null), &two_rows(), "s");
    assert_eq!(absent.null_count(), 2);
    let empty = read(&nested(json!({})), &two_rows(), "s");
    assert_eq!(
        array_value_to_string(&empty, 0).unwrap(),
        "{x: , y: 5, z: {w: 6}}"
    );
    assert_eq!(empty.null_count(), 0);
}

#[test]
fn fields_added_to_a_struct_have_their_defaults_where_the_struct_is() {
    let x = stored(Some(2), "x", DataType::Utf8);
    let strings: ArrayRef = Arc::new(arrow::array::StringArray::from(vec!["a", "b"]));
    let nulls = NullBuffer::from(vec![true, false]);
    let structs = StructArray::new(Fields::from(vec![x]), vec![strings], Some(nulls));
    let s = stored(Some(1), "s", structs.data_type().clone());
    let file = file(vec![(s, Arc::new(structs))]);
    let found = read(&nested(Value::Null), &file, "s");
    assert_eq!(
        array_value_to_string(&found, 0).unwrap(),
        "{x: a, y: 5, z: {w: 6}}"
    );
    assert!(found.is_null(1));
    let y = Arc::clone(found.as_struct().column(1));
    assert_eq!(y.as_primitive::<Int64Type>().value(0), 5);
}

#[test]
fn a_required_field_that_a_struct_in_a_file_lacks_is_an_error() {
    let of = json!({"type": "struct", "fields": [
        {"id": 2, "name": "x", "required": false, "type": "long"},
        {"id": 3, "name": "must", "required": true, "type": "long"},
    ]});
    let columns = columns(&json!([field(1, "s", &of, Value::Null)]));
    let x = stored(Some(2), "x", DataType::Int64);
    let longs: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let structs = StructArray::new(Fields::from(vec![x]), vec![longs], None);
    let s = stored(Some(1), "s", structs.data_type().clone());
    let file = file(vec![(s, Arc::new(structs))]);
    let error = read_with(&columns, None, &file, "s")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("column must is required") && error.contains("ns.t"),
        "{error}"
    );
}

#[test]
fn defaults_that_the_parser_loses_are_refused_by_name() {
    let metadata = |of: &Value, default: Value| {
        let fields = [json!({"id": 1, "name": "s", "required": false, "type":
            {"type": "struct", "fields": [field(2, "c", of, default)]}})];
        json!({"schemas": [{"type": "struct", "schema-id": 0, "fields": fields}]}).to_string()
    };
    for (of, default) in [
        ("timestamp_ns", json!("1970-01-01T00:00:00.000000001")),
        (
            "timestamptz_ns",
            json!("1970-01-01T00:00:00.000000001+00:00"),
        ),
        ("timestamptz", json!("1970-01-01T00:00:00+02:00")),
        ("int", json!("7")),
        ("int", json!(1_u64 << 40)),
        ("fixed[2]", json!("01")),
    ] {
        let error = check_defaults(metadata(&json!(of), default).as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(
            error.to_string().contains(&format!("'s.c' (\"{of}\"")),
            "{error}"
        );
    }
    for (of, default) in [
        ("int", json!(7)),
        ("int", Value::Null),
        ("geometry", json!("x")),
    ] {
        check_defaults(metadata(&json!(of), default).as_bytes()).unwrap();
    }
    check_defaults(b"initial-default, but no JSON").unwrap();
}
