// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The leaf that `IcebergTableProvider::scan` gives.

use std::any::Any;
use std::fmt::{self, Formatter};
use std::sync::Arc;

use datafusion::common::{Statistics, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

use super::summary::ScanSummary;

/// A scan of an Iceberg table. It runs by itself in any session; where [`ChooseIcebergScan`] is
/// installed it is replaced before the other rules look at the plan.
///
/// [`ChooseIcebergScan`]: super::ChooseIcebergScan
#[derive(Debug, Clone)]
pub struct IcebergScanExec {
    /// The scan without the query's filters, which the optimizer will push down.
    chosen: Arc<dyn ExecutionPlan>,
    /// The same scan with the filters that were given to `scan`.
    alone: Arc<dyn ExecutionPlan>,
    summary: Arc<ScanSummary>,
}

impl IcebergScanExec {
    pub(crate) fn new(
        chosen: Arc<DataSourceExec>,
        alone: Arc<DataSourceExec>,
        summary: Arc<ScanSummary>,
    ) -> Self {
        Self {
            chosen,
            alone,
            summary,
        }
    }

    /// The plan that reads the files with DataFusion's own Parquet source.
    pub fn chosen(&self) -> &Arc<dyn ExecutionPlan> {
        &self.chosen
    }

    /// The table and snapshot, and how the files were chosen.
    pub fn summary(&self) -> &ScanSummary {
        &self.summary
    }
}

impl DisplayAs for IcebergScanExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        match t {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                let schema = self.schema();
                let names: Vec<_> = schema.fields().iter().map(|c| c.name().as_str()).collect();
                let names = names.join(", ");
                write!(f, "IcebergScanExec: {}, projection=[{names}]", self.summary)
            }
            DisplayFormatType::TreeRender => writeln!(f, "{}", self.summary),
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
        let chosen = self.chosen.repartitioned(target_partitions, config)?;
        let alone = self.alone.repartitioned(target_partitions, config)?;
        Ok(chosen.zip(alone).map(|(chosen, alone)| {
            let summary = Arc::clone(&self.summary);
            Arc::new(Self {
                chosen,
                alone,
                summary,
            }) as Arc<dyn ExecutionPlan>
        }))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.alone.execute(partition, context)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.alone.metrics()
    }

    fn partition_statistics(&self, partition: Option<usize>) -> Result<Statistics> {
        self.chosen.partition_statistics(partition)
    }
}
