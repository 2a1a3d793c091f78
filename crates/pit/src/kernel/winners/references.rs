// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Winners known by references of rows, and the rows put in their place.

use super::super::row_format::{RowFormat, TIED};
use super::super::slots::NO_SLOT;
use super::super::stripes::Stripe;
use super::Winners;
use crate::kernel::arena::Arena;

impl Winners {
    /// The reference in this cell of each row that answers a slot, with the slot that holds the row; tied ones left out. References
    /// ascend.
    pub(crate) fn references(&self, cell: usize) -> Vec<(u64, u32)> {
        let word = self.format.cells[cell].at;
        let mut holders = self.holders.clone();
        holders.retain(|holder| *holder != NO_SLOT);
        holders.dedup();
        let mut found: Vec<(u64, u32)> = holders
            .into_iter()
            .map(|holder| (self.row(holder).words, holder))
            .filter(|(words, _)| words[0] & TIED == 0)
            .map(|(words, holder)| (words[word], holder))
            .collect();
        found.sort_unstable();
        found
    }

    /// The same winners with room for rows of another format, none of them there yet. What is tied stays so.
    pub(crate) fn widened(&self, format: RowFormat) -> Self {
        let slots = 1_usize << self.shift;
        let stripes = self.best.chunks(slots).map(|slots| Stripe {
            rows: vec![0; slots.len() * format.stride],
            arena: Arena::default(),
        });
        let mut widened = Self {
            stripes: stripes.collect(),
            shift: self.shift,
            best: self.best.clone(),
            holders: self.holders.clone(),
            filled: self.filled,
            expired: self.expired,
            format,
        };
        for slot in self.tied() {
            let within = slot & ((1 << self.shift) - 1);
            let stripe = &mut widened.stripes[(slot >> self.shift) as usize];
            // Not filled: there is no row yet whose bytes could be released.
            stripe.flag(&widened.format, within, TIED);
        }
        widened
    }

    /// Bytes that [`Self::widened`] takes, without strings and the like.
    pub(crate) fn widened_size(&self, format: &RowFormat) -> usize {
        self.best.len() * (format.stride * size_of::<u64>() + size_of::<i64>())
            + self.holders.len() * size_of::<u32>()
    }
}
