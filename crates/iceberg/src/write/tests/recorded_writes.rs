// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Writes that say what they are, and reads of what was appended since.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::dataframe::DataFrame;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::logical_expr::dml::InsertOp;
use iceberg::Catalog;
use iceberg::spec::{PrimitiveType, SortDirection};

use super::lake::{Lake, Made, field, ident};
use crate::provider::IcebergTableProvider;
use crate::{IcebergCatalogProvider, NewIcebergTable, TableDefinition};

async fn lake() -> Lake {
    let lake = Lake::new().await;
    lake.make(Made {
        fields: vec![field(1, "a", PrimitiveType::Long)],
        ..Made::default()
    })
    .await;
    lake
}

async fn table(lake: &Lake) -> IcebergTableProvider {
    let found = lake.session.table_provider("lake.shop.t").await.unwrap();
    found
        .as_any()
        .downcast_ref::<IcebergTableProvider>()
        .unwrap()
        .clone()
}

/// Inserts the rows of a query by a write that says `id`.
async fn insert(lake: &Lake, query: &str, id: &str) {
    let summary = BTreeMap::from([("job".to_string(), id.to_string())]);
    let target = table(lake).await.with_snapshot_summary(summary);
    let rows = lake
        .session
        .sql(query)
        .await
        .unwrap()
        .into_unoptimized_plan();
    let target = provider_as_source(Arc::new(target));
    let plan = LogicalPlanBuilder::insert_into(rows, "t", target, InsertOp::Append).unwrap();
    let frame = DataFrame::new(lake.session.state(), plan.build().unwrap());
    frame.collect().await.unwrap();
}

async fn count(lake: &Lake, provider: IcebergTableProvider) -> usize {
    let frame = lake.session.read_table(Arc::new(provider)).unwrap();
    frame.count().await.unwrap()
}

#[tokio::test]
async fn a_snapshot_says_what_its_write_was_even_without_rows() {
    let lake = lake().await;
    insert(&lake, "SELECT 1 AS a", "first").await;
    insert(&lake, "SELECT 1 AS a WHERE false", "second").await;
    let loaded = lake.catalog.load_table(&ident("t")).await.unwrap();
    let mut said: Vec<_> = loaded
        .metadata()
        .snapshots()
        .map(|snapshot| {
            let properties = &snapshot.summary().additional_properties;
            (snapshot.sequence_number(), properties.get("job").cloned())
        })
        .collect();
    said.sort();
    let expected = [(1, "first"), (2, "second")];
    assert_eq!(said, expected.map(|(at, job)| (at, Some(job.to_string()))));
    assert_eq!(count(&lake, table(&lake).await).await, 1);
}

#[tokio::test]
async fn rows_appended_since_a_snapshot_are_read_alone() {
    let lake = lake().await;
    insert(&lake, "SELECT 1 AS a", "first").await;
    let first = table(&lake).await.snapshot_id().unwrap();
    insert(&lake, "SELECT 2 AS a UNION ALL SELECT 3 AS a", "second").await;
    insert(&lake, "SELECT 4 AS a", "third").await;
    let now = table(&lake).await;
    assert_eq!(count(&lake, now.appended_after(first).unwrap()).await, 3);
    let last = now.snapshot_id().unwrap();
    assert_eq!(count(&lake, now.appended_after(last).unwrap()).await, 0);
    assert!(now.appended_after(first ^ 1).is_none());
    let mut sequences: Vec<i64> = now
        .data_file_sequences()
        .await
        .unwrap()
        .into_iter()
        .map(|(_, sequence)| sequence)
        .collect();
    sequences.sort();
    sequences.dedup();
    assert_eq!(sequences, [1, 2, 3]);
}

#[tokio::test]
async fn a_new_table_has_the_order_asked_for() {
    let lake = lake().await;
    let catalog = lake.session.catalog("lake").unwrap();
    let catalog = catalog
        .as_any()
        .downcast_ref::<IcebergCatalogProvider>()
        .unwrap();
    let schema = table(&lake).await.schema();
    let new = || {
        let definition = TableDefinition {
            namespace: vec!["shop".to_string()],
            name: "sorted".to_string(),
            schema: Arc::clone(&schema),
            inferred: true,
            partition_by: vec![],
            properties: BTreeMap::new(),
            if_not_exists: false,
        };
        NewIcebergTable::try_new(catalog, definition).unwrap()
    };
    let error = new()
        .sorted_by(&[("b", SortDirection::Ascending)])
        .unwrap_err();
    assert!(
        error.to_string().contains("no column 'b' to sort"),
        "{error}"
    );
    let sorted = new()
        .sorted_by(&[("a", SortDirection::Descending)])
        .unwrap();
    sorted.create().await.unwrap();
    let loaded = lake.catalog.load_table(&ident("sorted")).await.unwrap();
    let order = loaded.metadata().default_sort_order();
    assert_eq!(order.fields.len(), 1);
    assert_eq!(order.fields[0].direction, SortDirection::Descending);
}
