// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Copies of the tables that are with the sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use datafusion::error::Result as DataFusionResult;
use datafusion::prelude::SessionContext;
use serde_json::Value;

use crate::provider::{IcebergTableProvider, OpenOptions};

pub(super) fn fixture(name: &str) -> PathBuf {
    let tables = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/tables");
    tables.join(name).join("table")
}

pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// The newest metadata file of a copied table.
pub(super) fn newest(table: &Path) -> PathBuf {
    let files = fs::read_dir(table.join("metadata")).unwrap();
    let files = files.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files
        .filter(|f| f.to_string_lossy().ends_with(".json"))
        .collect();
    files.sort();
    files.pop().unwrap()
}

pub(super) fn changed(file: &Path, change: impl FnOnce(&mut Value)) {
    let mut metadata: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    change(&mut metadata);
    fs::write(file, serde_json::to_vec(&metadata).unwrap()).unwrap();
}

pub(super) async fn open(
    location: &Path,
    allow_moved_paths: bool,
) -> DataFusionResult<IcebergTableProvider> {
    let options = OpenOptions {
        allow_moved_paths,
        ..OpenOptions::default()
    };
    IcebergTableProvider::open(location.to_str().unwrap(), options).await
}

pub(super) async fn refused(location: &Path) -> String {
    open(location, true).await.unwrap_err().to_string()
}

pub(super) async fn count(table: IcebergTableProvider) -> DataFusionResult<i64> {
    let context = SessionContext::new();
    context.register_table("t", Arc::new(table)).unwrap();
    // Not from statistics: the rows are to be read.
    let rows = context
        .sql("SELECT count(*) FROM (SELECT DISTINCT * FROM t)")
        .await?;
    let rows = rows.collect().await?;
    Ok(rows[0].column(0).as_primitive::<Int64Type>().value(0))
}
