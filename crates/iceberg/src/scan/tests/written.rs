// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Tables that this crate wrote.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::prelude::SessionContext;
use iceberg::{Catalog, NamespaceIdent, TableIdent};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;
use serde_json::json;
use tempfile::TempDir;

use super::foreign::files_below;
use super::{explain, query, register, rows, sessions};
use crate::append::{add_column, append, create_table};
use crate::catalog::SqlCatalog;
use crate::provider::SnapshotSelector;

struct Written {
    folder: TempDir,
    catalog: SqlCatalog,
    ident: TableIdent,
}

/// A table with one file for each of `files`, of `id` and `x`.
async fn written(files: &[(&[i64], &[f64])]) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let warehouse = folder.path().join("w");
    let database = folder.path().join("c.db");
    let catalog = SqlCatalog::create(database, "c", warehouse.to_str().unwrap()).unwrap();
    let namespace = NamespaceIdent::new("ns".to_string());
    catalog
        .create_namespace(&namespace, HashMap::new())
        .await
        .unwrap();
    let schema = Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("x", DataType::Float64, true),
    ]);
    create_table(&catalog, &namespace, "t", &schema, &[])
        .await
        .unwrap();
    let ident = TableIdent::new(namespace, "t".to_string());
    for (ids, xs) in files {
        let ids: ArrayRef = Arc::new(Int64Array::from(ids.to_vec()));
        let xs: ArrayRef = Arc::new(Float64Array::from(xs.to_vec()));
        let rows = RecordBatch::try_from_iter([("id", ids), ("x", xs)]).unwrap();
        append(&catalog, &ident, vec![rows]).await.unwrap();
    }
    Written {
        folder,
        catalog,
        ident,
    }
}

async fn opened(written: &Written) -> Vec<SessionContext> {
    let table = written.catalog.load_table(&written.ident).await.unwrap();
    let sessions = sessions();
    for session in &sessions {
        register(session, &table, SnapshotSelector::Current).unwrap();
    }
    sessions
}

#[tokio::test]
async fn not_a_number_is_found_where_arrow_orders_it() {
    let files: &[(&[i64], &[f64])] = &[
        (&[1, 2], &[1.0, f64::NAN]),
        (&[3, 4], &[-f64::NAN, 2.0]),
        (&[5], &[3.0]),
    ];
    let written = written(files).await;
    for session in opened(&written).await {
        for (filter, ids) in [
            ("x > 4", vec![2]),
            ("x < 0", vec![3]),
            ("x > 2.5", vec![2, 5]),
            ("x < 1.5", vec![1, 3]),
        ] {
            let sql = format!("SELECT id FROM t WHERE {filter}");
            let found = rows(&query(&session, &sql).await.unwrap());
            let wanted: Vec<_> = ids.into_iter().map(|id| vec![json!(id)]).collect();
            assert_eq!(found, wanted, "{filter}");
        }
    }
}

#[tokio::test]
async fn dynamic_filters_prune_files() {
    let files: &[(&[i64], &[f64])] = &[(&[1, 2], &[0.0, 0.0]), (&[30, 40], &[0.0, 0.0])];
    let written = written(files).await;
    let session = &opened(&written).await[0];
    let sql = "SELECT t.id FROM t JOIN (VALUES (30), (31)) AS v(id) ON t.id = v.id";
    let found = rows(&query(session, sql).await.unwrap());
    assert_eq!(found, vec![vec![json!(30)]]);
    let text = query(session, &format!("EXPLAIN ANALYZE {sql}"))
        .await
        .unwrap();
    let text = arrow::util::pretty::pretty_format_batches(&text)
        .unwrap()
        .to_string();
    assert!(
        text.contains("files_ranges_pruned_statistics=2 total → 1 matched"),
        "{text}"
    );
}

#[tokio::test]
async fn a_column_added_without_a_new_snapshot_is_null() {
    let written = written(&[(&[1], &[1.0])]).await;
    add_column(&written.catalog, &written.ident, "late", &DataType::Utf8)
        .await
        .unwrap();
    for session in opened(&written).await {
        let found = rows(&query(&session, "SELECT late, id FROM t").await.unwrap());
        assert_eq!(found, vec![vec![json!(null), json!(1)]]);
        let sql = "SELECT id FROM t WHERE late IS NULL AND x < 2";
        assert_eq!(
            rows(&query(&session, sql).await.unwrap()),
            vec![vec![json!(1)]]
        );
        let sql = "SELECT count(*) FROM t WHERE late = 'x'";
        assert_eq!(
            rows(&query(&session, sql).await.unwrap()),
            vec![vec![json!(0)]]
        );
    }
}

#[tokio::test]
async fn an_empty_selection_of_files_gives_no_row() {
    let written = written(&[(&[1], &[1.0])]).await;
    let session = &opened(&written).await[0];
    let found = query(session, "SELECT id FROM t WHERE id > 7 ORDER BY x LIMIT 1")
        .await
        .unwrap();
    assert!(rows(&found).is_empty());
    let text = explain(session, "SELECT x FROM t WHERE id > 7").await;
    assert!(text.contains("files=0/1 (1 pruned by bounds)"), "{text}");
}

/// Writes the rows of a file again, in row groups of `rows`.
pub(super) fn regroup(path: &Path, rows: usize) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let schema = Arc::clone(reader.schema());
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(rows))
        .build();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), schema, Some(properties)).unwrap();
    for batch in batches {
        writer.write(&batch).unwrap();
    }
    writer.close().unwrap();
}

#[tokio::test]
async fn a_limit_finds_its_rows_beside_nulls() {
    let written = written(&[]).await;
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![Some(5), None, Some(6), Some(7)]));
    let xs: ArrayRef = Arc::new(Float64Array::from(vec![1.0; 4]));
    let batch = RecordBatch::try_from_iter([("id", ids), ("x", xs)]).unwrap();
    append(&written.catalog, &written.ident, vec![batch])
        .await
        .unwrap();
    let files = files_below(&written.folder.path().join("w/ns/t/data"), ".parquet");
    regroup(&files[0], 2);
    for session in opened(&written).await {
        for filter in ["id > 0", "id > 0 AND x > 0"] {
            let sql = format!("SELECT id FROM t WHERE {filter} LIMIT 2");
            let found = rows(&query(&session, &sql).await.unwrap());
            assert_eq!(found.len(), 2, "{filter}: {found:?}");
        }
    }
}
