// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Tables made with the rows of a query.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::CatalogProvider;
use datafusion::prelude::DataFrame;
use iceberg::Catalog;
use iceberg::spec::Transform;

use super::lake::{Lake, ident};
use crate::append::PartitionBy;
use crate::provider::IcebergCatalogProvider;
use crate::write::{NewIcebergTable, TableDefinition};

fn definition(name: &str, schema: Schema) -> TableDefinition {
    TableDefinition {
        namespace: vec!["shop".to_string()],
        name: name.to_string(),
        schema: Arc::new(schema),
        inferred: true,
        partition_by: Vec::new(),
        properties: BTreeMap::new(),
        if_not_exists: false,
    }
}

async fn make(
    lake: &Lake,
    query: &str,
    change: impl FnOnce(&mut TableDefinition),
) -> Result<Vec<String>, String> {
    let plan = lake
        .session
        .sql(query)
        .await
        .unwrap()
        .into_unoptimized_plan();
    let mut definition = definition("new", plan.schema().as_arrow().clone());
    change(&mut definition);
    let provider = lake.session.catalog("lake").unwrap();
    let provider = provider
        .as_any()
        .downcast_ref::<IcebergCatalogProvider>()
        .unwrap();
    let new = NewIcebergTable::try_new(provider, definition).map_err(|error| error.to_string())?;
    let plan = new
        .filled_with(plan)
        .map_err(|error| error.strip_backtrace())?;
    let frame = DataFrame::new(lake.session.state(), plan);
    let ran = frame
        .collect()
        .await
        .map_err(|error| error.strip_backtrace())?;
    let counts = ran.iter().map(|batch| format!("{:?}", batch.column(0)));
    Ok(counts.collect())
}

/// Makes a table with the rows of a query in another catalog's session.
pub(super) async fn create(
    lake: &Lake,
    _provider: &Arc<dyn CatalogProvider>,
    name: &str,
    query: &str,
) -> Result<(), String> {
    make(lake, query, |definition| definition.name = name.to_string())
        .await
        .map(drop)
}

#[tokio::test]
async fn a_table_is_there_with_its_rows_in_one_commit() {
    let lake = Lake::new().await;
    let query = "SELECT value AS id, value % 7 AS p, CAST('2024-01-01' AS TIMESTAMP(6)) AS at
        FROM generate_series(1, 1000)";
    make(&lake, query, |definition| {
        definition.partition_by = vec![
            PartitionBy::identity("p"),
            PartitionBy::new("at", Transform::Day),
        ];
        definition.properties = BTreeMap::from([("owner".to_string(), "me".to_string())]);
    })
    .await
    .unwrap();
    let found = lake
        .rows("SELECT count(*), sum(id), count(DISTINCT p) FROM lake.shop.new")
        .await;
    assert_eq!(found, ["1000 500500 7"]);
    let table = lake.table("new").await;
    assert_eq!(table.metadata().snapshots().len(), 1);
    assert_eq!(table.metadata().metadata_log().len(), 0);
    assert_eq!(table.metadata().properties()["owner"], "me");
    assert_eq!(lake.data_files("new").await.len(), 7);
    let metadata = lake
        .files()
        .into_iter()
        .filter(|file| file.ends_with(".json"));
    assert_eq!(metadata.count(), 1);
}

#[tokio::test]
async fn a_query_without_rows_makes_an_empty_table() {
    let lake = Lake::new().await;
    make(
        &lake,
        "SELECT value AS id FROM generate_series(1, 0)",
        |_| {},
    )
    .await
    .unwrap();
    assert_eq!(lake.rows("SELECT count(*) FROM lake.shop.new").await, ["0"]);
    assert!(
        lake.table("new")
            .await
            .metadata()
            .current_snapshot()
            .is_none()
    );
}

#[tokio::test]
async fn a_query_that_fails_leaves_nothing() {
    let lake = Lake::new().await;
    let query = "SELECT value AS id, 1 / (5000 - value) AS q FROM generate_series(1, 10000)";
    let error = make(&lake, query, |_| {}).await.unwrap_err();
    assert!(error.to_lowercase().contains("divide by zero"), "{error}");
    assert_eq!(lake.files(), Vec::<String>::new());
    assert!(!lake.catalog.table_exists(&ident("new")).await.unwrap());
}

#[tokio::test]
async fn a_table_that_exists_is_left_alone() {
    let lake = Lake::new().await;
    make(&lake, "SELECT 1 AS id", |_| {}).await.unwrap();
    let before = lake.files();
    let error = make(&lake, "SELECT 2 AS id", |_| {}).await.unwrap_err();
    assert!(
        error.contains("create table 'lake.shop.new': table 'shop.new' exists already"),
        "{error}"
    );
    make(&lake, "SELECT 2 AS id", |definition| {
        definition.if_not_exists = true
    })
    .await
    .unwrap();
    assert_eq!(lake.files(), before);
    assert_eq!(lake.rows("SELECT id FROM lake.shop.new").await, ["1"]);
}

#[tokio::test]
async fn what_cannot_be_made_says_what_to_do() {
    let lake = Lake::new().await;
    for (query, expected) in [
        (
            "SELECT now() AS at",
            "column 'at': its type Timestamp(ns) needs a table of format version 3: cast it to TIMESTAMP(6)",
        ),
        (
            "SELECT arrow_cast(1, 'UInt64') AS n",
            "column 'n': Iceberg has no type for UInt64: cast it to BIGINT or DECIMAL(20, 0)",
        ),
        (
            "SELECT INTERVAL '1 day' AS i",
            "column 'i': Iceberg has no type for Interval",
        ),
        (
            "SELECT NULL AS x",
            "column 'x': Iceberg has no type for Null",
        ),
        ("SELECT [now()] AS l", "column 'l': its type Timestamp(ns"),
    ] {
        let error = make(&lake, query, |_| {}).await.unwrap_err();
        assert!(error.contains("create table 'lake.shop.new'"), "{error}");
        assert!(error.contains(expected), "{error}");
    }
    let with = |key: &str, value: &str| BTreeMap::from([(key.to_string(), value.to_string())]);
    for (properties, expected) in [
        (
            with("format-version", "4"),
            "property format-version is '4': expected 1, 2 or 3",
        ),
        (
            with("write.format.default", "avro"),
            "only parquet files are written",
        ),
        (with("uuid", "x"), "property uuid is the catalog's own"),
        (
            with("write.parquet.compression-codec", "x"),
            "expected zstd",
        ),
    ] {
        let made = make(&lake, "SELECT 1 AS id", |definition| {
            definition.properties = properties
        })
        .await;
        let error = made.unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    let made = make(&lake, "SELECT 1 AS id", |definition| {
        definition.namespace = vec!["gone".to_string()];
    });
    let error = made.await.unwrap_err();
    assert!(
        error.contains("make it with CREATE SCHEMA lake.gone"),
        "{error}"
    );
    let by = |by: PartitionBy| {
        make(&lake, "SELECT 1 AS id", |definition| {
            definition.partition_by = vec![by]
        })
    };
    let error = by(PartitionBy::day("id")).await.unwrap_err();
    assert!(
        error.contains("column 'id' is of type long, which has no day"),
        "{error}"
    );
    let error = by(PartitionBy::day("idd")).await.unwrap_err();
    assert!(
        error.contains("partition column 'idd' does not exist"),
        "{error}"
    );
    assert_eq!(lake.files(), Vec::<String>::new());
}

#[tokio::test]
async fn every_type_comes_back() {
    let lake = Lake::new().await;
    let query = "SELECT true AS b, CAST(1 AS SMALLINT) AS i, CAST(2 AS BIGINT) AS l, CAST(1.5 AS REAL) AS f,
        1.5 AS d, CAST(1.5 AS DECIMAL(38, 10)) AS n, 'x' AS s, x'00ff' AS bytes, DATE '2024-01-01' AS day,
        arrow_cast('12:00:00', 'Time64(Microsecond)') AS t, TIMESTAMP '2024-01-01T00:00:00.123456789' AS ns,
        arrow_cast(now(), 'Timestamp(Nanosecond, Some(\"UTC\"))') IS NOT NULL AS z,
        [named_struct('a', 1, 'b', 'y'), NULL] AS nested, map(['k'], [1.5]) AS m,
        arrow_cast(x'00112233445566778899aabbccddeeff', 'FixedSizeBinary(16)') AS fixed";
    make(&lake, query, |definition| {
        definition.properties = BTreeMap::from([("format-version".to_string(), "3".to_string())]);
    })
    .await
    .unwrap();
    let found = lake.rows("SELECT * FROM lake.shop.new").await;
    assert_eq!(found, lake.rows(query).await);
}

#[tokio::test]
async fn declared_columns_are_kept_to() {
    let lake = Lake::new().await;
    let declared = Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("n", DataType::Decimal128(9, 2), true),
    ]);
    let with = |query: &'static str| {
        let (lake, declared) = (&lake, declared.clone());
        make(lake, query, move |definition| {
            definition.schema = Arc::new(declared);
            definition.inferred = false;
        })
    };
    let error = with("SELECT CAST(NULL AS INT) AS a, 1 AS b")
        .await
        .unwrap_err();
    assert!(error.contains("column 'id'"), "{error}");
    let error = with("SELECT 1 AS a, 1.234 AS b").await.unwrap_err();
    assert!(error.contains("column 'n': the value 1.234"), "{error}");
    let error = with("SELECT 1 AS a").await.unwrap_err();
    assert!(
        error.contains("it has 2 columns, the query has 1"),
        "{error}"
    );
    assert_eq!(lake.files(), Vec::<String>::new());
    with("SELECT 1 AS a, 1.25 AS b").await.unwrap();
    assert_eq!(
        lake.rows("SELECT id, n FROM lake.shop.new").await,
        ["1 1.25"]
    );
    let schema = lake.table("new").await.current_schema_ref();
    assert!(schema.field_by_name("id").unwrap().required);
}
