// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Moves filters on entity columns below the join.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::utils::{conjunction, split_conjunction, split_conjunction_owned};
use datafusion::logical_expr::{BinaryExpr, Expr, Filter, LogicalPlan, Operator};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::below::{join_below, told_below};
use super::node::{PitJoinNode, with_join};

/// `Filter(entity columns) → PitJoin` becomes `PitJoin → Filter`, on the entity side alone; so it does over projections and aliases.
///
/// A predicate that fixes a join key is copied to the views as well, where it prunes files when the scan is planned.
///
/// Each entity row has exactly one row in the answer, so a deterministic predicate over entity columns may be asked before the
/// join. Predicates over features stay above. DataFusion's own rule must not be let at this node: it would put every
/// conjunct on every input that has a column of that name.
#[derive(Debug, Default)]
pub struct PushFilterThroughPitJoin {}

impl OptimizerRule for PushFilterThroughPitJoin {
    fn name(&self) -> &'static str {
        "push_filter_through_pit_join"
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
        let LogicalPlan::Filter(filter) = plan else {
            return Ok(Transformed::no(plan));
        };
        let Some(join) = join_below(&filter.input) else {
            return Ok(Transformed::no(LogicalPlan::Filter(filter)));
        };
        let (mut below, mut above) = (Vec::new(), Vec::new());
        for predicate in split_conjunction_owned(filter.predicate.clone()) {
            match told_below(&filter.input, &predicate)? {
                Some(told) if !contains_subquery(&predicate) && join.takes_filter(&told) => {
                    below.push(told);
                }
                _ => above.push(predicate),
            }
        }
        let Some(below) = conjunction(below) else {
            return Ok(Transformed::no(LogicalPlan::Filter(filter)));
        };
        let input = with_join(&filter.input, &Arc::new(join.filtered(below)?))?;
        Ok(Transformed::yes(match conjunction(above) {
            Some(above) => LogicalPlan::Filter(Filter::try_new(above, Arc::new(input))?),
            None => input,
        }))
    }
}

impl PitJoinNode {
    /// Whether a predicate over the answer may be asked of the entity side instead: it is deterministic and reads entity columns
    /// alone.
    pub fn takes_filter(&self, predicate: &Expr) -> bool {
        reads_only(predicate, self.entity().schema())
    }

    /// The join of the entity rows that pass a predicate that [`takes_filter`](Self::takes_filter) allows.
    pub fn filtered(&self, predicate: Expr) -> Result<Self> {
        let below = requalify(predicate, self.entity().schema())?;
        let views = with_key_filters(self, &below)?;
        let entity = LogicalPlan::Filter(Filter::try_new(below, Arc::new(self.entity().clone()))?);
        self.with_inputs(entity, views)
    }
}

/// The views' inputs, each with the filters that fix one of its join keys: `driver_id = 5` or an IN list of constants, where the
/// key has the same type on both sides. Rows with another key have no entity row to win.
fn with_key_filters(join: &PitJoinNode, below: &Expr) -> Result<Vec<LogicalPlan>> {
    let conjuncts = split_conjunction(below);
    let entity = join.entity().schema();
    let mut inputs = Vec::with_capacity(join.views().len());
    for (view, input) in join.spec().views.iter().zip(join.views()) {
        let mut filters = Vec::new();
        for key in &view.keys {
            let schema = input.schema();
            let (Some(left), Some(right)) = (
                entity.index_of_column_by_name(None, &key.entity),
                schema.index_of_column_by_name(None, &key.view),
            ) else {
                continue;
            };
            if entity.field(left).data_type() != schema.field(right).data_type() {
                continue;
            }
            let column = Column::from(schema.qualified_field(right));
            for conjunct in conjuncts.iter().filter(|c| fixes(c, &key.entity)) {
                filters.push(replace_column((*conjunct).clone(), &column)?);
            }
        }
        inputs.push(match conjunction(filters) {
            Some(filter) => LogicalPlan::Filter(Filter::try_new(filter, Arc::new(input.clone()))?),
            None => input.clone(),
        });
    }
    Ok(inputs)
}

/// Whether a predicate is `column = constant` or `column IN (constants)`.
fn fixes(predicate: &Expr, column: &str) -> bool {
    let is_column = |e: &Expr| matches!(e, Expr::Column(c) if c.name == column);
    let is_constant = |e: &Expr| matches!(e, Expr::Literal(_, _));
    match predicate {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Eq,
            right,
        }) => (is_column(left) && is_constant(right)) || (is_constant(left) && is_column(right)),
        Expr::InList(list) => {
            !list.negated && is_column(&list.expr) && list.list.iter().all(is_constant)
        }
        _ => false,
    }
}

fn replace_column(predicate: Expr, column: &Column) -> Result<Expr> {
    predicate
        .transform(|expr| match expr {
            Expr::Column(_) => Ok(Transformed::yes(Expr::Column(column.clone()))),
            other => Ok(Transformed::no(other)),
        })
        .map(|t| t.data)
}

pub(super) fn reads_only(predicate: &Expr, entity: &DFSchema) -> bool {
    !predicate.is_volatile()
        && !predicate.column_refs().is_empty()
        && predicate
            .column_refs()
            .iter()
            .all(|c| entity.has_column_with_unqualified_name(&c.name))
        && !contains_subquery(predicate)
}

pub(super) fn contains_subquery(predicate: &Expr) -> bool {
    predicate
        .exists(|e| {
            Ok(matches!(
                e,
                Expr::ScalarSubquery(_)
                    | Expr::InSubquery(_)
                    | Expr::Exists(_)
                    | Expr::OuterReferenceColumn(_, _)
            ))
        })
        .unwrap_or(true)
}

/// The answer's columns carry no qualifier; the entity side's may.
pub(super) fn requalify(predicate: Expr, entity: &DFSchema) -> Result<Expr> {
    predicate
        .transform(|expr| match expr {
            Expr::Column(column) => match entity.index_of_column_by_name(None, &column.name) {
                Some(at) => Ok(Transformed::yes(Expr::Column(Column::from(
                    entity.qualified_field(at),
                )))),
                None => Ok(Transformed::no(Expr::Column(column))),
            },
            other => Ok(Transformed::no(other)),
        })
        .map(|t| t.data)
}
