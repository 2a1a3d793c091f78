// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A table that is made step by step.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::file::TableFile;
use super::manifest::{Entry, Manifest, ManifestStyle, Status, write};
use super::manifest_list::write_list;
use super::spec::PartitionSpec;
use super::types::Schema;

/// The branch that is read where none is named.
pub const MAIN: &str = "main";

/// A table in the making: its metadata, its files, and every row ever written.
///
/// Make files with the methods of [`super::NewData`] and its like, commit them with
/// [`TableMaker::commit`], and end with [`TableMaker::finish`].
#[derive(Debug, Clone)]
pub struct TableMaker {
    pub(super) location: String,
    pub(super) version: u8,
    pub(super) schemas: Vec<Schema>,
    pub(super) schema_id: i32,
    pub(super) specs: Vec<Arc<PartitionSpec>>,
    pub(super) spec_id: i32,
    /// Properties of the table.
    pub properties: BTreeMap<String, String>,
    pub(super) snapshots: Vec<Arc<Snapshot>>,
    pub(super) refs: BTreeMap<String, Reference>,
    pub(super) log: Vec<(i64, i64)>,
    pub(super) sequence: i64,
    pub(super) next_row_id: i64,
    pub(super) clock: i64,
    pub(super) files: BTreeMap<String, Bytes>,
    pub(super) names: u64,
    /// How the next manifests are written.
    pub manifests: ManifestStyle,
    /// The highest id that any field ever had.
    pub last_column_id: i32,
    pub(super) story: Vec<String>,
}

/// A branch or tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// What it points to.
    pub snapshot_id: i64,
    /// Whether commits move it.
    pub is_branch: bool,
}

/// A snapshot: what metadata says of it, and its live files.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Its id.
    pub id: i64,
    /// The snapshot it was made from.
    pub parent: Option<i64>,
    /// The number of its commit.
    pub sequence: i64,
    /// When it was committed, in milliseconds since 1970.
    pub time: i64,
    /// The schema that was current.
    pub schema_id: i32,
    /// The live data files.
    pub data: Vec<Arc<TableFile>>,
    /// The live delete files.
    pub deletes: Vec<Arc<TableFile>>,
    pub(super) operation: String,
    pub(super) list: String,
    pub(super) manifests: Vec<Arc<Manifest>>,
    pub(super) row_range: Option<(i64, i64)>,
}

/// What a commit changes.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// `append`, `delete`, `overwrite` or `replace`
    pub operation: &'static str,
    /// Files to add. A file whose sequence number is not -1 keeps it as its data sequence number.
    pub added: Vec<TableFile>,
    /// Keys of files to remove.
    pub removed: BTreeSet<String>,
    /// Whether all manifests are merged, so that older entries are EXISTING.
    pub merged: bool,
    /// Whether each added file has a manifest of its own.
    pub apart: bool,
}

impl TableMaker {
    /// A table without snapshots. `version` is the format version.
    pub fn new(location: &str, version: u8, schema: Schema, spec: PartitionSpec) -> Self {
        let last_column_id = schema
            .fields
            .iter()
            .map(super::evolve::highest_id)
            .max()
            .unwrap_or(0);
        Self {
            location: location.to_owned(),
            version,
            schema_id: schema.id,
            schemas: vec![schema],
            spec_id: spec.id,
            specs: vec![Arc::new(spec)],
            properties: BTreeMap::new(),
            snapshots: Vec::new(),
            refs: BTreeMap::new(),
            log: Vec::new(),
            sequence: 0,
            next_row_id: 0,
            clock: 1_700_000_000_000,
            files: BTreeMap::new(),
            names: 0,
            manifests: ManifestStyle::default(),
            last_column_id,
            story: Vec::new(),
        }
    }

    /// The snapshot that a branch or tag points to.
    pub fn head(&self, name: &str) -> Option<&Arc<Snapshot>> {
        self.snapshot(self.refs.get(name)?.snapshot_id)
    }

    /// The current snapshot.
    pub fn current(&self) -> Option<&Arc<Snapshot>> {
        self.head(MAIN)
    }

    /// The snapshot of an id, unless it is expired.
    pub fn snapshot(&self, id: i64) -> Option<&Arc<Snapshot>> {
        self.snapshots.iter().find(|snapshot| snapshot.id == id)
    }

    /// All snapshots that are not expired, oldest first.
    pub fn snapshots(&self) -> &[Arc<Snapshot>] {
        &self.snapshots
    }

    /// Where the manifests of a snapshot are.
    pub fn manifest_paths(&self, snapshot: &Snapshot) -> Vec<String> {
        snapshot
            .manifests
            .iter()
            .map(|manifest| manifest.path.clone())
            .collect()
    }

    /// Branches and tags.
    pub fn refs(&self) -> &BTreeMap<String, Reference> {
        &self.refs
    }

    /// Points a branch or tag to a snapshot.
    pub fn set_ref(&mut self, name: &str, snapshot_id: i64, is_branch: bool) {
        let reference = Reference {
            snapshot_id,
            is_branch,
        };
        self.refs.insert(name.to_owned(), reference);
        if name == MAIN {
            self.clock += 1000;
            self.log.push((self.clock, snapshot_id));
        }
    }

    /// Forgets snapshots that nothing points to. Their files stay.
    pub fn expire(&mut self, ids: &BTreeSet<i64>) {
        let kept: BTreeSet<i64> = self.refs.values().map(|r| r.snapshot_id).collect();
        let gone = |id: &i64| ids.contains(id) && !kept.contains(id);
        self.snapshots.retain(|snapshot| !gone(&snapshot.id));
        // What is older than a snapshot that the log lacks is not known to have been current.
        if let Some(last) = self.log.iter().rposition(|(_, id)| gone(id)) {
            self.log.drain(..=last);
        }
    }

    /// Adds a line to what is told of the table.
    pub fn tell(&mut self, line: impl Into<String>) {
        self.story.push(line.into());
    }

    /// What happened to the table.
    pub fn story(&self) -> &[String] {
        &self.story
    }

    /// Keeps a file, and gives the location it is at.
    pub fn put(&mut self, folder: &str, suffix: &str, bytes: Bytes) -> String {
        self.names += 1;
        let path = format!("{}/{folder}/{:05}{suffix}", self.location, self.names);
        self.files.insert(path.clone(), bytes);
        path
    }

    /// Commits to a branch, and gives the snapshot's id.
    pub fn commit(&mut self, branch: &str, change: Change) -> io::Result<i64> {
        let parent = self.head(branch).cloned();
        self.clock += 60_000;
        if self.version > 1 {
            self.sequence += 1;
        }
        let sequence = if self.version > 1 { self.sequence } else { 0 };
        let id = snapshot_id(self.clock);
        let added = change.added.into_iter().map(|mut file| {
            file.file_sequence = sequence;
            if file.sequence < 0 {
                file.sequence = sequence;
            }
            Arc::new(file)
        });
        let added: Vec<Arc<TableFile>> = added.collect();
        let mut manifests = self.new_manifests(id, sequence, &added, change.apart)?;
        let older = parent
            .iter()
            .flat_map(|parent| parent.manifests.iter().cloned());
        let older = self.without(id, sequence, older.collect(), &change.removed)?;
        manifests.extend(older);
        if change.merged {
            manifests = self.merged(id, sequence, manifests)?;
        }
        let row_range = self.number_rows(&mut manifests);
        let list = self.put_list(id, parent.as_deref(), sequence, row_range, &manifests)?;
        let live = |deletes: bool| {
            let of_kind = manifests.iter().filter(move |m| m.deletes == deletes);
            let entries = of_kind
                .flat_map(|m| m.entries.iter())
                .filter(|e| e.is_live());
            entries.map(|e| Arc::clone(&e.file)).collect()
        };
        let snapshot = Snapshot {
            id,
            parent: parent.map(|parent| parent.id),
            sequence,
            time: self.clock,
            schema_id: self.schema_id,
            data: live(false),
            deletes: live(true),
            operation: change.operation.to_owned(),
            list,
            manifests,
            row_range,
        };
        self.snapshots.push(Arc::new(snapshot));
        let reference = Reference {
            snapshot_id: id,
            is_branch: true,
        };
        self.refs.insert(branch.to_owned(), reference);
        if branch == MAIN {
            self.log.push((self.clock, id));
        }
        Ok(id)
    }

    fn put_list(
        &mut self,
        id: i64,
        parent: Option<&Snapshot>,
        sequence: i64,
        row_range: Option<(i64, i64)>,
        manifests: &[Arc<Manifest>],
    ) -> io::Result<String> {
        let parent = parent.map_or("null".to_owned(), |parent| parent.id.to_string());
        let mut header = vec![
            ("snapshot-id", id.to_string()),
            ("parent-snapshot-id", parent),
            ("format-version", self.version.to_string()),
        ];
        if self.version > 1 {
            header.push(("sequence-number", sequence.to_string()));
        }
        if let Some((first, _)) = row_range {
            header.push(("first-row-id", first.to_string()));
        }
        let bytes = write_list(self.version, &header, manifests, self.manifests)?;
        Ok(self.put("metadata", &format!("-snap-{id}.avro"), bytes))
    }

    pub(super) fn put_manifest(
        &mut self,
        snapshot_id: i64,
        sequence: i64,
        spec: Arc<PartitionSpec>,
        deletes: bool,
        entries: Vec<Entry>,
    ) -> io::Result<Arc<Manifest>> {
        let schema = self.current_schema().clone();
        let bytes = write(
            self.version,
            &schema,
            &spec,
            deletes,
            &entries,
            self.manifests,
        )?;
        let length = bytes.len() as i64;
        let path = self.put("metadata", "-m.avro", bytes);
        let live = entries.iter().filter(|entry| entry.is_live());
        let min_sequence = live.map(|entry| entry.file.sequence).min();
        Ok(Arc::new(Manifest {
            path,
            length,
            spec,
            deletes,
            sequence,
            min_sequence: min_sequence.unwrap_or(sequence),
            snapshot_id,
            first_row_id: None,
            entries,
        }))
    }
}

/// Ids as engines make them: large, and in no order.
fn snapshot_id(clock: i64) -> i64 {
    (clock.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 1).cast_signed()
}

pub(super) fn added(snapshot_id: i64, file: &Arc<TableFile>) -> Entry {
    Entry {
        status: Status::Added,
        snapshot_id,
        file: Arc::clone(file),
    }
}
