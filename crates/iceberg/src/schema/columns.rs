// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The columns of one read: the Iceberg schema and the Arrow schema shown for it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::common::scalar::ScalarStructBuilder;
use datafusion::error::Result as DataFusionResult;
use iceberg::arrow::schema_to_arrow_schema;
use iceberg::spec::{Literal, PrimitiveType, Schema as IcebergSchema, SchemaRef as IcebergRef};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use super::keys::KeyColumn;
use super::literal::literal_scalar;
use super::shape::absent;
use crate::error::{Error, ErrorKind, Result};

/// A top-level column.
#[derive(Debug, Clone)]
pub(crate) struct TableColumn {
    pub(crate) id: i32,
    pub(crate) data_type: DataType,
    /// None for structs, lists and maps.
    pub(crate) primitive: Option<PrimitiveType>,
}

/// The columns of a table as one read sees them.
#[derive(Debug)]
pub(crate) struct TableColumns {
    arrow: SchemaRef,
    columns: Vec<TableColumn>,
    by_name: HashMap<String, usize>,
    defaults: HashMap<i32, ScalarValue>,
    /// Of columns that are taken out of a struct, the struct.
    inside: HashMap<usize, FieldRef>,
}

impl TableColumns {
    /// The columns of `schema`; `table` is named in errors.
    pub(crate) fn try_new(table: &str, schema: &IcebergRef) -> Result<Self> {
        let arrow = arrow_schema(table, schema)?;
        let mut columns = Vec::with_capacity(arrow.fields().len());
        let mut by_name = HashMap::with_capacity(arrow.fields().len());
        let fields = schema.as_struct().fields();
        for (index, (field, shown)) in fields.iter().zip(arrow.fields()).enumerate() {
            by_name.insert(field.name.clone(), index);
            columns.push(TableColumn {
                id: field.id,
                data_type: shown.data_type().clone(),
                primitive: field.field_type.as_primitive_type().cloned(),
            });
        }
        let defaults = initial_defaults(table, schema, &arrow)?;
        Ok(Self {
            arrow,
            columns,
            by_name,
            defaults,
            inside: HashMap::new(),
        })
    }

    /// These columns, followed by those of `keys` that are not among them at the top level. The
    /// added ones have the names and types of [`KeyColumn::field`].
    pub(crate) fn with_keys(&self, keys: &[KeyColumn]) -> Self {
        let mut fields = self.arrow.fields().to_vec();
        let mut columns = self.columns.clone();
        let mut by_name = self.by_name.clone();
        let mut defaults = self.defaults.clone();
        let mut inside = self.inside.clone();
        for key in keys {
            if columns.iter().any(|column| column.id == key.id) {
                continue;
            }
            let index = columns.len();
            by_name.insert(key.field.name().clone(), index);
            columns.push(TableColumn {
                id: key.id,
                data_type: key.field.data_type().clone(),
                primitive: Some(key.primitive.clone()),
            });
            if let Some(default) = &key.default {
                defaults.entry(key.id).or_insert_with(|| default.clone());
            }
            if key.path.len() > 1 {
                inside.insert(index, Arc::clone(&key.root));
            }
            fields.push(Arc::clone(&key.field));
        }
        Self {
            arrow: Arc::new(Schema::new(fields)),
            columns,
            by_name,
            defaults,
            inside,
        }
    }

    /// The schema shown to DataFusion: field ids in `PARQUET:field_id`, zones named `UTC`.
    pub(crate) fn arrow(&self) -> &SchemaRef {
        &self.arrow
    }

    /// The columns in order.
    pub(crate) fn columns(&self) -> &[TableColumn] {
        &self.columns
    }

    /// The position of the column called `name`.
    pub(crate) fn index_of(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The struct that the column is taken out of, if it is: a top-level column with nothing but
    /// the way to it.
    pub(super) fn inside(&self, index: usize) -> Option<&FieldRef> {
        self.inside.get(&index)
    }

    /// The column called `name`.
    pub(crate) fn column(&self, name: &str) -> Option<&TableColumn> {
        self.index_of(name).map(|index| &self.columns[index])
    }

    /// Initial defaults by field id, at every depth.
    pub(crate) fn defaults(&self) -> &HashMap<i32, ScalarValue> {
        &self.defaults
    }
}

/// The field id that a field carries.
pub(crate) fn field_id(field: &Field) -> Option<i32> {
    field
        .metadata()
        .get(PARQUET_FIELD_ID_META_KEY)?
        .parse()
        .ok()
}

/// `field` with another id (or none) and data type; other metadata is dropped.
pub(crate) fn with_id(field: &Field, id: Option<i32>, data_type: DataType) -> FieldRef {
    let metadata = id.map(|id| (PARQUET_FIELD_ID_META_KEY.to_string(), id.to_string()));
    Arc::new(
        Field::new(field.name(), data_type, field.is_nullable())
            .with_metadata(metadata.into_iter().collect()),
    )
}

fn arrow_schema(table: &str, schema: &IcebergSchema) -> Result<SchemaRef> {
    let arrow = schema_to_arrow_schema(schema).map_err(|e| {
        let context = format!("the schema of table {table} has a type that cannot be read");
        Error::from(e).context(context)
    })?;
    let fields: Fields = arrow.fields().iter().map(utc_field).collect();
    Ok(Arc::new(Schema::new(fields)))
}

fn utc_field(field: &FieldRef) -> FieldRef {
    with_id(field, field_id(field), utc_type(field.data_type()))
}

/// The type with every zone named `UTC`.
pub(super) fn utc_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some("UTC".into())),
        DataType::Struct(children) => DataType::Struct(children.iter().map(utc_field).collect()),
        DataType::List(element) => DataType::List(utc_field(element)),
        DataType::Map(entries, sorted) => DataType::Map(utc_field(entries), *sorted),
        other => other.clone(),
    }
}

fn initial_defaults(
    table: &str,
    schema: &IcebergSchema,
    arrow: &Schema,
) -> Result<HashMap<i32, ScalarValue>> {
    let mut types = HashMap::new();
    arrow
        .fields()
        .iter()
        .for_each(|field| collect_types(field, &mut types));
    let mut defaults = HashMap::new();
    let mut structs = HashSet::new();
    for (id, field) in schema.field_id_to_fields() {
        let (Some(default), Some(data_type)) = (&field.initial_default, types.get(id)) else {
            continue;
        };
        if is_empty_struct(default) {
            structs.insert(*id);
            continue;
        }
        let value = default_scalar(default, data_type).ok_or_else(|| {
            let message = format!(
                "the initial default of column {} (field id {id}) of table {table} is not a value \
                 of its type {data_type}: {default:?}",
                field.name
            );
            Error::new(ErrorKind::Unsupported, message)
        })?;
        defaults.insert(*id, value);
    }
    for id in &structs {
        if let Some(DataType::Struct(children)) = types.get(id) {
            let value = default_struct(children, &defaults, &structs).map_err(|e| {
                let message = format!("the initial default of field id {id} of table {table}");
                Error::new(ErrorKind::Unsupported, message).with_source(e)
            })?;
            defaults.insert(*id, value);
        }
    }
    Ok(defaults)
}

/// The only default that a struct may have: its fields have theirs.
fn is_empty_struct(default: &Literal) -> bool {
    match default {
        Literal::Struct(fields) => fields.fields().iter().all(Option::is_none),
        _ => false,
    }
}

fn default_struct(
    children: &Fields,
    defaults: &HashMap<i32, ScalarValue>,
    structs: &HashSet<i32>,
) -> DataFusionResult<ScalarValue> {
    let mut value = ScalarStructBuilder::new();
    for child in children {
        let inner = match child.data_type() {
            DataType::Struct(inner) if field_id(child).is_some_and(|id| structs.contains(&id)) => {
                default_struct(inner, defaults, structs)?
            }
            _ => absent(child, defaults)?,
        };
        value = value.with_scalar(Arc::clone(child), inner);
    }
    value.build()
}

/// An initial default as a value of its column's type.
pub(super) fn default_scalar(default: &Literal, data_type: &DataType) -> Option<ScalarValue> {
    match default {
        Literal::Primitive(value) => literal_scalar(value, data_type),
        _ => None,
    }
}

fn collect_types(field: &FieldRef, types: &mut HashMap<i32, DataType>) {
    if let Some(id) = field_id(field) {
        types.insert(id, field.data_type().clone());
    }
    match field.data_type() {
        DataType::Struct(children) => children.iter().for_each(|c| collect_types(c, types)),
        DataType::List(child) | DataType::Map(child, _) => collect_types(child, types),
        _ => {}
    }
}
