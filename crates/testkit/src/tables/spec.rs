// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Partition specs and their transforms.

use serde_json::{Value as Json, json};

use super::datum::Datum;
use super::single::{bytes, minimal, murmur3};
use super::types::Type;

/// How a partition field comes from its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transform {
    /// `identity`
    Identity,
    /// `bucket[N]`
    Bucket(u32),
    /// `truncate[W]`
    Truncate(u32),
    /// `year`
    Year,
    /// `month`
    Month,
    /// `day`
    Day,
    /// `hour`
    Hour,
    /// `void`
    Void,
}

/// A field of a partition spec.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionField {
    /// The column.
    pub source_id: i32,
    /// The column's type when the field was added.
    pub source: Type,
    /// What the field is known by.
    pub id: i32,
    /// What the field is called.
    pub name: String,
    /// The transform.
    pub transform: Transform,
}

/// A partition spec.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionSpec {
    /// What it is known by.
    pub id: i32,
    /// Its fields.
    pub fields: Vec<PartitionField>,
}

impl PartitionSpec {
    /// Whether its delete files hold for the whole table.
    pub fn is_unpartitioned(&self) -> bool {
        let mut fields = self.fields.iter();
        fields.all(|field| field.transform == Transform::Void)
    }

    pub(super) fn json(&self) -> Json {
        json!({"spec-id": self.id, "fields": self.fields_json()})
    }

    pub(super) fn fields_json(&self) -> Json {
        let field = |field: &PartitionField| {
            json!({
                "source-id": field.source_id,
                "field-id": field.id,
                "name": field.name,
                "transform": field.transform.to_string(),
            })
        };
        self.fields.iter().map(field).collect()
    }
}

impl Transform {
    /// Whether it can be applied to a type.
    pub fn takes(self, ty: &Type) -> bool {
        let nested = matches!(ty, Type::Struct(_) | Type::List(_) | Type::Map(..));
        let instant = matches!(
            ty,
            Type::Timestamp | Type::Timestamptz | Type::TimestampNs | Type::TimestamptzNs
        );
        match self {
            Self::Identity | Self::Void => !nested,
            Self::Bucket(_) => !nested && !matches!(ty, Type::Boolean | Type::Float | Type::Double),
            Self::Truncate(_) => matches!(
                ty,
                Type::Int | Type::Long | Type::Decimal(..) | Type::Text | Type::Binary
            ),
            Self::Year | Self::Month | Self::Day => instant || *ty == Type::Date,
            Self::Hour => instant,
        }
    }

    /// The type of its values.
    pub fn result(self, ty: &Type) -> Type {
        match self {
            Self::Identity | Self::Truncate(_) | Self::Void => ty.clone(),
            Self::Bucket(_) | Self::Year | Self::Month | Self::Hour => Type::Int,
            Self::Day => Type::Date,
        }
    }

    /// Its value for a column's value.
    pub fn apply(self, value: &Datum, ty: &Type) -> Datum {
        if value.is_null() {
            return Datum::Null;
        }
        match self {
            Self::Identity => value.clone(),
            Self::Void => Datum::Null,
            Self::Bucket(count) => Datum::Int(bucket(value, ty, count)),
            Self::Truncate(width) => truncate(value, i64::from(width)),
            Self::Year => Datum::Int(i64::from(months(value, ty).div_euclid(12))),
            Self::Month => Datum::Int(i64::from(months(value, ty))),
            Self::Day => Datum::Int(micros(value, ty).div_euclid(86_400_000_000)),
            Self::Hour => Datum::Int(micros(value, ty).div_euclid(3_600_000_000)),
        }
    }
}

fn bucket(value: &Datum, ty: &Type, count: u32) -> i64 {
    let hashed = match (value, ty) {
        (Datum::Int(nanos), Type::TimestampNs | Type::TimestamptzNs) => {
            nanos.div_euclid(1000).to_le_bytes().to_vec()
        }
        (Datum::Int(value), _) => value.to_le_bytes().to_vec(),
        (Datum::Decimal(value), _) => minimal(*value),
        (value, ty) => bytes(value, ty).unwrap_or_default(),
    };
    i64::from((murmur3(&hashed) & 0x7fff_ffff) % count)
}

fn truncate(value: &Datum, width: i64) -> Datum {
    match value {
        Datum::Int(value) => Datum::Int(value - value.rem_euclid(width)),
        Datum::Decimal(value) => Datum::Decimal(value - value.rem_euclid(width.into())),
        Datum::Text(text) => Datum::Text(text.chars().take(width as usize).collect()),
        Datum::Bytes(bytes) => Datum::Bytes(bytes.iter().copied().take(width as usize).collect()),
        other => other.clone(),
    }
}

fn micros(value: &Datum, ty: &Type) -> i64 {
    match (value, ty) {
        (Datum::Int(days), Type::Date) => days * 86_400_000_000,
        (Datum::Int(nanos), Type::TimestampNs | Type::TimestamptzNs) => nanos.div_euclid(1000),
        (Datum::Int(micros), _) => *micros,
        _ => 0,
    }
}

/// Months since 1970-01.
fn months(value: &Datum, ty: &Type) -> i32 {
    use chrono::Datelike;
    let time = chrono::DateTime::from_timestamp_micros(micros(value, ty)).unwrap_or_default();
    (time.year() - 1970) * 12 + time.month0() as i32
}

impl std::fmt::Display for Transform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Identity => f.write_str("identity"),
            Self::Bucket(count) => write!(f, "bucket[{count}]"),
            Self::Truncate(width) => write!(f, "truncate[{width}]"),
            Self::Year => f.write_str("year"),
            Self::Month => f.write_str("month"),
            Self::Day => f.write_str("day"),
            Self::Hour => f.write_str("hour"),
            Self::Void => f.write_str("void"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_1970_are_rounded_down() {
        let at =
            |transform: Transform, value| transform.apply(&Datum::Int(value), &Type::Timestamp);
        assert!(at(Transform::Hour, -1).same(&Datum::Int(-1)));
        assert!(at(Transform::Day, -1).same(&Datum::Int(-1)));
        assert!(at(Transform::Month, -1).same(&Datum::Int(-1)));
        assert!(at(Transform::Year, -1).same(&Datum::Int(-1)));
        let truncated = Transform::Truncate(10).apply(&Datum::Int(-1), &Type::Int);
        assert!(truncated.same(&Datum::Int(-10)));
    }
}
