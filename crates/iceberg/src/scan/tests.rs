// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Reads the tables that other engines wrote, where the folder with them is at hand.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::common::{Column, ScalarValue};
use datafusion::datasource::MemTable;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::{Expr, lit};
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::stream::BoxStream;
use iceberg::TableIdent;
use iceberg::io::{
    FileIO, FileIOBuilder, FileMetadata, FileRead, FileWrite, InputFile, LocalFsStorageFactory,
    OutputFile, Storage, StorageConfig, StorageFactory,
};
use iceberg::table::{StaticTable, Table};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ChooseIcebergScan;
use crate::provider::{IcebergTableProvider, SnapshotSelector};
use crate::storage::TableStorage;

/// A local table that was written at another place: the longest end of a path that exists in the
/// folder is the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Moved {
    folder: PathBuf,
}

impl Moved {
    fn local(&self, path: &str) -> String {
        let path = path.replace("warehouse/example/", "warehouse/ext_example/");
        let mut ends = path.match_indices('/').map(|(at, _)| &path[at + 1..]);
        let found = ends.find(|end| !end.is_empty() && self.folder.join(end).is_file());
        let end = found.unwrap_or(&path);
        self.folder
            .join(end)
            .to_str()
            .unwrap_or_default()
            .to_string()
    }

    fn files(&self) -> iceberg::Result<Arc<dyn Storage>> {
        LocalFsStorageFactory.build(&StorageConfig::new())
    }
}

#[async_trait]
#[typetag::serde]
impl Storage for Moved {
    async fn exists(&self, path: &str) -> iceberg::Result<bool> {
        self.files()?.exists(&self.local(path)).await
    }

    async fn metadata(&self, path: &str) -> iceberg::Result<FileMetadata> {
        self.files()?.metadata(&self.local(path)).await
    }

    async fn read(&self, path: &str) -> iceberg::Result<Bytes> {
        self.files()?.read(&self.local(path)).await
    }

    async fn reader(&self, path: &str) -> iceberg::Result<Box<dyn FileRead>> {
        self.files()?.reader(&self.local(path)).await
    }

    async fn write(&self, path: &str, bytes: Bytes) -> iceberg::Result<()> {
        self.files()?.write(&self.local(path), bytes).await
    }

    async fn writer(&self, path: &str) -> iceberg::Result<Box<dyn FileWrite>> {
        self.files()?.writer(&self.local(path)).await
    }

    async fn delete(&self, path: &str) -> iceberg::Result<()> {
        self.files()?.delete(&self.local(path)).await
    }

    async fn delete_prefix(&self, path: &str) -> iceberg::Result<()> {
        self.files()?.delete_prefix(&self.local(path)).await
    }

    async fn delete_stream(&self, paths: BoxStream<'static, String>) -> iceberg::Result<()> {
        self.files()?.delete_stream(paths).await
    }

    fn new_input(&self, path: &str) -> iceberg::Result<InputFile> {
        Ok(InputFile::new(Arc::new(self.clone()), path.to_string()))
    }

    fn new_output(&self, path: &str) -> iceberg::Result<OutputFile> {
        Ok(OutputFile::new(Arc::new(self.clone()), path.to_string()))
    }
}

#[typetag::serde]
impl StorageFactory for Moved {
    fn build(&self, _config: &StorageConfig) -> iceberg::Result<Arc<dyn Storage>> {
        Ok(Arc::new(self.clone()))
    }
}

/// The folder with the tables, None where it is absent.
fn tables() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/tables");
    folder.is_dir().then_some(folder)
}

async fn open(folder: &Path) -> iceberg::Result<(Table, Value)> {
    let expected = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let io: FileIO = FileIOBuilder::new(Arc::new(Moved {
        folder: folder.join("table"),
    }))
    .build();
    let file = expected["metadata_file"].as_str().unwrap();
    let ident = TableIdent::from_strs(["ns", expected["table"].as_str().unwrap()]).unwrap();
    let table = StaticTable::from_metadata_file(&format!("/{file}"), ident, io).await?;
    Ok((table.into_table(), expected))
}

/// Sessions as users may set them; the last one lacks our rule.
pub(super) fn sessions() -> Vec<SessionContext> {
    let config = SessionConfig::new().with_target_partitions(4);
    let small = SessionConfig::new()
        .with_target_partitions(1)
        .with_batch_size(2);
    let pushed = config
        .clone()
        .set_bool("datafusion.execution.parquet.pushdown_filters", true);
    let with_rule = |config: SessionConfig| {
        let mut rules = PhysicalOptimizer::new().rules;
        rules.insert(0, Arc::new(ChooseIcebergScan));
        let state = SessionStateBuilder::new_with_default_features()
            .with_config(config)
            .with_physical_optimizer_rules(rules)
            .build();
        SessionContext::new_with_state(state)
    };
    vec![
        with_rule(config.clone()),
        with_rule(small),
        with_rule(pushed),
        SessionContext::new_with_config(config),
    ]
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

/// The canonical form of `expected.json`.
fn value(array: &ArrayRef, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    let text = || {
        let options = FormatOptions::new();
        ArrayFormatter::try_new(array, &options)
            .unwrap()
            .value(row)
            .to_string()
    };
    let list = |values: &ArrayRef| {
        (0..values.len())
            .map(|i| value(values, i))
            .collect::<Vec<_>>()
    };
    match array.data_type() {
        DataType::Boolean => json!(array.as_boolean().value(row)),
        DataType::Int32 | DataType::Int64 | DataType::Utf8 => match array.data_type() {
            DataType::Utf8 => json!(array.as_string::<i32>().value(row)),
            _ => json!(text().parse::<i64>().unwrap()),
        },
        DataType::Float32 | DataType::Float64 => {
            let float: f64 = text().parse().unwrap();
            if float.is_finite() {
                rounded(float)
            } else {
                json!(text().replace("inf", "Infinity"))
            }
        }
        DataType::Decimal128(..) => {
            let text = text();
            let text = if text.contains('.') {
                text.trim_end_matches('0').trim_end_matches('.')
            } else {
                &text
            };
            json!(if text == "-0" {
                "0".to_string()
            } else {
                shortened(text)
            })
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            json!(
                array
                    .as_primitive::<arrow::datatypes::TimestampNanosecondType>()
                    .value(row)
            )
        }
        DataType::Timestamp(_, zone) => {
            let micros = array.as_primitive::<arrow::datatypes::TimestampMicrosecondType>();
            let time = chrono::DateTime::from_timestamp_micros(micros.value(row)).unwrap();
            let zone = if zone.is_some() { "+00:00" } else { "" };
            json!(format!(
                "{}{zone}",
                time.naive_utc().format("%Y-%m-%dT%H:%M:%S%.6f")
            ))
        }
        DataType::Time64(_) => {
            let micros = array.as_primitive::<arrow::datatypes::Time64MicrosecondType>();
            let time = chrono::DateTime::from_timestamp_micros(micros.value(row)).unwrap();
            json!(time.format("%H:%M:%S%.6f").to_string())
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let pairs = fields
                .iter()
                .zip(columns)
                .map(|(f, c)| (f.name().clone(), value(c, row)));
            Value::Object(pairs.collect())
        }
        DataType::List(_) => json!(list(&array.as_list::<i32>().value(row))),
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (list(entries.column(0)), list(entries.column(1)));
            json!(keys.into_iter().zip(values).collect::<Vec<_>>())
        }
        DataType::FixedSizeBinary(16) => {
            json!(
                uuid::Uuid::from_slice(array.as_fixed_size_binary().value(row))
                    .unwrap()
                    .to_string()
            )
        }
        DataType::LargeBinary | DataType::FixedSizeBinary(_) => json!(text()),
        _ => json!(text()),
    }
}

/// The expected decimals went through Python, which keeps 28 digits.
fn shortened(text: &str) -> String {
    let digits = text
        .trim_start_matches(['-', '0', '.'])
        .replace('.', "")
        .len();
    let (Some(point), true) = (text.find('.'), digits > 28) else {
        return text.to_string();
    };
    let decimals = text.len() - point - 1 - (digits - 28);
    let unscaled: i128 = text.replace('.', "").parse().unwrap();
    let divisor = 10_i128.pow(u32::try_from(digits - 28).unwrap());
    let kept = (unscaled + unscaled.signum() * divisor / 2) / divisor;
    let sign = if kept < 0 { "-" } else { "" };
    let kept = format!("{:0>1$}", kept.abs(), decimals + 1);
    let (whole, fraction) = kept.split_at(kept.len() - decimals);
    let text = format!("{sign}{whole}.{fraction}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

fn rounded(float: f64) -> Value {
    json!(if float == 0.0 {
        "0".to_string()
    } else {
        format!("{float:.5e}")
    })
}

/// Brings the expected value to the same form: floats rounded, keys of objects in order.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Number(n) if n.is_f64() => rounded(n.as_f64().unwrap()),
        Value::Array(items) => items.iter().map(canonical).collect(),
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields
                .iter()
                .map(|(k, v)| (k.clone(), canonical(v)))
                .collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(fields.into_iter().collect())
        }
        // A year before 1000 without its zeros.
        Value::String(s) if s.len() > 10 && s[..4].contains('-') && s.contains('T') => {
            json!(format!("{}{s}", "0".repeat(4 - s.find('-').unwrap())))
        }
        other => other.clone(),
    }
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
    assert!(read_right.len() >= 29, "{refused:#?}");
    for refused in refused {
        assert!(
            refused.contains("not supported") || refused.contains("TableMetadataEnum"),
            "{refused}"
        );
    }
}

fn no_rows(batches: &[RecordBatch]) -> usize {
    batches.iter().map(|b| b.num_rows()).sum()
}

/// Filters on one column, made of its own values.
fn filters(column: &str, values: &[ScalarValue]) -> Vec<Expr> {
    let c = || Expr::Column(Column::from_name(column));
    let mut filters = vec![c().is_null(), c().is_not_null()];
    for value in values {
        let value = || lit(value.clone());
        filters.extend([
            c().eq(value()),
            c().not_eq(value()),
            c().lt(value()),
            c().gt_eq(value()),
            c().in_list(vec![value()], true),
        ]);
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
    let picked = [0, last / 2, last].into_iter().filter_map(|i| distinct.get(i).cloned());
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
        let session = &sessions()[2];
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
                    let wanted = no_rows(&wanted.collect().await.unwrap());
                    let found = no_rows(&found.collect().await.unwrap());
                    assert_eq!(found, wanted, "{filter} on {folder:?}");
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 1000, "{compared}");
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
                    assert_eq!(no_rows(&batches) as i64, count, "{folder:?} at {id}");
                    read += 1;
                }
                Err(error) => assert!(error.contains("not supported"), "{error}"),
            }
        }
    }
    assert!(read > 40, "{read}");
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
        error.contains(&format!("its earliest snapshot is {id}")),
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
        text.contains("files=1/10 (9 pruned by bounds), manifests=1/1, bytes="),
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
