// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A catalog as a transaction of the core crate sees it: one table to load and to commit.

use std::collections::HashMap;
use std::fmt::Debug;

use async_trait::async_trait;
use iceberg::table::Table;
use iceberg::{Catalog, Namespace, NamespaceIdent, TableCommit, TableCreation, TableIdent};

use crate::error::{Error, ErrorKind};

/// What a transaction asks of a catalog.
#[async_trait]
pub(crate) trait CommitTable: Debug + Send + Sync {
    /// The table as it is now.
    async fn load(&self, table: &TableIdent) -> iceberg::Result<Table>;

    /// Commits a change of the table and gives the table that it makes.
    async fn commit(&self, commit: TableCommit) -> iceberg::Result<Table>;
}

/// A catalog that loads and commits, and refuses everything else.
#[derive(Debug)]
pub(crate) struct OneTableCatalog<'a, T: ?Sized>(pub(crate) &'a T);

fn only_commits<T>() -> iceberg::Result<T> {
    let text = "a commit asked its catalog for something else than its table";
    Err(Error::new(ErrorKind::Unsupported, text).into())
}

#[async_trait]
impl<T: CommitTable + ?Sized> Catalog for OneTableCatalog<'_, T> {
    async fn load_table(&self, table: &TableIdent) -> iceberg::Result<Table> {
        self.0.load(table).await
    }

    async fn update_table(&self, commit: TableCommit) -> iceberg::Result<Table> {
        self.0.commit(commit).await
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
