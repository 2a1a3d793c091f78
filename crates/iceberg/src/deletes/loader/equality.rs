// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The sets of deleted keys that apply to a data file.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::execution::memory_pool::MemoryConsumer;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use iceberg::spec::{NameMapping, Struct};

use super::{CONCURRENCY, DeleteLoader, isolated};
use crate::deletes::equality::{self, EqualityDeletes, EqualityRows};
use crate::deletes::origin::DeleteKind;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{DeleteFile, FileDeletes};
use crate::schema::{KeyColumn, key_columns};

/// The property that holds a table's name mapping.
const NAME_MAPPING: &str = "schema.name-mapping.default";

/// The sets of a scan.
#[derive(Debug, Default)]
pub(super) struct EqualitySets(Mutex<Sets>);

#[derive(Debug, Default)]
struct Sets {
    by_scope: HashMap<Scope, Arc<EqualityDeletes>>,
    /// By the address of the delete file, which is kept so that the address stays its own.
    by_file: HashMap<usize, (Arc<DeleteFile>, Arc<EqualityDeletes>)>,
}

/// The columns of the keys, and the spec and partition of the data files: None is all of them.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Scope {
    ids: Vec<i32>,
    partition: Option<(i32, Struct)>,
}

impl Scope {
    fn of(ids: Vec<i32>, delete: &DeleteFile) -> Self {
        let partition = (!delete.spec.is_unpartitioned())
            .then(|| (delete.spec_id, delete.entry.data_file().partition().clone()));
        Self { ids, partition }
    }
}

impl DeleteLoader {
    /// The sets of deleted keys that apply to a data file: one for each set of columns and scope.
    pub(crate) async fn equality(
        &self,
        deletes: &FileDeletes,
    ) -> Result<Vec<Arc<EqualityDeletes>>> {
        let mut sets = Vec::new();
        for (set, files) in self.sets(&deletes.equality)? {
            self.add_files(&set, &files).await?;
            sets.push(set);
        }
        Ok(sets)
    }

    /// The delete files by the sets that they belong to.
    fn sets<'a>(
        &self,
        deletes: &'a [Arc<DeleteFile>],
    ) -> Result<Vec<(Arc<EqualityDeletes>, Vec<&'a DeleteFile>)>> {
        let mut known = self
            .equality
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut sets: Vec<(Arc<EqualityDeletes>, Vec<&DeleteFile>)> = Vec::new();
        for delete in deletes {
            let address = Arc::as_ptr(delete) as usize;
            let set = match known.by_file.get(&address) {
                Some((_, set)) => Arc::clone(set),
                None => {
                    let set = self.set_of(&mut known, delete)?;
                    let both = (Arc::clone(delete), Arc::clone(&set));
                    known.by_file.insert(address, both);
                    set
                }
            };
            match sets.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &set)) {
                Some((_, files)) => files.push(delete),
                None => sets.push((set, vec![delete])),
            }
        }
        Ok(sets)
    }

    fn set_of(&self, known: &mut Sets, delete: &DeleteFile) -> Result<Arc<EqualityDeletes>> {
        let ids = self.equality_ids(delete)?;
        let scope = Scope::of(ids, delete);
        if let Some(set) = known.by_scope.get(&scope) {
            return Ok(Arc::clone(set));
        }
        let set = Arc::new(self.new_set(&scope.ids)?);
        known.by_scope.insert(scope, Arc::clone(&set));
        Ok(set)
    }

    fn equality_ids(&self, delete: &DeleteFile) -> Result<Vec<i32>> {
        let mut ids = delete.entry.data_file().equality_ids().unwrap_or_default();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            let kind = DeleteKind::Equality;
            let found = "the manifest gives it no equality ids";
            return Err(self.origin.damaged(kind, delete.entry.file_path(), found));
        }
        Ok(ids)
    }

    fn new_set(&self, ids: &[i32]) -> Result<EqualityDeletes> {
        let columns = key_columns(&self.metadata, ids.iter().copied());
        let columns = columns.map_err(|e| {
            let (table, snapshot) = (&self.origin.table, self.origin.snapshot_id);
            e.context(format!("table {table} (snapshot {snapshot})"))
        })?;
        let memory = MemoryConsumer::new("Iceberg equality deletes").register(&self.pool);
        EqualityDeletes::try_new(self.origin.clone(), columns, memory)
    }

    /// Adds the files that are not in the set yet.
    async fn add_files(&self, set: &EqualityDeletes, files: &[&DeleteFile]) -> Result<()> {
        let mut added = set.added().lock().await;
        let mut loads = Vec::new();
        for file in files {
            if !added.contains(file.entry.file_path()) {
                loads.push(self.with_rows(set.columns(), file).boxed());
            }
        }
        let mut loads = stream::iter(loads).buffer_unordered(CONCURRENCY);
        while let Some((file, rows)) = loads.try_next().await? {
            let location = file.entry.file_path();
            set.add(&rows, file.sequence)
                .map_err(|e| self.origin.unreadable(DeleteKind::Equality, location, e))?;
            added.insert(location.to_string());
        }
        Ok(())
    }

    async fn with_rows<'a>(
        &self,
        columns: &[KeyColumn],
        delete: &'a DeleteFile,
    ) -> Result<(&'a DeleteFile, Arc<EqualityRows>)> {
        Ok((delete, self.equality_rows(columns, delete).await?))
    }

    async fn equality_rows(
        &self,
        columns: &[KeyColumn],
        delete: &DeleteFile,
    ) -> Result<Arc<EqualityRows>> {
        let location = delete.entry.file_path();
        let read = || {
            let (storage, entry) = (Arc::clone(&self.storage), Arc::clone(&delete.entry));
            let (columns, mapping) = (columns.to_vec(), self.name_mapping());
            async move {
                let mapping = mapping?;
                equality::read(&storage, entry.data_file(), &columns, mapping.as_ref()).await
            }
        };
        let kind = DeleteKind::Equality;
        let rows = self.cached(kind, location, location, read()).await?;
        // One file under two sets of ids is as good as two files.
        if rows
            .ids()
            .iter()
            .eq(columns.iter().map(|column| &column.id))
        {
            return Ok(rows);
        }
        let rows = isolated(read()).await;
        let rows = rows.map_err(|e| self.origin.unreadable(kind, location, e))?;
        Ok(Arc::new(rows))
    }

    fn name_mapping(&self) -> Result<Option<NameMapping>> {
        let Some(text) = self.metadata.properties().get(NAME_MAPPING) else {
            return Ok(None);
        };
        serde_json::from_str(text).map(Some).map_err(|e| {
            let message = format!("the property {NAME_MAPPING} is no name mapping");
            Error::new(ErrorKind::Damaged, message).with_source(e)
        })
    }
}
