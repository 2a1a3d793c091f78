// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The rows in the lead, one a key.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{interleave, interleave_record_batch, take_record_batch};
use datafusion::common::Result;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;

use super::shape::Shape;

/// Rows of a batch when rows are gathered.
const GATHERED: usize = 8_192;
/// So many batches may be kept beside those that are needed.
const SPARE_BATCHES: usize = 256;

/// The row in the lead for a key.
#[derive(Debug, Clone, Copy)]
struct Lead {
    /// The times it is compared by.
    times: (i64, Option<i64>),
    batch: u32,
    row: u32,
}

/// There is no row yet.
const NOBODY: Lead = Lead {
    times: (i64::MIN, None),
    batch: u32::MAX,
    row: 0,
};

/// The rows in the lead, and some that were.
pub(super) struct Winners {
    shape: Arc<Shape>,
    /// The keys; none for views without.
    groups: Option<Box<dyn GroupValues>>,
    leads: Vec<Lead>,
    kept: Vec<RecordBatch>,
    kept_rows: usize,
    kept_bytes: usize,
    /// The key of each row of a batch.
    ids: Vec<usize>,
}

impl Winners {
    pub(super) fn try_new(shape: &Arc<Shape>) -> Result<Self> {
        let groups = match shape.keys {
            0 => None,
            _ => {
                let schema = Arc::clone(&shape.key_schema);
                Some(new_group_values(schema, &GroupOrdering::None)?)
            }
        };
        Ok(Self {
            shape: Arc::clone(shape),
            groups,
            leads: Vec::new(),
            kept: Vec::new(),
            kept_rows: 0,
            kept_bytes: 0,
            ids: Vec::new(),
        })
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.leads.len()
    }

    /// Bytes that are held, with those that gathering takes for a moment.
    pub(super) fn size(&self) -> usize {
        let groups = self.groups.as_ref().map_or(0, |groups| groups.size());
        let own = self.leads.capacity() * size_of::<Lead>() + self.ids.capacity() * 8;
        groups + own + self.kept_bytes + self.kept_bytes / 2
    }

    /// Lets rows compete, which have keys and times.
    pub(super) fn absorb(&mut self, rows: &RecordBatch) -> Result<()> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        self.identify(rows)?;
        let event = self.shape.event_ticks(rows)?;
        let created = self.shape.created_ticks(rows)?;
        let batch = u32::try_from(self.kept.len()).unwrap_or(u32::MAX);
        let mut tied = Vec::new();
        for (row, id) in (0_u32..).zip(&self.ids) {
            let times = (event[row as usize], created(row as usize));
            let lead = &mut self.leads[*id];
            if lead.batch == u32::MAX || times > lead.times {
                *lead = Lead { times, batch, row };
            } else if times == lead.times {
                tied.push((row, times));
            }
        }
        if !tied.is_empty() && self.shape.has_ties() {
            // A lead may have been lost since.
            tied.retain(|(row, times)| self.leads[self.ids[*row as usize]].times == *times);
            let tied: Vec<u32> = tied.into_iter().map(|(row, _)| row).collect();
            self.decide(rows, batch, &tied)?;
        }
        self.keep(rows, batch)?;
        let needed = self.leads.len();
        let spare = 2 * (needed / GATHERED) + SPARE_BATCHES;
        if self.kept_rows > 2 * needed + GATHERED || self.kept.len() > spare {
            self.gather()?;
        }
        Ok(())
    }

    fn identify(&mut self, rows: &RecordBatch) -> Result<()> {
        self.ids.clear();
        let count = match &mut self.groups {
            Some(groups) => {
                groups.intern(self.shape.keys_of(rows), &mut self.ids)?;
                groups.len()
            }
            None => {
                self.ids.resize(rows.num_rows(), 0);
                1
            }
        };
        self.leads.resize(count, NOBODY);
        Ok(())
    }

    /// Compares rows that have the times of the row in the lead by their values.
    fn decide(&mut self, rows: &RecordBatch, batch: u32, tied: &[u32]) -> Result<()> {
        let all: Vec<&RecordBatch> = self.kept.iter().chain([rows]).collect();
        let leads = tied.iter().map(|row| {
            let lead = &self.leads[self.ids[*row as usize]];
            (lead.batch as usize, lead.row as usize)
        });
        let leads = self.tie_rows(&all, &leads.collect::<Vec<_>>())?;
        let own: Vec<_> = tied
            .iter()
            .map(|row| (batch as usize, *row as usize))
            .collect();
        let own = self.tie_rows(&all, &own)?;
        let mut ahead: HashMap<usize, usize> = HashMap::new();
        for (at, row) in tied.iter().enumerate() {
            let id = self.ids[*row as usize];
            let before = match ahead.get(&id) {
                Some(other) => own.row(*other),
                None => leads.row(at),
            };
            if own.row(at) > before {
                ahead.insert(id, at);
                let lead = &mut self.leads[id];
                (lead.batch, lead.row) = (batch, *row);
            }
        }
        Ok(())
    }

    /// What decides ties, of rows here and there.
    fn tie_rows(
        &self,
        batches: &[&RecordBatch],
        rows: &[(usize, usize)],
    ) -> Result<arrow::row::Rows> {
        let columns: Vec<Vec<&ArrayRef>> = batches
            .iter()
            .map(|batch| self.shape.tie_columns(batch))
            .collect();
        let width = columns.first().map_or(0, Vec::len);
        let gathered = (0..width).map(|column| {
            let of: Vec<_> = columns.iter().map(|all| all[column].as_ref()).collect();
            interleave(&of, rows)
        });
        let gathered = gathered.collect::<std::result::Result<Vec<_>, _>>()?;
        self.shape.encoded(&gathered)
    }

    /// Keeps the rows of a batch that are in the lead.
    fn keep(&mut self, rows: &RecordBatch, batch: u32) -> Result<()> {
        let mut wanted: Vec<u32> = Vec::new();
        for (row, id) in (0_u32..).zip(&self.ids) {
            let lead = &mut self.leads[*id];
            // The new place is never after the old one, so no later row is taken for this one.
            if lead.batch == batch && lead.row == row {
                lead.row = u32::try_from(wanted.len()).unwrap_or(u32::MAX);
                wanted.push(row);
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let kept = take_record_batch(rows, &UInt32Array::from(wanted))?;
        self.push(kept);
        Ok(())
    }

    fn push(&mut self, rows: RecordBatch) {
        self.kept_rows += rows.num_rows();
        self.kept_bytes += get_record_batch_memory_size(&rows);
        self.kept.push(rows);
    }

    /// Keeps the rows in the lead and no others.
    pub(super) fn gather(&mut self) -> Result<()> {
        let count = self.len();
        let mut gathered = Vec::with_capacity(count.div_ceil(GATHERED));
        for first in (0..count).step_by(GATHERED) {
            gathered.push(self.rows(first, GATHERED)?);
        }
        for (at, lead) in self.leads.iter_mut().enumerate() {
            lead.batch = u32::try_from(at / GATHERED).unwrap_or(u32::MAX);
            lead.row = u32::try_from(at % GATHERED).unwrap_or(u32::MAX);
        }
        self.kept.clear();
        (self.kept_rows, self.kept_bytes) = (0, 0);
        for rows in gathered {
            self.push(rows);
        }
        Ok(())
    }

    /// The rows in the lead from the key with number `first` on, at most so many.
    pub(super) fn rows(&self, first: usize, most: usize) -> Result<RecordBatch> {
        let end = self.len().min(first.saturating_add(most));
        let places = self.leads[first.min(end)..end].iter();
        let places: Vec<_> = places
            .map(|lead| (lead.batch as usize, lead.row as usize))
            .collect();
        let batches: Vec<&RecordBatch> = self.kept.iter().collect();
        Ok(interleave_record_batch(&batches, &places)?)
    }
}
