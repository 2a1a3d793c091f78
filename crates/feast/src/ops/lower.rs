// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Statements as plans.

use std::sync::Arc;

use datafusion::common::{Result, format::ExplainFormat};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{ExplainOption, LogicalPlan, LogicalPlanBuilder};

use super::list::List;
use super::materialize::Materialize;
use super::operation::{BoundOperation, Operation, RegistryList};
use super::provider::{Effect, OpTableProvider};
use crate::ddl::{Explain, ExplainClause, Statement};
use crate::session::FeastScope;

/// The plan whose execution does what the statement says.
pub(crate) fn lower(statement: Statement, scope: &FeastScope) -> Result<LogicalPlan> {
    let (operation, silent) = match statement {
        Statement::CreateCatalog(it) => (Operation::CreateCatalog(it), true),
        Statement::CreateEntity(it) => (Operation::CreateEntity(it), true),
        Statement::CreateFeatureView(it) => {
            // Where keys and times are left to be found out, what was found is the result.
            let silent = it.timestamp.is_some();
            (Operation::CreateFeatureView(Box::new(it)), silent)
        }
        Statement::CreateFeatureService(it) => (Operation::CreateFeatureService(it), true),
        Statement::Alter(it) => (Operation::Alter(it), true),
        Statement::Drop(it) => (Operation::Drop(it), true),
        Statement::Describe(it) => (Operation::Describe(it), false),
        Statement::ShowCreate(it) => (Operation::ShowCreate(it), false),
        Statement::Materialize(it) => (Operation::Materialize(Materialize::try_new(it)?), false),
        Statement::Show(it) => {
            let list = List::from(it.kind);
            return plan(list.name(), registry_list(scope, list, it.like));
        }
        Statement::Explain(it) => return explain(it, scope),
    };
    let effect = BoundOperation {
        operation,
        scope: scope.clone(),
        silent,
    };
    plan("feast", Arc::new(effect))
}

/// A list of what is defined in the scope's project.
pub(super) fn registry_list(
    scope: &FeastScope,
    list: List,
    like: Option<String>,
) -> Arc<dyn Effect> {
    let (registry, project) = (scope.registry().clone(), scope.project().to_owned());
    Arc::new(RegistryList {
        list,
        like,
        registry,
        project,
    })
}

/// The plan that does `effect`.
pub(super) fn plan(name: &str, effect: Arc<dyn Effect>) -> Result<LogicalPlan> {
    let source = provider_as_source(Arc::new(OpTableProvider::new(effect)));
    LogicalPlanBuilder::scan(name, source, None)?.build()
}

fn explain(statement: Explain, scope: &FeastScope) -> Result<LogicalPlan> {
    let clause = ExplainClause {
        analyze: statement.analyze,
        verbose: statement.verbose,
        format: statement.format,
    };
    explained(lower(*statement.statement, scope)?, &clause)
}

/// The plan that shows another one.
pub(super) fn explained(inner: LogicalPlan, clause: &ExplainClause) -> Result<LogicalPlan> {
    let mut option = ExplainOption::default()
        .with_verbose(clause.verbose)
        .with_analyze(clause.analyze);
    if let Some(format) = &clause.format {
        option = option.with_format(format.parse::<ExplainFormat>()?);
    }
    LogicalPlanBuilder::from(inner)
        .explain_option_format(option)?
        .build()
}
