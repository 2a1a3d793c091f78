// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Appends, read back by `iceberg`'s own scan.

mod columns;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::util::pretty::pretty_format_batches;
use futures::TryStreamExt;
use iceberg::{Catalog, NamespaceIdent, TableIdent};
use object_store::ObjectStoreExt;
use tempfile::TempDir;

use super::*;
use crate::catalog::SqlCatalog;
use crate::error::ErrorKind;
use crate::storage::TableStorage;

async fn catalog(dir: &Path, warehouse: &str) -> SqlCatalog {
    let catalog = SqlCatalog::create(dir.join("c.db"), "lake", warehouse).unwrap();
    catalog
        .create_namespace(&shop(), HashMap::new())
        .await
        .unwrap();
    catalog
}

fn shop() -> NamespaceIdent {
    NamespaceIdent::new("shop".to_string())
}

fn ident() -> TableIdent {
    TableIdent::new(shop(), "t".to_string())
}

fn schema() -> Schema {
    Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("name", DataType::Utf8View, true),
        Field::new(
            "at",
            DataType::Timestamp(TimeUnit::Millisecond, Some("Europe/Rome".into())),
            true,
        ),
    ])
}

fn rows(ids: &[i32], names: &[Option<&str>]) -> RecordBatch {
    let times = TimestampMillisecondArray::from(vec![1_000; ids.len()]).with_timezone("+02:00");
    RecordBatch::try_from_iter([
        ("at", Arc::new(times) as ArrayRef),
        ("name", Arc::new(StringArray::from(names.to_vec()))),
        ("id", Arc::new(Int32Array::from(ids.to_vec()))),
    ])
    .unwrap()
}

async fn read(catalog: &SqlCatalog) -> RecordBatch {
    read_columns(catalog, &["id", "name", "at"]).await
}

async fn read_columns(catalog: &SqlCatalog, columns: &[&str]) -> RecordBatch {
    let table = catalog.load_table(&ident()).await.unwrap();
    let scan = table
        .scan()
        .select(columns.iter().copied())
        .build()
        .unwrap();
    let stream = scan.to_arrow().await.unwrap();
    let batches: Vec<RecordBatch> = stream.try_collect().await.unwrap();
    concat_batches(&batches[0].schema(), &batches).unwrap()
}

fn ids(batch: &RecordBatch) -> Vec<i64> {
    let column = batch.column_by_name("id").unwrap();
    let mut ids = column
        .as_any()
        .downcast_ref::<Int64Array>()
        .unwrap()
        .values()
        .to_vec();
    ids.sort();
    ids
}

fn files(dir: &Path) -> usize {
    let mut count = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        count += if path.is_dir() { files(&path) } else { 1 };
    }
    count
}

#[tokio::test]
async fn rows_come_back() {
    let dir = TempDir::new().unwrap();
    let warehouse = dir.path().join("wh");
    let catalog = catalog(dir.path(), warehouse.to_str().unwrap()).await;
    create_table(&catalog, &shop(), "t", &schema(), &[])
        .await
        .unwrap();
    let first = append(&catalog, &ident(), vec![rows(&[1, 2], &[Some("a"), None])])
        .await
        .unwrap();
    let second = append(&catalog, &ident(), vec![rows(&[3], &[Some("c")])])
        .await
        .unwrap();
    assert_ne!(first, second);
    let batch = read(&catalog).await;
    assert_eq!(ids(&batch), [1, 2, 3]);
    let shown = pretty_format_batches(&[batch]).unwrap().to_string();
    assert!(shown.contains("1970-01-01T00:00:01Z"), "{shown}");
    let table = catalog.load_table(&ident()).await.unwrap();
    assert_eq!(table.metadata().current_snapshot_id(), Some(second));
    assert_eq!(table.metadata().snapshots().count(), 2);
}

#[tokio::test]
async fn what_does_not_fit_commits_nothing() {
    let dir = TempDir::new().unwrap();
    let warehouse = dir.path().join("wh");
    let catalog = catalog(dir.path(), warehouse.to_str().unwrap()).await;
    create_table(&catalog, &shop(), "t", &schema(), &[])
        .await
        .unwrap();
    let before = files(&warehouse);
    let column =
        |name: &str, values: ArrayRef| RecordBatch::try_from_iter([(name, values)]).unwrap();
    let good = || rows(&[1], &[None]);
    for (bad, what) in [
        (
            column("name", Arc::new(StringArray::from(vec!["x"]))),
            "the column is required, but the rows do not have it",
        ),
        (
            column("id", Arc::new(Int64Array::from(vec![None, Some(1)]))),
            "column 'id': the column is required, but 1 of 2 rows are NULL",
        ),
        (
            column("idd", Arc::new(Int64Array::from(vec![1]))),
            "a column 'idd' that the table does not have: its columns are id, name, at",
        ),
        (
            column("id", Arc::new(StringArray::from(vec!["1"]))),
            "column 'id': the rows have the type Utf8, the table has Int64",
        ),
        (
            column("id", Arc::new(Int64Array::from(Vec::<i64>::new()))),
            "",
        ),
    ] {
        let error = match what {
            "" => append(&catalog, &ident(), vec![bad]).await.unwrap_err(),
            _ => append(&catalog, &ident(), vec![good(), bad])
                .await
                .unwrap_err(),
        };
        assert_eq!(error.kind(), ErrorKind::Invalid);
        let text = error.to_string();
        assert!(
            text.starts_with("append to table 'shop.t'") && text.contains(what),
            "{text}"
        );
    }
    let table = catalog.load_table(&ident()).await.unwrap();
    assert!(table.metadata().current_snapshot_id().is_none());
    assert_eq!(files(&warehouse), before);
}

#[tokio::test]
async fn awkward_names_are_the_right_files() {
    let dir = TempDir::new().unwrap();
    for warehouse in ["plain", "with space", "per%20cent", "ünï#?"] {
        let of = dir.path().join(warehouse);
        std::fs::create_dir(&of).unwrap();
        let location = match warehouse {
            "plain" => of.to_str().unwrap().to_string(),
            _ => format!("file://{}", of.to_str().unwrap()),
        };
        let catalog = catalog(&of, &location).await;
        let by = [PartitionBy::identity("name")];
        create_table(&catalog, &shop(), "t", &schema(), &by)
            .await
            .unwrap();
        let names = [Some("a=b%3D"), Some("ü x"), None, Some("ü x")];
        append(&catalog, &ident(), vec![rows(&[1, 2, 3, 4], &names)])
            .await
            .unwrap();
        assert_eq!(ids(&read(&catalog).await), [1, 2, 3, 4], "{warehouse}");

        let table = catalog.load_table(&ident()).await.unwrap();
        let storage = TableStorage::for_table(&table);
        let mut tasks = table.scan().build().unwrap().plan_files().await.unwrap();
        let mut seen = 0;
        while let Some(task) = tasks.try_next().await.unwrap() {
            let (url, store, path) = storage.resolve(&task.data_file_path).unwrap();
            assert!(url.as_str().starts_with("iceberg-"), "{url:?}");
            let on_disk = task.data_file_path.trim_start_matches("file://");
            let expected = std::fs::read(on_disk).unwrap();
            assert_eq!(
                store.get(&path).await.unwrap().bytes().await.unwrap(),
                expected
            );
            assert_eq!(
                store.head(&path).await.unwrap().size as usize,
                expected.len()
            );
            let tail = store.get_ranges(&path, &[4..8, 0..4]).await.unwrap();
            assert_eq!(tail, [expected[4..8].to_vec(), expected[..4].to_vec()]);
            seen += 1;
        }
        assert_eq!(seen, 3);
    }
}

#[tokio::test]
async fn added_columns_are_null_in_older_rows() {
    let dir = TempDir::new().unwrap();
    let catalog = catalog(dir.path(), dir.path().join("wh").to_str().unwrap()).await;
    create_table(&catalog, &shop(), "t", &schema(), &[PartitionBy::day("at")])
        .await
        .unwrap();
    append(&catalog, &ident(), vec![rows(&[1], &[None])])
        .await
        .unwrap();
    add_column(&catalog, &ident(), "score", &DataType::Float32)
        .await
        .unwrap();
    let tags = DataType::List(Arc::new(Field::new("item", DataType::Utf8, true)));
    let table = add_column(&catalog, &ident(), "tags", &tags).await.unwrap();
    let field = table
        .metadata()
        .current_schema()
        .field_by_name("tags")
        .unwrap();
    assert_eq!(field.id, 5);
    append(&catalog, &ident(), vec![rows(&[2], &[None])])
        .await
        .unwrap();
    // Not 'tags': that scan cannot make up a list for the older file.
    let batch = read_columns(&catalog, &["id", "score"]).await;
    assert_eq!(ids(&batch), [1, 2]);
    assert_eq!(batch.column_by_name("score").unwrap().null_count(), 2);
    let error = add_column(&catalog, &ident(), "score", &DataType::Int32)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("table 'shop.t', column 'score'"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn appends_at_the_same_time_all_arrive() {
    let dir = TempDir::new().unwrap();
    let catalog = catalog(dir.path(), dir.path().join("wh").to_str().unwrap()).await;
    create_table(&catalog, &shop(), "t", &schema(), &[])
        .await
        .unwrap();
    let appends = (0..4).map(|id| {
        let catalog = catalog.clone();
        async move { append(&catalog, &ident(), vec![rows(&[id], &[None])]).await }
    });
    futures::future::try_join_all(appends).await.unwrap();
    assert_eq!(ids(&read(&catalog).await), [0, 1, 2, 3]);
}

#[tokio::test]
async fn a_partition_column_that_is_not_there_is_named() {
    let dir = TempDir::new().unwrap();
    let catalog = catalog(dir.path(), "wh").await;
    let by = [PartitionBy::bucket("idd", 4)];
    let error = create_table(&catalog, &shop(), "t", &schema(), &by)
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("partition column 'idd' does not exist: expected one of id, name"),
        "{text}"
    );
    let wide = Schema::new(vec![Field::new("n", DataType::UInt64, true)]);
    let error = create_table(&catalog, &shop(), "t", &wide, &[])
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("column 'n': Iceberg has no unsigned"),
        "{error}"
    );
}
