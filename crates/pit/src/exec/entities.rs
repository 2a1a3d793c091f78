// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The entity side, read whole: in memory while it fits, in temporary files when it does not.
//!
//! ```text
//!   partition 0   batch batch batch ──┐                      read back in order, so many
//!   partition 1   batch batch ────────┼─► memory, or a file  rows at a time
//! ```
//!
//! A partition that finds no memory left writes what it has to a file and goes on there, which gives its memory to the others. The
//! files belong to DataFusion's disk manager, count against its limit, and go when their last reader does.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::Array;
use arrow::record_batch::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::disk_manager::RefCountedTempFile;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::SpillMetrics;
use datafusion::physical_plan::spill::SpillManager;
use futures::StreamExt;

use super::task::{Turn, all_joined};

/// How the entity side is read.
#[derive(Debug, Clone)]
pub(super) struct EntityReader {
    context: Arc<TaskContext>,
    spills: SpillManager,
    /// What is held of the entity side.
    held: Arc<MemoryReservation>,
}

/// One partition of the entity side.
#[derive(Debug)]
enum Piece {
    Memory(Vec<RecordBatch>),
    File(RefCountedTempFile),
}

/// The entity side, partition after partition.
#[derive(Debug)]
pub(super) struct Entities {
    pieces: Vec<Piece>,
    pub(super) rows: usize,
    reader: EntityReader,
}

impl EntityReader {
    pub(super) fn new(
        plan: &Arc<dyn ExecutionPlan>,
        context: Arc<TaskContext>,
        held: MemoryReservation,
        metrics: SpillMetrics,
    ) -> Self {
        let spills = SpillManager::new(context.runtime_env(), metrics, plan.schema())
            .with_compression_type(context.session_config().spill_compression());
        Self {
            context,
            spills,
            held: Arc::new(held),
        }
    }

    /// Reads these partitions at the same time.
    pub(super) async fn all(
        self,
        plan: &Arc<dyn ExecutionPlan>,
        partitions: Range<usize>,
    ) -> Result<Entities> {
        let tasks = partitions
            .map(|partition| {
                let input = plan.execute(partition, Arc::clone(&self.context))?;
                let reader = self.clone();
                Ok(SpawnedTask::spawn(async move {
                    reader.read(input, usize::MAX).await
                }))
            })
            .collect::<Result<Vec<_>>>()?;
        let (pieces, rows): (Vec<_>, Vec<_>) = all_joined(tasks).await?.into_iter().unzip();
        Ok(Entities {
            pieces,
            rows: rows.into_iter().sum(),
            reader: self,
        })
    }

    /// Reads the first rows of these partitions; what comes after them is not read.
    pub(super) async fn first(
        self,
        plan: &Arc<dyn ExecutionPlan>,
        partitions: Range<usize>,
        wanted: usize,
    ) -> Result<Entities> {
        let (mut pieces, mut rows) = (Vec::new(), 0);
        for partition in partitions {
            if rows == wanted {
                break;
            }
            let input = plan.execute(partition, Arc::clone(&self.context))?;
            let (piece, read) = self.read(input, wanted - rows).await?;
            pieces.push(piece);
            rows += read;
        }
        Ok(Entities {
            pieces,
            rows,
            reader: self,
        })
    }

    async fn read(
        &self,
        mut input: SendableRecordBatchStream,
        wanted: usize,
    ) -> Result<(Piece, usize)> {
        let (mut batches, mut bytes, mut rows) = (Vec::new(), 0, 0);
        let (mut file, mut turn) = (None, Turn::default());
        while rows < wanted
            && let Some(batch) = input.next().await.transpose()?
        {
            let batch = batch.slice(0, batch.num_rows().min(wanted - rows));
            if batch.num_rows() == 0 {
                continue;
            }
            rows += batch.num_rows();
            if file.is_none() {
                let size = size_of_rows(&batch)?;
                match self.held.try_grow(size) {
                    Ok(()) => {
                        bytes += size;
                        batches.push(batch);
                        continue;
                    }
                    Err(error) if !self.can_spill() => return Err(error),
                    Err(_) => {
                        let mut begun = self.spills.create_in_progress_file("PitJoin")?;
                        for batch in batches.drain(..) {
                            begun.append_batch(&batch)?;
                            turn.after(batch.num_rows()).await;
                        }
                        self.held.shrink(bytes);
                        file = Some(begun);
                    }
                }
            }
            if let Some(file) = &mut file {
                file.append_batch(&batch)?;
                turn.after(batch.num_rows()).await;
            }
        }
        let spilled = file.map(|mut file| file.finish()).transpose()?.flatten();
        Ok((spilled.map_or(Piece::Memory(batches), Piece::File), rows))
    }

    fn can_spill(&self) -> bool {
        self.context.runtime_env().disk_manager.tmp_files_enabled()
    }
}

impl Entities {
    /// All batches, if all of them are in memory.
    pub(super) fn in_memory(&self) -> Option<Vec<RecordBatch>> {
        let mut all = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Memory(batches) => all.extend_from_slice(batches),
                Piece::File(_) => return None,
            }
        }
        Some(all)
    }

    /// What the batches in memory are reserved by.
    pub(super) fn held(&self) -> Arc<MemoryReservation> {
        Arc::clone(&self.reader.held)
    }

    /// The rows again, some at a time. What is in memory goes to files first, where there can be any.
    pub(super) async fn feed(self) -> Result<Feed> {
        let (reader, mut turn) = (self.reader, Turn::default());
        let mut pieces = VecDeque::with_capacity(self.pieces.len());
        for piece in self.pieces {
            pieces.push_back(match piece {
                Piece::Memory(batches) if !batches.is_empty() && reader.can_spill() => {
                    let mut file = reader.spills.create_in_progress_file("PitJoin")?;
                    for batch in batches {
                        file.append_batch(&batch)?;
                        turn.after(batch.num_rows()).await;
                    }
                    file.finish()?
                        .map_or(Piece::Memory(Vec::new()), Piece::File)
                }
                other => other,
            });
        }
        if reader.can_spill() {
            reader.held.free();
        }
        Ok(Feed {
            reader,
            pieces,
            file: None,
            next: VecDeque::new(),
        })
    }
}

/// Gives the entity side out in order.
pub(super) struct Feed {
    reader: EntityReader,
    pieces: VecDeque<Piece>,
    file: Option<SendableRecordBatchStream>,
    next: VecDeque<RecordBatch>,
}

impl Feed {
    /// The next rows, at most so many; none at the end.
    pub(super) async fn take(&mut self, rows: usize) -> Result<Vec<RecordBatch>> {
        let (mut taken, mut wanted) = (Vec::new(), rows);
        while wanted > 0
            && let Some(batch) = self.batch().await?
        {
            let head = batch.num_rows().min(wanted);
            if head < batch.num_rows() {
                let tail = batch.num_rows() - head;
                self.next.push_front(batch.slice(head, tail));
            }
            taken.push(batch.slice(0, head));
            wanted -= head;
        }
        Ok(taken)
    }

    /// Takes back what was given out last.
    pub(super) fn put_back(&mut self, batches: Vec<RecordBatch>) {
        for batch in batches.into_iter().rev() {
            self.next.push_front(batch);
        }
    }

    async fn batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.next.pop_front() {
                return Ok(Some(batch));
            }
            if let Some(file) = &mut self.file {
                match file.next().await.transpose()? {
                    Some(batch) => return Ok(Some(batch)),
                    None => self.file = None,
                }
            }
            match self.pieces.pop_front() {
                Some(Piece::Memory(batches)) => self.next.extend(batches),
                Some(Piece::File(file)) => {
                    let spills = &self.reader.spills;
                    self.file = Some(spills.read_spill_as_stream_unbuffered(file, None)?);
                }
                None => return Ok(None),
            }
        }
    }
}

/// Bytes of the rows of all these batches.
pub(super) fn size_of_batches(batches: &[RecordBatch]) -> Result<usize> {
    batches.iter().map(size_of_rows).sum()
}

/// Bytes of a batch. Batches are often slices of one another: each counts for its own rows.
fn size_of_rows(batch: &RecordBatch) -> Result<usize> {
    let size = |column: &Arc<dyn Array>| column.to_data().get_slice_memory_size();
    let sizes = batch.columns().iter().map(size);
    sizes
        .sum::<Result<usize, _>>()
        .map_err(DataFusionError::from)
}
