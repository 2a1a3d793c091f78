// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The keys of a source, and how many rows they have.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::{Field, Int64Type, Schema};
use datafusion::common::Result;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SessionState;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, lit, when};

use crate::append::column;
use crate::instant::not_after;
use crate::names::{AS_OF, EVENT_TIME};
use crate::view::OnlineView;

/// What there is to materialize.
pub(super) struct Counted {
    /// All rows.
    pub(super) read: u64,
    /// Those with a NULL key or event time.
    pub(super) skipped: u64,
    /// Whether rows lie after now.
    pub(super) future: bool,
    /// The keys that have rows up to now, each with now in a last column.
    pub(super) keys: RecordBatch,
}

impl Counted {
    /// Looks at the keys and times of rows.
    pub(super) async fn of(
        state: &SessionState,
        view: &OnlineView,
        rows: &LogicalPlan,
        now: i128,
    ) -> Result<Self> {
        let keys = view.keys.iter().map(|key| column(&key.name));
        let as_of = not_after(&view.event_time, now);
        let past = when(column(EVENT_TIME).lt_eq(lit(as_of.clone())), lit(1_i64)).end()?;
        let counts = vec![
            count(lit(1_i64)).alias("__feast_rows"),
            count(column(EVENT_TIME)).alias("__feast_timed"),
            count(past).alias("__feast_past"),
        ];
        let plan = LogicalPlanBuilder::from(rows.clone())
            .aggregate(keys.collect::<Vec<_>>(), counts)?
            .build()?;
        let width = view.keys.len();
        let schema = Arc::clone(plan.schema().inner());
        let batches = DataFrame::new(state.clone(), plan).collect().await?;
        let (mut read, mut skipped, mut future) = (0, 0, 0);
        let mut found = Vec::with_capacity(batches.len());
        for batch in &batches {
            let number = |at: usize| batch.column(width + at).as_primitive::<Int64Type>();
            let (all, timed, past) = (number(0), number(1), number(2));
            let mut wanted = Vec::with_capacity(batch.num_rows());
            for row in 0..batch.num_rows() {
                let null = batch.columns()[..width].iter().any(|key| key.is_null(row));
                let (all, timed, past) = (all.value(row), timed.value(row), past.value(row));
                read += all;
                skipped += if null { all } else { all - timed };
                future += if null { 0 } else { timed - past };
                wanted.push(!null && past > 0);
            }
            found.push(filter_record_batch(batch, &BooleanArray::from(wanted))?);
        }
        let all = concat_batches(&schema, &found)?;
        let mut columns: Vec<ArrayRef> = all.columns()[..width].to_vec();
        columns.push(as_of.to_array_of_size(all.num_rows())?);
        let mut fields: Vec<Field> = schema.fields()[..width]
            .iter()
            .map(|f| f.as_ref().clone())
            .collect();
        fields.push(Field::new(AS_OF, as_of.data_type(), true));
        Ok(Self {
            read: u64::try_from(read).unwrap_or(0),
            skipped: u64::try_from(skipped).unwrap_or(0),
            future: future > 0,
            keys: RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?,
        })
    }
}
