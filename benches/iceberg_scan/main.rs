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
use arrow::datatypes::{Float64Type, Int64Type};
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
    table: String,
    name: String,
    given_up: bool,
    answer: Answer,
    seconds: Vec<f64>,
    /// Of all threads, where the case runs in this process.
    cpu_seconds: Vec<f64>,
    how: How,
}

/// What every case has to find.
#[derive(Debug, Clone, Copy, Default)]
struct Answer {
    rows: i64,
    /// Over all columns.
    sum: f64,
}

enum How {
    Ours(FeastContext, String),
    Plain(SessionContext),
    DuckDb(PathBuf, PathBuf),
}

impl Case {
    fn new(table: &str, name: &str, how: How) -> Self {
        Self {
            table: table.to_owned(),
            name: name.to_owned(),
            given_up: false,
            answer: Answer::default(),
            seconds: Vec::new(),
            cpu_seconds: Vec::new(),
            how,
        }
    }

    async fn run(&mut self) {
        if self.given_up {
            return;
        }
        let (started, cpu) = (Instant::now(), cpu_seconds());
        let sums = (0..FEATURES).map(|n| format!("sum(f{n})"));
        let sums = sums.collect::<Vec<_>>().join(", ");
        let query = |from: &str| format!("SELECT count(f0), {sums} FROM {from}");
        self.answer = match &self.how {
            How::Ours(feast, from) => answer(
                &feast
                    .sql(&query(from))
                    .await
                    .unwrap()
                    .collect()
                    .await
                    .unwrap(),
            ),
            How::Plain(session) => answer(
                &session
                    .sql(&query("t"))
                    .await
                    .unwrap()
                    .collect()
                    .await
                    .unwrap(),
            ),
            How::DuckDb(python, metadata) => {
                let told = duckdb(python, metadata, &query("t"));
                self.given_up = told.is_none();
                let (answer, seconds) = told.unwrap_or((Answer::default(), PATIENCE.as_secs_f64()));
                self.seconds.push(seconds);
                self.answer = answer;
                return;
            }
        };
        self.seconds.push(started.elapsed().as_secs_f64());
        self.cpu_seconds.push(cpu_seconds() - cpu);
    }
}

fn median(of: &[f64]) -> f64 {
    let mut sorted = of.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn answer(batches: &[RecordBatch]) -> Answer {
    let columns = batches[0].columns();
    let sums = columns[1..].iter();
    Answer {
        rows: columns[0].as_primitive::<Int64Type>().value(0),
        sum: sums
            .map(|sum| sum.as_primitive::<Float64Type>().value(0))
            .sum(),
    }
}

/// What this process has had of the processors so far, in steps of a hundredth of a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    ticks
        .map(|it| it.parse::<f64>().unwrap_or(0.0))
        .sum::<f64>()
        / 100.0
}

/// Whoever reads a table finds the same rows in it. The order of the additions is anyone's.
fn check(cases: &[Case]) {
    for case in cases.iter().filter(|case| !case.given_up) {
        let same = |other: &&Case| !other.given_up && other.table == case.table;
        for other in cases.iter().filter(same) {
            let (one, two) = (case.answer, other.answer);
            let near = (one.sum - two.sum).abs() <= 1e-9 * one.sum.abs().max(1e6);
            assert!(
                one.rows == two.rows && near,
                "{}: {one:?}, {}: {two:?}",
                case.name,
                other.name
            );
        }
    }
}

/// DuckDB times its query itself: starting Python is not counted. None when it is given up.
fn duckdb(python: &Path, metadata: &Path, query: &str) -> Option<(Answer, f64)> {
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
    let rows = next().parse().unwrap();
    let sum = next().parse().unwrap();
    Some((Answer { rows, sum }, next().parse().unwrap()))
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
        if std::env::var_os("FEAST_BENCH_ONLY").is_none() {
            Box::pin(planning::measure()).await;
        }
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
    check(&cases);
    let base = median(&cases[0].seconds);
    println!("\n| case | seconds, median | from | to | of the clean scan | CPU seconds | rows |");
    println!("|---|---:|---:|---:|---:|---:|---:|");
    for case in &cases {
        let least = case.seconds.iter().copied().fold(f64::INFINITY, f64::min);
        let most = case.seconds.iter().copied().fold(0.0, f64::max);
        let seconds = median(&case.seconds);
        let cpu = match case.cpu_seconds.as_slice() {
            [] => "–".to_owned(),
            measured => format!("{:.2}", median(measured)),
        };
        println!(
            "| {}{} | {seconds:.3} | {least:.3} | {most:.3} | {:.2} | {cpu} | {} |",
            case.name,
            if case.given_up { " (given up)" } else { "" },
            seconds / base,
            case.answer.rows
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
        "clean",
        "the same files, DataFusion's own scan",
        How::Plain(plain),
    ));
    let theirs = SessionContext::new();
    let provider = IcebergStaticTableProvider::try_new_from_table(clean.clone()).await;
    theirs
        .register_table("t", Arc::new(provider.unwrap()))
        .unwrap();
    cases.push(Case::new(
        "clean",
        "clean, iceberg-datafusion",
        How::Plain(theirs),
    ));
    cases
}

async fn ours_and_duckdb(name: &str, metadata: &Path) -> Vec<Case> {
    let feast = FeastContext::builder().build().await.unwrap();
    let from = format!("iceberg_scan('{}')", metadata.display());
    let mut cases = vec![Case::new(name, name, How::Ours(feast, from))];
    if let Some(venv) = std::env::var_os("PEERS_VENV") {
        let python = Path::new(&venv).join("bin/python");
        let duckdb = How::DuckDb(python, metadata.to_owned());
        cases.push(Case::new(name, &format!("{name}, DuckDB"), duckdb));
    }
    cases
}
