// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Field ids of a data file: its own, else the table's name mapping, else the column's position.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};
use iceberg::spec::{MappedField, NameMapping};

use super::columns::{field_id, with_id};

/// The file's fields with an id on each field that has one by the rules of the specification.
pub(crate) fn identified(file: &Schema, table: &Schema, mapping: Option<&NameMapping>) -> Fields {
    if has_ids(file.fields()) {
        return file.fields().clone();
    }
    match mapping {
        Some(mapping) => mapped_ids(file.fields(), mapping),
        None => positional(file.fields(), table),
    }
}

/// Whether any field has an id, at any depth: then those that have none are not the table's.
pub(crate) fn has_ids(fields: &Fields) -> bool {
    fields.iter().any(has_id)
}

/// The fields with the ids that a name mapping gives them.
pub(crate) fn mapped_ids(fields: &Fields, mapping: &NameMapping) -> Fields {
    let mapping = mapping.fields().iter().map(|f| Arc::new(f.clone()));
    mapped(fields, &mapping.collect::<Vec<_>>())
}

fn has_id(field: &FieldRef) -> bool {
    field_id(field).is_some()
        || match field.data_type() {
            DataType::Struct(children) => children.iter().any(has_id),
            DataType::List(child) | DataType::LargeList(child) | DataType::Map(child, _) => {
                has_id(child)
            }
            _ => false,
        }
}

fn mapped(fields: &Fields, mapping: &[Arc<MappedField>]) -> Fields {
    fields
        .iter()
        .map(|field| mapped_field(field, field.name(), mapping))
        .collect()
}

fn mapped_field(field: &FieldRef, name: &str, mapping: &[Arc<MappedField>]) -> FieldRef {
    let entry = mapping.iter().find(|m| m.names().iter().any(|n| n == name));
    let id = entry.and_then(|m| m.field_id());
    let inner = entry.map(|m| m.fields()).unwrap_or_default();
    let data_type = match field.data_type() {
        DataType::Struct(children) => DataType::Struct(mapped(children, inner)),
        DataType::List(element) => DataType::List(mapped_field(element, "element", inner)),
        DataType::Map(entries, sorted) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => {
                let pair = [
                    mapped_field(&pair[0], "key", inner),
                    mapped_field(&pair[1], "value", inner),
                ];
                let pair = DataType::Struct(pair.into_iter().collect());
                DataType::Map(with_id(entries, None, pair), *sorted)
            }
            other => other.clone(),
        },
        other => other.clone(),
    };
    with_id(field, id, data_type)
}

/// Top-level columns take the ids 1, 2, 3 … in file order; inside them names decide.
fn positional(fields: &Fields, table: &Schema) -> Fields {
    let by_position = |(position, field): (usize, &FieldRef)| {
        let id = i32::try_from(position + 1).ok();
        let column = table
            .fields()
            .iter()
            .find(|c| id.is_some() && field_id(c) == id);
        let data_type = match column {
            Some(column) => named(field.data_type(), column.data_type()),
            None => field.data_type().clone(),
        };
        with_id(field, id, data_type)
    };
    fields.iter().enumerate().map(by_position).collect()
}

fn named(file: &DataType, table: &DataType) -> DataType {
    match (file, table) {
        (DataType::Struct(children), DataType::Struct(columns)) => {
            let children = children.iter().map(|child| {
                match columns.iter().find(|c| c.name() == child.name()) {
                    Some(column) => adopt(child, column),
                    None => Arc::clone(child),
                }
            });
            DataType::Struct(children.collect())
        }
        (DataType::List(child), DataType::List(column)) => DataType::List(adopt(child, column)),
        (DataType::Map(entries, sorted), DataType::Map(column, _)) => {
            let pair = match (entries.data_type(), column.data_type()) {
                (DataType::Struct(pair), DataType::Struct(columns)) => DataType::Struct(
                    pair.iter()
                        .zip(columns)
                        .map(|(child, column)| adopt(child, column))
                        .collect(),
                ),
                (other, _) => other.clone(),
            };
            DataType::Map(with_id(entries, None, pair), *sorted)
        }
        (other, _) => other.clone(),
    }
}

fn adopt(file: &Field, column: &Field) -> FieldRef {
    with_id(
        file,
        field_id(column),
        named(file.data_type(), column.data_type()),
    )
}
