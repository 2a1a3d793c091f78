// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Rewrites expressions over the table's columns into expressions over a file's columns, by id.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{Fields, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column, lit};
use datafusion::physical_expr_adapter::{PhysicalExprAdapter, PhysicalExprAdapterFactory};
use iceberg::spec::NameMapping;

use super::columns::{TableColumns, field_id};
use super::ids::identified;
use super::reshape::ReshapeExpr;
use super::shape::{Shape, absent};

/// Makes one [`FieldIdAdapter`] for each data file.
#[derive(Debug, Clone)]
pub(crate) struct FieldIdAdapterFactory {
    table: Arc<str>,
    columns: Arc<TableColumns>,
    mapping: Option<NameMapping>,
    opaque_floats: bool,
}

impl FieldIdAdapterFactory {
    /// For files of `table`; `mapping` is its name mapping for files without ids.
    pub(crate) fn new(
        table: Arc<str>,
        columns: Arc<TableColumns>,
        mapping: Option<NameMapping>,
    ) -> Self {
        Self {
            table,
            columns,
            mapping,
            opaque_floats: false,
        }
    }

    /// The same for other columns of the table.
    pub(crate) fn with_columns(&self, columns: Arc<TableColumns>) -> Self {
        Self {
            columns,
            ..self.clone()
        }
    }

    /// The same for files that may hold NaN. Parquet's statistics leave NaN out although Arrow
    /// orders it beside the other numbers, so nothing may prune by them: columns of floats are
    /// hidden from what looks for them.
    pub(crate) fn with_opaque_floats(&self) -> Self {
        Self {
            opaque_floats: true,
            ..self.clone()
        }
    }
}

impl PhysicalExprAdapterFactory for FieldIdAdapterFactory {
    fn create(
        &self,
        logical_file_schema: SchemaRef,
        physical_file_schema: SchemaRef,
    ) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let mapping = self.mapping.as_ref();
        let fields = identified(&physical_file_schema, &logical_file_schema, mapping);
        let ids = fields.iter().enumerate();
        let by_id = ids
            .filter_map(|(index, f)| field_id(f).map(|id| (id, index)))
            .collect();
        Ok(Arc::new(FieldIdAdapter {
            table: Arc::clone(&self.table),
            columns: Arc::clone(&self.columns),
            logical: logical_file_schema,
            physical: physical_file_schema,
            fields,
            by_id,
            opaque_floats: self.opaque_floats,
        }))
    }
}

/// The columns of one file.
#[derive(Debug)]
struct FieldIdAdapter {
    table: Arc<str>,
    columns: Arc<TableColumns>,
    logical: SchemaRef,
    physical: SchemaRef,
    /// The file's fields with their ids resolved.
    fields: Fields,
    by_id: HashMap<i32, usize>,
    opaque_floats: bool,
}

impl FieldIdAdapter {
    /// The expression over the file that gives the table's column, None for an unknown name.
    fn column(&self, name: &str) -> Result<Option<Arc<dyn PhysicalExpr>>> {
        let Some(position) = self.columns.index_of(name) else {
            return Ok(None);
        };
        let column = &self.logical.fields()[position];
        let defaults = self.columns.defaults();
        let inside = self.columns.inside(position);
        let top = inside.unwrap_or(column);
        let Some(index) = field_id(top).and_then(|id| self.by_id.get(&id).copied()) else {
            let value = match inside {
                Some(_) => ScalarValue::try_new_null(column.data_type())?,
                None => absent(column, defaults)?,
            };
            return Ok(Some(lit(value)));
        };
        let stored = self.physical.field(index);
        let input: Arc<dyn PhysicalExpr> = Arc::new(Column::new(stored.name(), index));
        let mut shape = Shape::plan(top, &self.fields[index], stored.data_type(), defaults)?;
        if inside.is_some() {
            shape = Shape::Inside(Box::new(shape));
        }
        let reshape = |input, shape| -> Arc<dyn PhysicalExpr> {
            Arc::new(ReshapeExpr::new(input, Arc::new(shape), Arc::clone(column)))
        };
        let read = match shape {
            Shape::Keep => input,
            Shape::Cast(to) => Arc::new(CastExpr::new(input, to, None)),
            nested => reshape(input, nested),
        };
        let hidden = self.opaque_floats && column.data_type().is_floating();
        Ok(Some(if hidden {
            reshape(read, Shape::Keep)
        } else {
            read
        }))
    }
}

impl PhysicalExprAdapter for FieldIdAdapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let rewritten = expr.transform_down(|expr| {
            let Some(column) = expr.as_any().downcast_ref::<Column>() else {
                return Ok(Transformed::no(expr));
            };
            match self.column(column.name())? {
                // A rewritten column may carry the name of another column: do not look again.
                Some(read) => Ok(Transformed::new(read, true, TreeNodeRecursion::Jump)),
                None => Ok(Transformed::no(expr)),
            }
        });
        rewritten.data().map_err(|e| named(&self.table, e))
    }
}

fn named(table: &str, error: DataFusionError) -> DataFusionError {
    error.context(format!("reading a data file of table {table}"))
}
