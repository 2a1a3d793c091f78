// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Feature repositories that Feast built, `tests/data/feast_repos`: opened as they are.

mod altered;
mod answers;
mod asked;
mod catalogs;
mod changes;
mod definitions;
mod online;
mod refusals;
mod remote;

use std::path::Path;

use arrow::array::RecordBatch;
use datafusion::common::Result;
use datafusion_feast::FeastContext;
use feast_testkit::relocate::{fixture, place};
use tempfile::TempDir;

/// The repositories in a folder of their own.
pub(crate) struct Repositories(TempDir);

impl Repositories {
    pub(crate) fn place() -> Self {
        let folder = tempfile::tempdir().unwrap();
        place(&fixture("feast_repos"), folder.path()).unwrap();
        Self(folder)
    }

    pub(crate) fn dir(&self, name: &str) -> std::path::PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    pub(crate) async fn open(&self, name: &str) -> FeastContext {
        Box::pin(FeastContext::open(self.dir(name))).await.unwrap()
    }
}

pub(crate) async fn rows(feast: &FeastContext, sql: &str) -> Result<Vec<RecordBatch>> {
    Box::pin(Box::pin(feast.sql(sql)).await?.collect()).await
}

/// The rows as text, a line each, cells apart by ` | `.
pub(crate) async fn lines(feast: &FeastContext, sql: &str) -> Vec<String> {
    let batches = rows(feast, sql)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    let table = arrow::util::pretty::pretty_format_batches(&batches)
        .unwrap()
        .to_string();
    let cells = |line: &str| {
        let line = line.trim_matches('|');
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        cells.join(" | ").trim_end().to_owned()
    };
    table
        .lines()
        .filter(|line| line.starts_with('|'))
        .skip(1)
        .map(cells)
        .collect()
}

pub(crate) async fn error(feast: &FeastContext, sql: &str) -> String {
    match rows(feast, sql).await {
        Ok(_) => panic!("{sql} was answered"),
        Err(error) => error.strip_backtrace(),
    }
}

/// Two entity rows that every view of `rides` can be joined with.
pub(crate) fn joined(features: &str) -> String {
    format!(
        "SELECT * FROM feast_pit_join(entities => (
           SELECT 1002 AS driver_id, 'ana' AS customer_id, 3 AS zone_id, 3 AS origin_id, 4 AS destination_id,
                  TIMESTAMP '2026-01-09T12:00:00Z' AS event_timestamp
           UNION ALL
           SELECT 1003, 'Ana', 4, 5 AS origin_id, 3 AS destination_id, TIMESTAMP '2026-01-05T00:00:00Z'),
         features => {features}, full_feature_names => true)"
    )
}

fn read(path: impl AsRef<Path>) -> Vec<u8> {
    std::fs::read(path).unwrap()
}
