// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! REST catalogs, through `iceberg-catalog-rest` on our storage.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use iceberg::io::FileIOBuilder;
use iceberg::table::Table;
use iceberg::{
    Catalog, CatalogBuilder, Namespace, NamespaceIdent, Runtime, TableCommit, TableCreation,
    TableIdent,
};
use iceberg_catalog_rest::{RestCatalog, RestCatalogBuilder};

use super::options::CatalogOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::storage::{ObjectStorageFactory, without_user_info};

/// A REST catalog whose debug output, and that of its tables, shows no credential.
pub(super) struct QuietRestCatalog {
    name: String,
    uri: String,
    inner: RestCatalog,
    factory: ObjectStorageFactory,
}

/// Connects, and asks for the namespaces once to see that it is a catalog.
pub(super) async fn connect(options: &CatalogOptions) -> Result<QuietRestCatalog> {
    let name = &options.name;
    let uri = options.uri.trim_end_matches('/').to_string();
    if !uri.starts_with("http://") && !uri.starts_with("https://") {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!(
                "catalog '{name}': uri '{}' is no REST catalog's address: expected one like \
                 http://host:8181",
                without_user_info(&uri)
            ),
        ));
    }
    let mut properties: HashMap<String, String> =
        options.properties.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    properties.insert("uri".to_string(), uri.clone());
    if let Some(warehouse) = &options.warehouse {
        properties.insert("warehouse".to_string(), warehouse.clone());
    }
    let factory = ObjectStorageFactory::default();
    let failed = |error: iceberg::Error| {
        let error = Error::from(error);
        let shown = without_user_info(&options.uri);
        let text = format!("catalog '{name}': no REST catalog answers at '{shown}'");
        Error::new(error.kind(), text).with_source(error)
    };
    let inner = RestCatalogBuilder::default()
        .with_storage_factory(Arc::new(factory.clone()))
        .load(name, properties)
        .await
        .map_err(failed)?;
    inner.list_namespaces(None).await.map_err(failed)?;
    Ok(QuietRestCatalog { name: name.clone(), uri, inner, factory })
}

impl QuietRestCatalog {
    /// The same table on a `FileIO` that keeps its credentials out of debug output.
    fn quiet(&self, table: Table) -> iceberg::Result<Table> {
        let factory = self.factory.overlaid(table.file_io().config().props());
        let identity = format!("{}@{}", self.name, self.uri);
        let file_io =
            FileIOBuilder::new(Arc::new(factory)).with_prop("feast.catalog", identity).build();
        let mut builder = Table::builder()
            .identifier(table.identifier().clone())
            .metadata(table.metadata_ref())
            .file_io(file_io)
            .readonly(table.readonly())
            .runtime(Runtime::try_current()?);
        if let Some(file) = table.metadata_location() {
            builder = builder.metadata_location(file);
        }
        builder.build()
    }
}

impl fmt::Debug for QuietRestCatalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestCatalog")
            .field("name", &self.name)
            .field("uri", &without_user_info(&self.uri))
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Catalog for QuietRestCatalog {
    async fn list_namespaces(
        &self,
        parent: Option<&NamespaceIdent>,
    ) -> iceberg::Result<Vec<NamespaceIdent>> {
        self.inner.list_namespaces(parent).await
    }

    async fn create_namespace(
        &self,
        namespace: &NamespaceIdent,
        properties: HashMap<String, String>,
    ) -> iceberg::Result<Namespace> {
        self.inner.create_namespace(namespace, properties).await
    }

    async fn get_namespace(&self, namespace: &NamespaceIdent) -> iceberg::Result<Namespace> {
        self.inner.get_namespace(namespace).await
    }

    async fn namespace_exists(&self, namespace: &NamespaceIdent) -> iceberg::Result<bool> {
        self.inner.namespace_exists(namespace).await
    }

    async fn update_namespace(
        &self,
        namespace: &NamespaceIdent,
        properties: HashMap<String, String>,
    ) -> iceberg::Result<()> {
        self.inner.update_namespace(namespace, properties).await
    }

    async fn drop_namespace(&self, namespace: &NamespaceIdent) -> iceberg::Result<()> {
        self.inner.drop_namespace(namespace).await
    }

    async fn list_tables(&self, namespace: &NamespaceIdent) -> iceberg::Result<Vec<TableIdent>> {
        self.inner.list_tables(namespace).await
    }

    async fn create_table(
        &self,
        namespace: &NamespaceIdent,
        creation: TableCreation,
    ) -> iceberg::Result<Table> {
        self.quiet(self.inner.create_table(namespace, creation).await?)
    }

    async fn load_table(&self, table: &TableIdent) -> iceberg::Result<Table> {
        self.quiet(self.inner.load_table(table).await?)
    }

    async fn drop_table(&self, table: &TableIdent) -> iceberg::Result<()> {
        self.inner.drop_table(table).await
    }

    async fn purge_table(&self, table: &TableIdent) -> iceberg::Result<()> {
        self.inner.purge_table(table).await
    }

    async fn table_exists(&self, table: &TableIdent) -> iceberg::Result<bool> {
        self.inner.table_exists(table).await
    }

    async fn rename_table(&self, src: &TableIdent, dest: &TableIdent) -> iceberg::Result<()> {
        self.inner.rename_table(src, dest).await
    }

    async fn register_table(
        &self,
        table: &TableIdent,
        metadata_location: String,
    ) -> iceberg::Result<Table> {
        self.quiet(self.inner.register_table(table, metadata_location).await?)
    }

    async fn update_table(&self, commit: TableCommit) -> iceberg::Result<Table> {
        self.quiet(self.inner.update_table(commit).await?)
    }
}
