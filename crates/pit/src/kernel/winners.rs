// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The rows that lead a slot: their payload, kept in small chunks apart from the batches they came in.
//!
//! A reference names a chunk and a row in it; chunk 0 holds one row of NULLs, so "no winner" needs no special case when the
//! answer is gathered. Each row knows the slot it led, so whether it still does can be asked of the slot: small chunks are merged
//! and, when more than half of all rows have lost their slot, all of them, leaving the losers behind. The history is never held.

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
    /// The slot each row led when it was kept: the row is still needed while that slot refers to it.
    pub(crate) slots: Vec<u32>,
    created: Option<Times>,
    encoded: OnceLock<Rows>,
}

impl Chunk {
    pub(crate) fn try_new(
        payload: &Payload,
        columns: Vec<ArrayRef>,
        slots: Vec<u32>,
    ) -> Result<Self> {
        let created = match payload.created {
            Some(index) => Some(Times::try_new(
                &columns[index],
                "the created timestamp column",
            )?),
            None => None,
        };
        Ok(Self {
            columns,
            slots,
            created,
            encoded: OnceLock::new(),
        })
    }

    /// The row of NULLs that stands for "no winner".
    pub(crate) fn nulls(payload: &Payload) -> Result<Self> {
        Self::try_new(
            payload,
            payload.types.iter().map(|t| new_null_array(t, 1)).collect(),
            vec![],
        )
    }

    /// Rows kept; the row of NULLs does not count.
    pub(crate) fn rows(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn size(&self) -> usize {
        self.columns
            .iter()
            .map(|c| c.get_array_memory_size())
            .sum::<usize>()
            + self.slots.capacity() * size_of::<u32>()
    }

    /// Bytes of the encoded rows, made when the first tie is met.
    pub(crate) fn encoded_size(&self) -> usize {
        self.encoded.get().map_or(0, Rows::size)
    }

    /// Copies rows out of this chunk, leaving the memory of the others behind.
    pub(crate) fn keep(&self, payload: &Payload, rows: Vec<u32>, slots: Vec<u32>) -> Result<Self> {
        let rows = UInt32Array::from(rows);
        let columns = self
            .columns
            .iter()
            .map(|column| Ok(compact(take(column, &rows, None)?)))
            .collect::<Result<Vec<_>>>()?;
        Self::try_new(payload, columns, slots)
    }

    fn encoded(&self, payload: &Payload) -> Result<&Rows> {
        if let Some(rows) = self.encoded.get() {
            return Ok(rows);
        }
        let columns = payload
            .ties
            .iter()
            .map(|i| Arc::clone(&self.columns[*i]))
            .collect::<Vec<_>>();
        let rows = payload.encoder.encode(&columns)?;
        Ok(self.encoded.get_or_init(|| rows))
    }
}

/// A view's answer: for every slot the winner's payload.
#[derive(Debug)]
pub(crate) struct Winners {
    pub(crate) rows: Vec<RowRef>,
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) filled: usize,
}

impl Winners {
    /// Bytes held, for the memory reservation.
    pub(crate) fn size(&self) -> usize {
        let chunks: usize = self
            .chunks
            .iter()
            .map(|c| c.size() + c.encoded_size())
            .sum();
        self.rows.capacity() * size_of::<RowRef>() + chunks
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

/// Moves rows of several chunks together into one, each named by its chunk and row.
pub(crate) fn gather_chunk(
    payload: &Payload,
    chunks: &[Chunk],
    rows: &[(usize, usize)],
    slots: Vec<u32>,
) -> Result<Chunk> {
    let columns = (0..payload.columns.len())
        .map(|column| {
            let arrays = chunks
                .iter()
                .map(|c| c.columns[column].as_ref())
                .collect::<Vec<_>>();
            Ok(compact(interleave(&arrays, rows)?))
        })
        .collect::<Result<Vec<_>>>()?;
    Chunk::try_new(payload, columns, slots)
}
