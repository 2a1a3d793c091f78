// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The part of a predicate that bounds can decide.
//!
//! DataFusion's `PruningPredicate` takes every cast between types that are no strings for one that
//! keeps the order of values, and a backslash in a pattern for a character like any other. What is
//! not decided rightly is left out here: it keeps every container.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CastColumnExpr, CastExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr,
    Literal, NegativeExpr, NotExpr, TryCastExpr, in_list,
};
use datafusion::physical_expr::simplifier::PhysicalExprSimplifier;
use datafusion::physical_expr::utils::collect_columns;

/// Longer lists are decided by their least and greatest value, too: DataFusion rewrites shorter
/// ones only.
const LONG_LIST: usize = 20;

/// A predicate that is true wherever `predicate` is, and of which bounds decide every part. None
/// when nothing is left.
pub(super) fn prunable(
    predicate: &Arc<dyn PhysicalExpr>,
    schema: &Schema,
) -> Option<Arc<dyn PhysicalExpr>> {
    part(predicate, false, schema)
}

/// The same of a part of a predicate, or of its negation.
fn part(
    predicate: &Arc<dyn PhysicalExpr>,
    negated: bool,
    schema: &Schema,
) -> Option<Arc<dyn PhysicalExpr>> {
    let any = predicate.as_any();
    if let Some(not) = any.downcast_ref::<NotExpr>() {
        return part(not.arg(), !negated, schema);
    }
    if let Some(binary) = any.downcast_ref::<BinaryExpr>() {
        let all = match binary.op() {
            Operator::And => Some(!negated),
            Operator::Or => Some(negated),
            _ => None,
        };
        if let Some(all) = all {
            let left = part(binary.left(), negated, schema);
            let right = part(binary.right(), negated, schema);
            return match (left, right) {
                (Some(left), Some(right)) => Some(joined(left, all, right)),
                (left, right) if all => left.or(right),
                _ => None,
            };
        }
    }
    if !decided(predicate, schema) {
        return None;
    }
    let leaf = match negated {
        true => negation(predicate, schema)?,
        false => Arc::clone(predicate),
    };
    let leaf = not_distinct(&leaf).unwrap_or(leaf);
    let leaf = folded(leaf, schema);
    match list_range(&leaf) {
        Some(range) => Some(joined(leaf, true, range)),
        None => Some(leaf),
    }
}

fn joined(
    left: Arc<dyn PhysicalExpr>,
    all: bool,
    right: Arc<dyn PhysicalExpr>,
) -> Arc<dyn PhysicalExpr> {
    let op = if all { Operator::And } else { Operator::Or };
    Arc::new(BinaryExpr::new(left, op, right))
}

/// What is true where `leaf` is false. Neither is where `leaf` is NULL.
fn negation(leaf: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Option<Arc<dyn PhysicalExpr>> {
    let any = leaf.as_any();
    if let Some(binary) = any.downcast_ref::<BinaryExpr>() {
        let (left, right) = (Arc::clone(binary.left()), Arc::clone(binary.right()));
        return Some(Arc::new(BinaryExpr::new(
            left,
            binary.op().negate()?,
            right,
        )));
    }
    if let Some(list) = any.downcast_ref::<InListExpr>() {
        let (expr, items) = (Arc::clone(list.expr()), list.list().to_vec());
        return in_list(expr, items, &!list.negated(), schema).ok();
    }
    if let Some(null) = any.downcast_ref::<IsNullExpr>() {
        return Some(Arc::new(IsNotNullExpr::new(Arc::clone(null.arg()))));
    }
    if let Some(known) = any.downcast_ref::<IsNotNullExpr>() {
        return Some(Arc::new(IsNullExpr::new(Arc::clone(known.arg()))));
    }
    if let Some(like) = any.downcast_ref::<LikeExpr>() {
        let (expr, pattern) = (Arc::clone(like.expr()), Arc::clone(like.pattern()));
        let (negated, folded) = (!like.negated(), like.case_insensitive());
        return Some(Arc::new(LikeExpr::new(negated, folded, expr, pattern)));
    }
    if any.is::<Column>() {
        return Some(Arc::new(NotExpr::new(Arc::clone(leaf))));
    }
    None
}

/// Evaluates what is constant and compares columns with literals of their own type, where every
/// cast keeps the order.
fn folded(leaf: Arc<dyn PhysicalExpr>, schema: &Schema) -> Arc<dyn PhysicalExpr> {
    let known = |column: &Column| {
        let field = schema.fields().get(column.index());
        field.is_some_and(|field| field.name() == column.name())
    };
    if !collect_columns(&leaf).iter().all(known) {
        return leaf;
    }
    let folded = PhysicalExprSimplifier::new(schema).simplify(Arc::clone(&leaf));
    folded.unwrap_or(leaf)
}

/// Being no other than a literal is being equal to it, or being NULL.
fn not_distinct(predicate: &Arc<dyn PhysicalExpr>) -> Option<Arc<dyn PhysicalExpr>> {
    let binary = predicate.as_any().downcast_ref::<BinaryExpr>()?;
    if *binary.op() != Operator::IsNotDistinctFrom {
        return None;
    }
    let is_literal = |expr: &Arc<dyn PhysicalExpr>| expr.as_any().is::<Literal>();
    let (value, literal) = match is_literal(binary.right()) {
        true => (binary.left(), binary.right()),
        false => (binary.right(), binary.left()),
    };
    let known = literal.as_any().downcast_ref::<Literal>()?;
    if known.value().is_null() {
        return Some(Arc::new(IsNullExpr::new(Arc::clone(value))));
    }
    let (value, literal) = (Arc::clone(value), Arc::clone(literal));
    Some(Arc::new(BinaryExpr::new(value, Operator::Eq, literal)))
}

/// Whether DataFusion's pruning decides `predicate` rightly by bounds.
pub(crate) fn decided(predicate: &Arc<dyn PhysicalExpr>, schema: &Schema) -> bool {
    let mut decided = true;
    let visited = predicate.apply(|expr| {
        let any = expr.as_any();
        let cast = |inner: &Arc<dyn PhysicalExpr>, to: &DataType| {
            inner
                .data_type(schema)
                .is_ok_and(|from| keeps_order(&from, to))
        };
        decided &= if let Some(it) = any.downcast_ref::<CastExpr>() {
            cast(it.expr(), it.cast_type())
        } else if let Some(it) = any.downcast_ref::<TryCastExpr>() {
            cast(it.expr(), it.cast_type())
        } else if let Some(it) = any.downcast_ref::<CastColumnExpr>() {
            cast(it.expr(), it.target_field().data_type())
        } else if let Some(it) = any.downcast_ref::<LikeExpr>() {
            plain_pattern(it.pattern())
        } else {
            // The negative of the least integer is not the greatest one.
            !any.is::<NegativeExpr>()
        };
        Ok(match decided {
            true => TreeNodeRecursion::Continue,
            false => TreeNodeRecursion::Stop,
        })
    });
    decided && visited.is_ok()
}

fn plain_pattern(pattern: &Arc<dyn PhysicalExpr>) -> bool {
    let literal = pattern.as_any().downcast_ref::<Literal>();
    let text = literal.and_then(|literal| literal.value().try_as_str().flatten());
    text.is_some_and(|text| !text.contains('\\'))
}

/// Whether bounds tell what a cast makes of values: it never makes a greater value a smaller one.
/// Where DataFusion compares the value before the cast instead, it makes no two values one, either.
fn keeps_order(from: &DataType, to: &DataType) -> bool {
    use DataType as T;
    let text = |t: &T| matches!(t, T::Utf8 | T::LargeUtf8 | T::Utf8View);
    let bytes = |t: &T| matches!(t, T::Binary | T::LargeBinary | T::BinaryView);
    let date = |t: &T| matches!(t, T::Date32 | T::Date64);
    let time = |t: &T| matches!(t, T::Time32(_) | T::Time64(_));
    if from == to || (text(from) && text(to)) || (bytes(from) && bytes(to)) {
        return true;
    }
    match (from, to) {
        (T::Timestamp(unit, zone), T::Timestamp(to_unit, to_zone)) => {
            let zoned = zone.is_some() && to_zone.is_some();
            to_unit >= unit && (zoned || (in_utc(zone) && in_utc(to_zone)))
        }
        (T::Timestamp(_, zone), other) | (other, T::Timestamp(_, zone)) if date(other) => {
            in_utc(zone)
        }
        (T::Timestamp(..) | T::Date32 | T::Time64(_), T::Int64) => true,
        (T::Int32 | T::Int64, T::Timestamp(..)) => true,
        (from, to) if time(from) && time(to) => true,
        (from, to) => match (digits(from), digits(to)) {
            (Some(Digits::Scaled(from)), Some(Digits::Scaled(to))) => from <= to,
            (Some(_), Some(_)) => true,
            _ => false,
        },
    }
}

/// How a number is written.
enum Digits {
    /// With so many digits after the point.
    Scaled(i8),
    Floating,
}

fn digits(number: &DataType) -> Option<Digits> {
    match number {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => Some(Digits::Scaled(*scale)),
        number if number.is_integer() => Some(Digits::Scaled(0)),
        number if number.is_floating() => Some(Digits::Floating),
        _ => None,
    }
}

fn in_utc(zone: &Option<Arc<str>>) -> bool {
    zone.as_ref().is_none_or(|zone| is_utc(zone))
}

fn is_utc(zone: &str) -> bool {
    zone.eq_ignore_ascii_case("utc") || matches!(zone, "Z" | "+00:00" | "+0000" | "+00")
}

/// For a long list of literals: between its least and its greatest value.
fn list_range(predicate: &Arc<dyn PhysicalExpr>) -> Option<Arc<dyn PhysicalExpr>> {
    let list = predicate.as_any().downcast_ref::<InListExpr>()?;
    if list.negated() || list.list().len() <= LONG_LIST {
        return None;
    }
    let mut range: Option<(&ScalarValue, &ScalarValue)> = None;
    for item in list.list() {
        let value = item.as_any().downcast_ref::<Literal>()?.value();
        if value.is_null() {
            continue;
        }
        let (least, greatest) = range.unwrap_or((value, value));
        let least = if value.partial_cmp(least)?.is_lt() {
            value
        } else {
            least
        };
        let greatest = if value.partial_cmp(greatest)?.is_gt() {
            value
        } else {
            greatest
        };
        range = Some((least, greatest));
    }
    let (least, greatest) = range?;
    let compare = |op, value: &ScalarValue| -> Arc<dyn PhysicalExpr> {
        let value = Arc::new(Literal::new(value.clone()));
        Arc::new(BinaryExpr::new(Arc::clone(list.expr()), op, value))
    };
    let least = compare(Operator::GtEq, least);
    Some(joined(least, true, compare(Operator::LtEq, greatest)))
}
