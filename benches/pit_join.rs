// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The join's operator over tables in memory: build, probe and gather without any scan.
//!
//! `cargo bench --workspace --bench pit_join`. Throughput is feature rows a second.

#![expect(
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench stops at the first surprise; criterion makes public items"
)]

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::record_batch::RecordBatch;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use datafusion::datasource::MemTable;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::SessionContext;
use feast_pit::{PitFeature, PitJoinExec, PitKey, PitSpec, PitView};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const FEATURE_ROWS: usize = 1_000_000;
const ENTITY_ROWS: usize = 50_000;
const SPAN: i64 = 90 * 86_400_000_000;

#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    keys: i64,
    strings: bool,
    newest_first: bool,
}

fn table(case: Case, rows: usize, seed: u64, features: bool) -> Vec<RecordBatch> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut times: Vec<i64> = (0..rows).map(|_| random.random_range(0..SPAN)).collect();
    if features {
        times.sort_unstable();
        if case.newest_first {
            times.reverse();
        }
    }
    times
        .chunks(8_192)
        .map(|times| {
            let keys: Vec<i64> = times
                .iter()
                .map(|_| random.random_range(0..case.keys))
                .collect();
            let keys: ArrayRef = if case.strings {
                Arc::new(StringArray::from_iter_values(
                    keys.iter().map(|k| format!("driver-{k}")),
                ))
            } else {
                Arc::new(Int64Array::from(keys))
            };
            let mut columns: Vec<(String, ArrayRef)> = vec![
                ("driver_id".to_owned(), keys),
                (
                    "event_timestamp".to_owned(),
                    Arc::new(TimestampMicrosecondArray::from(times.to_vec())),
                ),
            ];
            for feature in 0..if features { 8 } else { 0 } {
                let values = times.iter().map(|_| random.random::<f64>());
                columns.push((
                    format!("f{feature}"),
                    Arc::new(Float64Array::from_iter_values(values)),
                ));
            }
            RecordBatch::try_from_iter(columns).unwrap()
        })
        .collect()
}

fn spec() -> PitSpec {
    let feature = |i: usize| format!("f{i}");
    let view = PitView {
        name: "stats".to_owned(),
        keys: vec![PitKey {
            entity: "driver_id".to_owned(),
            view: "driver_id".to_owned(),
        }],
        event_time: "event_timestamp".to_owned(),
        created_time: None,
        tie_break: (0..8).map(feature).collect(),
        ttl: Some(Duration::from_secs(7 * 86_400)),
        created_cutoff: false,
        features: (0..8)
            .map(|i| PitFeature {
                column: feature(i),
                output: feature(i),
            })
            .collect(),
        provenance: None,
    };
    PitSpec {
        event_time: "event_timestamp".to_owned(),
        views: vec![view],
    }
}

async fn scan(context: &SessionContext, batches: Vec<RecordBatch>) -> Arc<dyn ExecutionPlan> {
    let table = MemTable::try_new(batches[0].schema(), vec![batches]).unwrap();
    context
        .read_table(Arc::new(table))
        .unwrap()
        .create_physical_plan()
        .await
        .unwrap()
}

fn pit_join(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let context = SessionContext::new();
    let mut group = criterion.benchmark_group("pit_join");
    group
        .throughput(Throughput::Elements(FEATURE_ROWS as u64))
        .sample_size(20);
    for case in [
        Case {
            name: "oldest_first",
            keys: 10_000,
            strings: false,
            newest_first: false,
        },
        Case {
            name: "newest_first",
            keys: 10_000,
            strings: false,
            newest_first: true,
        },
        Case {
            name: "string_keys",
            keys: 10_000,
            strings: true,
            newest_first: false,
        },
        Case {
            name: "few_keys",
            keys: 10,
            strings: false,
            newest_first: false,
        },
    ] {
        let (entity, view) = runtime.block_on(async {
            let entity = scan(&context, table(case, ENTITY_ROWS, 1, false)).await;
            (
                entity,
                scan(&context, table(case, FEATURE_ROWS, 2, true)).await,
            )
        });
        let spec = Arc::new(spec());
        group.bench_function(BenchmarkId::from_parameter(case.name), |bencher| {
            bencher.iter(|| {
                let join = PitJoinExec::try_new(
                    Arc::clone(&entity),
                    vec![Arc::clone(&view)],
                    Arc::clone(&spec),
                );
                runtime
                    .block_on(collect(Arc::new(join.unwrap()), context.task_ctx()))
                    .unwrap()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, pit_join);
criterion_main!(benches);
