// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The leaf that `IcebergTableProvider::scan` gives.

use std::any::Any;
use std::fmt::{self, Formatter};
use std::sync::{Arc, OnceLock};

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Statistics, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::datasource::physical_plan::{FileScanConfig, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{PhysicalExpr, split_conjunction};
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

use super::recipe::ScanRecipe;
use super::rule::ScanMode;
use super::summary::ScanSummary;

/// A scan of an Iceberg table. It runs by itself in any session; where [`ChooseIcebergScan`] is
/// installed it is replaced before the other rules look at the plan.
///
/// [`ChooseIcebergScan`]: super::ChooseIcebergScan
#[derive(Debug, Clone)]
pub struct IcebergScanExec {
    recipe: Arc<ScanRecipe>,
    /// The scan without the query's filters, which the optimizer will push down.
    chosen: Arc<dyn ExecutionPlan>,
    /// The same scan with the filters that were given to `scan`, made when it is needed.
    alone: OnceLock<Arc<dyn ExecutionPlan>>,
}

impl IcebergScanExec {
    pub(super) fn try_new(recipe: ScanRecipe) -> Result<Self> {
        Ok(Self {
            chosen: recipe.plan(ScanMode::Auto)?,
            recipe: Arc::new(recipe),
            alone: OnceLock::new(),
        })
    }

    /// The plan that reads files without deletes with DataFusion's own Parquet source, and the
    /// others by merge-on-read.
    pub fn chosen(&self) -> &Arc<dyn ExecutionPlan> {
        &self.chosen
    }

    /// The plan that reads the files in this mode.
    pub(super) fn in_mode(&self, mode: ScanMode) -> Result<Arc<dyn ExecutionPlan>> {
        match mode {
            ScanMode::Auto => Ok(Arc::clone(&self.chosen)),
            ScanMode::MergeOnRead => self.recipe.plan(mode),
        }
    }

    /// The table and snapshot, and how the files were chosen.
    pub fn summary(&self) -> &ScanSummary {
        &self.recipe.summary
    }

    fn alone(&self) -> Result<&Arc<dyn ExecutionPlan>> {
        if let Some(alone) = self.alone.get() {
            return Ok(alone);
        }
        let alone = match &self.recipe.predicate {
            Some(predicate) => filtered(&self.chosen, predicate)?,
            None => Arc::clone(&self.chosen),
        };
        Ok(self.alone.get_or_init(|| alone))
    }
}

/// `plan` with the filters of `predicate` in its scans.
fn filtered(
    plan: &Arc<dyn ExecutionPlan>,
    predicate: &Arc<dyn PhysicalExpr>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let filters: Vec<_> = split_conjunction(predicate).into_iter().cloned().collect();
    // Whether filters are evaluated in the scan was decided when it was made.
    let options = ConfigOptions::new();
    let with_filters = Arc::clone(plan).transform_up(|node| {
        let exec = node.as_any().downcast_ref::<DataSourceExec>();
        let config = exec.and_then(|e| e.data_source().as_any().downcast_ref::<FileScanConfig>());
        let Some(config) = config else {
            return Ok(Transformed::no(node));
        };
        let pushed = config
            .file_source()
            .try_pushdown_filters(filters.clone(), &options)?;
        let Some(source) = pushed.updated_node else {
            return Ok(Transformed::no(node));
        };
        let config = FileScanConfigBuilder::from(config.clone()).with_source(source);
        Ok(Transformed::yes(
            DataSourceExec::from_data_source(config.build()) as _,
        ))
    });
    with_filters.data()
}

/// `plan`, a scan or a union of scans, with more partitions.
fn repartitioned(
    plan: &Arc<dyn ExecutionPlan>,
    target: usize,
    config: &ConfigOptions,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if plan.children().is_empty() {
        return plan.repartitioned(target, config);
    }
    let mut changed = false;
    let mut children = Vec::new();
    for child in plan.children() {
        let split = repartitioned(child, target, config)?;
        changed |= split.is_some();
        children.push(split.unwrap_or_else(|| Arc::clone(child)));
    }
    if !changed {
        return Ok(None);
    }
    Arc::clone(plan).with_new_children(children).map(Some)
}

/// The metrics of `plan` and of all below it.
fn all_metrics(plan: &Arc<dyn ExecutionPlan>) -> MetricsSet {
    let mut all = plan.metrics().unwrap_or_default();
    for child in plan.children() {
        all_metrics(child)
            .iter()
            .for_each(|m| all.push(Arc::clone(m)));
    }
    all
}

impl DisplayAs for IcebergScanExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        let summary = self.summary();
        match t {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                let schema = self.schema();
                let names: Vec<_> = schema.fields().iter().map(|c| c.name().as_str()).collect();
                let names = names.join(", ");
                write!(f, "IcebergScanExec: {summary}, projection=[{names}]")
            }
            DisplayFormatType::TreeRender => writeln!(f, "{summary}"),
        }
    }
}

impl ExecutionPlan for IcebergScanExec {
    fn name(&self) -> &'static str {
        "IcebergScanExec"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.chosen.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if children.is_empty() {
            Ok(self)
        } else {
            internal_err!("IcebergScanExec is a leaf")
        }
    }

    fn repartitioned(
        &self,
        target_partitions: usize,
        config: &ConfigOptions,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let chosen = repartitioned(&self.chosen, target_partitions, config)?;
        Ok(chosen.map(|chosen| {
            Arc::new(Self {
                recipe: Arc::clone(&self.recipe),
                chosen,
                alone: OnceLock::new(),
            }) as Arc<dyn ExecutionPlan>
        }))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.alone()?.execute(partition, context)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.alone.get().map(all_metrics)
    }

    fn partition_statistics(&self, partition: Option<usize>) -> Result<Statistics> {
        self.chosen.partition_statistics(partition)
    }
}
