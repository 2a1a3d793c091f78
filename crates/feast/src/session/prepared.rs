// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Prepared statements, kept as text and planned at each use.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use datafusion::common::metadata::ScalarAndMetadata;
use datafusion::common::{ParamValues, Result, plan_err};
use datafusion::execution::SessionState;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Execute, Expr, LogicalPlan, Prepare, Statement as PlanStatement};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{self, Ident, ObjectName};

use super::context::plan;

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
                    return self.prepare(name, &statement, inner, state).await;
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
        statement: &Statement,
        inner: &ast::Statement,
        state: &SessionState,
    ) -> Result<Planned> {
        let name = normalize(name);
        plan(statement.clone(), state).await?;
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
        let stored = plan(Statement::Statement(Box::new(stored)), state).await?;
        let LogicalPlan::Statement(PlanStatement::Prepare(stored)) = stored else {
            return plan_err!("prepared statement {name} cannot be planned");
        };
        let values = parameters(&name, execute, &stored, state)?;
        let bound = stored
            .input
            .as_ref()
            .clone()
            .with_param_values(ParamValues::List(values))?;
        Ok(Planned::Plan(Box::new(bound)))
    }
}

/// The values of EXECUTE, constants folded, as many and of the types as PREPARE says.
fn parameters(
    name: &str,
    execute: Execute,
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
    let expected = &prepared.fields;
    if expected.is_empty() {
        return Ok(values);
    }
    if expected.len() != values.len() {
        return plan_err!(
            "prepared statement {name} expects {} parameters, got {}",
            expected.len(),
            values.len()
        );
    }
    values
        .into_iter()
        .zip(expected)
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
