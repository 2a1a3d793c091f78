// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Leaves features out that nobody asks for.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::node::{PitJoinNode, pit_join, with_join};
use super::push_filter::contains_subquery;

/// `Projection(a) → PitJoin(a, b)` becomes `Projection(a) → PitJoin(a)`; so do aggregates, also with filters, sorts, limits and
/// aliases in between.
///
/// DataFusion's `optimize_projections` leaves views out that are not used at all, but it cannot make an answer narrower. A feature
/// that is left out is neither fetched nor copied for the winners; its column is still read where the view's rows may tie.
#[derive(Debug, Default)]
pub struct PrunePitJoinFeatures {}

impl OptimizerRule for PrunePitJoinFeatures {
    fn name(&self) -> &'static str {
        "prune_pit_join_features"
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
        let Some((join, exprs)) = used(&plan) else {
            return Ok(Transformed::no(plan));
        };
        if exprs.iter().any(contains_subquery) {
            return Ok(Transformed::no(plan));
        }
        let columns = exprs.iter().flat_map(Expr::column_refs);
        let names: BTreeSet<&str> = columns.map(|column| column.name.as_str()).collect();
        match join.with_columns(&names)? {
            Some(narrower) => Ok(Transformed::yes(with_join(&plan, &Arc::new(narrower))?)),
            None => Ok(Transformed::no(plan)),
        }
    }
}

/// The join below a projection or aggregate and all expressions from there down to it.
fn used(plan: &LogicalPlan) -> Option<(&PitJoinNode, Vec<Expr>)> {
    if !matches!(plan, LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_)) {
        return None;
    }
    let mut exprs = plan.expressions();
    let mut below = *plan.inputs().first()?;
    loop {
        if let Some(join) = pit_join(below) {
            return Some((join, exprs));
        }
        match below {
            LogicalPlan::Filter(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::SubqueryAlias(_) => {
                exprs.extend(below.expressions());
                below = below.inputs().first()?;
            }
            _ => return None,
        }
    }
}
