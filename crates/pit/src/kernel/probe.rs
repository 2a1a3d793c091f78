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
//! `finish`, by a running maximum over each key's slots. The order of rows is (event, created, ties), a maximum over which is
//! commutative, associative and idempotent: the answer cannot depend on the order in which rows arrive.
//!
//! A batch is walked twice: first every key is looked up, then every slot searched, each time asking for the cache lines of
//! the row 16 places ahead.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;

use super::key_table::Entry;
use super::keys::{KeyEncoder, Keys};
use super::prefetch::prefetch;
use super::slots::SlotLayout;
use super::time::{Times, Ttl, Unit, convert_ceil};
use super::winners::{Chunk, Payload, RowRef, Winners, compare_ties, gather_chunk};

const AHEAD: usize = 16;
const LINEAR: usize = 8;
/// Chunks below this many rows are merged when there are this many of them; merged chunks have at most so many rows.
const SMALL_ROWS: usize = 4_096;
const SMALL_CHUNKS: usize = 32;
const MERGED_ROWS: usize = 1 << 16;

/// What one view's rows are compared by: fixed for a query, shared by its threads.
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
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    time: i64,
    best: i64,
    row: RowRef,
}

/// Where a row's key has its slots.
#[derive(Debug, Clone, Copy)]
struct Hit {
    row: u32,
    offset: u32,
    count: u32,
}

/// One thread's slots of one view.
#[derive(Debug)]
pub(crate) struct ProbeState {
    slots: Vec<Slot>,
    chunks: Vec<Chunk>,
    /// Rows in all chunks, slots that have a leader, bytes of all chunks.
    kept: usize,
    led: usize,
    bytes: usize,
    /// How many chunks at the end are small.
    small: usize,
    hits: Vec<Hit>,
    writes: Vec<u32>,
    pub(crate) counts: Counts,
}

/// What happened to a view's rows.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) rows: usize,
    pub(crate) matched: usize,
    pub(crate) expired: usize,
}

impl ProbeState {
    pub(crate) fn new(probe: &ViewProbe) -> Result<Self> {
        let slots = probe.layout.times.iter().map(|&time| Slot {
            time,
            best: i64::MIN,
            row: RowRef::NONE,
        });
        Ok(Self {
            slots: slots.collect(),
            chunks: vec![Chunk::nulls(&probe.payload)?],
            kept: 0,
            led: 0,
            bytes: 0,
            small: 0,
            hits: Vec::new(),
            writes: Vec::new(),
            counts: Counts::default(),
        })
    }

    /// Bytes held, for the memory reservation.
    pub(crate) fn size(&self) -> usize {
        self.slots.len() * size_of::<Slot>()
            + self.hits.capacity() * size_of::<Hit>()
            + self.writes.capacity() * size_of::<u32>()
            + self.bytes
            + self.chunks.iter().map(Chunk::encoded_size).sum::<usize>()
    }

    /// Bytes a state needs before it has seen any row.
    pub(crate) fn size_for(layout: &SlotLayout) -> usize {
        layout.times.len() * size_of::<Slot>()
    }

    /// Lets the rows of a batch compete.
    pub(crate) fn absorb(&mut self, probe: &ViewProbe, batch: &RecordBatch) -> Result<()> {
        let rows = batch.num_rows();
        self.counts.rows += rows;
        if rows == 0 || self.slots.is_empty() {
            return Ok(());
        }
        let event = Times::try_new(batch.column(probe.event), "the event timestamp column")?;
        let created = match probe.created.filter(|_| probe.cutoff) {
            Some(index) => Some(Times::try_new(
                batch.column(index),
                "the created timestamp column",
            )?),
            None => None,
        };
        let key_columns = probe
            .keys
            .iter()
            .map(|i| Arc::clone(batch.column(*i)))
            .collect::<Vec<_>>();
        let keys = probe.encoder.encode(&key_columns, rows)?;
        self.look_up(probe, &keys, &event, created.as_ref());

        let payload = probe
            .payload
            .columns
            .iter()
            .map(|i| Arc::clone(batch.column(*i)));
        let current = Chunk::try_new(
            &probe.payload,
            payload.collect::<Vec<ArrayRef>>(),
            Vec::new(),
        )?;
        self.compete(probe, &event, created.as_ref(), &current)?;
        self.keep(probe, &current)
    }

    /// First walk: which rows have slots at all.
    fn look_up(&mut self, probe: &ViewProbe, keys: &Keys, event: &Times, created: Option<&Times>) {
        self.hits.clear();
        let rows = keys.len();
        let table = &probe.layout.table;
        let no_nulls = event.nulls.is_none() && created.is_none_or(|c| c.nulls.is_none());
        for row in 0..rows {
            if row + AHEAD < rows {
                table.prefetch(keys.word(row + AHEAD));
            }
            if !keys.is_valid(row) {
                continue;
            }
            let timed =
                no_nulls || (event.is_valid(row) && created.is_none_or(|c| c.is_valid(row)));
            if !timed {
                continue;
            }
            if let Some(Entry { offset, count, .. }) = table.find(keys, row, keys.word(row)) {
                self.hits.push(Hit {
                    row: row as u32,
                    offset,
                    count,
                });
            }
        }
    }

    /// Second walk: each row against the one slot it may lead.
    fn compete(
        &mut self,
        probe: &ViewProbe,
        event: &Times,
        created: Option<&Times>,
        current: &Chunk,
    ) -> Result<()> {
        self.writes.clear();
        let hits = std::mem::take(&mut self.hits);
        for (at, hit) in hits.iter().enumerate() {
            if let Some(next) = hits.get(at + AHEAD) {
                prefetch(&self.slots, next.offset as usize);
            }
            let row = hit.row as usize;
            let time = event.values[row];
            let Some(mut available) = convert_ceil(time, event.unit, probe.entity_unit) else {
                continue;
            };
            if let Some(created) = created {
                match convert_ceil(created.values[row], created.unit, probe.entity_unit) {
                    Some(known) => available = available.max(known),
                    None => continue,
                }
            }
            let (start, end) = (hit.offset as usize, (hit.offset + hit.count) as usize);
            let Some(index) = first_at_or_after(&self.slots[start..end], available) else {
                continue;
            };
            let index = start + index;
            let slot = self.slots[index];
            if probe.ttl.expired(slot.time, time) {
                self.counts.expired += 1;
                continue;
            }
            self.counts.matched += 1;
            let leads = match (slot.row == RowRef::NONE, time.cmp(&slot.best)) {
                (true, _) => {
                    self.led += 1;
                    true
                }
                (false, Ordering::Equal) => {
                    let holder = match slot.row.is_current() {
                        true => current,
                        false => &self.chunks[slot.row.chunk() as usize],
                    };
                    compare_ties(&probe.payload, (current, hit.row), (holder, slot.row.row()))?
                        .is_gt()
                }
                (false, order) => order.is_gt(),
            };
            if leads {
                self.slots[index] = Slot {
                    time: slot.time,
                    best: time,
                    row: RowRef::current(hit.row),
                };
                self.writes.push(index as u32);
            }
        }
        self.hits = hits;
        Ok(())
    }

    /// Keeps the payload of the rows that lead a slot after this batch.
    fn keep(&mut self, probe: &ViewProbe, current: &Chunk) -> Result<()> {
        let chunk = self.chunks.len() as u32;
        let (mut rows, mut slots) = (Vec::new(), Vec::new());
        for &index in &self.writes {
            let slot = &mut self.slots[index as usize];
            if slot.row.is_current() {
                let kept = rows.len() as u32;
                rows.push(slot.row.row());
                slots.push(index);
                slot.row = RowRef::new(chunk, kept);
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        let chunk = current.keep(&probe.payload, rows, slots)?;
        self.push(chunk);
        if self.kept > 2 * self.led + (1 << 16) {
            self.merge_chunks(probe, 1)?;
        } else if self.small >= SMALL_CHUNKS {
            self.merge_chunks(probe, self.chunks.len() - self.small)?;
        }
        Ok(())
    }

    fn push(&mut self, chunk: Chunk) {
        self.kept += chunk.rows();
        self.bytes += chunk.size();
        self.small = if chunk.rows() < SMALL_ROWS {
            self.small + 1
        } else {
            0
        };
        self.chunks.push(chunk);
    }

    /// Merges the chunks from this one on, without the rows that lead no slot any more.
    fn merge_chunks(&mut self, probe: &ViewProbe, from: usize) -> Result<()> {
        let old = self.chunks.split_off(from);
        self.kept = self.chunks.iter().map(Chunk::rows).sum();
        self.bytes = self.chunks.iter().map(Chunk::size).sum();
        self.small = 0;
        let (mut rows, mut slots) = (Vec::new(), Vec::new());
        for (at, chunk) in old.iter().enumerate() {
            for (row, &index) in chunk.slots.iter().enumerate() {
                let slot = &mut self.slots[index as usize];
                if slot.row != RowRef::new((from + at) as u32, row as u32) {
                    continue;
                }
                slot.row = RowRef::new(self.chunks.len() as u32, rows.len() as u32);
                rows.push((at, row));
                slots.push(index);
                if rows.len() == MERGED_ROWS {
                    let merged =
                        gather_chunk(&probe.payload, &old, &rows, std::mem::take(&mut slots))?;
                    rows.clear();
                    self.push(merged);
                }
            }
        }
        if !rows.is_empty() {
            let merged = gather_chunk(&probe.payload, &old, &rows, slots)?;
            self.push(merged);
        }
        Ok(())
    }

    /// Takes over what another thread found for the same view.
    pub(crate) fn merge(&mut self, probe: &ViewProbe, other: Self) -> Result<()> {
        let base = self.chunks.len() as u32;
        self.chunks.extend(other.chunks);
        for (mine, theirs) in self.slots.iter_mut().zip(other.slots) {
            if theirs.row == RowRef::NONE {
                continue;
            }
            let row = RowRef::new(theirs.row.chunk() + base, theirs.row.row());
            let leads = match (mine.row == RowRef::NONE, theirs.best.cmp(&mine.best)) {
                (true, _) => {
                    self.led += 1;
                    true
                }
                (false, Ordering::Equal) => {
                    compare_refs(&probe.payload, &self.chunks, row, mine.row)?.is_gt()
                }
                (false, order) => order.is_gt(),
            };
            if leads {
                mine.best = theirs.best;
                mine.row = row;
            }
        }
        self.kept += other.kept;
        self.bytes += other.bytes;
        self.counts.rows += other.counts.rows;
        self.counts.matched += other.counts.matched;
        self.counts.expired += other.counts.expired;
        Ok(())
    }

    /// The winner of every slot: the greatest row offered to it or to an earlier slot of its key, if still within its TTL.
    pub(crate) fn finish(mut self, probe: &ViewProbe) -> Result<Winners> {
        let mut filled = 0;
        for key in probe.layout.offsets.windows(2) {
            let mut leader = (i64::MIN, RowRef::NONE);
            for slot in &mut self.slots[key[0] as usize..key[1] as usize] {
                if slot.row != RowRef::NONE {
                    let newer = match (leader.1 == RowRef::NONE, slot.best.cmp(&leader.0)) {
                        (true, _) => true,
                        (false, Ordering::Equal) => {
                            compare_refs(&probe.payload, &self.chunks, slot.row, leader.1)?.is_gt()
                        }
                        (false, order) => order.is_gt(),
                    };
                    if newer {
                        leader = (slot.best, slot.row);
                    }
                }
                let valid = leader.1 != RowRef::NONE && !probe.ttl.expired(slot.time, leader.0);
                slot.row = if valid { leader.1 } else { RowRef::NONE };
                filled += usize::from(valid);
            }
        }
        let rows = self.slots.iter().map(|slot| slot.row).collect();
        Ok(Winners {
            rows,
            chunks: self.chunks,
            filled,
        })
    }
}

fn compare_refs(payload: &Payload, chunks: &[Chunk], a: RowRef, b: RowRef) -> Result<Ordering> {
    let at = |r: RowRef| (&chunks[r.chunk() as usize], r.row());
    compare_ties(payload, at(a), at(b))
}

/// The first slot whose time is not before `available`.
#[inline(always)]
fn first_at_or_after(slots: &[Slot], available: i64) -> Option<usize> {
    if slots.len() <= LINEAR {
        return slots.iter().position(|slot| slot.time >= available);
    }
    let index = slots.partition_point(|slot| slot.time < available);
    (index < slots.len()).then_some(index)
}
