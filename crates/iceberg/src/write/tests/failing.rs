// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Whatever fails, nothing is left of it.

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
use iceberg::spec::{NestedField, PrimitiveType as P, Transform, UnboundPartitionSpec};
use iceberg::table::Table;
use iceberg::{
    Catalog, Namespace, NamespaceIdent, Runtime, TableCommit, TableCreation, TableIdent,
};
use serde::{Deserialize, Serialize};

use super::lake::{Lake, Made, field, session};
use crate::catalog::SqlCatalog;
use crate::error::{Error, ErrorKind};
use crate::provider::IcebergCatalogProvider;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
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
struct Faulty {
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

fn columns() -> Vec<NestedField> {
    vec![field(1, "id", P::Long), field(2, "p", P::Long)]
}

/// A lake whose session sees it through a faulty catalog.
async fn faulty(fault: Fault, properties: &[(&str, &str)]) -> Lake {
    let mut lake = Lake::new().await;
    let spec = UnboundPartitionSpec::builder();
    let spec = spec.add_partition_field(2, "p", Transform::Identity).unwrap().build();
    let made = Made {
        fields: columns(),
        spec,
        properties,
        ..Made::default()
    };
    lake.make(made).await;
    let catalog = Faulty {
        inner: lake.catalog.clone(),
        fault,
        writes: Arc::default(),
        commits: AtomicUsize::new(0),
    };
    lake.session = session(lake.session.copied_config(), None);
    let provider = IcebergCatalogProvider::new(Arc::new(catalog), "lake");
    lake.session.register_catalog("lake", Arc::new(provider));
    lake
}

const INSERT: &str =
    "INSERT INTO lake.shop.t SELECT value, value % 3 FROM generate_series(1, 3000)";

const RETRIES: [(&str, &str); 2] =
    [("commit.retry.min-wait-ms", "1"), ("commit.retry.max-wait-ms", "2")];

#[tokio::test]
async fn a_file_that_cannot_be_written_leaves_none() {
    // Three data files, a manifest and a manifest list.
    for number in 0..5 {
        let lake = faulty(Fault::Write(number), &[]).await;
        let before = lake.files();
        let error = lake.error(INSERT).await;
        assert!(error.contains("insert into table 'shop.t'"), "{number}: {error}");
        assert!(error.contains("the disk is full"), "{number}: {error}");
        assert_eq!(lake.files(), before, "{number}");
    }
    let lake = faulty(Fault::Write(5), &[]).await;
    lake.sql(INSERT).await;
    assert_eq!(lake.rows("SELECT count(*) FROM lake.shop.t").await, ["3000"]);
}

#[tokio::test]
async fn conflicts_are_tried_again_and_leave_nothing() {
    let lake = faulty(Fault::Conflict(2), &RETRIES).await;
    assert_eq!(lake.rows(INSERT).await, ["3000"]);
    assert_eq!(lake.rows("SELECT count(*) FROM lake.shop.t").await, ["3000"]);
    // Two metadata files, a manifest, its list, three data files: nothing of the first attempts.
    assert_eq!(lake.files().len(), 7, "{:?}", lake.files());

    let lake = faulty(Fault::Conflict(9), &RETRIES).await;
    let before = lake.files();
    let error = lake.error(INSERT).await;
    assert!(error.contains("somebody was first"), "{error}");
    assert_eq!(lake.files(), before);
}

#[tokio::test]
async fn an_unknown_outcome_keeps_the_files_and_says_so() {
    let lake = faulty(Fault::Lost, &[]).await;
    let before = lake.files();
    let error = lake.error(INSERT).await;
    assert!(
        error.contains("it is not known whether the commit was made, so its 3 data files are kept"),
        "{error}"
    );
    assert_eq!(lake.files().len(), before.len() + 5);
}

#[tokio::test]
async fn a_commit_that_was_made_is_one() {
    for fault in [Fault::Unheard, Fault::Garbled] {
        let lake = faulty(fault, &[]).await;
        assert_eq!(lake.rows(INSERT).await, ["3000"], "{fault:?}");
        assert_eq!(lake.rows("SELECT count(*) FROM lake.shop.t").await, ["3000"]);
    }
}

#[tokio::test]
async fn an_input_that_fails_leaves_nothing() {
    let lake = faulty(Fault::None, &[]).await;
    let before = lake.files();
    let error = lake
        .error(
            "INSERT INTO lake.shop.t SELECT value, 1 / (90000 - value) FROM generate_series(1, 100000)",
        )
        .await;
    assert!(error.to_lowercase().contains("divide by zero"), "{error}");
    assert_eq!(lake.files(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn inserts_at_the_same_time_all_arrive() {
    let lake = Arc::new(faulty(Fault::None, &[("commit.retry.num-retries", "50"), RETRIES[0], RETRIES[1]]).await);
    let inserts = (0..6).map(|number| {
        let lake = Arc::clone(&lake);
        async move { lake.sql(&format!("INSERT INTO lake.shop.t VALUES ({number}, 1)")).await }
    });
    futures::future::join_all(inserts).await;
    let found = lake.rows("SELECT count(*), sum(id) FROM lake.shop.t").await;
    assert_eq!(found, ["6 15"]);
    let manifests = lake.files().into_iter().filter(|file| file.ends_with("m0.avro")).count();
    assert_eq!(manifests, 6);
}

#[tokio::test]
async fn a_table_made_with_its_rows_goes_when_they_do_not_come() {
    let create = |definition| async move {
        let lake = faulty(definition, &[]).await;
        let provider = lake.session.catalog("lake").unwrap();
        let before = lake.files();
        let made = super::created::create(&lake, &provider, "new", "SELECT value FROM generate_series(1, 10)").await;
        (lake, before, made)
    };
    for fault in [Fault::Write(0), Fault::Write(1), Fault::Write(2), Fault::Conflict(99)] {
        let (lake, before, made) = create(fault).await;
        let error = made.unwrap_err();
        assert!(error.contains("create table 'lake.shop.new'"), "{error}");
        assert!(!lake.catalog.table_exists(&super::lake::ident("new")).await.unwrap());
        // A catalog that cannot make a table with its rows leaves the first metadata file.
        let left: Vec<_> = lake.files().into_iter().filter(|file| !before.contains(file)).collect();
        assert!(left.iter().all(|file| file.ends_with(".metadata.json")), "{left:?}");
    }
    let (lake, _, made) = create(Fault::None).await;
    made.unwrap();
    assert_eq!(lake.rows("SELECT count(*) FROM lake.shop.new").await, ["10"]);
}
