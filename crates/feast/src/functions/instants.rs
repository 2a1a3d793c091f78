// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Placeholders for the instants of retrievals without entities.
//!
//! ```text
//!   PREPARE p AS … feast_snapshot_at(['v:f'], $1)       planned with NULL to find its errors
//!   EXECUTE p(TIMESTAMP '2025-01-31')                   planned with the value in its place
//! ```
//!
//! Which rows these functions read depends on the instants, exactly and in each source's own unit; so an instant is known when the
//! call is planned, and no expression of the plan stands for it.

use std::ops::ControlFlow;

use arrow::datatypes::TimeUnit;
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Statement, TableFactor, Value, VisitMut, VisitorMut,
    visit_expressions_mut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::name_entities::is_function;
use crate::ops::pit_join::Call;

/// Puts what `value` gives in the place of each placeholder that stands for an instant; tells whether there was any.
pub(crate) fn bind_instants(
    statement: &mut Statement,
    value: &dyn Fn(&str) -> Result<Expr>,
) -> Result<bool> {
    let mut bind = BindInstants {
        value,
        found: false,
    };
    match statement.visit(&mut bind) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(bind.found),
    }
}

/// How many values a statement's placeholders `$1`, `$2` … need.
pub(crate) fn placeholders(statement: &mut Statement) -> usize {
    let mut most = 0;
    let _ = visit_expressions_mut(statement, |expr| {
        if let Some(name) = placeholder(expr) {
            let number = name.trim_start_matches('$').parse::<usize>();
            most = most.max(number.unwrap_or(0));
        }
        ControlFlow::<()>::Continue(())
    });
    most
}

/// A value as it is written, so that planning gives it back: an instant, a text or NULL.
pub(crate) fn written(name: &str, value: &ScalarValue) -> Result<Expr> {
    if let Some(Some(text)) = value.try_as_str() {
        return Ok(Expr::Value(
            Value::SingleQuotedString(text.to_owned()).into(),
        ));
    }
    let timestamp = |value: i64, unit: TimeUnit, zone: &Option<_>| {
        let zone = match zone {
            Some(_) => r#"Some("UTC")"#,
            None => "None",
        };
        format!("arrow_cast({value}, 'Timestamp({unit:?}, {zone})')")
    };
    let text = match value {
        // Of a type that can be calculated with.
        null if null.is_null() => "arrow_cast(NULL, 'Timestamp(Nanosecond, None)')".to_owned(),
        ScalarValue::TimestampSecond(Some(v), zone) => timestamp(*v, TimeUnit::Second, zone),
        ScalarValue::TimestampMillisecond(Some(v), zone) => {
            timestamp(*v, TimeUnit::Millisecond, zone)
        }
        ScalarValue::TimestampMicrosecond(Some(v), zone) => {
            timestamp(*v, TimeUnit::Microsecond, zone)
        }
        ScalarValue::TimestampNanosecond(Some(v), zone) => {
            timestamp(*v, TimeUnit::Nanosecond, zone)
        }
        ScalarValue::Date32(Some(v)) => format!("arrow_cast(arrow_cast({v}, 'Int32'), 'Date32')"),
        ScalarValue::Date64(Some(v)) => format!("arrow_cast({v}, 'Date64')"),
        other => {
            return plan_err!(
                "{name} stands for an instant; expected one such as TIMESTAMP '2025-01-31T00:00:00Z', found {other} of type {}",
                other.data_type()
            );
        }
    };
    let parsed = Parser::new(&GenericDialect)
        .try_with_sql(&text)
        .and_then(|mut parser| parser.parse_expr());
    match parsed {
        Ok(expr) => Ok(expr),
        Err(error) => plan_err!("{name}: {text} cannot be read: {error}"),
    }
}

struct BindInstants<'a> {
    value: &'a dyn Fn(&str) -> Result<Expr>,
    found: bool,
}

impl VisitorMut for BindInstants<'_> {
    type Break = datafusion::common::DataFusionError;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Self::Break> {
        let TableFactor::Table {
            name,
            args: Some(args),
            ..
        } = factor
        else {
            return ControlFlow::Continue(());
        };
        let mut calls = Call::RETRIEVALS.into_iter();
        let Some(call) = calls.find(|call| is_function(name, call.name())) else {
            return ControlFlow::Continue(());
        };
        for (at, argument) in args.args.iter_mut().enumerate() {
            if let Some(instant) = instant(call, at, argument) {
                visit_expressions_mut(instant, |expr| self.bind(expr))?;
            }
        }
        ControlFlow::Continue(())
    }
}

impl BindInstants<'_> {
    fn bind(&mut self, expr: &mut Expr) -> ControlFlow<datafusion::common::DataFusionError> {
        if let Some(name) = placeholder(expr) {
            match (self.value)(name) {
                Ok(value) => *expr = value,
                Err(error) => return ControlFlow::Break(error),
            }
            self.found = true;
        }
        ControlFlow::Continue(())
    }
}

/// The argument's value if it is an instant of the call.
fn instant(call: Call, at: usize, argument: &mut FunctionArg) -> Option<&mut Expr> {
    let instants = call.parameters().get(1..)?;
    let value = match argument {
        FunctionArg::Named { name, arg, .. } => {
            let known = |known: &&&str| name.value.eq_ignore_ascii_case(known);
            instants.iter().find(known).map(|_| arg)?
        }
        FunctionArg::ExprNamed {
            name: Expr::Identifier(name),
            arg,
            ..
        } => {
            let known = |known: &&&str| name.value.eq_ignore_ascii_case(known);
            instants.iter().find(known).map(|_| arg)?
        }
        FunctionArg::Unnamed(arg) if (1..=instants.len()).contains(&at) => arg,
        _ => return None,
    };
    match value {
        FunctionArgExpr::Expr(expr) => Some(expr),
        _ => None,
    }
}

fn placeholder(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Placeholder(name) => Some(name),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(sql: &str, value: &ScalarValue) -> Result<String> {
        let mut statements = Parser::parse_sql(&GenericDialect, sql).unwrap();
        bind_instants(&mut statements[0], &|name| written(name, value))?;
        Ok(statements[0].to_string())
    }

    #[test]
    fn only_instants_are_bound() {
        let day = ScalarValue::from("2025-01-31");
        for (sql, expected) in [
            (
                "SELECT $1 FROM feast_snapshot_at(['v:f'], $1)",
                "SELECT $1 FROM feast_snapshot_at(['v:f'], '2025-01-31')",
            ),
            (
                "SELECT * FROM feast_all_versions(['v:f'], end => $2, start => $1, full_feature_names => $3)",
                "SELECT * FROM feast_all_versions(['v:f'], end => '2025-01-31', start => '2025-01-31', full_feature_names => $3)",
            ),
            (
                "SELECT * FROM feast_observed_times(['v:f'], $1 - INTERVAL '1 day', NULL)",
                "SELECT * FROM feast_observed_times(['v:f'], '2025-01-31' - INTERVAL '1 day', NULL)",
            ),
            (
                "SELECT * FROM feast_pit_join($1, $2, $3)",
                "SELECT * FROM feast_pit_join($1, $2, $3)",
            ),
        ] {
            assert_eq!(bound(sql, &day).unwrap(), expected);
        }
    }

    #[test]
    fn instants_are_written_exactly() {
        let nanos = ScalarValue::TimestampNanosecond(Some(-7), Some("+02:00".into()));
        let expected = r#"arrow_cast(-7, 'Timestamp(Nanosecond, Some("UTC"))')"#;
        assert_eq!(written("$1", &nanos).unwrap().to_string(), expected);
        let error = written("$1", &ScalarValue::from(7_i64)).unwrap_err();
        assert!(error.to_string().contains("$1 stands for an instant"));
    }

    #[test]
    fn placeholders_are_counted_everywhere() {
        let sql = "SELECT $2 FROM feast_snapshot_at(['v:f'], $3) WHERE a IN (SELECT $1)";
        let mut statements = Parser::parse_sql(&GenericDialect, sql).unwrap();
        assert_eq!(placeholders(&mut statements[0]), 3);
    }
}
