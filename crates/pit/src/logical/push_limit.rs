// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Moves limits below the join.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::{Extension, FetchType, Limit, LogicalPlan, SkipType, lit};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::push_filter::pit_join;

/// `Limit n → [Projection →] PitJoin` asks the entity side for no more than `n` rows.
///
/// Rows come back once each and in the entity side's order, so the first `n` of the answer are the first `n` entity rows. The
/// limit above stays: it also skips.
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
        let LogicalPlan::Limit(limit) = &plan else {
            return Ok(Transformed::no(plan));
        };
        let (SkipType::Literal(skip), FetchType::Literal(Some(fetch))) =
            (limit.get_skip_type()?, limit.get_fetch_type()?)
        else {
            return Ok(Transformed::no(plan));
        };
        match limited(&limit.input, skip.saturating_add(fetch))? {
            Some(input) => Ok(Transformed::yes(LogicalPlan::Limit(Limit {
                skip: limit.skip.clone(),
                fetch: limit.fetch.clone(),
                input: Arc::new(input),
            }))),
            None => Ok(Transformed::no(plan)),
        }
    }
}

/// The plan with its join's entity side limited, or none where that is not possible or is done already.
fn limited(plan: &LogicalPlan, rows: usize) -> Result<Option<LogicalPlan>> {
    match plan {
        LogicalPlan::Projection(projection) if !projection.expr.iter().any(|e| e.is_volatile()) => {
            let Some(input) = limited(&projection.input, rows)? else {
                return Ok(None);
            };
            Ok(Some(
                plan.with_new_exprs(projection.expr.clone(), vec![input])?,
            ))
        }
        LogicalPlan::SubqueryAlias(alias) => match limited(&alias.input, rows)? {
            Some(input) => Ok(Some(plan.with_new_exprs(vec![], vec![input])?)),
            None => Ok(None),
        },
        other => {
            let Some(join) = pit_join(other) else {
                return Ok(None);
            };
            if let Some(known) = join.entity().max_rows()
                && known <= rows
            {
                return Ok(None);
            }
            let entity = LogicalPlan::Limit(Limit {
                skip: None,
                fetch: Some(Box::new(lit(i64::try_from(rows).unwrap_or(i64::MAX)))),
                input: Arc::new(join.entity().clone()),
            });
            let join = join.with_inputs(entity, join.views().to_vec())?;
            Ok(Some(LogicalPlan::Extension(Extension {
                node: Arc::new(join),
            })))
        }
    }
}
