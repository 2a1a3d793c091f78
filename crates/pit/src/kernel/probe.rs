// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Feature rows compete for slots.
//!
//! ```text
//!   feature row ──key──► slots of the key   3 ────── 5 ────── 9
//!   event 4, available 4                         ▲ the first time >= 4; in a row that is newer than its best: lead it
//! ```
//!
//! A row is offered to one slot only: the first whose time is not before the row's availability. Later slots learn of it in
//! `winners`, by a running maximum over each key's slots. The order of rows is (event, created, ties), a maximum over which is
//! commutative, associative and idempotent: the answer cannot depend on the order in which rows arrive.
//!
//! A batch is walked in steps: look up every key, search every key's slots, drop what is expired or older than the slot's best,
//! sort the others by stripe, and let them compete there. The walks ask for the cache lines of a row some places ahead.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;

use super::compete::Competition;
use super::key_table::KeyTable;
use super::keys::{KeyEncoder, Keys};
use super::payload::Payload;
use super::prefetch::prefetch;
use super::search::{AHEAD, Walk};
use super::slots::SlotLayout;
use super::stripes::SharedSlots;
use super::time::{Ratio, Times, Ttl, Unit};

/// One view's slots and what its rows are compared by, shared by the threads that probe it.
#[derive(Debug)]
pub(crate) struct ViewProbe {
    pub(crate) layout: Arc<SlotLayout>,
    pub(crate) encoder: Arc<KeyEncoder>,
    /// The key columns, event time and created time by their place in the view's input.
    pub(crate) keys: Vec<usize>,
    pub(crate) event: usize,
    pub(crate) created: Option<usize>,
    /// Whether rows become available only when created.
    pub(crate) cutoff: bool,
    pub(crate) entity_unit: Unit,
    pub(crate) ttl: Ttl,
    pub(crate) payload: Payload,
    pub(crate) slots: SharedSlots,
}

/// Where a row's key has its slots.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hit {
    pub(super) row: u32,
    pub(super) start: u32,
    pub(super) end: u32,
}

/// A row and the slot it competes for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Candidate {
    pub(super) slot: u32,
    pub(super) row: u32,
}

/// What one thread needs while it walks a batch.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    hits: Vec<Hit>,
    candidates: Vec<Candidate>,
    competition: Competition,
}

impl Scratch {
    /// Bytes held.
    fn size(&self) -> usize {
        self.hits.capacity() * size_of::<Hit>()
            + self.candidates.capacity() * size_of::<Candidate>()
            + self.competition.size()
    }
}

/// What happened to the rows of a batch.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) rows: usize,
    /// Rows that a slot could have been answered with.
    pub(crate) matched: usize,
    pub(crate) expired: usize,
    /// Bytes that the thread's working space and the slots' arenas have grown by, or shrunk.
    pub(crate) grown: isize,
}

impl ViewProbe {
    /// Lets the rows of a batch compete.
    pub(crate) fn absorb(&self, scratch: &mut Scratch, batch: &RecordBatch) -> Result<Counts> {
        let rows = batch.num_rows();
        let mut counts = Counts {
            rows,
            ..Counts::default()
        };
        if rows == 0 || self.slots.len() == 0 {
            return Ok(counts);
        }
        let event = Times::try_new(batch.column(self.event), "the event timestamp column")?;
        let created = match self.created.filter(|_| self.cutoff) {
            Some(index) => Some(Times::try_new(
                batch.column(index),
                "the created timestamp column",
            )?),
            None => None,
        };
        let key_columns = self
            .keys
            .iter()
            .map(|i| Arc::clone(batch.column(*i)))
            .collect::<Vec<_>>();
        let keys = self.encoder.encode(&key_columns, rows)?;
        let before = scratch.size();
        scratch.hits.clear();
        self.look_up(&mut scratch.hits, &keys, &event, created.as_ref());
        scratch.candidates.clear();
        self.search(scratch, &event, created.as_ref(), &mut counts);
        self.leading(&mut scratch.candidates, &event.values);
        if scratch.candidates.is_empty() {
            counts.grown = scratch.size().cast_signed() - before.cast_signed();
            return Ok(counts);
        }
        let columns = self
            .payload
            .columns
            .iter()
            .map(|i| Arc::clone(batch.column(*i)))
            .collect::<Vec<ArrayRef>>();
        let source = self.payload.format.source(&columns)?;
        let grown = scratch.competition.run(
            &self.payload,
            &self.slots,
            &scratch.candidates,
            &event.values,
            &source,
        )?;
        counts.grown = grown + scratch.size().cast_signed() - before.cast_signed();
        Ok(counts)
    }

    /// First walk: which rows have slots at all.
    fn look_up(&self, hits: &mut Vec<Hit>, keys: &Keys, event: &Times, created: Option<&Times>) {
        let no_nulls = event.nulls.is_none() && created.is_none_or(|c| c.nulls.is_none());
        let (table, offsets) = (&self.layout.table, &self.layout.offsets);
        if let (
            KeyTable::Direct { first, keys },
            Keys::Integer {
                values,
                nulls: None,
            },
        ) = (table, keys)
            && no_nulls
        {
            return look_up_directly(hits, values, first.cast_signed(), *keys, offsets);
        }
        let rows = keys.len();
        for row in 0..rows {
            if row + AHEAD < rows {
                table.prefetch(keys.word(row + AHEAD), offsets);
            }
            let known = keys.is_valid(row)
                && (no_nulls || (event.is_valid(row) && created.is_none_or(|c| c.is_valid(row))));
            if known && let Some(id) = table.find(keys, row) {
                push(hits, row, id, offsets);
            }
        }
    }

    /// Second walk: each row and the one slot it may lead.
    fn search(
        &self,
        scratch: &mut Scratch,
        event: &Times,
        created: Option<&Times>,
        counts: &mut Counts,
    ) {
        let ratio = Ratio::of(event.unit, self.entity_unit);
        let values = &event.values;
        let walk = Walk {
            times: &self.layout.times,
            hits: &scratch.hits,
            events: values,
            candidates: &mut scratch.candidates,
        };
        counts.expired = match (created, ratio, self.ttl.is_in_units()) {
            (None, Ratio::Same, true) => walk.by_event(self.ttl.in_units()),
            (None, ..) => walk.by(&self.ttl, |row| ratio.ceil(values[row])),
            (Some(created), ..) => {
                let known = Ratio::of(created.unit, self.entity_unit);
                walk.by(&self.ttl, |row| {
                    let created = known.ceil(created.values[row])?;
                    Some(ratio.ceil(values[row])?.max(created))
                })
            }
        };
        counts.matched = scratch.candidates.len();
    }

    /// Third walk: drops what is older than the best row of its slot.
    fn leading(&self, candidates: &mut Vec<Candidate>, events: &[i64]) {
        let mut kept = 0;
        for at in 0..candidates.len() {
            if let Some(next) = candidates.get(at + AHEAD) {
                self.slots.prefetch(next.slot);
            }
            let candidate = candidates[at];
            let best = self.slots.best(candidate.slot as usize);
            candidates[kept] = candidate;
            kept += usize::from(events[candidate.row as usize] >= best);
        }
        candidates.truncate(kept);
    }
}

#[inline(always)]
fn push(hits: &mut Vec<Hit>, row: usize, id: usize, offsets: &[u32]) {
    let (start, end) = (offsets[id], offsets[id + 1]);
    if start < end {
        hits.push(Hit {
            row: row as u32,
            start,
            end,
        });
    }
}

/// Keys that are their own ids. Which rows have slots is as good as random, so no branch depends on it.
fn look_up_directly(hits: &mut Vec<Hit>, values: &[i64], first: i64, keys: usize, offsets: &[u32]) {
    let Some(last) = keys.checked_sub(1) else {
        return;
    };
    let id = |value: i64| value.wrapping_sub(first).cast_unsigned();
    hits.resize(values.len(), Hit::default());
    let mut kept = 0;
    for (row, &value) in values.iter().enumerate() {
        if let Some(next) = values.get(row + AHEAD) {
            prefetch(offsets, id(*next) as usize);
        }
        let id = id(value);
        let within = id.min(last as u64) as usize;
        let (start, end) = (offsets[within], offsets[within + 1]);
        hits[kept] = Hit {
            row: row as u32,
            start,
            end,
        };
        kept += usize::from((id <= last as u64) & (start < end));
    }
    hits.truncate(kept);
}
