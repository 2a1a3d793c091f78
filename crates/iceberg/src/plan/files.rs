// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! From a snapshot to the data files that a read opens.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::physical_expr::PhysicalExpr;
use iceberg::spec::{ManifestEntryRef, ManifestFile, PartitionSpec, SnapshotRef, TableMetadata};
use iceberg::table::Table;

use super::containers::{Containers, may_match};
use super::counts::FileCounts;
use super::delete_file::FileDeletes;
use super::delete_index::DeleteIndex;
use super::facts::ColumnFacts;
use super::manifests::{LoadedManifest, column_types, list_manifests, load_manifests};
use super::partitions::summary_facts;
use super::refused::refuse_files;
use super::select::{SelectedFile, select_files};
use crate::error::Result;
use crate::schema::TableColumns;
use crate::storage::TableStorage;

/// What is read.
pub(crate) struct Read<'a> {
    pub(crate) table: &'a Table,
    pub(crate) storage: &'a Arc<TableStorage>,
    pub(crate) name: &'a str,
    /// None for a table that nobody has written to.
    pub(crate) snapshot: Option<&'a SnapshotRef>,
    pub(crate) columns: &'a TableColumns,
    pub(crate) predicate: Option<&'a Arc<dyn PhysicalExpr>>,
    /// Rows wanted; only without a predicate.
    pub(crate) limit: Option<usize>,
    /// Only files that were added after this sequence number.
    pub(crate) after: Option<i64>,
    /// Only these files, by the locations in the metadata.
    pub(crate) only: Option<&'a HashSet<String>>,
}

/// A data file to open.
#[derive(Debug, Clone)]
pub(crate) struct PlannedFile {
    pub(crate) entry: ManifestEntryRef,
    /// The spec that its partition tuple was written by.
    pub(crate) spec: Arc<PartitionSpec>,
    pub(crate) spec_id: i32,
    /// Deletes older than this do not apply; 0 where the manifest does not say.
    pub(crate) sequence: i64,
    /// Shared by files that have the same.
    pub(crate) deletes: Arc<FileDeletes>,
}

impl PlannedFile {
    /// How many rows the file has at least.
    fn sure_rows(&self) -> u64 {
        if self.deletes.equality.is_empty() {
            self.rows_not_at_deleted_positions()
        } else {
            0
        }
    }

    /// How many rows the file has left, by a guess.
    pub(crate) fn likely_rows(&self) -> u64 {
        let rows = self.rows_not_at_deleted_positions();
        // Delete files of a partition are mostly about its other files.
        rows.max(self.entry.record_count() / 2)
    }

    fn rows_not_at_deleted_positions(&self) -> u64 {
        let deletes = self.deletes.vector.iter().chain(&self.deletes.positions);
        let deleted = deletes
            .map(|d| d.entry.record_count())
            .fold(0, u64::saturating_add);
        self.entry.record_count().saturating_sub(deleted)
    }
}

/// The data files of a read and how they were chosen.
#[derive(Debug, Default)]
pub(crate) struct FilePlan {
    pub(crate) files: Vec<PlannedFile>,
    pub(crate) counts: FileCounts,
}

/// Plans a read. Refuses tables that cannot be read right.
pub(crate) async fn plan_files(read: &Read<'_>) -> Result<FilePlan> {
    let Some(snapshot) = read.snapshot else {
        return Ok(FilePlan::default());
    };
    let id = snapshot.snapshot_id();
    let mut listed = list_manifests(read.table, read.storage, read.name, snapshot).await?;
    if let Some(after) = read.after {
        // A manifest has no file that is younger than itself.
        listed
            .data
            .retain(|manifest| manifest.sequence_number > after);
    }
    let mut counts = FileCounts {
        manifests: listed.data.len(),
        delete_manifests: listed.deletes.len(),
        ..FileCounts::default()
    };
    let data = prune_manifests(read, listed.data, &mut counts);
    let deletes = prune_delete_manifests(read, listed.deletes, data.is_empty());
    counts.manifests_read = data.len();
    counts.delete_manifests_read = deletes.len();
    let (table, storage) = (read.table, read.storage);
    let data = load_manifests(table, storage, read.name, id, data);
    let deletes = load_manifests(table, storage, read.name, id, deletes);
    let (data, deletes) = futures::try_join!(data, deletes)?;
    let selection = select_files(&data, read.predicate, read.columns)?;
    counts.total += selection.total;
    counts.pruned_by_partition += selection.pruned_by_partition;
    counts.pruned_by_bounds = selection.pruned_by_bounds;
    let mut files = planned_files(table.metadata(), &data, &selection.files)?;
    if let Some(after) = read.after {
        files.retain(|file| file.sequence > after);
    }
    if let Some(only) = read.only {
        files.retain(|file| only.contains(file.entry.file_path()));
    }
    let origin = (read.name, id);
    let index = DeleteIndex::try_new(origin, table.metadata(), read.columns, &deletes)?;
    index.apply(&mut files)?;
    refuse_files(read.name, id, &files)?;
    limit_files(read, &mut files, &mut counts);
    counts.count(&files);
    Ok(FilePlan { files, counts })
}

fn prune_manifests(
    read: &Read<'_>,
    manifests: Vec<ManifestFile>,
    counts: &mut FileCounts,
) -> Vec<ManifestFile> {
    let rows = |m: &ManifestFile| m.added_rows_count?.checked_add(m.existing_rows_count?);
    let may = manifests_may_match(read, &manifests, rows);
    let mut kept = Vec::with_capacity(manifests.len());
    for (manifest, may) in manifests.into_iter().zip(may) {
        // A manifest that does not say how many files it has is read, so that the count is right.
        match (manifest.added_files_count, manifest.existing_files_count) {
            (Some(added), Some(existing)) if !may => {
                let files = added as usize + existing as usize;
                counts.total += files;
                counts.pruned_by_partition += files;
            }
            _ => kept.push(manifest),
        }
    }
    kept
}

/// Delete files are for data files of their own partition, or of the table when their spec has no
/// fields, in which case there is nothing to prune by. So the deletes of pruned partitions are not
/// read.
fn prune_delete_manifests(
    read: &Read<'_>,
    manifests: Vec<ManifestFile>,
    no_data: bool,
) -> Vec<ManifestFile> {
    if no_data {
        return Vec::new();
    }
    // They count deletes, not rows.
    let may = manifests_may_match(read, &manifests, |_| None);
    let kept = manifests.into_iter().zip(may).filter(|(_, may)| *may);
    kept.map(|(manifest, _)| manifest).collect()
}

/// For each manifest whether its partitions may hold rows that are selected.
fn manifests_may_match(
    read: &Read<'_>,
    manifests: &[ManifestFile],
    rows: impl Fn(&ManifestFile) -> Option<u64>,
) -> Vec<bool> {
    let Some(predicate) = read.predicate else {
        return vec![true; manifests.len()];
    };
    let metadata = read.table.metadata();
    let containers =
        Containers::collect(
            manifests,
            predicate,
            read.columns,
            rows,
            |m, column| match (
                metadata.partition_spec_by_id(m.partition_spec_id),
                &m.partitions,
            ) {
                (Some(spec), Some(summaries)) => summary_facts(spec, summaries, column),
                _ => ColumnFacts::default(),
            },
        );
    may_match(predicate, read.columns.arrow(), &containers)
}

fn planned_files(
    metadata: &TableMetadata,
    manifests: &[LoadedManifest],
    files: &[SelectedFile],
) -> Result<Vec<PlannedFile>> {
    let types = column_types(metadata);
    let clean: Arc<FileDeletes> = Arc::default();
    let planned = |file: &SelectedFile| {
        let loaded = &manifests[file.manifest];
        let entry = loaded.manifest.entry(file.entry, &types)?;
        Ok(PlannedFile {
            spec: Arc::clone(loaded.manifest.spec()),
            spec_id: loaded.file.partition_spec_id,
            sequence: entry.sequence_number().unwrap_or(0),
            entry,
            deletes: Arc::clone(&clean),
        })
    };
    files.iter().map(planned).collect()
}

/// Without a predicate the first files that have enough rows suffice, best those without deletes.
fn limit_files(read: &Read<'_>, files: &mut Vec<PlannedFile>, counts: &mut FileCounts) {
    let Some(limit) = read.limit.filter(|_| read.predicate.is_none()) else {
        return;
    };
    if files.iter().any(|file| !file.deletes.is_empty()) {
        files.sort_by_key(|file| !file.deletes.is_empty());
    }
    let mut rows: u64 = 0;
    let wanted = files.iter().take_while(|file| {
        let more = rows < limit as u64;
        rows = rows.saturating_add(file.sure_rows());
        more
    });
    let wanted = wanted.count();
    counts.pruned_by_limit = files.len() - wanted;
    files.truncate(wanted);
}
