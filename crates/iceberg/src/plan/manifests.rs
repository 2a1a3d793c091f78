// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Reading the manifest list of a snapshot and the manifests it names, through the session's
//! caches.

use std::future::Future;
use std::sync::Arc;

use datafusion::common::runtime::SpawnedTask;
use futures::{StreamExt, TryStreamExt};
use iceberg::spec::{
    Manifest, ManifestContentType, ManifestFile, ManifestList, PartitionSpec, SnapshotRef,
    TableMetadata, TableMetadataRef,
};
use iceberg::table::Table;

use super::decode::decode;
use super::entry_columns::{ColumnTypes, EntryColumns};
use super::header::{completed_manifest, first_version_list, header_spec};
use super::refused::encrypted;
use crate::cache::{CacheKind, Weigh};
use crate::error::{Error, ErrorKind, Result};
use crate::storage::TableStorage;

/// Manifests read at the same time.
const CONCURRENCY: usize = 64;

/// The manifests of a snapshot that name live files.
pub(crate) struct ManifestFiles {
    pub(crate) data: Vec<ManifestFile>,
    pub(crate) deletes: Vec<ManifestFile>,
}

/// A manifest and the entry of the manifest list that names it.
#[derive(Debug, Clone)]
pub(crate) struct Loaded<T> {
    pub(crate) file: ManifestFile,
    pub(crate) manifest: Arc<T>,
}

/// A manifest with its entries as objects, all that is written in them included.
pub(crate) type LoadedManifest = Loaded<Manifest>;

/// A manifest of data files with its entries column by column, quick to read and to choose from.
pub(crate) type DataManifest = Loaded<EntryColumns>;

/// Reads the manifest list, or takes it from the cache of `storage`.
pub(crate) async fn list_manifests(
    table: &Table,
    storage: &TableStorage,
    name: &str,
    snapshot: &SnapshotRef,
) -> Result<ManifestFiles> {
    let id = snapshot.snapshot_id();
    if snapshot.encryption_key_id().is_some() {
        return Err(encrypted(name, id, snapshot.manifest_list()));
    }
    let location = snapshot.manifest_list();
    let load = async {
        let list = load_list(table, snapshot).await?;
        Ok(list.consume_entries().into_iter().collect::<Vec<_>>())
    };
    let list =
        storage
            .caches()
            .get_or_load(CacheKind::ManifestList, storage.identity(), location, load);
    let list = list.await.map_err(|e| {
        e.context(format!(
            "cannot read the manifest list '{location}' of table {name} (snapshot {id})"
        ))
    })?;
    let live = |m: &&ManifestFile| m.has_added_files() || m.has_existing_files();
    let live = list.iter().filter(live).cloned();
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

/// What manifests of one table are read with.
pub(crate) struct ManifestSource {
    storage: Arc<TableStorage>,
    metadata: TableMetadataRef,
    types: ColumnTypes,
}

impl ManifestSource {
    fn new(table: &Table, storage: &Arc<TableStorage>) -> Self {
        Self {
            storage: Arc::clone(storage),
            metadata: table.metadata_ref(),
            types: column_types(table.metadata()),
        }
    }

    async fn read(&self, file: &ManifestFile) -> Result<bytes::Bytes> {
        let input = self.storage.file_io().new_input(&file.manifest_path)?;
        Ok(input.read().await?)
    }
}

/// The types of all columns that the table ever had, the present ones where they changed.
pub(crate) fn column_types(metadata: &TableMetadata) -> ColumnTypes {
    let mut schemas: Vec<_> = metadata.schemas_iter().collect();
    schemas.sort_by_key(|s| (s.schema_id() == metadata.current_schema_id(), s.schema_id()));
    let mut types = ColumnTypes::new();
    for schema in schemas {
        for (id, field) in schema.field_id_to_fields() {
            if let Some(primitive) = field.field_type.as_primitive_type() {
                types.insert(*id, primitive.clone());
            }
        }
    }
    types
}

/// A form that manifests are kept in.
pub(crate) trait FromManifest: Weigh + Send + Sync + Sized + 'static {
    /// Reads a manifest.
    fn load(
        file: &ManifestFile,
        source: &ManifestSource,
    ) -> impl Future<Output = Result<Self>> + Send;
}

impl FromManifest for Manifest {
    async fn load(file: &ManifestFile, source: &ManifestSource) -> Result<Self> {
        let failed = match file.load_manifest(source.storage.file_io()).await {
            Ok(manifest) => return Ok(manifest),
            Err(failed) => failed,
        };
        if failed.kind() != iceberg::ErrorKind::DataInvalid {
            return Err(failed.into());
        }
        let bytes = source.read(file).await?;
        match completed_manifest(&bytes, file, &source.metadata)? {
            Some(manifest) => Ok(manifest),
            None => Err(failed.into()),
        }
    }
}

impl FromManifest for EntryColumns {
    async fn load(file: &ManifestFile, source: &ManifestSource) -> Result<Self> {
        let bytes = source.read(file).await?;
        let spec: Arc<PartitionSpec> =
            match source.metadata.partition_spec_by_id(file.partition_spec_id) {
                Some(spec) => Arc::clone(spec),
                None => Arc::new(header_spec(&bytes, file.partition_spec_id)?),
            };
        decode(&bytes, file, &spec, &source.types)
    }
}

/// Reads manifests concurrently, those that the cache of `storage` does not hold, in the order
/// given.
pub(crate) async fn load_manifests<T: FromManifest>(
    table: &Table,
    storage: &Arc<TableStorage>,
    name: &str,
    snapshot_id: i64,
    files: Vec<ManifestFile>,
) -> Result<Vec<Loaded<T>>> {
    if let Some(file) = files.iter().find(|f| f.key_metadata.is_some()) {
        return Err(encrypted(name, snapshot_id, &file.manifest_path));
    }
    let mut kept = Vec::with_capacity(files.len());
    for file in &files {
        let (identity, location) = (storage.identity(), &file.manifest_path);
        let caches = storage.caches();
        kept.push(
            caches
                .get::<T>(CacheKind::Manifest, identity, location)
                .await,
        );
    }
    let missing: Vec<_> = files
        .iter()
        .zip(&kept)
        .filter(|(_, kept)| kept.is_none())
        .collect();
    let missing: Vec<_> = missing.into_iter().map(|(file, _)| file.clone()).collect();
    let mut loaded = Vec::new();
    if !missing.is_empty() {
        let source = Arc::new(ManifestSource::new(table, storage));
        let loading = load_missing::<T>(source, missing).map(|(file, manifest)| {
            manifest.map_err(|e| {
                e.context(format!(
                    "cannot read the manifest '{}' of table {name} (snapshot {snapshot_id})",
                    file.manifest_path
                ))
            })
        });
        loaded = loading.try_collect().await?;
    }
    let mut loaded = loaded.into_iter();
    let all = files.into_iter().zip(kept).filter_map(|(file, kept)| {
        let manifest = kept.or_else(|| loaded.next())?;
        Some(Loaded { file, manifest })
    });
    Ok(all.collect())
}

/// Reads manifests concurrently and decodes them on several threads, in the order given.
fn load_missing<T: FromManifest>(
    source: Arc<ManifestSource>,
    files: Vec<ManifestFile>,
) -> impl futures::Stream<Item = (ManifestFile, Result<Arc<T>>)> {
    let spawn = move |file: ManifestFile| {
        let (source, at) = (Arc::clone(&source), file.clone());
        let task = SpawnedTask::spawn(async move {
            let storage = &source.storage;
            let caches = storage.caches();
            let load = T::load(&at, &source);
            let kind = CacheKind::Manifest;
            caches
                .get_or_load(kind, storage.identity(), &at.manifest_path, load)
                .await
        });
        async move {
            let manifest = match task.await {
                Ok(manifest) => manifest,
                Err(e) => {
                    let message = "reading the manifest was interrupted";
                    Err(Error::new(ErrorKind::Io, message).with_source(e))
                }
            };
            (file, manifest)
        }
    };
    futures::stream::iter(files)
        .map(spawn)
        .buffered(CONCURRENCY)
}
