// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Rows in the table's order within each file.

use arrow::array::AsArray;
use arrow::array::types::Int64Type;
use datafusion::prelude::{ParquetReadOptions, SessionConfig};
use iceberg::spec::{
    NullOrder, PrimitiveType as P, SortDirection, SortField, SortOrder, Transform,
    UnboundPartitionSpec,
};

use super::lake::{Lake, Made, field};

fn order(fields: &[(i32, Transform, SortDirection, NullOrder)]) -> SortOrder {
    let mut order = SortOrder::builder();
    order.with_order_id(1);
    for (source_id, transform, direction, null_order) in fields {
        order.with_sort_field(SortField {
            source_id: *source_id,
            transform: *transform,
            direction: *direction,
            null_order: *null_order,
        });
    }
    order.build_unbound().unwrap()
}

fn made(order: SortOrder) -> Made<'static> {
    Made {
        fields: vec![
            field(1, "id", P::Long),
            field(2, "k", P::Long),
            field(3, "s", P::String),
        ],
        order,
        ..Made::default()
    }
}

/// The column `k` of a file, in the file's order.
async fn keys(lake: &Lake, file: &str) -> Vec<Option<i64>> {
    let one = SessionConfig::new().with_target_partitions(1);
    let session = datafusion::prelude::SessionContext::new_with_config(one);
    let read = session
        .read_parquet(file, ParquetReadOptions::default())
        .await
        .unwrap();
    let batches = read
        .select_columns(&["k"])
        .unwrap()
        .collect()
        .await
        .unwrap();
    assert!(lake.dir.path().exists());
    let columns = batches
        .iter()
        .map(|batch| batch.column(0).as_primitive::<Int64Type>().clone());
    columns
        .flat_map(|column| column.iter().collect::<Vec<_>>())
        .collect()
}

const INSERT: &str = "INSERT INTO lake.shop.t SELECT value,
    CASE WHEN value % 10 = 0 THEN NULL ELSE value * 7919 % 1000 END, 'x' || value
    FROM generate_series(1, 20000)";

#[tokio::test]
async fn a_file_is_in_order_with_nulls_where_they_belong() {
    for (direction, null_order) in [
        (SortDirection::Ascending, NullOrder::First),
        (SortDirection::Ascending, NullOrder::Last),
        (SortDirection::Descending, NullOrder::First),
        (SortDirection::Descending, NullOrder::Last),
    ] {
        let lake = Lake::new().await;
        lake.make(made(order(&[(
            2,
            Transform::Identity,
            direction,
            null_order,
        )])))
        .await;
        lake.sql(INSERT).await;
        let files = lake.data_files("t").await;
        assert_eq!(files.len(), 1, "the default distribution is by range");
        assert_eq!(files[0].sort_order_id(), Some(1));
        let found = keys(&lake, files[0].file_path()).await;
        let mut sorted = found.clone();
        sorted.sort_by(|a, b| {
            let by_null = match null_order {
                NullOrder::First => a.is_some().cmp(&b.is_some()),
                NullOrder::Last => a.is_none().cmp(&b.is_none()),
            };
            by_null.then_with(|| match direction {
                SortDirection::Ascending => a.cmp(b),
                SortDirection::Descending => b.cmp(a),
            })
        });
        assert_eq!(found.len(), 20_000);
        assert_eq!(found, sorted);
    }
}

#[tokio::test]
async fn every_file_of_a_partition_is_in_order() {
    let lake = Lake::new().await;
    let by_k = order(&[(
        2,
        Transform::Identity,
        SortDirection::Ascending,
        NullOrder::Last,
    )]);
    let spec = UnboundPartitionSpec::builder()
        .add_partition_field(1, "p", Transform::Bucket(5))
        .unwrap()
        .build();
    let made = Made {
        spec,
        properties: &[("write.target-file-size-bytes", "100000")],
        ..made(by_k)
    };
    lake.make(made).await;
    let plan = lake.rows(&format!("EXPLAIN {INSERT}")).await.join("\n");
    assert!(
        plan.contains("partitioned_by=[bucket(5, id)], sorted_by=[k ASC NULLS LAST]"),
        "{plan}"
    );
    lake.sql(&INSERT.replace("20000", "200000")).await;
    let files = lake.data_files("t").await;
    assert!(files.len() > 10, "{} files", files.len());
    for file in &files {
        let keys = keys(&lake, file.file_path()).await;
        let order = |key: &Option<i64>| (key.is_none(), *key);
        assert!(keys.is_sorted_by_key(order));
        assert_eq!(file.sort_order_id(), Some(1));
    }
    let total: u64 = files.iter().map(|file| file.record_count()).sum();
    assert_eq!(total, 200_000);
    let found = lake
        .rows("SELECT count(*), count(DISTINCT id), sum(k) FROM lake.shop.t")
        .await;
    let expected = "SELECT 200000, 200000 AS ids, sum(CASE WHEN value % 10 = 0 THEN NULL ELSE value * 7919 % 1000 END)
        FROM generate_series(1, 200000)";
    assert_eq!(found, lake.rows(expected).await);
}

#[tokio::test]
async fn sorting_spills_when_memory_is_short() {
    let config = SessionConfig::new()
        .with_target_partitions(2)
        .with_sort_spill_reservation_bytes(256 * 1024);
    let lake = Lake::with(config, Some(48 * 1024 * 1024)).await;
    let by_s = order(&[(
        3,
        Transform::Identity,
        SortDirection::Ascending,
        NullOrder::First,
    )]);
    lake.make(made(by_s)).await;
    lake.sql(
        "INSERT INTO lake.shop.t SELECT value, value % 1000,
         md5(CAST(value AS VARCHAR)) || md5(CAST(value + 1 AS VARCHAR)) FROM generate_series(1, 600000)",
    )
    .await;
    let found = lake
        .rows("SELECT count(*), sum(id), sum(k) FROM lake.shop.t")
        .await;
    assert_eq!(found, ["600000 180000300000 299700000"]);
}

#[tokio::test]
async fn an_order_by_a_transform_counts() {
    let lake = Lake::new().await;
    let by_hash = order(&[
        (
            3,
            Transform::Bucket(4),
            SortDirection::Ascending,
            NullOrder::First,
        ),
        (
            2,
            Transform::Truncate(10),
            SortDirection::Descending,
            NullOrder::Last,
        ),
    ]);
    lake.make(made(by_hash)).await;
    let plan = lake.rows(&format!("EXPLAIN {INSERT}")).await.join("\n");
    let shown = "sorted_by=[bucket(4, s) ASC NULLS FIRST, truncate(10, k) DESC NULLS LAST]";
    assert!(plan.contains(shown), "{plan}");
    lake.sql(INSERT).await;
    assert_eq!(
        lake.rows("SELECT count(DISTINCT id) FROM lake.shop.t")
            .await,
        ["20000"]
    );
}

#[tokio::test]
async fn rows_keep_the_order_of_the_statement() {
    let lake = Lake::new().await;
    lake.make(made(SortOrder::unsorted_order())).await;
    lake.sql(&format!("{INSERT} ORDER BY value * 7919 % 20011"))
        .await;
    let files = lake.data_files("t").await;
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].sort_order_id(), None);
    let found = keys(&lake, files[0].file_path()).await;
    let query = INSERT.replace("INSERT INTO lake.shop.t ", "");
    let mut expected = lake
        .rows(&format!("{query} ORDER BY value * 7919 % 20011"))
        .await
        .into_iter();
    let expected = expected.next().unwrap();
    let expected = expected.split(' ').nth(1).unwrap().parse().ok();
    assert_eq!(found.first().copied().flatten(), expected);
}
