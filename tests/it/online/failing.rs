// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A catalog that fails at one of its steps: calls of the catalog, and writes and deletions of files.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use feast_iceberg::SqlCatalog;
use feast_testkit::faults::file_io;
use futures::stream::{BoxStream, StreamExt};
use iceberg::table::Table;
use iceberg::{
    Catalog, Error, ErrorKind, Namespace, NamespaceIdent, Result, Runtime, TableCommit,
    TableCreation, TableIdent,
};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use tokio::sync::Notify;

const LOST: &str = "no answer, on purpose";

/// How a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// It is not done, nor is any after it: the process is gone.
    Gone,
    /// It is done, and nothing after it.
    DoneThenGone,
    /// It is not done; the next ones are.
    Once,
    /// It is done, and its answer is lost; the next ones are answered.
    Unheard,
    /// It never ends: who waits for it gives up.
    Hangs,
}

/// The steps so far, and which one fails.
#[derive(Debug)]
pub(super) struct Steps {
    taken: AtomicUsize,
    fails_at: usize,
    how: How,
    /// Somebody waits for a step that never ends.
    pub(super) waits: Notify,
}

impl Steps {
    /// Step number `fails_at`, counted from 0, fails.
    pub(super) fn new(fails_at: usize, how: How) -> Arc<Self> {
        Arc::new(Self {
            taken: AtomicUsize::new(0),
            fails_at,
            how,
            waits: Notify::new(),
        })
    }

    /// Whether it came to the step that fails.
    pub(super) fn failed(&self) -> bool {
        self.taken.load(Ordering::SeqCst) > self.fails_at
    }

    async fn take<T, E>(
        &self,
        step: impl Future<Output = std::result::Result<T, E>> + Send,
        failed: fn() -> E,
    ) -> std::result::Result<T, E> {
        let number = self.taken.fetch_add(1, Ordering::SeqCst);
        if number < self.fails_at {
            return step.await;
        }
        match self.how {
            How::Gone => Err(failed()),
            How::Once if number == self.fails_at => Err(failed()),
            How::DoneThenGone | How::Unheard if number == self.fails_at => {
                step.await?;
                Err(failed())
            }
            How::Hangs if number == self.fails_at => {
                self.waits.notify_one();
                std::future::pending().await
            }
            How::DoneThenGone => Err(failed()),
            How::Once | How::Unheard | How::Hangs => step.await,
        }
    }
}

fn lost() -> Error {
    Error::new(ErrorKind::Unexpected, LOST)
}

/// An SQL catalog with such steps.
#[derive(Debug)]
pub(super) struct Failing {
    pub(super) inner: SqlCatalog,
    pub(super) steps: Arc<Steps>,
}

impl Failing {
    fn over(&self, of: Table) -> Result<Table> {
        let store = FailingStore {
            disk: Arc::new(LocalFileSystem::new()),
            steps: Arc::clone(&self.steps),
        };
        Table::builder()
            .identifier(of.identifier().clone())
            .metadata(of.metadata_ref())
            .metadata_location(of.metadata_location().unwrap())
            .file_io(file_io(Arc::new(store)))
            .runtime(Runtime::try_current()?)
            .build()
    }
}

#[async_trait]
impl Catalog for Failing {
    async fn list_namespaces(
        &self,
        parent: Option<&NamespaceIdent>,
    ) -> Result<Vec<NamespaceIdent>> {
        self.inner.list_namespaces(parent).await
    }

    async fn create_namespace(
        &self,
        namespace: &NamespaceIdent,
        properties: HashMap<String, String>,
    ) -> Result<Namespace> {
        let made = self.inner.create_namespace(namespace, properties);
        self.steps.take(made, lost).await
    }

    async fn get_namespace(&self, namespace: &NamespaceIdent) -> Result<Namespace> {
        self.inner.get_namespace(namespace).await
    }

    /// Not a step: DataFusion asks for schemas without a future that could be given up.
    async fn namespace_exists(&self, namespace: &NamespaceIdent) -> Result<bool> {
        self.inner.namespace_exists(namespace).await
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
        self.inner.list_tables(namespace).await
    }

    async fn create_table(
        &self,
        namespace: &NamespaceIdent,
        creation: TableCreation,
    ) -> Result<Table> {
        let made = self.inner.create_table(namespace, creation);
        self.over(self.steps.take(made, lost).await?)
    }

    async fn load_table(&self, table: &TableIdent) -> Result<Table> {
        let loaded = self.inner.load_table(table);
        self.over(self.steps.take(loaded, lost).await?)
    }

    async fn drop_table(&self, table: &TableIdent) -> Result<()> {
        self.steps.take(self.inner.drop_table(table), lost).await
    }

    async fn purge_table(&self, table: &TableIdent) -> Result<()> {
        self.inner.purge_table(table).await
    }

    async fn table_exists(&self, table: &TableIdent) -> Result<bool> {
        self.steps.take(self.inner.table_exists(table), lost).await
    }

    async fn rename_table(&self, src: &TableIdent, dest: &TableIdent) -> Result<()> {
        self.inner.rename_table(src, dest).await
    }

    async fn register_table(&self, table: &TableIdent, metadata: String) -> Result<Table> {
        self.inner.register_table(table, metadata).await
    }

    async fn update_table(&self, commit: TableCommit) -> Result<Table> {
        let committed = self.inner.update_table(commit);
        self.over(self.steps.take(committed, lost).await?)
    }
}

/// The disk, whose writes and deletions are steps.
#[derive(Debug)]
struct FailingStore {
    disk: Arc<LocalFileSystem>,
    steps: Arc<Steps>,
}

impl fmt::Display for FailingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Failing({})", self.disk)
    }
}

#[async_trait]
impl ObjectStore for FailingStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> object_store::Result<PutResult> {
        let put = self.disk.put_opts(location, payload, opts);
        self.steps.take(put, refused).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.disk.put_multipart_opts(location, opts).await
    }

    async fn get_opts(
        &self,
        location: &Path,
        options: GetOptions,
    ) -> object_store::Result<GetResult> {
        self.disk.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        let (disk, steps) = (Arc::clone(&self.disk), Arc::clone(&self.steps));
        let deleted = locations.then(move |location| {
            let (disk, steps) = (Arc::clone(&disk), Arc::clone(&steps));
            async move {
                let location = location?;
                steps.take(disk.delete(&location), refused).await?;
                Ok(location)
            }
        });
        deleted.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.disk.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.disk.list_with_delimiter(prefix).await
    }

    async fn copy_opts(
        &self,
        from: &Path,
        to: &Path,
        options: CopyOptions,
    ) -> object_store::Result<()> {
        self.disk.copy_opts(from, to, options).await
    }
}

fn refused() -> object_store::Error {
    object_store::Error::Generic {
        store: "Failing",
        source: LOST.into(),
    }
}
