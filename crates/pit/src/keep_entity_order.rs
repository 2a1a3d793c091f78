// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Keeps the entity side in the order it is read.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, Partitioning};

use crate::exec::PitJoinExec;

/// Takes round-robin repartitioning out of the filters and projections right below a join's entity side.
///
/// ```text
///   PitJoinExec                         PitJoinExec
///     FilterExec                          FilterExec
///       RepartitionExec: RoundRobin  ──►    DataSourceExec
///         DataSourceExec
/// ```
///
/// DataFusion deals batches round among threads for whatever sits on a single partition. The join reads its entity side partition
/// after partition, so dealt batches would come back shuffled; undealt they come in the order read. The rule runs after
/// `EnforceDistribution`, which inserts them.
#[derive(Debug, Default)]
pub struct KeepEntityOrder {}

impl PhysicalOptimizerRule for KeepEntityOrder {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = plan.transform_up(|plan| {
            if !plan.as_any().is::<PitJoinExec>() {
                return Ok(Transformed::no(plan));
            }
            let mut children = plan
                .children()
                .into_iter()
                .map(Arc::clone)
                .collect::<Vec<_>>();
            match undealt(&children[0])? {
                Some(entity) => {
                    children[0] = entity;
                    Ok(Transformed::yes(plan.with_new_children(children)?))
                }
                None => Ok(Transformed::no(plan)),
            }
        })?;
        Ok(plan.data)
    }

    fn name(&self) -> &'static str {
        "keep_entity_order"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The plan without its round-robin repartitioning, or none where it has none.
fn undealt(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let any = plan.as_any();
    if let Some(repartition) = any.downcast_ref::<RepartitionExec>() {
        let round_robin = matches!(plan.output_partitioning(), Partitioning::RoundRobinBatch(_));
        return Ok(round_robin.then(|| Arc::clone(repartition.input())));
    }
    if !(any.is::<FilterExec>() || any.is::<ProjectionExec>() || any.is::<CooperativeExec>()) {
        return Ok(None);
    }
    match undealt(plan.children()[0])? {
        Some(input) => Ok(Some(Arc::clone(plan).with_new_children(vec![input])?)),
        None => Ok(None),
    }
}
