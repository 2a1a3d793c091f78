// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Rows that memory has no room for, in files by their keys' hash.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use datafusion::common::Result;
use datafusion::execution::disk_manager::{DiskManager, RefCountedTempFile};

use super::shape::{PARTS, Shape};
use super::winners::Winners;

/// Rows of a batch when they are written.
const WRITTEN: usize = 8_192;

/// A file with rows of some keys.
struct Part {
    file: RefCountedTempFile,
    writer: StreamWriter<BufWriter<File>>,
}

/// The files of one partition.
pub(super) struct Spilled {
    shape: Arc<Shape>,
    disk: Arc<DiskManager>,
    parts: Vec<Option<Part>>,
}

impl Spilled {
    pub(super) fn new(shape: &Arc<Shape>, disk: &Arc<DiskManager>) -> Self {
        Self {
            shape: Arc::clone(shape),
            disk: Arc::clone(disk),
            parts: (0..PARTS).map(|_| None).collect(),
        }
    }

    /// Writes the rows in the lead.
    pub(super) fn write(&mut self, winners: &Winners) -> Result<()> {
        for first in (0..winners.len()).step_by(WRITTEN) {
            self.write_rows(&winners.rows(first, WRITTEN)?)?;
        }
        for part in self.parts.iter_mut().flatten() {
            part.writer.flush()?;
            part.file.update_disk_usage()?;
        }
        Ok(())
    }

    fn write_rows(&mut self, rows: &RecordBatch) -> Result<()> {
        let keys = self.shape.keys_of(rows);
        let hashes = self.shape.parts.of(keys, rows.num_rows())?;
        let mut members: Vec<Vec<u32>> = vec![Vec::new(); self.parts.len()];
        for (row, hash) in (0_u32..).zip(hashes.values()) {
            if let Some(of) = usize::try_from(*hash)
                .ok()
                .and_then(|at| members.get_mut(at))
            {
                of.push(row);
            }
        }
        for (part, members) in self.parts.iter_mut().zip(members) {
            if members.is_empty() {
                continue;
            }
            let rows = take_record_batch(rows, &UInt32Array::from(members))?;
            if part.is_none() {
                let file = self.disk.create_tmp_file("rows of a materialization")?;
                let buffered = BufWriter::new(file.inner().reopen()?);
                let writer = StreamWriter::try_new(buffered, &rows.schema())?;
                *part = Some(Part { file, writer });
            }
            if let Some(part) = part {
                part.writer.write(&rows)?;
            }
        }
        Ok(())
    }

    /// The rows of the next file that has some.
    pub(super) fn next_file(&mut self) -> Result<Option<Settling>> {
        let Some(mut part) = self.parts.iter_mut().find_map(Option::take) else {
            return Ok(None);
        };
        part.writer.finish()?;
        let rows = BufReader::new(File::open(part.file.path())?);
        Ok(Some(Settling {
            rows: StreamReader::try_new(rows, None)?,
            _file: part.file,
        }))
    }
}

/// A file that is read; it is gone after that.
pub(super) struct Settling {
    pub(super) rows: StreamReader<BufReader<File>>,
    _file: RefCountedTempFile,
}
