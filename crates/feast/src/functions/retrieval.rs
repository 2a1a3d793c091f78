// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Calls of the retrievals without entities, by name or position.

use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::sql::sqlparser::ast::TableFunctionArgs;

use super::arguments::{Argument, arguments, literal};
use super::pit_join_function::read_options;
use super::relation_planner::is_empty_struct;
use crate::ops::pit_join::Call;
use crate::ops::retrieval::retrieve_named;
use crate::session::{FeastScope, wait};

/// Plans `feast_snapshot_at(…)` and its like. The argument after the last instant may be a struct or map of options.
pub(super) fn plan_retrieval(
    scope: &FeastScope,
    call: Call,
    arguments_given: &TableFunctionArgs,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let function = call.name();
    let first_option = call.parameters().len();
    let names: Vec<_> = call.parameters().iter().chain(call.options()).collect();
    let mut values: Vec<(String, ScalarValue)> = Vec::new();
    for (at, Argument { name, value }) in arguments(function, arguments_given, context)?
        .into_iter()
        .enumerate()
    {
        let unnamed = name.is_none();
        let name = match (name, names.get(at)) {
            (Some(name), _) => name,
            (None, Some(name)) => (**name).to_owned(),
            (None, None) => {
                return plan_err!(
                    "{function} takes at most {} arguments: {}",
                    names.len(),
                    names
                        .iter()
                        .map(|name| **name)
                        .collect::<Vec<_>>()
                        .join(", ")
                );
            }
        };
        if unnamed && at == first_option && is_empty_struct(&value) {
            continue;
        }
        let value = literal(function, &name, value, scope.now(), context)?;
        let is_options = matches!(value, ScalarValue::Struct(_) | ScalarValue::Map(_));
        if unnamed && at == first_option && is_options {
            values.extend(read_options(&value)?);
        } else {
            values.push((name, value));
        }
    }
    Ok(wait(retrieve_named(scope, call, values))?.into_plan())
}
