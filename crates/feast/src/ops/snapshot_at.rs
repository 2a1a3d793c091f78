// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `feast_snapshot_at`: the latest row of each key at an instant.
//!
//! ```text
//!   keys with a row that counts at the instant ──► point-in-time join at that instant ──► key, event_timestamp, features
//! ```
//!
//! A key is in the answer when one of the views has a row for it then, so that each row of the answer has a winner.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::logical_expr::{Expr, Limit, LogicalPlan, LogicalPlanBuilder, SortExpr, lit};
use feast_pit::{PitJoinNode, PitView};

use super::pit_join::{
    Call, CommonKeys, Counted, EVENT_TIMESTAMP, Instant, PitJoinRequest, Window, join, keyed,
    resolve,
};
use crate::session::FeastScope;

/// Plans the latest rows at an instant, by default the start of the statement.
pub(crate) async fn snapshot_at(
    scope: &FeastScope,
    at: Option<Instant>,
    request: &PitJoinRequest,
) -> Result<PitJoinNode> {
    let call = Call::SnapshotAt;
    let at = at.unwrap_or_else(|| Instant::at(scope.now()));
    let views = resolve(scope, call, request).await?;
    let keyed = keyed(&views);
    let keys = CommonKeys::of(call, &keyed)?;
    let mut parts = Vec::with_capacity(keyed.len());
    for (view, input) in keyed {
        let rows = keys.counted(view, input, at_instant(view, at))?;
        let exprs = match keys.columns.is_empty() {
            // Without keys there is one row at most; one that counts is enough.
            true => vec![lit(at.scalar()).alias(EVENT_TIMESTAMP)],
            false => keys.of_view(view, input)?,
        };
        parts.push(LogicalPlanBuilder::from(rows).project(exprs)?.build()?);
    }
    let rows = distinct(&keys, parts)?;
    let rows = match keys.columns.is_empty() {
        true => rows.limit(0, Some(1))?,
        false => {
            let time = lit(at.scalar()).alias(EVENT_TIMESTAMP);
            let rows = rows.project(keys.exprs().chain([time]))?;
            sorted(rows, keys.exprs())?
        }
    };
    join(call, rows.build()?, EVENT_TIMESTAMP, views)
}

fn at_instant(view: &PitView, at: Instant) -> Counted {
    Counted {
        event: Window::as_of(at, view.ttl),
        created: view.created_cutoff.then(|| Window::as_of(at, None)),
    }
}

/// The rows in the order of these expressions.
///
/// DataFusion drops a sort in a relation that no limit follows, since SQL promises no order there; the join does. A limit without a
/// number keeps the sort until the optimizer removes it.
pub(super) fn sorted(
    rows: LogicalPlanBuilder,
    by: impl Iterator<Item = Expr>,
) -> Result<LogicalPlanBuilder> {
    let order: Vec<SortExpr> = by.map(|expr| expr.sort(true, false)).collect();
    let sort = rows.sort(order)?.build()?;
    Ok(LogicalPlanBuilder::from(LogicalPlan::Limit(Limit {
        skip: None,
        fetch: None,
        input: Arc::new(sort),
    })))
}

/// The rows of all parts, each once; those without keys are alike.
fn distinct(keys: &CommonKeys, parts: Vec<LogicalPlan>) -> Result<LogicalPlanBuilder> {
    let mut parts = parts.into_iter();
    let mut rows = match parts.next() {
        Some(first) => LogicalPlanBuilder::from(first),
        None => LogicalPlanBuilder::empty(false),
    };
    for part in parts {
        rows = rows.union(part)?;
    }
    if keys.columns.is_empty() {
        return Ok(rows);
    }
    rows.distinct()
}
