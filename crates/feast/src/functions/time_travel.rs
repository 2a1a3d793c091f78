// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Tables at another version: `t FOR VERSION AS OF …`, `t FOR TIMESTAMP AS OF …`.

use datafusion::common::{Result, TableReference, plan_err};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, Ident, TableFactor, TableFunctionArgs, TableVersion,
};
use feast_iceberg::SnapshotSelector;

use super::arguments::{Argument, arguments, literal};
use crate::ops::{milliseconds, version};
use crate::session::FeastScope;
use crate::statement::{TIMESTAMP_AS_OF, VERSION_AS_OF};

/// Plans a table at a version; gives anything else back.
pub(super) fn plan_version(
    scope: &FeastScope,
    relation: TableFactor,
    context: &mut dyn RelationPlannerContext,
) -> Result<RelationPlanning> {
    let TableFactor::Table {
        name,
        args,
        alias,
        version,
        ..
    } = &relation
    else {
        return Ok(RelationPlanning::Original(Box::new(relation)));
    };
    let Some(wanted) = wanted(version.as_ref(), args.as_ref(), context)? else {
        return Ok(RelationPlanning::Original(Box::new(relation)));
    };
    let table = context.object_name_to_table_reference(name.clone())?;
    let at = selector(scope, &table, wanted, context)?;
    let plan = at_version(&table, at, context)?;
    let alias = alias.clone();
    Ok(RelationPlanning::Planned(Box::new(PlannedRelation {
        plan,
        alias,
    })))
}

/// The version that a table factor asks for, as one argument.
fn wanted(
    version: Option<&TableVersion>,
    args: Option<&TableFunctionArgs>,
    context: &dyn RelationPlannerContext,
) -> Result<Option<Argument>> {
    let named = |name: &str, value: &Expr| Argument {
        name: Some(name.to_owned()),
        value: value.clone(),
    };
    match (version, args) {
        (None, None) => Ok(None),
        (Some(TableVersion::VersionAsOf(value)), None) => Ok(Some(named(VERSION_AS_OF, value))),
        (
            Some(TableVersion::TimestampAsOf(value) | TableVersion::ForSystemTimeAsOf(value)),
            None,
        ) => Ok(Some(named(TIMESTAMP_AS_OF, value))),
        (Some(other), _) => plan_err!(
            "{other} is not understood here; write FOR VERSION AS OF a snapshot id, branch or tag, or FOR TIMESTAMP AS OF an instant"
        ),
        (None, Some(call)) if call.args.iter().any(names_version) => {
            let mut given = arguments("a table", call, context)?;
            match (given.pop(), given.is_empty()) {
                (Some(argument), true) => Ok(Some(argument)),
                _ => plan_err!(
                    "a table takes one of {VERSION_AS_OF} and {TIMESTAMP_AS_OF}, and no other argument"
                ),
            }
        }
        (None, Some(_)) => Ok(None),
    }
}

fn names_version(argument: &FunctionArg) -> bool {
    let is = |name: &Ident| {
        [VERSION_AS_OF, TIMESTAMP_AS_OF]
            .iter()
            .any(|known| name.value.eq_ignore_ascii_case(known))
    };
    match argument {
        FunctionArg::Named { name, .. } => is(name),
        FunctionArg::ExprNamed {
            name: Expr::Identifier(name),
            ..
        } => is(name),
        _ => false,
    }
}

fn selector(
    scope: &FeastScope,
    table: &TableReference,
    Argument { name, value }: Argument,
    context: &mut dyn RelationPlannerContext,
) -> Result<SnapshotSelector> {
    let of = format!("table {table}");
    let name = name.unwrap_or_default();
    let value = literal(&of, &name, value, scope.now(), context)?;
    if name == TIMESTAMP_AS_OF {
        return Ok(SnapshotSelector::Timestamp(milliseconds(&of, &value)?));
    }
    version(&of, &value)
}

/// The scan of an Iceberg table at a version.
fn at_version(
    table: &TableReference,
    at: SnapshotSelector,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let source = context.context_provider().get_table_source(table.clone())?;
    let provider = source_as_provider(&source)?;
    let Some(iceberg) = feast_iceberg::at_version(provider.as_ref(), at)? else {
        return plan_err!(
            "table {table} has no versions to choose from: expected a table of an Iceberg catalog"
        );
    };
    let source = provider_as_source(iceberg);
    LogicalPlanBuilder::scan(table.clone(), source, None)?.build()
}
