// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Reading a snapshot's manifest list and manifests, with all that they say.

use std::fmt;
use std::sync::Arc;

use iceberg::spec::{Manifest, ManifestFile, SnapshotRef};
use iceberg::table::Table;

use super::files::FileRow;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{completed_manifest, load_list, without_panic};
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

    /// The entries of a manifest.
    pub(super) async fn entries(&self, file: &ManifestFile) -> Result<Vec<FileRow>> {
        let location = &file.manifest_path;
        if file.key_metadata.is_some() {
            return Err(self.encrypted(location));
        }
        let manifest = self.manifest(file).await;
        let manifest = manifest.map_err(|error| self.unreadable("manifest", location, &error))?;
        let (entries, header) = manifest.into_parts();
        let spec = Arc::new(header.partition_spec);
        let row = |entry| FileRow {
            entry,
            spec: Arc::clone(&spec),
            spec_id: file.partition_spec_id,
        };
        Ok(entries.into_iter().map(row).collect())
    }

    async fn manifest(&self, file: &ManifestFile) -> Result<Manifest> {
        let file_io = self.storage.file_io();
        let read = without_panic(async { Ok(file.load_manifest(file_io).await?) });
        let failed = match read.await {
            Ok(manifest) => return Ok(manifest),
            Err(failed) if failed.kind() == ErrorKind::Damaged => failed,
            Err(failed) => return Err(failed),
        };
        let bytes = file_io.new_input(&file.manifest_path)?.read().await?;
        let metadata = self.table.metadata();
        let completed = without_panic(async { completed_manifest(&bytes, file, metadata) });
        completed.await?.ok_or(failed)
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
