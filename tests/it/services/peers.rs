// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! PyIceberg and DuckDB, which make tables and read ours: `tests/services/peers.py`.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::Value as Json;

use super::lake::{Lake, service};
use super::rows::Rows;

/// A program of `tests/services`.
pub(super) fn program(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/services");
    folder.join(name)
}

/// A process of `peers.py` or `spark.py`.
struct Python {
    process: Child,
    answers: BufReader<ChildStdout>,
}

/// Those that have nothing to do. They end with this process, which holds their input.
static IDLE: Mutex<Vec<Python>> = Mutex::new(Vec::new());

impl Python {
    fn start(python: &str, name: &str) -> Self {
        let mut process = Command::new(python)
            .arg(program(name))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Self { process, answers }
    }

    fn ask(&mut self, request: &[&str]) -> Json {
        let input = self.process.stdin.as_mut().unwrap();
        writeln!(input, "{}", serde_json::json!(request)).unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let mut answer: Json = serde_json::from_str(&line).unwrap();
        if let Some(failure) = answer.get("failed") {
            panic!("{request:?}: {}", failure.as_str().unwrap());
        }
        answer["made"].take()
    }
}

fn ask(request: &[&str]) -> Json {
    let idle = IDLE.lock().unwrap().pop();
    let mut python = idle.unwrap_or_else(|| Python::start(&service("PYTHON"), "peers.py"));
    let answer = python.ask(request);
    IDLE.lock().unwrap().push(python);
    answer
}

/// Spark, started by the first who asks: it takes a while and much memory.
static SPARK: Mutex<Option<Python>> = Mutex::new(None);

/// The rows of one of Lakana's tables as Spark sees them; none, and loudly, where there is no Spark.
pub(super) fn spark_sees(namespace: &str, table: &str) -> Option<Rows> {
    let Ok(python) = std::env::var("FEAST_SERVICES_SPARK") else {
        println!("NOT READ BY SPARK, WHICH IS NOT HERE: {namespace}.{table}");
        return None;
    };
    // A failed request of another test does not end the process.
    let mut spark = SPARK.lock().unwrap_or_else(PoisonError::into_inner);
    let spark = spark.get_or_insert_with(|| Python::start(&python, "spark.py"));
    Some(Rows::from_json(&spark.ask(&["read", namespace, table])))
}

/// Makes tables; their names and rows.
pub(super) fn make(lake: &Lake, task: &str, namespace: &str, rest: &[&str]) -> Vec<(String, Rows)> {
    let name = lake.name();
    let mut request = vec!["tables", task, name.as_str(), namespace];
    request.extend(rest);
    let made = ask(&request);
    let made = made.as_object().unwrap();
    made.iter()
        .map(|(table, rows)| (table.clone(), Rows::from_json(rows)))
        .collect()
}

/// A table as PyIceberg and DuckDB see it.
#[derive(Debug)]
pub(super) struct Seen(Json);

pub(super) fn see(lake: &Lake, namespace: &str, table: &str) -> Seen {
    Seen(ask(&["read", &lake.name(), namespace, table]))
}

impl Seen {
    /// That both have read `rows`, and that the files are what the metadata say of them.
    pub(super) fn has(&self, rows: &Rows) {
        assert_eq!(&Rows::from_json(&self.0["pyiceberg"]), rows, "PyIceberg");
        assert_eq!(&Rows::from_json(&self.0["duckdb"]), rows, "DuckDB");
        assert_eq!(self.0["wrong"], Json::Array(Vec::new()));
    }

    pub(super) fn rows(&self) -> Rows {
        Rows::from_json(&self.0["pyiceberg"])
    }

    pub(super) fn number(&self, key: &str) -> u64 {
        self.0[key].as_u64().unwrap()
    }

    pub(super) fn texts(&self, key: &str) -> Vec<&str> {
        let list = self.0[key].as_array().unwrap();
        list.iter().map(|text| text.as_str().unwrap()).collect()
    }
}
