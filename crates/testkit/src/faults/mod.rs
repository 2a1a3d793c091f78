// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Object stores that fail, lie, dawdle or hang.
//!
//! [`FaultyStore`] stands before another store and does what its [`Fault`]s say to the files they
//! name. [`file_io`] puts any store under an Iceberg `FileIO`, so that metadata and data are read
//! through it.

mod storage;
mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use iceberg::io::{FileIO, FileIOBuilder};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

pub use storage::StoreFactory;
pub use store::FaultyStore;

/// What a store does to the files that a fault names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FaultKind {
    /// Every read fails.
    Error,
    /// The file is not there.
    NotFound,
    /// Reads give so many bytes less than were asked for.
    Short(usize),
    /// The file ends after this share of its bytes.
    Truncated(f64),
    /// A bit of the byte at this share of the file is another one.
    Flipped(f64),
    /// Reads take so long.
    Slow(Duration),
    /// Reads never end.
    Hang,
}

/// A fault of the files whose paths contain a text.
#[derive(Debug, Clone)]
pub struct Fault {
    /// What the path contains.
    pub path: String,
    /// What happens.
    pub kind: FaultKind,
    /// So many reads go well first.
    pub after: usize,
}

impl Fault {
    /// A fault from the first read on.
    pub fn new(path: impl Into<String>, kind: FaultKind) -> Self {
        Self {
            path: path.into(),
            kind,
            after: 0,
        }
    }
}

/// A store in memory with these files.
///
/// # Errors
///
/// When a location is none that a store can have.
pub async fn memory(files: &BTreeMap<String, Bytes>) -> object_store::Result<Arc<InMemory>> {
    let store = InMemory::new();
    for (location, bytes) in files {
        store.put(&path(location), bytes.clone().into()).await?;
    }
    Ok(Arc::new(store))
}

/// A `FileIO` over a store that was made by [`memory`], or stands before it.
pub fn file_io(store: Arc<dyn ObjectStore>) -> FileIO {
    FileIOBuilder::new(Arc::new(StoreFactory::new(store))).build()
}

/// Where a store keeps a location: scheme and host are as good as a folder.
fn path(location: &str) -> Path {
    let path = match location.split_once(':') {
        Some((_, rest)) => rest,
        None => location,
    };
    Path::from_iter(path.split('/').filter(|part| !part.is_empty()))
}
