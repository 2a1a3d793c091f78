// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! From the best row of every slot to its winner, and from winners to columns of the answer.
//!
//! ```text
//!   slots of a key    3    5    9         TTL 5
//!   best             e1    –   e7
//!   running max      e1   e1   e7         what was known at 3 was known at 5
//!   winner           e1   e1   e7         e1 + 5 >= 5: still valid
//! ```
//!
//! Rows of equal event time are never offered to two slots of a key, unless the created cutoff kept the one back that was created
//! later: it is the one in the later slot. So the later slot wins where event times are equal.

mod deciding;
mod references;

use std::ops::Range;

use arrow::array::ArrayRef;
use datafusion::common::Result;

pub(crate) use deciding::Deciding;

use super::prefetch::prefetch;
use super::row_format::{FILLED, RowFormat, RowView, TIED};
use super::row_reader::read;
use super::slots::NO_SLOT;
use super::stripes::Stripe;

/// How many entity rows ahead a winner's cache lines are asked for.
const AHEAD: usize = 8;

/// A view's answer: for every slot the slot that holds its winner.
#[derive(Debug)]
pub(crate) struct Winners {
    pub(crate) format: RowFormat,
    stripes: Vec<Stripe>,
    shift: u32,
    /// The event time of what each slot holds.
    best: Vec<i64>,
    /// The slot whose row answers each slot.
    holders: Vec<u32>,
    pub(crate) filled: usize,
    /// Slots whose newest row is out of its TTL.
    pub(crate) expired: usize,
}

impl Winners {
    /// Bytes held, for the memory reservation.
    pub(crate) fn size(&self) -> usize {
        let stripes: usize = self
            .stripes
            .iter()
            .map(|s| s.rows.capacity() * size_of::<u64>() + s.arena.bytes.capacity())
            .sum();
        self.holders.capacity() * size_of::<u32>()
            + self.best.capacity() * size_of::<i64>()
            + stripes
    }

    /// The least event time that these slots hold.
    pub(crate) fn oldest(&self, slots: &[u32]) -> Option<i64> {
        slots.iter().map(|slot| self.best[*slot as usize]).min()
    }

    pub(crate) fn slots(&self) -> usize {
        self.holders.len()
    }

    /// The slots that hold a winner which a second read of the view has to decide on.
    pub(crate) fn tied(&self) -> Vec<u32> {
        let mut tied = Vec::new();
        self.add_tied(0..self.slots(), &mut tied);
        tied
    }

    /// Adds those of [`Self::tied`] that hold the winners of these slots, which follow the ones before.
    pub(crate) fn add_tied(&self, slots: Range<usize>, tied: &mut Vec<u32>) {
        for &holder in &self.holders[slots] {
            if holder != NO_SLOT
                && tied.last() != Some(&holder)
                && self.row(holder).words[0] & TIED != 0
            {
                tied.push(holder);
            }
        }
    }

    /// The row that answers a slot.
    #[inline(always)]
    pub(crate) fn winner(&self, slot: u32) -> Option<RowView<'_>> {
        let holder = match slot {
            NO_SLOT => NO_SLOT,
            slot => self.holders[slot as usize],
        };
        (holder != NO_SLOT).then(|| self.row(holder))
    }

    #[inline(always)]
    fn row(&self, holder: u32) -> RowView<'_> {
        let within = holder & ((1 << self.shift) - 1);
        self.stripes[(holder >> self.shift) as usize].view(&self.format, within)
    }

    #[inline(always)]
    fn prefetch_winner(&self, slot: u32) {
        if let Some(holder) = self.holders.get(slot as usize)
            && let Some(stripe) = self.stripes.get((holder >> self.shift) as usize)
        {
            stripe.prefetch(&self.format, holder & ((1 << self.shift) - 1));
        }
    }

    /// Columns of the winners of these slots.
    pub(crate) fn gather(&self, slots: &[u32], cells: &[usize]) -> Result<Vec<ArrayRef>> {
        let row = |(at, slot): (usize, &u32)| {
            if let Some(later) = slots.get(at + 2 * AHEAD) {
                prefetch(&self.holders, *later as usize);
            }
            if let Some(next) = slots.get(at + AHEAD) {
                self.prefetch_winner(*next);
            }
            self.winner(*slot)
        };
        let rows = slots.iter().enumerate().map(row).collect::<Vec<_>>();
        cells
            .iter()
            .map(|cell| read(&self.format.cells[*cell], &rows))
            .collect()
    }

    /// Replaces what these slots hold by rows of their own, given as all columns of the format. No slot is among them twice.
    pub(crate) fn replace(&mut self, slots: &[u32], columns: &[ArrayRef]) -> Result<()> {
        let source = self.format.source(columns)?;
        let (writes, ends) = self.by_stripe(slots);
        let mut start = 0;
        for (stripe, end) in self.stripes.iter_mut().zip(ends) {
            let Stripe { rows, arena } = stripe;
            self.format.write(rows, arena, &source, &writes[start..end]);
            start = end;
        }
        Ok(())
    }

    /// The slots within their stripes, each with its number among `slots`, and where each stripe's end: rows near one another are
    /// written one after another.
    fn by_stripe(&self, slots: &[u32]) -> (Vec<(u32, u32)>, Vec<usize>) {
        let stripe_of = |slot: u32| (slot >> self.shift) as usize;
        let mut ends = vec![0; self.stripes.len() + 1];
        for slot in slots {
            ends[stripe_of(*slot) + 1] += 1;
        }
        for stripe in 1..ends.len() {
            ends[stripe] += ends[stripe - 1];
        }
        let mut writes = vec![(0, 0); slots.len()];
        for (row, slot) in (0_u32..).zip(slots) {
            let at = &mut ends[stripe_of(*slot)];
            writes[*at] = (slot & ((1 << self.shift) - 1), row);
            *at += 1;
        }
        (writes, ends)
    }
}

fn is_filled(stripes: &[Stripe], shift: u32, format: &RowFormat, slot: usize) -> bool {
    let within = slot as u32 & ((1 << shift) - 1);
    stripes[slot >> shift].flags(format, within) & FILLED != 0
}
