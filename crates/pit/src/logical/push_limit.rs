// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Moves limits over sorted rows below the join.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::{
    Extension, FetchType, Limit, LogicalPlan, SkipType, Sort, SortExpr,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::below::{join_below, told_below};
use super::node::{pit_join, with_join};
use super::push_filter::{reads_only, requalify};

/// Two limits that need no features are asked of the entity side, so that only those rows are joined:
///
/// ```text
///   Sort(entity columns), first n → PitJoin         the first n entity rows in that order
///   Limit n → PitJoin → Sort                        the first n rows of the sort
/// ```
///
/// Each entity row has exactly one row in the answer, in the same place. A limit over entity rows without an order stays above: the
/// join stops reading by itself, and takes the first rows in the order read.
#[derive(Debug, Default)]
pub struct PushLimitThroughPitJoin {}

impl OptimizerRule for PushLimitThroughPitJoin {
    fn name(&self) -> &'static str {
        "push_limit_through_pit_join"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let limited = match &plan {
            LogicalPlan::Sort(sort) => below_sort(sort)?,
            LogicalPlan::Limit(limit) => below_limit(limit)?,
            _ => None,
        };
        match limited {
            Some(input) => {
                let exprs = plan.expressions();
                Ok(Transformed::yes(plan.with_new_exprs(exprs, vec![input])?))
            }
            None => Ok(Transformed::no(plan)),
        }
    }
}

/// What is below a sort with a limit, the limit pushed into the entity side.
fn below_sort(sort: &Sort) -> Result<Option<LogicalPlan>> {
    let Some(rows) = sort.fetch else {
        return Ok(None);
    };
    let Some(join) = join_below(&sort.input) else {
        return Ok(None);
    };
    let entity = join.entity().schema();
    if takes_at_most(join.entity(), rows) {
        return Ok(None);
    }
    let mut order = Vec::with_capacity(sort.expr.len());
    for key in &sort.expr {
        match told_below(&sort.input, &key.expr)? {
            Some(expr) if reads_only(&expr, entity) => {
                let expr = requalify(expr, entity)?;
                order.push(SortExpr::new(expr, key.asc, key.nulls_first));
            }
            _ => return Ok(None),
        }
    }
    let first = LogicalPlan::Sort(Sort {
        expr: order,
        input: Arc::new(join.entity().clone()),
        fetch: Some(rows),
    });
    let join = join.with_inputs(first, join.views().to_vec())?;
    with_join(&sort.input, &Arc::new(join)).map(Some)
}

/// What is below a limit, the limit pushed into the sort that the entity side ends with.
fn below_limit(limit: &Limit) -> Result<Option<LogicalPlan>> {
    let Some(join) = pit_join(&limit.input) else {
        return Ok(None);
    };
    let (FetchType::Literal(Some(fetch)), SkipType::Literal(skip)) =
        (limit.get_fetch_type()?, limit.get_skip_type()?)
    else {
        return Ok(None);
    };
    let Some(rows) = fetch.checked_add(skip) else {
        return Ok(None);
    };
    let LogicalPlan::Sort(sort) = unlimited(join.entity()) else {
        return Ok(None);
    };
    if sort.fetch.is_some_and(|fetch| fetch <= rows) {
        return Ok(None);
    }
    let first = LogicalPlan::Sort(Sort {
        fetch: Some(rows),
        ..sort.clone()
    });
    let join = join.with_inputs(first, join.views().to_vec())?;
    Ok(Some(LogicalPlan::Extension(Extension {
        node: Arc::new(join),
    })))
}

/// Whether a plan gives no more rows than this already.
fn takes_at_most(plan: &LogicalPlan, rows: usize) -> bool {
    match plan {
        LogicalPlan::Sort(sort) if sort.fetch.is_some_and(|fetch| fetch <= rows) => true,
        LogicalPlan::Projection(projection) => takes_at_most(&projection.input, rows),
        LogicalPlan::SubqueryAlias(alias) => takes_at_most(&alias.input, rows),
        _ => false,
    }
}

/// A plan without limits that limit nothing.
fn unlimited(plan: &LogicalPlan) -> &LogicalPlan {
    match plan {
        LogicalPlan::Limit(limit) if limit.skip.is_none() && limit.fetch.is_none() => {
            unlimited(&limit.input)
        }
        other => other,
    }
}
