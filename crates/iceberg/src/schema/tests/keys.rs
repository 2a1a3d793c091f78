// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Columns of keys, read beside those of the table.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int32Array, Int64Array, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Fields};
use iceberg::spec::TableMetadata;
use serde_json::{Value, json};

use super::{file, read, stored};
use crate::schema::{TableColumns, key_columns};

fn long(id: i32, name: &str) -> Value {
    json!({"id": id, "name": name, "required": false, "type": "long"})
}

/// A table with `a` (1) and `s` (2) of `x` (3) and `y` (4, default 8), which dropped `gone` (5).
fn metadata() -> TableMetadata {
    let mut y = long(4, "y");
    y["initial-default"] = json!(8);
    let s = json!({"id": 2, "name": "s", "required": false, "type":
        {"type": "struct", "fields": [long(3, "x"), y]}});
    let mut gone = long(5, "gone");
    gone["required"] = json!(true);
    let schemas = [json!([long(1, "a"), gone]), json!([long(1, "a"), s])];
    let schemas: Vec<_> = schemas
        .iter()
        .enumerate()
        .map(|(id, fields)| json!({"type": "struct", "schema-id": id, "fields": fields}))
        .collect();
    serde_json::from_value(json!({
        "format-version": 2, "table-uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1",
        "location": "memory:///t", "last-sequence-number": 1, "last-updated-ms": 1,
        "last-column-id": 9, "current-schema-id": 1, "schemas": schemas,
        "default-spec-id": 0, "partition-specs": [{"spec-id": 0, "fields": []}],
        "last-partition-id": 999, "default-sort-order-id": 0,
        "sort-orders": [{"order-id": 0, "fields": []}],
    }))
    .unwrap()
}

fn columns(ids: &[i32]) -> Arc<TableColumns> {
    let metadata = metadata();
    let columns = TableColumns::try_new("ns.t", metadata.current_schema()).unwrap();
    let keys = key_columns(&metadata, ids.iter().copied()).unwrap();
    Arc::new(columns.with_keys(&keys))
}

fn values(array: &ArrayRef) -> Vec<Option<i64>> {
    let longs = array.as_any().downcast_ref::<Int64Array>().unwrap();
    longs.iter().collect()
}

fn longs(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

#[test]
fn columns_of_the_table_are_not_added_again() {
    let columns = columns(&[1, 3, 5, 3]);
    let names: Vec<_> = columns
        .arrow()
        .fields()
        .iter()
        .map(|f| f.name().as_str())
        .collect();
    assert_eq!(names, ["a", "s", "s.x#3", "gone#5"]);
    let ids: Vec<_> = columns.columns().iter().map(|c| c.id).collect();
    assert_eq!(ids, [1, 2, 3, 5]);
}

#[test]
fn dropped_columns_are_read_and_null_where_they_are_not() {
    let columns = columns(&[5]);
    let ints: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let old = file(vec![(stored(Some(5), "old", DataType::Int32), ints)]);
    assert_eq!(values(&read(&columns, &old, "gone#5")), [Some(1), Some(2)]);
    let new = file(vec![(
        stored(Some(1), "a", DataType::Int64),
        longs(&[7, 8]),
    )]);
    assert_eq!(values(&read(&columns, &new, "gone#5")), [None, None]);
    assert_eq!(values(&read(&columns, &new, "a")), [Some(7), Some(8)]);
}

#[test]
fn fields_of_structs_are_null_where_the_struct_is() {
    let columns = columns(&[3, 4]);
    let children = [("y", 3, longs(&[1, 2])), ("other", 9, longs(&[0, 0]))];
    let (fields, arrays): (Vec<_>, Vec<_>) = children
        .into_iter()
        .map(|(name, id, array)| (stored(Some(id), name, DataType::Int64), array))
        .unzip();
    let nulls = NullBuffer::from(vec![false, true]);
    let structs = StructArray::new(Fields::from(fields), arrays, Some(nulls));
    let s = stored(Some(2), "renamed", structs.data_type().clone());
    let with = file(vec![(s, Arc::new(structs))]);
    assert_eq!(values(&read(&columns, &with, "s.x#3")), [None, Some(2)]);
    assert_eq!(
        values(&read(&columns, &with, "s.y#4")),
        [None, Some(8)],
        "its default"
    );
    let without = file(vec![(stored(Some(1), "a", DataType::Int64), longs(&[1]))]);
    assert_eq!(values(&read(&columns, &without, "s.x#3")), [None]);
    assert_eq!(
        values(&read(&columns, &without, "s.y#4")),
        [None],
        "no struct, no default"
    );
}
