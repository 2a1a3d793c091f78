// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What the join's metrics tell, on rows that can be counted by hand.

use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::common::Result;
use datafusion::execution::memory_pool::{MemoryPool, MemoryReservation};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::metrics::{MetricValue, MetricsSet};

use super::memory::folder;
use super::partitioned::optimized;
use super::pruning::{at, parquet};
use super::*;
use crate::exec::PitJoinMode;

/// Knows how much was reserved at most.
#[derive(Debug, Default)]
struct Peak {
    used: AtomicUsize,
    most: AtomicUsize,
}

impl MemoryPool for Peak {
    fn grow(&self, _reservation: &MemoryReservation, additional: usize) {
        let used = self.used.fetch_add(additional, Ordering::SeqCst) + additional;
        self.most.fetch_max(used, Ordering::SeqCst);
    }

    fn shrink(&self, _reservation: &MemoryReservation, shrink: usize) {
        self.used.fetch_sub(shrink, Ordering::SeqCst);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        self.grow(reservation, additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.used.load(Ordering::SeqCst)
    }
}

fn count(metrics: &MetricsSet, name: &str) -> usize {
    let name = format!("stats.{name}");
    let value = metrics.sum_by_name(&name);
    value
        .unwrap_or_else(|| panic!("no {name} in {metrics}"))
        .as_usize()
}

/// How many were pruned and how many were left.
fn pruned(metrics: &MetricsSet, name: &str) -> (usize, usize) {
    let name = format!("stats.{name}");
    match metrics.sum_by_name(&name) {
        Some(MetricValue::PruningMetrics {
            pruning_metrics, ..
        }) => (pruning_metrics.pruned(), pruning_metrics.matched()),
        other => panic!("{name} is {other:?}"),
    }
}

/// Keys 1 and 2; a row of 1 at 4 and at 12, one of 2 at 30.
fn rows() -> Vec<RecordBatch> {
    let at = [Some(4), Some(12), Some(30)];
    vec![batch(vec![
        (
            "driver",
            Arc::new(Int64Array::from(vec![1, 1, 2])) as ArrayRef,
        ),
        ("at", times(&at)),
        ("created", times(&at)),
        ("v", Arc::new(Int64Array::from(vec![10, 20, 30]))),
    ])]
}

/// Key 1 at 5, 9 and 30, key 2 at 29.
fn asked() -> RecordBatch {
    batch(vec![
        (
            "driver",
            Arc::new(Int64Array::from(vec![1, 1, 1, 2])) as ArrayRef,
        ),
        ("time", times(&[Some(5), Some(9), Some(30), Some(29)])),
    ])
}

async fn metrics_of(mode: PitJoinMode, partitions: usize) -> (MetricsSet, usize) {
    let config = SessionConfig::new().with_target_partitions(partitions);
    let pool = Arc::new(Peak::default());
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::clone(&pool) as _);
    let runtime = runtime.build_arc().unwrap();
    let context = SessionContext::new_with_config_rt(config.clone(), runtime);
    let entity = scan(&context, vec![vec![asked()]]).await;
    let input = scan(&context, vec![rows()]).await;
    let spec = PitSpec {
        event_time: "time".to_owned(),
        views: vec![view(Some(Duration::from_micros(6)))],
    };
    let join = PitJoinExec::try_new_with_mode(entity, vec![input], Arc::new(spec), mode).unwrap();
    let plan = optimized(Arc::new(join), &config);
    let answer = collect(Arc::clone(&plan), context.task_ctx()).await;
    let rows: usize = answer.unwrap().iter().map(RecordBatch::num_rows).sum();
    assert_eq!(rows, 4);
    let mut join = &plan;
    while !join.as_any().is::<PitJoinExec>() {
        join = join.children()[0];
    }
    (join.metrics().unwrap(), pool.most.load(Ordering::SeqCst))
}

#[tokio::test]
async fn rows_and_slots_are_counted() {
    for (mode, partitions) in [
        (PitJoinMode::Collected, 1),
        (PitJoinMode::Collected, 3),
        (PitJoinMode::Partitioned, 3),
    ] {
        let (metrics, _) = metrics_of(mode, partitions).await;
        let of_join = |name: &str| metrics.sum_by_name(name).unwrap().as_usize();
        assert_eq!(of_join("entity_rows"), 4);
        assert_eq!(of_join("slots"), 4);
        assert_eq!(metrics.output_rows(), Some(4));
        for time in ["build_time", "gather_time", "stats.probe_time"] {
            assert!(of_join(time) > 0, "{time}");
        }
        // The row at 4 counts for 5 and 9; that at 12 is too old at 30, the first slot that it could win; that at 30 is after 29.
        let counts = [
            ("rows_probed", 3),
            ("rows_matched", 1),
            ("rows_expired", 1),
            ("slots_filled", 2),
            ("slots_expired", 1),
            ("slots_tied", 0),
            ("late_payload", 0),
            ("rows_fetched", 0),
        ];
        for (name, expected) in counts {
            assert_eq!(count(&metrics, name), expected, "{name}, {mode:?}");
        }
    }
}

#[tokio::test]
async fn the_peak_of_memory_is_what_was_reserved_at_most() {
    let (metrics, most) = metrics_of(PitJoinMode::Collected, 1).await;
    let told = metrics.sum_by_name("peak_mem_used").unwrap().as_usize();
    assert_eq!(told, most);
}

/// Four files of 100 rows in row groups of 25, one row at each instant; asked as of 260 with a TTL of 20.
#[tokio::test]
async fn what_scans_skip_is_told_by_view_and_rule() {
    let folder = folder("told");
    let config = SessionConfig::new().with_target_partitions(1);
    let context = SessionContext::new_with_config(config.clone());
    let input = parquet(&context, &folder, 4, 100, 25).await;
    let entity = scan(&context, vec![vec![at(0..10, 260)]]).await;
    let spec = PitSpec {
        event_time: "time".to_owned(),
        views: vec![view(Some(Duration::from_micros(20)))],
    };
    let join = PitJoinExec::try_new(entity, vec![input], Arc::new(spec)).unwrap();
    let plan = optimized(Arc::new(join), &config);
    collect(Arc::clone(&plan), context.task_ctx())
        .await
        .unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    let metrics = plan.metrics().unwrap();
    assert_eq!(pruned(&metrics, "files_ranges_pruned_statistics"), (3, 1));
    assert_eq!(pruned(&metrics, "row_groups_pruned_statistics"), (2, 2));
    // Row groups of 225 to 274: 15 rows are too old, 21 in the window, 14 too new.
    assert_eq!(count(&metrics, "rows_scanned"), 50);
    assert_eq!(count(&metrics, "rows_probed"), 50);
    assert_eq!(count(&metrics, "rows_expired"), 15);
    assert_eq!(count(&metrics, "rows_matched"), 21);
    assert_eq!(count(&metrics, "slots_filled"), 10);
    assert!(count(&metrics, "bytes_scanned") > 0);
    assert_eq!(count(&metrics, "pushdown_rows_pruned"), 0);
}
