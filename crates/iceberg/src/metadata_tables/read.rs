// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Reading a snapshot's manifest list and manifests, with all that they say.

use std::fmt;
use std::sync::Arc;

use iceberg::spec::{ManifestFile, SnapshotRef};
use iceberg::table::Table;

use super::files::FileRow;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{ColumnTypes, all_entries, load_list};
use crate::storage::TableStorage;

/// The table and snapshot that are read.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) table: Table,
    pub(super) name: Arc<str>,
    pub(super) storage: Arc<TableStorage>,
    /// None for a table that nobody has written to.
    pub(super) snapshot: Option<SnapshotRef>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)
    }
}

impl Source {
    /// The manifests of the snapshot, those of removed files only too.
    pub(super) async fn manifests(&self) -> Result<Vec<ManifestFile>> {
        let Some(snapshot) = &self.snapshot else {
            return Ok(Vec::new());
        };
        let location = snapshot.manifest_list();
        if snapshot.encryption_key_id().is_some() {
            return Err(self.encrypted(location));
        }
        let list = load_list(&self.table, snapshot).await;
        list.map_err(|error| self.unreadable("manifest list", location, &error))
    }

    /// The entries of a manifest; `types` are those of the table's columns.
    pub(super) async fn entries(
        &self,
        file: &ManifestFile,
        types: &ColumnTypes,
    ) -> Result<Vec<FileRow>> {
        let location = &file.manifest_path;
        if file.key_metadata.is_some() {
            return Err(self.encrypted(location));
        }
        let read = async {
            let input = self.storage.file_io().new_input(location)?;
            all_entries(&input.read().await?, file, self.table.metadata(), types)
        };
        let read = read.await;
        let (entries, spec) =
            read.map_err(|error| self.unreadable("manifest", location, &error))?;
        let row = |entry| FileRow {
            entry,
            spec: Arc::clone(&spec),
            spec_id: file.partition_spec_id,
        };
        Ok(entries.into_iter().map(row).collect())
    }

    fn snapshot_id(&self) -> i64 {
        self.snapshot.as_ref().map_or(-1, |s| s.snapshot_id())
    }

    fn unreadable(&self, kind: &str, location: &str, error: &Error) -> Error {
        let (name, id) = (&self.name, self.snapshot_id());
        error.clone().context(format!(
            "cannot read the {kind} '{location}' of table {name} (snapshot {id})"
        ))
    }

    fn encrypted(&self, location: &str) -> Error {
        let (name, id) = (&self.name, self.snapshot_id());
        Error::new(
            ErrorKind::Unsupported,
            format!(
                "'{location}' of table {name} (snapshot {id}) is encrypted, and encrypted tables \
                 are not supported: read a copy that was written without encryption"
            ),
        )
    }
}
