// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What each partition strategy of an online table costs to write, and what it gives to readers.
//!
//! `cargo bench --workspace --bench online_write`. For each strategy a view of 8 doubles over an Iceberg table in a SQLite
//! catalog in a temporary folder: materialized in full, then incrementally after one row in a hundred got a newer one, then
//! 1,000 rows are pushed. Of the table that is there then: its files and bytes, the median of a prepared lookup of one
//! key, and of a query over a day of event times. `FEAST_BENCH_ROWS` says of how many rows the source is (1000000),
//! `FEAST_BENCH_KEYS` of how many keys (100000), `FEAST_BENCH_PARTS` in how many parts keys are hashed (16),
//! `FEAST_BENCH_RUNS` how often each read is made (100), `FEAST_BENCH_ONLY` picks a strategy.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench stops at the first surprise and prints what it measured"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::Int64Type;
use datafusion_feast::{FeastContext, OnlineLookupRequest};
use feast_iceberg::SqlCatalog;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const FEATURES: usize = 8;
/// The rows of a push.
const PUSHED: i64 = 1000;
/// Event times are spread over so many days.
const DAYS: i64 = 30;
/// 1 January 2025, in seconds since 1970.
const START: i64 = 1_735_689_600;
const TABLE: &str = "lake.feast_online.bench__v";

#[tokio::main]
async fn main() {
    for strategy in ["entity_hash", "timestamp", "hybrid"] {
        if std::env::var("FEAST_BENCH_ONLY").is_ok_and(|only| !strategy.contains(&only)) {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let bench = Bench {
            feast: Box::pin(made(folder.path(), strategy)).await,
            rows: number("FEAST_BENCH_ROWS", 1_000_000),
            keys: number("FEAST_BENCH_KEYS", 100_000),
        };
        Box::pin(bench.run(strategy)).await;
    }
}

struct Bench {
    feast: FeastContext,
    rows: i64,
    keys: i64,
}

impl Bench {
    async fn run(&self, strategy: &str) {
        let (rows, keys) = (self.rows, self.keys);
        let source = self.source(rows, 0);
        self.sql(&format!("CREATE TABLE lake.shop.s AS {source}"))
            .await;
        self.sql("CREATE FEATURE VIEW v ENTITIES (k) FROM lake.shop.s TIMESTAMP ts")
            .await;
        println!("{strategy}: {rows} rows of {keys} keys");
        self.write("materialized in full", "MATERIALIZE FEATURE VIEW v FULL")
            .await;
        self.told("after that").await;
        let newer = self.source((keys / 100).max(1), DAYS * 86_400);
        self.sql(&format!("INSERT INTO lake.shop.s {newer}")).await;
        self.write(
            "materialized one changed row in a hundred keys",
            "MATERIALIZE FEATURE VIEW v",
        )
        .await;
        let pushed = self.source(PUSHED.min(keys), (DAYS + 1) * 86_400);
        let push = format!("SELECT * FROM feast_write_online('v', ({pushed}))");
        self.write(&format!("pushed {} rows", PUSHED.min(keys)), &push)
            .await;
        self.told("at the end").await;
        self.look_up().await;
        self.range().await;
    }

    /// So many rows of the source, whose times begin so many seconds after the first. The rows of a key are
    /// seconds apart, so that the newest ones are on all days.
    fn source(&self, count: i64, later: i64) -> String {
        let features: Vec<String> = (0..FEATURES)
            .map(|feature| format!("CAST(value * {feature} AS DOUBLE) / 7 AS f{feature}"))
            .collect();
        let (keys, seconds, last) = (self.keys, DAYS * 86_400, count - 1);
        let spread = if later == 0 {
            format!("((value % {keys}) * 7919 + value / {keys}) % {seconds}")
        } else {
            "0".to_owned()
        };
        format!(
            "SELECT value % {keys} AS k,
                arrow_cast(to_timestamp_micros(({START} + {later} + {spread}) * 1000000), 'Timestamp(Microsecond, None)') AS ts,
                {} FROM generate_series(0, {last})",
            features.join(", ")
        )
    }

    async fn sql(&self, statement: &str) -> RecordBatch {
        let frame = Box::pin(self.feast.sql(statement)).await.unwrap();
        let schema = Arc::clone(frame.schema().inner());
        let rows = frame.collect().await.unwrap();
        match rows.first() {
            Some(first) => concat_batches(&first.schema(), &rows).unwrap(),
            None => RecordBatch::new_empty(schema),
        }
    }

    async fn write(&self, what: &str, statement: &str) {
        let started = Instant::now();
        self.sql(statement).await;
        println!("  {what}: {:.2} s", started.elapsed().as_secs_f64());
    }

    /// How large the table is.
    async fn told(&self, when: &str) {
        let status = "SELECT files, bytes, rows FROM feast.online.status WHERE view = 'v'";
        let status = self.sql(status).await;
        let told = |column: usize| status.column(column).as_primitive::<Int64Type>().value(0);
        println!(
            "  {when}: {} files, {} bytes, {} rows",
            told(0),
            told(1),
            told(2)
        );
    }

    async fn look_up(&self) {
        let request = OnlineLookupRequest::features(["v:*"]);
        let prepared = Box::pin(self.feast.prepare_online_lookup(&request))
            .await
            .unwrap();
        let mut dice = StdRng::seed_from_u64(1);
        let mut times = Vec::new();
        for run in 0..runs() + 10 {
            let key: ArrayRef = Arc::new(Int64Array::from(vec![dice.random_range(0..self.keys)]));
            let key = RecordBatch::try_from_iter([("k", key)]).unwrap();
            let started = Instant::now();
            let found = prepared.lookup(&key).await.unwrap();
            if run >= 10 {
                times.push(started.elapsed());
            }
            assert_eq!(found.column(1).null_count(), 0);
        }
        report("point lookup", times);
    }

    async fn range(&self) {
        let mut times = Vec::new();
        for run in 0..runs() + 3 {
            let from = (START + run % DAYS * 86_400) * 1_000_000;
            let to = from + 86_400 * 1_000_000;
            let query = format!(
                "SELECT count(*), sum(f1), sum(f7) FROM {TABLE} WHERE event_timestamp >=
                    arrow_cast({from}, 'Timestamp(Microsecond, None)') AND event_timestamp <
                    arrow_cast({to}, 'Timestamp(Microsecond, None)')"
            );
            let started = Instant::now();
            self.sql(&query).await;
            if run >= 3 {
                times.push(started.elapsed());
            }
        }
        report("query over a day", times);
    }
}

/// A session with a catalog, whose online tables are laid out so.
async fn made(folder: &Path, strategy: &str) -> FeastContext {
    let warehouse = folder.join("wh");
    std::fs::create_dir(&warehouse).unwrap();
    let warehouse = warehouse.display().to_string();
    SqlCatalog::create(folder.join("c.db"), "lake", &warehouse).unwrap();
    let builder = FeastContext::builder().with_project("bench");
    let feast = Box::pin(builder.build()).await.unwrap();
    let (folder, parts) = (folder.display(), number("FEAST_BENCH_PARTS", 16));
    for statement in [
        format!(
            "CREATE EXTERNAL CATALOG lake STORED AS ICEBERG OPTIONS (type 'sql', uri 'sqlite:///{folder}/c.db', warehouse '{warehouse}')"
        ),
        "CREATE SCHEMA lake.shop".to_owned(),
        format!("SET feast.online.partition_strategy = '{strategy}'"),
        format!("SET feast.online.partition_count = {parts}"),
        "SET feast.online.read_timeout_ms = 600000".to_owned(),
        "CREATE ENTITY k JOIN KEY (k BIGINT)".to_owned(),
    ] {
        let frame = Box::pin(feast.sql(&statement)).await.unwrap();
        frame.collect().await.unwrap();
    }
    feast
}

fn number(name: &str, usual: i64) -> i64 {
    let given = std::env::var(name).ok();
    given.and_then(|it| it.parse().ok()).unwrap_or(usual)
}

fn runs() -> i64 {
    number("FEAST_BENCH_RUNS", 100).max(1)
}

fn report(name: &str, mut times: Vec<Duration>) {
    times.sort();
    let middle = times[times.len() / 2].as_secs_f64() * 1e3;
    println!("  {name}: p50 {middle:.2} ms");
}
