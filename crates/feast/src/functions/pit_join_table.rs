// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The join as a table: what a session without our planner, and a planner that is not ours, can run.

use std::any::Any;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{Expr, TableType, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use feast_pit::{KeepEntityOrder, PitJoinExec, PitJoinNode};

/// Plans the join's inputs with the session it is asked by and puts the operator on top: finished and correct in any session.
#[derive(Debug)]
pub(crate) struct PitJoinTable {
    join: PitJoinNode,
    schema: SchemaRef,
}

impl PitJoinTable {
    pub(crate) fn new(join: PitJoinNode) -> Self {
        let schema = Arc::clone(join.schema().inner());
        Self { join, schema }
    }
}

#[async_trait]
impl TableProvider for PitJoinTable {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        // More partitions would shuffle the entity side, whose order the join keeps.
        let entity = match state.as_any().downcast_ref::<SessionState>() {
            Some(state) => {
                // Building a state with a default catalog would register an empty one over the host's.
                let bare = state
                    .config()
                    .clone()
                    .with_create_default_catalog_and_schema(false);
                let config = bare.with_target_partitions(1);
                let state = SessionStateBuilder::new_from_existing(state.clone())
                    .with_config(config)
                    .build();
                state.create_physical_plan(self.join.entity()).await?
            }
            None => state.create_physical_plan(self.join.entity()).await?,
        };
        let mut views = Vec::with_capacity(self.join.views().len());
        for view in self.join.views() {
            views.push(state.create_physical_plan(view).await?);
        }
        let join = PitJoinExec::try_new(entity, views, Arc::clone(self.join.spec()))?;
        // The session's own rules would deal the entity rows round; ours, where installed, open the seal again.
        let config = state.config_options();
        let mut plan = KeepEntityOrder::seal().optimize(Arc::new(join), config)?;
        if let Some(columns) = projection {
            let columns = columns
                .iter()
                .map(|at| {
                    let name = self.schema.field(*at).name();
                    ProjectionExpr {
                        expr: Arc::new(Column::new(name, *at)),
                        alias: name.clone(),
                    }
                })
                .collect::<Vec<_>>();
            plan = Arc::new(ProjectionExec::try_new(columns, plan)?);
        }
        if let Some(rows) = limit {
            plan = Arc::new(GlobalLimitExec::new(plan, 0, Some(rows)));
        }
        Ok(plan)
    }
}
