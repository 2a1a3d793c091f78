// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What the columns of the rows are, and which rows compete.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::buffer::ScalarBuffer;
use arrow::compute::filter_record_batch;
use arrow::datatypes::{
    DataType, Schema, TimeUnit, TimestampMicrosecondType, TimestampNanosecondType,
};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use feast_pit::TieEncoder;

use crate::instant::not_after;
use crate::key::EntityHash;
use crate::view::OnlineView;

/// Rows in the order of [`OnlineView::row_schema`]: keys, event time, created time, the others.
#[derive(Debug)]
pub(in crate::materialize) struct Shape {
    /// How many columns are keys.
    pub(super) keys: usize,
    /// The schema of the keys.
    pub(super) key_schema: Arc<Schema>,
    /// The last instant that is not in the future, in ticks of the event time.
    now: i64,
    /// The columns that decide between rows of the same times.
    ties: Vec<usize>,
    encoder: TieEncoder,
    /// Where rows go when memory runs out.
    pub(super) parts: EntityHash,
}

/// The rows of a batch by what becomes of them.
pub(super) struct Divided {
    pub(super) past: RecordBatch,
    pub(super) future: RecordBatch,
    pub(super) skipped: usize,
}

/// Into how many files rows go.
pub(super) const PARTS: u32 = 16;

impl Shape {
    /// Of the rows of a view; rows after `now`, in nanoseconds since 1970, do not compete.
    pub(in crate::materialize) fn try_new(view: &OnlineView, now: i128) -> Result<Self> {
        let schema = view.row_schema();
        let keys = view.keys.len();
        let ties = view.tie_break.iter().chain(&view.features);
        let ties = ties.map(|name| schema.index_of(name));
        let ties = ties.collect::<std::result::Result<Vec<_>, _>>()?;
        let types: Vec<DataType> = ties
            .iter()
            .map(|at| schema.field(*at).data_type().clone())
            .collect();
        let now = match not_after(&view.event_time, now) {
            ScalarValue::TimestampMicrosecond(Some(ticks), _)
            | ScalarValue::TimestampNanosecond(Some(ticks), _) => ticks,
            other => return internal_err!("{other} is no instant"),
        };
        Ok(Self {
            keys,
            key_schema: Arc::new(Schema::new(schema.fields()[..keys].to_vec())),
            now,
            encoder: TieEncoder::try_new(&types)?,
            ties,
            parts: EntityHash::new(view.encoder(), PARTS),
        })
    }

    /// The keys as expressions over columns of `schema`.
    pub(super) fn key_exprs(&self, schema: &Schema) -> Vec<Arc<dyn PhysicalExpr>> {
        let names = schema.fields()[..self.keys].iter().enumerate();
        names
            .map(|(at, field)| Arc::new(Column::new(field.name(), at)) as _)
            .collect()
    }

    /// Whether rows of the same times differ in anything.
    pub(super) fn has_ties(&self) -> bool {
        !self.ties.is_empty()
    }

    /// The columns that decide ties.
    pub(super) fn tie_columns<'a>(&self, rows: &'a RecordBatch) -> Vec<&'a ArrayRef> {
        self.ties.iter().map(|at| rows.column(*at)).collect()
    }

    /// The columns that decide ties, such that their bytes compare as they do.
    pub(super) fn encoded(&self, columns: &[ArrayRef]) -> Result<arrow::row::Rows> {
        self.encoder.encode(columns)
    }

    /// The keys of rows.
    pub(super) fn keys_of<'a>(&self, rows: &'a RecordBatch) -> &'a [ArrayRef] {
        &rows.columns()[..self.keys]
    }

    /// The event times, which competing rows have.
    pub(super) fn event_ticks(&self, rows: &RecordBatch) -> Result<ScalarBuffer<i64>> {
        ticks(rows.column(self.keys))
    }

    /// The created time of a row; None, which is before all others, where it is not known.
    pub(super) fn created_ticks(
        &self,
        rows: &RecordBatch,
    ) -> Result<impl Fn(usize) -> Option<i64> + use<>> {
        let column = rows.column(self.keys + 1);
        let (values, nulls) = (ticks(column)?, column.nulls().cloned());
        Ok(move |row: usize| {
            let known = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
            known.then(|| values[row])
        })
    }

    /// Rows that compete, rows of the future, and how many are neither: those without a key or a time.
    pub(super) fn divide(&self, rows: &RecordBatch) -> Result<Divided> {
        let event = self.event_ticks(rows)?;
        let needed = &rows.columns()[..=self.keys];
        let whole = |row: usize| needed.iter().all(|column| column.is_valid(row));
        let count = rows.num_rows();
        let (mut past, mut future) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let (mut all_past, mut any_future, mut skipped) = (true, false, 0);
        for (row, event) in event.iter().enumerate() {
            let (whole, later) = (whole(row), *event > self.now);
            past.push(whole && !later);
            future.push(whole && later);
            all_past &= whole && !later;
            any_future |= whole && later;
            skipped += usize::from(!whole);
        }
        let chosen = |which: Vec<bool>| filter_record_batch(rows, &BooleanArray::from(which));
        Ok(Divided {
            past: match all_past {
                true => rows.clone(),
                false => chosen(past)?,
            },
            future: match any_future {
                true => chosen(future)?,
                false => rows.slice(0, 0),
            },
            skipped,
        })
    }
}

fn ticks(times: &ArrayRef) -> Result<ScalarBuffer<i64>> {
    Ok(match times.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let times = times.as_primitive::<TimestampMicrosecondType>();
            times.values().clone()
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            let times = times.as_primitive::<TimestampNanosecondType>();
            times.values().clone()
        }
        other => return internal_err!("{other} is no time of an online table"),
    })
}
