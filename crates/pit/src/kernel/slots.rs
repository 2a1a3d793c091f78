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

/// So many rows are laid out between two questions whether to go on.
const PIECE: usize = 1 << 16;
/// A key with more rows has them sorted in halves.
const HALVED: usize = 1 << 20;

/// Whether to go on; an error if not.
pub(crate) type GoOn<'a> = &'a mut dyn FnMut() -> Result<()>;

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

/// Takes the entity rows batch by batch, in input order.
#[derive(Debug)]
pub(crate) struct LayoutBuilder {
    table: KeyTable,
    ids: Vec<u32>,
    times: Vec<i64>,
}

impl LayoutBuilder {
    pub(crate) fn try_new(table: KeyTable, rows: usize) -> Result<Self> {
        if rows >= NO_SLOT as usize {
            return exec_err!(
                "feast_pit_join: the entity side has {rows} rows, more than the {NO_SLOT} that one call can hold; split the \
                 entity query"
            );
        }
        Ok(Self {
            table,
            ids: Vec::with_capacity(rows),
            times: Vec::with_capacity(rows),
        })
    }

    pub(crate) fn push(&mut self, keys: &Keys, times: &Times) {
        let all = times.nulls.is_none();
        for row in 0..keys.len() {
            let known = keys.is_valid(row) && (all || times.is_valid(row));
            self.ids.push(match known {
                true => self.table.intern(keys, row),
                false => NO_SLOT,
            });
        }
        self.times.extend_from_slice(&times.values);
    }

    /// Bytes held by now.
    pub(crate) fn size(&self) -> usize {
        self.table.size()
            + self.ids.capacity() * size_of::<u32>()
            + self.times.capacity() * size_of::<i64>()
    }

    /// The slots. Asks again and again whether to go on, and ends with the error that says no.
    pub(crate) fn finish(self, go_on: GoOn<'_>) -> Result<SlotLayout> {
        let keys = self.table.keys();
        let (times, offsets, row_slots) = lay_out(self.ids, &self.times, keys, go_on)?;
        Ok(SlotLayout {
            table: self.table,
            times,
            offsets,
            row_slots,
        })
    }
}

impl SlotLayout {
    /// The smallest and the greatest time of any slot.
    pub(crate) fn time_range(&self) -> Option<(i64, i64)> {
        let (low, high) = (self.times.iter().min()?, self.times.iter().max()?);
        Some((*low, *high))
    }

    pub(crate) fn size(&self) -> usize {
        self.table.size()
            + self.times.capacity() * size_of::<i64>()
            + (self.offsets.capacity() + self.row_slots.capacity()) * size_of::<u32>()
    }

    /// Bytes that laying out `rows` entity rows takes at most, key bytes aside: the table and its offsets, and for each row
    /// its id, its place in key order and its time twice.
    pub(crate) fn size_for(rows: usize) -> usize {
        rows * (64 + 2 * size_of::<i64>() + 4 * size_of::<u32>())
    }

    /// The keys that have slots, as (first slot, slots) of each.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (usize, usize)> {
        self.offsets
            .windows(2)
            .map(|w| (w[0] as usize, w[1] as usize))
            .filter(|(start, end)| start < end)
    }
}

/// Times, offsets and the slot of every row.
type Parts = (Vec<i64>, Vec<u32>, Vec<u32>);

/// Sorts rows by key (counting sort) and time, and numbers the distinct pairs.
fn lay_out(ids: Vec<u32>, entity_times: &[i64], keys: usize, go_on: GoOn<'_>) -> Result<Parts> {
    let mut starts = vec![0_u32; keys + 1];
    for piece in ids.chunks(PIECE) {
        go_on()?;
        for &id in piece.iter().filter(|id| **id != NO_SLOT) {
            starts[id as usize + 1] += 1;
        }
    }
    for key in 0..keys {
        starts[key + 1] += starts[key];
    }
    // Each row's time beside it: the sorts below read them in one place.
    let mut rows = vec![(0_i64, 0_u32); starts[keys] as usize];
    for (first, piece) in (0_u32..).step_by(PIECE).zip(ids.chunks(PIECE)) {
        go_on()?;
        for (row, &id) in (first..).zip(piece).filter(|(_, id)| **id != NO_SLOT) {
            let at = &mut starts[id as usize];
            rows[*at as usize] = (entity_times[row as usize], row);
            *at += 1;
        }
    }
    // Every start has moved to the next key's.
    let mut times = Vec::with_capacity(rows.len());
    let mut offsets = Vec::with_capacity(keys + 1);
    let mut row_slots = ids;
    let (mut start, mut asked) = (0, 0);
    for &end in &starts[..keys] {
        if (start - asked) as usize >= PIECE {
            go_on()?;
            asked = start;
        }
        let first = times.len();
        offsets.push(first as u32);
        let group = &mut rows[start as usize..end as usize];
        start = end;
        sort(group, go_on)?;
        for &(time, row) in &*group {
            if times.len() == first || times.last() != Some(&time) {
                times.push(time);
            }
            row_slots[row as usize] = (times.len() - 1) as u32;
        }
    }
    offsets.push(times.len() as u32);
    times.shrink_to_fit();
    Ok((times, offsets, row_slots))
}

/// Sorts the rows of one key.
fn sort(group: &mut [(i64, u32)], go_on: GoOn<'_>) -> Result<()> {
    if group.len() <= HALVED || group.is_sorted() {
        group.sort_unstable();
        return Ok(());
    }
    let (before, _, after) = group.select_nth_unstable(group.len() / 2);
    go_on()?;
    sort(before, go_on)?;
    sort(after, go_on)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid_out(ids: Vec<u32>, times: &[i64], keys: usize) -> Parts {
        lay_out(ids, times, keys, &mut || Ok(())).unwrap()
    }

    #[test]
    fn equal_key_and_time_share_a_slot() {
        let ids = vec![0, 1, 0, 0, NO_SLOT];
        let (times, offsets, rows) = laid_out(ids, &[5, 2, 3, 5, 1], 2);
        assert_eq!(times, [3, 5, 2]);
        assert_eq!(offsets, [0, 2, 3]);
        assert_eq!(rows, [1, 2, 0, 1, NO_SLOT]);
    }

    #[test]
    fn ids_without_rows_have_no_slots() {
        let (times, offsets, rows) = laid_out(vec![2, 0], &[5, 2], 4);
        assert_eq!(times, [2, 5]);
        assert_eq!(offsets, [0, 1, 1, 2, 2]);
        assert_eq!(rows, [1, 0]);
    }

    #[test]
    fn no_rows_make_no_slots() {
        let (times, offsets, rows) = laid_out(vec![], &[], 0);
        assert!(times.is_empty() && rows.is_empty());
        assert_eq!(offsets, [0]);
    }

    /// Rows of four pieces: of this many keys each, by turns.
    fn pieces(keys: usize) -> (Vec<u32>, Vec<i64>) {
        let rows = 4 * PIECE;
        let ids = (0..rows).map(|row| (row % keys) as u32).collect();
        (ids, (0..rows as i64).rev().collect())
    }

    #[test]
    fn work_that_is_not_wanted_any_more_ends_within_a_piece() {
        let keys = PIECE / 2;
        let (ids, times) = pieces(keys);
        let mut asked = 0;
        let mut go_on = || {
            asked += 1;
            Ok(())
        };
        lay_out(ids.clone(), &times, keys, &mut go_on).unwrap();
        // Four pieces are counted and four placed; before each but the first that is sorted it is asked again.
        assert_eq!(asked, 4 + 4 + 3);
        for last in 1..=asked {
            let mut asked = 0;
            let mut go_on = || {
                asked += 1;
                match asked == last {
                    true => exec_err!("enough"),
                    false => Ok(()),
                }
            };
            lay_out(ids.clone(), &times, keys, &mut go_on).unwrap_err();
            assert_eq!(asked, last);
        }
    }

    #[test]
    fn the_many_rows_of_one_key_are_sorted_in_halves() {
        let rows = 2 * HALVED as u32 + 2;
        let scattered = |row: u32| (i64::from(row.wrapping_mul(2_654_435_761) >> 3), row);
        let mut found: Vec<_> = (0..rows).map(scattered).collect();
        let mut wanted = found.clone();
        wanted.sort();
        let mut asked = 0;
        let mut go_on = || {
            asked += 1;
            Ok(())
        };
        sort(&mut found, &mut go_on).unwrap();
        assert!(found == wanted);
        // The cut row is in neither half: one of the halves is still too large.
        assert_eq!(asked, 2);
        sort(&mut found, &mut || exec_err!("sorted rows are not cut")).unwrap();
    }
}
