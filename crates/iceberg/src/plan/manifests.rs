// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Reading the manifest list of a snapshot and the manifests it names.

use std::sync::Arc;

use datafusion::common::runtime::SpawnedTask;
use futures::{StreamExt, TryStreamExt};
use iceberg::io::FileIO;
use iceberg::spec::{
    Manifest, ManifestContentType, ManifestFile, ManifestList, SnapshotRef, TableMetadata,
};
use iceberg::table::Table;

use super::deletes::encrypted;
use super::header::{completed_manifest, first_version_list};
use crate::error::{Error, ErrorKind, Result};

/// Manifests read at the same time.
const CONCURRENCY: usize = 16;

/// The manifests of a snapshot that name live files.
pub(crate) struct ManifestFiles {
    pub(crate) data: Vec<ManifestFile>,
    pub(crate) deletes: Vec<ManifestFile>,
}

/// A manifest and the entry of the manifest list that names it.
#[derive(Clone)]
pub(crate) struct LoadedManifest {
    pub(crate) file: ManifestFile,
    pub(crate) manifest: Arc<Manifest>,
}

/// Reads the manifest list.
pub(crate) async fn list_manifests(
    table: &Table,
    name: &str,
    snapshot: &SnapshotRef,
) -> Result<ManifestFiles> {
    let id = snapshot.snapshot_id();
    if snapshot.encryption_key_id().is_some() {
        return Err(encrypted(name, id, snapshot.manifest_list()));
    }
    let list = load_list(table, snapshot).await.map_err(|e| {
        e.context(format!(
            "cannot read the manifest list '{}' of table {name} (snapshot {id})",
            snapshot.manifest_list()
        ))
    })?;
    let live = |m: &ManifestFile| m.has_added_files() || m.has_existing_files();
    let live = list.consume_entries().into_iter().filter(live);
    let (data, deletes) = live.partition(|m| m.content == ManifestContentType::Data);
    Ok(ManifestFiles { data, deletes })
}

async fn load_list(table: &Table, snapshot: &SnapshotRef) -> Result<ManifestList> {
    let failed = match table.manifest_list_reader(snapshot).load().await {
        Ok(list) => return Ok(list),
        Err(failed) => failed,
    };
    if failed.kind() != iceberg::ErrorKind::DataInvalid {
        return Err(failed.into());
    }
    let bytes = table
        .file_io()
        .new_input(snapshot.manifest_list())?
        .read()
        .await?;
    first_version_list(&bytes)?.ok_or_else(|| failed.into())
}

/// Reads manifests concurrently, in the order given.
pub(crate) async fn load_manifests(
    table: &Table,
    name: &str,
    snapshot_id: i64,
    files: Vec<ManifestFile>,
) -> Result<Vec<LoadedManifest>> {
    if let Some(file) = files.iter().find(|f| f.key_metadata.is_some()) {
        return Err(encrypted(name, snapshot_id, &file.manifest_path));
    }
    let spawn = |file: ManifestFile| {
        let (io, metadata) = (table.file_io().clone(), table.metadata_ref());
        SpawnedTask::spawn(async move {
            let manifest = load(&file, &io, &metadata).await;
            (file, manifest)
        })
    };
    let loaded = futures::stream::iter(files)
        .map(spawn)
        .buffered(CONCURRENCY);
    loaded
        .map(|joined| {
            let (file, manifest) = joined.map_err(|e| {
                let message = format!("reading a manifest of table {name} was interrupted");
                Error::new(ErrorKind::Io, message).with_source(e)
            })?;
            let manifest = manifest.map_err(|e| {
                e.context(format!(
                    "cannot read the manifest '{}' of table {name} (snapshot {snapshot_id})",
                    file.manifest_path
                ))
            })?;
            Ok(LoadedManifest {
                file,
                manifest: Arc::new(manifest),
            })
        })
        .try_collect()
        .await
}

async fn load(file: &ManifestFile, io: &FileIO, metadata: &TableMetadata) -> Result<Manifest> {
    let failed = match file.load_manifest(io).await {
        Ok(manifest) => return Ok(manifest),
        Err(failed) => failed,
    };
    if failed.kind() != iceberg::ErrorKind::DataInvalid {
        return Err(failed.into());
    }
    let bytes = io.new_input(&file.manifest_path)?.read().await?;
    match completed_manifest(&bytes, file, metadata)? {
        Some(manifest) => Ok(manifest),
        None => Err(failed.into()),
    }
}
