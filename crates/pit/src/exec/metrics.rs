// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What EXPLAIN ANALYZE tells.
//!
//! ```text
//!   entity_rows, slots, parts            parts: how often the views were read, each time for a part of the entity rows
//!   build_time, gather_time              build: wall clock; gather: of all threads
//!   peak_mem_used                        bytes reserved at most; of several partitions the sum
//!   spilled_bytes, spilled_rows          of the entity side
//!   VIEW.rows_probed                     rows that the scan gave, to either read of the view
//!   VIEW.rows_matched, VIEW.rows_expired rows with a slot that they could win; too old for it
//!   VIEW.slots_filled, VIEW.slots_expired slots with a winner; those whose newest row was in time for an earlier one only
//!   VIEW.slots_tied                      slots that a second read of the view decided
//!   VIEW.probe_time                      of all threads
//!   VIEW.floor_raised                    how often the view's filter was tightened while rows competed
//!   VIEW.late_payload, VIEW.rows_fetched parts whose payload was fetched late, 0: all in one pass; winners fetched so
//!   VIEW.fetch_time                      of fetching them
//!   VIEW.rows_scanned, VIEW.bytes_scanned, VIEW.…_pruned… what the view's scans counted, see `scan_metrics`
//! ```

use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, Gauge, MetricBuilder, Time,
};

/// The operator's metrics.
#[derive(Debug, Clone)]
pub(super) struct PitMetrics {
    pub(super) baseline: BaselineMetrics,
    pub(super) build_time: Time,
    pub(super) gather_time: Time,
    pub(super) entity_rows: Count,
    pub(super) slots: Count,
    pub(super) parts: Count,
    pub(super) peak_mem_used: Gauge,
}

impl PitMetrics {
    pub(super) fn new(set: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        let count = |name: &'static str| MetricBuilder::new(set).counter(name, partition);
        let time = |name: &'static str| MetricBuilder::new(set).subset_time(name, partition);
        Self {
            baseline: BaselineMetrics::new(set, partition),
            build_time: time("build_time"),
            gather_time: time("gather_time"),
            entity_rows: count("entity_rows"),
            slots: count("slots"),
            parts: count("parts"),
            peak_mem_used: MetricBuilder::new(set).gauge("peak_mem_used", partition),
        }
    }
}

/// One view's metrics, labelled by its name.
#[derive(Debug, Clone)]
pub(super) struct ViewMetrics {
    pub(super) rows_probed: Count,
    pub(super) rows_matched: Count,
    pub(super) rows_expired: Count,
    pub(super) slots_filled: Count,
    pub(super) slots_expired: Count,
    pub(super) slots_tied: Count,
    pub(super) floor_raised: Count,
    pub(super) late_payload: Count,
    pub(super) rows_fetched: Count,
    pub(super) fetch_time: Time,
    pub(super) probe_time: Time,
}

impl ViewMetrics {
    pub(super) fn new(set: &ExecutionPlanMetricsSet, view: &str, partition: usize) -> Self {
        let count =
            |name: &str| MetricBuilder::new(set).counter(format!("{view}.{name}"), partition);
        Self {
            rows_probed: count("rows_probed"),
            rows_matched: count("rows_matched"),
            rows_expired: count("rows_expired"),
            slots_filled: count("slots_filled"),
            slots_expired: count("slots_expired"),
            slots_tied: count("slots_tied"),
            floor_raised: count("floor_raised"),
            late_payload: count("late_payload"),
            rows_fetched: count("rows_fetched"),
            fetch_time: MetricBuilder::new(set)
                .subset_time(format!("{view}.fetch_time"), partition),
            probe_time: MetricBuilder::new(set)
                .subset_time(format!("{view}.probe_time"), partition),
        }
    }
}
