// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What the scans of a view read and skipped, told by the join under the view's name.
//!
//! ```text
//!   DataSourceExec   bytes_scanned=7    row_groups_pruned_statistics=3 total → 1 matched
//!   PitJoinExec      stats.bytes_scanned=7, stats.row_groups_pruned_statistics=3 total → 1 matched, …
//! ```
//!
//! A view that is read twice, to break ties, has two scans. Scans that DataFusion made from one another share their counts: each
//! shows those of both reads. So a count is taken once, however many scans show it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::{Metric, MetricValue, MetricsSet};

/// What scans count that is told of a view, by the names that DataFusion's Parquet scans and those of Iceberg tables give it.
const TOLD: [&str; 10] = [
    "bytes_scanned",
    "files_ranges_pruned_statistics",
    "row_groups_pruned_statistics",
    "row_groups_pruned_bloom_filter",
    "page_index_pages_pruned",
    "page_index_rows_pruned",
    "pushdown_rows_pruned",
    "pushdown_rows_matched",
    "delete_files_loaded",
    "rows_deleted",
];

/// Adds what the leaves of these plans counted, named after the view; rows that they gave are `rows_scanned`.
pub(super) fn scan_metrics<'a>(
    view: &str,
    plans: impl Iterator<Item = &'a Arc<dyn ExecutionPlan>>,
    told: &mut MetricsSet,
) {
    let mut seen = HashSet::new();
    let mut plans = plans.collect::<Vec<_>>();
    while let Some(plan) = plans.pop() {
        let children = plan.children();
        if !children.is_empty() {
            plans.extend(children);
            continue;
        }
        let counted = plan.metrics().unwrap_or_default();
        for metric in counted.iter() {
            if let Some(value) = named(view, metric.value())
                && seen.insert(Arc::as_ptr(metric))
            {
                told.push(Arc::new(Metric::new(value, metric.partition())));
            }
        }
    }
}

/// The same value under the view's name, if it is told.
fn named(view: &str, value: &MetricValue) -> Option<MetricValue> {
    let of_view = |name: &str| Cow::from(format!("{view}.{name}"));
    match value {
        MetricValue::OutputRows(count) => Some(MetricValue::Count {
            name: of_view("rows_scanned"),
            count: count.clone(),
        }),
        MetricValue::Count { name, count } if TOLD.contains(&name.as_ref()) => {
            Some(MetricValue::Count {
                name: of_view(name),
                count: count.clone(),
            })
        }
        MetricValue::PruningMetrics {
            name,
            pruning_metrics,
        } if TOLD.contains(&name.as_ref()) => Some(MetricValue::PruningMetrics {
            name: of_view(name),
            pruning_metrics: pruning_metrics.clone(),
        }),
        _ => None,
    }
}
