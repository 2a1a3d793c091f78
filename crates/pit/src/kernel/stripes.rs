// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The best row of every slot, shared by the threads that probe a view.
//!
//! ```text
//!   slot        0   1   2   3  │  4   5   6   7  │ …
//!   best        9   4   –   7  │  2   8   –   –  │      event times, read without a lock
//!   row         ▒   ▒       ▒  │  ▒   ▒          │      payload, in place
//!               └─ stripe 0 ─┘   └─ stripe 1 ─┘         a lock each
//! ```
//!
//! Most rows lose against `best` and take no lock. The others are sorted by stripe, and each stripe is locked once a batch. A
//! slot's best only rises, so a thread that reads an old one does more than it must and never less.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::arena::Arena;
use super::row_format::{FILLED, RowFormat, RowView};

/// The least number of slots of a stripe, as a power of two.
const SMALLEST: u32 = 4;
/// There are at least so many stripes, once they have their least size; at most twice as many.
const STRIPES: usize = 64;

/// The rows of neighbouring slots.
#[derive(Debug, Default)]
pub(crate) struct Stripe {
    pub(crate) rows: Vec<u64>,
    pub(crate) arena: Arena,
}

/// The slots of one view.
#[derive(Debug)]
pub(crate) struct SharedSlots {
    best: Vec<AtomicI64>,
    stripes: Vec<Mutex<Stripe>>,
    shift: u32,
}

impl SharedSlots {
    pub(crate) fn new(slots: usize, format: &RowFormat) -> Self {
        let shift = (slots / STRIPES).max(1).ilog2().max(SMALLEST);
        let stripes = (0..slots).step_by(1 << shift).map(|first| {
            let slots = (slots - first).min(1 << shift);
            Mutex::new(Stripe {
                rows: vec![0; slots * format.stride],
                arena: Arena::default(),
            })
        });
        Self {
            best: (0..slots).map(|_| AtomicI64::new(i64::MIN)).collect(),
            stripes: stripes.collect(),
            shift,
        }
    }

    /// Bytes of these slots, without what arenas will hold.
    pub(crate) fn size_for(slots: usize, format: &RowFormat) -> usize {
        slots * (size_of::<AtomicI64>() + format.stride * size_of::<u64>())
    }

    pub(crate) fn len(&self) -> usize {
        self.best.len()
    }

    pub(crate) fn stripes(&self) -> usize {
        self.stripes.len()
    }

    #[inline(always)]
    pub(crate) fn stripe_of(&self, slot: u32) -> usize {
        (slot >> self.shift) as usize
    }

    /// A slot's number within its stripe.
    #[inline(always)]
    pub(crate) fn within(&self, slot: u32) -> u32 {
        slot & ((1 << self.shift) - 1)
    }

    /// The event time of the slot's best row; the least time where it has none.
    #[inline(always)]
    pub(crate) fn best(&self, slot: usize) -> i64 {
        self.best[slot].load(Ordering::Relaxed)
    }

    /// Only while the slot's stripe is locked.
    #[inline(always)]
    pub(crate) fn set_best(&self, slot: usize, event: i64) {
        self.best[slot].store(event, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(crate) fn prefetch(&self, slot: u32) {
        super::prefetch::prefetch(&self.best, slot as usize);
    }

    /// A thread that panicked in a stripe ends the query, so what it left there is not read.
    pub(crate) fn lock(&self, stripe: usize) -> MutexGuard<'_, Stripe> {
        self.stripes[stripe]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The stripes once no thread competes any more, the slots' best times, and how slots are told apart.
    pub(crate) fn into_parts(self) -> (Vec<Stripe>, Vec<i64>, u32) {
        let stripe = |s: Mutex<Stripe>| s.into_inner().unwrap_or_else(PoisonError::into_inner);
        (
            self.stripes.into_iter().map(stripe).collect(),
            self.best.into_iter().map(AtomicI64::into_inner).collect(),
            self.shift,
        )
    }
}

impl Stripe {
    #[inline(always)]
    pub(crate) fn words<'a>(&'a self, format: &RowFormat, row: u32) -> &'a [u64] {
        &self.rows[row as usize * format.stride..][..format.stride]
    }

    #[inline(always)]
    pub(crate) fn view<'a>(&'a self, format: &RowFormat, row: u32) -> RowView<'a> {
        RowView {
            words: self.words(format, row),
            arena: &self.arena.bytes,
        }
    }

    #[inline(always)]
    pub(crate) fn flags(&self, format: &RowFormat, row: u32) -> u64 {
        self.rows[row as usize * format.stride]
    }

    #[inline(always)]
    pub(crate) fn flag(&mut self, format: &RowFormat, row: u32, flag: u64) {
        self.rows[row as usize * format.stride] |= flag;
    }

    #[inline(always)]
    pub(crate) fn prefetch(&self, format: &RowFormat, row: u32) {
        let first = row as usize * format.stride;
        super::prefetch::prefetch(&self.rows, first);
        super::prefetch::prefetch(&self.rows, first + format.stride - 1);
    }

    /// Copies the bytes that rows point at to a new arena, when too many others are between them.
    pub(crate) fn compact(&mut self, format: &RowFormat) {
        if !self.arena.is_wasteful() {
            return;
        }
        let mut arena = Arena::default();
        for row in self.rows.chunks_exact_mut(format.stride) {
            if row[0] & FILLED == 0 {
                continue;
            }
            for cell in format.cells.iter().filter(|c| c.in_arena()) {
                if !cell.is_null(row) {
                    let words = &*row;
                    let bytes = cell.bytes(RowView {
                        words,
                        arena: &self.arena.bytes,
                    });
                    let place = arena.push(bytes);
                    row[cell.at] = place;
                }
            }
        }
        self.arena = arena;
    }
}
