// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! PyIceberg and DuckDB, which make tables and read ours: `tests/services/tables.py` and `read.py`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

use super::lake::{Lake, service};
use super::rows::Rows;

/// A program of `tests/services`.
pub(super) fn program(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/services");
    folder.join(name)
}

fn python(name: &str, arguments: &[&str]) -> Json {
    let answer = Command::new(service("PYTHON"))
        .arg(program(name))
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&answer.stderr);
    assert!(
        answer.status.success(),
        "{name} {arguments:?} failed: {said}"
    );
    serde_json::from_slice(&answer.stdout).unwrap()
}

/// Makes tables; their names and rows.
pub(super) fn make(lake: &Lake, task: &str, namespace: &str, rest: &[&str]) -> Vec<(String, Rows)> {
    let name = lake.name();
    let mut arguments = vec![task, name.as_str(), namespace];
    arguments.extend(rest);
    let made = python("tables.py", &arguments);
    let made = made.as_object().unwrap();
    made.iter()
        .map(|(table, rows)| (table.clone(), Rows::from_json(rows)))
        .collect()
}

/// A table as PyIceberg and DuckDB see it.
#[derive(Debug)]
pub(super) struct Seen(Json);

pub(super) fn see(lake: &Lake, namespace: &str, table: &str) -> Seen {
    Seen(python("read.py", &[&lake.name(), namespace, table]))
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
