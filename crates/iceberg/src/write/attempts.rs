// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A catalog as one commit sees it: the attempts, what each wrote, and whether it was sent.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use iceberg::io::FileIO;
use iceberg::table::Table;
use iceberg::{
    Catalog, Namespace, NamespaceIdent, Runtime, TableCommit, TableCreation, TableIdent,
};

use super::ledger::Ledger;
use super::recorded::recorded;
use crate::error::{Error, ErrorKind};

/// Loads and commits one table of `catalog`; nothing else can be done.
#[derive(Debug)]
pub(super) struct Attempts<'c> {
    catalog: &'c dyn Catalog,
    file_io: FileIO,
    /// The manifests of the last attempt.
    manifests: Arc<Ledger>,
    sent: AtomicBool,
}

impl<'c> Attempts<'c> {
    pub(super) fn new(catalog: &'c dyn Catalog, file_io: FileIO) -> Self {
        Self {
            catalog,
            file_io,
            manifests: Arc::default(),
            sent: AtomicBool::new(false),
        }
    }

    /// `table`, whose manifests are recorded.
    pub(super) fn recorded(&self, of: &Table) -> iceberg::Result<Table> {
        let mut table = Table::builder()
            .identifier(of.identifier().clone())
            .metadata(of.metadata_ref())
            .file_io(recorded(of.file_io(), Arc::clone(&self.manifests)))
            .runtime(Runtime::try_current()?);
        if let Some(file) = of.metadata_location() {
            table = table.metadata_location(file);
        }
        table.build()
    }

    /// Whether the last attempt came so far as to ask the catalog.
    pub(super) fn was_sent(&self) -> bool {
        self.sent.load(Ordering::SeqCst)
    }

    /// The manifests that the last attempt wrote.
    pub(super) fn manifests(&self) -> &Ledger {
        &self.manifests
    }
}

fn only_commits<T>() -> iceberg::Result<T> {
    let text = "a commit asked its catalog for something else than its table";
    Err(Error::new(ErrorKind::Unsupported, text).into())
}

#[async_trait]
impl Catalog for Attempts<'_> {
    /// The table, whose manifests are recorded. What an earlier attempt wrote is deleted: there is
    /// another one only if that one certainly failed.
    async fn load_table(&self, table: &TableIdent) -> iceberg::Result<Table> {
        self.manifests.delete_all(&self.file_io).await;
        self.sent.store(false, Ordering::SeqCst);
        self.recorded(&self.catalog.load_table(table).await?)
    }

    async fn update_table(&self, commit: TableCommit) -> iceberg::Result<Table> {
        self.sent.store(true, Ordering::SeqCst);
        self.catalog.update_table(commit).await
    }

    async fn list_namespaces(
        &self,
        _parent: Option<&NamespaceIdent>,
    ) -> iceberg::Result<Vec<NamespaceIdent>> {
        only_commits()
    }

    async fn create_namespace(
        &self,
        _namespace: &NamespaceIdent,
        _properties: HashMap<String, String>,
    ) -> iceberg::Result<Namespace> {
        only_commits()
    }

    async fn get_namespace(&self, _namespace: &NamespaceIdent) -> iceberg::Result<Namespace> {
        only_commits()
    }

    async fn namespace_exists(&self, _namespace: &NamespaceIdent) -> iceberg::Result<bool> {
        only_commits()
    }

    async fn update_namespace(
        &self,
        _namespace: &NamespaceIdent,
        _properties: HashMap<String, String>,
    ) -> iceberg::Result<()> {
        only_commits()
    }

    async fn drop_namespace(&self, _namespace: &NamespaceIdent) -> iceberg::Result<()> {
        only_commits()
    }

    async fn list_tables(&self, _namespace: &NamespaceIdent) -> iceberg::Result<Vec<TableIdent>> {
        only_commits()
    }

    async fn create_table(
        &self,
        _namespace: &NamespaceIdent,
        _creation: TableCreation,
    ) -> iceberg::Result<Table> {
        only_commits()
    }

    async fn drop_table(&self, _table: &TableIdent) -> iceberg::Result<()> {
        only_commits()
    }

    async fn purge_table(&self, _table: &TableIdent) -> iceberg::Result<()> {
        only_commits()
    }

    async fn table_exists(&self, _table: &TableIdent) -> iceberg::Result<bool> {
        only_commits()
    }

    async fn rename_table(&self, _src: &TableIdent, _dest: &TableIdent) -> iceberg::Result<()> {
        only_commits()
    }

    async fn register_table(
        &self,
        _table: &TableIdent,
        _metadata_location: String,
    ) -> iceberg::Result<Table> {
        only_commits()
    }
}
