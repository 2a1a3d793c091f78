// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! How the files of a read were chosen, as EXPLAIN says it.

use std::collections::HashSet;
use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use super::delete_file::FileDeletes;
use super::files::PlannedFile;

/// How the files of a read were chosen.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FileCounts {
    pub(super) manifests: usize,
    pub(super) manifests_read: usize,
    pub(super) delete_manifests: usize,
    pub(super) delete_manifests_read: usize,
    pub(super) total: usize,
    pub(super) pruned_by_partition: usize,
    pub(super) pruned_by_bounds: usize,
    pub(super) pruned_by_limit: usize,
    /// Files to open that have no deletes.
    pub(super) clean: usize,
    /// Files to open that have deletes; one with two kinds counts for both.
    pub(super) with_deletes: usize,
    pub(super) with_vector: usize,
    pub(super) with_positions: usize,
    pub(super) with_equality: usize,
    pub(super) delete_files: usize,
    /// The bytes of the files to open.
    pub(super) bytes: u64,
    /// Whether every file is read as if it had deletes.
    pub(super) forced: bool,
}

impl FileCounts {
    /// Counts the files to open.
    pub(super) fn count(&mut self, files: &[PlannedFile]) {
        let mut lists: HashSet<*const FileDeletes> = HashSet::new();
        let mut delete_files = HashSet::new();
        for file in files {
            self.bytes += file.entry.file_size_in_bytes();
            let deletes = &file.deletes;
            self.clean += usize::from(deletes.is_empty());
            self.with_deletes += usize::from(!deletes.is_empty());
            self.with_vector += usize::from(deletes.vector.is_some());
            self.with_positions += usize::from(!deletes.positions.is_empty());
            self.with_equality += usize::from(!deletes.equality.is_empty());
            if lists.insert(Arc::as_ptr(deletes)) {
                delete_files.extend(deletes.files().map(Arc::as_ptr));
            }
        }
        self.delete_files = delete_files.len();
    }

    /// The same files, all of them read as if they had deletes.
    pub(crate) fn forced(self) -> Self {
        Self {
            forced: true,
            ..self
        }
    }

    fn read(&self) -> usize {
        self.total - self.pruned_by_partition - self.pruned_by_bounds - self.pruned_by_limit
    }
}

impl Display for FileCounts {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "files={}/{}", self.read(), self.total)?;
        let reasons = [
            (self.pruned_by_partition, "pruned by partition"),
            (self.pruned_by_bounds, "pruned by bounds"),
            (self.pruned_by_limit, "pruned by limit"),
        ];
        write_reasons(f, &reasons)?;
        write!(f, ", manifests={}/{}", self.manifests_read, self.manifests)?;
        let pruned = self.manifests - self.manifests_read;
        write_reasons(f, &[(pruned, "pruned by partition")])?;
        let (direct, merged) = if self.forced {
            (0, self.clean + self.with_deletes)
        } else {
            (self.clean, self.with_deletes)
        };
        write!(f, ", direct={direct}, merge-on-read={merged}")?;
        let forced = if self.forced { self.clean } else { 0 };
        let reasons = [
            (self.with_vector, "with a deletion vector"),
            (self.with_positions, "with position deletes"),
            (self.with_equality, "with equality deletes"),
            (forced, "forced"),
        ];
        write_reasons(f, &reasons)?;
        if self.delete_manifests > 0 {
            let (read, total) = (self.delete_manifests_read, self.delete_manifests);
            write!(f, ", delete_files={}", self.delete_files)?;
            write!(f, ", delete_manifests={read}/{total}")?;
        }
        write!(f, ", bytes={}", self.bytes)
    }
}

/// ` (3 of one sort, 2 of another)`, nothing when there is none.
pub(super) fn write_reasons(f: &mut Formatter<'_>, reasons: &[(usize, &str)]) -> fmt::Result {
    let some = reasons.iter().filter(|(count, _)| *count > 0);
    let some: Vec<_> = some
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if some.is_empty() {
        return Ok(());
    }
    write!(f, " ({})", some.join(", "))
}
