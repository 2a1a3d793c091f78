// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `iceberg`'s storage traits over `object_store`.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use iceberg::io::{
    FileIO, FileMetadata, FileRead, FileWrite, InputFile, OutputFile, Storage, StorageConfig,
    StorageFactory,
};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::{Deserialize, Serialize};

use super::access::Access;
use super::failures::{explained, too_short};
use super::location::{self, StoreKey};
use super::properties::Properties;
use super::stores::ObjectStores;
use super::writing::{ObjectWrite, write_file};
use crate::error::{Error, Result};

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
    access: Access,
    #[serde(skip)]
    stores: Arc<ObjectStores>,
}

impl ObjectStorageFactory {
    /// A factory with these properties.
    pub fn new(properties: &BTreeMap<String, String>) -> Self {
        Self {
            access: Access::new(Properties::default().overlaid(properties)),
            stores: Arc::default(),
        }
    }

    /// A factory that shares this one's connections and has `properties` on top.
    pub(crate) fn overlaid<'a>(
        &self,
        properties: impl IntoIterator<Item = (&'a String, &'a String)>,
    ) -> Self {
        self.with_access(self.access.overlaid(properties))
    }

    /// The store of `location`, and its key there.
    pub(super) fn resolve(&self, location: &str) -> Result<(Arc<dyn ObjectStore>, Path)> {
        let (store, path) = location::parse(location)?;
        let (properties, vended) = self.access.of(&store, location);
        Ok((self.stores.get(&store, &properties, vended)?, path))
    }

    /// `cause`, which came when the file at `location` was to be read.
    pub(super) fn failed(&self, location: &str, cause: &object_store::Error) -> Error {
        explained("read", location, cause, &self.access)
    }

    /// A factory that shares this one's connections and opens files with `access`.
    pub(crate) fn with_access(&self, access: Access) -> Self {
        Self {
            access,
            stores: Arc::clone(&self.stores),
        }
    }
}

#[typetag::serde(name = "feast-object-storage-factory")]
impl StorageFactory for ObjectStorageFactory {
    fn build(&self, config: &StorageConfig) -> iceberg::Result<Arc<dyn Storage>> {
        Ok(Arc::new(ObjectStorage {
            access: self.access.overlaid(config.props()),
            stores: Arc::clone(&self.stores),
            opened: Arc::default(),
        }))
    }
}

/// Stores by what they hold and the prefix that their credentials are for.
type OpenedStores = HashMap<(StoreKey, String), Arc<dyn ObjectStore>>;

/// A storage over `object_store`.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ObjectStorage {
    access: Access,
    #[serde(skip)]
    stores: Arc<ObjectStores>,
    #[serde(skip)]
    opened: Arc<Mutex<OpenedStores>>,
}

/// The location by which a `FileIO` is asked for the storage in it.
const YOURSELF: &str = "feast-object-storage:";

thread_local! {
    /// Where a storage that is asked for itself puts itself. Empty but during the call.
    static ASKED: RefCell<Option<ObjectStorage>> = const { RefCell::new(None) };
}

impl ObjectStorage {
    /// The storage in `file_io` if it is one of these. A `FileIO` shows nobody what is in it, but
    /// passes on which location is asked for.
    pub(super) fn of(file_io: &FileIO) -> Option<Self> {
        ASKED.take();
        // What another storage says to that location does not matter.
        let _ = file_io.new_input(YOURSELF);
        ASKED.take()
    }

    /// The store of `location`, and its key there.
    pub(super) fn resolve(&self, location: &str) -> Result<(Arc<dyn ObjectStore>, Path)> {
        let (store, path) = location::parse(location)?;
        let prefix = self.access.prefix_of(location);
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (store, prefix);
        if let Some(store) = opened.get(&key) {
            return Ok((Arc::clone(store), path));
        }
        let (properties, vended) = self.access.of(&key.0, location);
        let store = self.stores.get(&key.0, &properties, vended)?;
        opened.insert(key, Arc::clone(&store));
        Ok((store, path))
    }

    /// What files are opened with.
    pub(super) fn access(&self) -> &Access {
        &self.access
    }

    fn failed(&self, verb: &str, location: &str, cause: &object_store::Error) -> iceberg::Error {
        explained(verb, location, cause, &self.access).into()
    }
}

impl fmt::Debug for ObjectStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectStorage")
            .field("access", &self.access)
            .finish_non_exhaustive()
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
            Err(cause) => Err(self.failed("look for", path, &cause)),
        }
    }

    async fn metadata(&self, path: &str) -> iceberg::Result<FileMetadata> {
        let (store, key) = self.resolve(path)?;
        let meta = store
            .head(&key)
            .await
            .map_err(|cause| self.failed("read", path, &cause))?;
        Ok(FileMetadata { size: meta.size })
    }

    async fn read(&self, path: &str) -> iceberg::Result<Bytes> {
        let (store, key) = self.resolve(path)?;
        let read = async {
            let found = store.get(&key).await?;
            let size = found.meta.size;
            Ok((found.bytes().await?, size))
        };
        let (bytes, size) = read
            .await
            .map_err(|cause| self.failed("read", path, &cause))?;
        match bytes.len() as u64 == size {
            true => Ok(bytes),
            false => Err(too_short(path, 0, size, bytes.len()).into()),
        }
    }

    async fn reader(&self, path: &str) -> iceberg::Result<Box<dyn FileRead>> {
        let (store, key) = self.resolve(path)?;
        Ok(Box::new(ObjectRead {
            store,
            key,
            location: path.to_string(),
            access: self.access.clone(),
        }))
    }

    async fn write(&self, path: &str, bs: Bytes) -> iceberg::Result<()> {
        let (store, key) = self.resolve(path)?;
        let written = write_file(store.as_ref(), &key, path, bs).await;
        written.map_err(|cause| self.failed("write", path, &cause))
    }

    async fn writer(&self, path: &str) -> iceberg::Result<Box<dyn FileWrite>> {
        let (store, key) = self.resolve(path)?;
        let access = self.access.clone();
        Ok(Box::new(ObjectWrite::new(store, key, path, access)))
    }

    async fn delete(&self, path: &str) -> iceberg::Result<()> {
        let (store, key) = self.resolve(path)?;
        match store.delete(&key).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(cause) => Err(self.failed("delete", path, &cause)),
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
                Err(cause) => return Err(self.failed("delete", path, &cause)),
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
        if path == YOURSELF {
            ASKED.set(Some(self.clone()));
        }
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
    access: Access,
}

#[async_trait]
impl FileRead for ObjectRead {
    async fn read(&self, range: Range<u64>) -> iceberg::Result<Bytes> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let (from, asked) = (range.start, range.end - range.start);
        let read = self.store.get_range(&self.key, range).await;
        let bytes =
            read.map_err(|cause| explained("read", &self.location, &cause, &self.access))?;
        match bytes.len() as u64 == asked {
            true => Ok(bytes),
            false => Err(too_short(&self.location, from, asked, bytes.len()).into()),
        }
    }
}
