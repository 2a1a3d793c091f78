// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Prepared statements, kept as text and planned at each use.
//!
//! Values are put into the plan, but for the instants of retrievals without entities: these are put into the text.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use datafusion::common::metadata::ScalarAndMetadata;
use datafusion::common::{ParamValues, Result, ScalarValue, plan_err};
use datafusion::execution::SessionState;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Execute, Expr, LogicalPlan, Prepare, Statement as PlanStatement};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{self, Ident, ObjectName};

use super::context::plan;
use crate::functions::{bind_instants, placeholders, written};

/// The prepared statements of a session, by name.
#[derive(Debug, Default)]
pub(super) struct PreparedStatements {
    statements: Mutex<HashMap<String, ast::Statement>>,
}

/// What PREPARE, EXECUTE or DEALLOCATE leaves to do.
pub(super) enum Planned {
    /// Nothing.
    Done,
    /// This plan.
    Plan(Box<LogicalPlan>),
}

impl PreparedStatements {
    /// Plans a statement; of PREPARE, EXECUTE and DEALLOCATE it knows what to do.
    pub(super) async fn plan(&self, statement: Statement, state: &SessionState) -> Result<Planned> {
        if let Statement::Statement(inner) = &statement {
            match inner.as_ref() {
                ast::Statement::Prepare { name, .. } => {
                    return self.prepare(name, inner, state).await;
                }
                ast::Statement::Execute {
                    name: Some(name), ..
                } => {
                    return self.execute(name, &statement, state).await;
                }
                ast::Statement::Deallocate { name, .. } => {
                    let name = normalize(name);
                    return match self.statements().remove(&name) {
                        Some(_) => Ok(Planned::Done),
                        None => plan_err!("there is no prepared statement {name}"),
                    };
                }
                _ => {}
            }
        }
        Ok(Planned::Plan(Box::new(plan(statement, state).await?)))
    }

    fn statements(&self) -> MutexGuard<'_, HashMap<String, ast::Statement>> {
        self.statements
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a statement, planned once to find its errors where they are made.
    async fn prepare(
        &self,
        name: &Ident,
        inner: &ast::Statement,
        state: &SessionState,
    ) -> Result<Planned> {
        let name = normalize(name);
        plan(without_instants(inner.clone())?.0, state).await?;
        if self.statements().contains_key(&name) {
            return plan_err!("prepared statement {name} exists already; DEALLOCATE {name} first");
        }
        self.statements().insert(name, inner.clone());
        Ok(Planned::Done)
    }

    /// Plans the statement kept under this name anew and puts the parameters in.
    async fn execute(
        &self,
        name: &ObjectName,
        statement: &Statement,
        state: &SessionState,
    ) -> Result<Planned> {
        let ident = name.0.last().and_then(|part| part.as_ident());
        let name = ident.map_or_else(|| name.to_string(), normalize);
        let Some(stored) = self.statements().get(&name).cloned() else {
            return plan_err!("there is no prepared statement {name}");
        };
        let LogicalPlan::Statement(PlanStatement::Execute(execute)) =
            plan(statement.clone(), state).await?
        else {
            return plan_err!("EXECUTE {name} cannot be planned");
        };
        let (without, instants) = without_instants(stored.clone())?;
        let prepared = as_prepared(&name, without, state).await?;
        let values = parameters(&name, execute, &stored, &prepared, state)?;
        let input = match instants {
            false => prepared.input,
            true => {
                let bound = with_instants(stored, &values)?;
                as_prepared(&name, bound, state).await?.input
            }
        };
        let bound = input
            .as_ref()
            .clone()
            .with_param_values(ParamValues::List(values))?;
        Ok(Planned::Plan(Box::new(bound)))
    }
}

/// A stored statement with NULL for each placeholder of an instant, and whether there was any.
fn without_instants(mut stored: ast::Statement) -> Result<(Statement, bool)> {
    let found = bind_instants(&mut stored, &|name| written(name, &ScalarValue::Null))?;
    Ok((Statement::Statement(Box::new(stored)), found))
}

/// A stored statement with the values of its instants.
fn with_instants(mut stored: ast::Statement, values: &[ScalarAndMetadata]) -> Result<Statement> {
    bind_instants(&mut stored, &|name| {
        let number = name.trim_start_matches('$').parse::<usize>();
        let value = number.ok().and_then(|n| values.get(n.checked_sub(1)?));
        match value {
            Some(value) => written(name, value.value()),
            None => plan_err!("no value is given for {name}"),
        }
    })?;
    Ok(Statement::Statement(Box::new(stored)))
}

async fn as_prepared(name: &str, stored: Statement, state: &SessionState) -> Result<Prepare> {
    match plan(stored, state).await? {
        LogicalPlan::Statement(PlanStatement::Prepare(prepared)) => Ok(prepared),
        _ => plan_err!("prepared statement {name} cannot be planned"),
    }
}

/// The values of EXECUTE, constants folded, as many as the statement has placeholders and of the types that are known of them.
fn parameters(
    name: &str,
    execute: Execute,
    stored: &ast::Statement,
    prepared: &Prepare,
    state: &SessionState,
) -> Result<Vec<ScalarAndMetadata>> {
    let start = state.execution_props().query_execution_start_time;
    let simplifier =
        ExprSimplifier::new(SimplifyContext::default().with_query_execution_start_time(start));
    let mut values = Vec::with_capacity(execute.parameters.len());
    for parameter in execute.parameters {
        match simplifier.simplify(parameter)? {
            Expr::Literal(value, metadata) => values.push(ScalarAndMetadata::new(value, metadata)),
            other => return plan_err!("parameter {other} of EXECUTE {name} is no constant"),
        }
    }
    let declared = match stored {
        ast::Statement::Prepare { data_types, .. } => data_types.len(),
        _ => 0,
    };
    let expected = match declared {
        0 => placeholders(&mut stored.clone()),
        declared => declared,
    };
    if expected != values.len() {
        return plan_err!(
            "prepared statement {name} expects {expected} parameters, got {}",
            values.len()
        );
    }
    // Of those that are not declared, types are known by number only where all are.
    if prepared.fields.len() != values.len() {
        return Ok(values);
    }
    values
        .into_iter()
        .zip(&prepared.fields)
        .map(|(value, field)| value.cast_storage_to(field.data_type()))
        .collect()
}

fn normalize(name: &Ident) -> String {
    if name.quote_style.is_some() {
        name.value.clone()
    } else {
        name.value.to_ascii_lowercase()
    }
}
