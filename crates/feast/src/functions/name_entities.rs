// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Entities named rather than queried.
//!
//! `feast_pit_join(orders, …)` and `feast_pit_join('orders.parquet', …)` become `feast_pit_join((SELECT * FROM …), …)` before
//! planning, so that DataFusion resolves the table, CTE, view or file as it does any other.

use std::ops::ControlFlow;

use datafusion::sql::parser::{CopyToSource, Statement};
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, TableFactor, Value, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::PIT_JOIN;
use crate::session::is_path;

/// Rewrites every call in a statement.
pub(crate) fn name_entities(statement: &mut Statement) {
    match statement {
        Statement::Statement(statement) => {
            let _ = statement.visit(&mut NameEntities);
        }
        Statement::Explain(explain) => name_entities(&mut explain.statement),
        Statement::CopyTo(copy) => {
            if let CopyToSource::Query(query) = &mut copy.source {
                let _ = query.visit(&mut NameEntities);
            }
        }
        _ => {}
    }
}

struct NameEntities;

impl VisitorMut for NameEntities {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table {
            name,
            args: Some(args),
            ..
        } = factor
            && is_function(name, PIT_JOIN)
            && let Some(entities) = entities(&mut args.args)
            && let Some(query) = as_query(entities)
        {
            *entities = query;
        }
        ControlFlow::Continue(())
    }
}

/// Whether a table factor's name is that of a function of ours.
pub(super) fn is_function(name: &ObjectName, function: &str) -> bool {
    match name.0.as_slice() {
        [part] => part
            .as_ident()
            .is_some_and(|ident| ident.value.eq_ignore_ascii_case(function)),
        _ => false,
    }
}

/// The argument called `entities`, or the first one without a name.
fn entities(arguments: &mut [FunctionArg]) -> Option<&mut Expr> {
    let is_entities = |name: &Ident| name.value.eq_ignore_ascii_case("entities");
    for (at, argument) in arguments.iter_mut().enumerate() {
        match argument {
            FunctionArg::Named {
                name,
                arg: FunctionArgExpr::Expr(value),
                ..
            } if is_entities(name) => {
                return Some(value);
            }
            FunctionArg::ExprNamed {
                name: Expr::Identifier(name),
                arg: FunctionArgExpr::Expr(value),
                ..
            } if is_entities(name) => {
                return Some(value);
            }
            FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) if at == 0 => return Some(value),
            _ => {}
        }
    }
    None
}

/// `(SELECT * FROM …)` over what an identifier or string names.
fn as_query(entities: &Expr) -> Option<Expr> {
    let table = match entities {
        Expr::Identifier(ident) => ident.to_string(),
        Expr::CompoundIdentifier(parts) => parts
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("."),
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) if is_path(text) => {
                Ident::with_quote('"', text.as_str()).to_string()
            }
            Value::SingleQuotedString(text) => text.clone(),
            _ => return None,
        },
        _ => return None,
    };
    let sql = format!("(SELECT * FROM {table})");
    let parsed = Parser::new(&GenericDialect {})
        .try_with_sql(&sql)
        .ok()?
        .parse_expr()
        .ok()?;
    matches!(parsed, Expr::Subquery(_)).then_some(parsed)
}
