// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A storage that looks for each file where it is now.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use iceberg::io::{
    FileMetadata, FileRead, FileWrite, InputFile, OutputFile, Storage, StorageConfig,
    StorageFactory,
};
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use super::paths::MovedPaths;
use crate::error::{Error, ErrorKind};
use crate::storage::ObjectStorageFactory;

/// How many files from outside of the table's directory are remembered.
const REMEMBERED: usize = 1 << 16;

/// Makes the storage of a moved table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MovedStorageFactory {
    inner: ObjectStorageFactory,
    paths: MovedPaths,
}

impl MovedStorageFactory {
    /// Reads through `inner` what `paths` find.
    pub(crate) fn new(inner: ObjectStorageFactory, paths: &MovedPaths) -> Self {
        Self {
            inner,
            paths: paths.clone(),
        }
    }
}

#[typetag::serde(name = "feast-moved-storage-factory")]
impl StorageFactory for MovedStorageFactory {
    fn build(&self, config: &StorageConfig) -> iceberg::Result<Arc<dyn Storage>> {
        let inner = OnceLock::from(self.inner.build(config)?);
        Ok(Arc::new(MovedStorage {
            factory: self.inner.overlaid(config.props()),
            paths: self.paths.clone(),
            state: Arc::new(State {
                inner,
                ..State::default()
            }),
        }))
    }
}

/// The storage of a moved table: files are asked for by their recorded locations. It only reads.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct MovedStorage {
    factory: ObjectStorageFactory,
    paths: MovedPaths,
    #[serde(skip)]
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    inner: OnceLock<Arc<dyn Storage>>,
    /// Where files from outside of the table's directory were found.
    found: Mutex<HashMap<String, String>>,
    /// The paths, with what older metadata files say in addition.
    older: OnceCell<MovedPaths>,
}

impl State {
    fn known(&self, path: &str) -> Option<String> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.get(path).cloned()
    }

    fn remember(&self, path: &str, place: &str) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.len() >= REMEMBERED {
            found.clear();
        }
        found.insert(path.to_string(), place.to_string());
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

impl MovedStorage {
    fn inner(&self) -> iceberg::Result<Arc<dyn Storage>> {
        if let Some(inner) = self.state.inner.get() {
            return Ok(Arc::clone(inner));
        }
        let built = self.factory.build(&StorageConfig::new())?;
        Ok(Arc::clone(self.state.inner.get_or_init(|| built)))
    }

    /// Where the file recorded at `path` is now.
    async fn place(&self, path: &str) -> iceberg::Result<String> {
        if let Some(place) = self.paths.place(path) {
            return Ok(place);
        }
        if let Some(place) = self.state.known(path) {
            return Ok(place);
        }
        let place = self.place_outside(path).await?;
        self.state.remember(path, &place);
        Ok(place)
    }

    /// Where a file from outside of the table's directory is now: where it was, if it is there.
    async fn place_outside(&self, path: &str) -> iceberg::Result<String> {
        // Another system may not be reachable, or not even known.
        let there = self.paths.is_near(path) && self.inner()?.exists(path).await.unwrap_or(false);
        if there {
            return Ok(path.to_string());
        }
        if let Some(place) = self.first_that_exists(self.paths.guesses(path)).await? {
            return Ok(place);
        }
        let older = self.state.older.get_or_try_init(|| self.older());
        let guesses = older.await?.guesses(path);
        let found = self.first_that_exists(guesses).await?;
        Ok(found.unwrap_or_else(|| path.to_string()))
    }

    async fn first_that_exists(
        &self,
        places: impl Iterator<Item = String>,
    ) -> iceberg::Result<Option<String>> {
        let inner = self.inner()?;
        for place in places {
            if inner.exists(&place).await? {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// The paths, with the locations that the other metadata files in the folder say.
    async fn older(&self) -> iceberg::Result<MovedPaths> {
        let mut paths = self.paths.clone();
        let folder = self.paths.metadata_folder();
        for location in self.factory.older_locations(folder).await? {
            paths.add_older(&location);
        }
        Ok(paths)
    }
}

/// `error`, which names where the file is now, with a word on why it is looked for there.
fn told(error: iceberg::Error, path: &str, place: &str) -> iceberg::Error {
    let error = Error::from(error);
    let error = match path == place {
        true => error,
        false => error.context("the table was moved"),
    };
    error.into()
}

fn read_only(path: &str) -> iceberg::Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("'{path}' cannot be written: a table opened by its files is only read"),
    )
    .into()
}

#[async_trait]
#[typetag::serde(name = "feast-moved-storage")]
impl Storage for MovedStorage {
    async fn exists(&self, path: &str) -> iceberg::Result<bool> {
        let place = self.place(path).await?;
        let found = self.inner()?.exists(&place).await;
        found.map_err(|error| told(error, path, &place))
    }

    async fn metadata(&self, path: &str) -> iceberg::Result<FileMetadata> {
        let place = self.place(path).await?;
        let found = self.inner()?.metadata(&place).await;
        found.map_err(|error| told(error, path, &place))
    }

    async fn read(&self, path: &str) -> iceberg::Result<Bytes> {
        let place = self.place(path).await?;
        let read = self.inner()?.read(&place).await;
        read.map_err(|error| told(error, path, &place))
    }

    async fn reader(&self, path: &str) -> iceberg::Result<Box<dyn FileRead>> {
        let place = self.place(path).await?;
        let reader = self.inner()?.reader(&place).await;
        reader.map_err(|error| told(error, path, &place))
    }

    async fn write(&self, path: &str, _bs: Bytes) -> iceberg::Result<()> {
        Err(read_only(path))
    }

    async fn writer(&self, path: &str) -> iceberg::Result<Box<dyn FileWrite>> {
        Err(read_only(path))
    }

    async fn delete(&self, path: &str) -> iceberg::Result<()> {
        Err(read_only(path))
    }

    async fn delete_prefix(&self, path: &str) -> iceberg::Result<()> {
        Err(read_only(path))
    }

    async fn delete_stream(&self, _paths: BoxStream<'static, String>) -> iceberg::Result<()> {
        Err(read_only("a moved table"))
    }

    fn new_input(&self, path: &str) -> iceberg::Result<InputFile> {
        Ok(InputFile::new(Arc::new(self.clone()), path.to_string()))
    }

    fn new_output(&self, path: &str) -> iceberg::Result<OutputFile> {
        Err(read_only(path))
    }
}
