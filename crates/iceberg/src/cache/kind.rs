// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The kinds of files that are kept.

use std::fmt;

/// What kind of file is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CacheKind {
    /// The list of a snapshot's manifests.
    ManifestList,
    /// A manifest.
    Manifest,
    /// A position delete file.
    PositionDeletes,
    /// A deletion vector.
    DeletionVector,
    /// An equality delete file.
    EqualityDeletes,
    /// What lookups of keys need of a data file before its rows: its footer with the page index,
    /// and its bloom filters.
    DataFileIndex,
}

impl CacheKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::ManifestList,
        Self::Manifest,
        Self::PositionDeletes,
        Self::DeletionVector,
        Self::EqualityDeletes,
        Self::DataFileIndex,
    ];

    /// The kind's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ManifestList => "manifest list",
            Self::Manifest => "manifest",
            Self::PositionDeletes => "position deletes",
            Self::DeletionVector => "deletion vector",
            Self::EqualityDeletes => "equality deletes",
            Self::DataFileIndex => "data file index",
        }
    }

    pub(super) fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for CacheKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
