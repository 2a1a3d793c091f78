// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Which columns of a file give the columns that are wanted.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::{ScalarValue, exec_datafusion_err};
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_expr_adapter::PhysicalExprAdapterFactory;

use crate::plan::PointKeys;
use crate::schema::{FieldIdAdapterFactory, TableColumns};

/// How files of one schema are read.
pub(super) struct Projection {
    /// The file's columns.
    pub(super) schema: SchemaRef,
    /// Those that are wanted, or tell the keys.
    pub(super) roots: Vec<usize>,
    /// These columns.
    pub(super) read: SchemaRef,
    /// The wanted columns, over these.
    wanted: Vec<Arc<dyn PhysicalExpr>>,
    /// The key columns, likewise.
    pub(super) keys: Vec<Arc<dyn PhysicalExpr>>,
    /// The file's columns that hold the keys' values as they are.
    pub(super) plain_keys: Vec<Option<String>>,
}

impl Projection {
    /// For files with the columns `schema`.
    pub(super) fn try_new(
        columns: &TableColumns,
        adapter: &FieldIdAdapterFactory,
        keys: &PointKeys,
        wanted: &[usize],
        schema: &SchemaRef,
    ) -> Result<Self> {
        let logical = columns.arrow();
        let adapter = adapter.create(Arc::clone(logical), Arc::clone(schema))?;
        let of_file = |index: usize| {
            let column = Column::new(logical.field(index).name(), index);
            adapter.rewrite(Arc::new(column))
        };
        let wanted: Vec<_> = wanted.iter().map(|i| of_file(*i)).collect::<Result<_>>()?;
        let key_exprs = keys.columns.iter().map(|key| of_file(key.index));
        let key_exprs: Vec<_> = key_exprs.collect::<Result<_>>()?;
        let plain = keys.columns.iter().zip(&key_exprs).map(|(key, expr)| {
            let column = expr.as_any().downcast_ref::<Column>()?;
            let field = schema.field(column.index());
            (field.data_type() == key.values.data_type()).then(|| field.name().clone())
        });
        let plain_keys = plain.collect();
        let named = wanted.iter().chain(&key_exprs).flat_map(collect_columns);
        let roots: BTreeSet<usize> = named.map(|column| column.index()).collect();
        let roots: Vec<usize> = roots.into_iter().collect();
        let read = Arc::new(schema.project(&roots)?);
        let reassigned = |exprs: Vec<Arc<dyn PhysicalExpr>>| {
            let exprs = exprs.into_iter();
            exprs
                .map(|expr| reassign_expr_columns(expr, &read))
                .collect::<Result<Vec<_>>>()
        };
        Ok(Self {
            schema: Arc::clone(schema),
            wanted: reassigned(wanted)?,
            keys: reassigned(key_exprs)?,
            plain_keys,
            roots,
            read,
        })
    }

    /// Rows that were read without the columns whose values are known, with these in their places.
    pub(super) fn complete<'a>(
        &self,
        rows: RecordBatch,
        known: impl Fn(usize) -> Option<&'a ScalarValue>,
    ) -> Result<RecordBatch> {
        if rows.num_columns() == self.roots.len() {
            return Ok(rows);
        }
        let count = rows.num_rows();
        let mut read = rows.columns().iter();
        let columns = self.roots.iter().map(|root| match known(*root) {
            Some(value) => value.to_array_of_size(count),
            None => {
                let column = read.next().cloned();
                column.ok_or_else(|| exec_datafusion_err!("a column of the file was not read"))
            }
        });
        let columns: Vec<ArrayRef> = columns.collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let schema = Arc::clone(&self.read);
        Ok(RecordBatch::try_new_with_options(
            schema, columns, &options,
        )?)
    }

    /// The wanted columns of rows that were read.
    pub(super) fn project(&self, rows: &RecordBatch, schema: &Arc<Schema>) -> Result<RecordBatch> {
        let count = rows.num_rows();
        let columns = self.wanted.iter();
        let columns = columns.map(|expr| expr.evaluate(rows)?.into_array(count));
        let columns: Vec<ArrayRef> = columns.collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let schema = Arc::clone(schema);
        Ok(RecordBatch::try_new_with_options(
            schema, columns, &options,
        )?)
    }
}
