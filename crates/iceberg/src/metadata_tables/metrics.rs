// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a file's metrics say about each column, by the column's name and in its type.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StructArray};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::ScalarValue;
use iceberg::spec::{Datum, PrimitiveType, Schema};

use super::files::FileRow;
use super::partition_type::{arrow_type, scalars};
use super::rows::unbuildable;
use crate::error::Result;
use crate::schema::bound_scalar;

/// The primitive columns of a schema, nested ones too.
#[derive(Debug)]
pub(super) struct Metrics {
    columns: Vec<MetricsColumn>,
}

#[derive(Debug)]
struct MetricsColumn {
    id: i32,
    name: String,
    primitive: PrimitiveType,
    data_type: DataType,
}

impl Metrics {
    /// The columns of `schema` by name, nested ones as `a.b`.
    pub(super) fn new(schema: &Schema) -> Result<Self> {
        let mut columns = Vec::new();
        for (id, field) in schema.field_id_to_fields() {
            let primitive = field.field_type.as_primitive_type();
            if let (Some(primitive), Some(name)) = (primitive, schema.name_by_field_id(*id)) {
                columns.push(MetricsColumn {
                    id: *id,
                    name: name.to_string(),
                    primitive: primitive.clone(),
                    data_type: arrow_type(&field.field_type)?,
                });
            }
        }
        columns.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { columns })
    }

    /// The struct's type; None if there is no column.
    pub(super) fn data_type(&self) -> Option<DataType> {
        (!self.columns.is_empty()).then(|| DataType::Struct(self.fields()))
    }

    fn fields(&self) -> Fields {
        let field = |column: &MetricsColumn| {
            let metrics = DataType::Struct(column.fields());
            Field::new(&column.name, metrics, true)
        };
        self.columns.iter().map(field).collect()
    }

    /// The struct column of `rows`.
    pub(super) fn array(&self, rows: &[&FileRow]) -> Result<ArrayRef> {
        let arrays: Result<Vec<_>> = self.columns.iter().map(|c| c.array(rows)).collect();
        Ok(Arc::new(
            StructArray::try_new(self.fields(), arrays?, None).map_err(unbuildable)?,
        ))
    }
}

impl MetricsColumn {
    fn fields(&self) -> Fields {
        let count = |name: &str| Field::new(name, DataType::Int64, true);
        let bound = |name: &str| Field::new(name, self.data_type.clone(), true);
        Fields::from(vec![
            count("column_size"),
            count("value_count"),
            count("null_value_count"),
            count("nan_value_count"),
            bound("lower_bound"),
            bound("upper_bound"),
        ])
    }

    fn array(&self, rows: &[&FileRow]) -> Result<ArrayRef> {
        let counts = |of: fn(&FileRow) -> &HashMap<i32, u64>| -> ArrayRef {
            let count = |row: &&FileRow| of(row).get(&self.id).map(|count| *count as i64);
            Arc::new(rows.iter().map(count).collect::<Int64Array>())
        };
        let bounds = |of: fn(&FileRow) -> &HashMap<i32, Datum>| -> Result<ArrayRef> {
            let null = ScalarValue::try_from(&self.data_type).unwrap_or(ScalarValue::Null);
            let bound = |row: &&FileRow| {
                let bound = of(row).get(&self.id);
                bound
                    .and_then(|bound| bound_scalar(bound, &self.primitive, &self.data_type))
                    .unwrap_or_else(|| null.clone())
            };
            scalars(rows.iter().map(bound), &self.data_type)
        };
        let arrays = vec![
            counts(|row| row.file().column_sizes()),
            counts(|row| row.file().value_counts()),
            counts(|row| row.file().null_value_counts()),
            counts(|row| row.file().nan_value_counts()),
            bounds(|row| row.file().lower_bounds())?,
            bounds(|row| row.file().upper_bounds())?,
        ];
        let array = StructArray::try_new(self.fields(), arrays, None).map_err(unbuildable)?;
        Ok(Arc::new(array))
    }
}
