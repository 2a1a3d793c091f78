// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Whether a database file was written while it was read without locks.

use std::path::Path;
use std::time::SystemTime;

/// What a write to a database file changes. Nothing here opens the file: closing it again would
/// drop the locks that SQLite holds on it in this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileState {
    length: u64,
    modified: Option<SystemTime>,
}

impl FileState {
    /// The state of the file, if it alone is the whole database: there is no write-ahead log and no
    /// rollback journal with something in it.
    pub(super) fn alone(path: &Path) -> Option<Self> {
        let meta = std::fs::metadata(path).ok()?;
        let has_log = ["-wal", "-journal"].iter().any(|suffix| {
            let mut log = path.as_os_str().to_os_string();
            log.push(suffix);
            std::fs::metadata(log).is_ok_and(|log| log.len() > 0)
        });
        (!has_log).then(|| Self {
            length: meta.len(),
            modified: meta.modified().ok(),
        })
    }
}
