// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Calls of our table functions in FROM, with named arguments and queries.

use std::sync::Arc;

use datafusion::common::{Result, ScalarValue, TableReference, plan_err};
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{Expr, Extension, Limit, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::sql::sqlparser::ast::{self, ObjectName, TableFactor, TableFunctionArgs};

use super::PIT_JOIN;
use super::arguments::{Argument, arguments, folded, literal};
use super::name_entities::is_function;
use super::online::{ONLINE_LOOKUP, plan_online_lookup, plan_push};
use super::pit_join_function::{named_entities, read_options, scan};
use super::retrieval::plan_retrieval;
use super::time_travel::plan_version;
use crate::ddl::did_you_mean;
use crate::ops::pit_join::{Call, PitJoinRequest, pit_join};
use crate::ops::{FunctionSignature, Push, function_signatures};
use crate::session::{FeastScope, wait};

/// Plans `feast_…(…)` with arguments by name or position; `feast_pit_join` becomes a node of the plan around it.
#[derive(Debug)]
pub(crate) struct FeastRelationPlanner {
    scope: FeastScope,
}

impl FeastRelationPlanner {
    pub(crate) fn new(scope: FeastScope) -> Self {
        Self { scope }
    }

    fn plan_pit_join(
        &self,
        call: &TableFunctionArgs,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<LogicalPlan> {
        let options_of_join = Call::PitJoin.options();
        let mut values: [Option<ast::Expr>; 2] = [None, None];
        let mut options: Vec<(String, ScalarValue)> = Vec::new();
        for (at, Argument { name, value }) in
            arguments(PIT_JOIN, call, context)?.into_iter().enumerate()
        {
            let unnamed = name.is_none();
            let name = match (name, at) {
                (Some(name), _) => name,
                (None, 0) => "entities".to_owned(),
                (None, 1) => "features".to_owned(),
                (None, at) => match options_of_join.get(at - 2) {
                    Some(option) => (*option).to_owned(),
                    None => {
                        return plan_err!(
                            "feast_pit_join takes at most {} arguments",
                            options_of_join.len() + 2
                        );
                    }
                },
            };
            let place = match name.as_str() {
                "entities" => 0,
                "features" => 1,
                _ if unnamed && at == 2 && is_empty_struct(&value) => continue,
                _ => {
                    let value = literal(PIT_JOIN, &name, value, self.scope.now(), context)?;
                    let is_options = unnamed
                        && at == 2
                        && matches!(value, ScalarValue::Struct(_) | ScalarValue::Map(_));
                    if is_options {
                        options.extend(read_options(&value)?);
                    } else {
                        options.push((name, value));
                    }
                    continue;
                }
            };
            if values[place].replace(value).is_some() {
                return plan_err!("feast_pit_join: argument {name} is given twice");
            }
        }
        let [Some(entities), Some(features)] = values else {
            return plan_err!(
                "feast_pit_join needs entities and features: feast_pit_join(entities => (SELECT …), features => ['view:feature'])"
            );
        };
        let features = literal(PIT_JOIN, "features", features, self.scope.now(), context)?;
        let request = PitJoinRequest::try_new(Call::PitJoin, &features, &options)?;
        let entities = self.plan_entities(entities, context)?;
        let join = wait(pit_join(&self.scope, entities, &request))?;
        Ok(LogicalPlan::Extension(Extension {
            node: Arc::new(join),
        }))
    }

    pub(super) fn scope(&self) -> &FeastScope {
        &self.scope
    }

    /// The rows of an argument: a query, a table, or what a string names.
    pub(super) fn plan_entities(
        &self,
        entities: ast::Expr,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<LogicalPlan> {
        match entities {
            ast::Expr::Subquery(subquery) => plan_query(subquery, context),
            ast::Expr::Identifier(ident) => self.plan_named(ObjectName::from(vec![ident]), context),
            ast::Expr::CompoundIdentifier(parts) => {
                self.plan_named(ObjectName::from(parts), context)
            }
            other => {
                let name = literal(PIT_JOIN, "entities", other, self.scope.now(), context)?;
                wait(named_entities(&self.scope, &name))
            }
        }
    }

    /// A CTE of the statement, else a table of the session.
    fn plan_named(
        &self,
        name: ObjectName,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<LogicalPlan> {
        let reference: TableReference = context.object_name_to_table_reference(name.clone())?;
        let factor = TableFactor::Table {
            name,
            alias: None,
            args: None,
            with_hints: vec![],
            version: None,
            with_ordinality: false,
            partitions: vec![],
            json_path: None,
            sample: None,
            index_hints: vec![],
        };
        match context.plan(factor) {
            Ok(plan) => Ok(plan),
            Err(_) => wait(scan(&self.scope, reference)),
        }
    }

    /// A call of another function: arguments by name are put in their places, those left out get their defaults.
    fn plan_function(
        &self,
        signature: &FunctionSignature,
        call: &TableFunctionArgs,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<LogicalPlan> {
        let mut values: Vec<Option<Expr>> = vec![None; signature.parameters.len()];
        for (at, Argument { name, value }) in arguments(signature.name, call, context)?
            .into_iter()
            .enumerate()
        {
            let place = match &name {
                None if at < values.len() => at,
                None => {
                    return plan_err!(
                        "{} takes {} arguments, got {}: {}",
                        signature.name,
                        values.len(),
                        call.args.len(),
                        signature
                    );
                }
                Some(name) => match signature.parameters.iter().position(|p| p.name == name) {
                    Some(place) => place,
                    None => {
                        return plan_err!(
                            "{} has no argument {name}{}; expected {signature}",
                            signature.name,
                            did_you_mean(name, signature.parameters.iter().map(|p| p.name))
                        );
                    }
                },
            };
            if values[place]
                .replace(folded(value, self.scope.now(), context)?)
                .is_some()
            {
                return plan_err!(
                    "{}: argument {} is given twice",
                    signature.name,
                    signature.parameters[place].name
                );
            }
        }
        let mut arguments = Vec::with_capacity(values.len());
        for (value, parameter) in values.into_iter().zip(signature.parameters) {
            match (value, parameter.default()) {
                (Some(value), _) => arguments.push(value),
                (None, Some(default)) => arguments.push(lit(default)),
                (None, None) => {
                    return plan_err!(
                        "{} needs argument {}; expected {signature}",
                        signature.name,
                        parameter.name
                    );
                }
            }
        }
        let source = context
            .context_provider()
            .get_table_function_source(signature.name, arguments)?;
        LogicalPlanBuilder::scan(signature.name, source, None)?.build()
    }
}

/// Plans the entity query and keeps its ORDER BY.
///
/// DataFusion drops the sort of a subquery that no limit follows, since SQL promises no order there; the join does. So the query is
/// planned with a limit that no table reaches, which is then turned into one without a number: the optimizer removes it.
fn plan_query(
    mut query: Box<ast::Query>,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let sorted = query.order_by.is_some() && query.limit_clause.is_none() && query.fetch.is_none();
    if sorted {
        let rows = ast::Value::Number(i64::MAX.to_string(), false);
        query.limit_clause = Some(ast::LimitClause::LimitOffset {
            limit: Some(ast::Expr::Value(rows.into())),
            offset: None,
            limit_by: vec![],
        });
    }
    let plan = context.plan(TableFactor::Derived {
        lateral: false,
        subquery: query,
        alias: None,
        sample: None,
    })?;
    match plan {
        LogicalPlan::Limit(limit) if sorted => Ok(LogicalPlan::Limit(Limit {
            skip: None,
            fetch: None,
            input: limit.input,
        })),
        plan => Ok(plan),
    }
}

/// Whether it is the join or a retrieval, whose columns have no relation of their own.
fn takes_features(name: &ObjectName) -> bool {
    is_function(name, PIT_JOIN)
        || Call::RETRIEVALS
            .iter()
            .any(|call| is_function(name, call.name()))
}

/// The name of a function as a relation's.
fn function_name(name: &ObjectName) -> TableReference {
    TableReference::bare(name.to_string().to_ascii_lowercase())
}

/// `{}`: no options. DataFusion knows no struct without fields.
pub(super) fn is_empty_struct(value: &ast::Expr) -> bool {
    matches!(value, ast::Expr::Dictionary(fields) if fields.is_empty())
}

impl RelationPlanner for FeastRelationPlanner {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let relation = match plan_version(&self.scope, relation, context)? {
            RelationPlanning::Original(relation) => *relation,
            planned => return Ok(planned),
        };
        let TableFactor::Table {
            name,
            args: Some(call),
            alias,
            with_hints,
            version,
            with_ordinality,
            sample,
            ..
        } = &relation
        else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let retrieval = Call::RETRIEVALS
            .into_iter()
            .find(|retrieval| is_function(name, retrieval.name()));
        let mut pushes = Push::ALL.into_iter();
        let push = pushes.find(|push| is_function(name, push.name()));
        let plan = if is_function(name, PIT_JOIN) {
            self.plan_pit_join(call, context)?
        } else if is_function(name, ONLINE_LOOKUP) {
            plan_online_lookup(self, call, context)?
        } else if let Some(push) = push {
            plan_push(self, push, call, context)?
        } else if let Some(retrieval) = retrieval {
            plan_retrieval(&self.scope, retrieval, call, context)?
        } else if let Some(signature) = function_signatures()
            .iter()
            .find(|s| is_function(name, s.name))
        {
            self.plan_function(signature, call, context)?
        } else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let modified = !with_hints.is_empty()
            || version.is_some()
            || *with_ordinality
            || sample.is_some()
            || call.settings.is_some();
        if modified {
            return plan_err!(
                "{name}(…) takes no version, sample, hint, setting or ordinality; found {relation}"
            );
        }
        let alias = alias.clone();
        // Without a name a column could not be told from one of another call in the same statement.
        let plan = match alias.is_none() && takes_features(name) {
            true => LogicalPlanBuilder::from(plan)
                .alias(function_name(name))?
                .build()?,
            false => plan,
        };
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation {
            plan,
            alias,
        })))
    }
}
