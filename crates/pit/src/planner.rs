// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! From the logical node to the physical operator.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::common::{Result, internal_err};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};

use crate::exec::{PitJoinExec, PitJoinMode};
use crate::logical::PitJoinNode;

/// Plans [`PitJoinNode`]; leaves every other node to other planners.
///
/// Joins are collected unless another form is asked for. Where that form is impossible, because views have different keys, the join
/// is collected all the same.
#[derive(Debug, Default)]
pub struct PitJoinPlanner {
    mode: PitJoinMode,
}

impl PitJoinPlanner {
    /// A planner of joins in this form.
    ///
    /// ```
    /// use feast_pit::{PitJoinMode, PitJoinPlanner};
    ///
    /// let for_a_cluster = PitJoinPlanner::with_mode(PitJoinMode::Partitioned);
    /// # let _ = for_a_cluster;
    /// ```
    pub fn with_mode(mode: PitJoinMode) -> Self {
        Self { mode }
    }
}

#[async_trait]
impl ExtensionPlanner for PitJoinPlanner {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        _session_state: &SessionState,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(node) = node.as_any().downcast_ref::<PitJoinNode>() else {
            return Ok(None);
        };
        let Some((entity, views)) = physical_inputs.split_first() else {
            return internal_err!("a point-in-time join has no inputs");
        };
        let join = |mode| {
            let (entity, views) = (Arc::clone(entity), views.to_vec());
            PitJoinExec::try_new_with_mode(entity, views, Arc::clone(node.spec()), mode)
        };
        // What is wrong with both forms is told by the second.
        let join = join(self.mode).or_else(|_| join(PitJoinMode::Collected))?;
        Ok(Some(Arc::new(join)))
    }
}
