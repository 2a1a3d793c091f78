// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The join running: the entity side as a whole, or part after part.
//!
//! ```text
//!   fits        read entities ─► build ─► probe ─► gather
//!   does not    read entities ─► files ─┬► part 1: build ─► probe ─► gather
//!                                       └► part 2: build ─► probe ─► gather        each part reads the views again
//! ```
//!
//! A part is the next rows of the entity side, so parts answered one after another are in order. Memory is reserved before the
//! views are read; when there is too little, half as many rows are tried. Fewer than [`LEAST_PART`] are not worth a read: then the
//! query fails.

use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::SpillMetrics;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use futures::{TryStreamExt, stream};

use super::PitJoinExec;
use super::entities::{Entities, EntityReader, Feed};
use super::key_set::KeySet;
use super::late::LateView;
use super::lease::Lease;
use super::metrics::{PitMetrics, ViewMetrics};
use super::probing::Input;
use super::task::is_out_of_memory;
use super::view::ViewPlan;
use crate::kernel::time::Times;

/// A part has at least so many entity rows, where there are as many.
const LEAST_PART: usize = 8;

/// One view of a running join.
#[derive(Debug)]
pub(super) struct RunningView {
    pub(super) plan: Arc<ViewPlan>,
    pub(super) input: Input,
    /// The same rows with all columns that break ties, where the input has not all.
    pub(super) ties: Option<(Arc<ViewPlan>, Input)>,
    /// The same rows in two passes, where that is possible.
    late: Option<LateView>,
    pub(super) metrics: ViewMetrics,
}

/// Everything a running join needs, apart from the plan it came from.
#[derive(Debug)]
pub(super) struct RunningJoin {
    entity: Arc<dyn ExecutionPlan>,
    partitions: Range<usize>,
    pub(super) views: Vec<RunningView>,
    event_time: String,
    fetch: Option<usize>,
    pub(super) schema: SchemaRef,
    pub(super) context: Arc<TaskContext>,
    pub(super) lease: Arc<Lease>,
    /// Empty; what is reserved is reserved by others of the same consumer.
    pub(super) memory: MemoryReservation,
    spills: SpillMetrics,
    pub(super) metrics: PitMetrics,
}

/// Starts the join of these partitions of all inputs.
pub(super) fn start(
    join: &PitJoinExec,
    partition: Option<usize>,
    context: Arc<TaskContext>,
) -> Result<SendableRecordBatchStream> {
    let schema = join.schema();
    let number = partition.unwrap_or(0);
    let partitions = join.properties.partitioning.partition_count();
    let memory = MemoryConsumer::new(format!("PitJoin[{number}]")).register(context.memory_pool());
    let read = |plan: &Arc<dyn ExecutionPlan>| match partition {
        Some(partition) => partition..partition + 1,
        None => 0..plan.output_partitioning().partition_count(),
    };
    let input = |plan: &Arc<dyn ExecutionPlan>| Input::new(Arc::clone(plan), read(plan));
    let views = join.sides().map(|side| {
        let all = input(side.input);
        Ok(RunningView {
            plan: Arc::clone(side.plan),
            late: LateView::try_new(side.plan, &all, &context)?,
            input: all,
            ties: side
                .ties
                .map(|(plan, ties)| (Arc::clone(plan), input(ties))),
            metrics: ViewMetrics::new(&join.metrics, &side.plan.name, number),
        })
    });
    let running = RunningJoin {
        entity: Arc::clone(&join.entity),
        partitions: read(&join.entity),
        views: views.collect::<Result<_>>()?,
        event_time: join.spec.event_time.clone(),
        fetch: join.fetch,
        schema: Arc::clone(&schema),
        context,
        lease: Arc::new(join.filters.enter(number, partitions)?),
        memory,
        spills: SpillMetrics::new(&join.metrics, number),
        metrics: PitMetrics::new(&join.metrics, number),
    };
    let answer = stream::once(running.run()).try_flatten();
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, answer)))
}

impl RunningView {
    /// The two passes, if they are expected to be faster for these slots.
    pub(super) fn late(&self, set: &KeySet) -> Result<Option<&LateView>> {
        match &self.late {
            Some(late) if late.is_better(&self.plan, &self.input, set)? => Ok(Some(late)),
            _ => Ok(None),
        }
    }
}

impl RunningJoin {
    async fn run(self) -> Result<SendableRecordBatchStream> {
        let entities = self.read_entities().await?;
        self.metrics.entity_rows.add(entities.rows);
        let running = Arc::new(self);
        let rows = entities.rows;
        if let Some(batches) = entities.in_memory() {
            let memory = Arc::new(running.memory.new_empty());
            let held = Some(entities.held());
            match running.answer(&batches, held, Arc::clone(&memory)).await {
                Ok(answer) => return Ok(answer.into_stream()),
                Err(error) if rows > LEAST_PART && is_out_of_memory(&error) => {
                    released(memory).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(running.in_parts(entities.feed().await?, rows.div_ceil(2)))
    }

    async fn read_entities(&self) -> Result<Entities> {
        let reader = EntityReader::new(
            &self.entity,
            Arc::clone(&self.context),
            self.memory.new_empty(),
            self.spills.clone(),
        );
        match self.fetch {
            Some(rows) => {
                let partitions = self.partitions.clone();
                reader.first(&self.entity, partitions, rows).await
            }
            None => reader.all(&self.entity, self.partitions.clone()).await,
        }
    }

    /// Answers so many entity rows at a time, fewer when there is no memory for them.
    fn in_parts(self: Arc<Self>, feed: Feed, rows: usize) -> SendableRecordBatchStream {
        let schema = Arc::clone(&self.schema);
        let parts = stream::try_unfold(
            (self, feed, rows),
            |(running, mut feed, mut rows)| async move {
                let mut batches = feed.take(rows).await?;
                while !batches.is_empty() {
                    let memory = Arc::new(running.memory.new_empty());
                    match running.answer(&batches, None, Arc::clone(&memory)).await {
                        Ok(answer) => {
                            return Ok(Some((answer.into_stream(), (running, feed, rows))));
                        }
                        Err(error) if rows > LEAST_PART && is_out_of_memory(&error) => {
                            released(memory).await;
                            rows = (rows / 2).max(LEAST_PART);
                            feed.put_back(batches);
                            batches = feed.take(rows).await?;
                        }
                        Err(error) => return Err(error),
                    }
                }
                Ok::<_, DataFusionError>(None)
            },
        );
        Box::pin(RecordBatchStreamAdapter::new(schema, parts.try_flatten()))
    }

    /// The entity times of these batches.
    pub(super) fn times(&self, batches: &[RecordBatch]) -> Result<Vec<Times>> {
        let column = self.entity.schema().index_of(&self.event_time)?;
        let what = format!(
            "event timestamp column {} of the entity side",
            self.event_time
        );
        batches
            .iter()
            .map(|b| Times::try_new(b.column(column), &what))
            .collect()
    }
}

/// Waits until the tasks of an attempt that failed have ended: they were aborted, and hold memory until they notice.
async fn released(memory: Arc<MemoryReservation>) {
    while Arc::strong_count(&memory) > 1 {
        tokio::task::yield_now().await;
    }
}
