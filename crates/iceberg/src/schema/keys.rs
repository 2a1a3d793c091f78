// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Columns that rows are matched by in equality deletes: by field id at any depth of structs, also
//! when the table has dropped them.

use std::cmp::Reverse;
use std::collections::HashSet;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use iceberg::arrow::type_to_arrow_type;
use iceberg::spec::{NestedFieldRef, PrimitiveType, SchemaRef, TableMetadata, Type};

use super::columns::{default_scalar, utc_type, with_id};
use crate::error::{Error, ErrorKind, Result};

/// A column of a primitive type, at any depth of structs.
#[derive(Debug, Clone)]
pub(crate) struct KeyColumn {
    pub(crate) id: i32,
    /// The column as a column of its own: nullable, with a name that no column of the table has.
    pub(crate) field: FieldRef,
    /// The column in its place: a top-level column that has nothing but the way to it.
    pub(crate) root: FieldRef,
    /// The names from the top level down.
    pub(crate) path: Vec<String>,
    pub(crate) primitive: PrimitiveType,
    pub(crate) default: Option<ScalarValue>,
}

/// The columns with these ids, each in the type of the current schema or, if dropped, of the newest
/// schema that had it.
pub(crate) fn key_columns(
    metadata: &TableMetadata,
    ids: impl IntoIterator<Item = i32>,
) -> Result<Vec<KeyColumn>> {
    let mut schemas: Vec<&SchemaRef> = metadata.schemas_iter().collect();
    let current = metadata.current_schema_id();
    schemas.sort_by_key(|schema| Reverse((schema.schema_id() == current, schema.schema_id())));
    let names = schemas
        .iter()
        .flat_map(|schema| schema.as_struct().fields());
    let names: HashSet<&str> = names.map(|field| field.name.as_str()).collect();
    let key = |id| {
        let mut paths = schemas.iter().filter_map(|schema| way_to(schema, id));
        match paths.next() {
            Some(way) => key_column(id, &way, &names),
            None => Err(unknown(metadata, &schemas, id)),
        }
    };
    ids.into_iter().map(key).collect()
}

/// The fields from the top level down to the one with this id, through structs.
fn way_to(schema: &SchemaRef, id: i32) -> Option<Vec<NestedFieldRef>> {
    let mut way = Vec::new();
    find(schema.as_struct().fields(), id, &mut way).then_some(way)
}

fn find(fields: &[NestedFieldRef], id: i32, way: &mut Vec<NestedFieldRef>) -> bool {
    fields.iter().any(|field| {
        way.push(NestedFieldRef::clone(field));
        let inner = match &*field.field_type {
            Type::Struct(inner) => inner.fields(),
            _ => &[],
        };
        let found = field.id == id || find(inner, id, way);
        if !found {
            way.pop();
        }
        found
    })
}

fn key_column(id: i32, way: &[NestedFieldRef], names: &HashSet<&str>) -> Result<KeyColumn> {
    let path: Vec<String> = way.iter().map(|field| field.name.clone()).collect();
    let named = path.join(".");
    let Some(leaf) = way.last() else {
        return Err(unsupported(&named, id, "is no column"));
    };
    let Some(primitive) = leaf.field_type.as_primitive_type() else {
        return Err(unsupported(&named, id, "is a struct, list or map"));
    };
    let data_type = utc_type(&type_to_arrow_type(&leaf.field_type)?);
    let mut own_name = format!("{named}#{id}");
    while names.contains(own_name.as_str()) {
        own_name.push('#');
    }
    let default = leaf.initial_default.as_ref().map(|default| {
        default_scalar(default, &data_type)
            .ok_or_else(|| unsupported(&named, id, "has an initial default of another type"))
    });
    let own = Field::new(own_name, data_type.clone(), true);
    Ok(KeyColumn {
        id,
        field: with_id(&own, Some(id), data_type.clone()),
        root: rooted(way, data_type),
        path,
        primitive: primitive.clone(),
        default: default.transpose()?,
    })
}

fn rooted(way: &[NestedFieldRef], leaf: DataType) -> FieldRef {
    let mut data_type = leaf;
    let mut root = None;
    for field in way.iter().rev() {
        if let Some(child) = root.take() {
            data_type = DataType::Struct(std::iter::once(child).collect());
        }
        let bare = Field::new(&field.name, DataType::Null, true);
        root = Some(with_id(&bare, Some(field.id), data_type.clone()));
    }
    root.unwrap_or_else(|| FieldRef::new(Field::new("", data_type, true)))
}

fn unknown(metadata: &TableMetadata, schemas: &[&SchemaRef], id: i32) -> Error {
    let named = schemas
        .iter()
        .find_map(|schema| schema.name_by_field_id(id));
    if let Some(name) = named {
        return unsupported(name, id, "is inside a list or map");
    }
    let message = format!(
        "no schema of the table at '{}' has a column with field id {id}, which equality deletes use",
        metadata.location()
    );
    Error::new(ErrorKind::Damaged, message)
}

fn unsupported(name: &str, id: i32, why: &str) -> Error {
    let message = format!(
        "column {name} (field id {id}) {why}, equality deletes by it are not supported; compact          the table (rewrite its data files)"
    );
    Error::new(ErrorKind::Unsupported, message)
}
