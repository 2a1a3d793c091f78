// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Plain Parquet files in two passes, and what is left unsplit.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, DynamicFilterPhysicalExpr, lit};
use datafusion::physical_plan::metrics::MetricValue;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use super::{Plan, all, fetched, planned, references, same_rows, with_dynamic_filter};
use crate::scan::split_scan;

/// A file of `rows` rows from `first` on: row groups of 100 rows, pages of 10.
fn write(path: &Path, first: i64, rows: i64) {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(first..first + rows));
    let xs = (first..first + rows).map(|id| (id % 7 != 0).then_some(id as f64 / 2.0));
    let xs: ArrayRef = Arc::new(Float64Array::from_iter(xs));
    let names = (first..first + rows).map(|id| format!("name {id}"));
    let names: ArrayRef = Arc::new(StringArray::from_iter_values(names));
    let batch = RecordBatch::try_from_iter([("id", ids), ("x", xs), ("name", names)]).unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(100))
        .set_data_page_row_count_limit(10)
        .set_write_batch_size(10)
        .build();
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// Two files in folders that say what `part` is, read by as many partitions.
async fn folders(partitions: usize, pushed: bool) -> (tempfile::TempDir, SessionContext) {
    let folder = tempfile::tempdir().unwrap();
    for (part, first, rows) in [(1, 0, 950), (2, 950, 300)] {
        let at = folder.path().join(format!("part={part}"));
        std::fs::create_dir(&at).unwrap();
        write(&at.join("rows.parquet"), first, rows);
    }
    let config = SessionConfig::new()
        .with_target_partitions(partitions)
        .with_batch_size(33)
        .set_bool("datafusion.execution.parquet.pushdown_filters", pushed)
        .set_usize("datafusion.optimizer.repartition_file_min_size", 1);
    let session = SessionContext::new_with_config(config);
    let options =
        ParquetReadOptions::default().table_partition_cols(vec![("part".into(), DataType::Int32)]);
    let path = folder.path().to_str().unwrap();
    session.register_parquet("t", path, options).await.unwrap();
    (folder, session)
}

#[tokio::test]
async fn parquet_files_are_read_the_same_in_two_passes() {
    for (partitions, pushed) in [(1, false), (5, false), (5, true)] {
        let (_folder, session) = folders(partitions, pushed).await;
        for (sql, narrow) in [
            ("SELECT * FROM t", &[0, 3][..]),
            ("SELECT part, name, x + id AS y, id FROM t", &[2, 0]),
            ("SELECT name, x FROM t WHERE id > 340", &[1]),
            (
                "SELECT name, id FROM t WHERE id BETWEEN 340 AND 460 AND part = 1",
                &[1],
            ),
            ("SELECT id FROM t WHERE x IS NULL", &[]),
            (
                "SELECT id, x FROM t WHERE part = 1 UNION ALL SELECT id, x * 2 FROM t WHERE id > 10",
                &[1],
            ),
            ("SELECT id, name FROM t WHERE id < 0", &[0]),
        ] {
            let plan = planned(&session, sql).await.unwrap();
            let two = same_rows(&session, &plan, narrow).await;
            let two = two.unwrap_or_else(|e| panic!("{sql} in {partitions} partitions: {e}"));
            // Filters that the source applied itself need their columns in the answer.
            let hidden = pushed
                && (sql.contains("name, x FROM")
                    || sql.contains("x IS NULL")
                    || sql.contains("part = 1"));
            assert!(
                two || hidden,
                "{sql} in {partitions} partitions, pushed: {pushed}"
            );
        }
    }
}

#[tokio::test]
async fn other_plans_are_not_split() {
    let (_folder, session) = folders(3, false).await;
    for sql in [
        "SELECT id FROM t LIMIT 3",
        "SELECT id, random() AS r FROM t",
        "SELECT id, count(*) FROM t GROUP BY id",
        "SELECT id FROM t ORDER BY x",
        "SELECT * FROM (VALUES (1), (2)) AS v(id)",
        "SELECT t.id FROM t JOIN t AS u ON t.id = u.id",
    ] {
        let plan = planned(&session, sql).await.unwrap();
        assert!(split_scan(&plan, &[0]).unwrap().is_none(), "{sql}");
    }
}

fn count(plan: &Plan, name: &str) -> (usize, usize) {
    let mut found = (0, 0);
    let metrics = plan.metrics().unwrap();
    for metric in metrics.iter().filter(|m| m.value().name() == name) {
        if let MetricValue::PruningMetrics {
            pruning_metrics, ..
        } = metric.value()
        {
            found.0 += pruning_metrics.pruned();
            found.1 += pruning_metrics.matched();
        }
    }
    found
}

#[tokio::test]
async fn a_filter_filled_later_prunes_files_row_groups_and_pages() {
    let (_folder, session) = folders(1, false).await;
    let plan = planned(&session, "SELECT name, id FROM t").await.unwrap();
    let id: Arc<dyn PhysicalExpr> = Arc::new(Column::new("id", 1));
    let dynamic = DynamicFilterPhysicalExpr::new(vec![Arc::clone(&id)], lit(true));
    let dynamic = Arc::new(dynamic);
    let plan = with_dynamic_filter(&plan, &dynamic);
    let split = split_scan(&plan, &[1]).unwrap().unwrap();
    let low = BinaryExpr::new(Arc::clone(&id), Operator::GtEq, lit(335_i64));
    let high = BinaryExpr::new(id, Operator::LtEq, lit(344_i64));
    let both = BinaryExpr::new(Arc::new(low), Operator::And, Arc::new(high));
    dynamic.update(Arc::new(both)).unwrap();
    let narrow = all(&session, &split.narrow).await.unwrap();
    let mut found = references(&narrow);
    assert_eq!(found.len(), 20, "two pages of ten rows");
    assert_eq!(count(&plan, "files_ranges_pruned_statistics"), (1, 1));
    assert_eq!(count(&plan, "row_groups_pruned_statistics"), (9, 1));
    assert_eq!(count(&plan, "page_index_rows_pruned"), (80, 20));
    found.sort_unstable();
    let last = found.split_off(19);
    let rows = fetched(&session, &split, last, &[0]).await.unwrap();
    let names: Vec<_> = rows
        .iter()
        .flat_map(|b| {
            let names = arrow::compute::cast(b.column(0), &DataType::Utf8).unwrap();
            let names: StringArray = arrow::array::AsArray::as_string::<i32>(&names).clone();
            names
                .iter()
                .map(|n| n.unwrap().to_owned())
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(names, ["name 349"]);
}

#[tokio::test]
async fn references_have_to_ascend_and_to_be_of_the_scan() {
    let (_folder, session) = folders(2, false).await;
    let plan = planned(&session, "SELECT name, id FROM t").await.unwrap();
    let split = split_scan(&plan, &[1]).unwrap().unwrap();
    let fetch = |references: Vec<u64>| fetched(&session, &split, references, &[0]);
    assert!(fetch(vec![2, 1]).await.unwrap_err().contains("ascend"));
    assert!(fetch(vec![1, 1]).await.unwrap_err().contains("ascend"));
    assert!(
        fetch(vec![950])
            .await
            .unwrap_err()
            .contains("beyond the end")
    );
    assert!(
        fetch(vec![u64::MAX])
            .await
            .unwrap_err()
            .contains("names file")
    );
    assert!(fetch(vec![]).await.unwrap().is_empty());
}
