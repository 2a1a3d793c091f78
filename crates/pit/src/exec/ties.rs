// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Decides ties that the columns read so far leave open.
//!
//! ```text
//!   asked: v; ties are broken by (u, v)
//!
//!   first read: key, time, v          second read: key, time, u, v
//!   A  5  v=1 ─┐ equal times,         only of A, only from 5 on,
//!   A  5  v=2 ─┘ different answers    against the slots that tied
//! ```
//!
//! Most rows never tie, so the columns that only break ties are not read for them. The second read is the same join over the tied
//! slots alone, with all columns; rows that are equal even there are the same answer.

use std::sync::Arc;

use arrow::array::UInt32Array;
use arrow::compute::take_record_batch;
use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, exec_err};
use datafusion::execution::memory_pool::MemoryReservation;

use super::answering::HeldByThread;
use super::key_set::KeySet;
use super::probing::Probing;
use super::running::{RunningJoin, RunningView};
use super::task::{EndOnDrop, TURN, Turn, joined};
use crate::kernel::slots::SlotLayout;
use crate::kernel::winners::Winners;

impl RunningJoin {
    /// The winners with no tie left open.
    pub(super) async fn decide(
        &self,
        view: &RunningView,
        at: usize,
        set: &KeySet,
        batches: &[RecordBatch],
        mut winners: Winners,
        reservation: &Arc<MemoryReservation>,
    ) -> Result<Winners> {
        let tied = tied(&winners).await;
        if tied.is_empty() {
            return Ok(winners);
        }
        // Without another input this one has all columns; its narrow pass had not.
        let (plan, input, filter) = match &view.ties {
            Some((plan, input)) => (plan, input, self.views.len() + at),
            None => (&view.plan, &view.input, at),
        };
        view.metrics.slots_tied.add(tied.len());
        let (slots, entities) = entities_of(&tied, &set.layout, batches).await?;
        let memory = HeldByThread::try_new(slots.len(), reservation)?;
        let unwanted = EndOnDrop::default();
        let tied_set = self.lay_out(plan.key_set(), entities, memory, unwanted.signal())?;
        let (tied_set, _memory) = joined(tied_set).await?;
        let probing = Probing {
            plan: Arc::clone(plan),
            input,
            filtered: None,
            filter,
            least: winners.oldest(&tied),
            lease: &self.lease,
            context: &self.context,
            metrics: &view.metrics,
            reservation,
        };
        let size = probing.size(&tied_set)?;
        reservation.try_grow(size)?;
        let decided = probing.run(&tied_set).await?;
        let row_slots = &tied_set.layout.row_slots;
        if row_slots.iter().any(|slot| decided.winner(*slot).is_none()) {
            return exec_err!(
                "feast_pit_join: reading feature view {} a second time to break ties did not give the rows it gave first; its source \
                 has to give the same rows within one query",
                plan.name
            );
        }
        let (first, second) = (view.input.plan().schema(), input.plan().schema());
        let mut cells = Vec::new();
        for column in view.plan.payload_columns() {
            let name = first.field(*column).name();
            let place = plan
                .payload_columns()
                .iter()
                .position(|c| second.field(*c).name() == name);
            match place {
                Some(cell) => cells.push(cell),
                None => return exec_err!("column {name} of view {} has gone", plan.name),
            }
        }
        let columns = decided.gather(row_slots, &cells)?;
        winners.replace(&slots, &columns)?;
        reservation.shrink(size);
        Ok(winners)
    }
}

/// The slots that hold a winner to decide on.
async fn tied(winners: &Winners) -> Vec<u32> {
    let (mut tied, slots) = (Vec::new(), winners.slots());
    for first in (0..slots).step_by(TURN) {
        let next = slots.min(first + TURN);
        winners.add_tied(first..next, &mut tied);
        if next < slots {
            tokio::task::yield_now().await;
        }
    }
    tied
}

/// For each of these slots, which ascend, one entity row that has it: the slots in the order of the rows, and the rows.
async fn entities_of(
    tied: &[u32],
    layout: &SlotLayout,
    batches: &[RecordBatch],
) -> Result<(Vec<u32>, Vec<RecordBatch>)> {
    let mut missing = vec![true; tied.len()];
    let mut slots = Vec::with_capacity(tied.len());
    let mut entities = Vec::new();
    let (mut first, mut turn) = (0, Turn::default());
    for batch in batches {
        let mut rows = Vec::new();
        let batch_slots = &layout.row_slots[first..first + batch.num_rows()];
        first += batch.num_rows();
        for (row, slot) in (0_u32..).zip(batch_slots) {
            if let Ok(place) = tied.binary_search(slot)
                && std::mem::take(&mut missing[place])
            {
                rows.push(row);
                slots.push(*slot);
            }
        }
        if !rows.is_empty() {
            entities.push(take_record_batch(batch, &UInt32Array::from(rows))?);
        }
        turn.after(batch.num_rows()).await;
    }
    Ok((slots, entities))
}
