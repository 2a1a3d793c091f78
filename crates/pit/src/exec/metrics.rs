// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What EXPLAIN ANALYZE tells.

use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, Gauge, MetricBuilder, Time,
};

/// The operator's metrics.
#[derive(Debug, Clone)]
pub(super) struct PitMetrics {
    pub(super) baseline: BaselineMetrics,
    pub(super) build_time: Time,
    pub(super) probe_time: Time,
    pub(super) gather_time: Time,
    pub(super) entity_rows: Count,
    pub(super) slots: Count,
    pub(super) peak_mem_used: Gauge,
}

impl PitMetrics {
    pub(super) fn new(set: &ExecutionPlanMetricsSet) -> Self {
        Self {
            baseline: BaselineMetrics::new(set, 0),
            build_time: MetricBuilder::new(set).subset_time("build_time", 0),
            probe_time: MetricBuilder::new(set).subset_time("probe_time", 0),
            gather_time: MetricBuilder::new(set).subset_time("gather_time", 0),
            entity_rows: MetricBuilder::new(set).counter("entity_rows", 0),
            slots: MetricBuilder::new(set).counter("slots", 0),
            peak_mem_used: MetricBuilder::new(set).gauge("peak_mem_used", 0),
        }
    }
}

/// One view's metrics, labelled by its name.
#[derive(Debug)]
pub(super) struct ViewMetrics {
    pub(super) rows_probed: Count,
    pub(super) rows_matched: Count,
    pub(super) rows_expired: Count,
    pub(super) slots_filled: Count,
}

impl ViewMetrics {
    pub(super) fn new(set: &ExecutionPlanMetricsSet, view: &str) -> Self {
        let count = |name: &str| MetricBuilder::new(set).counter(format!("{view}.{name}"), 0);
        Self {
            rows_probed: count("rows_probed"),
            rows_matched: count("rows_matched"),
            rows_expired: count("rows_expired"),
            slots_filled: count("slots_filled"),
        }
    }
}
