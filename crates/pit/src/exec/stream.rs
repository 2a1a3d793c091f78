// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The join running: build, probe, gather.

use std::sync::Arc;

use arrow::array::Array;
use arrow::compute::{cast, interleave};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt, stream};

use super::PitJoinExec;
use super::filters::ViewFilter;
use super::key_set::KeySet;
use super::metrics::{PitMetrics, ViewMetrics};
use super::view::ViewPlan;
use crate::kernel::probe::{ProbeState, ViewProbe};
use crate::kernel::slots::{NO_SLOT, SlotLayout};
use crate::kernel::time::{Times, Ttl};
use crate::kernel::winners::{RowRef, Winners};

/// How many views are read at a time; each is read by all its partitions at once.
const CONCURRENT_VIEWS: usize = 4;

/// Everything a running join needs, apart from the plan it came from.
struct Running {
    entity: Arc<dyn ExecutionPlan>,
    views: Vec<Arc<dyn ExecutionPlan>>,
    plans: Arc<Vec<ViewPlan>>,
    filters: Vec<ViewFilter>,
    event_time: String,
    fetch: Option<usize>,
    schema: SchemaRef,
    context: Arc<TaskContext>,
    reservation: Arc<MemoryReservation>,
    metrics: PitMetrics,
    view_metrics: Vec<ViewMetrics>,
}

pub(super) fn start(join: &PitJoinExec, context: Arc<TaskContext>) -> SendableRecordBatchStream {
    let schema = join.output_schema();
    let reservation = MemoryConsumer::new("PitJoin").register(context.memory_pool());
    let running = Running {
        entity: Arc::clone(&join.entity),
        views: join.views.clone(),
        plans: Arc::clone(&join.plans),
        filters: join.filters.clone(),
        event_time: join.spec.event_time.clone(),
        fetch: join.fetch,
        schema: Arc::clone(&schema),
        context,
        reservation: Arc::new(reservation),
        metrics: PitMetrics::new(&join.metrics),
        view_metrics: join
            .plans
            .iter()
            .map(|p| ViewMetrics::new(&join.metrics, &p.name))
            .collect(),
    };
    let answer = stream::once(running.run()).try_flatten();
    Box::pin(RecordBatchStreamAdapter::new(schema, answer))
}

impl Running {
    async fn run(self) -> Result<SendableRecordBatchStream> {
        let batches = self.collect_entities().await?;
        let timer = self.metrics.build_time.timer();
        let layouts = self.build(&batches)?;
        timer.done();
        let timer = self.metrics.probe_time.timer();
        let winners = self.probe(&layouts).await?;
        timer.done();
        self.metrics.peak_mem_used.set_max(self.reservation.size());
        Ok(self.gather(batches, layouts, winners))
    }

    /// The entity side, partition after partition.
    async fn collect_entities(&self) -> Result<Vec<RecordBatch>> {
        let mut batches = match self.fetch {
            Some(rows) => self.collect_first(rows).await?,
            None => self.collect_all().await?,
        };
        batches.retain(|batch| batch.num_rows() > 0);
        self.metrics
            .entity_rows
            .add(batches.iter().map(RecordBatch::num_rows).sum());
        Ok(batches)
    }

    async fn collect_all(&self) -> Result<Vec<RecordBatch>> {
        let partitions = self.entity.properties().partitioning.partition_count();
        let tasks = (0..partitions)
            .map(|partition| {
                let mut input = self.entity.execute(partition, Arc::clone(&self.context))?;
                let reservation = Arc::clone(&self.reservation);
                Ok(SpawnedTask::spawn(async move {
                    let mut batches = Vec::new();
                    while let Some(batch) = input.next().await.transpose()? {
                        reservation.try_grow(entity_size(&batch)?)?;
                        batches.push(batch);
                    }
                    Ok::<_, DataFusionError>(batches)
                }))
            })
            .collect::<Result<Vec<_>>>()?;
        let mut batches = Vec::new();
        for task in tasks {
            batches.extend(joined(task).await?);
        }
        Ok(batches)
    }

    /// The first rows of the entity side; what comes after them is not read.
    async fn collect_first(&self, rows: usize) -> Result<Vec<RecordBatch>> {
        let mut batches = Vec::new();
        let mut wanted = rows;
        for partition in 0..self.entity.properties().partitioning.partition_count() {
            if wanted == 0 {
                break;
            }
            let mut input = self.entity.execute(partition, Arc::clone(&self.context))?;
            while wanted > 0
                && let Some(batch) = input.next().await.transpose()?
            {
                let batch = batch.slice(0, batch.num_rows().min(wanted));
                wanted -= batch.num_rows();
                self.reservation.try_grow(entity_size(&batch)?)?;
                batches.push(batch);
            }
        }
        Ok(batches)
    }

    /// One layout for every distinct key set; views with equal key sets share theirs.
    fn build(&self, batches: &[RecordBatch]) -> Result<Vec<KeySet>> {
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let time = self.entity.schema().index_of(&self.event_time)?;
        let what = format!(
            "event timestamp column {} of the entity side",
            self.event_time
        );
        let times = batches
            .iter()
            .map(|b| Times::try_new(b.column(time), &what))
            .collect::<Result<Vec<_>>>()?;
        let mut sets: Vec<KeySet> = Vec::new();
        for (plan, (filter, view)) in self.plans.iter().zip(self.filters.iter().zip(&self.views)) {
            let columns = plan.key_set();
            if !sets.iter().any(|set| set.columns == columns) {
                self.reservation.try_grow(SlotLayout::size_for(rows))?;
                let set = KeySet::build(columns.clone(), batches, &times)?;
                self.reservation
                    .shrink(SlotLayout::size_for(rows).min(self.reservation.size()));
                self.reservation.try_grow(set.layout.size())?;
                self.metrics.slots.add(set.layout.times.len());
                sets.push(set);
            }
            if let Some(set) = sets.iter().find(|set| set.columns == columns) {
                filter.publish(plan, &view.schema(), &set.bounds)?;
            }
        }
        Ok(sets)
    }

    /// Every view's winners, in the views' order.
    async fn probe(&self, sets: &[KeySet]) -> Result<Vec<Winners>> {
        let views = self.plans.iter().enumerate().map(|(at, plan)| async move {
            let named = |e: DataFusionError| e.context(format!("feature view {}", plan.name));
            self.probe_view(at, plan, sets).await.map_err(named)
        });
        // Boxed: the futures borrow the plans one by one.
        let views = views.map(futures::FutureExt::boxed).collect::<Vec<_>>();
        stream::iter(views)
            .buffered(CONCURRENT_VIEWS)
            .try_collect()
            .await
    }

    async fn probe_view(&self, at: usize, plan: &ViewPlan, sets: &[KeySet]) -> Result<Winners> {
        let columns = plan.key_set();
        let Some(set) = sets.iter().find(|set| set.columns == columns) else {
            return internal_err!("the key set of view {} was not built", plan.name);
        };
        let probe = Arc::new(ViewProbe {
            layout: Arc::clone(&set.layout),
            encoder: Arc::clone(&set.encoder),
            keys: plan.keys.iter().map(|k| k.view).collect(),
            event: plan.event,
            created: plan.created,
            cutoff: plan.cutoff,
            entity_unit: plan.entity_unit,
            ttl: Ttl::new(plan.ttl_nanos, plan.entity_unit, plan.view_unit),
            payload: plan.payload()?,
        });
        let mut total: Option<Held> = None;
        if !set.layout.times.is_empty() {
            let input = &self.views[at];
            let partitions = input.properties().partitioning.partition_count();
            let tasks = (0..partitions)
                .map(|partition| self.spawn_probe(input, partition, Arc::clone(&probe)))
                .collect::<Result<Vec<_>>>()?;
            for task in tasks {
                match (&mut total, joined(task).await?) {
                    (Some(total), Some(other)) => {
                        total.state.merge(&probe, other.state)?;
                        total.held += other.held;
                        total.settle(&self.reservation)?;
                    }
                    (none, other @ Some(_)) => *none = other,
                    (_, None) => {}
                }
            }
        }
        let Held { state, held } = match total {
            Some(total) => total,
            None => Held {
                state: ProbeState::new(&probe)?,
                held: 0,
            },
        };
        let metrics = &self.view_metrics[at];
        metrics.rows_probed.add(state.counts.rows);
        metrics.rows_matched.add(state.counts.matched);
        metrics.rows_expired.add(state.counts.expired);
        self.metrics.peak_mem_used.set_max(self.reservation.size());
        let winners = state.finish(&probe)?;
        self.reservation.try_grow(winners.size())?;
        self.reservation.shrink(held);
        metrics.slots_filled.add(winners.filled);
        Ok(winners)
    }

    /// One partition of a view against its own copy of the slots.
    fn spawn_probe(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        probe: Arc<ViewProbe>,
    ) -> Result<SpawnedTask<Result<Option<Held>>>> {
        let mut input = input.execute(partition, Arc::clone(&self.context))?;
        let reservation = Arc::clone(&self.reservation);
        Ok(SpawnedTask::spawn(async move {
            let mut state: Option<Held> = None;
            while let Some(batch) = input.next().await.transpose()? {
                if state.is_none() {
                    let held = ProbeState::size_for(&probe.layout);
                    reservation.try_grow(held)?;
                    state = Some(Held {
                        state: ProbeState::new(&probe)?,
                        held,
                    });
                }
                if let Some(state) = &mut state {
                    state.state.absorb(&probe, &batch)?;
                    state.settle(&reservation)?;
                }
            }
            Ok(state)
        }))
    }

    /// The answer, batch by batch, in the entity side's order.
    fn gather(
        self,
        batches: Vec<RecordBatch>,
        sets: Vec<KeySet>,
        winners: Vec<Winners>,
    ) -> SendableRecordBatchStream {
        let schema = Arc::clone(&self.schema);
        let layouts = self
            .plans
            .iter()
            .map(|plan| {
                let columns = plan.key_set();
                sets.iter()
                    .find(|s| s.columns == columns)
                    .map(|s| Arc::clone(&s.layout))
            })
            .collect::<Vec<_>>();
        let rows = self.context.session_config().batch_size();
        let mut pieces = Vec::new();
        let mut first = 0;
        for batch in batches {
            for offset in (0..batch.num_rows()).step_by(rows.max(1)) {
                let piece = batch.slice(offset, rows.min(batch.num_rows() - offset));
                let at = first + offset;
                pieces.push((at, piece));
            }
            first += batch.num_rows();
        }
        let answer = stream::iter(pieces).map(move |(at, piece)| {
            let timer = self.metrics.gather_time.timer();
            let batch = self.gather_batch(at, &piece, &layouts, &winners);
            timer.done();
            if let Ok(batch) = &batch {
                self.metrics.baseline.record_output(batch.num_rows());
            }
            batch
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, answer))
    }

    fn gather_batch(
        &self,
        first: usize,
        entities: &RecordBatch,
        layouts: &[Option<Arc<SlotLayout>>],
        winners: &[Winners],
    ) -> Result<RecordBatch> {
        let mut columns = entities.columns().to_vec();
        for ((plan, layout), winners) in self.plans.iter().zip(layouts).zip(winners) {
            let Some(layout) = layout else {
                return internal_err!("the key set of view {} was not built", plan.name);
            };
            let indices = layout.row_slots[first..first + entities.num_rows()]
                .iter()
                .map(|slot| match *slot {
                    NO_SLOT => RowRef::NONE,
                    slot => winners.rows[slot as usize],
                })
                .map(|row| (row.chunk() as usize, row.row() as usize))
                .collect::<Vec<_>>();
            for (feature, data_type) in plan.features.iter().zip(&plan.feature_types) {
                let arrays = winners
                    .chunks
                    .iter()
                    .map(|c| c.columns[*feature].as_ref())
                    .collect::<Vec<&dyn Array>>();
                let column = interleave(&arrays, &indices)?;
                columns.push(if column.data_type() == data_type {
                    column
                } else {
                    cast(&column, data_type)?
                });
            }
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

/// A thread's slots and the bytes reserved for them.
struct Held {
    state: ProbeState,
    held: usize,
}

impl Held {
    /// Brings the reservation to what the state holds by now.
    fn settle(&mut self, reservation: &MemoryReservation) -> Result<()> {
        let size = self.state.size();
        if size > self.held {
            reservation.try_grow(size - self.held)?;
        } else {
            reservation.shrink(self.held - size);
        }
        self.held = size;
        Ok(())
    }
}

/// Bytes of a batch of the entity side. Batches are often slices of one another: each counts for its own rows.
fn entity_size(batch: &RecordBatch) -> Result<usize> {
    batch
        .columns()
        .iter()
        .map(|column| Ok(column.to_data().get_slice_memory_size()?))
        .sum()
}

/// The task's answer; a task that panicked panics here.
async fn joined<T: Send + 'static>(task: SpawnedTask<Result<T>>) -> Result<T> {
    task.join_unwind()
        .await
        .map_err(|e| DataFusionError::External(Box::new(e)))?
}
