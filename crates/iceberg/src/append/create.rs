// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Making tables from Arrow schemas.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, TimeUnit};
use iceberg::arrow::arrow_schema_to_schema_auto_assign_ids;
use iceberg::spec::{FormatVersion, PrimitiveType, Transform, Type, UnboundPartitionSpec};
use iceberg::table::Table;
use iceberg::{Catalog, NamespaceIdent, TableCreation};

use crate::error::{Error, ErrorKind, Result};

/// One field of a partition spec: a column and the transform of its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionBy {
    column: String,
    transform: Transform,
}

impl PartitionBy {
    /// Any of Iceberg's transforms of `column`.
    pub fn new(column: impl Into<String>, transform: Transform) -> Self {
        Self {
            column: column.into(),
            transform,
        }
    }

    /// The column's value itself.
    pub fn identity(column: impl Into<String>) -> Self {
        Self::new(column, Transform::Identity)
    }

    /// The day of a date or timestamp.
    pub fn day(column: impl Into<String>) -> Self {
        Self::new(column, Transform::Day)
    }

    /// The month of a date or timestamp.
    pub fn month(column: impl Into<String>) -> Self {
        Self::new(column, Transform::Month)
    }

    /// One of `count` buckets by the value's hash.
    pub fn bucket(column: impl Into<String>, count: u32) -> Self {
        Self::new(column, Transform::Bucket(count))
    }

    /// The field's name in the spec, as Iceberg's own writers choose it, in letters that manifests
    /// can have in names.
    fn field_name(&self) -> String {
        let mut column: String = self
            .column
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        if column.starts_with(|c: char| c.is_ascii_digit()) {
            column.insert(0, '_');
        }
        match self.transform {
            Transform::Identity => column,
            Transform::Bucket(_) => format!("{column}_bucket"),
            Transform::Truncate(_) => format!("{column}_trunc"),
            Transform::Void => format!("{column}_null"),
            other => format!("{column}_{other}"),
        }
    }
}

/// Makes an empty table of `schema` in `namespace`, which has to exist.
///
/// Fields get fresh ids; a field that is not nullable becomes a required column. Timestamps with a
/// zone become `timestamptz`, seconds and milliseconds become microseconds, and a column of
/// nanoseconds makes it a table of format version 3, otherwise 2.
pub async fn create_table(
    catalog: &dyn Catalog,
    namespace: &NamespaceIdent,
    name: &str,
    schema: &Schema,
    partition_by: &[PartitionBy],
) -> Result<Table> {
    let about = |error: Error| error.context(format_args!("table '{namespace}.{name}'"));
    let storable: Vec<FieldRef> = schema
        .fields()
        .iter()
        .map(storable_field)
        .collect::<Result<_>>()
        .map_err(about)?;
    let schema = arrow_schema_to_schema_auto_assign_ids(&Schema::new(storable))
        .map_err(|error| about(error.into()))?;
    let spec = partition_spec(&schema, partition_by).map_err(about)?;
    let nanoseconds = schema
        .as_struct()
        .fields()
        .iter()
        .any(|field| has_nanoseconds(&field.field_type));
    let version = if nanoseconds {
        FormatVersion::V3
    } else {
        FormatVersion::V2
    };
    let creation = TableCreation::builder()
        .name(name.to_string())
        .schema(schema)
        .partition_spec(spec)
        .format_version(version)
        .build();
    Ok(catalog.create_table(namespace, creation).await?)
}

/// The spec of a new table.
pub(crate) fn partition_spec(
    schema: &iceberg::spec::Schema,
    partition_by: &[PartitionBy],
) -> Result<UnboundPartitionSpec> {
    let mut spec = UnboundPartitionSpec::builder().with_spec_id(0);
    for by in partition_by {
        let Some(field) = schema.field_by_name(&by.column) else {
            let columns: Vec<_> = schema
                .as_struct()
                .fields()
                .iter()
                .map(|field| field.name.as_str())
                .collect();
            return Err(Error::new(
                ErrorKind::Invalid,
                format!(
                    "partition column '{}' does not exist: expected one of {}",
                    by.column,
                    columns.join(", ")
                ),
            ));
        };
        if by.transform.result_type(&field.field_type).is_err() {
            let (transform, column) = (by.transform, &by.column);
            return Err(Error::new(
                ErrorKind::Invalid,
                format!(
                    "column '{column}' is of type {}, which has no {transform}",
                    field.field_type
                ),
            ));
        }
        spec = spec.add_partition_field(field.id, by.field_name(), by.transform)?;
    }
    Ok(spec.build())
}

fn has_nanoseconds(of: &Type) -> bool {
    match of {
        Type::Primitive(primitive) => {
            matches!(
                primitive,
                PrimitiveType::TimestampNs | PrimitiveType::TimestamptzNs
            )
        }
        Type::Struct(of) => of
            .fields()
            .iter()
            .any(|field| has_nanoseconds(&field.field_type)),
        Type::List(of) => has_nanoseconds(&of.element_field.field_type),
        Type::Map(of) => {
            has_nanoseconds(&of.key_field.field_type) || has_nanoseconds(&of.value_field.field_type)
        }
    }
}

fn storable_field(field: &FieldRef) -> Result<FieldRef> {
    let data_type = storable_type(field.data_type())
        .map_err(|error| error.context(format_args!("column '{}'", field.name())))?;
    Ok(Arc::new(
        Field::new(field.name(), data_type, field.is_nullable())
            .with_metadata(field.metadata().clone()),
    ))
}

/// The Arrow type nearest to `data_type` that Iceberg has a type for.
pub(super) fn storable_type(data_type: &DataType) -> Result<DataType> {
    Ok(match data_type {
        DataType::Timestamp(unit, zone) => DataType::Timestamp(
            match unit {
                TimeUnit::Nanosecond => TimeUnit::Nanosecond,
                _ => TimeUnit::Microsecond,
            },
            zone.as_ref().map(|_| "UTC".into()),
        ),
        DataType::Time32(_) => DataType::Time64(TimeUnit::Microsecond),
        DataType::Date64 => DataType::Date32,
        DataType::Float16 => DataType::Float32,
        DataType::Dictionary(_, value) => storable_type(value)?,
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            DataType::List(storable_field(item)?)
        }
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(storable_field).collect::<Result<_>>()?)
        }
        DataType::Map(entries, sorted) => DataType::Map(storable_field(entries)?, *sorted),
        DataType::UInt64 => {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "Iceberg has no unsigned 64-bit integer: cast it to bigint or decimal(20, 0)",
            ));
        }
        other => other.clone(),
    })
}
