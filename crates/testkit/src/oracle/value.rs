// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! One cell of a table, free of its physical type.

use std::cmp::Ordering;
use std::fmt;

/// One cell. Integers of every width are one kind of value, and so are strings of every layout,
/// so that equality of two values is equality as the join's rules mean it.
#[derive(Debug, Clone)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer of any width and signedness.
    Int(i128),
    /// A float of any width.
    Float(f64),
    /// A decimal: `unscaled / 10^scale`.
    Decimal(i128, i8),
    /// A string.
    Str(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A calendar day, counted from 1970-01-01.
    Date(i64),
    /// An instant, in nanoseconds from 1970-01-01T00:00:00Z.
    Instant(i128),
    /// A list of any layout.
    List(Vec<Self>),
    /// A struct: its fields in order.
    Struct(Vec<(String, Self)>),
    /// A map: its entries, sorted by key.
    Map(Vec<(Self, Self)>),
}

impl Value {
    /// Is this NULL?
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Are two key parts equal? NULL equals nothing, not even NULL.
    pub fn equals_as_key(&self, other: &Self) -> bool {
        !self.is_null() && !other.is_null() && self.order(other) == Ordering::Equal
    }

    /// The order that decides an exact tie: NULL lowest, NaN greatest and equal to NaN, `-0.0`
    /// below `0.0`, nested values element by element (a list that ends first is the lower one).
    pub fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Null, Self::Null) => Ordering::Equal,
            (Self::Null, _) => Ordering::Less,
            (_, Self::Null) => Ordering::Greater,
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => float_order(*a, *b),
            (Self::Decimal(a, s), Self::Decimal(b, t)) => decimal_order((*a, *s), (*b, *t)),
            (Self::Str(a), Self::Str(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Self::Bytes(a), Self::Bytes(b)) => a.cmp(b),
            (Self::Date(a), Self::Date(b)) => a.cmp(b),
            (Self::Instant(a), Self::Instant(b)) => a.cmp(b),
            (Self::List(a), Self::List(b)) => order_all(a, b),
            (Self::Struct(a), Self::Struct(b)) => {
                let parts = a.iter().zip(b).map(|((_, x), (_, y))| x.order(y));
                first_difference(parts).then(a.len().cmp(&b.len()))
            }
            (Self::Map(a), Self::Map(b)) => {
                let parts = a
                    .iter()
                    .zip(b)
                    .map(|((k, v), (l, w))| k.order(l).then(v.order(w)));
                first_difference(parts).then(a.len().cmp(&b.len()))
            }
            (a, b) => a.kind().cmp(&b.kind()),
        }
    }

    /// Values of different kinds never meet in one column; this only keeps the order total.
    fn kind(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Int(_) => 2,
            Self::Float(_) => 3,
            Self::Decimal(..) => 4,
            Self::Str(_) => 5,
            Self::Bytes(_) => 6,
            Self::Date(_) => 7,
            Self::Instant(_) => 8,
            Self::List(_) => 9,
            Self::Struct(_) => 10,
            Self::Map(_) => 11,
        }
    }
}

/// Exact equality of answers: `-0.0` differs from `0.0`, NaN equals NaN, NULL equals NULL.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.order(other) == Ordering::Equal
    }
}

impl Eq for Value {}

/// The order of two lists of values: element by element, then by length.
pub(super) fn order_all(a: &[Value], b: &[Value]) -> Ordering {
    first_difference(a.iter().zip(b).map(|(x, y)| x.order(y))).then(a.len().cmp(&b.len()))
}

fn first_difference(mut parts: impl Iterator<Item = Ordering>) -> Ordering {
    parts.find(|part| part.is_ne()).unwrap_or(Ordering::Equal)
}

fn float_order(a: f64, b: f64) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => a.total_cmp(&b),
    }
}

fn decimal_order(a: (i128, i8), b: (i128, i8)) -> Ordering {
    let scale = a.1.max(b.1);
    let lift = |(unscaled, own): (i128, i8)| {
        10_i128
            .checked_pow((scale - own) as u32)
            .and_then(|factor| unscaled.checked_mul(factor))
    };
    match (lift(a), lift(b)) {
        (Some(x), Some(y)) => x.cmp(&y),
        // One of them is too large to be written at the other's scale: its sign and size decide.
        (None, _) => 0.cmp(&-a.0.signum()),
        (_, None) => 0.cmp(&b.0.signum()),
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Bool(v) => write!(f, "{v}"),
            Self::Int(v) => write!(f, "{v}"),
            Self::Float(v) => write!(f, "{v:?}"),
            Self::Decimal(v, scale) => write!(f, "{v}e-{scale}"),
            Self::Str(v) => write!(f, "{v:?}"),
            Self::Bytes(v) => {
                f.write_str("0x")?;
                v.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Self::Date(v) => write!(f, "day {v}"),
            Self::Instant(v) => write_instant(f, *v),
            Self::List(v) => write_joined(f, "[", v.iter().map(ToString::to_string), "]"),
            Self::Struct(v) => write_joined(
                f,
                "{",
                v.iter().map(|(name, v)| format!("{name}: {v}")),
                "}",
            ),
            Self::Map(v) => write_joined(
                f,
                "{",
                v.iter().map(|(key, v)| format!("{key} => {v}")),
                "}",
            ),
        }
    }
}

fn write_joined(
    f: &mut fmt::Formatter<'_>,
    open: &str,
    parts: impl Iterator<Item = String>,
    close: &str,
) -> fmt::Result {
    write!(f, "{open}{}{close}", parts.collect::<Vec<_>>().join(", "))
}

fn write_instant(f: &mut fmt::Formatter<'_>, nanos: i128) -> fmt::Result {
    let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).ok();
    let rest = nanos.rem_euclid(1_000_000_000) as u32;
    match seconds.and_then(|s| chrono::DateTime::from_timestamp(s, rest)) {
        Some(time) => write!(f, "{}", time.format("%Y-%m-%dT%H:%M:%S%.fZ")),
        None => write!(f, "{nanos}ns"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_by_value() {
        let ascending = [
            Value::Null,
            Value::Float(f64::NEG_INFINITY),
            Value::Float(-0.0),
            Value::Float(0.0),
            Value::Float(f64::INFINITY),
            Value::Float(f64::NAN),
        ];
        for (i, low) in ascending.iter().enumerate() {
            assert_eq!(low, low);
            for high in &ascending[i + 1..] {
                assert_eq!(low.order(high), Ordering::Less, "{low} {high}");
                assert_eq!(high.order(low), Ordering::Greater, "{high} {low}");
            }
        }
        assert_eq!(Value::Float(f64::NAN), Value::Float(-f64::NAN));
    }

    #[test]
    fn nested_values_are_compared_element_by_element() {
        let list = |items: &[i128]| Value::List(items.iter().map(|i| Value::Int(*i)).collect());
        assert_eq!(list(&[1, 2]).order(&list(&[1, 3])), Ordering::Less);
        assert_eq!(list(&[1]).order(&list(&[1, 0])), Ordering::Less);
        assert_eq!(list(&[]).order(&Value::Null), Ordering::Greater);
        let with_null = Value::List(vec![Value::Null]);
        assert_eq!(with_null.order(&list(&[-5])), Ordering::Less);
        assert_eq!(with_null.order(&list(&[])), Ordering::Greater);
    }

    #[test]
    fn decimals_are_compared_across_scales() {
        assert_eq!(Value::Decimal(150, 2), Value::Decimal(15, 1));
        assert_eq!(
            Value::Decimal(-150, 2).order(&Value::Decimal(15, 1)),
            Ordering::Less
        );
        let huge = Value::Decimal(i128::MAX, 0);
        assert_eq!(huge.order(&Value::Decimal(1, 3)), Ordering::Greater);
        assert_eq!(Value::Decimal(1, 3).order(&huge), Ordering::Less);
        assert_eq!(
            Value::Decimal(i128::MIN, 0).order(&Value::Decimal(1, 3)),
            Ordering::Less
        );
    }

    #[test]
    fn null_is_no_key() {
        assert!(!Value::Null.equals_as_key(&Value::Null));
        assert!(Value::Int(3).equals_as_key(&Value::Int(3)));
        assert!(!Value::Int(3).equals_as_key(&Value::Str("3".into())));
    }
}
