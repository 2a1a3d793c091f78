// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The plan that finds the rows to be written.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::{Result, internal_err};
use datafusion::execution::disk_manager::DiskManager;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{Distribution, EquivalenceProperties};
use datafusion::physical_plan::execution_plan::EmissionType;
use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet,
};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PlanProperties,
};
use futures::StreamExt;
use tokio::sync::mpsc::Sender;

use super::meter::Meter;
use super::shape::Shape;
use super::spilled::Spilled;
use super::winners::Winners;

/// Rows that compete by key, and rows of the future that do not.
#[derive(Debug)]
pub(super) struct NewestExec {
    input: Arc<dyn ExecutionPlan>,
    shape: Arc<Shape>,
    meter: Arc<Meter>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl NewestExec {
    /// Rows of one key have to be in one partition.
    pub(super) fn new(input: Arc<dyn ExecutionPlan>, shape: Arc<Shape>, meter: Arc<Meter>) -> Self {
        let partitions = input.output_partitioning().partition_count();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Both,
            input.boundedness(),
        );
        Self {
            input,
            shape,
            meter,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl DisplayAs for NewestExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schema = self.input.schema();
        let keys = self.shape.key_exprs(&schema);
        let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
        match format {
            DisplayFormatType::TreeRender => write!(f, "keys={}", keys.join(", ")),
            _ => write!(f, "NewestExec: keys=[{}]", keys.join(", ")),
        }
    }
}

impl ExecutionPlan for NewestExec {
    fn name(&self) -> &'static str {
        "NewestExec"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        let keys = self.shape.key_exprs(&self.input.schema());
        vec![match keys.is_empty() {
            true => Distribution::SinglePartition,
            false => Distribution::HashPartitioned(keys),
        }]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (Some(input), true) = (children.pop(), children.is_empty()) else {
            return internal_err!("NewestExec has one input");
        };
        let (shape, meter) = (Arc::clone(&self.shape), Arc::clone(&self.meter));
        Ok(Arc::new(Self::new(input, shape, meter)))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let rows = self.input.execute(partition, Arc::clone(&context))?;
        let mut stream = RecordBatchReceiverStream::builder(self.schema(), 2);
        let consumer = MemoryConsumer::new(format!("NewestExec[{partition}]")).with_can_spill(true);
        let work = Work {
            source: Arc::clone(&self.input),
            shape: Arc::clone(&self.shape),
            meter: Arc::clone(&self.meter),
            memory: consumer.register(context.memory_pool()),
            disk: Arc::clone(&context.runtime_env().disk_manager),
            batch_size: context.session_config().batch_size(),
            out: stream.tx(),
            metrics: BaselineMetrics::new(&self.metrics, partition),
            spills: MetricBuilder::new(&self.metrics).spill_count(partition),
        };
        stream.spawn(work.run(rows));
        Ok(stream.build())
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// One partition under way.
struct Work {
    source: Arc<dyn ExecutionPlan>,
    shape: Arc<Shape>,
    meter: Arc<Meter>,
    memory: MemoryReservation,
    disk: Arc<DiskManager>,
    batch_size: usize,
    out: Sender<Result<RecordBatch>>,
    metrics: BaselineMetrics,
    spills: Count,
}

/// Whether somebody wants the rows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Yes,
    No,
}

impl Work {
    async fn run(self, mut rows: SendableRecordBatchStream) -> Result<()> {
        let mut winners = Winners::try_new(&self.shape)?;
        let mut spilled: Option<Spilled> = None;
        while let Some(batch) = rows.next().await {
            let batch = batch?;
            let timer = self.metrics.elapsed_compute().timer();
            let divided = self.shape.divide(&batch)?;
            let source = self.source.as_ref();
            self.meter.came(batch.num_rows(), divided.skipped, source);
            winners.absorb(&divided.past)?;
            if self.memory.try_resize(winners.size()).is_err() {
                let files = spilled.get_or_insert_with(|| Spilled::new(&self.shape, &self.disk));
                files.write(&winners)?;
                self.spills.add(1);
                winners = Winners::try_new(&self.shape)?;
                self.memory.free();
            }
            timer.done();
            if self.send(divided.future).await == Wanted::No {
                return Ok(());
            }
        }
        self.meter.ended(self.source.as_ref());
        let Some(mut files) = spilled else {
            self.emit(&mut winners).await?;
            return Ok(());
        };
        files.write(&winners)?;
        drop(winners);
        self.memory.free();
        while let Some(file) = files.next_file()? {
            let mut winners = Winners::try_new(&self.shape)?;
            for rows in file.rows {
                winners.absorb(&rows?)?;
                self.memory.try_resize(winners.size())?;
            }
            if self.emit(&mut winners).await? == Wanted::No {
                return Ok(());
            }
            self.memory.free();
        }
        Ok(())
    }

    async fn emit(&self, winners: &mut Winners) -> Result<Wanted> {
        winners.gather()?;
        for first in (0..winners.len()).step_by(self.batch_size.max(1)) {
            let rows = winners.rows(first, self.batch_size.max(1))?;
            if self.send(rows).await == Wanted::No {
                return Ok(Wanted::No);
            }
        }
        Ok(Wanted::Yes)
    }

    async fn send(&self, rows: RecordBatch) -> Wanted {
        if rows.num_rows() == 0 {
            return Wanted::Yes;
        }
        self.meter.went(rows.num_rows());
        self.metrics.record_output(rows.num_rows());
        match self.out.send(Ok(rows)).await {
            Ok(()) => Wanted::Yes,
            Err(_) => Wanted::No,
        }
    }
}
