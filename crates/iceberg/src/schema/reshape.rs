// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A nested column of a file, read as the table's type.

use std::any::Any;
use std::fmt::{self, Display, Formatter};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{FieldRef, Schema};
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;

use super::shape::Shape;

/// Evaluates its input and gives it the shape of the table's column.
#[derive(Debug, Clone, Eq)]
pub(crate) struct ReshapeExpr {
    input: Arc<dyn PhysicalExpr>,
    shape: Arc<Shape>,
    column: FieldRef,
}

impl ReshapeExpr {
    pub(crate) fn new(input: Arc<dyn PhysicalExpr>, shape: Arc<Shape>, column: FieldRef) -> Self {
        Self {
            input,
            shape,
            column,
        }
    }
}

impl PartialEq for ReshapeExpr {
    fn eq(&self, other: &Self) -> bool {
        self.input.eq(&other.input) && self.shape == other.shape && self.column == other.column
    }
}

impl Hash for ReshapeExpr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.input.hash(state);
        self.shape.hash(state);
        self.column.hash(state);
    }
}

impl Display for ReshapeExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "BY_FIELD_ID({} AS {})", self.input, self.column.name())
    }
}

impl PhysicalExpr for ReshapeExpr {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn return_field(&self, _input_schema: &Schema) -> Result<FieldRef> {
        Ok(Arc::clone(&self.column))
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let array = self.input.evaluate(batch)?.into_array(batch.num_rows())?;
        Ok(ColumnarValue::Array(self.shape.apply(&array)?))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.input]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        match (children.pop(), children.pop()) {
            (Some(input), None) => {
                let (shape, column) = (Arc::clone(&self.shape), Arc::clone(&self.column));
                Ok(Arc::new(Self {
                    input,
                    shape,
                    column,
                }))
            }
            _ => internal_err!("BY_FIELD_ID takes one input"),
        }
    }

    fn fmt_sql(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.input.fmt_sql(f)
    }
}
