// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Pushing rows.

use arrow::array::{Array, RecordBatch};
use arrow::compute::concat_batches;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, lit};
use std::sync::Arc;

use crate::append::{InTheWay, Tries, append, column, done_before, write_id};
use crate::names::{EVENT_TIME, IS_DELETED, IS_PUSHED};
use crate::store::OnlineStore;
use crate::summary::{Operation, Recorded};
use crate::view::{OnlineView, SourceColumns};

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The rows that were given.
    pub rows: u64,
    /// The snapshot of the online table; None if nothing was written.
    pub snapshot_id: Option<i64>,
}

/// Writes rows for a view in one commit. The newest event of a key wins, whatever was written last.
///
/// A NULL key or event time is an error, and nothing is written then. Nor is anything when these very rows were written
/// last: so a write whose answer was lost can be done again.
pub async fn write_online(
    state: &SessionState,
    store: &OnlineStore,
    view: &OnlineView,
    rows: LogicalPlan,
    columns: &SourceColumns,
) -> Result<Written> {
    let plan = view.rows(rows, columns)?;
    let schema = Arc::clone(plan.schema().inner());
    let batches = DataFrame::new(state.clone(), plan).collect().await?;
    let all = concat_batches(&schema, &batches)?;
    let required = view.keys.iter().map(|key| key.name.as_str());
    for name in required.chain([EVENT_TIME]) {
        let Some(values) = all.column_by_name(name) else {
            return plan_err!("the rows have no column {name}");
        };
        if values.logical_null_count() > 0 {
            return exec_err!(
                "feature view {}: {} of {} rows have NULL in {name}, so they could never be found; leave them out",
                view.name,
                values.logical_null_count(),
                all.num_rows()
            );
        }
    }
    if all.num_rows() == 0 {
        return Ok(Written {
            rows: 0,
            snapshot_id: None,
        });
    }
    let count = all.num_rows() as u64;
    let recorded = Recorded::new(Operation::Write, write_id(Operation::Write, &all)?);
    let rows = pushed(all)?;
    let mut tries = Tries::default();
    loop {
        let pushed = commit_push(state, store, view, &rows, &recorded).await;
        if let Some(ended) = tries.ended(pushed) {
            return Ok(Written {
                rows: count,
                snapshot_id: Some(ended?),
            });
        }
    }
}

/// The rows as they are written.
fn pushed(all: RecordBatch) -> Result<LogicalPlan> {
    let schema = all.schema();
    let rows = MemTable::try_new(Arc::clone(&schema), vec![vec![all]])?;
    let mut exprs: Vec<_> = schema.fields().iter().map(|f| column(f.name())).collect();
    exprs.extend([lit(false).alias(IS_DELETED), lit(true).alias(IS_PUSHED)]);
    LogicalPlanBuilder::scan("rows", provider_as_source(Arc::new(rows)), None)?
        .project(exprs)?
        .build()
}

/// Commits rows or deletions, unless that is done already, and gives the snapshot.
pub(crate) async fn commit_push(
    state: &SessionState,
    store: &OnlineStore,
    view: &OnlineView,
    rows: &LogicalPlan,
    recorded: &Recorded,
) -> Result<i64> {
    let table = match recorded.operation {
        Operation::Delete => store.reopened(view).await?,
        _ => store.prepare(view).await?,
    };
    if let Some(done) = done_before(&table, recorded) {
        return Ok(done);
    }
    let (to, same) = ((view, &table), InTheWay::Same);
    let committed = append(state, store, to, rows.clone(), recorded, same).await?;
    Ok(committed.snapshot_id)
}
