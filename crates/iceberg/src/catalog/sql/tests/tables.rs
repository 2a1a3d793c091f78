// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Namespaces, tables and commits.

use std::collections::{BTreeMap, HashMap};

use iceberg::Catalog;
use iceberg::transaction::{ApplyTransactionAction, Transaction};
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;

#[tokio::test]
async fn an_old_database_is_used_as_it_is() {
    let dir = TempDir::new().unwrap();
    let file = old_database(&dir);
    let before = std::fs::read(&file).unwrap();
    let catalog = SqlCatalog::open(&options(&file, Some(dir.path()), &[]))
        .await
        .unwrap();
    assert_eq!(catalog.catalog_name(), "default");
    assert_eq!(catalog.list_namespaces(None).await.unwrap(), vec![shop()]);
    assert!(catalog.list_tables(&shop()).await.unwrap().is_empty());
    assert_eq!(
        std::fs::read(&file).unwrap(),
        before,
        "reading must not write"
    );

    catalog.create_table(&shop(), creation("t")).await.unwrap();
    assert!(
        !columns(&file).contains(&"iceberg_type".to_string()),
        "the layout stays"
    );
    let again = SqlCatalog::open(&options(&file, None, &[])).await.unwrap();
    let table = again.load_table(&ident("t")).await.unwrap();
    let location = table.metadata_location().unwrap();
    assert!(location.contains("/shop/t/metadata/00000-"), "{location}");
}

#[tokio::test]
async fn a_new_database_has_the_new_layout_and_hides_views() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("new.db");
    let warehouse = dir.path().join("wh").display().to_string();
    let catalog = SqlCatalog::create(&file, "lake", &warehouse).unwrap();
    catalog
        .create_namespace(&shop(), HashMap::new())
        .await
        .unwrap();
    catalog.create_table(&shop(), creation("t")).await.unwrap();
    assert_eq!(columns(&file).last().unwrap(), "iceberg_type");
    Connection::open(&file)
        .unwrap()
        .execute_batch(
            "INSERT INTO iceberg_tables VALUES ('lake', 'shop', 'v', 'x', NULL, 'VIEW');
             INSERT INTO iceberg_tables SELECT catalog_name, table_namespace, 'older',
               metadata_location, NULL, NULL FROM iceberg_tables WHERE table_name = 't';
             INSERT INTO iceberg_tables VALUES ('other', 'shop', 'foreign', 'x', NULL, 'TABLE');",
        )
        .unwrap();
    let names: Vec<String> = catalog
        .list_tables(&shop())
        .await
        .unwrap()
        .into_iter()
        .map(|it| it.name)
        .collect();
    assert_eq!(names, ["older", "t"]);
    assert!(!catalog.table_exists(&ident("v")).await.unwrap());
    assert!(!catalog.table_exists(&ident("foreign")).await.unwrap());
    let error = SqlCatalog::create(&file, "lake", &warehouse).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
}

#[tokio::test]
async fn a_commit_on_an_old_version_is_a_conflict() {
    let dir = TempDir::new().unwrap();
    let file = old_database(&dir);
    let first = SqlCatalog::open(&options(&file, Some(dir.path()), &[]))
        .await
        .unwrap();
    let second = SqlCatalog::open(&options(&file, None, &[])).await.unwrap();
    let table = first.create_table(&shop(), creation("t")).await.unwrap();
    let old = table.metadata_location().unwrap().to_string();

    let transaction = Transaction::new(&table);
    let action = transaction
        .update_table_properties()
        .set("k".into(), "v".into());
    let changed = action
        .apply(transaction)
        .unwrap()
        .commit(&first)
        .await
        .unwrap();
    let new = changed.metadata_location().unwrap().to_string();
    assert!(new.contains("/metadata/00001-"), "{new}");
    let seen = second.load_table(&ident("t")).await.unwrap();
    assert_eq!(
        seen.metadata().properties()["k"],
        "v",
        "another's commit is seen at once"
    );
    assert_eq!(seen.metadata().metadata_log().len(), 1);

    let error = second
        .swap(&ident("t"), old, "elsewhere".into())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(iceberg::Error::from(error).retryable());
    assert_eq!(
        second
            .load_table(&ident("t"))
            .await
            .unwrap()
            .metadata_location()
            .unwrap(),
        new
    );
}

#[tokio::test]
async fn tables_are_made_renamed_registered_and_dropped() {
    let dir = TempDir::new().unwrap();
    let file = old_database(&dir);
    let catalog = SqlCatalog::open(&options(&file, Some(dir.path()), &[]))
        .await
        .unwrap();
    let table = catalog.create_table(&shop(), creation("a")).await.unwrap();
    let clash = catalog
        .create_table(&shop(), creation("a"))
        .await
        .unwrap_err();
    assert_eq!(message(clash), "table 'shop.a' exists already");
    catalog.create_table(&shop(), creation("b")).await.unwrap();
    let clash = catalog
        .rename_table(&ident("a"), &ident("b"))
        .await
        .unwrap_err();
    assert!(message(clash).contains("table 'shop.b' exists already"));
    catalog
        .rename_table(&ident("a"), &ident("c"))
        .await
        .unwrap();
    let gone = catalog.load_table(&ident("a")).await.unwrap_err();
    assert_eq!(gone.kind(), iceberg::ErrorKind::TableNotFound);
    assert_eq!(
        message(gone),
        "table 'shop.a' does not exist in catalog 'lake'"
    );
    let location = table.metadata_location().unwrap().to_string();
    catalog.register_table(&ident("d"), location).await.unwrap();
    assert!(
        catalog
            .register_table(&ident("e"), "/nowhere.json".into())
            .await
            .is_err()
    );
    assert!(!catalog.table_exists(&ident("e")).await.unwrap());
    catalog.drop_table(&ident("c")).await.unwrap();
    assert!(catalog.drop_table(&ident("c")).await.is_err());
    assert!(catalog.drop_namespace(&shop()).await.is_err());
    catalog.purge_table(&ident("d")).await.unwrap();
    catalog.drop_table(&ident("b")).await.unwrap();
    catalog.drop_namespace(&shop()).await.unwrap();
    assert!(catalog.list_namespaces(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn namespaces_of_several_levels_are_joined_with_dots() {
    let dir = TempDir::new().unwrap();
    let file = old_database(&dir);
    let catalog = SqlCatalog::open(&options(&file, Some(dir.path()), &[]))
        .await
        .unwrap();
    let deep = NamespaceIdent::from_strs(["a_b", "c"]).unwrap();
    catalog
        .create_namespace(&deep, HashMap::new())
        .await
        .unwrap();
    let again = catalog
        .create_namespace(&deep, HashMap::new())
        .await
        .unwrap_err();
    assert_eq!(again.kind(), iceberg::ErrorKind::NamespaceAlreadyExists);
    let top = NamespaceIdent::new("a_b".into());
    assert!(catalog.namespace_exists(&top).await.unwrap());
    assert!(
        !catalog
            .namespace_exists(&NamespaceIdent::new("aXb".into()))
            .await
            .unwrap()
    );
    assert_eq!(
        catalog.list_namespaces(Some(&top)).await.unwrap(),
        vec![deep.clone()]
    );
    let table = catalog.create_table(&deep, creation("t")).await.unwrap();
    assert!(table.metadata().location().ends_with("/a_b.c/t"));
    let located = HashMap::from([(
        "location".to_string(),
        format!("{}/own/", dir.path().display()),
    )]);
    catalog.update_namespace(&deep, located).await.unwrap();
    let table = catalog.create_table(&deep, creation("u")).await.unwrap();
    assert!(
        table.metadata().location().ends_with("/own/u"),
        "{}",
        table.metadata().location()
    );
    let dotted = NamespaceIdent::new("x.y".into());
    assert!(
        catalog
            .create_namespace(&dotted, HashMap::new())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_missing_warehouse_is_named() {
    let dir = TempDir::new().unwrap();
    let file = old_database(&dir);
    let catalog = SqlCatalog::open(&options(&file, None, &[])).await.unwrap();
    let error = message(
        catalog
            .create_table(&shop(), creation("t"))
            .await
            .unwrap_err(),
    );
    assert!(
        error.contains("catalog 'lake' has no warehouse to put table 'shop.t'"),
        "{error}"
    );
    let nowhere = dir.path().join("nowhere");
    let error = SqlCatalog::open(&options(&file, Some(&nowhere), &[]))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("/nowhere' does not exist"),
        "{error}"
    );
}

#[tokio::test]
async fn debug_output_shows_no_secret() {
    let dir = TempDir::new().unwrap();
    let file = old_database(&dir);
    let options = options(&file, Some(dir.path()), &[("s3.secret-access-key", "hush")]);
    let catalog = SqlCatalog::open(&options).await.unwrap();
    let table = catalog.create_table(&shop(), creation("t")).await.unwrap();
    let shown = format!(
        "{options:?} {catalog:?} {table:?} {:?}",
        BTreeMap::from([(1, &table)])
    );
    assert!(!shown.contains("hush"), "{shown}");
}
