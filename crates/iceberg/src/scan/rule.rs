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

/// Replaces each [`IcebergScanExec`] by the scan it chose. It has to be the first physical rule, so
/// that filters, projections, limits, dynamic filters and byte ranges reach that scan.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChooseIcebergScan;

impl PhysicalOptimizerRule for ChooseIcebergScan {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
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
