// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A value of a column, and what another schema makes of it.

use std::cmp::Ordering;

use chrono::DateTime;
use serde_json::{Value as Json, json};

use super::types::{Field, Type};

/// A value, whose type is its field's.
#[derive(Debug, Clone)]
pub enum Datum {
    /// NULL
    Null,
    /// Of `boolean`.
    Bool(bool),
    /// Of `int`, `long`, `date`, `time` and the timestamps, in their own units.
    Int(i64),
    /// Of `float`.
    Float(f32),
    /// Of `double`.
    Double(f64),
    /// Of `decimal`, without its scale.
    Decimal(i128),
    /// Of `string`.
    Text(String),
    /// Of `uuid`, `fixed` and `binary`.
    Bytes(Vec<u8>),
    /// Of a struct: values by field id.
    Struct(Vec<(i32, Datum)>),
    /// Of a list.
    List(Vec<Datum>),
    /// Of a map.
    Map(Vec<(Datum, Datum)>),
}

impl Datum {
    /// Whether it is NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether it is a float that is no number.
    pub fn is_nan(&self) -> bool {
        match self {
            Self::Float(value) => value.is_nan(),
            Self::Double(value) => value.is_nan(),
            _ => false,
        }
    }

    /// The order of two values of one primitive type; `-0.0` is below `0.0`, NaN is greatest.
    pub fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Null, Self::Null) => Ordering::Equal,
            (Self::Null, _) => Ordering::Less,
            (_, Self::Null) => Ordering::Greater,
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => a.total_cmp(b),
            (Self::Double(a), Self::Double(b)) => a.total_cmp(b),
            (Self::Decimal(a), Self::Decimal(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Self::Bytes(a), Self::Bytes(b)) => a.cmp(b),
            (a, b) => format!("{a:?}").cmp(&format!("{b:?}")),
        }
    }

    /// Whether two values of one type are the same; NULL is the same as NULL.
    pub fn same(&self, other: &Self) -> bool {
        self.order(other) == Ordering::Equal
    }

    /// The value read as `ty`: promoted, structs by field id, what is missing by its default.
    pub fn read_as(&self, ty: &Type) -> Self {
        match (self, ty) {
            (Self::Float(value), Type::Double) => Self::Double((*value).into()),
            (Self::Struct(values), Type::Struct(fields)) => {
                let read = |field: &Field| {
                    let value = values.iter().find(|(id, _)| *id == field.id);
                    (field.id, field.read(value.map(|(_, value)| value)))
                };
                Self::Struct(fields.iter().map(read).collect())
            }
            (Self::List(items), Type::List(element)) => {
                Self::List(items.iter().map(|item| item.read_as(&element.ty)).collect())
            }
            (Self::Map(entries), Type::Map(key, value)) => {
                let read = |(k, v): &(Self, Self)| (k.read_as(&key.ty), v.read_as(&value.ty));
                Self::Map(entries.iter().map(read).collect())
            }
            (same, _) => same.clone(),
        }
    }

    /// The value of a field inside a struct, None where the struct was written without it.
    pub fn inside(&self, id: i32) -> Option<&Self> {
        match self {
            Self::Struct(values) => {
                let found = values.iter().find(|(field, _)| *field == id);
                found.map(|(_, value)| value)
            }
            _ => Some(&Self::Null),
        }
    }

    /// The value as schemas write defaults.
    pub(super) fn json(&self, ty: &Type) -> Json {
        match (self, ty) {
            (Self::Bool(value), _) => json!(value),
            (Self::Float(value), _) => json!(value),
            (Self::Double(value), _) => json!(value),
            (Self::Text(value), _) => json!(value),
            (Self::Decimal(value), Type::Decimal(_, scale)) => json!(decimal(*value, *scale)),
            (Self::Int(value), Type::Date) => json!(instant(*value * 86_400_000_000, "%Y-%m-%d")),
            (Self::Int(value), Type::Timestamp) => json!(instant(*value, "%Y-%m-%dT%H:%M:%S%.6f")),
            (Self::Int(value), Type::Timestamptz) => {
                json!(instant(*value, "%Y-%m-%dT%H:%M:%S%.6f+00:00"))
            }
            (Self::Int(value), _) => json!(value),
            _ => Json::Null,
        }
    }
}

impl PartialEq for Datum {
    fn eq(&self, other: &Self) -> bool {
        self.same(other)
    }
}

impl Field {
    /// What is read of a file's value, None where the file lacks the field.
    pub fn read(&self, value: Option<&Datum>) -> Datum {
        match value {
            Some(value) => value.read_as(&self.ty),
            None => self.default.clone().unwrap_or(Datum::Null),
        }
    }
}

fn instant(micros: i64, format: &str) -> String {
    let time = DateTime::from_timestamp_micros(micros).unwrap_or_default();
    time.format(format).to_string()
}

fn decimal(unscaled: i128, scale: u8) -> String {
    let digits = format!("{:0>1$}", unscaled.unsigned_abs(), usize::from(scale) + 1);
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
    let sign = if unscaled < 0 { "-" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}
