// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Tables that other engines wrote at other places.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use iceberg::TableIdent;
use iceberg::io::{
    FileIO, FileIOBuilder, FileMetadata, FileRead, FileWrite, InputFile, LocalFsStorageFactory,
    OutputFile, Storage, StorageConfig, StorageFactory,
};
use iceberg::table::{StaticTable, Table};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tempfile::TempDir;

/// A local table that was written at another place: the longest end of a path that exists in the
/// folder is the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Moved {
    folder: PathBuf,
    /// Files whose names end so are never there.
    stuck: Option<String>,
}

impl Moved {
    fn local(&self, path: &str) -> String {
        let path = path.replace("warehouse/example/", "warehouse/ext_example/");
        let mut ends = path.match_indices('/').map(|(at, _)| &path[at + 1..]);
        let found = ends.find(|end| !end.is_empty() && self.folder.join(end).is_file());
        let end = found.unwrap_or(&path);
        self.folder
            .join(end)
            .to_str()
            .unwrap_or_default()
            .to_string()
    }

    fn files(&self) -> iceberg::Result<Arc<dyn Storage>> {
        LocalFsStorageFactory.build(&StorageConfig::new())
    }

    async fn wait_for(&self, path: &str) {
        if self.stuck.as_ref().is_some_and(|end| path.ends_with(end)) {
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
#[typetag::serde]
impl Storage for Moved {
    async fn exists(&self, path: &str) -> iceberg::Result<bool> {
        self.files()?.exists(&self.local(path)).await
    }

    async fn metadata(&self, path: &str) -> iceberg::Result<FileMetadata> {
        self.wait_for(path).await;
        self.files()?.metadata(&self.local(path)).await
    }

    async fn read(&self, path: &str) -> iceberg::Result<Bytes> {
        self.wait_for(path).await;
        self.files()?.read(&self.local(path)).await
    }

    async fn reader(&self, path: &str) -> iceberg::Result<Box<dyn FileRead>> {
        self.wait_for(path).await;
        self.files()?.reader(&self.local(path)).await
    }

    async fn write(&self, path: &str, bytes: Bytes) -> iceberg::Result<()> {
        self.files()?.write(&self.local(path), bytes).await
    }

    async fn writer(&self, path: &str) -> iceberg::Result<Box<dyn FileWrite>> {
        self.files()?.writer(&self.local(path)).await
    }

    async fn delete(&self, path: &str) -> iceberg::Result<()> {
        self.files()?.delete(&self.local(path)).await
    }

    async fn delete_prefix(&self, path: &str) -> iceberg::Result<()> {
        self.files()?.delete_prefix(&self.local(path)).await
    }

    async fn delete_stream(&self, paths: BoxStream<'static, String>) -> iceberg::Result<()> {
        self.files()?.delete_stream(paths).await
    }

    fn new_input(&self, path: &str) -> iceberg::Result<InputFile> {
        Ok(InputFile::new(Arc::new(self.clone()), path.to_string()))
    }

    fn new_output(&self, path: &str) -> iceberg::Result<OutputFile> {
        Ok(OutputFile::new(Arc::new(self.clone()), path.to_string()))
    }
}

#[typetag::serde]
impl StorageFactory for Moved {
    fn build(&self, _config: &StorageConfig) -> iceberg::Result<Arc<dyn Storage>> {
        Ok(Arc::new(self.clone()))
    }
}

/// The folder with the tables, None where it is absent.
pub(super) fn tables() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/tables");
    folder.is_dir().then_some(folder)
}

/// A copy of a table's folder that a test may change.
pub(super) fn copy_of(folder: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_folder(folder, copy.path());
    copy
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_folder(&from, &to);
        } else {
            // Some are read-only, and so would the copy be.
            std::fs::write(to, std::fs::read(from).unwrap()).unwrap();
        }
    }
}

/// The files below `folder` whose names end so.
pub(super) fn files_below(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path, end));
        } else if path.to_str().unwrap().ends_with(end) {
            found.push(path);
        }
    }
    found
}

pub(super) async fn open(folder: &Path) -> iceberg::Result<(Table, Value)> {
    open_with(folder, None).await
}

/// Opens a table. Reads of its files whose names end in `stuck` never return.
pub(super) async fn open_with(
    folder: &Path,
    stuck: Option<&str>,
) -> iceberg::Result<(Table, Value)> {
    let expected = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let io: FileIO = FileIOBuilder::new(Arc::new(Moved {
        folder: folder.join("table"),
        stuck: stuck.map(str::to_string),
    }))
    .build();
    let file = expected["metadata_file"].as_str().unwrap();
    let ident = TableIdent::from_strs(["ns", expected["table"].as_str().unwrap()]).unwrap();
    let table = StaticTable::from_metadata_file(&format!("/{file}"), ident, io).await?;
    Ok((table.into_table(), expected))
}
