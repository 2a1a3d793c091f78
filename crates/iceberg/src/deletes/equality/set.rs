// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A set of deleted keys, each with the sequence number of its latest delete.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use arrow::array::{ArrayRef, BooleanArray, UInt32Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::take;
use arrow::datatypes::FieldRef;
use arrow::row::{Row, RowConverter, Rows, SortField};
use datafusion::common::exec_err;
use datafusion::common::hash_utils::create_hashes;
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::physical_plan::joins::SeededRandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use tokio::sync::Mutex as AsyncMutex;

use super::keys::key_arrays;
use super::rows::EqualityRows;
use crate::deletes::origin::Origin;
use crate::error::Result;
use crate::schema::KeyColumn;

/// Both sides of a lookup hash alike.
const HASHER: SeededRandomState = SeededRandomState::with_seeds(17, 31, 61, 89);

/// The keys that the equality deletes of one scope (a partition, or the table) name by one set of
/// columns. Delete files are added while scans use it: a key that was deleted no later than a data
/// file was written deletes nothing of it, so a set with more deletes than a data file asks for
/// gives the same answer.
pub(crate) struct EqualityDeletes {
    origin: Origin,
    ids: Vec<i32>,
    columns: Vec<KeyColumn>,
    fields: Vec<FieldRef>,
    converter: RowConverter,
    keys: RwLock<Keys>,
    /// The delete files that are in.
    added: AsyncMutex<HashSet<String>>,
}

/// The keys of a set.
struct Keys {
    rows: Rows,
    /// Of each row, when it was deleted last.
    sequences: Vec<i64>,
    table: HashTable<Slot>,
    /// When a key of the set was deleted last.
    newest: i64,
    memory: MemoryReservation,
}

/// The hash of a key and its row.
#[derive(Clone, Copy)]
struct Slot {
    hash: u64,
    row: u32,
}

impl EqualityDeletes {
    /// A set of keys of these columns that accounts for its bytes in `memory`.
    pub(in crate::deletes) fn try_new(
        origin: Origin,
        columns: Vec<KeyColumn>,
        memory: MemoryReservation,
    ) -> Result<Self> {
        let fields: Vec<FieldRef> = columns.iter().map(|c| Arc::clone(&c.field)).collect();
        let sorts = fields.iter().map(|f| SortField::new(f.data_type().clone()));
        let converter = RowConverter::new(sorts.collect()).map_err(|e| origin.compare(e.into()))?;
        let keys = Keys {
            rows: converter.empty_rows(0, 0),
            sequences: Vec::new(),
            table: HashTable::new(),
            newest: i64::MIN,
            memory,
        };
        Ok(Self {
            origin,
            ids: columns.iter().map(|column| column.id).collect(),
            columns,
            fields,
            converter,
            keys: RwLock::new(keys),
            added: AsyncMutex::default(),
        })
    }

    /// The field ids of the key's columns, ascending.
    pub(crate) fn ids(&self) -> &[i32] {
        &self.ids
    }

    /// The key's columns.
    pub(in crate::deletes) fn columns(&self) -> &[KeyColumn] {
        &self.columns
    }

    /// The names of the delete files that are in, for whoever adds more.
    pub(in crate::deletes) fn added(&self) -> &AsyncMutex<HashSet<String>> {
        &self.added
    }

    /// False where the row is deleted. `keys` are the arrays of [`Self::ids`] in order, of a data
    /// file with the sequence number `data_sequence`.
    pub(crate) fn keep(&self, keys: &[ArrayRef], data_sequence: i64) -> Result<BooleanArray> {
        let kept = self.kept(keys, data_sequence);
        kept.map_err(|e| self.origin.compare(e))
    }

    fn kept(&self, keys: &[ArrayRef], data_sequence: i64) -> DataFusionResult<BooleanArray> {
        let rows = keys.first().map_or(0, |key| key.len());
        let all = || BooleanArray::new(BooleanBuffer::new_set(rows), None);
        let set = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        if set.newest <= data_sequence {
            return Ok(all());
        }
        let keys = key_arrays(&self.fields, keys)?;
        let mut hashes = vec![0; rows];
        create_hashes(&keys, HASHER.random_state(), &mut hashes)?;
        let hits: Vec<u32> = (0_u32..)
            .zip(&hashes)
            .filter_map(|(row, hash)| set.has_hash(*hash).then_some(row))
            .collect();
        if hits.is_empty() {
            return Ok(all());
        }
        let found = self.rows_at(&keys, &hits)?;
        let mut kept = vec![true; rows];
        for (row, key) in hits.iter().zip(&found) {
            let row = *row as usize;
            kept[row] = set
                .deleted_at(hashes[row], key)
                .is_none_or(|deleted| deleted <= data_sequence);
        }
        Ok(BooleanArray::from(kept))
    }

    /// The keys of some rows.
    fn rows_at(&self, keys: &[ArrayRef], rows: &[u32]) -> DataFusionResult<Rows> {
        let all = keys.first().is_some_and(|key| key.len() == rows.len());
        if all {
            return Ok(self.converter.convert_columns(keys)?);
        }
        let rows = UInt32Array::from(rows.to_vec());
        let taken = keys.iter().map(|key| take(key, &rows, None));
        let taken = taken.collect::<std::result::Result<Vec<_>, _>>()?;
        Ok(self.converter.convert_columns(&taken)?)
    }

    /// Adds the keys of a delete file that was written at `sequence`.
    pub(in crate::deletes) fn add(&self, deletes: &EqualityRows, sequence: i64) -> Result<()> {
        for batch in deletes.batches() {
            let added = self.add_batch(batch, sequence);
            added.map_err(|e| self.origin.compare(e))?;
        }
        Ok(())
    }

    fn add_batch(&self, batch: &[ArrayRef], sequence: i64) -> DataFusionResult<()> {
        let keys = key_arrays(&self.fields, batch)?;
        let rows = self.converter.convert_columns(&keys)?;
        let mut hashes = vec![0; rows.num_rows()];
        create_hashes(&keys, HASHER.random_state(), &mut hashes)?;
        let mut set = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        for (key, hash) in rows.iter().zip(hashes) {
            set.insert(hash, key, sequence)?;
        }
        set.newest = set.newest.max(sequence);
        set.account()
    }
}

impl Keys {
    fn has_hash(&self, hash: u64) -> bool {
        self.table.find(hash, |slot| slot.hash == hash).is_some()
    }

    /// When the key was deleted last, None if never.
    fn deleted_at(&self, hash: u64, key: Row<'_>) -> Option<i64> {
        let same = |slot: &Slot| slot.hash == hash && self.rows.row(slot.row as usize) == key;
        let slot = self.table.find(hash, same)?;
        self.sequences.get(slot.row as usize).copied()
    }

    fn insert(&mut self, hash: u64, key: Row<'_>, sequence: i64) -> DataFusionResult<()> {
        let Ok(next) = u32::try_from(self.sequences.len()) else {
            return exec_err!("there are more than {} keys", u32::MAX);
        };
        let rows = &self.rows;
        let same = |slot: &Slot| slot.hash == hash && rows.row(slot.row as usize) == key;
        match self.table.entry(hash, same, |slot| slot.hash) {
            Entry::Occupied(known) => {
                let latest = &mut self.sequences[known.get().row as usize];
                *latest = sequence.max(*latest);
            }
            Entry::Vacant(free) => {
                free.insert(Slot { hash, row: next });
                self.rows.push(key);
                self.sequences.push(sequence);
            }
        }
        Ok(())
    }

    fn account(&self) -> DataFusionResult<()> {
        let sequences = self.sequences.capacity() * size_of::<i64>();
        let bytes = self.rows.size() + sequences + self.table.allocation_size();
        self.memory.try_resize(bytes)
    }
}

impl fmt::Debug for EqualityDeletes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EqualityDeletes")
            .field("table", &self.origin.table)
            .field("ids", &self.ids)
            .finish_non_exhaustive()
    }
}
