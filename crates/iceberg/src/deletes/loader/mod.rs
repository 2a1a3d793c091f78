// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Loads delete files: each once a scan, and once a session while the cache holds it.

mod equality;
mod positions;

use std::fmt;
use std::sync::Arc;

use datafusion::common::runtime::SpawnedTask;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use iceberg::spec::TableMetadataRef;
use roaring::RoaringTreemap;

use self::equality::EqualitySets;
use super::load_once::LoadOnce;
use super::origin::{DeleteKind, Origin};
use super::positions::PositionDeletes;
use crate::cache::{CacheKind, Weigh};
use crate::error::{Error, ErrorKind, Result};
use crate::storage::TableStorage;

/// Delete files read at the same time for one data file.
const CONCURRENCY: usize = 8;

/// Loads delete files for the partitions of one scan, which share what is loaded. Sets of equality
/// deletes stay for the scan, or it fails when there is no memory for them. Deleted positions stay
/// as long as there is memory; without it they are read again by whoever needs them later.
pub(crate) struct DeleteLoader {
    origin: Origin,
    storage: Arc<TableStorage>,
    metadata: TableMetadataRef,
    pool: Arc<dyn MemoryPool>,
    /// Bytes of the positions that stay.
    memory: MemoryReservation,
    /// By data file.
    deleted: LoadOnce<RoaringTreemap>,
    /// By position delete file.
    positions: LoadOnce<PositionDeletes>,
    equality: EqualitySets,
}

impl DeleteLoader {
    /// A loader for one scan of `table`.
    pub(crate) fn new(
        table: Arc<str>,
        snapshot_id: i64,
        storage: Arc<TableStorage>,
        metadata: TableMetadataRef,
        pool: Arc<dyn MemoryPool>,
    ) -> Self {
        let memory = MemoryConsumer::new("Iceberg position deletes").register(&pool);
        Self {
            origin: Origin { table, snapshot_id },
            storage,
            metadata,
            pool,
            memory,
            deleted: LoadOnce::default(),
            positions: LoadOnce::default(),
            equality: EqualitySets::default(),
        }
    }

    /// What `load` makes of `file`, kept by the session under `location`.
    async fn cached<T, F>(
        &self,
        kind: DeleteKind,
        file: &str,
        location: &str,
        load: F,
    ) -> Result<Arc<T>>
    where
        T: Weigh + Send + Sync + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let cache = match kind {
            DeleteKind::Vector => CacheKind::DeletionVector,
            DeleteKind::Positions => CacheKind::PositionDeletes,
            DeleteKind::Equality => CacheKind::EqualityDeletes,
        };
        let caches = self.storage.caches();
        let load = isolated(load);
        let loaded = caches.get_or_load(cache, self.storage.identity(), location, load);
        loaded
            .await
            .map_err(|e| self.origin.unreadable(kind, file, e))
    }
}

/// Runs a load as a task of its own, so that several decode at once and bytes that make a decoder
/// panic are an error.
async fn isolated<T, F>(load: F) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    match SpawnedTask::spawn(load).await {
        Ok(loaded) => loaded,
        // What the decoder said of itself helps nobody.
        Err(e) if e.is_panic() => {
            let message = "its bytes cannot be decoded";
            Err(Error::new(ErrorKind::Damaged, message))
        }
        Err(e) => Err(Error::new(ErrorKind::Io, "the read was interrupted").with_source(e)),
    }
}

impl fmt::Debug for DeleteLoader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeleteLoader")
            .field("table", &self.origin.table)
            .field("snapshot_id", &self.origin.snapshot_id)
            .finish_non_exhaustive()
    }
}
