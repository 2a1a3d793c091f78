// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! From a key to its slots: one open-addressing entry a key.
//!
//! ```text
//!   word of key ──► bucket ──► entry { word, offset, count } ──► slots[offset .. offset + count], oldest first
//! ```
//!
//! Integer keys are their own word; for other keys the word is a hash and the key's bytes are compared as well, so two
//! keys are never taken for one another.

use super::keys::Keys;
use super::prefetch::prefetch;

/// A key's place among the slots. `count` is zero in an empty entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    word: u64,
    pub(crate) offset: u32,
    pub(crate) count: u32,
}

/// The keys of the entity side.
#[derive(Debug, Default)]
pub(crate) struct KeyTable {
    entries: Vec<Entry>,
    /// For keys that are more than their word: the dense id of the key in each entry, and every id's bytes.
    ids: Vec<u32>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    shift: u32,
}

impl KeyTable {
    /// An empty table with room for `keys` distinct keys.
    pub(crate) fn with_capacity(keys: usize) -> Self {
        let capacity = (keys.max(4) * 2).next_power_of_two();
        Self {
            entries: vec![Entry::default(); capacity],
            shift: 64 - capacity.trailing_zeros(),
            ..Self::default()
        }
    }

    /// Bytes that a table for `keys` keys takes, without key bytes.
    pub(crate) fn size_for(keys: usize) -> usize {
        (keys.max(4) * 2).next_power_of_two() * (size_of::<Entry>() + size_of::<u32>())
    }

    pub(crate) fn size(&self) -> usize {
        self.entries.len() * size_of::<Entry>()
            + self.ids.len() * size_of::<u32>()
            + self.bytes.capacity()
            + self.ends.capacity() * size_of::<usize>()
    }

    #[inline(always)]
    fn bucket(&self, word: u64) -> usize {
        // Fibonacci hashing: the high bits of the product depend on every bit of the word.
        (word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }

    /// The dense id of a row's key, new keys numbered in order of appearance. While building, `offset` holds the id.
    pub(crate) fn intern(&mut self, keys: &Keys, row: usize, next: u32) -> u32 {
        let (word, bytes) = (keys.word(row), keys.bytes(row));
        let mut bucket = self.bucket(word);
        loop {
            let entry = self.entries[bucket];
            if entry.count == 0 {
                self.entries[bucket] = Entry {
                    word,
                    offset: next,
                    count: 1,
                };
                if let Some(bytes) = bytes {
                    self.ids.resize(self.entries.len(), 0);
                    self.ids[bucket] = next;
                    self.bytes.extend_from_slice(bytes);
                    self.ends.push(self.bytes.len());
                }
                return next;
            }
            if entry.word == word && self.same(bucket, bytes) {
                return entry.offset;
            }
            bucket = (bucket + 1) & (self.entries.len() - 1);
        }
    }

    /// Replaces dense ids by the keys' slot ranges: `offsets[id] .. offsets[id + 1]`.
    pub(crate) fn assign(&mut self, offsets: &[u32]) {
        for entry in self.entries.iter_mut().filter(|e| e.count > 0) {
            let id = entry.offset as usize;
            entry.offset = offsets[id];
            entry.count = offsets[id + 1] - offsets[id];
        }
    }

    #[inline(always)]
    pub(crate) fn prefetch(&self, word: u64) {
        prefetch(&self.entries, self.bucket(word));
    }

    /// The slots of a row's key.
    #[inline(always)]
    pub(crate) fn find(&self, keys: &Keys, row: usize, word: u64) -> Option<Entry> {
        let mut bucket = self.bucket(word);
        loop {
            let entry = self.entries[bucket];
            if entry.count == 0 {
                return None;
            }
            if entry.word == word && self.same(bucket, keys.bytes(row)) {
                return Some(entry);
            }
            bucket = (bucket + 1) & (self.entries.len() - 1);
        }
    }

    #[inline(always)]
    fn same(&self, bucket: usize, bytes: Option<&[u8]>) -> bool {
        bytes.is_none_or(|bytes| {
            let id = self.ids[bucket] as usize;
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

    fn ids(encoder: &KeyEncoder, column: ArrayRef) -> Vec<u32> {
        let keys = encoder
            .encode(&[Arc::clone(&column)], column.len())
            .unwrap();
        let mut table = KeyTable::with_capacity(column.len());
        let mut next = 0;
        (0..column.len())
            .map(|row| {
                let id = table.intern(&keys, row, next);
                next = next.max(id + 1);
                id
            })
            .collect()
    }

    #[test]
    fn equal_keys_share_an_id() {
        let integer = KeyEncoder::try_new(&[DataType::Int64]).unwrap();
        let column = Arc::new(Int64Array::from(vec![7, -1, 7, i64::MIN, 0, -1])) as ArrayRef;
        assert_eq!(ids(&integer, column), [0, 1, 0, 2, 3, 1]);
        let string = KeyEncoder::try_new(&[DataType::Utf8]).unwrap();
        let column = Arc::new(StringArray::from(vec!["", "a", "aa", "a", ""])) as ArrayRef;
        assert_eq!(ids(&string, column), [0, 1, 2, 1, 0]);
    }
}
