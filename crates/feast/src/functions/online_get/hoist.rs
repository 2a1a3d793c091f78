// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Each call of `feast_online_get` becomes a column of a projection of its own.
//!
//! DataFusion 53 waits for functions in projections, filters and arguments of aggregates only, and not in all
//! of them rightly: of two aggregates over calls both would get the first one's values, a call in a call is
//! an error, and a call that is written twice is made twice. So a plan is rewritten last of all, when no
//! rule will look at it any more:
//!
//! ```text
//!   Filter: feast_online_get('v:f', k) > 1 AND x        Projection: k, x
//!     …                                            ──►    Filter: get > 1 AND x
//!                                                           Projection: k, x, feast_online_get('v:f', k) AS get
//!                                                             …
//! ```

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DFSchemaRef, JoinType, Result, plan_err};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, Filter, Join, LogicalPlan, Projection};

use crate::ops::ONLINE_GET;

/// The plan with its calls in projections of their own; None if it has no calls.
pub(crate) fn hoist_online_gets(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    if !plan.exists(|node| Ok(has_calls(node)))? {
        return Ok(None);
    }
    let hoisted = plan.clone().transform_up(|node| {
        if !has_calls(&node) {
            return Ok(Transformed::no(node));
        }
        hoist_node(&node).map(Transformed::yes)
    })?;
    Ok(Some(hoisted.data))
}

/// Whether an expression of the node itself has a call.
pub(super) fn has_calls(node: &LogicalPlan) -> bool {
    let mut found = false;
    let visited = node.apply_expressions(|expr| {
        found |= has_call(expr);
        Ok(TreeNodeRecursion::Continue)
    });
    found && visited.is_ok()
}

fn has_call(expr: &Expr) -> bool {
    expr.exists(|expr| Ok(is_call(expr))).unwrap_or(false)
}

fn is_call(expr: &Expr) -> bool {
    match expr {
        Expr::ScalarFunction(call) => {
            call.func.name() == ONLINE_GET && call.func.as_async().is_some()
        }
        _ => false,
    }
}

/// A call whose arguments have none.
fn is_innermost(expr: &Expr) -> bool {
    match expr {
        Expr::ScalarFunction(call) => is_call(expr) && !call.args.iter().any(has_call),
        _ => false,
    }
}

fn hoist_node(node: &LogicalPlan) -> Result<LogicalPlan> {
    match node {
        LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_) => below(node),
        LogicalPlan::Filter(_) | LogicalPlan::Sort(_) | LogicalPlan::Window(_) => {
            columns_of(node.schema(), below(node)?)
        }
        LogicalPlan::Join(join) => hoist_join(join),
        LogicalPlan::Values(_) => plan_err!(
            "{ONLINE_GET} cannot be called in VALUES; write SELECT {ONLINE_GET}(…), with UNION ALL for several rows"
        ),
        other => plan_err!(
            "{ONLINE_GET} cannot be called in {}; call it in a subquery, and name its column here",
            other.display()
        ),
    }
}

/// The node over the columns of its calls.
fn below(node: &LogicalPlan) -> Result<LogicalPlan> {
    let names = NamePreserver::new(node);
    let keeps_names = !matches!(node, LogicalPlan::Sort(_));
    let exprs = node.expressions();
    let saved: Vec<_> = exprs.iter().map(|expr| names.save(expr)).collect();
    let Some(input) = node.inputs().first().copied().cloned() else {
        return plan_err!("{ONLINE_GET} cannot be called in {}", node.display());
    };
    let mut taken = taken(&[input.schema()]);
    let (exprs, input) = replaced(exprs, input, &mut taken)?;
    let exprs = exprs.into_iter().zip(saved).map(|(expr, name)| {
        if keeps_names {
            name.restore(expr)
        } else {
            expr
        }
    });
    node.with_new_exprs(exprs.collect(), vec![input])
}

/// The expressions with columns in place of calls, and the plan with these columns.
fn replaced(
    mut exprs: Vec<Expr>,
    mut input: LogicalPlan,
    taken: &mut HashSet<String>,
) -> Result<(Vec<Expr>, LogicalPlan)> {
    loop {
        let mut layer = Layer::default();
        exprs = exprs
            .into_iter()
            .map(|expr| replace(expr, |call| Ok(layer.column(call, taken))))
            .collect::<Result<_>>()?;
        if layer.is_empty() {
            return Ok((exprs, input));
        }
        input = layer.over(input)?;
    }
}

/// The expression with a column in place of each innermost call.
fn replace(expr: Expr, mut column: impl FnMut(&Expr) -> Result<Expr>) -> Result<Expr> {
    let replaced = expr.transform_down(|expr| {
        if !is_innermost(&expr) {
            return Ok(Transformed::no(expr));
        }
        let column = column(&expr)?;
        Ok(Transformed::new(column, true, TreeNodeRecursion::Jump))
    })?;
    Ok(replaced.data)
}

/// Calls that need no other's value, and their columns.
#[derive(Default)]
struct Layer {
    calls: Vec<(Expr, String)>,
}

impl Layer {
    /// The column of a call. It is called as the call would be, so that the names of what it is a part of
    /// stay as they are.
    fn column(&mut self, call: &Expr, taken: &mut HashSet<String>) -> Expr {
        let known = self.calls.iter().find(|(known, _)| known == call);
        let name = match known {
            Some((_, name)) => name.clone(),
            None => {
                let mut name = call.schema_name().to_string();
                while !taken.insert(name.clone()) {
                    name.push('\'');
                }
                self.calls.push((call.clone(), name.clone()));
                name
            }
        };
        Expr::Column(Column::new_unqualified(name))
    }

    fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    fn over(self, input: LogicalPlan) -> Result<LogicalPlan> {
        let columns = input.schema().columns().into_iter().map(Expr::Column);
        let calls = self.calls.into_iter().map(|(call, name)| call.alias(name));
        let exprs = columns.chain(calls).collect();
        Projection::try_new(exprs, Arc::new(input)).map(LogicalPlan::Projection)
    }
}

fn taken(schemas: &[&DFSchemaRef]) -> HashSet<String> {
    let fields = schemas.iter().flat_map(|schema| schema.fields());
    fields.map(|field| field.name().clone()).collect()
}

/// The columns of `schema` only.
fn columns_of(schema: &DFSchema, plan: LogicalPlan) -> Result<LogicalPlan> {
    let columns = schema.columns().into_iter().map(Expr::Column).collect();
    Projection::try_new(columns, Arc::new(plan)).map(LogicalPlan::Projection)
}

/// A call in the condition of a join becomes a column of the side that its keys are from.
fn hoist_join(join: &Join) -> Result<LogicalPlan> {
    let mut taken = taken(&[join.left.schema(), join.right.schema()]);
    let (left_on, right_on): (Vec<_>, Vec<_>) = join.on.iter().cloned().unzip();
    let (left_on, mut left) = replaced(left_on, join.left.as_ref().clone(), &mut taken)?;
    let (right_on, mut right) = replaced(right_on, join.right.as_ref().clone(), &mut taken)?;
    let mut filter = join.filter.clone();
    let mut above = None;
    while let Some(condition) = filter.take_if(|condition| has_call(condition)) {
        let (mut on_left, mut on_right) = (Layer::default(), Layer::default());
        let of = |plan: &LogicalPlan, call: &Expr| {
            let columns = call.column_refs();
            columns
                .iter()
                .all(|column| plan.schema().has_column(column))
        };
        let mut mixed = false;
        let replaced = replace(condition.clone(), |call| {
            if of(&left, call) {
                return Ok(on_left.column(call, &mut taken));
            }
            if of(&right, call) {
                return Ok(on_right.column(call, &mut taken));
            }
            mixed = true;
            Ok(call.clone())
        })?;
        if mixed {
            above = Some(condition);
            break;
        }
        left = on_left.over(left)?;
        right = on_right.over(right)?;
        filter = Some(replaced);
    }
    let pairs = left_on.into_iter().zip(right_on);
    let mut exprs: Vec<Expr> = pairs.flat_map(|(left, right)| [left, right]).collect();
    exprs.extend(filter);
    let joined = LogicalPlan::Join(Join {
        filter: None,
        ..join.clone()
    })
    .with_new_exprs(exprs, vec![left, right])?;
    let joined = match above {
        None => joined,
        // The pairs that the rest of the condition leaves are those that it is asked of.
        Some(condition) if join.join_type == JoinType::Inner => below(&LogicalPlan::Filter(
            Filter::try_new(condition, Arc::new(joined))?,
        ))?,
        Some(condition) => {
            return plan_err!(
                "{ONLINE_GET} has keys of both sides of a {} join in its condition {condition}; call it in a WHERE above an inner join, or \
                 bring its keys to one side first",
                join.join_type
            );
        }
    };
    columns_of(&join.schema, joined)
}
