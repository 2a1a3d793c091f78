// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The manifests of a commit: new ones, those that lose files, and those that are merged.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use super::file::TableFile;
use super::maker::{TableMaker, added};
use super::manifest::{Entry, Manifest, Status};
use super::spec::PartitionSpec;

impl TableMaker {
    /// Manifests of added files: one for each spec and content, or one for each file.
    pub(super) fn new_manifests(
        &mut self,
        id: i64,
        sequence: i64,
        files: &[Arc<TableFile>],
        apart: bool,
    ) -> io::Result<Vec<Arc<Manifest>>> {
        let mut groups: Vec<(i32, bool, Vec<Entry>)> = Vec::new();
        for file in files {
            let deletes = !file.is_data();
            let entry = added(id, file);
            let mut known = groups.iter_mut();
            match known.find(|(s, d, _)| !apart && *s == file.spec_id && *d == deletes) {
                Some((_, _, entries)) => entries.push(entry),
                None => groups.push((file.spec_id, deletes, vec![entry])),
            }
        }
        let mut made = Vec::new();
        for (spec, deletes, entries) in groups {
            let spec = self.shared_spec(spec)?;
            made.push(self.put_manifest(id, sequence, spec, deletes, entries)?);
        }
        Ok(made)
    }

    /// Manifests without some files: those that had one are written again.
    pub(super) fn without(
        &mut self,
        id: i64,
        sequence: i64,
        manifests: Vec<Arc<Manifest>>,
        removed: &BTreeSet<String>,
    ) -> io::Result<Vec<Arc<Manifest>>> {
        let mut made = Vec::new();
        for manifest in manifests {
            let goes = |entry: &Entry| entry.is_live() && removed.contains(&entry.file.key());
            if !manifest.entries.iter().any(goes) {
                // A manifest that only tells of what is gone is not carried on.
                if manifest.entries.iter().any(Entry::is_live) {
                    made.push(manifest);
                }
                continue;
            }
            let live = manifest.entries.iter().filter(|entry| entry.is_live());
            let entries = live.map(|entry| match goes(entry) {
                true => Entry {
                    status: Status::Deleted,
                    snapshot_id: id,
                    file: Arc::clone(&entry.file),
                },
                false => existing(entry),
            });
            let entries = entries.collect();
            let spec = Arc::clone(&manifest.spec);
            made.push(self.put_manifest(id, sequence, spec, manifest.deletes, entries)?);
        }
        Ok(made)
    }

    /// One manifest for each spec and content, every older entry EXISTING.
    pub(super) fn merged(
        &mut self,
        id: i64,
        sequence: i64,
        manifests: Vec<Arc<Manifest>>,
    ) -> io::Result<Vec<Arc<Manifest>>> {
        let mut groups: Vec<(Arc<PartitionSpec>, bool, Vec<Entry>)> = Vec::new();
        for manifest in manifests {
            let entries = manifest.entries.iter().filter_map(|entry| {
                match (entry.is_live(), entry.snapshot_id == id) {
                    (true, false) => Some(existing(entry)),
                    (false, false) => None,
                    (_, true) => Some(entry.clone()),
                }
            });
            let entries: Vec<Entry> = entries.collect();
            let mut known = groups.iter_mut();
            let same = known.find(|(s, d, _)| s.id == manifest.spec.id && *d == manifest.deletes);
            match same {
                Some((_, _, all)) => all.extend(entries),
                None => {
                    let spec = self.shared_spec(manifest.spec.id)?;
                    groups.push((spec, manifest.deletes, entries));
                }
            }
        }
        let mut made = Vec::new();
        for (spec, deletes, entries) in groups {
            made.push(self.put_manifest(id, sequence, spec, deletes, entries)?);
        }
        Ok(made)
    }

    /// Numbers rows as version 3 wants it, and gives the snapshot's range: where it begins, and
    /// how many numbers it took.
    pub(super) fn number_rows(&mut self, manifests: &mut [Arc<Manifest>]) -> Option<(i64, i64)> {
        if self.version < 3 {
            return None;
        }
        let first = self.next_row_id;
        for manifest in manifests.iter_mut() {
            if manifest.deletes || manifest.first_row_id.is_some() {
                continue;
            }
            let mut numbered = Manifest::clone(manifest);
            numbered.first_row_id = Some(self.next_row_id);
            let live = numbered.entries.iter_mut().filter(|entry| entry.is_live());
            for entry in live {
                if entry.file.first_row_id.is_none() {
                    let mut file = TableFile::clone(&entry.file);
                    file.first_row_id = Some(self.next_row_id);
                    self.next_row_id += file.record_count;
                    entry.file = Arc::new(file);
                } else {
                    self.next_row_id += entry.file.record_count;
                }
            }
            *manifest = Arc::new(numbered);
        }
        Some((first, self.next_row_id - first))
    }

    fn shared_spec(&self, id: i32) -> io::Result<Arc<PartitionSpec>> {
        let found = self.specs.iter().find(|spec| spec.id == id);
        let missing = || io::Error::other(format!("there is no partition spec {id}"));
        found.cloned().ok_or_else(missing)
    }
}

fn existing(entry: &Entry) -> Entry {
    Entry {
        status: Status::Existing,
        ..entry.clone()
    }
}
