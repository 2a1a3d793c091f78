// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Tables of other engines, opened by their files where they were copied to.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::util::display::array_value_to_string;
use datafusion::prelude::SessionContext;
use serde_json::Value;

use crate::error::{Error, ErrorKind};
use crate::provider::{IcebergTableProvider, OpenOptions, SnapshotSelector};

/// The tables that are with the sources, and those in the folder that `ICEBERG_TABLES` names.
pub(crate) fn folders() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/tables");
    let more = std::env::var_os("ICEBERG_TABLES").map(PathBuf::from);
    let mut found = Vec::new();
    for folder in [Some(own), more].into_iter().flatten() {
        let entries = std::fs::read_dir(folder).unwrap();
        let folders = entries.map(|entry| entry.unwrap().path());
        found.extend(folders.filter(|folder| folder.join("expected.json").exists()));
    }
    found.sort();
    found
}

fn expected(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap()
}

fn moved(at: SnapshotSelector) -> OpenOptions {
    OpenOptions {
        at,
        allow_moved_paths: true,
        ..OpenOptions::default()
    }
}

fn is_unsupported(error: &datafusion::error::DataFusionError) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(found) = cause {
        match found.downcast_ref::<Error>() {
            Some(ours) if ours.kind() == ErrorKind::Unsupported => return true,
            _ => cause = found.source(),
        }
    }
    false
}

async fn count(location: &str, at: SnapshotSelector) -> datafusion::error::Result<usize> {
    let table = IcebergTableProvider::open(location, moved(at)).await?;
    let context = SessionContext::new();
    let rows = context.read_table(Arc::new(table))?.collect().await?;
    Ok(rows.iter().map(|batch| batch.num_rows()).sum())
}

/// The rows, or None where the table has something that is refused by name.
async fn counted(what: &str, location: &str, at: SnapshotSelector) -> Option<usize> {
    match count(location, at).await {
        Ok(rows) => Some(rows),
        Err(error) if is_unsupported(&error) => {
            assert!(error.to_string().len() > 40, "{what}: {error}");
            eprintln!("{what} is refused: {error}");
            None
        }
        Err(error) => panic!("{what}: {error}"),
    }
}

#[tokio::test]
async fn every_table_opens_where_it_was_copied_to() {
    let folders = folders();
    assert!(folders.len() > 20);
    for folder in folders {
        let expected = expected(&folder);
        let name = expected["table"].as_str().unwrap();
        let directory = folder.join("table");
        let file = directory.join(expected["metadata_file"].as_str().unwrap());
        let file = file.to_str().unwrap();
        let wanted = expected["row_count"].as_u64().map(|rows| rows as usize);
        let current = SnapshotSelector::Current;
        let by_file = counted(name, file, current.clone()).await;
        assert!(
            by_file.is_none() || by_file == wanted,
            "{name}: {by_file:?} not {wanted:?}"
        );
        let by_directory = counted(name, directory.to_str().unwrap(), current).await;
        assert_eq!(by_directory, by_file, "{name}");
        if by_file.is_none() {
            continue;
        }
        for snapshot in expected["snapshots"].as_array().into_iter().flatten() {
            // Some have no files any more.
            let Some(wanted) = snapshot["row_count"].as_u64() else {
                continue;
            };
            let id = snapshot["snapshot_id"].as_i64().unwrap();
            let what = format!("{name} at {id}");
            let found = counted(&what, file, SnapshotSelector::SnapshotId(id)).await;
            let right = found.is_none_or(|found| found as u64 == wanted);
            assert!(right, "{what}: {found:?} not {wanted}");
        }
    }
}

#[tokio::test]
async fn branches_and_tags_have_their_rows() {
    let mut seen = 0;
    for folder in folders() {
        let expected = expected(&folder);
        let file = folder
            .join("table")
            .join(expected["metadata_file"].as_str().unwrap());
        for (name, wanted) in expected["refs"].as_object().into_iter().flatten() {
            let at = SnapshotSelector::Ref(name.clone());
            let table = IcebergTableProvider::open(file.to_str().unwrap(), moved(at))
                .await
                .unwrap();
            assert_eq!(table.snapshot_id(), wanted["snapshot_id"].as_i64());
            let context = SessionContext::new();
            let found = context
                .read_table(Arc::new(table))
                .unwrap()
                .collect()
                .await
                .unwrap();
            let mut rows = Vec::new();
            for batch in &found {
                for row in 0..batch.num_rows() {
                    let cells = batch.columns().iter();
                    let cells = cells.map(|cell| array_value_to_string(cell, row).unwrap());
                    rows.push(cells.collect::<Vec<_>>());
                }
            }
            let mut wanted: Vec<Vec<String>> = wanted["rows"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| {
                    let cells = row.as_array().unwrap().iter();
                    cells
                        .map(|cell| {
                            cell.as_str()
                                .map_or_else(|| cell.to_string(), str::to_string)
                        })
                        .collect()
                })
                .collect();
            rows.sort();
            wanted.sort();
            assert_eq!(rows, wanted, "{} at {name}", folder.display());
            seen += 1;
        }
    }
    assert!(seen > 2);
}

#[tokio::test]
async fn an_instant_selects_what_the_log_says() {
    let mut checked = 0;
    for folder in folders() {
        let expected = expected(&folder);
        let file = folder
            .join("table")
            .join(expected["metadata_file"].as_str().unwrap());
        let opened = IcebergTableProvider::open(file.to_str().unwrap(), moved(Default::default()));
        let Ok(opened) = opened.await else { continue };
        let metadata = opened.table().metadata();
        let log: Vec<_> = metadata
            .history()
            .iter()
            .map(|e| (e.timestamp_ms(), e.snapshot_id))
            .collect();
        for (at, (since, id)) in log.iter().enumerate() {
            if metadata.snapshot_by_id(*id).is_none() {
                let error = opened.at(SnapshotSelector::Timestamp(*since)).unwrap_err();
                assert!(error.to_string().contains("has no snapshot"), "{error}");
                continue;
            }
            let until = log.get(at + 1).map_or(since + 1_000, |(next, _)| next - 1);
            for instant in [*since, until]
                .into_iter()
                .filter(|instant| instant >= since)
            {
                let found = opened.at(SnapshotSelector::Timestamp(instant)).unwrap();
                let later = log.iter().rev().find(|(from, _)| *from <= instant);
                assert_eq!(
                    found.snapshot_id(),
                    later.map(|(_, id)| *id),
                    "{}",
                    folder.display()
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 50, "{checked}");
}
