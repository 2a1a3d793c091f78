// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A `FileIO` that enters what is written through it in a ledger.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use iceberg::io::{
    FileIO, FileIOBuilder, FileMetadata, FileRead, FileWrite, InputFile, OutputFile, Storage,
    StorageConfig, StorageFactory,
};
use serde::{Deserialize, Serialize};

use super::ledger::Ledger;
use crate::error::{Error, ErrorKind};

/// `file_io`, whose written files are entered in `ledger` before anything of them is written.
pub(super) fn recorded(file_io: &FileIO, ledger: Arc<Ledger>) -> FileIO {
    let recorder = Recorder {
        file_io: Some(file_io.clone()),
        ledger,
    };
    FileIOBuilder::new(Arc::new(recorder)).build()
}

/// The storage of a `FileIO`. It cannot be sent anywhere: what is read back has none.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Recorder {
    #[serde(skip)]
    file_io: Option<FileIO>,
    #[serde(skip)]
    ledger: Arc<Ledger>,
}

impl Recorder {
    fn file_io(&self) -> iceberg::Result<&FileIO> {
        self.file_io.as_ref().ok_or_else(|| {
            let text = "the storage of a write is used outside of its process";
            Error::new(ErrorKind::Unsupported, text).into()
        })
    }
}

#[typetag::serde(name = "feast-recorded-storage-factory")]
impl StorageFactory for Recorder {
    fn build(&self, _config: &StorageConfig) -> iceberg::Result<Arc<dyn Storage>> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
#[typetag::serde(name = "feast-recorded-storage")]
impl Storage for Recorder {
    async fn exists(&self, path: &str) -> iceberg::Result<bool> {
        self.file_io()?.exists(path).await
    }

    async fn metadata(&self, path: &str) -> iceberg::Result<FileMetadata> {
        self.file_io()?.new_input(path)?.metadata().await
    }

    async fn read(&self, path: &str) -> iceberg::Result<Bytes> {
        self.file_io()?.new_input(path)?.read().await
    }

    async fn reader(&self, path: &str) -> iceberg::Result<Box<dyn FileRead>> {
        self.file_io()?.new_input(path)?.reader().await
    }

    async fn write(&self, path: &str, bytes: Bytes) -> iceberg::Result<()> {
        self.ledger.enter(path);
        self.file_io()?.new_output(path)?.write(bytes).await
    }

    async fn writer(&self, path: &str) -> iceberg::Result<Box<dyn FileWrite>> {
        self.ledger.enter(path);
        self.file_io()?.new_output(path)?.writer().await
    }

    async fn delete(&self, path: &str) -> iceberg::Result<()> {
        self.file_io()?.delete(path).await
    }

    async fn delete_prefix(&self, path: &str) -> iceberg::Result<()> {
        self.file_io()?.delete_prefix(path).await
    }

    async fn delete_stream(&self, paths: BoxStream<'static, String>) -> iceberg::Result<()> {
        self.file_io()?.delete_stream(paths).await
    }

    fn new_input(&self, path: &str) -> iceberg::Result<InputFile> {
        Ok(InputFile::new(Arc::new(self.clone()), path.to_string()))
    }

    fn new_output(&self, path: &str) -> iceberg::Result<OutputFile> {
        Ok(OutputFile::new(Arc::new(self.clone()), path.to_string()))
    }
}
