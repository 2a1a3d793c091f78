// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a lookup asks its catalog, and how many of these calls wait for one another: each is a trip where the catalog is
//! far away.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use async_trait::async_trait;
use datafusion_feast::{FeastContext, OnlineLookupRequest};
use feast_iceberg::{IcebergCatalogProvider, SqlCatalog};
use iceberg::table::Table;
use iceberg::{Catalog, Namespace, NamespaceIdent, Result, TableCommit, TableCreation, TableIdent};

use super::{OnlineLake, lines, refusal, rows};

/// A call ends only after everything else that can go on has gone on, other calls' beginning included.
const TURNS: usize = 2_000;

/// A catalog that notes what reads ask it.
#[derive(Debug)]
struct Noting {
    inner: SqlCatalog,
    /// The longest chain of calls that have ended.
    ended: AtomicUsize,
    asked: Mutex<Vec<String>>,
}

impl Noting {
    fn calls(&self) -> MutexGuard<'_, Vec<String>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn note<T>(&self, call: String, answer: impl Future<Output = T> + Send) -> T {
        self.calls().push(call);
        let depth = self.ended.load(Ordering::SeqCst) + 1;
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
        let answer = answer.await;
        self.ended.fetch_max(depth, Ordering::SeqCst);
        answer
    }

    /// The chain and the calls since this was asked last.
    fn taken(&self) -> (usize, Vec<String>) {
        let mut asked = std::mem::take(&mut *self.calls());
        asked.sort();
        (self.ended.swap(0, Ordering::SeqCst), asked)
    }
}

#[async_trait]
impl Catalog for Noting {
    async fn list_namespaces(
        &self,
        parent: Option<&NamespaceIdent>,
    ) -> Result<Vec<NamespaceIdent>> {
        let listed = self.inner.list_namespaces(parent);
        self.note("list namespaces".to_owned(), listed).await
    }

    async fn create_namespace(
        &self,
        namespace: &NamespaceIdent,
        properties: HashMap<String, String>,
    ) -> Result<Namespace> {
        self.inner.create_namespace(namespace, properties).await
    }

    async fn get_namespace(&self, namespace: &NamespaceIdent) -> Result<Namespace> {
        let found = self.inner.get_namespace(namespace);
        self.note(format!("get {namespace}"), found).await
    }

    async fn namespace_exists(&self, namespace: &NamespaceIdent) -> Result<bool> {
        let found = self.inner.namespace_exists(namespace);
        self.note(format!("find {namespace}"), found).await
    }

    async fn update_namespace(
        &self,
        namespace: &NamespaceIdent,
        properties: HashMap<String, String>,
    ) -> Result<()> {
        self.inner.update_namespace(namespace, properties).await
    }

    async fn drop_namespace(&self, namespace: &NamespaceIdent) -> Result<()> {
        self.inner.drop_namespace(namespace).await
    }

    async fn list_tables(&self, namespace: &NamespaceIdent) -> Result<Vec<TableIdent>> {
        let listed = self.inner.list_tables(namespace);
        self.note(format!("list {namespace}"), listed).await
    }

    async fn create_table(
        &self,
        namespace: &NamespaceIdent,
        creation: TableCreation,
    ) -> Result<Table> {
        self.inner.create_table(namespace, creation).await
    }

    async fn load_table(&self, table: &TableIdent) -> Result<Table> {
        let loaded = self.inner.load_table(table);
        self.note(format!("load {table}"), loaded).await
    }

    async fn drop_table(&self, table: &TableIdent) -> Result<()> {
        self.inner.drop_table(table).await
    }

    async fn purge_table(&self, table: &TableIdent) -> Result<()> {
        self.inner.purge_table(table).await
    }

    async fn table_exists(&self, table: &TableIdent) -> Result<bool> {
        let found = self.inner.table_exists(table);
        self.note(format!("find {table}"), found).await
    }

    async fn rename_table(&self, src: &TableIdent, dest: &TableIdent) -> Result<()> {
        self.inner.rename_table(src, dest).await
    }

    async fn register_table(&self, table: &TableIdent, metadata: String) -> Result<Table> {
        self.inner.register_table(table, metadata).await
    }

    async fn update_table(&self, commit: TableCommit) -> Result<Table> {
        self.inner.update_table(commit).await
    }
}

/// Views `a`, `b` and `c` of tables of their own, online.
async fn lake() -> (OnlineLake, Arc<Noting>, FeastContext) {
    let lake = OnlineLake::new().await;
    let feast = lake.session().await;
    rows(&feast, "CREATE ENTITY k JOIN KEY (k BIGINT)").await;
    for (at, view) in (1..).zip(["a", "b", "c"]) {
        for statement in [
            format!("CREATE TABLE lake.shop.{view} (k BIGINT, ts TIMESTAMP, {view} BIGINT)"),
            format!("INSERT INTO lake.shop.{view} VALUES ({at}, '2025-01-01T00:00:00', {at})"),
            format!("CREATE FEATURE VIEW {view} ENTITIES (k) FROM lake.shop.{view} TIMESTAMP ts"),
            format!("MATERIALIZE FEATURE VIEW {view}"),
        ] {
            rows(&feast, &statement).await;
        }
    }
    let noting = Arc::new(Noting {
        inner: lake.catalog().await,
        ended: AtomicUsize::new(0),
        asked: Mutex::default(),
    });
    let provider = IcebergCatalogProvider::new(Arc::clone(&noting) as Arc<dyn Catalog>, "lake");
    feast.session().register_catalog("lake", Arc::new(provider));
    (lake, noting, feast)
}

#[tokio::test]
async fn a_lookup_asks_for_each_source_and_each_online_table_once() {
    let (_lake, catalog, feast) = lake().await;
    let all = |views: &[&str], namespaces: &[&str]| -> Vec<String> {
        let mut all = Vec::new();
        for (namespace, prefix) in [("feast_online", "rides__"), ("shop", "")] {
            if namespaces.contains(&namespace) {
                all.extend(
                    views
                        .iter()
                        .map(|view| format!("load {namespace}.{prefix}{view}")),
                );
            }
        }
        all
    };
    let keys: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let keys = RecordBatch::try_from_iter([("k", keys)]).unwrap();
    for views in [&["b"][..], &["a", "b", "c"]] {
        let features: Vec<String> = views.iter().map(|view| format!("{view}:{view}")).collect();
        // The types of the sources have to be known first; views do not wait for one another.
        let sql = format!(
            "SELECT * FROM feast_online_lookup(['{}'], [1, 2, 3])",
            features.join("', '")
        );
        catalog.taken();
        let found = lines(&feast, &sql).await;
        assert_eq!(
            found[1].split(' ').filter(|cell| *cell == "2").count(),
            2,
            "{found:?}"
        );
        assert_eq!(
            catalog.taken(),
            (2, all(views, &["feast_online", "shop"])),
            "{sql}"
        );
        let request = OnlineLookupRequest::features(features);
        feast.online_lookup(&keys, &request).await.unwrap();
        assert_eq!(catalog.taken(), (2, all(views, &["feast_online", "shop"])));
        let prepared = feast.prepare_online_lookup(&request).await.unwrap();
        assert_eq!(catalog.taken(), (1, all(views, &["shop"])));
        prepared.lookup(&keys).await.unwrap();
        assert_eq!(catalog.taken(), (1, all(views, &["feast_online"])));
    }
}

#[tokio::test]
async fn what_is_not_there_is_still_told_apart() {
    let (_lake, _catalog, feast) = lake().await;
    for (source, expected) in [
        ("lake.nowhere.a", "catalog lake has no schema nowhere"),
        ("lake.shop.nothing", "there is no table lake.shop.nothing"),
    ] {
        let create = format!("CREATE FEATURE VIEW lost ENTITIES (k) FROM {source} TIMESTAMP ts");
        let error = refusal(&feast, &create).await;
        assert!(error.contains(expected), "{error}");
    }
}
