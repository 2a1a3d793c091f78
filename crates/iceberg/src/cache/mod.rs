// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Files that never change, kept in memory: manifest lists, manifests, delete
//! files, and what lookups need of data files.

mod kind;
mod location;
mod store;
mod weigh;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

pub use kind::CacheKind;
use store::Store;
pub use store::{CacheUsage, CachedFile};
pub(crate) use weigh::{Weigh, struct_weight};

use crate::error::Result;

/// How much the caches of a session may hold, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    /// Manifest lists and manifests.
    pub manifests: u64,
    /// Delete files and deletion vectors.
    pub deletes: u64,
    /// Footers and bloom filters of the data files that keys were looked up in.
    pub indexes: u64,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self {
            manifests: 256 << 20,
            deletes: 256 << 20,
            indexes: 256 << 20,
        }
    }
}

/// The files that a session keeps.
///
/// Only files that never change are kept, so that nothing here goes stale. What is used seldom
/// makes room for what is used often; a file that is larger than the limit is not kept. A limit of
/// 0 keeps nothing.
pub struct IcebergCaches {
    limits: CacheLimits,
    manifests: Store,
    deletes: Store,
    indexes: Store,
}

impl IcebergCaches {
    /// Caches that hold at most `limits`.
    pub fn new(limits: CacheLimits) -> Self {
        Self {
            limits,
            manifests: Store::new(limits.manifests),
            deletes: Store::new(limits.deletes),
            indexes: Store::new(limits.indexes),
        }
    }

    /// The limits.
    pub fn limits(&self) -> CacheLimits {
        self.limits
    }

    /// The file at `location`, loaded by `load` if it is not kept. `storage` tells apart tables
    /// whose credentials differ. Callers that ask at the same time share one load, and when it is
    /// cancelled another of them loads; a failed load is not kept.
    pub(crate) async fn get_or_load<T, F>(
        &self,
        kind: CacheKind,
        storage: u64,
        location: &str,
        load: F,
    ) -> Result<Arc<T>>
    where
        T: Weigh + Send + Sync + 'static,
        F: Future<Output = Result<T>> + Send,
    {
        self.store(kind)
            .get_or_load(kind, storage, location, load)
            .await
    }

    /// The file at `location` if it is kept.
    pub(crate) async fn get<T>(
        &self,
        kind: CacheKind,
        storage: u64,
        location: &str,
    ) -> Option<Arc<T>>
    where
        T: Send + Sync + 'static,
    {
        self.store(kind).get(kind, storage, location).await
    }

    /// The files that are kept, by kind and location.
    pub fn entries(&self) -> Vec<CachedFile> {
        let mut entries = self.manifests.entries();
        entries.extend(self.deletes.entries());
        entries.extend(self.indexes.entries());
        entries.sort_by(|a, b| (a.kind, &a.location).cmp(&(b.kind, &b.location)));
        entries
    }

    /// What each kind of file holds and how often it was asked for.
    pub fn usage(&self) -> Vec<CacheUsage> {
        let of_kind = |kind| self.store(kind).usage(kind);
        CacheKind::ALL.into_iter().map(of_kind).collect()
    }

    /// Forgets all files. Loads under way are kept when they are done.
    pub fn clear(&self) {
        self.manifests.clear();
        self.deletes.clear();
        self.indexes.clear();
    }

    fn store(&self, kind: CacheKind) -> &Store {
        match kind {
            CacheKind::ManifestList | CacheKind::Manifest => &self.manifests,
            CacheKind::PositionDeletes | CacheKind::DeletionVector | CacheKind::EqualityDeletes => {
                &self.deletes
            }
            CacheKind::DataFileIndex => &self.indexes,
        }
    }
}

impl Default for IcebergCaches {
    fn default() -> Self {
        Self::new(CacheLimits::default())
    }
}

impl fmt::Debug for IcebergCaches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IcebergCaches")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
