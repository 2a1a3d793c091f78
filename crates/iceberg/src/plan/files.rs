// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! From a snapshot to the data files that a read opens.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use datafusion::physical_expr::PhysicalExpr;
use iceberg::spec::{DataContentType, ManifestEntryRef, ManifestFile, PartitionSpec, SnapshotRef};
use iceberg::table::Table;

use super::bounds::bound_facts;
use super::deletes::{refuse_deletes, refuse_formats};
use super::facts::{ColumnFacts, Containers, may_match};
use super::manifests::{LoadedManifest, list_manifests, load_manifests};
use super::partitions::{summary_facts, tuple_facts};
use crate::error::Result;
use crate::schema::TableColumns;

/// What is read.
pub(crate) struct Read<'a> {
    pub(crate) table: &'a Table,
    pub(crate) name: &'a str,
    /// None for a table that nobody has written to.
    pub(crate) snapshot: Option<&'a SnapshotRef>,
    pub(crate) columns: &'a TableColumns,
    pub(crate) predicate: Option<&'a Arc<dyn PhysicalExpr>>,
    /// Rows wanted; only without a predicate.
    pub(crate) limit: Option<usize>,
}

/// A data file to open.
#[derive(Debug, Clone)]
pub(crate) struct PlannedFile {
    pub(crate) entry: ManifestEntryRef,
    /// The spec that its partition tuple was written by.
    pub(crate) spec: Arc<PartitionSpec>,
}

/// The data files of a read and how they were chosen.
#[derive(Debug, Default)]
pub(crate) struct FilePlan {
    pub(crate) files: Vec<PlannedFile>,
    pub(crate) counts: FileCounts,
}

/// How the files of a read were chosen.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FileCounts {
    manifests: usize,
    manifests_read: usize,
    total: usize,
    pruned_by_partition: usize,
    pruned_by_bounds: usize,
    pruned_by_limit: usize,
    /// The bytes of the files to open.
    pub(crate) bytes: u64,
}

impl Display for FileCounts {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let reasons = [
            (self.pruned_by_partition, "partition"),
            (self.pruned_by_bounds, "bounds"),
            (self.pruned_by_limit, "limit"),
        ];
        let pruned = reasons.iter().filter(|(count, _)| *count > 0);
        let read = reasons
            .iter()
            .fold(self.total, |files, (pruned, _)| files - pruned);
        write!(f, "files={read}/{}", self.total)?;
        let pruned: Vec<_> = pruned
            .map(|(count, by)| format!("{count} pruned by {by}"))
            .collect();
        if !pruned.is_empty() {
            write!(f, " ({})", pruned.join(", "))?;
        }
        write!(
            f,
            ", manifests={}/{}, bytes={}",
            self.manifests_read, self.manifests, self.bytes
        )
    }
}

/// Plans a read. Refuses tables that cannot be read right.
pub(crate) async fn plan_files(read: &Read<'_>) -> Result<FilePlan> {
    let Some(snapshot) = read.snapshot else {
        return Ok(FilePlan::default());
    };
    let id = snapshot.snapshot_id();
    let listed = list_manifests(read.table, read.name, snapshot).await?;
    let deletes = load_manifests(read.table, read.name, id, listed.deletes).await?;
    let mut counts = FileCounts {
        manifests: listed.data.len(),
        ..FileCounts::default()
    };
    // To tell whether deletes apply, every data file has to be known.
    let kept = if deletes.is_empty() {
        prune_manifests(read, listed.data, &mut counts)
    } else {
        listed.data
    };
    counts.manifests_read = kept.len();
    let manifests = load_manifests(read.table, read.name, id, kept).await?;
    let metadata = read.table.metadata();
    let global = |spec| {
        metadata
            .partition_spec_by_id(spec)
            .is_none_or(|s| s.is_unpartitioned())
    };
    refuse_deletes(read.name, id, &manifests, &deletes, global)?;
    refuse_formats(read.name, id, &manifests)?;
    let files = data_files(&manifests);
    counts.total += files.len();
    let mut files = prune_files(read, files, &mut counts);
    limit_files(read, &mut files, &mut counts);
    counts.bytes = files.iter().map(|f| f.entry.file_size_in_bytes()).sum();
    Ok(FilePlan { files, counts })
}

fn prune_manifests(
    read: &Read<'_>,
    manifests: Vec<ManifestFile>,
    counts: &mut FileCounts,
) -> Vec<ManifestFile> {
    let Some(predicate) = read.predicate else {
        return manifests;
    };
    let metadata = read.table.metadata();
    let rows = |m: &ManifestFile| Some(m.added_rows_count? + m.existing_rows_count?);
    let containers =
        Containers::collect(
            &manifests,
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
    let may = may_match(predicate, read.columns.arrow(), &containers);
    let mut kept = Vec::with_capacity(manifests.len());
    for (manifest, may) in manifests.into_iter().zip(may) {
        // A manifest that does not say how many files it has is read, so that the count is right.
        match (manifest.added_files_count, manifest.existing_files_count) {
            (Some(added), Some(existing)) if !may => {
                let files = (added + existing) as usize;
                counts.total += files;
                counts.pruned_by_partition += files;
            }
            _ => kept.push(manifest),
        }
    }
    kept
}

fn data_files(manifests: &[LoadedManifest]) -> Vec<PlannedFile> {
    let is_data = |e: &&ManifestEntryRef| e.is_alive() && e.content_type() == DataContentType::Data;
    let of_manifest = |loaded: &LoadedManifest| {
        let spec = Arc::new(loaded.manifest.metadata().partition_spec().clone());
        let entries = loaded.manifest.entries().iter().filter(is_data);
        let files = entries.map(|entry| PlannedFile {
            entry: Arc::clone(entry),
            spec: Arc::clone(&spec),
        });
        files.collect::<Vec<_>>()
    };
    manifests.iter().flat_map(of_manifest).collect()
}

fn prune_files(
    read: &Read<'_>,
    files: Vec<PlannedFile>,
    counts: &mut FileCounts,
) -> Vec<PlannedFile> {
    let Some(predicate) = read.predicate else {
        return files;
    };
    let rows = |file: &PlannedFile| Some(file.entry.record_count());
    let schema = read.columns.arrow();
    let by_partition =
        Containers::collect(&files, predicate, read.columns, rows, |file, column| {
            tuple_facts(&file.spec, file.entry.data_file().partition(), column)
        });
    let total = files.len();
    let files = kept(files, may_match(predicate, schema, &by_partition));
    counts.pruned_by_partition += total - files.len();
    let by_bounds = Containers::collect(&files, predicate, read.columns, rows, |file, column| {
        let data = file.entry.data_file();
        tuple_facts(&file.spec, data.partition(), column).and(bound_facts(data, column))
    });
    let total = files.len();
    let files = kept(files, may_match(predicate, schema, &by_bounds));
    counts.pruned_by_bounds = total - files.len();
    files
}

fn kept<T>(items: Vec<T>, may: Vec<bool>) -> Vec<T> {
    items
        .into_iter()
        .zip(may)
        .filter_map(|(item, may)| may.then_some(item))
        .collect()
}

/// Without a predicate the first files that have enough rows suffice.
fn limit_files(read: &Read<'_>, files: &mut Vec<PlannedFile>, counts: &mut FileCounts) {
    let Some(limit) = read.limit.filter(|_| read.predicate.is_none()) else {
        return;
    };
    let mut rows = 0;
    let wanted = files.iter().take_while(|file| {
        let more = rows < limit as u64;
        rows += file.entry.record_count();
        more
    });
    let wanted = wanted.count();
    counts.pruned_by_limit = files.len() - wanted;
    files.truncate(wanted);
}
