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
//! sort the others by stripe, and let them compete there. The walks ask for the cache lines of the row 16 places ahead.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;

use super::compete::Competition;
use super::key_table::KeyTable;
use super::keys::{KeyEncoder, Keys};
use super::payload::Payload;
use super::prefetch::prefetch;
use super::slots::SlotLayout;
use super::stripes::SharedSlots;
use super::time::{Ratio, Times, Ttl, Unit};

const AHEAD: usize = 16;
const LINEAR: usize = 16;

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
#[derive(Debug, Clone, Copy)]
struct Hit {
    row: u32,
    start: u32,
    end: u32,
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
        scratch
            .candidates
            .retain(|c| event.values[c.row as usize] >= self.slots.best(c.slot as usize));
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
        match created {
            None if ratio == Ratio::Same => {
                self.search_with(scratch, values, counts, |row| Some(values[row]));
            }
            None => self.search_with(scratch, values, counts, |row| ratio.ceil(values[row])),
            Some(created) => {
                let known = Ratio::of(created.unit, self.entity_unit);
                self.search_with(scratch, values, counts, |row| {
                    Some(
                        ratio
                            .ceil(values[row])?
                            .max(known.ceil(created.values[row])?),
                    )
                });
            }
        }
    }

    #[inline(always)]
    fn search_with(
        &self,
        scratch: &mut Scratch,
        event: &[i64],
        counts: &mut Counts,
        available: impl Fn(usize) -> Option<i64>,
    ) {
        let times = &self.layout.times;
        let Scratch {
            hits, candidates, ..
        } = scratch;
        for (at, hit) in hits.iter().enumerate() {
            if let Some(next) = hits.get(at + AHEAD) {
                prefetch(times, next.start as usize);
            }
            let Some(available) = available(hit.row as usize) else {
                continue;
            };
            let slots = &times[hit.start as usize..hit.end as usize];
            let Some(index) = first_at_or_after(slots, available) else {
                continue;
            };
            if self.ttl.expired(slots[index], event[hit.row as usize]) {
                counts.expired += 1;
                continue;
            }
            let slot = hit.start + index as u32;
            self.slots.prefetch(slot);
            candidates.push(Candidate { slot, row: hit.row });
        }
        counts.matched += candidates.len();
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

fn look_up_directly(hits: &mut Vec<Hit>, values: &[i64], first: i64, keys: usize, offsets: &[u32]) {
    let id = |value: i64| value.wrapping_sub(first).cast_unsigned();
    for (row, &value) in values.iter().enumerate() {
        if let Some(next) = values.get(row + AHEAD) {
            prefetch(offsets, id(*next) as usize);
        }
        if id(value) < keys as u64 {
            push(hits, row, id(value) as usize, offsets);
        }
    }
}

/// The first slot whose time is not before `available`.
#[inline(always)]
fn first_at_or_after(slots: &[i64], available: i64) -> Option<usize> {
    let index = if slots.len() <= LINEAR {
        // Without branches: where the time lies among the slots is not predictable.
        slots.iter().map(|t| usize::from(*t < available)).sum()
    } else {
        slots.partition_point(|time| *time < available)
    };
    (index < slots.len()).then_some(index)
}
