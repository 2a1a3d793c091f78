// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A store under Iceberg's own storage trait.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};
use iceberg::io::{
    FileMetadata, FileRead, FileWrite, InputFile, OutputFile, Storage, StorageConfig,
    StorageFactory,
};
use iceberg::{Error, ErrorKind, Result};
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::{Deserialize, Serialize};

use super::path;

/// Makes storages over a store. It goes through no serialization: what comes back has an empty one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoreFactory {
    #[serde(skip, default = "empty")]
    store: Arc<dyn ObjectStore>,
}

fn empty() -> Arc<dyn ObjectStore> {
    Arc::new(InMemory::new())
}

impl StoreFactory {
    /// Storages over this store.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }
}

#[typetag::serde]
impl StorageFactory for StoreFactory {
    fn build(&self, _config: &StorageConfig) -> Result<Arc<dyn Storage>> {
        Ok(Arc::new(StoreStorage {
            store: Arc::clone(&self.store),
        }))
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct StoreStorage {
    #[serde(skip, default = "empty")]
    store: Arc<dyn ObjectStore>,
}

fn failed(error: object_store::Error) -> Error {
    let message = error.to_string();
    Error::new(ErrorKind::Unexpected, message).with_source(error)
}

#[async_trait]
#[typetag::serde]
impl Storage for StoreStorage {
    async fn exists(&self, location: &str) -> Result<bool> {
        match self.store.head(&path(location)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }

    async fn metadata(&self, location: &str) -> Result<FileMetadata> {
        let meta = self.store.head(&path(location)).await.map_err(failed)?;
        Ok(FileMetadata { size: meta.size })
    }

    async fn read(&self, location: &str) -> Result<Bytes> {
        let read = self.store.get(&path(location)).await.map_err(failed)?;
        read.bytes().await.map_err(failed)
    }

    async fn reader(&self, location: &str) -> Result<Box<dyn FileRead>> {
        Ok(Box::new(StoreRead {
            store: Arc::clone(&self.store),
            location: location.to_owned(),
        }))
    }

    async fn write(&self, location: &str, bytes: Bytes) -> Result<()> {
        let path = path(location);
        let put = self.store.put(&path, bytes.into()).await;
        put.map(drop).map_err(failed)
    }

    async fn writer(&self, location: &str) -> Result<Box<dyn FileWrite>> {
        Ok(Box::new(StoreWrite {
            storage: self.clone(),
            location: location.to_owned(),
            written: Vec::new(),
        }))
    }

    async fn delete(&self, location: &str) -> Result<()> {
        let path = path(location);
        self.store.delete(&path).await.map_err(failed)
    }

    async fn delete_prefix(&self, location: &str) -> Result<()> {
        let prefix = path(location);
        let found: Vec<_> = self.store.list(Some(&prefix)).collect().await;
        for meta in found {
            let location = meta.map_err(failed)?.location;
            self.store.delete(&location).await.map_err(failed)?;
        }
        Ok(())
    }

    async fn delete_stream(&self, mut locations: BoxStream<'static, String>) -> Result<()> {
        while let Some(location) = locations.next().await {
            self.delete(&location).await?;
        }
        Ok(())
    }

    fn new_input(&self, location: &str) -> Result<InputFile> {
        Ok(InputFile::new(Arc::new(self.clone()), location.to_owned()))
    }

    fn new_output(&self, location: &str) -> Result<OutputFile> {
        Ok(OutputFile::new(Arc::new(self.clone()), location.to_owned()))
    }
}

struct StoreRead {
    store: Arc<dyn ObjectStore>,
    location: String,
}

#[async_trait]
impl FileRead for StoreRead {
    async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let path = path(&self.location);
        self.store.get_range(&path, range).await.map_err(failed)
    }
}

struct StoreWrite {
    storage: StoreStorage,
    location: String,
    written: Vec<u8>,
}

#[async_trait]
impl FileWrite for StoreWrite {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.written.extend_from_slice(&bytes);
        Ok(())
    }

    async fn close(&mut self) -> Result<()> {
        let written = std::mem::take(&mut self.written);
        self.storage.write(&self.location, written.into()).await
    }
}
