// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Calls of the functions of the online store that take rows: queries, tables, files, lists.

use std::sync::Arc;

use datafusion::catalog::{TableFunctionImpl, TableProvider};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{self, TableFunctionArgs};

use super::arguments::{Argument, arguments, literal};
use super::pit_join_function::{entity_plan, read_options};
use super::relation_planner::{FeastRelationPlanner, is_empty_struct};
use crate::ops::pit_join::Call;
use crate::ops::{Effect, LookupKeys, OpTableProvider, Push, PushOnline, online_lookup};
use crate::session::{FeastScope, wait};

/// The name of the lookup.
pub(crate) const ONLINE_LOOKUP: &str = "feast_online_lookup";

/// Plans `feast_online_lookup(…)`. The third argument by position may be a struct or map of options.
pub(super) fn plan_online_lookup(
    planner: &FeastRelationPlanner,
    call: &TableFunctionArgs,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let names: Vec<&str> = Call::OnlineLookup
        .parameters()
        .iter()
        .chain(Call::OnlineLookup.options())
        .copied()
        .collect();
    let now = planner.scope().now();
    let (mut features, mut keys, mut options) = (None, None, Vec::new());
    for (at, Argument { name, value }) in arguments(ONLINE_LOOKUP, call, context)?
        .into_iter()
        .enumerate()
    {
        let unnamed = name.is_none();
        let name = match (name, names.get(at)) {
            (Some(name), _) => name,
            (None, Some(name)) => (*name).to_owned(),
            (None, None) => {
                return plan_err!(
                    "{ONLINE_LOOKUP} takes at most {} arguments: {}",
                    names.len(),
                    names.join(", ")
                );
            }
        };
        let twice = match name.as_str() {
            "features" => features
                .replace(literal(ONLINE_LOOKUP, &name, value, now, context)?)
                .is_some(),
            "keys" => keys
                .replace(lookup_keys(planner, value, context)?)
                .is_some(),
            _ if unnamed && at == 2 && is_empty_struct(&value) => false,
            _ => {
                let value = literal(ONLINE_LOOKUP, &name, value, now, context)?;
                let several = matches!(value, ScalarValue::Struct(_) | ScalarValue::Map(_));
                match unnamed && at == 2 && several {
                    true => options.extend(read_options(&value)?),
                    false => options.push((name.clone(), value)),
                }
                false
            }
        };
        if twice {
            return plan_err!("{ONLINE_LOOKUP}: argument {name} is given twice");
        }
    }
    let (Some(features), Some(keys)) = (features, keys) else {
        return plan_err!(
            "{ONLINE_LOOKUP} needs features and keys: {ONLINE_LOOKUP}(features => ['view:feature'], keys => [1, 2])"
        );
    };
    let lookup = wait(online_lookup(planner.scope(), &features, keys, options))?;
    effect_plan(ONLINE_LOOKUP, Arc::new(lookup))
}

/// A list is a value; everything else is rows.
fn lookup_keys(
    planner: &FeastRelationPlanner,
    value: ast::Expr,
    context: &mut dyn RelationPlannerContext,
) -> Result<LookupKeys> {
    match value {
        ast::Expr::Subquery(_) | ast::Expr::Identifier(_) | ast::Expr::CompoundIdentifier(_) => {
            let rows = planner.plan_entities(value, context)?;
            Ok(LookupKeys::Rows(Box::new(rows)))
        }
        other => {
            let keys = literal(ONLINE_LOOKUP, "keys", other, planner.scope().now(), context)?;
            wait(constant_keys(planner.scope(), keys))
        }
    }
}

async fn constant_keys(scope: &FeastScope, keys: ScalarValue) -> Result<LookupKeys> {
    if matches!(keys.try_as_str(), Some(Some(_))) {
        let rows = entity_plan(scope, &Expr::Literal(keys, None)).await?;
        return Ok(LookupKeys::Rows(Box::new(rows)));
    }
    Ok(LookupKeys::List(keys))
}

/// Plans `feast_write_online(…)` and `feast_delete_online(…)`.
pub(super) fn plan_push(
    planner: &FeastRelationPlanner,
    push: Push,
    call: &TableFunctionArgs,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let (function, names) = (push.name(), push.parameters());
    let (mut view, mut rows) = (None, None);
    for (at, Argument { name, value }) in
        arguments(function, call, context)?.into_iter().enumerate()
    {
        let name = name.or_else(|| names.get(at).map(|name| (*name).to_owned()));
        let name = name.unwrap_or_default();
        let twice = if name == names[0] {
            view.replace(literal(
                function,
                &name,
                value,
                planner.scope().now(),
                context,
            )?)
            .is_some()
        } else if name == names[1] {
            rows.replace(planner.plan_entities(value, context)?)
                .is_some()
        } else {
            return plan_err!(
                "{function} takes {} and {}; found {name}",
                names[0],
                names[1]
            );
        };
        if twice {
            return plan_err!("{function}: argument {name} is given twice");
        }
    }
    let (Some(view), Some(rows)) = (view, rows) else {
        return plan_err!(
            "{function} needs {} and {}: {function}('view', (SELECT …))",
            names[0],
            names[1]
        );
    };
    effect_plan(
        function,
        Arc::new(pushed(planner.scope(), push, &view, rows)?),
    )
}

fn pushed(
    scope: &FeastScope,
    push: Push,
    view: &ScalarValue,
    rows: LogicalPlan,
) -> Result<PushOnline> {
    let Some(Some(view)) = view.try_as_str() else {
        return plan_err!(
            "{}: view expects a name in quotes, found {view}",
            push.name()
        );
    };
    Ok(PushOnline {
        push,
        view: view.to_owned(),
        rows: Box::new(rows),
        scope: scope.clone(),
    })
}

fn effect_plan(name: &str, effect: Arc<dyn Effect>) -> Result<LogicalPlan> {
    let source = provider_as_source(Arc::new(OpTableProvider::new(effect)));
    LogicalPlanBuilder::scan(name, source, None)?.build()
}

/// `feast_online_lookup(features, keys, options)` by DataFusion's plain hook.
#[derive(Debug)]
pub(super) struct OnlineLookupFunction {
    pub(super) scope: FeastScope,
}

impl TableFunctionImpl for OnlineLookupFunction {
    fn call(&self, given: &[Expr]) -> Result<Arc<dyn TableProvider>> {
        let [Expr::Literal(features, _), keys, Expr::Literal(options, _)] = given else {
            return plan_err!(
                "{ONLINE_LOOKUP} expects exactly three positional arguments in this session, got {}: {ONLINE_LOOKUP}(features, keys, options), \
                 where keys is a list, a table's name or a file's path, and options a struct like {{'status': true}} or MAP {{}} for none; \
                 queries and named arguments need a session with the feature store's planner",
                given.len()
            );
        };
        let options = read_options(options)?;
        let lookup = wait(async {
            let keys = match keys {
                Expr::Literal(keys, _) => constant_keys(&self.scope, keys.clone()).await?,
                rows => LookupKeys::Rows(Box::new(entity_plan(&self.scope, rows).await?)),
            };
            online_lookup(&self.scope, features, keys, options).await
        })?;
        Ok(Arc::new(OpTableProvider::new(Arc::new(lookup))))
    }
}

/// `feast_write_online(view, rows)` and `feast_delete_online(view, keys)` by DataFusion's plain hook.
#[derive(Debug)]
pub(super) struct PushFunction {
    pub(super) scope: FeastScope,
    pub(super) push: Push,
}

impl TableFunctionImpl for PushFunction {
    fn call(&self, given: &[Expr]) -> Result<Arc<dyn TableProvider>> {
        let [Expr::Literal(view, _), rows] = given else {
            let (function, names) = (self.push.name(), self.push.parameters());
            return plan_err!(
                "{function} expects exactly two positional arguments in this session, got {}: {function}({}, {}), the second one a table's name \
                 or a file's path",
                given.len(),
                names[0],
                names[1]
            );
        };
        let rows = wait(entity_plan(&self.scope, rows))?;
        let push = pushed(&self.scope, self.push, view, rows)?;
        Ok(Arc::new(OpTableProvider::new(Arc::new(push))))
    }
}
