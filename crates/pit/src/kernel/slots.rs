// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The entity side laid out as slots: per key the sorted distinct times, side by side in one flat array.
//!
//! ```text
//!   entity rows          key ids        offsets   times            row -> slot
//!   (A, 5) (B, 2)        A = 0          0         3  5 | 2         1 2 0 1 -
//!   (A, 3) (A, 5)        B = 1          2
//!   (NULL, 1)                           3
//! ```
//!
//! Rows with equal key and time share a slot; a row with a NULL key or a NULL time has none.

use datafusion::common::{Result, exec_err};

use super::key_table::KeyTable;
use super::keys::Keys;
use super::time::Times;

/// The slot number of a row that has none.
pub(crate) const NO_SLOT: u32 = u32::MAX;

/// One key set's slots: everything its views share.
#[derive(Debug)]
pub(crate) struct SlotLayout {
    pub(crate) table: KeyTable,
    /// Slot times, grouped by key and ascending within one.
    pub(crate) times: Vec<i64>,
    /// First slot of every key, and the number of slots at the end.
    pub(crate) offsets: Vec<u32>,
    /// The slot of every entity row in input order.
    pub(crate) row_slots: Vec<u32>,
}

impl SlotLayout {
    /// Lays out the entity rows, given batch by batch in input order.
    pub(crate) fn build(batches: &[(Keys, &Times)]) -> Result<Self> {
        let rows: usize = batches.iter().map(|(keys, _)| keys.len()).sum();
        if rows >= NO_SLOT as usize {
            return exec_err!(
                "feast_pit_join: the entity side has {rows} rows, more than the {NO_SLOT} that one call can hold; split the \
                 entity query"
            );
        }
        let mut table = KeyTable::with_capacity(rows);
        let mut ids = Vec::with_capacity(rows);
        let mut next = 0;
        for (keys, times) in batches {
            for row in 0..keys.len() {
                if keys.is_valid(row) && times.is_valid(row) {
                    let id = table.intern(keys, row, next);
                    next = next.max(id + 1);
                    ids.push(id);
                } else {
                    ids.push(NO_SLOT);
                }
            }
        }
        let entity_times = batches
            .iter()
            .flat_map(|(_, times)| times.values.iter().copied())
            .collect::<Vec<_>>();
        let (times, offsets, row_slots) = lay_out(&ids, &entity_times, next as usize);
        table.assign(&offsets);
        Ok(Self {
            table,
            times,
            offsets,
            row_slots,
        })
    }

    /// The smallest and the greatest time of any slot.
    pub(crate) fn time_range(&self) -> Option<(i64, i64)> {
        self.times.iter().fold(None, |range, &time| match range {
            None => Some((time, time)),
            Some((low, high)) => Some((time.min(low), time.max(high))),
        })
    }

    pub(crate) fn size(&self) -> usize {
        self.table.size()
            + self.times.capacity() * size_of::<i64>()
            + (self.offsets.capacity() + self.row_slots.capacity()) * size_of::<u32>()
    }

    /// Bytes that laying out `rows` entity rows takes at most, key bytes aside.
    pub(crate) fn size_for(rows: usize) -> usize {
        KeyTable::size_for(rows) + rows * (2 * size_of::<i64>() + 4 * size_of::<u32>())
    }
}

/// Sorts rows by key (counting sort) and time, and numbers the distinct pairs.
fn lay_out(ids: &[u32], entity_times: &[i64], keys: usize) -> (Vec<i64>, Vec<u32>, Vec<u32>) {
    let mut starts = vec![0_u32; keys + 1];
    for &id in ids.iter().filter(|id| **id != NO_SLOT) {
        starts[id as usize + 1] += 1;
    }
    for key in 0..keys {
        starts[key + 1] += starts[key];
    }
    let mut fill = starts.clone();
    let mut rows = vec![0_u32; starts[keys] as usize];
    for (row, &id) in (0_u32..).zip(ids).filter(|(_, id)| **id != NO_SLOT) {
        rows[fill[id as usize] as usize] = row;
        fill[id as usize] += 1;
    }
    let mut times = Vec::with_capacity(rows.len());
    let mut offsets = Vec::with_capacity(keys + 1);
    let mut row_slots = vec![NO_SLOT; ids.len()];
    for key in 0..keys {
        let first = times.len();
        offsets.push(first as u32);
        let group = &mut rows[starts[key] as usize..starts[key + 1] as usize];
        group.sort_unstable_by_key(|row| entity_times[*row as usize]);
        for &row in &*group {
            let time = entity_times[row as usize];
            if times.len() == first || times.last() != Some(&time) {
                times.push(time);
            }
            row_slots[row as usize] = (times.len() - 1) as u32;
        }
    }
    offsets.push(times.len() as u32);
    times.shrink_to_fit();
    (times, offsets, row_slots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_key_and_time_share_a_slot() {
        let ids = [0, 1, 0, 0, NO_SLOT];
        let (times, offsets, rows) = lay_out(&ids, &[5, 2, 3, 5, 1], 2);
        assert_eq!(times, [3, 5, 2]);
        assert_eq!(offsets, [0, 2, 3]);
        assert_eq!(rows, [1, 2, 0, 1, NO_SLOT]);
    }

    #[test]
    fn no_rows_make_no_slots() {
        let (times, offsets, rows) = lay_out(&[], &[], 0);
        assert!(times.is_empty() && rows.is_empty());
        assert_eq!(offsets, [0]);
    }
}
