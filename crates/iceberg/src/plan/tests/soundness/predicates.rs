// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Predicates of every shape that a query may have.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue as S;
use datafusion::functions::expr_fn::{abs, date_trunc, lower};
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, Like, Operator, TryCast};
use datafusion::prelude::{col, in_list, lit};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::draw::Column;

const COMPARISONS: [Operator; 8] = [
    Operator::Eq,
    Operator::NotEq,
    Operator::Lt,
    Operator::LtEq,
    Operator::Gt,
    Operator::GtEq,
    Operator::IsDistinctFrom,
    Operator::IsNotDistinctFrom,
];

/// A predicate over `columns`.
pub(super) fn draw(random: &mut StdRng, columns: &[Column], depth: usize) -> Expr {
    if depth == 0 || random.random_range(0..3) == 0 {
        let column = columns.choose(random).unwrap();
        return leaf(random, column);
    }
    let one = draw(random, columns, depth - 1);
    let other = draw(random, columns, depth - 1);
    match random.random_range(0..5) {
        0 | 1 => one.and(other),
        2 | 3 => one.or(other),
        _ => Expr::Not(Box::new(one)),
    }
}

fn compare(random: &mut StdRng, left: Expr, right: Expr) -> Expr {
    let op = *COMPARISONS.choose(random).unwrap();
    let (left, right) = match random.random_range(0..5) {
        0 => (right, left),
        _ => (left, right),
    };
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
}

fn leaf(random: &mut StdRng, column: &Column) -> Expr {
    let c = col(column.name);
    let value = |random: &mut StdRng| lit(column.value(random));
    match random.random_range(0..14) {
        0..=3 => {
            let value = value(random);
            compare(random, c, value)
        }
        4 => {
            let count = random.random_range(1..5);
            let list = (0..count).map(|_| value(random)).collect();
            in_list(c, list, random.random_range(0..4) == 0)
        }
        5 => long_list(random, column),
        6 => c.between(value(random), value(random)),
        7 => c.is_null(),
        8 => c.is_not_null(),
        9 | 10 => casted(random, column),
        11 => special(random, column),
        12 => {
            let (left, right) = (-c, value(random));
            compare(random, left, right)
        }
        _ => {
            let null = lit(column.null.clone());
            let list = vec![value(random), null, value(random)];
            in_list(c, list, random.random())
        }
    }
}

fn long_list(random: &mut StdRng, column: &Column) -> Expr {
    let count = random.random_range(21..60);
    let mut value = |at: i64| match column.value(random) {
        S::Int64(Some(v)) => S::Int64(Some(v.wrapping_add(at))),
        S::Int32(Some(v)) => S::Int32(Some(v.wrapping_add(at as i32))),
        S::TimestampMicrosecond(Some(v), zone) => S::TimestampMicrosecond(Some(v + at), zone),
        S::Utf8(Some(v)) => S::Utf8(Some(format!("{v}{}", "x".repeat(at as usize % 3)))),
        other => other,
    };
    let list = (0..count).map(|at| lit(value(at))).collect();
    in_list(col(column.name), list, random.random_range(0..6) == 0)
}

fn casted(random: &mut StdRng, column: &Column) -> Expr {
    let types = [
        DataType::Boolean,
        DataType::Int8,
        DataType::Int32,
        DataType::Int64,
        DataType::UInt8,
        DataType::Float32,
        DataType::Float64,
        DataType::Decimal128(20, 4),
        DataType::Decimal128(5, 0),
        DataType::Utf8,
        DataType::Utf8View,
        DataType::Date32,
        DataType::Time64(TimeUnit::Microsecond),
        DataType::Timestamp(TimeUnit::Second, None),
        DataType::Timestamp(TimeUnit::Nanosecond, None),
        DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        DataType::Timestamp(TimeUnit::Microsecond, Some("America/New_York".into())),
        DataType::Binary,
        DataType::LargeBinary,
    ];
    let to = types.choose(random).unwrap().clone();
    let value = column.value(random).cast_to(&to);
    let value = value.or_else(|_| S::try_new_null(&to)).unwrap();
    let c = col(column.name);
    let cast = match random.random_range(0..3) {
        0 => Expr::Cast(Cast::new(Box::new(c), to)),
        1 => Expr::TryCast(TryCast::new(Box::new(c), to)),
        _ => {
            let middle = DataType::Timestamp(TimeUnit::Microsecond, Some("Europe/Berlin".into()));
            let inner = Expr::TryCast(TryCast::new(Box::new(c), middle));
            Expr::TryCast(TryCast::new(Box::new(inner), to))
        }
    };
    compare(random, cast, lit(value))
}

/// What only some types have.
fn special(random: &mut StdRng, column: &Column) -> Expr {
    let c = col(column.name);
    match column.value(random) {
        S::Utf8(Some(text)) => pattern(random, column, &text),
        S::Boolean(_) => match random.random_range(0..4) {
            0 => c,
            1 => Expr::Not(Box::new(c)),
            2 => c.is_true(),
            _ => c.is_not_true(),
        },
        S::TimestampMicrosecond(v, zone) => {
            let value = lit(S::TimestampMicrosecond(v, zone));
            let unit = *["hour", "day", "month", "year"].choose(random).unwrap();
            compare(random, date_trunc(lit(unit), c), value)
        }
        value @ (S::Int32(_) | S::Int64(_)) => match random.random_range(0..2) {
            0 => compare(random, abs(c), lit(value)),
            _ => compare(random, c + lit(1), lit(value)),
        },
        value => compare(random, c, lit(value)),
    }
}

fn pattern(random: &mut StdRng, column: &Column, text: &str) -> Expr {
    let length = random.random_range(0..=text.chars().count());
    let prefix: String = text.chars().take(length).collect();
    let escaped = prefix
        .replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_");
    let pattern = match random.random_range(0..7) {
        0 => format!("{prefix}%"),
        1 => format!("{escaped}%"),
        2 => escaped,
        3 => format!("{prefix}_%"),
        4 => format!("%{prefix}"),
        5 => format!("{escaped}\\%%"),
        _ => format!("{prefix}%{}", text.chars().last().unwrap_or('x')),
    };
    let (negated, folded) = (
        random.random_range(0..4) == 0,
        random.random_range(0..5) == 0,
    );
    let c = match random.random_range(0..6) {
        0 => lower(col(column.name)),
        _ => col(column.name),
    };
    let pattern = Box::new(lit(pattern));
    Expr::Like(Like::new(negated, Box::new(c), pattern, None, folded))
}
