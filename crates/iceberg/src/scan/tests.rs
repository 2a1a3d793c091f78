// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Reads the tables that other engines wrote, where the folder with them is at hand.

mod canonical;
mod deletes;
mod foreign;
mod merged;
mod two_passes;
mod written;

use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::{Column, ScalarValue};
use datafusion::config::ConfigOptions;
use datafusion::datasource::MemTable;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::{Expr, lit};
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::{SessionConfig, SessionContext};
use iceberg::table::Table;
use serde_json::{Value, json};

use self::canonical::{canonical, value};
use self::foreign::{open, tables};
use super::{ChooseIcebergScan, ScanMode};
use crate::provider::{IcebergTableProvider, SnapshotSelector};
use crate::storage::TableStorage;

/// Sessions as users may set them; the fourth lacks our rule.
fn sessions() -> Vec<SessionContext> {
    let config = SessionConfig::new().with_target_partitions(4);
    let small = SessionConfig::new()
        .with_target_partitions(1)
        .with_batch_size(1);
    let pushed = config
        .clone()
        .set_bool("datafusion.execution.parquet.pushdown_filters", true);
    let ranges = pushed
        .clone()
        .with_target_partitions(7)
        .set_usize("datafusion.optimizer.repartition_file_min_size", 1);
    let auto = |config: &SessionConfig| with_rule(config, |_| ScanMode::Auto);
    let forced = |config: &SessionConfig| with_rule(config, |_| ScanMode::MergeOnRead);
    vec![
        auto(&config),
        auto(&small),
        auto(&pushed),
        SessionContext::new_with_config(config.clone()),
        auto(&ranges),
        forced(&config),
        forced(&small),
        forced(&ranges),
    ]
}

fn with_rule(config: &SessionConfig, mode: fn(&ConfigOptions) -> ScanMode) -> SessionContext {
    let mut rules = PhysicalOptimizer::new().rules;
    rules.insert(0, Arc::new(ChooseIcebergScan::new(mode)));
    let state = SessionStateBuilder::new_with_default_features()
        .with_config(config.clone())
        .with_physical_optimizer_rules(rules)
        .build();
    SessionContext::new_with_state(state)
}

fn register(session: &SessionContext, table: &Table, at: SnapshotSelector) -> Result<(), String> {
    let storage = Arc::new(TableStorage::for_table(table));
    let provider = IcebergTableProvider::try_new(table.clone(), storage, at);
    let provider = provider.map_err(|e| e.to_string())?;
    session.deregister_table("t").unwrap();
    session.register_table("t", Arc::new(provider)).unwrap();
    Ok(())
}

async fn query(session: &SessionContext, sql: &str) -> Result<Vec<RecordBatch>, String> {
    let frame = session.sql(sql).await.map_err(|e| e.to_string())?;
    frame.collect().await.map_err(|e| e.to_string())
}

fn rows(batches: &[RecordBatch]) -> Vec<Vec<Value>> {
    let row = |batch: &RecordBatch, row| batch.columns().iter().map(|c| value(c, row)).collect();
    let rows = batches
        .iter()
        .flat_map(|b| (0..b.num_rows()).map(move |r| row(b, r)));
    sorted(rows.collect())
}

fn sorted(mut rows: Vec<Vec<Value>>) -> Vec<Vec<Value>> {
    rows.sort_by_cached_key(|row| serde_json::to_string(row).unwrap());
    rows
}

fn expected_rows(rows: &Value) -> Vec<Vec<Value>> {
    let rows = rows.as_array().unwrap().iter();
    sorted(
        rows.map(|row| row.as_array().unwrap().iter().map(canonical).collect())
            .collect(),
    )
}

fn same_order(rows: Vec<Vec<Value>>) -> Vec<Vec<Value>> {
    sorted(
        rows.into_iter()
            .map(|row| row.iter().map(canonical).collect())
            .collect(),
    )
}

/// Reads one table in every session. The error is that of the first.
async fn read(folder: &Path) -> Result<(), String> {
    let (table, expected) = open(folder).await.map_err(|e| e.to_string())?;
    for session in sessions() {
        register(&session, &table, SnapshotSelector::Current)?;
        let batches = query(&session, "SELECT * FROM t").await?;
        let count: i64 = batches.iter().map(|b| b.num_rows() as i64).sum();
        if json!(count) != expected["row_count"] {
            return Err(format!(
                "WRONG: {count} rows instead of {}",
                expected["row_count"]
            ));
        }
        if !expected["rows"].is_null() {
            let (found, wanted) = (same_order(rows(&batches)), expected_rows(&expected["rows"]));
            if found != wanted {
                return Err(format!("WRONG: {found:?} instead of {wanted:?}"));
            }
        }
        let counted = rows(&query(&session, "SELECT count(*) FROM t").await?);
        if counted != vec![vec![expected["row_count"].clone()]] {
            return Err(format!("WRONG: count(*) is {counted:?}"));
        }
    }
    Ok(())
}

#[tokio::test]
async fn tables_of_other_engines_are_read_right_or_refused_by_name() {
    let Some(folder) = tables() else { return };
    let (mut read_right, mut refused) = (Vec::new(), Vec::new());
    let mut folders: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    for folder in folders
        .into_iter()
        .filter(|f| f.join("expected.json").is_file())
    {
        let name = folder.file_name().unwrap().to_str().unwrap().to_string();
        match read(&folder).await {
            Ok(()) => read_right.push(name),
            Err(error) => refused.push(format!("{name}: {error}")),
        }
    }
    assert!(read_right.len() >= 48, "{refused:#?}");
    for refused in refused {
        assert!(
            refused.contains("not supported") || refused.contains("TableMetadataEnum"),
            "{refused}"
        );
    }
}

fn row_count(batches: &[RecordBatch]) -> usize {
    batches.iter().map(|b| b.num_rows()).sum()
}

/// Filters on one column, made of its own values.
fn filters(column: &str, values: &[ScalarValue]) -> Vec<Expr> {
    let c = || Expr::Column(Column::from_name(column));
    let mut filters = vec![c().is_null(), c().is_not_null()];
    for value in values {
        let value = || lit(value.clone());
        filters.extend([c().eq(value()), c().lt(value()), c().gt_eq(value())]);
    }
    filters.push(c().in_list(values.iter().map(|v| lit(v.clone())).collect(), false));
    filters
}

fn distinct(batches: &[RecordBatch], column: usize) -> Vec<ScalarValue> {
    let scalar = |b: &RecordBatch, row| ScalarValue::try_from_array(b.column(column), row).unwrap();
    let all = batches
        .iter()
        .flat_map(|b| (0..b.num_rows()).map(move |row| scalar(b, row)));
    let distinct: std::collections::HashSet<_> = all.filter(|v| !v.is_null()).collect();
    let mut distinct: Vec<_> = distinct.into_iter().collect();
    distinct.sort_by(|a, b| a.partial_cmp(b).unwrap());
    let last = distinct.len().saturating_sub(1);
    let picked = [0, last]
        .into_iter()
        .filter_map(|i| distinct.get(i).cloned());
    picked.collect()
}

/// Every filter finds in the table what it finds in the same rows without any statistics.
#[tokio::test]
async fn pruning_loses_no_row() {
    let Some(folder) = tables() else { return };
    let mut compared = 0;
    for folder in std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if !folder.join("expected.json").is_file() {
            continue;
        }
        let Ok((table, _)) = open(&folder).await else {
            continue;
        };
        let sessions = sessions();
        let deletes = merged::TABLES.iter().any(|name| folder.ends_with(name));
        for session in [&sessions[2], &sessions[7]]
            .into_iter()
            .take(1 + usize::from(deletes))
        {
            register(session, &table, SnapshotSelector::Current).unwrap();
            let Ok(batches) = query(session, "SELECT * FROM t").await else {
                continue;
            };
            let frame = session.table("t").await.unwrap();
            let schema = Arc::new(frame.schema().as_arrow().clone());
            let rows = MemTable::try_new(Arc::clone(&schema), vec![batches.clone()]).unwrap();
            let rows = session.read_table(Arc::new(rows)).unwrap();
            for (index, field) in schema.fields().iter().enumerate() {
                if field.data_type().is_nested() {
                    continue;
                }
                for filter in filters(field.name(), &distinct(&batches, index)) {
                    let wanted = rows.clone().filter(filter.clone()).unwrap();
                    let found = frame.clone().filter(filter.clone()).unwrap();
                    let wanted = row_count(&wanted.collect().await.unwrap());
                    let found = row_count(&found.collect().await.unwrap());
                    assert_eq!(found, wanted, "{filter} on {folder:?}");
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 1500, "{compared}");
}

#[tokio::test]
async fn time_travel_reads_each_snapshot_whole() {
    let Some(folder) = tables() else { return };
    let mut read = 0;
    for folder in std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if !folder.join("expected.json").is_file() {
            continue;
        }
        let Ok((table, expected)) = open(&folder).await else {
            continue;
        };
        let session = &sessions()[0];
        for snapshot in expected["snapshots"].as_array().unwrap() {
            let (Some(id), Some(count)) = (
                snapshot["snapshot_id"].as_i64(),
                snapshot["row_count"].as_i64(),
            ) else {
                continue;
            };
            register(session, &table, SnapshotSelector::SnapshotId(id)).unwrap();
            match query(session, "SELECT * FROM t").await {
                Ok(batches) => {
                    assert_eq!(row_count(&batches) as i64, count, "{folder:?} at {id}");
                    read += 1;
                }
                Err(error) => assert!(error.contains("not supported"), "{error}"),
            }
        }
    }
    assert!(read > 100, "{read}");
}

#[tokio::test]
async fn a_time_selects_the_snapshot_that_was_current() {
    let Some(folder) = tables() else { return };
    let (table, _) = open(&folder.join("pyicebergwrite_cow_v2")).await.unwrap();
    let storage = Arc::new(TableStorage::for_table(&table));
    let at = |at| IcebergTableProvider::try_new(table.clone(), Arc::clone(&storage), at);
    let log: Vec<_> = table
        .metadata()
        .history()
        .iter()
        .map(|e| (e.timestamp_ms(), e.snapshot_id))
        .collect();
    for (since, id) in &log {
        let exactly = at(SnapshotSelector::Timestamp(*since)).unwrap();
        assert_eq!(exactly.snapshot_id(), Some(*id));
    }
    let (first, id) = log[0];
    let error = at(SnapshotSelector::Timestamp(first - 1))
        .unwrap_err()
        .to_string();
    assert!(error.contains("ns.pyicebergwrite_cow_v2"), "{error}");
    assert!(
        error.contains(&format!("its earliest known snapshot is {id}")),
        "{error}"
    );
    let error = at(SnapshotSelector::SnapshotId(7)).unwrap_err().to_string();
    assert!(error.contains("has no snapshot 7: it has"), "{error}");
}

async fn explain(session: &SessionContext, sql: &str) -> String {
    let batches = query(session, &format!("EXPLAIN {sql}")).await.unwrap();
    arrow::util::pretty::pretty_format_batches(&batches)
        .unwrap()
        .to_string()
}

#[tokio::test]
async fn explain_tells_what_is_read() {
    let Some(folder) = tables() else { return };
    let (table, _) = open(&folder.join("spark_part_month")).await.unwrap();
    let sessions = sessions();
    for session in &sessions {
        register(session, &table, SnapshotSelector::Current).unwrap();
    }
    let sql = "SELECT id FROM t WHERE id = 3";
    let text = explain(&sessions[0], sql).await;
    assert!(
        text.contains("iceberg: table=ns.spark_part_month, snapshot="),
        "{text}"
    );
    assert!(
        text.contains(
            "files=1/10 (9 pruned by bounds), manifests=1/1, direct=1, merge-on-read=0, bytes="
        ),
        "{text}"
    );
    assert!(
        text.contains("DataSourceExec") && text.contains("predicate=id@0 = 3"),
        "{text}"
    );
    let text = explain(&sessions[3], sql).await;
    assert!(
        text.contains("IcebergScanExec: iceberg: table=ns.spark_part_month"),
        "{text}"
    );
    let text = explain(&sessions[0], "SELECT * FROM t LIMIT 3").await;
    assert!(text.contains("files=3/10 (7 pruned by limit)"), "{text}");
    let text = explain(&sessions[0], "SELECT count(*) FROM t").await;
    assert!(
        text.contains("PlaceholderRowExec") && !text.contains("iceberg:"),
        "{text}"
    );
}
