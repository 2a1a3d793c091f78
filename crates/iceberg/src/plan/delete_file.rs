// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The delete files that apply to a data file.

use std::sync::Arc;

use iceberg::spec::{ManifestEntryRef, PartitionSpec};

/// A delete file that applies to a data file.
#[derive(Debug, Clone)]
pub(crate) struct DeleteFile {
    pub(crate) entry: ManifestEntryRef,
    /// The spec that its partition tuple was written by.
    pub(crate) spec: Arc<PartitionSpec>,
    pub(crate) spec_id: i32,
    pub(crate) sequence: i64,
}

/// The deletes that apply to one data file.
#[derive(Debug, Clone, Default)]
pub(crate) struct FileDeletes {
    pub(crate) vector: Option<Arc<DeleteFile>>,
    pub(crate) positions: Vec<Arc<DeleteFile>>,
    pub(crate) equality: Vec<Arc<DeleteFile>>,
}

impl FileDeletes {
    /// Whether nothing of the data file is deleted.
    pub(crate) fn is_empty(&self) -> bool {
        self.vector.is_none() && self.positions.is_empty() && self.equality.is_empty()
    }

    /// All of them.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Arc<DeleteFile>> {
        let named = self.vector.iter().chain(&self.positions);
        named.chain(&self.equality)
    }
}
