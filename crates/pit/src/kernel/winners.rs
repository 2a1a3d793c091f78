// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The rows that lead a slot: their payload, kept in small chunks apart from the batches they came in.
//!
//! A reference names a chunk and a row in it; chunk 0 holds one row of NULLs, so "no winner" needs no special case when the
//! answer is gathered. Chunks fill with rows that have lost their slot since; when more than half are such, the rows still
//! leading are moved together and the rest is freed. The history is never held.

use std::cmp::Ordering;
use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array, new_null_array};
use arrow::compute::{interleave, take};
use arrow::datatypes::{BinaryViewType, DataType, StringViewType};
use arrow::row::Rows;
use datafusion::common::Result;

use super::order::TieEncoder;
use super::time::Times;

/// Where a winner's payload is: `chunk << 32 | row`. Zero is the row of NULLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct RowRef(pub(crate) u64);

impl RowRef {
    pub(crate) const NONE: Self = Self(0);
    const CURRENT: u32 = u32::MAX;

    pub(crate) fn new(chunk: u32, row: u32) -> Self {
        Self(u64::from(chunk) << 32 | u64::from(row))
    }

    /// A row of the batch being probed, which is not a chunk yet.
    #[inline(always)]
    pub(crate) fn current(row: u32) -> Self {
        Self::new(Self::CURRENT, row)
    }

    #[inline(always)]
    pub(crate) fn is_current(self) -> bool {
        self.chunk() == Self::CURRENT
    }

    #[inline(always)]
    pub(crate) fn chunk(self) -> u32 {
        (self.0 >> 32) as u32
    }

    #[inline(always)]
    pub(crate) fn row(self) -> u32 {
        self.0 as u32
    }
}

/// Which columns of a view's input are kept with a winner, and what they are for. Numbers count payload columns.
#[derive(Debug)]
pub(crate) struct Payload {
    /// The columns kept, by their place in the view's input.
    pub(crate) columns: Vec<usize>,
    pub(crate) types: Vec<DataType>,
    pub(crate) created: Option<usize>,
    pub(crate) ties: Vec<usize>,
    pub(crate) encoder: TieEncoder,
}

/// Payload rows: a batch being probed, or rows kept from one.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) columns: Vec<ArrayRef>,
    created: Option<Times>,
    encoded: OnceLock<Rows>,
}

impl Chunk {
    pub(crate) fn try_new(payload: &Payload, columns: Vec<ArrayRef>) -> Result<Self> {
        let created = match payload.created {
            Some(index) => Some(Times::try_new(&columns[index], "the created timestamp column")?),
            None => None,
        };
        Ok(Self { columns, created, encoded: OnceLock::new() })
    }

    /// The row of NULLs that stands for "no winner".
    pub(crate) fn nulls(payload: &Payload) -> Result<Self> {
        Self::try_new(payload, payload.types.iter().map(|t| new_null_array(t, 1)).collect())
    }

    pub(crate) fn rows(&self) -> usize {
        self.columns.first().map_or(0, |c| c.len())
    }

    pub(crate) fn size(&self) -> usize {
        self.columns.iter().map(|c| c.get_array_memory_size()).sum::<usize>()
            + self.encoded.get().map_or(0, Rows::size)
    }

    /// Copies rows out of this chunk, leaving the memory of the others behind.
    pub(crate) fn keep(&self, payload: &Payload, rows: Vec<u32>) -> Result<Self> {
        let rows = UInt32Array::from(rows);
        let columns = self
            .columns
            .iter()
            .map(|column| Ok(compact(take(column, &rows, None)?)))
            .collect::<Result<Vec<_>>>()?;
        Self::try_new(payload, columns)
    }

    fn encoded(&self, payload: &Payload) -> Result<&Rows> {
        if let Some(rows) = self.encoded.get() {
            return Ok(rows);
        }
        let columns = payload.ties.iter().map(|i| Arc::clone(&self.columns[*i])).collect::<Vec<_>>();
        let rows = payload.encoder.encode(&columns)?;
        Ok(self.encoded.get_or_init(|| rows))
    }
}

/// View arrays share the buffers they were taken from; copying them frees the source.
fn compact(array: ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Utf8View => Arc::new(array.as_byte_view::<StringViewType>().gc()),
        DataType::BinaryView => Arc::new(array.as_byte_view::<BinaryViewType>().gc()),
        _ => array,
    }
}

/// Orders two rows of one view with equal event time: created time with NULL last, tie-break columns, features.
pub(crate) fn compare_ties(
    payload: &Payload,
    (a, a_row): (&Chunk, u32),
    (b, b_row): (&Chunk, u32),
) -> Result<Ordering> {
    if let (Some(x), Some(y)) = (&a.created, &b.created) {
        // None is less than any value: NULL comes last among candidates.
        let created = x.get(a_row as usize).cmp(&y.get(b_row as usize));
        if created != Ordering::Equal {
            return Ok(created);
        }
    }
    if payload.ties.is_empty() {
        return Ok(Ordering::Equal);
    }
    let (x, y) = (a.encoded(payload)?, b.encoded(payload)?);
    Ok(x.row(a_row as usize).cmp(&y.row(b_row as usize)))
}

/// Moves the referenced rows together into new chunks (of which the first is the row of NULLs) and rewrites the references.
pub(crate) fn gather_chunks(
    payload: &Payload,
    chunks: &[Chunk],
    references: &mut [&mut RowRef],
) -> Result<Vec<Chunk>> {
    const ROWS: usize = 1 << 16;
    references.sort_unstable_by_key(|r| **r);
    let mut gathered = vec![Chunk::nulls(payload)?];
    for part in references.chunks_mut(ROWS) {
        let chunk = gathered.len() as u32;
        let mut indices: Vec<(usize, usize)> = Vec::with_capacity(part.len());
        for reference in part {
            let index = (reference.chunk() as usize, reference.row() as usize);
            if indices.last() != Some(&index) {
                indices.push(index);
            }
            **reference = RowRef::new(chunk, (indices.len() - 1) as u32);
        }
        let columns = (0..payload.columns.len())
            .map(|column| {
                let arrays = chunks.iter().map(|c| c.columns[column].as_ref()).collect::<Vec<_>>();
                Ok(compact(interleave(&arrays, &indices)?))
            })
            .collect::<Result<Vec<_>>>()?;
        gathered.push(Chunk::try_new(payload, columns)?);
    }
    Ok(gathered)
}
