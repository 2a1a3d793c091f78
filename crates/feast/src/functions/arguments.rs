// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Arguments of a call in SQL, by name or position.

use chrono::{DateTime, Utc};
use datafusion::common::{DFSchema, Result, plan_err};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{self, FunctionArg, FunctionArgExpr, TableFunctionArgs};

/// One argument: its name, if given by name, and its expression.
#[derive(Debug)]
pub(super) struct Argument {
    pub(super) name: Option<String>,
    pub(super) value: ast::Expr,
}

/// The arguments of a call in the order written; named ones come last.
pub(super) fn arguments(
    function: &str,
    call: &TableFunctionArgs,
    context: &dyn RelationPlannerContext,
) -> Result<Vec<Argument>> {
    let mut arguments: Vec<Argument> = Vec::with_capacity(call.args.len());
    for argument in &call.args {
        let (name, value) = match argument {
            FunctionArg::Named { name, arg, .. } => {
                (Some(context.normalize_ident(name.clone())), arg)
            }
            FunctionArg::ExprNamed {
                name: ast::Expr::Identifier(name),
                arg,
                ..
            } => (Some(context.normalize_ident(name.clone())), arg),
            FunctionArg::ExprNamed { name, .. } => {
                return plan_err!("{function}: {name} is no name of an argument");
            }
            FunctionArg::Unnamed(arg) => (None, arg),
        };
        let FunctionArgExpr::Expr(value) = value else {
            return plan_err!("{function}: {argument} is no value; expected name => value");
        };
        if name.is_none() && arguments.last().is_some_and(|a| a.name.is_some()) {
            return plan_err!(
                "{function}: the argument {value} without a name follows one with a name; name it too"
            );
        }
        arguments.push(Argument {
            name,
            value: value.clone(),
        });
    }
    Ok(arguments)
}

/// The expression as DataFusion plans it, constants folded; `now()` is the statement's start.
pub(super) fn folded(
    value: ast::Expr,
    now: DateTime<Utc>,
    context: &mut dyn RelationPlannerContext,
) -> Result<Expr> {
    let schema = DFSchema::empty();
    let expr = context.sql_to_expr(value, &schema)?;
    let simplifier =
        ExprSimplifier::new(SimplifyContext::default().with_query_execution_start_time(Some(now)));
    simplifier.simplify(simplifier.coerce(expr, &schema)?)
}

/// The value of a constant expression.
pub(super) fn literal(
    function: &str,
    name: &str,
    value: ast::Expr,
    now: DateTime<Utc>,
    context: &mut dyn RelationPlannerContext,
) -> Result<ScalarValue> {
    let text = value.to_string();
    match folded(value, now, context)? {
        Expr::Literal(value, _) => Ok(value),
        _ => plan_err!("{function}: {name} expects a constant, found {text}"),
    }
}
