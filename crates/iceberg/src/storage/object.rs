// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `iceberg`'s storage traits over `object_store`.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use iceberg::io::{
    FileMetadata, FileRead, FileWrite, InputFile, OutputFile, Storage, StorageConfig,
    StorageFactory,
};
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWrite;

use super::properties::Properties;
use super::stores::ObjectStores;
use crate::error::{Error, ErrorKind};

/// The property by which a `FileIO` over our storage says whose it is.
pub(crate) const CATALOG_PROPERTY: &str = "feast.catalog";

/// Makes storages for `iceberg::io::FileIO` over `object_store`: local files (paths and `file:`),
/// `s3`/`s3a`/`s3n`, `gs`, `abfs(s)`/`wasb(s)` and `memory`.
///
/// Clones share their connections (and the memory of `memory:`). Properties are Iceberg's
/// (`s3.endpoint`, `s3.region`, `s3.access-key-id`, `s3.secret-access-key`, `s3.session-token`,
/// `s3.path-style-access`, `gcs.*`, `adls.*`); those of the `FileIO` win over the factory's. Where
/// none are given, the environment's credentials are used. Properties given to the factory are
/// not part of any debug output if they are secret, unlike those of a `FileIO`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ObjectStorageFactory {
    properties: Properties,
    #[serde(skip)]
    stores: Arc<ObjectStores>,
}

impl ObjectStorageFactory {
    /// A factory with these properties.
    pub fn new(properties: &BTreeMap<String, String>) -> Self {
        Self {
            properties: Properties::default().overlaid(properties),
            stores: Arc::default(),
        }
    }

    /// A factory that shares this one's connections and has `properties` on top.
    pub(crate) fn overlaid<'a>(
        &self,
        properties: impl IntoIterator<Item = (&'a String, &'a String)>,
    ) -> Self {
        Self {
            properties: self.properties.overlaid(properties),
            stores: Arc::clone(&self.stores),
        }
    }
}

#[typetag::serde(name = "feast-object-storage-factory")]
impl StorageFactory for ObjectStorageFactory {
    fn build(&self, config: &StorageConfig) -> iceberg::Result<Arc<dyn Storage>> {
        Ok(Arc::new(ObjectStorage {
            properties: self.properties.overlaid(config.props()),
            stores: Arc::clone(&self.stores),
        }))
    }
}

/// A storage over `object_store`.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct ObjectStorage {
    properties: Properties,
    #[serde(skip)]
    stores: Arc<ObjectStores>,
}

impl ObjectStorage {
    fn resolve(&self, location: &str) -> iceberg::Result<(Arc<dyn ObjectStore>, Path)> {
        Ok(self.stores.resolve(location, &self.properties)?)
    }
}

#[async_trait]
#[typetag::serde(name = "feast-object-storage")]
impl Storage for ObjectStorage {
    async fn exists(&self, path: &str) -> iceberg::Result<bool> {
        let (store, key) = self.resolve(path)?;
        match store.head(&key).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(cause) => Err(failed("look for", path, cause)),
        }
    }

    async fn metadata(&self, path: &str) -> iceberg::Result<FileMetadata> {
        let (store, key) = self.resolve(path)?;
        let meta = store
            .head(&key)
            .await
            .map_err(|cause| failed("read", path, cause))?;
        Ok(FileMetadata { size: meta.size })
    }

    async fn read(&self, path: &str) -> iceberg::Result<Bytes> {
        let (store, key) = self.resolve(path)?;
        let found = store
            .get(&key)
            .await
            .map_err(|cause| failed("read", path, cause))?;
        found
            .bytes()
            .await
            .map_err(|cause| failed("read", path, cause))
    }

    async fn reader(&self, path: &str) -> iceberg::Result<Box<dyn FileRead>> {
        let (store, key) = self.resolve(path)?;
        Ok(Box::new(ObjectRead {
            store,
            key,
            location: path.to_string(),
        }))
    }

    async fn write(&self, path: &str, bs: Bytes) -> iceberg::Result<()> {
        let (store, key) = self.resolve(path)?;
        store
            .put(&key, bs.into())
            .await
            .map_err(|cause| failed("write", path, cause))?;
        Ok(())
    }

    async fn writer(&self, path: &str) -> iceberg::Result<Box<dyn FileWrite>> {
        let (store, key) = self.resolve(path)?;
        let writer = BufWriter::new(store, key);
        Ok(Box::new(ObjectWrite {
            writer: Some(writer),
            location: path.to_string(),
        }))
    }

    async fn delete(&self, path: &str) -> iceberg::Result<()> {
        let (store, key) = self.resolve(path)?;
        match store.delete(&key).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(cause) => Err(failed("delete", path, cause)),
        }
    }

    async fn delete_prefix(&self, path: &str) -> iceberg::Result<()> {
        let (store, prefix) = self.resolve(path)?;
        let found = store
            .list(Some(&prefix))
            .map_ok(|meta| meta.location)
            .boxed();
        let mut deleted = store.delete_stream(found);
        while let Some(one) = deleted.next().await {
            match one {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(cause) => return Err(failed("delete", path, cause)),
            }
        }
        Ok(())
    }

    async fn delete_stream(&self, mut paths: BoxStream<'static, String>) -> iceberg::Result<()> {
        while let Some(path) = paths.next().await {
            self.delete(&path).await?;
        }
        Ok(())
    }

    fn new_input(&self, path: &str) -> iceberg::Result<InputFile> {
        Ok(InputFile::new(Arc::new(self.clone()), path.to_string()))
    }

    fn new_output(&self, path: &str) -> iceberg::Result<OutputFile> {
        Ok(OutputFile::new(Arc::new(self.clone()), path.to_string()))
    }
}

struct ObjectRead {
    store: Arc<dyn ObjectStore>,
    key: Path,
    location: String,
}

#[async_trait]
impl FileRead for ObjectRead {
    async fn read(&self, range: Range<u64>) -> iceberg::Result<Bytes> {
        let read = self.store.get_range(&self.key, range).await;
        read.map_err(|cause| failed("read", &self.location, cause))
    }
}

struct ObjectWrite {
    writer: Option<BufWriter>,
    location: String,
}

impl ObjectWrite {
    fn closed(&self) -> iceberg::Error {
        Error::new(
            ErrorKind::Io,
            format!("file '{}' is closed already", self.location),
        )
        .into()
    }
}

#[async_trait]
impl FileWrite for ObjectWrite {
    async fn write(&mut self, bs: Bytes) -> iceberg::Result<()> {
        let Some(writer) = &mut self.writer else {
            return Err(self.closed());
        };
        writer
            .put(bs)
            .await
            .map_err(|cause| failed("write", &self.location, cause))
    }

    async fn close(&mut self) -> iceberg::Result<()> {
        let Some(mut writer) = self.writer.take() else {
            return Err(self.closed());
        };
        let shut = std::future::poll_fn(|cx| Pin::new(&mut writer).poll_shutdown(cx)).await;
        shut.map_err(|cause| {
            Error::new(ErrorKind::Io, format!("cannot write '{}'", self.location))
                .with_source(cause)
                .into()
        })
    }
}

impl fmt::Debug for ObjectRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ObjectRead").field(&self.location).finish()
    }
}

fn failed(verb: &str, location: &str, cause: object_store::Error) -> iceberg::Error {
    let error = match cause {
        object_store::Error::NotFound { .. } => {
            Error::new(ErrorKind::Io, format!("file '{location}' does not exist"))
        }
        cause => {
            Error::new(ErrorKind::Io, format!("cannot {verb} '{location}'")).with_source(cause)
        }
    };
    iceberg::Error::from(error)
}
