// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a row has for a field of a partition spec or sort order, as an expression over the table's
//! columns.

use std::any::Any;
use std::fmt::{self, Display, Formatter};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, make_array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::internal_err;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use iceberg::arrow::type_to_arrow_type;
use iceberg::spec::{Schema as IcebergSchema, StructType, Transform, Type};

use super::transform;
use crate::error::{Error, ErrorKind, Result};

/// The transform of a column, or of a field inside of structs.
#[derive(Debug, Clone)]
pub(super) struct FieldValue {
    column: Arc<dyn PhysicalExpr>,
    /// The positions of the field in the column's structs.
    path: Vec<usize>,
    transform: Transform,
    field: FieldRef,
}

impl FieldValue {
    /// `transform` of the field `source`, for a relation that has the schema's columns first.
    pub(super) fn try_new(
        schema: &IcebergSchema,
        source: i32,
        transform: Transform,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let missing = || {
            let text =
                format!("its schema has no field {source} that a row of it has one value of");
            Error::new(ErrorKind::Damaged, text)
        };
        let path = path_to(schema.as_struct(), source).ok_or_else(missing)?;
        let (Some(field), Some(name)) =
            (schema.field_by_id(source), schema.name_by_field_id(source))
        else {
            return Err(missing());
        };
        let root = schema
            .as_struct()
            .fields()
            .get(path[0])
            .ok_or_else(missing)?;
        let column = Arc::new(Column::new(&root.name, path[0]));
        if transform == Transform::Identity && path.len() == 1 {
            return Ok(column);
        }
        let result = type_to_arrow_type(&transform.result_type(&field.field_type)?)?;
        let label = match transform {
            Transform::Identity => name.to_string(),
            Transform::Bucket(count) => format!("bucket({count}, {name})"),
            Transform::Truncate(width) => format!("truncate({width}, {name})"),
            other => format!("{other}({name})"),
        };
        Ok(Arc::new(Self {
            column,
            path: path[1..].to_vec(),
            transform,
            field: Arc::new(Field::new(label, result, true)),
        }))
    }

    fn of(&self, batch: &RecordBatch) -> DataFusionResult<ArrayRef> {
        let mut values = self.column.evaluate(batch)?.into_array(batch.num_rows())?;
        for index in &self.path {
            values = inside(&values, *index)?;
        }
        let values = transform::apply(self.transform, &values)?;
        if values.data_type() == self.field.data_type() {
            return Ok(values);
        }
        Ok(arrow::compute::cast(&values, self.field.data_type())?)
    }
}

/// The positions, from the top, of the field `id` that is in no list or map.
pub(super) fn path_to(of: &StructType, id: i32) -> Option<Vec<usize>> {
    of.fields().iter().enumerate().find_map(|(index, field)| {
        if field.id == id {
            return Some(vec![index]);
        }
        let Type::Struct(inner) = field.field_type.as_ref() else {
            return None;
        };
        Some([vec![index], path_to(inner, id)?].concat())
    })
}

/// A struct's field, NULL where the struct is.
fn inside(values: &ArrayRef, index: usize) -> DataFusionResult<ArrayRef> {
    let Some(of) = values.as_struct_opt() else {
        return internal_err!("expected a struct, found {}", values.data_type());
    };
    let field = of.column(index);
    match of.nulls() {
        None => Ok(Arc::clone(field)),
        Some(_) => {
            let nulls = NullBuffer::union(of.nulls(), field.nulls());
            Ok(make_array(
                field.to_data().into_builder().nulls(nulls).build()?,
            ))
        }
    }
}

impl PartialEq for FieldValue {
    fn eq(&self, other: &Self) -> bool {
        self.column.eq(&other.column)
            && self.path == other.path
            && self.transform == other.transform
    }
}

impl Eq for FieldValue {}

impl Hash for FieldValue {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.column.hash(state);
        self.path.hash(state);
        self.transform.hash(state);
    }
}

impl Display for FieldValue {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.field.name())
    }
}

impl PhysicalExpr for FieldValue {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn data_type(&self, _input_schema: &Schema) -> DataFusionResult<DataType> {
        Ok(self.field.data_type().clone())
    }

    fn nullable(&self, _input_schema: &Schema) -> DataFusionResult<bool> {
        Ok(true)
    }

    fn return_field(&self, _input_schema: &Schema) -> DataFusionResult<FieldRef> {
        Ok(Arc::clone(&self.field))
    }

    fn evaluate(&self, batch: &RecordBatch) -> DataFusionResult<ColumnarValue> {
        Ok(ColumnarValue::Array(self.of(batch)?))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.column]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> DataFusionResult<Arc<dyn PhysicalExpr>> {
        match (children.pop(), children.pop()) {
            (Some(column), None) => Ok(Arc::new(Self {
                column,
                ..Arc::unwrap_or_clone(self)
            })),
            _ => internal_err!("a field's value has one input"),
        }
    }

    fn fmt_sql(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}
