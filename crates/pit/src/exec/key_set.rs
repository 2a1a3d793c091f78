// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The entity side laid out for one set of key columns.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, ScalarValue};
use datafusion::execution::memory_pool::MemoryReservation;

use super::bounds::{KeyBounds, KeySetBounds, key_range};
use super::task::Ended;
use crate::kernel::key_table::KeyTable;
use crate::kernel::keys::KeyEncoder;
use crate::kernel::slots::{LayoutBuilder, NO_SLOT, SlotLayout};
use crate::kernel::time::Times;
use crate::key_type::as_key;

/// Up to so many keys are named one by one in a filter.
const LISTED: usize = 64;

/// One distinct set of entity key columns with its slots.
#[derive(Debug)]
pub(super) struct KeySet {
    pub(super) columns: Vec<(usize, DataType)>,
    pub(super) encoder: Arc<KeyEncoder>,
    pub(super) layout: Arc<SlotLayout>,
    pub(super) bounds: KeySetBounds,
    /// Bytes reserved at most while it was laid out.
    pub(super) peak: usize,
}

impl KeySet {
    /// Lays out the entity side for these key columns. What is reserved for the work is brought down to what is left of it.
    /// Gives up soon after `ended` says so.
    pub(super) fn build(
        columns: Vec<(usize, DataType)>,
        batches: &[RecordBatch],
        times: &[Times],
        reservation: &MemoryReservation,
        ended: &Ended,
    ) -> Result<Self> {
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        let types = columns.iter().map(|(_, t)| t.clone()).collect::<Vec<_>>();
        let encoder = KeyEncoder::try_new(&types)?;
        let mut keys: Vec<Vec<ArrayRef>> = vec![Vec::with_capacity(batches.len()); columns.len()];
        for batch in batches {
            ended.check()?;
            for (keys, (index, data_type)) in keys.iter_mut().zip(&columns) {
                keys.push(as_key(batch.column(*index), data_type)?);
            }
        }
        let ranges = keys
            .iter()
            .map(|column| key_range(column, ended))
            .collect::<Result<Vec<_>>>()?;
        let mut builder = LayoutBuilder::try_new(table(&encoder, &ranges, rows), rows)?;
        for (at, (batch, times)) in batches.iter().zip(times).enumerate() {
            ended.check()?;
            let columns = keys.iter().map(|c| Arc::clone(&c[at])).collect::<Vec<_>>();
            builder.push(&encoder.encode(&columns, batch.num_rows())?, times);
            let size = builder.size();
            if size > reservation.size() {
                reservation.try_resize(size)?;
            }
        }
        let layout = builder.finish(&mut || ended.check())?;
        let peak = reservation.size();
        reservation.try_resize(layout.size())?;
        let listed = listed(&layout, &keys)?;
        let bounds = KeySetBounds {
            keys: ranges
                .into_iter()
                .zip(listed)
                .map(|(range, listed)| KeyBounds { range, listed })
                .collect(),
            times: layout.time_range(),
        };
        Ok(Self {
            columns,
            encoder: Arc::new(encoder),
            layout: Arc::new(layout),
            bounds,
            peak,
        })
    }
}

/// Integers close together need no hashing.
fn table(
    encoder: &KeyEncoder,
    ranges: &[Option<(ScalarValue, ScalarValue)>],
    rows: usize,
) -> KeyTable {
    let direct = match (encoder, ranges) {
        (
            KeyEncoder::Integer,
            [Some((ScalarValue::Int64(Some(low)), ScalarValue::Int64(Some(high))))],
        ) => KeyTable::direct(*low, *high, rows),
        _ => None,
    };
    direct.unwrap_or_else(KeyTable::hashed)
}

/// The values of each key column one by one, where there are few keys.
fn listed(layout: &SlotLayout, keys: &[Vec<ArrayRef>]) -> Result<Vec<Vec<ScalarValue>>> {
    let mut listed = vec![Vec::new(); keys.len()];
    let firsts = layout
        .groups()
        .map(|(start, _)| start as u32)
        .take(LISTED + 1)
        .collect::<Vec<_>>();
    if firsts.len() > LISTED {
        return Ok(listed);
    }
    let mut missing = vec![true; firsts.len()];
    let mut left = firsts.len();
    let mut row = 0;
    let lengths = keys.first().into_iter().flatten().map(|c| c.len());
    for (at, length) in lengths.enumerate() {
        for within in 0..length {
            if left == 0 {
                return Ok(listed);
            }
            let slot = layout.row_slots[row];
            row += 1;
            let place = firsts.partition_point(|first| *first <= slot);
            if slot == NO_SLOT || !missing[place - 1] {
                continue;
            }
            missing[place - 1] = false;
            left -= 1;
            for (listed, column) in listed.iter_mut().zip(keys) {
                let value = ScalarValue::try_from_array(&column[at], within)?;
                if !listed.contains(&value) {
                    listed.push(value);
                }
            }
        }
    }
    Ok(listed)
}
