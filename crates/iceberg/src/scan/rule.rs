// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The rule that hands Iceberg scans over to DataFusion's Parquet source.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

use iceberg_datafusion::physical_plan::IcebergTableScan;

use super::exec::IcebergScanExec;
use super::foreign::replacement;

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
///
/// Scans of the `iceberg-datafusion` crate are replaced as well, where the rule knows the session's
/// runtime: see [`ChooseIcebergScan::with_runtime_env`].
#[derive(Debug, Clone)]
pub struct ChooseIcebergScan {
    mode: fn(&ConfigOptions) -> ScanMode,
    runtime: Option<Arc<RuntimeEnv>>,
}

impl ChooseIcebergScan {
    /// A rule that asks `mode` for the choice each time it plans a query.
    pub fn new(mode: fn(&ConfigOptions) -> ScanMode) -> Self {
        Self {
            mode,
            runtime: None,
        }
    }

    /// Replaces scans of the `iceberg-datafusion` crate too: their files are read through object
    /// stores that are registered in `runtime`, which has to be the session's.
    #[must_use]
    pub fn with_runtime_env(self, runtime: Arc<RuntimeEnv>) -> Self {
        Self {
            runtime: Some(runtime),
            ..self
        }
    }

    /// The scan in place of `node`, if there is one.
    fn choose(
        &self,
        node: &Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        if let Some(scan) = node.as_any().downcast_ref::<IcebergScanExec>() {
            return scan.in_mode((self.mode)(config)).map(Some);
        }
        let foreign = node.as_any().downcast_ref::<IcebergTableScan>();
        let Some((scan, runtime)) = foreign.zip(self.runtime.as_ref()) else {
            return Ok(None);
        };
        let Some(planned) = replacement(scan, config, runtime)? else {
            return Ok(None);
        };
        let chosen = planned.transform_up(|node| {
            Ok(match self.choose(&node, config)? {
                Some(chosen) => Transformed::yes(chosen),
                None => Transformed::no(node),
            })
        });
        chosen.data().map(Some)
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
        let replaced = plan.transform_up(|node| {
            Ok(match self.choose(&node, config)? {
                Some(chosen) => Transformed::yes(chosen),
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
