// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Which delete files apply to which data files.
//!
//! ```text
//! deletion vector          the file it names, at most one; then position delete files do not count
//! position deletes         the file they name, wherever it is; else the files of the partition
//! equality deletes         the files of the partition; of the table when their spec has no fields
//! ```
//!
//! A data file must not be newer than a vector or position deletes, and must be older than equality
//! deletes. Bounds tell delete files that cannot reach a data file of their partition.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use iceberg::spec::{DataContentType, DataFileFormat, TableMetadata};

use super::delete_file::{DeleteFile, FileDeletes};
use super::files::PlannedFile;
use super::manifests::{LoadedManifest, column_types};
use super::reach::{KeyColumns, Reach, Target, only_target, path_in_store};
use super::scope::{PartitionKey, Scope, ScopedDelete};
use crate::deletes::same_file_key;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::TableColumns;

/// Pairs of a data file and a delete file of its partition that are told apart by bounds. Where
/// there are more, the rest of the files get all deletes of their partition, in shared lists.
const CHECKED_PAIRS: usize = 10_000_000;

/// The live delete files of a snapshot.
pub(super) struct DeleteIndex<'a> {
    /// The table and snapshot, for errors.
    origin: String,
    columns: KeyColumns<'a>,
    vectors: HashMap<String, Arc<DeleteFile>>,
    positions_of_file: HashMap<String, Vec<Arc<DeleteFile>>>,
    /// What `vectors` and `positions_of_file` name, without the store.
    named: HashMap<String, Arc<DeleteFile>>,
    positions: HashMap<PartitionKey, Scope>,
    equality: HashMap<PartitionKey, Scope>,
    everywhere: Scope,
}

impl<'a> DeleteIndex<'a> {
    /// The delete files that `manifests` name.
    pub(super) fn try_new(
        (name, snapshot_id): (&str, i64),
        metadata: &TableMetadata,
        columns: &'a TableColumns,
        manifests: &[LoadedManifest],
    ) -> Result<Self> {
        let types = column_types(metadata);
        let mut index = Self::new(format!("table {name} (snapshot {snapshot_id})"), columns);
        for LoadedManifest { file, manifest } in manifests {
            for live in manifest.live() {
                let entry = manifest.entry(live, &types).map_err(|e| {
                    let path = &file.manifest_path;
                    e.context(format!("{}: manifest '{path}'", index.origin))
                })?;
                if entry.content_type() == DataContentType::Data {
                    continue;
                }
                // One that does not say when it was written may be newer than every file.
                let sequence = entry.sequence_number().unwrap_or(i64::MAX);
                index.insert(DeleteFile {
                    entry,
                    spec: Arc::clone(manifest.spec()),
                    spec_id: file.partition_spec_id,
                    sequence,
                })?;
            }
        }
        index.sort();
        Ok(index)
    }

    pub(super) fn new(origin: String, columns: &'a TableColumns) -> Self {
        Self {
            origin,
            columns: KeyColumns::new(columns),
            vectors: HashMap::new(),
            positions_of_file: HashMap::new(),
            named: HashMap::new(),
            positions: HashMap::new(),
            equality: HashMap::new(),
            everywhere: Scope::default(),
        }
    }

    pub(super) fn insert(&mut self, delete: DeleteFile) -> Result<()> {
        let delete = Arc::new(delete);
        let entry = &delete.entry;
        if entry.content_type() == DataContentType::EqualityDeletes {
            let reach = Reach::of_keys(entry.data_file(), &self.columns);
            let scope = if delete.spec.is_unpartitioned() {
                &mut self.everywhere
            } else {
                let key = PartitionKey::new(delete.spec_id, entry.data_file());
                self.equality.entry(key).or_default()
            };
            scope.push(delete, reach);
            return Ok(());
        }
        let vector = entry.file_format() == DataFileFormat::Puffin;
        match only_target(entry) {
            Some(target) => self.insert_named(vector, &target, delete),
            None if vector => Err(self.damaged(format!(
                "the deletion vector in '{}' does not say which data file it is for",
                entry.file_path()
            ))),
            None => {
                let key = PartitionKey::new(delete.spec_id, entry.data_file());
                let reach = Reach::of_positions(entry.data_file());
                self.positions.entry(key).or_default().push(delete, reach);
                Ok(())
            }
        }
    }

    fn insert_named(&mut self, vector: bool, target: &str, delete: Arc<DeleteFile>) -> Result<()> {
        let named = path_in_store(target).to_string();
        self.named.insert(named, Arc::clone(&delete));
        let key = same_file_key(target);
        if !vector {
            self.positions_of_file.entry(key).or_default().push(delete);
            return Ok(());
        }
        match self.vectors.entry(key) {
            Entry::Vacant(free) => {
                free.insert(delete);
                Ok(())
            }
            Entry::Occupied(first) if same_blob(first.get(), &delete) => Ok(()),
            Entry::Occupied(first) => {
                let first = first.get().entry.file_path().to_string();
                Err(self.damaged(format!(
                    "data file '{target}' has two deletion vectors, in '{first}' and in '{}', but \
                     may have one",
                    delete.entry.file_path()
                )))
            }
        }
    }

    pub(super) fn sort(&mut self) {
        let scopes = self
            .positions
            .values_mut()
            .chain(self.equality.values_mut());
        scopes.for_each(Scope::sort);
        self.everywhere.sort();
    }

    fn damaged(&self, message: impl std::fmt::Display) -> Error {
        Error::new(ErrorKind::Damaged, format!("{}: {message}", self.origin))
    }

    /// Gives each of `files` its deletes.
    pub(super) fn apply(&self, files: &mut [PlannedFile]) -> Result<()> {
        let mut matcher = Matcher {
            index: self,
            pairs: CHECKED_PAIRS,
            shared: HashMap::new(),
        };
        for file in files {
            if let Some(deletes) = matcher.deletes_of(file)? {
                file.deletes = deletes;
            }
        }
        Ok(())
    }

    /// The vector, else the position deletes, that name `file`.
    fn of_file(&self, file: &PlannedFile) -> Result<FileDeletes> {
        let mut deletes = FileDeletes::default();
        if self.named.is_empty() {
            return Ok(deletes);
        }
        let path = file.entry.file_path();
        let key = same_file_key(path);
        if let Some(vector) = self.vectors.get(&key) {
            self.check_age(vector, file)?;
            deletes.vector = Some(Arc::clone(vector));
        } else if let Some(positions) = self.positions_of_file.get(&key) {
            let applied = positions.iter().filter(|d| d.sequence >= file.sequence);
            deletes.positions = applied.cloned().collect();
        } else if let Some(delete) = self.named.get(path_in_store(path)) {
            self.check_store(delete, file)?;
        }
        Ok(deletes)
    }

    /// A deletion vector is never older than its file.
    fn check_age(&self, vector: &DeleteFile, file: &PlannedFile) -> Result<()> {
        if vector.sequence >= file.sequence {
            return Ok(());
        }
        Err(self.damaged(format!(
            "the deletion vector in '{}' has the sequence number {}, but its data file '{}' has \
             {}; a deletion vector is not older than its data file",
            vector.entry.file_path(),
            vector.sequence,
            file.entry.file_path(),
            file.sequence
        )))
    }

    /// A delete that names the same path in another store is most likely for this file, and must
    /// not be lost.
    fn check_store(&self, delete: &DeleteFile, file: &PlannedFile) -> Result<()> {
        if delete.sequence < file.sequence {
            return Ok(());
        }
        Err(self.damaged(format!(
            "delete file '{}' is for data file '{}', but the table has '{}', the same path in \
             another store; rewrite the locations in the table's delete files",
            delete.entry.file_path(),
            only_target(&delete.entry).unwrap_or_default(),
            file.entry.file_path()
        )))
    }
}

/// Whether two manifest entries are about the same deletion vector.
fn same_blob(one: &DeleteFile, other: &DeleteFile) -> bool {
    let (one, other) = (one.entry.data_file(), other.entry.data_file());
    one.file_path() == other.file_path() && one.content_offset() == other.content_offset()
}

/// The delete files of each scope of a data file that are new enough: position deletes of its
/// partition, equality deletes of its partition and of the table.
type Candidates<'i> = [&'i [ScopedDelete]; 3];

/// Finds the deletes of data files, one after the other.
struct Matcher<'i, 'a> {
    index: &'i DeleteIndex<'a>,
    /// How many more pairs are looked at.
    pairs: usize,
    /// Files of a partition with the same candidates, all of which apply, share one list.
    shared: HashMap<[(usize, usize); 3], Arc<FileDeletes>>,
}

impl<'i> Matcher<'i, '_> {
    /// The deletes of `file`, None when it has none.
    fn deletes_of(&mut self, file: &PlannedFile) -> Result<Option<Arc<FileDeletes>>> {
        let mut deletes = self.index.of_file(file)?;
        let candidates = self.candidates(file, deletes.vector.is_some());
        let mut target = Target::new(file.entry.data_file(), &self.index.columns);
        let checked = self
            .pairs
            .checked_sub(candidates.iter().map(|list| list.len()).sum());
        self.pairs = checked.unwrap_or(self.pairs);
        let mut each = candidates.iter().copied().flatten();
        let all = checked.is_none() || each.all(|delete| target.within(&delete.reach));
        if all && deletes.is_empty() && candidates.iter().any(|list| !list.is_empty()) {
            let key = candidates.map(|list| (list.as_ptr() as usize, list.len()));
            let shared = self.shared.entry(key).or_insert_with(|| {
                add(&mut deletes, candidates, |_| true);
                Arc::new(deletes)
            });
            return Ok(Some(Arc::clone(shared)));
        }
        add(&mut deletes, candidates, |delete| {
            all || target.within(&delete.reach)
        });
        Ok((!deletes.is_empty()).then(|| Arc::new(deletes)))
    }

    fn candidates(&self, file: &PlannedFile, vector: bool) -> Candidates<'i> {
        let index = self.index;
        let partitioned = !(index.positions.is_empty() && index.equality.is_empty());
        let key = partitioned.then(|| PartitionKey::new(file.spec_id, file.entry.data_file()));
        let of = |scopes: &'i HashMap<PartitionKey, Scope>| scopes.get(key.as_ref()?);
        let positions = of(&index.positions).filter(|_| !vector);
        [
            positions.map_or(&[], |scope| scope.since(file.sequence)),
            of(&index.equality).map_or(&[], |scope| scope.after(file.sequence)),
            index.everywhere.after(file.sequence),
        ]
    }
}

/// Adds the candidates that are `chosen`.
fn add(
    deletes: &mut FileDeletes,
    [positions, equality, everywhere]: Candidates<'_>,
    mut chosen: impl FnMut(&ScopedDelete) -> bool,
) {
    let mut pick = |list: &[ScopedDelete], to: &mut Vec<Arc<DeleteFile>>| {
        let chosen = list.iter().filter(|delete| chosen(delete));
        to.extend(chosen.map(|delete| Arc::clone(&delete.file)));
    };
    pick(positions, &mut deletes.positions);
    pick(equality, &mut deletes.equality);
    pick(everywhere, &mut deletes.equality);
}
