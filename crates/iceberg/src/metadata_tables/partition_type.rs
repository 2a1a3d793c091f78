// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The partition values of all of a table's specs as one struct.

use std::sync::Arc;

use arrow::array::{ArrayRef, StructArray};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::ScalarValue;
use iceberg::arrow::type_to_arrow_type;
use iceberg::spec::{
    Literal, PartitionField, PartitionSpec, PrimitiveLiteral, Schema, Struct, TableMetadata,
    Transform, Type,
};

use super::rows::unbuildable;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::literal_scalar;

/// The partition fields of all specs.
#[derive(Debug)]
pub(super) struct PartitionType {
    /// What each field of the struct is made from.
    from: Vec<PartitionField>,
    fields: Fields,
}

impl PartitionType {
    /// The fields of all specs by id, called as in the newest spec that has them.
    pub(super) fn new(metadata: &TableMetadata) -> Result<Self> {
        let mut specs: Vec<_> = metadata.partition_specs_iter().collect();
        specs.sort_by_key(|spec| std::cmp::Reverse(spec.spec_id()));
        let mut from: Vec<PartitionField> = Vec::new();
        for field in specs.iter().flat_map(|spec| spec.fields()) {
            match from.iter_mut().find(|known| same_field(known, field)) {
                // Removed from the spec, but there are files with values.
                Some(known) if known.transform == Transform::Void => {
                    known.transform = field.transform;
                }
                Some(_) => {}
                None => from.push(field.clone()),
            }
        }
        from.sort_by_key(|field| (field.field_id, field.source_id));
        let mut typed = Vec::with_capacity(from.len());
        for field in from {
            if let Some(data_type) = data_type_of(metadata, &field)? {
                typed.push((field, data_type));
            }
        }
        let fields = named(&typed);
        let from = typed.into_iter().map(|(field, _)| field).collect();
        Ok(Self { from, fields })
    }

    /// The struct's type; None if the table never had a partition field.
    pub(super) fn data_type(&self) -> Option<DataType> {
        (!self.fields.is_empty()).then(|| DataType::Struct(self.fields.clone()))
    }

    /// The values of one file in the order of the fields; NULL where its spec lacks a field.
    pub(super) fn values(&self, spec: &PartitionSpec, tuple: &Struct) -> Result<Vec<ScalarValue>> {
        let mut values = Vec::with_capacity(self.from.len());
        for (field, shown) in self.from.iter().zip(&self.fields) {
            let at = spec.fields().iter().position(|own| same_field(own, field));
            let literal = at
                .and_then(|at| tuple.fields().get(at))
                .and_then(Option::as_ref);
            values.push(match field.transform {
                Transform::Unknown => as_written(literal),
                _ => scalar(literal, shown)?,
            });
        }
        Ok(values)
    }

    /// A struct column from the values of each row.
    pub(super) fn array(&self, rows: &[Vec<ScalarValue>]) -> Result<ArrayRef> {
        let mut arrays = Vec::with_capacity(self.fields.len());
        for (at, field) in self.fields.iter().enumerate() {
            let null = ScalarValue::try_from(field.data_type());
            let null = null.map_err(|cause| unbuildable(cause.into_arrow()))?;
            let of_field = rows.iter().map(|row| row.get(at).unwrap_or(&null).clone());
            arrays.push(scalars(of_field, field.data_type())?);
        }
        let array = StructArray::try_new_with_length(self.fields.clone(), arrays, None, rows.len());
        Ok(Arc::new(array.map_err(unbuildable)?))
    }
}

/// A DataFusion error as the cause of one of ours.
trait IntoArrow {
    fn into_arrow(self) -> arrow::error::ArrowError;
}

impl IntoArrow for datafusion::error::DataFusionError {
    fn into_arrow(self) -> arrow::error::ArrowError {
        arrow::error::ArrowError::ExternalError(Box::new(self))
    }
}

/// A column of `data_type` from scalars of that type.
pub(super) fn scalars(
    values: impl Iterator<Item = ScalarValue>,
    data_type: &DataType,
) -> Result<ArrayRef> {
    let mut values = values.peekable();
    if values.peek().is_none() {
        return Ok(arrow::array::new_empty_array(data_type));
    }
    ScalarValue::iter_to_array(values).map_err(|cause| unbuildable(cause.into_arrow()))
}

/// Whether two specs mean the same field. In version 1 ids may be used again for other fields.
fn same_field(one: &PartitionField, other: &PartitionField) -> bool {
    let void = one.transform == Transform::Void || other.transform == Transform::Void;
    one.field_id == other.field_id
        && one.source_id == other.source_id
        && (void || one.transform == other.transform)
}

/// The type of a field's values; None if its column is in no schema any more.
fn data_type_of(metadata: &TableMetadata, field: &PartitionField) -> Result<Option<DataType>> {
    let Some(source) = source_type(metadata, field.source_id) else {
        return Ok(None);
    };
    let found = field.transform.result_type(&source)?;
    arrow_type(&found).map(Some)
}

/// The type of a column: in the current schema, else in the newest one that has it.
pub(super) fn source_type(metadata: &TableMetadata, id: i32) -> Option<Type> {
    let mut schemas: Vec<&Schema> = metadata.schemas_iter().map(AsRef::as_ref).collect();
    let current = metadata.current_schema_id();
    schemas.sort_by_key(|s| std::cmp::Reverse((s.schema_id() == current, s.schema_id())));
    let mut sources = schemas.iter().filter_map(|schema| schema.field_by_id(id));
    Some(sources.next()?.field_type.as_ref().clone())
}

/// The Arrow type of a primitive, with zones named `UTC`.
pub(super) fn arrow_type(of: &Type) -> Result<DataType> {
    Ok(match type_to_arrow_type(of)? {
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(unit, Some("UTC".into())),
        other => other,
    })
}

fn named(typed: &[(PartitionField, DataType)]) -> Fields {
    let mut names: Vec<String> = Vec::with_capacity(typed.len());
    for (field, _) in typed {
        let taken = |name: &str| names.iter().any(|known| known == name);
        let name = match taken(&field.name) {
            false => field.name.clone(),
            true => format!("{}_{}", field.name, field.source_id),
        };
        names.push(name);
    }
    let fields = names.into_iter().zip(typed);
    fields
        .map(|(name, (_, data_type))| Field::new(name, data_type.clone(), true))
        .collect()
}

/// The value of a transform that is not known, whose type nothing tells.
fn as_written(literal: Option<&Literal>) -> ScalarValue {
    use PrimitiveLiteral as L;
    let Some(Literal::Primitive(value)) = literal else {
        return ScalarValue::Utf8(None);
    };
    ScalarValue::Utf8(Some(match value {
        L::String(text) => text.clone(),
        L::Int(number) => number.to_string(),
        L::Long(number) => number.to_string(),
        L::Boolean(value) => value.to_string(),
        other => format!("{other:?}"),
    }))
}

fn scalar(literal: Option<&Literal>, field: &Field) -> Result<ScalarValue> {
    let data_type = field.data_type();
    let found = match literal {
        None => ScalarValue::try_from(data_type).ok(),
        Some(Literal::Primitive(value)) => literal_scalar(value, data_type),
        Some(_) => None,
    };
    found.ok_or_else(|| {
        Error::new(
            ErrorKind::Unsupported,
            format!(
                "a file's value of the partition field '{}' is not of its type {data_type}",
                field.name()
            ),
        )
    })
}
