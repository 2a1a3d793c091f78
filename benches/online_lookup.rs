// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Lookups of the newest features by key: SQL, the typed call, the prepared one.
//!
//! `cargo bench --workspace --bench online_lookup`. A view of 8 doubles is materialized into a SQLite catalog in a
//! temporary folder; then keys are looked up one at a time and a hundred at a time, known ones and unknown
//! ones within the keys' bounds. `FEAST_BENCH_KEYS` says for how many keys (100000,1000000), `FEAST_BENCH_RUNS` how
//! often each lookup is made (300), `FEAST_BENCH_ONLY` runs the cases whose names contain a text. Metadata is warm:
//! every case is run a tenth as often before it counts. The aims are a median of 3 ms for one key and of 10 ms
//! for a hundred.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench stops at the first surprise and prints what it measured"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch};
use datafusion_feast::{FeastContext, OnlineLookupRequest, PreparedOnlineLookup};
use feast_iceberg::SqlCatalog;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Keys are multiples of this: those in between are unknown.
const STEP: i64 = 2;
const FEATURES: usize = 8;

#[tokio::main]
async fn main() {
    for keys in counts() {
        let folder = tempfile::tempdir().unwrap();
        let feast = Box::pin(made(folder.path(), keys)).await;
        let prepared = Box::pin(feast.prepare_online_lookup(&request()))
            .await
            .unwrap();
        for (known, batch) in [(true, 1), (true, 100), (false, 1), (false, 100)] {
            let known_text = if known { "known" } else { "unknown" };
            for how in [How::Prepared, How::Typed, How::Sql] {
                let name = format!("{keys} keys, {batch} {known_text}, {how:?}");
                if std::env::var("FEAST_BENCH_ONLY").is_ok_and(|only| !name.contains(&only)) {
                    continue;
                }
                let case = Case {
                    feast: &feast,
                    prepared: &prepared,
                    keys,
                    batch,
                    known,
                    how,
                };
                let times = Box::pin(case.times()).await;
                report(&name, times);
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum How {
    Prepared,
    Typed,
    Sql,
}

struct Case<'a> {
    feast: &'a FeastContext,
    prepared: &'a PreparedOnlineLookup,
    keys: i64,
    batch: usize,
    known: bool,
    how: How,
}

impl Case<'_> {
    async fn times(&self) -> Vec<Duration> {
        let mut dice = StdRng::seed_from_u64(1);
        let (runs, mut times) = (runs(), Vec::new());
        for run in 0..runs + runs / 10 {
            let draw = |_| {
                let key = dice.random_range(0..self.keys - 1) * STEP;
                if self.known { key } else { key + 1 }
            };
            let keys: Vec<i64> = (0..self.batch).map(draw).collect();
            let started = Instant::now();
            let found = Box::pin(self.look_up(&keys)).await;
            if run >= runs / 10 {
                times.push(started.elapsed());
            }
            assert_eq!(found.num_rows(), self.batch);
            let nulls = if self.known { 0 } else { self.batch };
            assert_eq!(found.column(1).null_count(), nulls);
        }
        times
    }

    async fn look_up(&self, keys: &[i64]) -> RecordBatch {
        if let How::Sql = self.how {
            let sql = format!("SELECT * FROM feast_online_lookup(['v:*'], {keys:?})");
            let frame = Box::pin(self.feast.sql(&sql)).await.unwrap();
            let found = frame.collect().await.unwrap();
            return arrow::compute::concat_batches(&found[0].schema(), &found).unwrap();
        }
        let keys: ArrayRef = Arc::new(Int64Array::from(keys.to_vec()));
        let keys = RecordBatch::try_from_iter([("k", keys)]).unwrap();
        match self.how {
            How::Prepared => self.prepared.lookup(&keys).await.unwrap(),
            _ => Box::pin(self.feast.online_lookup(&keys, &request()))
                .await
                .unwrap(),
        }
    }
}

fn request() -> OnlineLookupRequest {
    OnlineLookupRequest::features(["v:*"])
}

/// A session with the view, materialized.
async fn made(folder: &Path, keys: i64) -> FeastContext {
    let warehouse = folder.join("wh");
    std::fs::create_dir(&warehouse).unwrap();
    let warehouse = warehouse.display().to_string();
    SqlCatalog::create(folder.join("c.db"), "lake", &warehouse).unwrap();
    let feast = Box::pin(FeastContext::builder().build()).await.unwrap();
    let folder = folder.display();
    let features: Vec<String> = (0..FEATURES)
        .map(|feature| format!("CAST(value * {feature} AS DOUBLE) / 7 AS f{feature}"))
        .collect();
    let started = Instant::now();
    for statement in [
        format!(
            "CREATE EXTERNAL CATALOG lake STORED AS ICEBERG OPTIONS (type 'sql', uri 'sqlite:///{folder}/c.db', warehouse '{warehouse}')"
        ),
        "CREATE SCHEMA lake.shop".to_owned(),
        format!(
            "CREATE TABLE lake.shop.s AS SELECT value * {STEP} AS k, CAST('2025-01-01T00:00:00' AS TIMESTAMP(6)) AS ts, {} FROM generate_series(0, {})",
            features.join(", "),
            keys - 1
        ),
        "CREATE ENTITY k JOIN KEY (k BIGINT)".to_owned(),
        "CREATE FEATURE VIEW v ENTITIES (k) FROM lake.shop.s TIMESTAMP ts".to_owned(),
        "MATERIALIZE FEATURE VIEW v".to_owned(),
    ] {
        let frame = Box::pin(feast.sql(&statement)).await.unwrap();
        frame.collect().await.unwrap();
    }
    println!(
        "{keys} keys made in {:.1} s",
        started.elapsed().as_secs_f64()
    );
    feast
}

fn counts() -> Vec<i64> {
    let counts = std::env::var("FEAST_BENCH_KEYS");
    let counts = counts.unwrap_or_else(|_| "100000,1000000".to_owned());
    counts
        .split(',')
        .map(|count| count.trim().parse().unwrap())
        .collect()
}

fn runs() -> usize {
    let runs = std::env::var("FEAST_BENCH_RUNS").ok();
    runs.and_then(|runs| runs.parse().ok()).unwrap_or(300)
}

fn report(name: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: f64| {
        let place = ((times.len() as f64 * share) as usize).min(times.len() - 1);
        times[place].as_secs_f64() * 1e3
    };
    println!(
        "{name}: p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms",
        at(0.5),
        at(0.95),
        at(0.99)
    );
}
