// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What EXPLAIN tells about a scan.

use std::fmt::{self, Display, Formatter};

use crate::plan::FileCounts;

/// The table and snapshot of a scan, and how its files were chosen.
#[derive(Debug, Clone)]
pub struct ScanSummary {
    table: String,
    snapshot_id: Option<i64>,
    files: FileCounts,
}

impl ScanSummary {
    pub(crate) fn new(table: String, snapshot_id: Option<i64>, files: FileCounts) -> Self {
        Self {
            table,
            snapshot_id,
            files,
        }
    }

    /// The same scan, every file read by merge-on-read.
    pub(super) fn forced(&self) -> Self {
        Self {
            files: self.files.forced(),
            ..self.clone()
        }
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The snapshot that is read, None for a table without one.
    pub fn snapshot_id(&self) -> Option<i64> {
        self.snapshot_id
    }
}

impl Display for ScanSummary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "iceberg: table={}, ", self.table)?;
        match self.snapshot_id {
            Some(id) => write!(f, "snapshot={id}, ")?,
            None => write!(f, "snapshot=none, ")?,
        }
        self.files.fmt(f)
    }
}
