// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Some entity rows answered: build, then each view's read, several views at a time.
//!
//! ```text
//!   build ──► slots of each key set ─┬► view 1: probe ─► fetch what is late ─► decide ties ─┬► answer
//!                                    └► view 2: probe ─► …                                 ─┘
//! ```

use std::sync::Arc;

use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::{Result, internal_err};
use datafusion::execution::memory_pool::MemoryReservation;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use super::entities::size_of_batches;
use super::gather::Answer;
use super::key_set::KeySet;
use super::late::LateView;
use super::probing::Probing;
use super::running::{RunningJoin, RunningView};
use super::task::{EndOnDrop, Ended, all_joined};
use super::view::ViewPlan;
use crate::kernel::slots::SlotLayout;
use crate::kernel::winners::Winners;

/// How many views are read at a time; each is read by all its partitions at once.
const CONCURRENT_VIEWS: usize = 4;

/// A key set that is laid out, and what reserves it.
pub(super) type LaidOut = SpawnedTask<Result<(KeySet, HeldByThread)>>;

/// What a thread that cannot be aborted has reserved. The memory of its attempt is held besides, so that whoever waits for the
/// attempt to end waits for the thread.
pub(super) struct HeldByThread {
    memory: MemoryReservation,
    _attempt: Arc<MemoryReservation>,
}

/// One view as it is read for some entity rows.
struct Read<'a> {
    at: usize,
    view: &'a RunningView,
    set: &'a KeySet,
    late: Option<&'a LateView>,
    probing: Probing<'a>,
}

impl RunningJoin {
    /// The answer for these entity rows, which `held` reserves, or which are reserved here.
    pub(super) async fn answer(
        self: &Arc<Self>,
        batches: &[RecordBatch],
        held: Option<Arc<MemoryReservation>>,
        reservation: Arc<MemoryReservation>,
    ) -> Result<Answer> {
        let entities = match held {
            Some(_) => 0,
            None => size_of_batches(batches)?,
        };
        reservation.try_grow(entities)?;
        let entity_bytes = entities + held.as_ref().map_or(0, |held| held.size());
        let timer = self.metrics.build_time.timer();
        let (sets, set_memory) = self.build(batches, entity_bytes, &reservation).await?;
        timer.done();
        let reads = self.reads(&sets, &reservation)?;
        self.metrics.parts.add(1);
        let winners = self.read(&reads, batches, &reservation).await?;
        let besides = set_memory.size() + entity_bytes - entities;
        let peak = reservation.size() + besides;
        self.metrics.peak_mem_used.set_max(peak);
        let slots = sets.iter().map(|set| set.layout.times.len()).sum();
        self.metrics.slots.add(slots);
        let layout = |read: &Read<'_>| Arc::clone(&read.set.layout);
        let layouts: Vec<Arc<SlotLayout>> = reads.iter().map(layout).collect();
        drop(reads);
        let sizes = winners.iter().map(Winners::size).sum::<usize>();
        reservation.try_resize(sizes + entities)?;
        let memory = [Some(reservation), Some(Arc::new(set_memory)), held];
        Ok(Answer {
            running: Arc::clone(self),
            batches: batches.to_vec(),
            layouts,
            winners,
            _memory: memory.into_iter().flatten().collect(),
        })
    }

    /// How each view is read, with what that takes reserved.
    fn reads<'a>(
        &'a self,
        sets: &'a [KeySet],
        reservation: &'a Arc<MemoryReservation>,
    ) -> Result<Vec<Read<'a>>> {
        let read = |(at, view): (usize, &'a RunningView)| {
            let set = find(sets, &view.plan)?;
            let late = view.late(set)?;
            let (plan, input) = late.map_or((&view.plan, &view.input), |l| (&l.plan, &l.input));
            let probing = Probing {
                plan: Arc::clone(plan),
                input,
                filtered: late.map(|_| (&view.plan, &view.input)),
                filter: at,
                least: None,
                lease: &self.lease,
                context: &self.context,
                metrics: &view.metrics,
                reservation,
            };
            reservation.try_grow(probing.size(set)?)?;
            Ok(Read {
                at,
                view,
                set,
                late,
                probing,
            })
        };
        self.views.iter().enumerate().map(read).collect()
    }

    /// The winners of all views, in their order. The first error ends all reads.
    async fn read(
        &self,
        reads: &[Read<'_>],
        batches: &[RecordBatch],
        reservation: &Arc<MemoryReservation>,
    ) -> Result<Vec<Winners>> {
        let reads = reads.iter().map(|read| {
            let name = &read.view.plan.name;
            let winners = self.winners(read, batches, reservation);
            winners
                .map(move |r| r.map_err(|e| e.context(format!("feature view {name}"))))
                .boxed()
        });
        let mut winners: Vec<(usize, Winners)> = stream::iter(reads.collect::<Vec<_>>())
            .buffer_unordered(CONCURRENT_VIEWS)
            .try_collect()
            .await?;
        winners.sort_by_key(|(at, _)| *at);
        Ok(winners.into_iter().map(|(_, winners)| winners).collect())
    }

    async fn winners(
        &self,
        read: &Read<'_>,
        batches: &[RecordBatch],
        reservation: &Arc<MemoryReservation>,
    ) -> Result<(usize, Winners)> {
        let (view, set) = (read.view, read.set);
        let mut winners = read.probing.run(set).await?;
        view.metrics.slots_filled.add(winners.filled);
        view.metrics.slots_expired.add(winners.expired);
        if let Some(late) = read.late {
            let context = &self.context;
            winners = late.fetch(view, winners, context, reservation).await?;
        }
        let winners = self.decide(view, read.at, set, batches, winners, reservation);
        Ok((read.at, winners.await?))
    }

    /// One layout for every distinct key set, and the memory of all; views with equal key sets share theirs. Besides, `entity_bytes`
    /// are reserved.
    async fn build(
        &self,
        batches: &[RecordBatch],
        entity_bytes: usize,
        attempt: &Arc<MemoryReservation>,
    ) -> Result<(Vec<KeySet>, MemoryReservation)> {
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let memory = self.memory.new_empty();
        let mut key_sets: Vec<Vec<(usize, DataType)>> = Vec::new();
        for view in &self.views {
            let columns = view.plan.key_set();
            if !key_sets.contains(&columns) {
                key_sets.push(columns);
            }
        }
        let unwanted = EndOnDrop::default();
        let mut tasks = Vec::with_capacity(key_sets.len());
        for columns in key_sets {
            let held = HeldByThread::try_new(rows, attempt)?;
            tasks.push(self.lay_out(columns, batches.to_vec(), held, unwanted.signal())?);
        }
        let mut sets = Vec::with_capacity(tasks.len());
        let mut peak = entity_bytes;
        for (set, held) in all_joined(tasks).await? {
            peak += set.peak;
            memory.grow(held.memory.free());
            sets.push(set);
        }
        self.metrics.peak_mem_used.set_max(peak);
        Ok((sets, memory))
    }

    /// Lays out these entity rows in what is reserved. It takes long enough to keep a thread from noticing that the query is
    /// cancelled, so another thread does it, which looks whether it has.
    pub(super) fn lay_out(
        &self,
        columns: Vec<(usize, DataType)>,
        batches: Vec<RecordBatch>,
        held: HeldByThread,
        ended: Ended,
    ) -> Result<LaidOut> {
        let times = self.times(&batches)?;
        Ok(SpawnedTask::spawn_blocking(move || {
            let set = KeySet::build(columns, &batches, &times, &held.memory, &ended)?;
            Ok((set, held))
        }))
    }
}

impl HeldByThread {
    /// What laying out so many entity rows takes.
    pub(super) fn try_new(rows: usize, attempt: &Arc<MemoryReservation>) -> Result<Self> {
        let memory = attempt.new_empty();
        memory.try_grow(SlotLayout::size_for(rows))?;
        Ok(Self {
            memory,
            _attempt: Arc::clone(attempt),
        })
    }
}

fn find<'a>(sets: &'a [KeySet], plan: &ViewPlan) -> Result<&'a KeySet> {
    let columns = plan.key_set();
    match sets.iter().find(|set| set.columns == columns) {
        Some(set) => Ok(set),
        None => internal_err!("the key set of view {} was not built", plan.name),
    }
}
