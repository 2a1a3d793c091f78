// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Leaves out the rows whose keys are deleted.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{and, filter_record_batch};
use arrow::datatypes::SchemaRef;
use datafusion::common::{exec_datafusion_err, internal_datafusion_err};
use datafusion::error::Result;
use datafusion::physical_plan::metrics::Count;

use crate::deletes::EqualityDeletes;

/// Filters the batches of one file. Their last columns are those of the keys; they are dropped.
pub(super) struct KeyFilter {
    /// Each set with the positions of its columns.
    sets: Vec<(Arc<EqualityDeletes>, Vec<usize>)>,
    /// Of the file: older deletes do not count.
    sequence: i64,
    /// The schema without the columns of keys.
    output: SchemaRef,
    rows_deleted: Count,
}

impl KeyFilter {
    /// A filter of batches with the columns of `output` and then those of `ids`.
    pub(super) fn try_new(
        sets: Vec<Arc<EqualityDeletes>>,
        ids: &[i32],
        sequence: i64,
        output: SchemaRef,
        rows_deleted: Count,
    ) -> Result<Self> {
        let first = output.fields().len();
        let place = |id: &i32| {
            let at = ids.binary_search(id);
            at.map(|at| first + at)
                .map_err(|_| internal_datafusion_err!("column {id} of a key was not read"))
        };
        let placed = |set: Arc<EqualityDeletes>| {
            let places = set.ids().iter().map(place).collect::<Result<Vec<_>>>()?;
            Ok((set, places))
        };
        Ok(Self {
            sets: sets.into_iter().map(placed).collect::<Result<_>>()?,
            sequence,
            output,
            rows_deleted,
        })
    }

    /// The rows of `batch` that are left.
    pub(super) fn apply(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let mut kept: Option<BooleanArray> = None;
        for (set, places) in &self.sets {
            let keys: Vec<ArrayRef> = places
                .iter()
                .map(|at| Arc::clone(batch.column(*at)))
                .collect();
            let keep = set.keep(&keys, self.sequence)?;
            kept = Some(match kept {
                Some(kept) => and(&kept, &keep)?,
                None => keep,
            });
        }
        let shown = batch.columns().get(..self.output.fields().len());
        let shown = shown.ok_or_else(|| exec_datafusion_err!("a batch lacks columns"))?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let output = Arc::clone(&self.output);
        let shown = RecordBatch::try_new_with_options(output, shown.to_vec(), &options)?;
        let Some(kept) = kept else { return Ok(shown) };
        let deleted = batch.num_rows() - kept.true_count();
        if deleted == 0 {
            return Ok(shown);
        }
        self.rows_deleted.add(deleted);
        Ok(filter_record_batch(&shown, &kept)?)
    }
}
