// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! From a key to its dense id, by which its slots are found.
//!
//! ```text
//!   direct   integers close together     id = key - the smallest key
//!   hashed   anything else               word of key ──► bucket ──► entry { word, id }
//!
//!   id ──► slots[offsets[id] .. offsets[id + 1]], oldest first
//! ```
//!
//! Integer keys are their own word; for other keys the word is a hash and the key's bytes are compared as well, so two
//! keys are never taken for one another.

use super::keys::Keys;
use super::prefetch::prefetch;

/// No key.
const EMPTY: u32 = u32::MAX;
/// Integers count as close together while their range is at most so many times the number of rows.
const SPARSE: usize = 4;

/// The keys of the entity side.
#[derive(Debug)]
pub(crate) enum KeyTable {
    Direct { first: u64, keys: usize },
    Hashed(HashedKeys),
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    word: u64,
    id: u32,
}

/// Open addressing, at most half full.
#[derive(Debug, Default)]
pub(crate) struct HashedKeys {
    entries: Vec<Entry>,
    keys: usize,
    /// For keys that are more than their word: every id's bytes.
    bytes: Vec<u8>,
    ends: Vec<usize>,
    shift: u32,
}

impl KeyTable {
    /// A table for integers of this range, where `rows` rows make it worth its size.
    pub(crate) fn direct(low: i64, high: i64, rows: usize) -> Option<Self> {
        let keys = high.checked_sub(low)?.checked_add(1)?;
        let keys = usize::try_from(keys).ok()?;
        (keys <= rows.saturating_mul(SPARSE) && keys < EMPTY as usize).then_some(Self::Direct {
            first: low.cast_unsigned(),
            keys,
        })
    }

    /// A table for any keys, empty.
    pub(crate) fn hashed() -> Self {
        Self::Hashed(HashedKeys::with_capacity(64))
    }

    /// The greatest id and one.
    pub(crate) fn keys(&self) -> usize {
        match self {
            Self::Direct { keys, .. } => *keys,
            Self::Hashed(table) => table.keys,
        }
    }

    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Direct { .. } => 0,
            Self::Hashed(table) => table.size(),
        }
    }

    /// The id of a row's key, which is added when it is new.
    pub(crate) fn intern(&mut self, keys: &Keys, row: usize) -> u32 {
        match self {
            Self::Direct { first, .. } => keys.word(row).wrapping_sub(*first) as u32,
            Self::Hashed(table) => table.intern(keys, row),
        }
    }

    #[inline(always)]
    pub(crate) fn prefetch(&self, word: u64, offsets: &[u32]) {
        match self {
            Self::Direct { first, .. } => prefetch(offsets, word.wrapping_sub(*first) as usize),
            Self::Hashed(table) => prefetch(&table.entries, table.bucket(word)),
        }
    }

    /// The id of a row's key.
    #[inline(always)]
    pub(crate) fn find(&self, keys: &Keys, row: usize) -> Option<usize> {
        let word = keys.word(row);
        match self {
            Self::Direct { first, keys } => {
                let id = word.wrapping_sub(*first);
                (id < *keys as u64).then_some(id as usize)
            }
            Self::Hashed(table) => table.find(keys, row, word),
        }
    }
}

impl HashedKeys {
    fn with_capacity(entries: usize) -> Self {
        let entry = Entry { word: 0, id: EMPTY };
        Self {
            entries: vec![entry; entries],
            shift: 64 - entries.trailing_zeros(),
            ..Self::default()
        }
    }

    fn size(&self) -> usize {
        self.entries.len() * size_of::<Entry>()
            + self.bytes.capacity()
            + self.ends.capacity() * size_of::<usize>()
    }

    #[inline(always)]
    fn bucket(&self, word: u64) -> usize {
        // Fibonacci hashing: the high bits of the product depend on every bit of the word.
        (word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }

    fn intern(&mut self, keys: &Keys, row: usize) -> u32 {
        let (word, bytes) = (keys.word(row), keys.bytes(row));
        let mut bucket = self.bucket(word);
        loop {
            let entry = self.entries[bucket];
            if entry.id == EMPTY {
                break;
            }
            if entry.word == word && self.same(entry.id, bytes) {
                return entry.id;
            }
            bucket = (bucket + 1) & (self.entries.len() - 1);
        }
        let id = self.keys as u32;
        self.entries[bucket] = Entry { word, id };
        self.keys += 1;
        if let Some(bytes) = bytes {
            self.bytes.extend_from_slice(bytes);
            self.ends.push(self.bytes.len());
        }
        if self.keys * 2 > self.entries.len() {
            self.grow();
        }
        id
    }

    fn grow(&mut self) {
        let old = std::mem::take(&mut self.entries);
        let larger = Self::with_capacity(old.len() * 2);
        (self.entries, self.shift) = (larger.entries, larger.shift);
        for entry in old.into_iter().filter(|e| e.id != EMPTY) {
            let mut bucket = self.bucket(entry.word);
            while self.entries[bucket].id != EMPTY {
                bucket = (bucket + 1) & (self.entries.len() - 1);
            }
            self.entries[bucket] = entry;
        }
    }

    #[inline(always)]
    fn find(&self, keys: &Keys, row: usize, word: u64) -> Option<usize> {
        let mut bucket = self.bucket(word);
        loop {
            let entry = self.entries[bucket];
            if entry.id == EMPTY {
                return None;
            }
            if entry.word == word && self.same(entry.id, keys.bytes(row)) {
                return Some(entry.id as usize);
            }
            bucket = (bucket + 1) & (self.entries.len() - 1);
        }
    }

    #[inline(always)]
    fn same(&self, id: u32, bytes: Option<&[u8]>) -> bool {
        bytes.is_none_or(|bytes| {
            let id = id as usize;
            let start = if id == 0 { 0 } else { self.ends[id - 1] };
            &self.bytes[start..self.ends[id]] == bytes
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray};
    use arrow::datatypes::DataType;

    use super::super::keys::KeyEncoder;
    use super::*;

    fn ids(data_type: DataType, column: ArrayRef, mut table: KeyTable) -> Vec<u32> {
        let encoder = KeyEncoder::try_new(&[data_type]).unwrap();
        let keys = encoder
            .encode(&[Arc::clone(&column)], column.len())
            .unwrap();
        let ids = (0..column.len())
            .map(|row| table.intern(&keys, row))
            .collect::<Vec<_>>();
        for (row, id) in ids.iter().enumerate() {
            assert_eq!(table.find(&keys, row), Some(*id as usize));
        }
        ids
    }

    #[test]
    fn equal_keys_share_an_id() {
        let column = Arc::new(Int64Array::from(vec![7, -1, 7, i64::MIN, 0, -1])) as ArrayRef;
        let hashed = ids(DataType::Int64, column, KeyTable::hashed());
        assert_eq!(hashed, [0, 1, 0, 2, 3, 1]);
        let column = Arc::new(StringArray::from(vec!["", "a", "aa", "a", ""])) as ArrayRef;
        assert_eq!(
            ids(DataType::Utf8, column, KeyTable::hashed()),
            [0, 1, 2, 1, 0]
        );
    }

    #[test]
    fn a_table_grows_without_losing_keys() {
        let column = Int64Array::from_iter_values((0..10_000).map(|k| k * 1_000_003));
        let found = ids(DataType::Int64, Arc::new(column), KeyTable::hashed());
        assert_eq!(found, (0..10_000).collect::<Vec<_>>());
    }

    #[test]
    fn integers_close_together_are_their_own_ids() {
        let column = Arc::new(Int64Array::from(vec![-3, 4, -1])) as ArrayRef;
        let table = KeyTable::direct(-3, 4, 3).unwrap();
        assert_eq!(ids(DataType::Int64, column, table), [0, 7, 2]);
        assert!(KeyTable::direct(i64::MIN, i64::MAX, 1 << 40).is_none());
        assert!(KeyTable::direct(0, 12, 3).is_none());
        let table = KeyTable::direct(-3, 4, 3).unwrap();
        let outside = KeyEncoder::try_new(&[DataType::Int64])
            .unwrap()
            .encode(&[Arc::new(Int64Array::from(vec![-4, 5, i64::MIN]))], 3)
            .unwrap();
        assert!((0..3).all(|row| table.find(&outside, row).is_none()));
    }
}
