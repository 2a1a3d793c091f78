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
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{
    Expr, TableProviderFilterPushDown, TableType, UserDefinedLogicalNodeCore,
};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
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

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let pushed = |filter: &&Expr| match self.join.takes_filter(filter) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(pushed).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let names = |at: &usize| self.schema.field(*at).name().as_str();
        let columns: Option<Vec<&str>> = projection.map(|p| p.iter().map(names).collect());
        let join = self.asked(columns.as_deref(), filters)?;
        let entity = entity_plan(&join, state).await?;
        let mut views = Vec::with_capacity(join.views().len());
        for view in join.views() {
            views.push(state.create_physical_plan(view).await?);
        }
        let exec = Arc::new(PitJoinExec::try_new(
            entity,
            views,
            Arc::clone(join.spec()),
        )?);
        let limited = limit.and_then(|_| exec.with_fetch(limit));
        let plan = limited.unwrap_or(exec);
        // The session's own rules would deal the entity rows round; ours, where installed, open the seal again.
        let plan = KeepEntityOrder::seal().optimize(plan, state.config_options())?;
        let Some(columns) = columns else {
            return Ok(plan);
        };
        let schema = plan.schema();
        let columns = columns
            .into_iter()
            .map(|name| {
                Ok(ProjectionExpr {
                    expr: Arc::new(Column::new(name, schema.index_of(name)?)),
                    alias: name.to_owned(),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(ProjectionExec::try_new(columns, plan)?))
    }
}

impl PitJoinTable {
    /// The join with these filters on its entity side, without views and features that are not asked for.
    fn asked(&self, columns: Option<&[&str]>, filters: &[Expr]) -> Result<PitJoinNode> {
        let mut join = self.join.clone();
        if let Some(columns) = columns
            && let Some(narrower) = join.with_columns(&columns.iter().copied().collect())?
        {
            join = narrower;
        }
        match conjunction(filters.iter().cloned()) {
            Some(filter) => join.filtered(filter),
            None => Ok(join),
        }
    }
}

/// The entity side's plan. More partitions would shuffle it, and the join keeps its order.
async fn entity_plan(join: &PitJoinNode, state: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
    let Some(state) = state.as_any().downcast_ref::<SessionState>() else {
        return state.create_physical_plan(join.entity()).await;
    };
    // Building a state with a default catalog would register an empty one over the host's.
    let bare = state
        .config()
        .clone()
        .with_create_default_catalog_and_schema(false);
    let state = SessionStateBuilder::new_from_existing(state.clone())
        .with_config(bare.with_target_partitions(1))
        .build();
    state.create_physical_plan(join.entity()).await
}
