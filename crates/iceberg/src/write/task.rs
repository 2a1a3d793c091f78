// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! One task of a write: rows in, finished data files out.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, Rows, SortField};
use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryReservation;
use iceberg::spec::{DataFile, Struct};

use super::data_file::OpenFile;
use super::layout::Layout;
use super::ledger::Ledger;
use super::partition_value::partition_of;
use super::rows::in_order;

/// How many rows are written before sizes are looked at.
const SLICE: usize = 8192;

/// How many files are open at once while rows of all partitions come in any order.
const OPEN_FILES: usize = 32;

/// What a task needs to make sensible files, whatever others have reserved.
const LEAST_MEMORY: usize = 8 * 1024 * 1024;

/// A partition's values, encoded so that equal ones are equal.
type Key = Box<[u8]>;

/// The rows of a batch that are of one partition.
struct Part {
    key: Key,
    partition: Struct,
    rows: RecordBatch,
}

/// The files that one task has open, and those it finished.
pub(super) struct TaskWriter {
    task: usize,
    layout: Arc<Layout>,
    ledger: Arc<Ledger>,
    keys: RowConverter,
    open: HashMap<Key, OpenFile>,
    /// Rows of one partition follow each other, and this file is closed when another one comes.
    clustered: bool,
    current: Option<Key>,
    finished: Vec<DataFile>,
    memory: MemoryReservation,
}

impl TaskWriter {
    /// A writer of rows whose partition's values are of the types `keys`.
    pub(super) fn try_new(
        task: usize,
        layout: Arc<Layout>,
        ledger: Arc<Ledger>,
        keys: &[DataType],
        memory: MemoryReservation,
    ) -> Result<Self> {
        let keys = keys.iter().cloned().map(SortField::new).collect();
        Ok(Self {
            task,
            clustered: layout.sort_order_id.is_some(),
            layout,
            ledger,
            keys: RowConverter::new(keys)?,
            open: HashMap::new(),
            current: None,
            finished: Vec::new(),
            memory,
        })
    }

    /// From now on, rows of one partition follow each other.
    pub(super) fn cluster(&mut self) {
        self.clustered = true;
    }

    /// Writes rows: the table's columns, then the values of their partition. Gives back rows that
    /// would need more files than may be open: sort what is left, and say [`TaskWriter::cluster`].
    pub(super) async fn write(&mut self, batch: &RecordBatch) -> Result<Option<RecordBatch>> {
        let columns = self.layout.rows.fields().len();
        let keys = batch.columns().get(columns..).unwrap_or_default();
        let rows = in_order(batch, &self.layout.rows)?;
        if keys.is_empty() {
            let part = Part {
                key: Key::default(),
                partition: Struct::empty(),
                rows,
            };
            self.write_part(&part).await?;
            return Ok(None);
        }
        let encoded = self.keys.convert_columns(keys)?;
        let mut left = Vec::new();
        for (first, members) in groups(&encoded) {
            let key: Key = encoded.row(first).data().into();
            if !self.clustered && self.open.len() >= OPEN_FILES && !self.open.contains_key(&key) {
                left.extend(members);
                continue;
            }
            let partition = partition_of(keys, first, &self.layout.partition)?;
            let rows = match members.len() == rows.num_rows() {
                true => rows.clone(),
                false => take_record_batch(&rows, &UInt32Array::from(members))?,
            };
            let part = Part {
                key,
                partition,
                rows,
            };
            self.write_part(&part).await?;
        }
        if left.is_empty() {
            return Ok(None);
        }
        Ok(Some(take_record_batch(batch, &UInt32Array::from(left))?))
    }

    async fn write_part(&mut self, part: &Part) -> Result<()> {
        let rows = part.rows.num_rows();
        for start in (0..rows).step_by(SLICE) {
            let slice = part.rows.slice(start, SLICE.min(rows - start));
            self.write_slice(part, &slice).await?;
        }
        Ok(())
    }

    /// Ends all files.
    pub(super) async fn finish(mut self) -> Result<Vec<DataFile>> {
        for (_, file) in self.open.drain() {
            self.finished.push(file.finish(&self.layout).await?);
        }
        Ok(self.finished)
    }

    async fn write_slice(&mut self, part: &Part, rows: &RecordBatch) -> Result<()> {
        if !self.open.contains_key(&part.key) {
            self.open(part).await?;
        }
        let Some(file) = self.open.get_mut(&part.key) else {
            return datafusion::common::internal_err!(
                "a data file was closed while it was written"
            );
        };
        file.write(rows).await?;
        if file.length() >= self.layout.target_file_size {
            self.close(&part.key).await?;
        }
        self.account().await
    }

    async fn open(&mut self, part: &Part) -> Result<()> {
        if self.clustered
            && let Some(last) = self.current.replace(part.key.clone())
        {
            self.close(&last).await?;
        }
        let layout = &self.layout;
        let location = layout
            .locations
            .next(self.task, &layout.spec, &part.partition)?;
        self.ledger.enter(&location);
        let file = OpenFile::create(layout, location, part.partition.clone()).await?;
        self.open.insert(part.key.clone(), file);
        Ok(())
    }

    async fn close(&mut self, key: &Key) -> Result<()> {
        if let Some(file) = self.open.remove(key) {
            self.finished.push(file.finish(&self.layout).await?);
        }
        Ok(())
    }

    /// Keeps to the memory there is: row groups, then files, end early rather than exceed it.
    async fn account(&mut self) -> Result<()> {
        loop {
            let used = self.open.values().map(OpenFile::memory).sum();
            if used <= LEAST_MEMORY {
                self.memory.resize(used);
                return Ok(());
            }
            if self.memory.try_resize(used).is_ok() {
                return Ok(());
            }
            let largest = self.open.values_mut().max_by_key(|file| file.buffered());
            if let Some(file) = largest.filter(|file| file.has_rows()) {
                file.flush().await?;
                continue;
            }
            let largest = self.open.iter().max_by_key(|(_, file)| file.memory());
            match largest.map(|(key, _)| key.clone()) {
                Some(key) if self.open.len() > 1 => self.close(&key).await?,
                _ => {
                    self.memory.resize(used);
                    return Ok(());
                }
            }
        }
    }
}

/// The rows that are equal: the first one, and all of them.
fn groups(rows: &Rows) -> Vec<(usize, Vec<u32>)> {
    let mut found: Vec<(usize, Vec<u32>)> = Vec::new();
    let mut by_key: HashMap<&[u8], usize> = HashMap::new();
    let mut last: Option<(usize, &[u8])> = None;
    for (row, number) in (0..rows.num_rows()).zip(0_u32..) {
        let key = rows.row(row).data();
        let group = match last {
            Some((group, same)) if same == key => group,
            _ => *by_key.entry(key).or_insert_with(|| {
                found.push((row, Vec::new()));
                found.len() - 1
            }),
        };
        found[group].1.push(number);
        last = Some((group, key));
    }
    found
}
