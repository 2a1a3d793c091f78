// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Names: of any script and case in tables, and what they mean for files without ids.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Date32Array, Int32Array, ListArray, MapArray, StringArray, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use arrow::util::display::array_value_to_string;
use iceberg::spec::{
    ListType, MapType, NameMapping, NestedField, NestedFieldRef, PrimitiveType, StructType, Type,
};

use super::{file, longs, optional, read, read_with, stored, table};

fn shown(array: &ArrayRef, row: usize) -> String {
    array_value_to_string(array, row).unwrap()
}

#[test]
fn names_that_differ_in_case_or_script_are_columns_of_their_own() {
    let columns = table(vec![
        optional(1, "a", PrimitiveType::Long),
        optional(2, "A", PrimitiveType::Long),
        optional(3, "été", PrimitiveType::Long),
        optional(4, "a.b", PrimitiveType::Long),
    ]);
    let file = file(vec![
        (stored(Some(4), "été", DataType::Int64), longs(&[4])),
        (stored(Some(2), "a", DataType::Int64), longs(&[2])),
        (stored(Some(1), "A", DataType::Int64), longs(&[1])),
        (stored(Some(3), "a.b", DataType::Int64), longs(&[3])),
    ]);
    for (name, wanted) in [("a", "1"), ("A", "2"), ("été", "3"), ("a.b", "4")] {
        assert_eq!(shown(&read(&columns, &file, name), 0), wanted, "{name}");
    }
}

#[test]
fn a_date_becomes_a_timestamp() {
    let columns = table(vec![optional(1, "t", PrimitiveType::Timestamp)]);
    let dates: ArrayRef = Arc::new(Date32Array::from(vec![1, -1]));
    let file = file(vec![(stored(Some(1), "t", DataType::Date32), dates)]);
    let read = read(&columns, &file, "t");
    assert_eq!(shown(&read, 0), "1970-01-02T00:00:00");
    assert_eq!(shown(&read, 1), "1969-12-31T00:00:00");
}

/// A list `l` (1) of structs (2) of `x` (3), and a map `m` (4) from `k` (5) to structs (6) of `v` (7).
fn nested() -> Vec<NestedField> {
    let structure = |id, name| {
        let field = NestedFieldRef::new(optional(id, name, PrimitiveType::Long));
        Type::Struct(StructType::new(vec![field]))
    };
    let element = NestedField::list_element(2, structure(3, "x"), false);
    let list = Type::List(ListType {
        element_field: Arc::new(element),
    });
    let key = NestedField::map_key_element(5, Type::Primitive(PrimitiveType::String));
    let map = Type::Map(MapType {
        key_field: Arc::new(key),
        value_field: Arc::new(NestedField::map_value_element(6, structure(7, "v"), false)),
    });
    vec![
        NestedField::optional(1, "l", list),
        NestedField::optional(4, "m", map),
    ]
}

/// The same in a file that has other names and no ids, the fields of structs beside another.
fn nested_file(list: &str, map: &str, x: &str, v: &str) -> arrow::array::RecordBatch {
    let structs = |name: &str, value| {
        let ints: ArrayRef = Arc::new(Int32Array::from(vec![value]));
        let fields = vec![
            stored(None, "no", DataType::Int64),
            stored(None, name, DataType::Int32),
        ];
        StructArray::new(Fields::from(fields), vec![longs(&[0]), ints], None)
    };
    let elements = structs(x, 30);
    let element = Arc::new(stored(None, "array", elements.data_type().clone()));
    let offsets = OffsetBuffer::from_lengths([1]);
    let lists = ListArray::new(element, offsets.clone(), Arc::new(elements), None);
    let values = structs(v, 70);
    let keys: ArrayRef = Arc::new(StringArray::from(vec!["k"]));
    let pair = Fields::from(vec![
        Field::new("my_key", DataType::Utf8, false),
        stored(None, "my_value", values.data_type().clone()),
    ]);
    let pairs = StructArray::new(pair.clone(), vec![keys, Arc::new(values)], None);
    let entries = Arc::new(Field::new("key_value", DataType::Struct(pair), false));
    let maps = MapArray::new(entries, offsets, pairs, None, false);
    file(vec![
        (
            stored(None, list, lists.data_type().clone()),
            Arc::new(lists),
        ),
        (stored(None, map, maps.data_type().clone()), Arc::new(maps)),
    ])
}

#[test]
fn a_name_mapping_reaches_into_lists_and_maps() {
    let columns = table(nested());
    let mapping: NameMapping = serde_json::from_str(
        r#"[{"field-id": 4, "names": ["m", "old_m"], "fields": [
                {"field-id": 5, "names": ["key"]},
                {"field-id": 6, "names": ["value"], "fields": [
                    {"field-id": 7, "names": ["v", "old_v"]}]}]},
            {"field-id": 1, "names": ["l", "old_l"], "fields": [
                {"field-id": 2, "names": ["element"], "fields": [
                    {"field-id": 3, "names": ["x", "old_x"]}]}]}]"#,
    )
    .unwrap();
    let file = nested_file("old_l", "old_m", "old_x", "old_v");
    let mapped = |name| read_with(&columns, Some(mapping.clone()), &file, name).unwrap();
    assert_eq!(shown(&mapped("l"), 0), "[{x: 30}]");
    assert_eq!(shown(&mapped("m"), 0), "{k: {v: 70}}");
    let file = nested_file("l", "m", "unknown", "unknown");
    let mapped = |name| read_with(&columns, Some(mapping.clone()), &file, name).unwrap();
    assert_eq!(shown(&mapped("l"), 0), "[{x: }]");
    assert_eq!(shown(&mapped("m"), 0), "{k: {v: }}");
    let file = nested_file("unknown", "unknown", "x", "v");
    let mapped = |name| read_with(&columns, Some(mapping.clone()), &file, name).unwrap();
    assert_eq!(mapped("l").null_count() + mapped("m").null_count(), 2);
}

#[test]
fn a_map_is_read_by_the_ids_of_its_keys_and_values() {
    let columns = table(nested());
    let keys: ArrayRef = Arc::new(StringArray::from(vec!["k"]));
    let fields = [
        stored(Some(9), "v", DataType::Int64),
        stored(Some(7), "w", DataType::Int64),
    ];
    let values = StructArray::new(
        Fields::from(fields.to_vec()),
        vec![longs(&[9]), longs(&[7])],
        None,
    );
    let key = stored(Some(5), "key", DataType::Utf8).with_nullable(false);
    let value = stored(Some(6), "value", values.data_type().clone());
    let pair = Fields::from(vec![key, value]);
    let pairs = StructArray::new(pair.clone(), vec![keys, Arc::new(values)], None);
    let entries = Arc::new(Field::new("key_value", DataType::Struct(pair), false));
    let maps = MapArray::new(entries, OffsetBuffer::from_lengths([1]), pairs, None, false);
    let file = file(vec![(
        stored(Some(4), "m", maps.data_type().clone()),
        Arc::new(maps),
    )]);
    assert_eq!(shown(&read(&columns, &file, "m"), 0), "{k: {v: 7}}");
}
