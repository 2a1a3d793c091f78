// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What merge-on-read says and does when deletes are there, are damaged or are slow.

use std::time::Duration;

use datafusion::physical_plan::ExecutionPlanProperties;
use datafusion::prelude::SessionContext;
use tempfile::TempDir;

use super::foreign::{copy_of, files_below, open, open_with, tables};
use super::written::regroup;
use super::{query, register, rows, sessions};
use crate::provider::SnapshotSelector;

async fn analyzed(session: &SessionContext, sql: &str) -> String {
    let batches = query(session, &format!("EXPLAIN ANALYZE {sql}"))
        .await
        .unwrap();
    arrow::util::pretty::pretty_format_batches(&batches)
        .unwrap()
        .to_string()
}

#[tokio::test]
async fn explain_analyze_counts_deletes() {
    let Some(folder) = tables() else { return };
    let (table, _) = open(&folder.join("spark_eqdel_pos_mixed_v2"))
        .await
        .unwrap();
    for session in sessions() {
        register(&session, &table, SnapshotSelector::Current).unwrap();
        let text = analyzed(&session, "SELECT * FROM t").await;
        for metric in [
            "delete_files_loaded=",
            "rows_deleted=",
            "time_elapsed_loading_deletes=",
        ] {
            assert!(text.contains(metric), "{metric}: {text}");
        }
        assert!(
            !text.contains("delete_files_loaded=0") && !text.contains("rows_deleted=0"),
            "{text}"
        );
    }
}

/// Changes the table's delete files, all of which end so.
async fn damaged(
    folder: &str,
    end: &str,
    change: impl Fn(Vec<u8>) -> Option<Vec<u8>>,
) -> Option<TempDir> {
    let copy = copy_of(&tables()?.join(folder));
    for file in files_below(&copy.path().join("table"), end) {
        match change(std::fs::read(&file).unwrap()) {
            Some(bytes) => std::fs::write(file, bytes).unwrap(),
            None => std::fs::remove_file(file).unwrap(),
        }
    }
    Some(copy)
}

#[tokio::test]
async fn a_delete_file_that_cannot_be_read_is_an_error_that_names_it() {
    let cut = |bytes: Vec<u8>| Some(bytes[..20].to_vec());
    let gone = |_| None;
    let garbage = |bytes: Vec<u8>| Some(bytes.iter().map(|b| !b).collect());
    let changes: [&dyn Fn(Vec<u8>) -> Option<Vec<u8>>; 3] = [&cut, &gone, &garbage];
    for change in changes {
        for (folder, end) in [
            ("spark_posdel_v2_file_granularity", "-deletes.parquet"),
            ("duckwrite_dv_v3", ".puffin"),
            ("spark_eqdel_v2", "-00001.parquet"),
        ] {
            let Some(copy) = damaged(folder, end, change).await else {
                return;
            };
            let (table, _) = open(copy.path()).await.unwrap();
            let snapshot = table.metadata().current_snapshot_id().unwrap().to_string();
            for session in sessions() {
                register(&session, &table, SnapshotSelector::Current).unwrap();
                for sql in [
                    "SELECT * FROM t",
                    "SELECT count(*) FROM t",
                    "SELECT * FROM t LIMIT 9",
                ] {
                    let error = query(&session, sql).await.unwrap_err();
                    for wanted in [folder, end, &snapshot] {
                        assert!(error.contains(wanted), "{wanted}: {error}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_query_that_waits_for_a_delete_file_is_cancelled_at_once() {
    let Some(folder) = tables() else { return };
    for (folder, end) in [
        (
            folder.join("spark_posdel_v2_file_granularity"),
            "-deletes.parquet",
        ),
        (folder.join("duckwrite_dv_v3"), ".puffin"),
        (folder.join("spark_eqdel_v2"), "-00001.parquet"),
    ] {
        let (stuck, _) = open_with(&folder, Some(end)).await.unwrap();
        let (table, _) = open(&folder).await.unwrap();
        for session in sessions() {
            register(&session, &stuck, SnapshotSelector::Current).unwrap();
            let waiting = query(&session, "SELECT count(*) FROM t");
            let waited = tokio::time::timeout(Duration::from_millis(30), waiting).await;
            assert!(waited.is_err(), "it reads the deletes");
            register(&session, &table, SnapshotSelector::Current).unwrap();
            query(&session, "SELECT count(*) FROM t").await.unwrap();
        }
    }
}

/// DataFusion 53 forgets which rows to skip when whole row groups match the filters and are enough
/// for the limit.
#[tokio::test]
async fn a_limit_on_whole_row_groups_brings_no_deleted_row_back() {
    let Some(folder) = tables() else { return };
    for name in [
        "duckwrite_dv_v3",
        "spark_eqdel_v2",
        "spark_eqdel_pos_mixed_v2",
    ] {
        let copy = copy_of(&folder.join(name));
        let files = files_below(copy.path(), ".parquet");
        files.iter().for_each(|file| regroup(file, 4));
        let (table, _) = open(copy.path()).await.unwrap();
        for session in sessions() {
            register(&session, &table, SnapshotSelector::Current).unwrap();
            let all = rows(&query(&session, "SELECT id FROM t").await.unwrap());
            for limit in 1..=all.len() + 1 {
                let sql = format!("SELECT id FROM t WHERE id > -1 LIMIT {limit}");
                let found = rows(&query(&session, &sql).await.unwrap());
                assert_eq!(found.len(), limit.min(all.len()), "{name}: {sql}");
                assert!(
                    found.iter().all(|row| all.contains(row)),
                    "{name}: {sql}: {found:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn the_parts_of_a_scan_share_the_partitions_of_the_query() {
    let Some(folder) = tables() else { return };
    let copy = copy_of(&folder.join("spark_v2_posdel_upgraded_to_v3_dv"));
    let files = files_below(copy.path(), ".parquet");
    files.iter().for_each(|file| regroup(file, 2));
    let (table, _) = open(copy.path()).await.unwrap();
    for (session, most) in [(4, 7), (0, 4), (3, 4), (7, 7)] {
        let session = &sessions()[session];
        register(session, &table, SnapshotSelector::Current).unwrap();
        let frame = session.sql("SELECT * FROM t").await.unwrap();
        let plan = frame.create_physical_plan().await.unwrap();
        let partitions = plan.output_partitioning().partition_count();
        assert!((2..=most).contains(&partitions), "{partitions} of {most}");
    }
}
