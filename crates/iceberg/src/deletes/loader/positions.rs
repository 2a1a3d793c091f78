// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The deleted positions of a data file.

use std::sync::Arc;

use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use roaring::RoaringTreemap;

use super::{CONCURRENCY, DeleteLoader};
use crate::cache::Weigh;
use crate::deletes::load_once::Keep;
use crate::deletes::location::same_file_key;
use crate::deletes::origin::DeleteKind;
use crate::deletes::positions::{self, PositionDeletes, treemap_weight};
use crate::deletes::vector::DeletionVector;
use crate::error::Result;
use crate::plan::{DeleteFile, FileDeletes};

/// Up to how many bytes the positions of single data files stay, for readers of their other parts.
const KEPT_OF_FILES: usize = 64 << 20;

impl DeleteLoader {
    /// The deleted positions of a data file: those of its deletion vector if it has one (then
    /// position delete files do not count), else those of all its position delete files.
    pub(crate) async fn positions(
        &self,
        data_file: &str,
        record_count: u64,
        deletes: &FileDeletes,
    ) -> Result<Arc<RoaringTreemap>> {
        let load = async {
            let deleted = match &deletes.vector {
                Some(vector) => self.vector(data_file, record_count, vector).await?,
                None => self.union(data_file, &deletes.positions).await?,
            };
            let keep = self.keep(treemap_weight(&deleted), KEPT_OF_FILES);
            Ok((deleted, keep))
        };
        Box::pin(self.deleted.get_or_load(data_file, load)).await
    }

    async fn vector(
        &self,
        data_file: &str,
        record_count: u64,
        delete: &DeleteFile,
    ) -> Result<Arc<RoaringTreemap>> {
        let file = delete.entry.data_file();
        // One Puffin file has the vectors of many data files.
        let place = (file.content_offset(), file.content_size_in_bytes());
        let location = match place {
            (Some(offset), Some(length)) => format!("{}#{offset}+{length}", file.file_path()),
            _ => format!("{}#{data_file}", file.file_path()),
        };
        let load = {
            let (storage, entry) = (Arc::clone(&self.storage), Arc::clone(&delete.entry));
            let data_file = data_file.to_string();
            async move { DeletionVector::read(&storage, entry.data_file(), &data_file).await }
        };
        let kind = DeleteKind::Vector;
        let vector = self.cached(kind, file.file_path(), &location, load).await?;
        let verified = vector.verify(file, data_file, record_count);
        verified.map_err(|found| {
            let found = format!("of data file '{data_file}': {found}");
            self.origin.damaged(kind, file.file_path(), found)
        })?;
        Ok(vector.positions())
    }

    async fn union(
        &self,
        data_file: &str,
        deletes: &[Arc<DeleteFile>],
    ) -> Result<Arc<RoaringTreemap>> {
        let key = same_file_key(data_file);
        let mut loads = Vec::with_capacity(deletes.len());
        for delete in deletes {
            loads.push(self.position_deletes(delete).boxed());
        }
        let mut loads = stream::iter(loads).buffer_unordered(CONCURRENCY);
        let mut union: Option<Arc<RoaringTreemap>> = None;
        while let Some(deletes) = loads.try_next().await? {
            let Some(deleted) = deletes.of(&key) else {
                continue;
            };
            match &mut union {
                Some(union) => *Arc::make_mut(union) |= &**deleted,
                None => union = Some(Arc::clone(deleted)),
            }
        }
        Ok(union.unwrap_or_default())
    }

    async fn position_deletes(&self, delete: &DeleteFile) -> Result<Arc<PositionDeletes>> {
        let location = delete.entry.file_path();
        let load = async {
            let (storage, entry) = (Arc::clone(&self.storage), Arc::clone(&delete.entry));
            let load = async move { positions::read(&storage, entry.data_file()).await };
            let kind = DeleteKind::Positions;
            let deletes = self.cached(kind, location, location, load).await?;
            let keep = match deletes.files() {
                0 | 1 => Keep::WhileUsed,
                _ => self.keep(deletes.weight(), usize::MAX),
            };
            Ok((deletes, keep))
        };
        Box::pin(self.positions.get_or_load(location, load)).await
    }

    /// How long to keep so many bytes: for the scan if there is memory for them.
    fn keep(&self, bytes: usize, limit: usize) -> Keep {
        let wanted = self.memory.size().saturating_add(bytes);
        match wanted <= limit && self.memory.try_grow(bytes).is_ok() {
            true => Keep::ForTheScan,
            false => Keep::WhileUsed,
        }
    }
}
