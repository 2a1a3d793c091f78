// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Which files may hold rows of some keys.
//!
//! A lookup of keys asks this so often that it is no predicate: each manifest is looked at once, its partitions by a
//! table of the keys' values, its files by the bounds of the key columns. All of it is in memory once the manifests are.

use std::fmt::{self, Display, Formatter};

use iceberg::spec::{ManifestFile, TableMetadata};

use super::counts::write_reasons;
use super::files::Read;
use super::manifests::{LoadedManifest, column_types, list_manifests, load_manifests};
use super::partitions::{summary_facts, tuple_facts};
use super::point_keys::{PointKeys, Ranges};
use super::refused::refuse;
use super::select::{SelectedFile, file_metrics, refuse_deletes};
use crate::error::Result;

/// How the rows of some keys were looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PointCounts {
    /// Manifests of data files.
    pub manifests: usize,
    /// Those that were looked into.
    pub manifests_read: usize,
    /// Data files.
    pub files: usize,
    /// Those of partitions that none of the keys is in.
    pub pruned_by_partition: usize,
    /// Those with bounds that exclude the keys.
    pub pruned_by_bounds: usize,
    /// Row groups of the files that were opened.
    pub row_groups: usize,
    /// Those with statistics that exclude the keys.
    pub groups_pruned_by_statistics: usize,
    /// Those with bloom filters that exclude the keys.
    pub groups_pruned_by_bloom: usize,
    /// Pages of a key column in the row groups that are left.
    pub pages: usize,
    /// Those that were read.
    pub pages_read: usize,
    /// Rows that were found.
    pub rows: usize,
    /// Whether files were opened.
    pub opened: bool,
}

impl PointCounts {
    /// Files that may hold the keys.
    pub fn files_left(&self) -> usize {
        self.files - self.pruned_by_partition - self.pruned_by_bounds
    }

    /// Adds what was found in a file.
    pub(crate) fn add(&mut self, file: &Self) {
        self.row_groups += file.row_groups;
        self.groups_pruned_by_statistics += file.groups_pruned_by_statistics;
        self.groups_pruned_by_bloom += file.groups_pruned_by_bloom;
        self.pages += file.pages;
        self.pages_read += file.pages_read;
        self.rows += file.rows;
    }
}

impl Display for PointCounts {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "files={}/{}", self.files_left(), self.files)?;
        write_reasons(
            f,
            &[
                (self.pruned_by_partition, "pruned by partition"),
                (self.pruned_by_bounds, "pruned by bounds"),
            ],
        )?;
        write!(f, ", manifests={}/{}", self.manifests_read, self.manifests)?;
        if !self.opened {
            return Ok(());
        }
        let pruned = self.groups_pruned_by_statistics + self.groups_pruned_by_bloom;
        let left = self.row_groups - pruned;
        write!(f, ", row groups={left}/{}", self.row_groups)?;
        write_reasons(
            f,
            &[
                (self.groups_pruned_by_statistics, "pruned by statistics"),
                (self.groups_pruned_by_bloom, "pruned by bloom filter"),
            ],
        )?;
        let (read, pages) = (self.pages_read, self.pages);
        write!(f, ", pages={read}/{pages}, rows={}", self.rows)
    }
}

/// A data file that may hold some of the keys.
#[derive(Debug, Clone)]
pub(crate) struct PointFile {
    pub(crate) path: String,
    pub(crate) size: u64,
    /// The sequence number of its rows.
    pub(crate) sequence: i64,
    /// Which of the keys.
    pub(crate) keys: Vec<u32>,
}

/// The files that may hold rows of `keys`; None where rows may be deleted by delete files.
pub(crate) async fn plan_points(
    read: &Read<'_>,
    keys: &PointKeys,
) -> Result<Option<(Vec<PointFile>, PointCounts)>> {
    let mut counts = PointCounts::default();
    let Some(snapshot) = read.snapshot else {
        return Ok(Some((Vec::new(), counts)));
    };
    let id = snapshot.snapshot_id();
    let listed = list_manifests(read.table, read.storage, read.name, snapshot).await?;
    if !listed.deletes.is_empty() {
        return Ok(None);
    }
    counts.manifests = listed.data.len();
    let metadata = read.table.metadata();
    let mut kept = Vec::with_capacity(listed.data.len());
    for manifest in listed.data {
        match (manifest.added_files_count, manifest.existing_files_count) {
            (Some(added), Some(existing)) if !may_hold(metadata, &manifest, keys) => {
                let files = added as usize + existing as usize;
                counts.files += files;
                counts.pruned_by_partition += files;
            }
            _ => kept.push(manifest),
        }
    }
    counts.manifests_read = kept.len();
    let loaded = load_manifests(read.table, read.storage, read.name, id, kept).await?;
    let mut files = Vec::new();
    for manifest in &loaded {
        refuse_deletes(manifest)?;
        for (entry, keys) in entries(manifest, keys, &mut counts) {
            let columns = &manifest.manifest;
            if !columns.is_plain(entry) {
                let entry = columns.entry(entry, &column_types(metadata))?;
                refuse(read.name, id, &entry)?;
            }
            files.push(PointFile {
                path: columns.path(entry)?,
                size: columns.size(entry),
                sequence: columns.sequence(entry),
                keys,
            });
        }
    }
    Ok(Some((files, counts)))
}

/// Whether the partitions of a manifest may hold one of the keys.
fn may_hold(metadata: &TableMetadata, manifest: &ManifestFile, keys: &PointKeys) -> bool {
    if keys.count == 0 {
        return false;
    }
    let spec = metadata.partition_spec_by_id(manifest.partition_spec_id);
    let Some((spec, summaries)) = spec.zip(manifest.partitions.as_ref()) else {
        return true;
    };
    keys.columns.iter().all(|key| {
        let facts = summary_facts(spec, summaries, &key.column).checked();
        key.overlaps(facts.min.as_ref(), facts.max.as_ref())
    })
}

/// The live entries of a manifest that may hold some of the keys, with these.
fn entries(
    loaded: &LoadedManifest,
    keys: &PointKeys,
    counts: &mut PointCounts,
) -> Vec<(u32, Vec<u32>)> {
    let partitions = of_partitions(loaded, keys);
    let mut found = Vec::new();
    for entry in loaded.manifest.live() {
        counts.files += 1;
        match &partitions[loaded.manifest.tuple_of(entry)] {
            Some(keys) if keys.is_empty() => counts.pruned_by_partition += 1,
            Some(keys) => found.push((entry, keys.clone())),
            None => found.push((entry, (0..keys.count).collect())),
        }
    }
    let files = found.iter().map(|(entry, _)| SelectedFile {
        manifest: 0,
        entry: *entry,
    });
    let files: Vec<SelectedFile> = files.collect();
    for key in &keys.columns {
        let metrics = file_metrics(std::slice::from_ref(loaded), &files, &key.column).checked();
        let ranges = Ranges::new(&key.values, metrics.min, metrics.max);
        for (row, (_, keys)) in found.iter_mut().enumerate() {
            keys.retain(|key| ranges.may_hold(*key, row));
        }
    }
    let before = found.len();
    found.retain(|(_, keys)| !keys.is_empty());
    counts.pruned_by_bounds += before - found.len();
    found
}

/// For each partition of a manifest the keys that may be in it; None for all of them.
fn of_partitions(loaded: &LoadedManifest, keys: &PointKeys) -> Vec<Option<Vec<u32>>> {
    let (spec, tuples) = (loaded.manifest.spec(), loaded.manifest.tuples());
    let mut found: Vec<Option<Vec<u32>>> = vec![None; tuples.len()];
    for key in &keys.columns {
        let mut fields = spec.fields().iter();
        if !fields.any(|field| field.source_id == key.column.id) {
            continue;
        }
        for (tuple, found) in tuples.iter().zip(&mut found) {
            let facts = tuple_facts(spec, tuple, &key.column);
            let here = match (&facts.min, &facts.max) {
                (Some(min), Some(max)) if min == max => key.keys_of(min),
                (min, max) if !key.overlaps(min.as_ref(), max.as_ref()) => Some(&[][..]),
                _ => None,
            };
            match (here, found) {
                (None, _) => {}
                (Some(here), Some(found)) => found.retain(|key| here.binary_search(key).is_ok()),
                (Some(here), found) => *found = Some(here.to_vec()),
            }
        }
    }
    found
}
