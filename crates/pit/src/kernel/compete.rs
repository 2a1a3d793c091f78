// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Candidates of a batch against the best rows of their slots, stripe by stripe.
//!
//! ```text
//!   candidates   (slot 9, row 0) (slot 2, row 1) (slot 8, row 2)
//!   by stripe    0: (2, 1)    1: (9, 0) (8, 2)
//! ```
//!
//! Within a stripe all leaders are found first and written after, column by column. A slot that is led twice in a batch, or tied,
//! is written at once: what it has is compared with.

use std::cmp::Ordering;

use datafusion::common::Result;

use super::arena::Arena;
use super::payload::Payload;
use super::probe::Candidate;
use super::row_format::{FILLED, PENDING, RowView, TIED};
use super::row_source::RowSource;
use super::stripes::{SharedSlots, Stripe};

/// How many candidates ahead a row's cache lines are asked for.
const AHEAD: usize = 4;

/// One thread's working space.
#[derive(Debug, Default)]
pub(super) struct Competition {
    by_stripe: Vec<Candidate>,
    ends: Vec<usize>,
    writes: Vec<(u32, u32)>,
    /// A candidate that tied, written out to be compared.
    row: Vec<u64>,
    arena: Arena,
}

/// The batch whose rows compete.
struct Round<'a> {
    payload: &'a Payload,
    slots: &'a SharedSlots,
    events: &'a [i64],
    source: &'a RowSource,
}

impl Competition {
    /// Bytes held.
    pub(super) fn size(&self) -> usize {
        self.by_stripe.capacity() * size_of::<Candidate>()
            + self.ends.capacity() * size_of::<usize>()
            + self.writes.capacity() * size_of::<(u32, u32)>()
            + self.row.capacity() * size_of::<u64>()
            + self.arena.bytes.capacity()
    }

    /// Lets the candidates compete; returns by how many bytes arenas have grown.
    pub(super) fn run(
        &mut self,
        payload: &Payload,
        slots: &SharedSlots,
        candidates: &[Candidate],
        events: &[i64],
        source: &RowSource,
    ) -> Result<isize> {
        // Newest first, so that fewer rows lead in between.
        let ascending = match (candidates.first(), candidates.last()) {
            (Some(a), Some(b)) => events[a.row as usize] < events[b.row as usize],
            _ => false,
        };
        self.sort(slots, candidates, ascending);
        let round = Round {
            payload,
            slots,
            events,
            source,
        };
        let mut grown = 0;
        let by_stripe = std::mem::take(&mut self.by_stripe);
        let mut start = 0;
        for stripe in 0..slots.stripes() {
            let end = self.ends[stripe];
            if start < end {
                grown += self.in_stripe(&round, stripe, &by_stripe[start..end])?;
            }
            start = end;
        }
        self.by_stripe = by_stripe;
        Ok(grown)
    }

    /// Sorts the candidates by stripe, a counting sort.
    fn sort(&mut self, slots: &SharedSlots, candidates: &[Candidate], reverse: bool) {
        self.ends.clear();
        self.ends.resize(slots.stripes() + 1, 0);
        for candidate in candidates {
            self.ends[slots.stripe_of(candidate.slot) + 1] += 1;
        }
        for stripe in 1..self.ends.len() {
            self.ends[stripe] += self.ends[stripe - 1];
        }
        self.by_stripe.clear();
        self.by_stripe
            .resize(candidates.len(), Candidate::default());
        let mut place = |candidate: &Candidate| {
            let at = &mut self.ends[slots.stripe_of(candidate.slot)];
            self.by_stripe[*at] = *candidate;
            *at += 1;
        };
        if reverse {
            candidates.iter().rev().for_each(&mut place);
        } else {
            candidates.iter().for_each(&mut place);
        }
    }

    fn in_stripe(
        &mut self,
        round: &Round<'_>,
        stripe: usize,
        candidates: &[Candidate],
    ) -> Result<isize> {
        let format = &round.payload.format;
        let mut stripe = round.slots.lock(stripe);
        let before = stripe.arena.bytes.capacity();
        self.writes.clear();
        for (at, candidate) in candidates.iter().enumerate() {
            if let Some(next) = candidates.get(at + AHEAD) {
                stripe.prefetch(format, round.slots.within(next.slot));
            }
            let (slot, within) = (candidate.slot as usize, round.slots.within(candidate.slot));
            let event = round.events[candidate.row as usize];
            let flags = stripe.flags(format, within);
            let order = match flags & (FILLED | PENDING) {
                0 => Ordering::Greater,
                _ => event.cmp(&round.slots.best(slot)),
            };
            if order.is_ge() && flags & PENDING != 0 {
                self.flush(round, &mut stripe);
            }
            let leads = match order {
                Ordering::Less => false,
                Ordering::Greater => true,
                Ordering::Equal => self.wins_tie(round, &mut stripe, within, candidate.row)?,
            };
            if leads {
                round.slots.set_best(slot, event);
                stripe.flag(format, within, PENDING);
                self.writes.push((within, candidate.row));
            }
        }
        self.flush(round, &mut stripe);
        stripe.compact(format);
        Ok(stripe.arena.bytes.capacity().cast_signed() - before.cast_signed())
    }

    fn flush(&mut self, round: &Round<'_>, stripe: &mut Stripe) {
        let Stripe { rows, arena } = stripe;
        let format = &round.payload.format;
        format.write(rows, arena, round.source, &self.writes);
        self.writes.clear();
    }

    /// Whether a candidate of equal event time is greater than the slot's row.
    fn wins_tie(
        &mut self,
        round: &Round<'_>,
        stripe: &mut Stripe,
        within: u32,
        row: u32,
    ) -> Result<bool> {
        let format = &round.payload.format;
        self.row.clear();
        self.row.resize(format.stride, 0);
        self.arena.clear();
        format.write(&mut self.row, &mut self.arena, round.source, &[(0, row)]);
        let candidate = RowView {
            words: &self.row,
            arena: &self.arena.bytes,
        };
        let holder = stripe.view(format, within);
        let order = format.compare(&round.payload.order, candidate, holder)?;
        if order.is_eq()
            && format
                .compare(&round.payload.asked, candidate, holder)?
                .is_ne()
        {
            stripe.flag(format, within, TIED);
        }
        Ok(order.is_gt())
    }
}
