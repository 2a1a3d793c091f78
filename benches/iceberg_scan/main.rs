// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Scans of Iceberg tables, as ratios within one run.
//!
//! `cargo bench --workspace --bench iceberg_scan`. Every case sums eight columns of doubles and is run in
//! turns with the others; the median counts. `FEAST_BENCH_DIR` keeps the tables between runs,
//! `FEAST_BENCH_ROWS` says how many rows they have (10 million), `FEAST_BENCH_RUNS` how often each case is
//! run (5), `PEERS_VENV` names a Python environment with DuckDB and its extensions to compare with. A case
//! that DuckDB has not done after a minute is not run again. `FEAST_BENCH_ONLY` runs the cases whose names
//! contain a text, to profile them.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench stops at the first surprise and prints what it measured"
)]

mod planning;
mod tables;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use datafusion::datasource::file_format::options::ParquetReadOptions;
use datafusion::prelude::SessionContext;
use datafusion_feast::FeastContext;
use iceberg::table::Table;
use iceberg_datafusion::IcebergStaticTableProvider;
use tables::{Deletes, FEATURES};

/// DuckDB is given up after this time.
const PATIENCE: Duration = Duration::from_secs(60);

/// One way to scan one table.
struct Case {
    name: String,
    given_up: bool,
    rows: i64,
    seconds: Vec<f64>,
    how: How,
}

enum How {
    Ours(FeastContext, String),
    Plain(SessionContext),
    DuckDb(PathBuf, PathBuf),
}

impl Case {
    fn new(name: &str, how: How) -> Self {
        Self {
            name: name.to_owned(),
            given_up: false,
            rows: 0,
            seconds: Vec::new(),
            how,
        }
    }

    async fn run(&mut self) {
        if self.given_up {
            return;
        }
        let started = Instant::now();
        let sums = (0..FEATURES).map(|n| format!("sum(f{n})"));
        let sums = sums.collect::<Vec<_>>().join(", ");
        let query = |from: &str| format!("SELECT count(f0), {sums} FROM {from}");
        self.rows = match &self.how {
            How::Ours(feast, from) => counted(
                &feast
                    .sql(&query(from))
                    .await
                    .unwrap()
                    .collect()
                    .await
                    .unwrap(),
            ),
            How::Plain(session) => counted(
                &session
                    .sql(&query("t"))
                    .await
                    .unwrap()
                    .collect()
                    .await
                    .unwrap(),
            ),
            How::DuckDb(python, metadata) => {
                let answer = duckdb(python, metadata, &query("t"));
                self.given_up = answer.is_none();
                let (rows, seconds) = answer.unwrap_or((0, PATIENCE.as_secs_f64()));
                self.seconds.push(seconds);
                self.rows = rows;
                return;
            }
        };
        self.seconds.push(started.elapsed().as_secs_f64());
    }

    fn median(&self) -> f64 {
        let mut seconds = self.seconds.clone();
        seconds.sort_by(f64::total_cmp);
        seconds[seconds.len() / 2]
    }
}

fn counted(batches: &[RecordBatch]) -> i64 {
    batches[0].column(0).as_primitive::<Int64Type>().value(0)
}

/// DuckDB times its query itself: starting Python is not counted. None when it is given up.
fn duckdb(python: &Path, metadata: &Path, query: &str) -> Option<(i64, f64)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/iceberg_scan/duckdb_scan.py");
    let mut run = Command::new(python)
        .arg(script)
        .arg(metadata)
        .arg(query)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while run.try_wait().unwrap().is_none() {
        if started.elapsed() > PATIENCE {
            run.kill().unwrap();
            run.wait().unwrap();
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = run.wait_with_output().unwrap();
    assert!(output.status.success(), "DuckDB failed");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut words = text.split_whitespace();
    let mut next = || words.next().unwrap();
    Some((next().parse().unwrap(), next().parse().unwrap()))
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        Box::pin(scans()).await;
        Box::pin(planning::measure()).await;
    });
}

async fn scans() {
    let rows = number("FEAST_BENCH_ROWS", 10_000_000);
    let scratch = tempfile::tempdir().unwrap();
    let dir = std::env::var_os("FEAST_BENCH_DIR")
        .map_or_else(|| scratch.path().to_owned(), PathBuf::from)
        .join(rows.to_string());
    let clean = tables::clean(&dir, rows).await;
    let mut cases = clean_cases(&clean).await;
    for (name, deletes) in [
        ("position deletes of 1%", Deletes::Positions(10)),
        ("position deletes of 10%", Deletes::Positions(100)),
        ("deletion vectors of 1%", Deletes::Vectors(10)),
        ("deletion vectors of 10%", Deletes::Vectors(100)),
        (
            "100,000 equality deletes",
            Deletes::Equality(rows.min(10_000_000) / 100),
        ),
    ] {
        let folder = name.replace([' ', '%', ','], "_");
        let metadata = tables::with_deletes(&dir, &clean, &folder, deletes).await;
        cases.extend(ours_and_duckdb(name, &metadata).await);
    }
    if let Ok(only) = std::env::var("FEAST_BENCH_ONLY") {
        cases.retain(|case| case.name.contains(&only));
    }
    for _ in 0..number("FEAST_BENCH_RUNS", 5) {
        for case in &mut cases {
            case.run().await;
        }
    }
    let base = cases[0].median();
    println!("\n| case | seconds, median | from | to | of the clean scan | rows |");
    println!("|---|---:|---:|---:|---:|---:|");
    for case in &cases {
        let least = case.seconds.iter().copied().fold(f64::INFINITY, f64::min);
        let most = case.seconds.iter().copied().fold(0.0, f64::max);
        let median = case.median();
        println!(
            "| {}{} | {median:.3} | {least:.3} | {most:.3} | {:.2} | {} |",
            case.name,
            if case.given_up { " (given up)" } else { "" },
            median / base,
            case.rows
        );
    }
}

async fn clean_cases(clean: &Table) -> Vec<Case> {
    let metadata = PathBuf::from(
        clean
            .metadata_location()
            .unwrap()
            .trim_start_matches("file://"),
    );
    let mut cases = ours_and_duckdb("clean", &metadata).await;
    let plain = SessionContext::new();
    let files = metadata.parent().unwrap().parent().unwrap().join("data");
    plain
        .register_parquet("t", files.to_str().unwrap(), ParquetReadOptions::default())
        .await
        .unwrap();
    cases.push(Case::new(
        "the same files, DataFusion's own scan",
        How::Plain(plain),
    ));
    let theirs = SessionContext::new();
    let provider = IcebergStaticTableProvider::try_new_from_table(clean.clone()).await;
    theirs
        .register_table("t", Arc::new(provider.unwrap()))
        .unwrap();
    cases.push(Case::new("clean, iceberg-datafusion", How::Plain(theirs)));
    cases
}

async fn ours_and_duckdb(name: &str, metadata: &Path) -> Vec<Case> {
    let feast = FeastContext::builder().build().await.unwrap();
    let from = format!("iceberg_scan('{}')", metadata.display());
    let mut cases = vec![Case::new(name, How::Ours(feast, from))];
    if let Some(venv) = std::env::var_os("PEERS_VENV") {
        let python = Path::new(&venv).join("bin/python");
        let duckdb = How::DuckDb(python, metadata.to_owned());
        cases.push(Case::new(&format!("{name}, DuckDB"), duckdb));
    }
    cases
}
