// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The entity side laid out for one set of key columns.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;

use super::filters::{KeySetBounds, key_range};
use crate::kernel::keys::KeyEncoder;
use crate::kernel::slots::SlotLayout;
use crate::kernel::time::Times;

/// One distinct set of entity key columns with its slots.
pub(super) struct KeySet {
    pub(super) columns: Vec<(usize, DataType)>,
    pub(super) encoder: Arc<KeyEncoder>,
    pub(super) layout: Arc<SlotLayout>,
    pub(super) bounds: KeySetBounds,
}

impl KeySet {
    /// Lays out the entity side for these key columns.
    pub(super) fn build(
        columns: Vec<(usize, DataType)>,
        batches: &[RecordBatch],
        times: &[Times],
    ) -> Result<Self> {
        let types = columns.iter().map(|(_, t)| t.clone()).collect::<Vec<_>>();
        let encoder = KeyEncoder::try_new(&types)?;
        let mut ranges: Vec<Vec<ArrayRef>> = vec![Vec::new(); columns.len()];
        let mut sides = Vec::with_capacity(batches.len());
        for (batch, times) in batches.iter().zip(times) {
            let keys = columns
                .iter()
                .map(|(index, data_type)| Ok(cast(batch.column(*index), data_type)?))
                .collect::<Result<Vec<_>>>()?;
            sides.push((encoder.encode(&keys, batch.num_rows())?, times));
            ranges
                .iter_mut()
                .zip(keys)
                .for_each(|(range, key)| range.push(key));
        }
        let layout = SlotLayout::build(&sides)?;
        let bounds = KeySetBounds {
            keys: ranges
                .iter()
                .map(|columns| key_range(columns))
                .collect::<Result<_>>()?,
            times: layout.time_range(),
        };
        Ok(Self {
            columns,
            encoder: Arc::new(encoder),
            layout: Arc::new(layout),
            bounds,
        })
    }
}
