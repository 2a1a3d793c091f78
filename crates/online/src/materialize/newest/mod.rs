// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! From the rows of a source to those that are written: the winner of each key up to an instant, and
//! all rows after it.
//!
//! ```text
//!   rows ──► by key to partitions ──► NewestExec ──► winners, at the end
//!                                        └─────────► rows of the future, as they come
//! ```
//!
//! The source is read once. A partition holds the rows that are in the lead, not those that have lost;
//! when memory runs out they go to files by their keys' hash, and each file is settled by itself.

mod exec;
mod meter;
mod shape;
mod spilled;
#[cfg(test)]
mod tests;
mod winners;

use std::any::Any;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, TableType};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, Partitioning};

use exec::NewestExec;
pub(super) use meter::Meter;
pub(super) use shape::Shape;

/// The rows to be written, as a table.
#[derive(Debug)]
pub(super) struct NewestTable {
    rows: LogicalPlan,
    schema: SchemaRef,
    shape: Arc<Shape>,
    meter: Arc<Meter>,
}

impl NewestTable {
    /// Of rows that have the view's names and types, counted by `meter`.
    pub(super) fn new(rows: LogicalPlan, shape: Shape, meter: Arc<Meter>) -> Self {
        Self {
            schema: Arc::clone(rows.schema().inner()),
            shape: Arc::new(shape),
            rows,
            meter,
        }
    }

    /// Rows of a key in one partition.
    fn by_key(
        &self,
        input: Arc<dyn ExecutionPlan>,
        partitions: usize,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let keys = self.shape.key_exprs(&input.schema());
        if keys.is_empty() || partitions < 2 {
            return Ok(match input.output_partitioning().partition_count() {
                1 => input,
                _ => Arc::new(CoalescePartitionsExec::new(input)),
            });
        }
        let hashed = Partitioning::Hash(keys, partitions);
        Ok(Arc::new(RepartitionExec::try_new(input, hashed)?))
    }
}

#[async_trait]
impl TableProvider for NewestTable {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = state.create_physical_plan(&self.rows).await?;
        let input = self.by_key(input, state.config().target_partitions())?;
        let (shape, meter) = (Arc::clone(&self.shape), Arc::clone(&self.meter));
        let newest: Arc<dyn ExecutionPlan> = Arc::new(NewestExec::new(input, shape, meter));
        let Some(columns) = projection else {
            return Ok(newest);
        };
        let columns = columns.iter().map(|at| {
            let name = self.schema.field(*at).name();
            ProjectionExpr {
                expr: Arc::new(Column::new(name, *at)),
                alias: name.clone(),
            }
        });
        let columns: Vec<_> = columns.collect();
        Ok(Arc::new(ProjectionExec::try_new(columns, newest)?))
    }
}
