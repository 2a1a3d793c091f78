// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The rule that hands Iceberg scans over to DataFusion's Parquet source.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

use super::exec::IcebergScanExec;

/// Which scan reads a table's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ScanMode {
    /// Direct Parquet for clean files, merge-on-read for those with deletes.
    #[default]
    Auto,
    /// Merge-on-read for every file.
    MergeOnRead,
}

/// Replaces each [`IcebergScanExec`] by the scan it chose. It has to be the first physical rule, so
/// that filters, projections, limits, dynamic filters and byte ranges reach that scan.
#[derive(Debug, Clone, Copy)]
pub struct ChooseIcebergScan {
    mode: fn(&ConfigOptions) -> ScanMode,
}

impl ChooseIcebergScan {
    /// A rule that asks `mode` for the choice each time it plans a query.
    pub fn new(mode: fn(&ConfigOptions) -> ScanMode) -> Self {
        Self { mode }
    }
}

impl Default for ChooseIcebergScan {
    fn default() -> Self {
        Self::new(|_| ScanMode::Auto)
    }
}

impl PhysicalOptimizerRule for ChooseIcebergScan {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let _mode = (self.mode)(config);
        let replaced = plan.transform_up(|node| {
            Ok(match node.as_any().downcast_ref::<IcebergScanExec>() {
                Some(scan) => Transformed::yes(Arc::clone(scan.chosen())),
                None => Transformed::no(node),
            })
        });
        replaced.data()
    }

    fn name(&self) -> &str {
        "ChooseIcebergScan"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
