// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Queries over tables with deletes find what they find in the rows of the table alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use serde_json::Value;

use super::foreign::{copy_of, files_below, open, tables};
use super::written::regroup;
use super::{explain, query, register, rows, sessions};
use crate::provider::SnapshotSelector;

/// Tables with deletes of all kinds.
pub(super) const TABLES: &[&str] = &[
    "duckdb_equality_deletes_mytable",
    "duckdb_legacy_bare_deletion_vector",
    "duckwrite_dv_v3",
    "duckwrite_posdel_partitioned_v2",
    "impala_spark_compaction_with_dangling_delete",
    "impala_v2_delete_equality_multi_eq_ids",
    "impala_v2_delete_equality_partition_evolution",
    "impala_v2_delete_positional",
    "impala_v2_positional_delete_all_rows",
    "impala_v2_positional_update_all_rows",
    "spark_compaction_dangling",
    "spark_eqdel_pos_mixed_v2",
    "spark_eqdel_v2",
    "spark_eqdel_v2_multi_col_nulls",
    "spark_feature_events_mor",
    "spark_nested_types",
    "spark_partition_evolution",
    "spark_posdel_all_rows",
    "spark_posdel_v2_file_granularity",
    "spark_v1_upgraded_to_v2",
    "spark_v2_posdel_upgraded_to_v3_dv",
];

/// The folders of tables, none where they are absent.
fn folders(names: &[&str]) -> Vec<PathBuf> {
    let folder = tables().into_iter();
    folder
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
        .collect()
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

/// Columns that have an order, which the queries are about.
fn ordered(schema: &Schema) -> Vec<String> {
    let fields = schema.fields().iter().filter(|field| {
        let data_type = field.data_type();
        !data_type.is_nested()
            && !matches!(
                data_type,
                DataType::FixedSizeBinary(_) | DataType::LargeBinary
            )
    });
    fields.map(|field| quoted(field.name())).collect()
}

/// Queries whose whole answer is known.
fn whole(columns: &[String]) -> Vec<String> {
    let mut queries = vec!["SELECT count(*) FROM $t".to_string()];
    let aggregates: Vec<_> = columns
        .iter()
        .map(|c| format!("count({c}), min({c}), max({c})"))
        .collect();
    queries.push(format!("SELECT {} FROM $t", aggregates.join(", ")));
    for c in columns.iter().take(2) {
        queries.push(format!("SELECT {c} FROM $t"));
        queries.push(format!("SELECT {c} FROM $t ORDER BY {c} LIMIT 3"));
        queries.push(format!(
            "SELECT {c} FROM $t ORDER BY {c} DESC NULLS LAST LIMIT 3"
        ));
        queries.push(format!(
            "SELECT count(*) FROM $t WHERE {c} > (SELECT min({c}) FROM rows)"
        ));
        queries.push(format!("SELECT {c}, count(*) FROM $t GROUP BY {c}"));
    }
    queries
}

/// Queries that may answer with any rows of a known count.
fn any(columns: &[String]) -> Vec<String> {
    let mut queries = vec!["SELECT * FROM $t LIMIT 3".to_string()];
    for c in columns.iter().take(2) {
        // Every row matches, by the bounds.
        queries.push(format!("SELECT * FROM $t WHERE {c} IS NOT NULL LIMIT 3"));
        queries.push(format!(
            "SELECT * FROM $t WHERE {c} >= (SELECT min({c}) FROM rows) LIMIT 3"
        ));
    }
    queries
}

async fn answer(session: &SessionContext, sql: &str, table: &str) -> Vec<Vec<Value>> {
    let sql = sql.replace("$t", table);
    match query(session, &sql).await {
        Ok(batches) => rows(&batches),
        Err(error) => panic!("{sql}: {error}"),
    }
}

fn is_within(mut some: Vec<Vec<Value>>, mut all: Vec<Vec<Value>>) -> bool {
    some.retain(|row| match all.iter().position(|other| other == row) {
        Some(at) => {
            all.swap_remove(at);
            false
        }
        None => true,
    });
    some.is_empty()
}

/// Asks every session about the table in `folder` and about its rows, `all`.
async fn compare(folder: &Path, all: &[RecordBatch]) {
    let schema = all.first().unwrap().schema();
    let columns = ordered(&schema);
    let (table, _) = open(folder).await.unwrap();
    let all_rows = rows(all);
    let sessions = sessions();
    // The others have less of what matters here, and read all tables besides.
    for number in [3, 4, 6, 7] {
        let session = &sessions[number];
        let at = format!("session {number}, {}", folder.display());
        register(session, &table, SnapshotSelector::Current).unwrap();
        let of_rows = MemTable::try_new(Arc::clone(&schema), vec![all.to_vec()]).unwrap();
        session.register_table("rows", Arc::new(of_rows)).unwrap();
        assert_eq!(
            answer(session, "SELECT * FROM $t", "t").await,
            all_rows,
            "{at}"
        );
        for sql in whole(&columns) {
            let (found, wanted) = (answer(session, &sql, "t"), answer(session, &sql, "rows"));
            assert_eq!(found.await, wanted.await, "{sql}: {at}");
        }
        for sql in any(&columns) {
            let (found, wanted) = (answer(session, &sql, "t"), answer(session, &sql, "rows"));
            let (found, wanted) = (found.await, wanted.await);
            assert_eq!(found.len(), wanted.len(), "{sql}: {at}");
            assert!(
                is_within(found.clone(), all_rows.clone()),
                "{sql}: {at}: {found:?}"
            );
        }
    }
}

/// The rows of the table, which its `expected.json` was compared with.
async fn all_rows(folder: &Path) -> Vec<RecordBatch> {
    let (table, expected) = open(folder).await.unwrap();
    let session = &sessions()[0];
    register(session, &table, SnapshotSelector::Current).unwrap();
    let all = query(session, "SELECT * FROM t").await.unwrap();
    let count: usize = all.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(
        Some(count as u64),
        expected["row_count"].as_u64(),
        "{folder:?}"
    );
    all
}

#[tokio::test]
async fn every_query_leaves_deleted_rows_out() {
    for folder in folders(TABLES) {
        let all = all_rows(&folder).await;
        if !all.is_empty() {
            compare(&folder, &all).await;
        }
    }
}

#[tokio::test]
async fn every_query_leaves_deleted_rows_out_of_many_row_groups() {
    let tables = [
        "duckwrite_dv_v3",
        "impala_v2_delete_equality_multi_eq_ids",
        "spark_eqdel_pos_mixed_v2",
        "spark_posdel_v2_file_granularity",
    ];
    for folder in folders(&tables) {
        let all = all_rows(&folder).await;
        let copy = copy_of(&folder);
        let files = files_below(copy.path(), ".parquet");
        files.iter().for_each(|file| regroup(file, 3));
        compare(copy.path(), &all).await;
    }
}

#[tokio::test]
async fn a_table_with_clean_files_and_others_is_read_in_two_ways() {
    for folder in folders(&["spark_v2_posdel_upgraded_to_v3_dv"]) {
        let (table, _) = open(&folder).await.unwrap();
        let sessions = sessions();
        for session in &sessions {
            register(session, &table, SnapshotSelector::Current).unwrap();
        }
        let text = explain(&sessions[0], "SELECT * FROM t").await;
        for wanted in [
            "UnionExec",
            "scan=direct",
            "scan=merge-on-read",
            "(2 with a deletion vector)",
        ] {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
        let text = explain(&sessions[5], "SELECT * FROM t").await;
        assert!(
            !text.contains("UnionExec") && text.contains("direct=0"),
            "{text}"
        );
        assert!(
            text.contains("(2 with a deletion vector, 1 forced)"),
            "{text}"
        );
        let text = explain(&sessions[0], "SELECT count(*) FROM t").await;
        assert!(!text.contains("PlaceholderRowExec"), "{text}");
    }
}
