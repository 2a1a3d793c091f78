// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The kinds of metadata tables and their names.

use std::fmt;

/// What a metadata table shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetadataTableKind {
    /// The snapshots that the table has.
    Snapshots,
    /// Which snapshot was current since when.
    History,
    /// The manifests of a snapshot.
    Manifests,
    /// The live data and delete files of a snapshot.
    Files,
    /// The live data files of a snapshot.
    DataFiles,
    /// The live delete files of a snapshot.
    DeleteFiles,
    /// The partitions of a snapshot, with counts.
    Partitions,
    /// The branches and tags.
    Refs,
    /// The entries of a snapshot's manifests, those of removed files too.
    Entries,
}

impl MetadataTableKind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Snapshots,
        Self::History,
        Self::Manifests,
        Self::Files,
        Self::DataFiles,
        Self::DeleteFiles,
        Self::Partitions,
        Self::Refs,
        Self::Entries,
    ];

    /// What follows `$` in the table's name.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Snapshots => "snapshots",
            Self::History => "history",
            Self::Manifests => "manifests",
            Self::Files => "files",
            Self::DataFiles => "data_files",
            Self::DeleteFiles => "delete_files",
            Self::Partitions => "partitions",
            Self::Refs => "refs",
            Self::Entries => "entries",
        }
    }

    /// Whether it is about one snapshot, and not about the table.
    pub(super) fn is_of_snapshot(self) -> bool {
        !matches!(self, Self::Snapshots | Self::History | Self::Refs)
    }

    /// The kind with this suffix.
    pub fn from_suffix(suffix: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.suffix() == suffix)
    }
}

impl fmt::Display for MetadataTableKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.suffix())
    }
}
