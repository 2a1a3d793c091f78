// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Reading the manifest list of a snapshot and the manifests it names.

use std::sync::Arc;

use datafusion::common::exec_datafusion_err;
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::Result;
use futures::{StreamExt, TryStreamExt};
use iceberg::spec::{Manifest, ManifestContentType, ManifestFile, SnapshotRef};
use iceberg::table::Table;

use crate::plan::deletes::encrypted;

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
    let list = table.manifest_list_reader(snapshot).load().await.map_err(|e| {
        exec_datafusion_err!(
            "cannot read the manifest list '{}' of table {name} (snapshot {id}): {e}",
            snapshot.manifest_list()
        )
    })?;
    let live = |m: &ManifestFile| m.has_added_files() || m.has_existing_files();
    let live = list.consume_entries().into_iter().filter(live);
    let (data, deletes) = live.partition(|m| m.content == ManifestContentType::Data);
    Ok(ManifestFiles { data, deletes })
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
    let load = |file: ManifestFile| {
        let io = table.file_io().clone();
        SpawnedTask::spawn(async move {
            let manifest = file.load_manifest(&io).await;
            (file, manifest)
        })
    };
    let loaded = futures::stream::iter(files).map(load).buffered(CONCURRENCY);
    loaded
        .map(|joined| {
            let (file, manifest) = joined.map_err(|e| {
                exec_datafusion_err!("reading a manifest of table {name} was interrupted: {e}")
            })?;
            let manifest = manifest.map_err(|e| {
                exec_datafusion_err!(
                    "cannot read the manifest '{}' of table {name} (snapshot {snapshot_id}): {e}",
                    file.manifest_path
                )
            })?;
            Ok(LoadedManifest { file, manifest: Arc::new(manifest) })
        })
        .try_collect()
        .await
}
