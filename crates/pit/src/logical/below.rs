// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Expressions over projections and aliases of a join, told in the join's own columns.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{Expr, LogicalPlan};

use super::node::{PitJoinNode, pit_join};

/// The join below projections and aliases.
pub(super) fn join_below(plan: &LogicalPlan) -> Option<&PitJoinNode> {
    match plan {
        LogicalPlan::Projection(projection) => join_below(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => join_below(&alias.input),
        other => pit_join(other),
    }
}

/// What a column of a plan is in terms of the plan's input.
type Below<'a> = Box<dyn Fn(&Column) -> Option<Expr> + 'a>;

/// The expression over such a plan as one over the join; none where a column has nothing to take its place.
pub(super) fn told_below(plan: &LogicalPlan, expr: &Expr) -> Result<Option<Expr>> {
    let (input, below): (_, Below<'_>) = match plan {
        LogicalPlan::Projection(projection) => (
            &projection.input,
            Box::new(|column| {
                let at = projection.schema.maybe_index_of_column(column)?;
                projection.expr.get(at).map(|expr| expr.clone().unalias())
            }),
        ),
        LogicalPlan::SubqueryAlias(alias) => (
            &alias.input,
            Box::new(|column| {
                let at = alias.schema.maybe_index_of_column(column)?;
                let column = Column::from(alias.input.schema().qualified_field(at));
                Some(Expr::Column(column))
            }),
        ),
        _ => return Ok(Some(expr.clone())),
    };
    match replaced(expr, below.as_ref())? {
        Some(expr) => told_below(input, &expr),
        None => Ok(None),
    }
}

/// The expression with every column replaced; none when one has nothing to take its place.
fn replaced(expr: &Expr, below: &dyn Fn(&Column) -> Option<Expr>) -> Result<Option<Expr>> {
    let mut complete = true;
    let expr = expr.clone().transform_up(|expr| match &expr {
        Expr::Column(column) => match below(column) {
            Some(other) => Ok(Transformed::yes(other)),
            None => {
                complete = false;
                Ok(Transformed::no(expr))
            }
        },
        _ => Ok(Transformed::no(expr)),
    })?;
    Ok(complete.then_some(expr.data))
}
