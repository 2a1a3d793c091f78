// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A view read once: its partitions compete for the slots, each in a task of its own.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::common::runtime::SpawnedTask;
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use futures::StreamExt;

use super::filters::necessary;
use super::key_set::KeySet;
use super::lease::Lease;
use super::metrics::ViewMetrics;
use super::rising::RisingFilter;
use super::task::{TURN, Turn, all_joined};
use super::view::ViewPlan;
use crate::kernel::probe::{Scratch, ViewProbe};
use crate::kernel::stripes::SharedSlots;
use crate::kernel::time::Ttl;
use crate::kernel::winners::{Deciding, Winners};

/// An input that may be read several times.
#[derive(Debug)]
pub(super) struct Input {
    plan: Arc<dyn ExecutionPlan>,
    /// Its partitions that are read.
    partitions: Range<usize>,
    read: AtomicBool,
}

impl Input {
    pub(super) fn new(plan: Arc<dyn ExecutionPlan>, partitions: Range<usize>) -> Self {
        Self {
            plan,
            partitions,
            read: AtomicBool::new(false),
        }
    }

    pub(super) fn plan(&self) -> &Arc<dyn ExecutionPlan> {
        &self.plan
    }

    /// The partitions that are read.
    pub(super) fn partitions(&self) -> Range<usize> {
        self.partitions.clone()
    }

    /// The plan, in a state in which it can be executed.
    fn ready(&self) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = Arc::clone(&self.plan);
        match self.read.swap(true, Ordering::Relaxed) {
            false => Ok(plan),
            true => reset_plan_states(plan),
        }
    }
}

/// One read of one view.
pub(super) struct Probing<'a> {
    pub(super) plan: Arc<ViewPlan>,
    pub(super) input: &'a Input,
    /// The view and its input as the dynamic filter knows them, where these are others.
    pub(super) filtered: Option<(&'a Arc<ViewPlan>, &'a Input)>,
    /// The number of the view's dynamic filter.
    pub(super) filter: usize,
    /// Only rows of at least this event time can win.
    pub(super) least: Option<i64>,
    pub(super) lease: &'a Arc<Lease>,
    pub(super) context: &'a Arc<TaskContext>,
    pub(super) metrics: &'a ViewMetrics,
    pub(super) reservation: &'a Arc<MemoryReservation>,
}

impl Probing<'_> {
    /// Bytes that reading the view takes before any row is read.
    pub(super) fn size(&self, set: &KeySet) -> Result<usize> {
        let slots = set.layout.times.len();
        let format = self.plan.payload()?.format;
        Ok(SharedSlots::size_for(slots, &format) + slots * size_of::<u32>())
    }

    /// The winners. What [`Self::size`] tells has to be reserved; what is needed beyond is reserved here.
    pub(super) async fn run(&self, set: &KeySet) -> Result<Winners> {
        let (view, input) = self.filtered();
        let schema = input.plan.schema();
        let mut wanted = necessary(view, &schema, &set.bounds);
        if let Some(least) = self.least {
            wanted = super::filters::above(&wanted, view, &schema, least);
        }
        self.lease.publish(self.filter, Arc::clone(&wanted))?;
        let probe = Arc::new(self.probe(set)?);
        let slots = probe.slots.len();
        if slots > 0 {
            let rising = RisingFilter::new(self.lease, self.filter, schema, wanted, slots);
            let rising = Arc::new(rising);
            let plan = self.input.ready()?;
            let tasks = self
                .input
                .partitions
                .clone()
                .map(|partition| self.spawn(&plan, partition, &probe, &rising))
                .collect::<Result<Vec<_>>>()?;
            all_joined(tasks).await?;
        }
        let Ok(probe) = Arc::try_unwrap(probe) else {
            return internal_err!("a thread still probes view {}", self.plan.name);
        };
        let mut deciding = Deciding::new(probe);
        while deciding.decide(TURN) {
            tokio::task::yield_now().await;
        }
        Ok(deciding.finish())
    }

    fn filtered(&self) -> (&Arc<ViewPlan>, &Input) {
        self.filtered.unwrap_or((&self.plan, self.input))
    }

    fn probe(&self, set: &KeySet) -> Result<ViewProbe> {
        let plan = &self.plan;
        let payload = plan.payload()?;
        Ok(ViewProbe {
            layout: Arc::clone(&set.layout),
            encoder: Arc::clone(&set.encoder),
            keys: plan.keys.iter().map(|k| k.view).collect(),
            event: plan.event,
            created: plan.created,
            cutoff: plan.cutoff,
            entity_unit: plan.entity_unit,
            ttl: Ttl::new(plan.ttl_nanos, plan.entity_unit, plan.view_unit),
            slots: SharedSlots::new(set.layout.times.len(), &payload.format),
            payload,
        })
    }

    fn spawn(
        &self,
        plan: &Arc<dyn ExecutionPlan>,
        partition: usize,
        probe: &Arc<ViewProbe>,
        rising: &Arc<Option<RisingFilter>>,
    ) -> Result<SpawnedTask<Result<()>>> {
        let mut rows = plan.execute(partition, Arc::clone(self.context))?;
        let (view, probe, rising) = (
            Arc::clone(self.filtered().0),
            Arc::clone(probe),
            Arc::clone(rising),
        );
        let (metrics, reservation) = (self.metrics.clone(), Arc::clone(self.reservation));
        Ok(SpawnedTask::spawn(async move {
            let (mut scratch, mut turn) = (Scratch::default(), Turn::default());
            while let Some(batch) = rows.next().await.transpose()? {
                let timer = metrics.probe_time.timer();
                let counts = probe.absorb(&mut scratch, &batch)?;
                metrics.rows_probed.add(counts.rows);
                metrics.rows_matched.add(counts.matched);
                metrics.rows_expired.add(counts.expired);
                settle(&reservation, counts.grown)?;
                if let Some(rising) = rising.as_ref()
                    && rising.after(counts.rows, &view, &probe)?
                {
                    metrics.floor_raised.add(1);
                }
                timer.done();
                turn.after(counts.rows).await;
            }
            Ok::<_, DataFusionError>(())
        }))
    }
}

/// Brings a reservation up or down by what has changed.
fn settle(reservation: &MemoryReservation, grown: isize) -> Result<()> {
    if grown > 0 {
        reservation.try_grow(grown.unsigned_abs())?;
    } else if grown < 0 {
        reservation.shrink(grown.unsigned_abs());
    }
    Ok(())
}
