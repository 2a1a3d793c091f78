// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Writes the answer: the entity rows in order, each with the features of its winners.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::common::runtime::SpawnedTask;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::physical_plan::metrics::RecordOutput;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{FutureExt, StreamExt, stream};

use super::running::RunningJoin;
use super::task::joined;
use crate::kernel::slots::SlotLayout;
use crate::kernel::winners::Winners;

/// What the answer is written from.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) running: Arc<RunningJoin>,
    pub(super) batches: Vec<RecordBatch>,
    /// Each view's slots and winners.
    pub(super) layouts: Vec<Arc<SlotLayout>>,
    pub(super) winners: Vec<Winners>,
    /// Held until the answer is written.
    pub(super) _memory: Vec<Arc<MemoryReservation>>,
}

/// Entity rows that become one batch of the answer, and the number of the first among all.
struct Piece {
    first: usize,
    entities: RecordBatch,
}

impl Answer {
    /// The answer in batches of the session's size. Threads write some at the same time.
    pub(super) fn into_stream(self) -> SendableRecordBatchStream {
        let schema = Arc::clone(&self.running.schema);
        let pieces = self.pieces();
        let threads = match pieces.len() {
            0 | 1 => 1,
            _ => self.running.context.session_config().target_partitions(),
        };
        let answer = Arc::new(self);
        let batches = stream::iter(pieces).map(move |piece| {
            let answer = Arc::clone(&answer);
            let write = async move { answer.write(&piece) };
            match threads {
                1 => tokio::task::yield_now().then(|()| write).boxed(),
                _ => joined(SpawnedTask::spawn(write)).boxed(),
            }
        });
        let batches = batches.buffered(threads.max(1));
        Box::pin(RecordBatchStreamAdapter::new(schema, batches))
    }

    fn pieces(&self) -> Vec<Piece> {
        let rows = self.running.context.session_config().batch_size().max(1);
        let mut pieces = Vec::new();
        let mut first = 0;
        for batch in &self.batches {
            for offset in (0..batch.num_rows()).step_by(rows) {
                pieces.push(Piece {
                    first: first + offset,
                    entities: batch.slice(offset, rows.min(batch.num_rows() - offset)),
                });
            }
            first += batch.num_rows();
        }
        pieces
    }

    fn write(&self, piece: &Piece) -> Result<RecordBatch> {
        let metrics = &self.running.metrics;
        let timer = metrics.gather_time.timer();
        let rows = piece.entities.num_rows();
        let mut columns = piece.entities.columns().to_vec();
        let views = self.running.views.iter().zip(&self.layouts);
        for ((view, layout), winners) in views.zip(&self.winners) {
            let slots = &layout.row_slots[piece.first..piece.first + rows];
            let gathered = winners.gather(slots, &view.plan.features)?;
            for (column, data_type) in gathered.into_iter().zip(&view.plan.feature_types) {
                columns.push(match column.data_type() == data_type {
                    true => column,
                    false => told(&column, data_type)?,
                });
            }
            for value in &view.plan.constants {
                columns.push(value.to_array_of_size(rows)?);
            }
        }
        let batch = RecordBatch::try_new(Arc::clone(&self.running.schema), columns)?;
        let batch = batch.record_output(&metrics.baseline);
        timer.done();
        Ok(batch)
    }
}

/// The column as the answer tells it. A cast that gives a time a zone goes through the calendar, which ends before the range of the
/// type does; in UTC the number stays the same.
fn told(column: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let number = match (column.data_type(), to) {
        (DataType::Timestamp(from, None), DataType::Timestamp(unit, Some(_))) if from == unit => {
            cast(column, &DataType::Int64)?
        }
        (DataType::Date32 | DataType::Date64, DataType::Timestamp(unit, Some(_))) => {
            let naive = cast(column, &DataType::Timestamp(*unit, None))?;
            cast(&naive, &DataType::Int64)?
        }
        _ => return Ok(cast(column, to)?),
    };
    Ok(cast(&number, to)?)
}
