// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Catalogs in a session. The runtime of these tests has one thread, so a synchronous call that
//! waited in it would hang.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use datafusion::catalog::CatalogProvider;
use datafusion::prelude::{SessionConfig, SessionContext};
use iceberg::{Catalog, NamespaceIdent, TableIdent};
use tempfile::TempDir;

use super::*;
use crate::append::{append, create_table};
use crate::catalog::{CatalogOptions, SqlCatalog};

mod broken_metadata;
mod copies;
mod metadata;
mod moved;
pub(crate) mod opened;
mod outages;

async fn catalog(dir: &Path) -> SqlCatalog {
    let warehouse = dir.join("wh").display().to_string();
    let catalog = SqlCatalog::create(dir.join("c.db"), "lake", &warehouse).unwrap();
    catalog
        .create_namespace(&shop(), HashMap::new())
        .await
        .unwrap();
    catalog
}

fn shop() -> NamespaceIdent {
    NamespaceIdent::new("shop".to_string())
}

fn rows(values: &[i64]) -> RecordBatch {
    let values = Int64Array::from(values.to_vec());
    RecordBatch::try_from_iter([("n", Arc::new(values) as ArrayRef)]).unwrap()
}

async fn make(catalog: &SqlCatalog, namespace: &NamespaceIdent, name: &str, values: &[i64]) {
    let batch = rows(values);
    create_table(catalog, namespace, name, batch.schema_ref(), &[])
        .await
        .unwrap();
    let ident = TableIdent::new(namespace.clone(), name.to_string());
    append(catalog, &ident, vec![batch]).await.unwrap();
}

fn session(catalog: &SqlCatalog) -> SessionContext {
    let context =
        SessionContext::new_with_config(SessionConfig::new().with_information_schema(true));
    let provider = IcebergCatalogProvider::new(Arc::new(catalog.clone()), "lake");
    context.register_catalog("lake", Arc::new(provider));
    context
}

async fn one(context: &SessionContext, sql: &str) -> Result<i64, String> {
    let frame = context.sql(sql).await.map_err(|error| error.to_string())?;
    let batches = frame.collect().await.map_err(|error| error.to_string())?;
    let column = batches[0]
        .column(0)
        .as_any()
        .downcast_ref::<Int64Array>()
        .unwrap();
    Ok(column.value(0))
}

#[tokio::test]
async fn what_others_make_is_there_at_the_next_statement() {
    let dir = TempDir::new().unwrap();
    let catalog = catalog(dir.path()).await;
    let context = session(&catalog);
    let provider = context.catalog("lake").unwrap();
    assert_eq!(provider.schema_names(), ["shop"]);
    assert!(provider.schema("nope").is_none());
    let other = catalog.clone();
    make(&other, &shop(), "t", &[1, 2]).await;
    assert_eq!(provider.schema("shop").unwrap().table_names(), ["t"]);
    assert_eq!(
        one(&context, "SELECT sum(n) FROM lake.shop.t")
            .await
            .unwrap(),
        3
    );
    let ident = TableIdent::new(shop(), "t".into());
    append(&other, &ident, vec![rows(&[10])]).await.unwrap();
    assert_eq!(
        one(&context, "SELECT sum(n) FROM lake.shop.t")
            .await
            .unwrap(),
        13
    );
    let missing = one(&context, "SELECT 1 FROM lake.shop.u")
        .await
        .unwrap_err();
    assert!(missing.contains("lake.shop.u"), "{missing}");
}

#[tokio::test]
async fn namespaces_of_several_levels_are_schemas_with_dots() {
    let dir = TempDir::new().unwrap();
    let catalog = catalog(dir.path()).await;
    let deep = NamespaceIdent::from_strs(["a", "b"]).unwrap();
    catalog
        .create_namespace(&deep, HashMap::new())
        .await
        .unwrap();
    make(&catalog, &deep, "t", &[7]).await;
    let context = session(&catalog);
    assert_eq!(
        context.catalog("lake").unwrap().schema_names(),
        ["a", "shop", "a.b"]
    );
    assert_eq!(
        one(&context, "SELECT n FROM lake.\"a.b\".t").await.unwrap(),
        7
    );
}

#[tokio::test]
async fn a_broken_table_breaks_only_itself() {
    let dir = TempDir::new().unwrap();
    let catalog = catalog(dir.path()).await;
    make(&catalog, &shop(), "bad", &[1]).await;
    make(&catalog, &shop(), "good", &[2]).await;
    let bad = catalog
        .load_table(&TableIdent::new(shop(), "bad".into()))
        .await
        .unwrap();
    std::fs::write(bad.metadata_location().unwrap(), "{ not json").unwrap();
    // One that has not read the file before.
    let file = dir.path().join("c.db").display().to_string();
    let pairs = [("type", "sql"), ("uri", file.as_str())];
    let pairs = pairs.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let options = CatalogOptions::from_pairs("lake", pairs).unwrap();
    let catalog = SqlCatalog::open(&options).await.unwrap();
    let context = session(&catalog);
    let tables = "SELECT count(*) FROM information_schema.tables WHERE table_catalog = 'lake' \
                  AND table_schema = 'shop'";
    assert_eq!(one(&context, tables).await.unwrap(), 2);
    assert_eq!(
        one(&context, "SELECT n FROM lake.shop.good").await.unwrap(),
        2
    );
    let error = one(&context, "SELECT n FROM lake.shop.bad")
        .await
        .unwrap_err();
    assert!(
        error.contains("table 'lake.shop.bad' cannot be read"),
        "{error}"
    );
    assert!(error.contains(bad.metadata_location().unwrap()), "{error}");

    let listing = IcebergCatalogProvider::new(Arc::new(catalog.clone()), "lake")
        .for_statement(Arc::new(StatementPins::for_listing()));
    context.register_catalog("lake", listing);
    let columns = "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'shop'";
    assert_eq!(one(&context, columns).await.unwrap(), 1);
    let error = one(&context, "SELECT count(*) FROM lake.shop.bad")
        .await
        .unwrap_err();
    assert!(error.contains("'lake.shop.bad' cannot be read"), "{error}");
}

#[tokio::test]
async fn a_statement_sees_one_version() {
    let dir = TempDir::new().unwrap();
    let catalog = catalog(dir.path()).await;
    make(&catalog, &shop(), "t", &[1]).await;
    let context = session(&catalog);
    let registered = context.catalog("lake").unwrap();
    let registered = registered
        .as_any()
        .downcast_ref::<IcebergCatalogProvider>()
        .unwrap();
    let bound = session(&catalog);
    bound.register_catalog(
        "lake",
        registered.for_statement(Arc::new(StatementPins::new())),
    );
    assert_eq!(
        one(&bound, "SELECT sum(n) FROM lake.shop.t").await.unwrap(),
        1
    );
    append(
        &catalog,
        &TableIdent::new(shop(), "t".into()),
        vec![rows(&[5])],
    )
    .await
    .unwrap();
    assert_eq!(
        one(&bound, "SELECT sum(n) FROM lake.shop.t").await.unwrap(),
        1
    );
    assert_eq!(
        one(&context, "SELECT sum(n) FROM lake.shop.t")
            .await
            .unwrap(),
        6
    );
}

#[tokio::test]
async fn a_table_met_by_several_at_once_is_loaded_once() {
    let dir = TempDir::new().unwrap();
    let catalog = catalog(dir.path()).await;
    make(&catalog, &shop(), "t", &[1]).await;
    let (pins, loads) = (StatementPins::new(), AtomicUsize::new(0));
    let catalog: Arc<dyn Catalog> = Arc::new(catalog);
    let ident = TableIdent::new(shop(), "t".into());
    let load = || async {
        loads.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        Ok(catalog.load_table(&ident).await?)
    };
    let met = (0..8).map(|_| pins.table(&catalog, "lake", &ident, load));
    futures::future::try_join_all(met).await.unwrap();
    assert_eq!(loads.load(Ordering::Relaxed), 1);
    assert!(format!("{pins:?}").contains("lake.shop.t at /"));
}

#[tokio::test]
async fn metadata_tables_are_found_but_not_listed() {
    let dir = TempDir::new().unwrap();
    let catalog = catalog(dir.path()).await;
    make(&catalog, &shop(), "t", &[1, 2]).await;
    make(&catalog, &shop(), "odd$files", &[7]).await;
    let context = session(&catalog);
    let schema = context.catalog("lake").unwrap().schema("shop").unwrap();
    assert_eq!(schema.table_names(), ["odd$files", "t"]);
    assert!(schema.table_exist("t$snapshots") && schema.table_exist("t$rows"));
    assert!(!schema.table_exist("t$nothing") && !schema.table_exist("u$snapshots"));
    for (sql, found) in [
        (
            "SELECT count(*) FROM lake.shop.\"t$snapshots\" WHERE operation = 'append'",
            1,
        ),
        ("SELECT record_count FROM lake.shop.\"t$files\"", 2),
        ("SELECT count(*) FROM lake.shop.\"t$manifests\"", 1),
        ("SELECT n FROM lake.shop.\"odd$files\"", 7),
        (
            "SELECT record_count FROM lake.shop.\"odd$files$data_files\"",
            1,
        ),
    ] {
        assert_eq!(one(&context, sql).await, Ok(found), "{sql}");
    }
    let sql = "SELECT 1 FROM lake.shop.\"t$snapshot\"";
    let error = one(&context, sql).await.unwrap_err();
    assert!(error.contains("no metadata table '$snapshot'"), "{error}");
    assert!(
        error.contains("$data_files") && error.contains("$rows"),
        "{error}"
    );
    let error = one(&context, "SELECT 1 FROM lake.shop.\"u$files\"")
        .await
        .unwrap_err();
    assert!(error.contains("not found"), "{error}");
}

#[tokio::test]
async fn catalogs_of_one_name_do_not_share_tables() {
    let dirs = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let pins = Arc::new(StatementPins::new());
    let context = SessionContext::new();
    for (dir, (name, value)) in dirs.iter().zip([("a", 1), ("b", 2)]) {
        let catalog = catalog(dir.path()).await;
        make(&catalog, &shop(), "t", &[value]).await;
        let provider = IcebergCatalogProvider::new(Arc::new(catalog), "lake");
        context.register_catalog(name, provider.for_statement(Arc::clone(&pins)));
    }
    for (name, value) in [("a", 1), ("b", 2)] {
        let found = one(&context, &format!("SELECT n FROM {name}.shop.t")).await;
        assert_eq!(found.unwrap(), value, "{name}");
    }
}

#[tokio::test]
async fn a_listing_that_failed_is_told_by_the_next_call_that_can() {
    let dir = TempDir::new().unwrap();
    let catalog = catalog(dir.path()).await;
    make(&catalog, &shop(), "t", &[1]).await;
    let registered = IcebergCatalogProvider::new(Arc::new(catalog), "lake");
    let bound = || {
        let pins = Arc::new(StatementPins::new());
        (registered.for_statement(Arc::clone(&pins)), pins)
    };
    let (whole, whole_pins) = bound();
    let (first, first_pins) = bound();
    let (second, second_pins) = bound();
    let (third, third_pins) = bound();
    let schema = |of: &Arc<dyn CatalogProvider>| of.schema("shop").unwrap();
    let (first_schema, second_schema) = (schema(&first), schema(&second));
    let third_schema = schema(&third);
    assert_eq!(whole.schema_names(), ["shop"]);
    assert!(whole_pins.take_error().is_none());

    std::fs::remove_file(dir.path().join("c.db")).unwrap();
    assert!(first.schema_names().is_empty());
    let error = first_schema.table("t").await.unwrap_err().to_string();
    assert!(error.contains("the schemas of catalog 'lake'"), "{error}");
    assert!(error.contains("does not exist"), "{error}");
    assert!(second_schema.table_names().is_empty());
    let error = second_schema.table_type("t").await.unwrap_err().to_string();
    assert!(
        error.contains("cannot list the tables of 'lake.shop'"),
        "{error}"
    );
    assert!(!third_schema.table_exist("t"));
    assert!(third_schema.table_names().is_empty());
    let error = third_pins.take_error().unwrap().to_string();
    assert!(
        error.contains("cannot look for table 't' in 'lake.shop'"),
        "{error}"
    );
    assert!(third_pins.take_error().is_none(), "only the first is kept");
    assert!(first_pins.take_error().is_some() && second_pins.take_error().is_some());
}

#[tokio::test]
async fn names_keep_their_case_and_letters() {
    let dir = TempDir::new().unwrap();
    let catalog = catalog(dir.path()).await;
    let odd = NamespaceIdent::new("Größe".to_string());
    catalog
        .create_namespace(&odd, HashMap::new())
        .await
        .unwrap();
    for (at, name) in ["Tabelle ß", "tabelle ß", "表"].into_iter().enumerate() {
        make(&catalog, &odd, name, &[at as i64]).await;
    }
    let context = session(&catalog);
    for (name, found) in [("Tabelle ß", 0), ("tabelle ß", 1), ("表", 2)] {
        let sql = format!("SELECT n FROM lake.\"Größe\".\"{name}\"");
        assert_eq!(one(&context, &sql).await, Ok(found));
        let sql = format!("SELECT record_count FROM lake.\"Größe\".\"{name}$files\"");
        assert_eq!(one(&context, &sql).await, Ok(1));
    }
    let wrong = "SELECT n FROM lake.\"größe\".\"表\"";
    assert!(one(&context, wrong).await.is_err());
}

#[tokio::test]
async fn rows_with_their_files_take_no_rows() {
    let dir = TempDir::new().unwrap();
    let catalog = catalog(dir.path()).await;
    make(&catalog, &shop(), "t", &[1, 2]).await;
    let context = session(&catalog);
    let paths = "SELECT count(*) FROM lake.shop.\"t$rows\" WHERE \"$path\" LIKE '%.parquet'";
    assert_eq!(one(&context, paths).await, Ok(2));
    let insert = "INSERT INTO lake.shop.\"t$rows\" SELECT 1, 'x'";
    assert!(one(&context, insert).await.is_err());
}
