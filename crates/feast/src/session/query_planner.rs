// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Planning the join, and values that are waited for, beside whatever planner a session has.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use feast_pit::{PitJoinNode, PitJoinPlanner};

use crate::functions::{PitJoinTable, hoist_online_gets};

/// Plans point-in-time joins and leaves everything else to the session's own planner. Calls of `feast_online_get` are
/// columns of their own by then, which every planner knows.
///
/// Without another planner the join is planned by DataFusion's, extended with ours. Another planner is opaque: what it knows of
/// extension nodes cannot be asked. So each join is put behind a table provider that plans itself, and the rest of the plan is
/// the other planner's as before.
#[derive(Debug)]
pub(super) struct FeastQueryPlanner {
    other: Option<Arc<dyn QueryPlanner + Send + Sync>>,
}

impl FeastQueryPlanner {
    pub(super) fn new(other: Option<Arc<dyn QueryPlanner + Send + Sync>>) -> Self {
        Self { other }
    }
}

#[async_trait]
impl QueryPlanner for FeastQueryPlanner {
    async fn create_physical_plan(
        &self,
        logical_plan: &LogicalPlan,
        session_state: &SessionState,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let hoisted = hoist_online_gets(logical_plan)?;
        let logical_plan = hoisted.as_ref().unwrap_or(logical_plan);
        match &self.other {
            None => {
                let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(
                    PitJoinPlanner::default(),
                )]);
                planner
                    .create_physical_plan(logical_plan, session_state)
                    .await
            }
            Some(other) => {
                let plan = behind_providers(logical_plan.clone())?;
                other.create_physical_plan(&plan, session_state).await
            }
        }
    }
}

fn behind_providers(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_down(|node| {
        let LogicalPlan::Extension(extension) = &node else {
            return Ok(Transformed::no(node));
        };
        let Some(join) = extension.node.as_any().downcast_ref::<PitJoinNode>() else {
            return Ok(Transformed::no(node));
        };
        let table = provider_as_source(Arc::new(PitJoinTable::new(join.clone())));
        let scan = LogicalPlanBuilder::scan("feast_pit_join", table, None)?;
        // The join's columns carry no qualifier; the plan above refers to them so.
        let columns = scan
            .schema()
            .columns()
            .into_iter()
            .map(|c| datafusion::logical_expr::Expr::Column(c.clone()).alias(c.name))
            .collect::<Vec<_>>();
        Ok(Transformed::new(
            scan.project(columns)?.build()?,
            true,
            datafusion::common::tree_node::TreeNodeRecursion::Jump,
        ))
    })?;
    Ok(plan.data)
}
