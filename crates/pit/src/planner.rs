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

use crate::exec::PitJoinExec;
use crate::logical::PitJoinNode;

/// Plans [`PitJoinNode`]; leaves every other node to other planners.
#[derive(Debug, Default)]
pub struct PitJoinPlanner {}

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
        let join =
            PitJoinExec::try_new(Arc::clone(entity), views.to_vec(), Arc::clone(node.spec()))?;
        Ok(Some(Arc::new(join)))
    }
}
