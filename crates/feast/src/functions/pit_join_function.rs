// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `feast_pit_join` by DataFusion's plain hook: exactly three positional arguments.

use std::sync::Arc;

use datafusion::catalog::{TableFunctionImpl, TableProvider};
use datafusion::common::{Result, ScalarValue, TableReference, plan_err};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};

use super::PitJoinTable;
use crate::ops::pit_join::{Call, PitJoinRequest, entries, pit_join};
use crate::session::{FeastScope, is_path, wait};

/// `feast_pit_join(entities, features, options)`.
///
/// The hook drops arguments it does not understand without a word (named ones, queries of several columns), so a call is read in one
/// way only: a table's name or a file's path, the features, and a struct or map of options, `{}` if there are none.
#[derive(Debug)]
pub(super) struct PitJoinFunction {
    scope: FeastScope,
}

impl PitJoinFunction {
    pub(super) fn new(scope: FeastScope) -> Self {
        Self { scope }
    }
}

impl TableFunctionImpl for PitJoinFunction {
    fn call(&self, arguments: &[Expr]) -> Result<Arc<dyn TableProvider>> {
        let [entities, features, options] = arguments else {
            return plan_err!(
                "feast_pit_join expects exactly three positional arguments in this session, got {}: feast_pit_join(entities, features, \
                 options), where entities is a table's name or a file's path, features a list of references or a service, and options a \
                 struct like {{'full_feature_names': true}} or MAP {{}} for none; queries and named arguments need a session with the \
                 feature store's planner",
                arguments.len()
            );
        };
        let features = literal("features", features)?;
        let options = read_options(&literal("options", options)?)?;
        let request = PitJoinRequest::try_new(Call::PitJoin, &features, &options)?;
        let join = wait(async {
            let entities = entity_plan(&self.scope, entities).await?;
            pit_join(&self.scope, entities, &request).await
        })?;
        Ok(Arc::new(PitJoinTable::new(join)))
    }
}

/// The options of a struct or map; an empty list stands for an empty map.
pub(super) fn read_options(value: &ScalarValue) -> Result<Vec<(String, ScalarValue)>> {
    match value {
        value if value.is_null() => Ok(Vec::new()),
        ScalarValue::List(list) if list.value(0).is_empty() => Ok(Vec::new()),
        other => entries(other),
    }
}

fn literal(name: &str, argument: &Expr) -> Result<ScalarValue> {
    match argument {
        Expr::Literal(value, _) => Ok(value.clone()),
        other => plan_err!("feast_pit_join: {name} expects a constant, found {other}"),
    }
}

/// The rows of an argument: a table, a query, or what a string names.
pub(super) async fn entity_plan(scope: &FeastScope, entities: &Expr) -> Result<LogicalPlan> {
    match entities {
        Expr::Column(column) => {
            let table = match &column.relation {
                None => TableReference::bare(column.name.clone()),
                Some(TableReference::Bare { table }) => {
                    TableReference::partial(table.to_string(), column.name.clone())
                }
                Some(TableReference::Partial { schema, table }) => {
                    TableReference::full(schema.to_string(), table.to_string(), column.name.clone())
                }
                Some(other) => {
                    return plan_err!("feast_pit_join: {other}.{} is no table", column.name);
                }
            };
            scan(scope, table).await
        }
        Expr::ScalarSubquery(query) => Ok(query.subquery.as_ref().clone()),
        other => named_entities(scope, &literal("entities", other)?).await,
    }
}

/// The entities a string names: a file's path or a table.
pub(super) async fn named_entities(scope: &FeastScope, name: &ScalarValue) -> Result<LogicalPlan> {
    let Some(Some(text)) = name.try_as_str() else {
        return plan_err!(
            "feast_pit_join: entities expects a query (SELECT …), a table's name or a file's path, found {name}"
        );
    };
    if is_path(text) {
        let table = scope.path_tables().open(text).await?;
        return LogicalPlanBuilder::scan("entities", provider_as_source(table), None)?.build();
    }
    scan(scope, TableReference::parse_str(text)).await
}

pub(super) async fn scan(scope: &FeastScope, reference: TableReference) -> Result<LogicalPlan> {
    let table = scope.table(&reference).await?;
    LogicalPlanBuilder::scan(reference, provider_as_source(table), None)?.build()
}
