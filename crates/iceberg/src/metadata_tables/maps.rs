// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Maps and lists as columns.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, Int32Array, Int64Array, ListArray, MapArray, StringArray,
    StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};

use super::rows::unbuildable;
use crate::error::{Error, ErrorKind, Result};

/// The type of a map.
pub(super) fn map_type(key: DataType, value: DataType) -> DataType {
    DataType::Map(entries(key, value), false)
}

/// The type of a list.
pub(super) fn list_type(element: DataType, nullable: bool) -> DataType {
    DataType::List(Arc::new(Field::new("element", element, nullable)))
}

fn entries(key: DataType, value: DataType) -> FieldRef {
    let fields = vec![
        Field::new("key", key, false),
        Field::new("value", value, true),
    ];
    let entries = DataType::Struct(Fields::from(fields));
    Arc::new(Field::new("entries", entries, false))
}

/// The keys and values of one row's map, by key; None for NULL.
pub(super) type Pairs<K, V> = Option<Vec<(K, V)>>;

/// A map's pairs by key; one without pairs was not written, so it is NULL.
pub(super) fn by_key<V>(map: &HashMap<i32, V>) -> Pairs<i32, &V> {
    let mut pairs: Vec<_> = map.iter().map(|(key, value)| (*key, value)).collect();
    pairs.sort_unstable_by_key(|(key, _)| *key);
    (!pairs.is_empty()).then_some(pairs)
}

/// A column of maps from field ids to counts.
pub(super) fn counts(rows: impl Iterator<Item = Pairs<i32, i64>>) -> Result<ArrayRef> {
    map(rows, |keys, values| {
        let keys: ArrayRef = Arc::new(Int32Array::from(keys));
        let values: ArrayRef = Arc::new(Int64Array::from(values));
        (keys, values)
    })
}

/// A column of maps from field ids to values in Iceberg's binary form.
pub(super) fn binaries(rows: impl Iterator<Item = Pairs<i32, Vec<u8>>>) -> Result<ArrayRef> {
    map(rows, |keys, values| {
        let keys: ArrayRef = Arc::new(Int32Array::from(keys));
        let values: ArrayRef = Arc::new(BinaryArray::from_iter_values(values));
        (keys, values)
    })
}

/// A column of maps from text to text.
pub(super) fn texts(rows: impl Iterator<Item = Pairs<String, String>>) -> Result<ArrayRef> {
    map(rows, |keys, values| {
        let keys: ArrayRef = Arc::new(StringArray::from_iter_values(keys));
        let values: ArrayRef = Arc::new(StringArray::from_iter_values(values));
        (keys, values)
    })
}

fn map<K, V>(
    rows: impl Iterator<Item = Pairs<K, V>>,
    arrays: impl Fn(Vec<K>, Vec<V>) -> (ArrayRef, ArrayRef),
) -> Result<ArrayRef> {
    let (mut keys, mut values) = (Vec::new(), Vec::new());
    let (mut ends, mut valid) = (vec![0], Vec::new());
    for row in rows {
        valid.push(row.is_some());
        for (key, value) in row.into_iter().flatten() {
            keys.push(key);
            values.push(value);
        }
        ends.push(end(keys.len())?);
    }
    let (keys, values) = arrays(keys, values);
    let field = entries(keys.data_type().clone(), values.data_type().clone());
    let DataType::Struct(fields) = field.data_type().clone() else {
        return Err(Error::new(
            ErrorKind::Invalid,
            "the entries of a map are no struct",
        ));
    };
    let pairs = StructArray::try_new(fields, vec![keys, values], None).map_err(unbuildable)?;
    let ends = OffsetBuffer::new(ends.into());
    let map = MapArray::try_new(field, ends, pairs, Some(NullBuffer::from(valid)), false);
    Ok(Arc::new(map.map_err(unbuildable)?))
}

/// A column of lists, whose elements lie one after the other in `elements`; `lengths` has None for
/// NULL.
pub(super) fn lists(
    lengths: impl Iterator<Item = Option<usize>>,
    elements: ArrayRef,
    nullable: bool,
) -> Result<ArrayRef> {
    let (mut ends, mut valid) = (vec![0], Vec::new());
    let mut total = 0;
    for length in lengths {
        valid.push(length.is_some());
        total += length.unwrap_or_default();
        ends.push(end(total)?);
    }
    let field = Arc::new(Field::new(
        "element",
        elements.data_type().clone(),
        nullable,
    ));
    let ends = OffsetBuffer::new(ends.into());
    let lists = ListArray::try_new(field, ends, elements, Some(NullBuffer::from(valid)));
    Ok(Arc::new(lists.map_err(unbuildable)?))
}

fn end(at: usize) -> Result<i32> {
    i32::try_from(at).map_err(|_| {
        let message = "a column of metadata has too many values: read with a smaller batch size";
        Error::new(ErrorKind::Unsupported, message)
    })
}
