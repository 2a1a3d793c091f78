// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Deleting keys.

use std::sync::Arc;

use arrow::array::Array;
use arrow::compute::concat_batches;
use datafusion::common::{Column, Result, exec_err, plan_err};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, lit};

use crate::append::{Tries, column, write_id};
use crate::names::{IS_DELETED, IS_PUSHED};
use crate::store::OnlineStore;
use crate::summary::{Operation, Recorded};
use crate::view::OnlineView;
use crate::write::{Written, commit_push};

/// Hides what was written for keys so far, in one commit. The keys are the columns of `keys` with the
/// names of the view's. What is written for them later counts again.
///
/// A NULL key is an error, and nothing is written then. Nor is anything when these very keys were deleted last.
pub async fn delete_online(
    state: &SessionState,
    store: &OnlineStore,
    view: &OnlineView,
    keys: LogicalPlan,
) -> Result<Written> {
    let distinct = distinct_keys(view, keys)?;
    let schema = Arc::clone(distinct.schema().inner());
    let batches = DataFrame::new(state.clone(), distinct).collect().await?;
    let all = concat_batches(&schema, &batches)?;
    for (key, values) in view.keys.iter().zip(all.columns()) {
        if values.logical_null_count() > 0 {
            return exec_err!(
                "feature view {}: a key has NULL in {}, so nothing is there to delete; leave it out",
                view.name,
                key.name
            );
        }
    }
    let table = store.open(view).await?;
    if table.is_none() || all.num_rows() == 0 {
        return Ok(Written {
            rows: 0,
            snapshot_id: None,
        });
    }
    let id = write_id(Operation::Delete, &all)?;
    let count = all.num_rows() as u64;
    let rows = MemTable::try_new(Arc::clone(&schema), vec![vec![all]])?;
    let mut exprs: Vec<Expr> = view.keys.iter().map(|key| column(&key.name)).collect();
    exprs.extend([lit(true).alias(IS_DELETED), lit(false).alias(IS_PUSHED)]);
    let rows = LogicalPlanBuilder::scan("keys", provider_as_source(Arc::new(rows)), None)?
        .project(exprs)?
        .build()?;
    let recorded = Recorded {
        deletes: true,
        ..Recorded::new(Operation::Delete, id)
    };
    let mut tries = Tries::default();
    loop {
        let deleted = commit_push(state, store, view, &rows, &recorded).await;
        if let Some(ended) = tries.ended(deleted) {
            return Ok(Written {
                rows: count,
                snapshot_id: Some(ended?),
            });
        }
    }
}

/// The keys in the view's types, each once.
fn distinct_keys(view: &OnlineView, keys: LogicalPlan) -> Result<LogicalPlan> {
    if view.keys.is_empty() {
        return plan_err!(
            "feature view {} has no entities, so there are no keys to delete",
            view.name
        );
    }
    let schema = Arc::clone(keys.schema());
    let mut exprs = Vec::with_capacity(view.keys.len());
    for key in &view.keys {
        let Some(field) = schema
            .fields()
            .iter()
            .find(|field| field.name() == &key.name)
        else {
            return plan_err!(
                "the keys have no column {}, a join key of feature view {}",
                key.name,
                view.name
            );
        };
        if !key.key_type.takes(field.data_type()) {
            return plan_err!(
                "key column {} is {}, feature view {} has {:?} there; cast it",
                key.name,
                field.data_type(),
                view.name,
                key.key_type
            );
        }
        let value = Expr::Column(Column::new_unqualified(key.name.as_str()));
        exprs.push(
            value
                .cast_to(&key.key_type.arrow(), &schema)?
                .alias(&key.name),
        );
    }
    LogicalPlanBuilder::from(keys)
        .project(exprs)?
        .distinct()?
        .build()
}
