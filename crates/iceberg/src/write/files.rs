// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Writing the data files of a plan's rows.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::exec_err;
use datafusion::common::runtime::JoinSet;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::LexOrdering;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::{StreamExt, stream};
use iceberg::spec::DataFile;
use tokio::sync::watch;

use super::arrange::Arranged;
use super::layout::Layout;
use super::ledger::Ledger;
use super::task::TaskWriter;

/// Says stop to the tasks of a write.
#[derive(Debug, Clone)]
pub(super) struct Stop(Arc<watch::Sender<bool>>);

impl Default for Stop {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Stop {
    /// From now on, tasks end as soon as what they are writing is written.
    pub(super) fn say(&self) {
        self.0.send_replace(true);
    }

    /// Fails if it was said.
    pub(super) fn check(&self) -> Result<()> {
        match *self.0.borrow() {
            true => exec_err!("the write was cancelled"),
            false => Ok(()),
        }
    }

    /// Waits until it is said.
    async fn said(&self) {
        // The sender is alive as long as this is.
        drop(self.0.subscribe().wait_for(|said| *said).await);
    }
}

/// Writes the rows of `arranged`, each of its partitions by a task of its own. All files begun are
/// in `ledger`. When this ends, nothing is being written any more, whether it failed or not.
pub(super) async fn write_files(
    arranged: &Arranged,
    layout: &Arc<Layout>,
    ledger: &Arc<Ledger>,
    stop: &Stop,
    context: &Arc<TaskContext>,
) -> Result<Vec<DataFile>> {
    let mut tasks = JoinSet::new();
    let partitions = arranged
        .input
        .properties()
        .output_partitioning()
        .partition_count();
    let mut failure = None;
    for partition in 0..partitions {
        match task(arranged, partition, layout, ledger, stop, context) {
            Ok(task) => drop(tasks.spawn(task)),
            Err(error) => {
                failure = Some(error);
                stop.say();
                break;
            }
        }
    }
    let mut files = Vec::new();
    while let Some(joined) = tasks.join_next().await {
        let ended = joined.unwrap_or_else(|cause| {
            let text = format!("a task that wrote data files ended: {cause}");
            Err(DataFusionError::External(text.into()))
        });
        match ended {
            Ok(finished) => files.extend(finished),
            Err(error) => {
                stop.say();
                // The others only say that they were stopped.
                failure.get_or_insert(error);
            }
        }
    }
    match failure {
        Some(error) => Err(error),
        None => Ok(files),
    }
}

fn task(
    arranged: &Arranged,
    partition: usize,
    layout: &Arc<Layout>,
    ledger: &Arc<Ledger>,
    stop: &Stop,
    context: &Arc<TaskContext>,
) -> Result<impl Future<Output = Result<Vec<DataFile>>> + Send + 'static> {
    let rows = arranged.input.execute(partition, Arc::clone(context))?;
    let memory =
        MemoryConsumer::new(format!("IcebergInsert[{partition}]")).register(context.memory_pool());
    let (layout, ledger) = (Arc::clone(layout), Arc::clone(ledger));
    let writer = TaskWriter::try_new(partition, layout, ledger, &arranged.keys, memory)?;
    let clustering = arranged.clustering.clone();
    Ok(run(
        writer,
        rows,
        clustering,
        stop.clone(),
        Arc::clone(context),
    ))
}

async fn run(
    mut writer: TaskWriter,
    mut rows: SendableRecordBatchStream,
    clustering: Option<LexOrdering>,
    stop: Stop,
    context: Arc<TaskContext>,
) -> Result<Vec<DataFile>> {
    while let Some(batch) = next(&mut rows, &stop).await? {
        if let Some(left) = writer.write(&batch).await?
            && let Some(clustering) = &clustering
        {
            rows = sorted(left, rows, clustering.clone(), &context)?;
            writer.cluster();
        }
    }
    stop.check()?;
    writer.finish().await
}

async fn next(rows: &mut SendableRecordBatchStream, stop: &Stop) -> Result<Option<RecordBatch>> {
    tokio::select! {
        biased;
        () = stop.said() => stop.check().map(|()| None),
        batch = rows.next() => batch.transpose(),
    }
}

/// `first` and then `rest`, sorted; what memory cannot hold is on disk meanwhile.
fn sorted(
    first: RecordBatch,
    rest: SendableRecordBatchStream,
    order: LexOrdering,
    context: &Arc<TaskContext>,
) -> Result<SendableRecordBatchStream> {
    let schema = rest.schema();
    let rows = stream::once(async { Ok(first) }).chain(rest);
    let rows = RecordBatchStreamAdapter::new(Arc::clone(&schema), rows);
    let source: Arc<dyn PartitionStream> = Arc::new(Once {
        schema: Arc::clone(&schema),
        rows: Mutex::new(Some(Box::pin(rows))),
    });
    let source = StreamingTableExec::try_new(schema, vec![source], None, vec![], false, None)?;
    SortExec::new(order, Arc::new(source)).execute(0, Arc::clone(context))
}

/// A stream as a plan's input, once.
struct Once {
    schema: SchemaRef,
    rows: Mutex<Option<SendableRecordBatchStream>>,
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").finish_non_exhaustive()
    }
}

impl PartitionStream for Once {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = self
            .rows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        rows.unwrap_or_else(|| {
            let schema = Arc::clone(&self.schema);
            Box::pin(RecordBatchStreamAdapter::new(schema, stream::empty()))
        })
    }
}
