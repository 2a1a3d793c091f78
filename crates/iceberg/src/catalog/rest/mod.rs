// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! REST catalogs, through `iceberg-catalog-rest` on our storage.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
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
use crate::storage::{CATALOG_PROPERTY, ObjectStorageFactory, without_user_info};

/// A REST catalog whose debug output, and that of its tables, shows no credential.
///
/// Its requests run on a thread of its own. Pooled connections belong to the runtime they were
/// opened in; were that the caller's, a synchronous call of DataFusion would wait in it for a
/// connection that only it could drive.
pub(super) struct QuietRestCatalog {
    name: String,
    uri: String,
    inner: Arc<RestCatalog>,
    factory: ObjectStorageFactory,
    requests: Requests,
}

/// The runtime of the requests.
struct Requests(Option<tokio::runtime::Runtime>);

impl Requests {
    fn new() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("iceberg-rest")
            .enable_all()
            .build()
            .map_err(|cause| {
                Error::new(
                    ErrorKind::Io,
                    "no thread could be started for a REST catalog",
                )
                .with_source(cause)
            })?;
        Ok(Self(Some(runtime)))
    }

    async fn run<T: Send + 'static>(
        &self,
        request: impl Future<Output = iceberg::Result<T>> + Send + 'static,
    ) -> iceberg::Result<T> {
        let stopped = || Error::new(ErrorKind::Io, "the request to the REST catalog was stopped");
        let Some(runtime) = &self.0 else {
            return Err(stopped().into());
        };
        match runtime.spawn(request).await {
            Ok(answer) => answer,
            Err(cause) => Err(stopped().with_source(cause).into()),
        }
    }
}

impl Drop for Requests {
    /// A runtime must not be dropped, waiting for its threads, inside another one.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
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
    let mut properties: HashMap<String, String> = options
        .properties
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
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
    let requests = Requests::new()?;
    let builder = RestCatalogBuilder::default().with_storage_factory(Arc::new(factory.clone()));
    let load = builder.load(name.clone(), properties);
    let inner = Arc::new(requests.run(load).await.map_err(failed)?);
    let connected = QuietRestCatalog {
        name: name.clone(),
        uri,
        inner,
        factory,
        requests,
    };
    connected.list_namespaces(None).await.map_err(failed)?;
    Ok(connected)
}

impl QuietRestCatalog {
    /// The same table on a `FileIO` that keeps its credentials out of debug output.
    fn quiet(&self, table: Table) -> iceberg::Result<Table> {
        let factory = self.factory.overlaid(table.file_io().config().props());
        // Properties of a `FileIO` are shown in debug output, and the address may have a password.
        let mut hasher = DefaultHasher::new();
        self.uri.hash(&mut hasher);
        let identity = format!("{}@{:016x}", self.name, hasher.finish());
        let file_io = FileIOBuilder::new(Arc::new(factory))
            .with_prop(CATALOG_PROPERTY, identity)
            .build();
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
        let inner = Arc::clone(&self.inner);
        let parent = parent.cloned();
        self.requests
            .run(async move { inner.list_namespaces(parent.as_ref()).await })
            .await
    }

    async fn create_namespace(
        &self,
        namespace: &NamespaceIdent,
        properties: HashMap<String, String>,
    ) -> iceberg::Result<Namespace> {
        let inner = Arc::clone(&self.inner);
        let namespace = namespace.clone();
        self.requests
            .run(async move { inner.create_namespace(&namespace, properties).await })
            .await
    }

    async fn get_namespace(&self, namespace: &NamespaceIdent) -> iceberg::Result<Namespace> {
        let inner = Arc::clone(&self.inner);
        let namespace = namespace.clone();
        self.requests
            .run(async move { inner.get_namespace(&namespace).await })
            .await
    }

    async fn namespace_exists(&self, namespace: &NamespaceIdent) -> iceberg::Result<bool> {
        let inner = Arc::clone(&self.inner);
        let namespace = namespace.clone();
        self.requests
            .run(async move { inner.namespace_exists(&namespace).await })
            .await
    }

    async fn update_namespace(
        &self,
        namespace: &NamespaceIdent,
        properties: HashMap<String, String>,
    ) -> iceberg::Result<()> {
        let inner = Arc::clone(&self.inner);
        let namespace = namespace.clone();
        self.requests
            .run(async move { inner.update_namespace(&namespace, properties).await })
            .await
    }

    async fn drop_namespace(&self, namespace: &NamespaceIdent) -> iceberg::Result<()> {
        let inner = Arc::clone(&self.inner);
        let namespace = namespace.clone();
        self.requests
            .run(async move { inner.drop_namespace(&namespace).await })
            .await
    }

    async fn list_tables(&self, namespace: &NamespaceIdent) -> iceberg::Result<Vec<TableIdent>> {
        let inner = Arc::clone(&self.inner);
        let namespace = namespace.clone();
        self.requests
            .run(async move { inner.list_tables(&namespace).await })
            .await
    }

    async fn create_table(
        &self,
        namespace: &NamespaceIdent,
        creation: TableCreation,
    ) -> iceberg::Result<Table> {
        let inner = Arc::clone(&self.inner);
        let namespace = namespace.clone();
        self.quiet(
            self.requests
                .run(async move { inner.create_table(&namespace, creation).await })
                .await?,
        )
    }

    async fn load_table(&self, table: &TableIdent) -> iceberg::Result<Table> {
        let inner = Arc::clone(&self.inner);
        let table = table.clone();
        self.quiet(
            self.requests
                .run(async move { inner.load_table(&table).await })
                .await?,
        )
    }

    async fn drop_table(&self, table: &TableIdent) -> iceberg::Result<()> {
        let inner = Arc::clone(&self.inner);
        let table = table.clone();
        self.requests
            .run(async move { inner.drop_table(&table).await })
            .await
    }

    async fn purge_table(&self, table: &TableIdent) -> iceberg::Result<()> {
        let inner = Arc::clone(&self.inner);
        let table = table.clone();
        self.requests
            .run(async move { inner.purge_table(&table).await })
            .await
    }

    async fn table_exists(&self, table: &TableIdent) -> iceberg::Result<bool> {
        let inner = Arc::clone(&self.inner);
        let table = table.clone();
        self.requests
            .run(async move { inner.table_exists(&table).await })
            .await
    }

    async fn rename_table(&self, src: &TableIdent, dest: &TableIdent) -> iceberg::Result<()> {
        let inner = Arc::clone(&self.inner);
        let (src, dest) = (src.clone(), dest.clone());
        self.requests
            .run(async move { inner.rename_table(&src, &dest).await })
            .await
    }

    async fn register_table(
        &self,
        table: &TableIdent,
        metadata_location: String,
    ) -> iceberg::Result<Table> {
        let inner = Arc::clone(&self.inner);
        let table = table.clone();
        self.quiet(
            self.requests
                .run(async move { inner.register_table(&table, metadata_location).await })
                .await?,
        )
    }

    async fn update_table(&self, commit: TableCommit) -> iceberg::Result<Table> {
        let inner = Arc::clone(&self.inner);
        self.quiet(
            self.requests
                .run(async move { inner.update_table(commit).await })
                .await?,
        )
    }
}
