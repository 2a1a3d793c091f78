// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Keeps the entity side in the order it is read.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, Statistics};
use datafusion::config::ConfigOptions;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

use crate::exec::PitJoinExec;

/// Keeps `EnforceDistribution` from dealing a join's entity rows round among threads.
///
/// ```text
///   PitJoinExec            seal                     unseal
///     FilterExec            ──►  PitJoinExec           ──►  PitJoinExec
///       DataSourceExec             SealedExec                 FilterExec
///                                                               DataSourceExec
/// ```
///
/// DataFusion splits and deals batches among threads below a filter or projection on a single partition. The join reads its entity
/// side partition after partition, so dealt batches would come back shuffled. One instance of this rule seals filters and
/// projections over a scan before `EnforceDistribution`, another opens the seal after it. A plan left sealed runs the same.
#[derive(Debug)]
pub struct KeepEntityOrder {
    seal: bool,
}

impl KeepEntityOrder {
    /// The rule to run before `EnforceDistribution`.
    pub fn seal() -> Self {
        Self { seal: true }
    }

    /// The rule to run after `EnforceDistribution`.
    pub fn unseal() -> Self {
        Self { seal: false }
    }
}

impl PhysicalOptimizerRule for KeepEntityOrder {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = if self.seal {
            plan.transform_up(seal)?
        } else {
            plan.transform_down(unseal)?
        };
        Ok(plan.data)
    }

    fn name(&self) -> &'static str {
        if self.seal {
            "keep_entity_order (seal)"
        } else {
            "keep_entity_order (unseal)"
        }
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn seal(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    if !plan.as_any().is::<PitJoinExec>() {
        return Ok(Transformed::no(plan));
    }
    let mut children = plan
        .children()
        .into_iter()
        .map(Arc::clone)
        .collect::<Vec<_>>();
    if splits_in_order(&children[0]) || !reads_in_order(&children[0]) {
        return Ok(Transformed::no(plan));
    }
    children[0] = Arc::new(SealedExec {
        plan: Arc::clone(&children[0]),
    });
    Ok(Transformed::yes(plan.with_new_children(children)?))
}

/// A scan of files is split into ranges that follow one another; one of memory is dealt out by size.
fn splits_in_order(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let source = plan.as_any().downcast_ref::<DataSourceExec>();
    source.is_some_and(|source| source.data_source().as_any().is::<FileScanConfig>())
}

fn unseal(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    Ok(match plan.as_any().downcast_ref::<SealedExec>() {
        Some(sealed) => Transformed::yes(Arc::clone(&sealed.plan)),
        None => Transformed::no(plan),
    })
}

/// Filters, projections and unions of them over scans: rows leave in the order the scan reads them.
fn reads_in_order(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let any = plan.as_any();
    let passes = any.is::<FilterExec>()
        || any.is::<ProjectionExec>()
        || any.is::<CooperativeExec>()
        || any.is::<UnionExec>();
    let inputs = plan.children();
    inputs.is_empty() || (passes && inputs.into_iter().all(reads_in_order))
}

/// A plan that other rules take for a leaf.
#[derive(Debug)]
struct SealedExec {
    plan: Arc<dyn ExecutionPlan>,
}

impl DisplayAs for SealedExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "SealedExec: {}", self.plan.name())
    }
}

impl ExecutionPlan for SealedExec {
    fn name(&self) -> &'static str {
        "SealedExec"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.plan.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.plan.execute(partition, context)
    }

    fn partition_statistics(&self, partition: Option<usize>) -> Result<Statistics> {
        self.plan.partition_statistics(partition)
    }
}
