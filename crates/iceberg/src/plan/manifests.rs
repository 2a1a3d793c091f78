// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Reading the manifest list of a snapshot and the manifests it names, through the session's
//! caches.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use datafusion::common::runtime::SpawnedTask;
use futures::{FutureExt, StreamExt, TryStreamExt};
use iceberg::spec::{
    ManifestContentType, ManifestEntryRef, ManifestFile, PartitionSpec, PrimitiveType, SnapshotRef,
    TableMetadata, TableMetadataRef,
};
use iceberg::table::Table;

use super::decode::decode;
use super::entry_columns::{ColumnTypes, EntryColumns};
use super::entry_layout::Detail;
use super::header::{first_version_list, header_spec, header_spec_id, header_types};
use super::refused::encrypted;
use crate::cache::CacheKind;
use crate::error::{Error, ErrorKind, Result};
use crate::provider::inline_manifests;
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
pub(crate) struct LoadedManifest {
    pub(crate) file: ManifestFile,
    pub(crate) manifest: Arc<EntryColumns>,
}

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
    let load = Box::pin(load_list(table, snapshot));
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

/// Reads a manifest list, also one of version 1 in a table of a later version.
pub(crate) async fn load_list(table: &Table, snapshot: &SnapshotRef) -> Result<Vec<ManifestFile>> {
    if let Some(manifests) = inline_manifests(snapshot.manifest_list()) {
        return named_in_metadata(table, snapshot, manifests).await;
    }
    let reader = table.manifest_list_reader(snapshot);
    let read = without_panic(async { Ok(reader.load().await?) });
    let failed = match read.await {
        Ok(list) => return Ok(list.consume_entries().into_iter().collect()),
        Err(failed) if failed.kind() == ErrorKind::Damaged => failed,
        Err(failed) => return Err(failed),
    };
    let input = table.file_io().new_input(snapshot.manifest_list())?;
    let bytes = input.read().await?;
    match without_panic(async { first_version_list(&bytes) }).await? {
        Some(list) => Ok(list.consume_entries().into_iter().collect()),
        None => Err(failed),
    }
}

/// What a manifest list would say of `manifests`, as far as they tell.
async fn named_in_metadata(
    table: &Table,
    snapshot: &SnapshotRef,
    manifests: Vec<String>,
) -> Result<Vec<ManifestFile>> {
    let mut files = Vec::with_capacity(manifests.len());
    for manifest_path in manifests {
        let bytes = table.file_io().new_input(&manifest_path)?.read().await?;
        let spec_id = header_spec_id(&bytes)
            .map_err(|e| e.context(format!("cannot read the manifest '{manifest_path}'")))?;
        files.push(ManifestFile {
            manifest_path,
            manifest_length: bytes.len() as i64,
            partition_spec_id: spec_id
                .unwrap_or_else(|| table.metadata().default_partition_spec_id()),
            content: ManifestContentType::Data,
            sequence_number: 0,
            min_sequence_number: 0,
            added_snapshot_id: snapshot.snapshot_id(),
            added_files_count: None,
            existing_files_count: None,
            deleted_files_count: None,
            added_rows_count: None,
            existing_rows_count: None,
            deleted_rows_count: None,
            partitions: None,
            key_metadata: None,
            first_row_id: None,
        });
    }
    Ok(files)
}

/// Damaged files make the Avro library of the core crate panic.
async fn without_panic<T>(read: impl Future<Output = Result<T>>) -> Result<T> {
    let read = AssertUnwindSafe(read).catch_unwind();
    read.await.unwrap_or_else(|_| {
        let message = "it is damaged, or no Avro file of this kind";
        Err(Error::new(ErrorKind::Damaged, message))
    })
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

    async fn load(&self, file: &ManifestFile) -> Result<EntryColumns> {
        let input = self.storage.file_io().new_input(&file.manifest_path)?;
        let bytes = input.read().await?;
        let spec = spec_of(&bytes, file, &self.metadata)?;
        decode(&bytes, file, &spec, &self.types, Detail::Planning)
    }
}

/// The spec of the partition tuples in a manifest of these `bytes`.
fn spec_of(
    bytes: &[u8],
    file: &ManifestFile,
    metadata: &TableMetadata,
) -> Result<Arc<PartitionSpec>> {
    match metadata.partition_spec_by_id(file.partition_spec_id) {
        Some(spec) => Ok(Arc::clone(spec)),
        None => Ok(Arc::new(header_spec(bytes, file.partition_spec_id)?)),
    }
}

/// All that a manifest of these `bytes` says, of removed files too: its entries, and the spec of
/// their partition tuples. `known` are the [`column_types`] of the table, for columns that are not in
/// the schema that the manifest was written with.
pub(crate) fn all_entries(
    bytes: &[u8],
    file: &ManifestFile,
    metadata: &TableMetadata,
    known: &ColumnTypes,
) -> Result<(Vec<ManifestEntryRef>, Arc<PartitionSpec>)> {
    let spec = spec_of(bytes, file, metadata)?;
    let mut types = known.clone();
    types.extend(header_types(bytes)?);
    let columns = decode(bytes, file, &spec, &types, Detail::All)?;
    let entries = columns.all().map(|index| columns.entry(index, &types));
    Ok((entries.collect::<Result<_>>()?, spec))
}

/// The path column of position delete files.
pub(super) const DELETE_FILE_PATH: i32 = 2_147_483_546;

/// The row column of position delete files.
const DELETE_POS: i32 = 2_147_483_545;

/// The types of all columns that the table ever had, the present ones where they changed, and of
/// the columns of position delete files.
pub(crate) fn column_types(metadata: &TableMetadata) -> ColumnTypes {
    let mut schemas: Vec<_> = metadata.schemas_iter().collect();
    schemas.sort_by_key(|s| (s.schema_id() == metadata.current_schema_id(), s.schema_id()));
    let mut types = ColumnTypes::from([
        (DELETE_FILE_PATH, PrimitiveType::String),
        (DELETE_POS, PrimitiveType::Long),
    ]);
    for schema in schemas {
        for (id, field) in schema.field_id_to_fields() {
            if let Some(primitive) = field.field_type.as_primitive_type() {
                types.insert(*id, primitive.clone());
            }
        }
    }
    types
}

/// Reads manifests concurrently, those that the cache of `storage` does not hold, in the order
/// given.
pub(crate) async fn load_manifests(
    table: &Table,
    storage: &Arc<TableStorage>,
    name: &str,
    snapshot_id: i64,
    files: Vec<ManifestFile>,
) -> Result<Vec<LoadedManifest>> {
    if let Some(file) = files.iter().find(|f| f.key_metadata.is_some()) {
        return Err(encrypted(name, snapshot_id, &file.manifest_path));
    }
    let mut kept = Vec::with_capacity(files.len());
    for file in &files {
        let (identity, location) = (storage.identity(), &file.manifest_path);
        let caches = storage.caches();
        kept.push(
            caches
                .get::<EntryColumns>(CacheKind::Manifest, identity, location)
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
        let loading = load_missing(source, missing).map(|(file, manifest)| {
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
        Some(LoadedManifest { file, manifest })
    });
    Ok(all.collect())
}

/// Reads manifests concurrently and decodes them on several threads, in the order given.
fn load_missing(
    source: Arc<ManifestSource>,
    files: Vec<ManifestFile>,
) -> impl futures::Stream<Item = (ManifestFile, Result<Arc<EntryColumns>>)> {
    let spawn = move |file: ManifestFile| {
        let (source, at) = (Arc::clone(&source), file.clone());
        let task = SpawnedTask::spawn(async move {
            let storage = &source.storage;
            let caches = storage.caches();
            let load = source.load(&at);
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
