// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A catalog whose tables and commits go wrong.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use iceberg::io::{
    FileIO, FileIOBuilder, FileMetadata, FileRead, FileWrite, InputFile, OutputFile, Storage,
    StorageConfig, StorageFactory,
};
use iceberg::table::Table;
use iceberg::{
    Catalog, Namespace, NamespaceIdent, Runtime, TableCommit, TableCreation, TableIdent,
};
use serde::{Deserialize, Serialize};

use crate::catalog::SqlCatalog;
use crate::error::{Error, ErrorKind};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// Writing the file with this number, counted from 0.
    Write(usize),
    /// So many commits, since somebody else was first.
    Conflict(usize),
    /// A commit is not made and nobody knows.
    Lost,
    /// A commit is made and nobody knows.
    Unheard,
    /// A commit is made, and its answer cannot be read.
    Garbled,
}

/// An SQL catalog whose tables and commits go wrong.
#[derive(Debug)]
pub(super) struct Faulty {
    inner: SqlCatalog,
    fault: Fault,
    writes: Arc<AtomicUsize>,
    commits: AtomicUsize,
}

fn io(text: &str) -> iceberg::Error {
    Error::new(ErrorKind::Io, text).into()
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct FaultyStorage {
    #[serde(skip)]
    inner: Option<FileIO>,
    fails_at: Option<usize>,
    #[serde(skip)]
    writes: Arc<AtomicUsize>,
}

impl FaultyStorage {
    fn inner(&self) -> &FileIO {
        self.inner.as_ref().unwrap()
    }

    fn fails(&self) -> iceberg::Result<()> {
        match self.fails_at == Some(self.writes.fetch_add(1, Ordering::SeqCst)) {
            true => Err(io("the disk is full")),
            false => Ok(()),
        }
    }
}

#[typetag::serde(name = "test-faulty-factory")]
impl StorageFactory for FaultyStorage {
    fn build(&self, _config: &StorageConfig) -> iceberg::Result<Arc<dyn Storage>> {
        Ok(Arc::new(self.clone()))
    }
}

/// Fails when it is closed, as stores do that send a small file then.
struct FailsAtTheEnd(Box<dyn FileWrite>, FaultyStorage);

#[async_trait]
impl FileWrite for FailsAtTheEnd {
    async fn write(&mut self, bytes: Bytes) -> iceberg::Result<()> {
        self.0.write(bytes).await
    }

    async fn close(&mut self) -> iceberg::Result<()> {
        self.1.fails()?;
        self.0.close().await
    }
}

#[async_trait]
#[typetag::serde(name = "test-faulty-storage")]
impl Storage for FaultyStorage {
    async fn exists(&self, path: &str) -> iceberg::Result<bool> {
        self.inner().exists(path).await
    }

    async fn metadata(&self, path: &str) -> iceberg::Result<FileMetadata> {
        self.inner().new_input(path)?.metadata().await
    }

    async fn read(&self, path: &str) -> iceberg::Result<Bytes> {
        self.inner().new_input(path)?.read().await
    }

    async fn reader(&self, path: &str) -> iceberg::Result<Box<dyn FileRead>> {
        self.inner().new_input(path)?.reader().await
    }

    async fn write(&self, path: &str, bytes: Bytes) -> iceberg::Result<()> {
        self.fails()?;
        self.inner().new_output(path)?.write(bytes).await
    }

    async fn writer(&self, path: &str) -> iceberg::Result<Box<dyn FileWrite>> {
        let writer = self.inner().new_output(path)?.writer().await?;
        Ok(Box::new(FailsAtTheEnd(writer, self.clone())))
    }

    async fn delete(&self, path: &str) -> iceberg::Result<()> {
        self.inner().delete(path).await
    }

    async fn delete_prefix(&self, path: &str) -> iceberg::Result<()> {
        self.inner().delete_prefix(path).await
    }

    async fn delete_stream(&self, paths: BoxStream<'static, String>) -> iceberg::Result<()> {
        self.inner().delete_stream(paths).await
    }

    fn new_input(&self, path: &str) -> iceberg::Result<InputFile> {
        Ok(InputFile::new(Arc::new(self.clone()), path.to_string()))
    }

    fn new_output(&self, path: &str) -> iceberg::Result<OutputFile> {
        Ok(OutputFile::new(Arc::new(self.clone()), path.to_string()))
    }
}

impl Faulty {
    /// `catalog`, in which `fault` happens.
    pub(super) fn new(catalog: SqlCatalog, fault: Fault) -> Self {
        Self {
            inner: catalog,
            fault,
            writes: Arc::default(),
            commits: AtomicUsize::new(0),
        }
    }

    fn over(&self, of: Table) -> iceberg::Result<Table> {
        let storage = FaultyStorage {
            inner: Some(of.file_io().clone()),
            fails_at: match self.fault {
                Fault::Write(number) => Some(number),
                _ => None,
            },
            writes: Arc::clone(&self.writes),
        };
        Table::builder()
            .identifier(of.identifier().clone())
            .metadata(of.metadata_ref())
            .metadata_location(of.metadata_location().unwrap())
            .file_io(FileIOBuilder::new(Arc::new(storage)).build())
            .runtime(Runtime::try_current()?)
            .build()
    }
}

#[async_trait]
impl Catalog for Faulty {
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
        self.over(self.inner.create_table(namespace, creation).await?)
    }

    async fn load_table(&self, table: &TableIdent) -> iceberg::Result<Table> {
        self.over(self.inner.load_table(table).await?)
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
        self.inner.register_table(table, metadata_location).await
    }

    async fn update_table(&self, commit: TableCommit) -> iceberg::Result<Table> {
        let before = self.commits.fetch_add(1, Ordering::SeqCst);
        match self.fault {
            Fault::Conflict(times) if before < times => {
                Err(Error::new(ErrorKind::Conflict, "somebody was first").into())
            }
            Fault::Lost => Err(io("no answer")),
            Fault::Unheard => {
                self.inner.update_table(commit).await?;
                Err(Error::new(ErrorKind::OutcomeUnknown, "no answer").into())
            }
            Fault::Garbled => {
                self.inner.update_table(commit).await?;
                Err(Error::new(ErrorKind::Damaged, "no JSON").into())
            }
            _ => self.over(self.inner.update_table(commit).await?),
        }
    }
}
