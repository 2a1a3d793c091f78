// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Types, fields and schemas, as table metadata writes them and as Arrow holds them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field as ArrowField, Fields, TimeUnit};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;
use serde_json::{Value as Json, json};

use super::datum::Datum;

/// An Iceberg type.
#[derive(Debug, Clone, PartialEq)]
pub enum Type {
    /// `boolean`
    Boolean,
    /// `int`
    Int,
    /// `long`
    Long,
    /// `float`
    Float,
    /// `double`
    Double,
    /// `decimal(P,S)`
    Decimal(u8, u8),
    /// `date`
    Date,
    /// `time`
    Time,
    /// `timestamp`
    Timestamp,
    /// `timestamptz`
    Timestamptz,
    /// `timestamp_ns`
    TimestampNs,
    /// `timestamptz_ns`
    TimestamptzNs,
    /// `string`
    Text,
    /// `uuid`
    Uuid,
    /// `fixed[L]`
    Fixed(usize),
    /// `binary`
    Binary,
    /// `struct`
    Struct(Vec<Field>),
    /// `list`, of its element
    List(Box<Field>),
    /// `map`, of its key and value
    Map(Box<Field>, Box<Field>),
}

/// A field of a schema, a struct, a list or a map.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// What it is known by.
    pub id: i32,
    /// What it is called.
    pub name: String,
    /// Whether it has a value in every row.
    pub required: bool,
    /// Its type.
    pub ty: Type,
    /// `initial-default` and `write-default`
    pub default: Option<Datum>,
}

/// A schema of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// What it is known by.
    pub id: i32,
    /// The columns in order.
    pub fields: Vec<Field>,
}

impl Field {
    /// An optional field.
    pub fn optional(id: i32, name: impl Into<String>, ty: Type) -> Self {
        Self {
            id,
            name: name.into(),
            required: false,
            ty,
            default: None,
        }
    }

    /// A required field.
    pub fn required(id: i32, name: impl Into<String>, ty: Type) -> Self {
        Self {
            required: true,
            ..Self::optional(id, name, ty)
        }
    }

    /// The field with a default for rows written before it was added.
    #[must_use]
    pub fn with_default(self, default: Datum) -> Self {
        Self {
            default: Some(default),
            ..self
        }
    }

    /// The fields directly below.
    pub fn children(&self) -> Vec<&Self> {
        match &self.ty {
            Type::Struct(fields) => fields.iter().collect(),
            Type::List(element) => vec![element],
            Type::Map(key, value) => vec![key, value],
            _ => Vec::new(),
        }
    }

    /// Whether there is nothing below.
    pub fn is_primitive(&self) -> bool {
        self.children().is_empty() && !matches!(self.ty, Type::Struct(_))
    }

    /// The field as Arrow holds it; with `ids` each level carries its field id.
    pub fn arrow(&self, ids: bool) -> ArrowField {
        let field = ArrowField::new(&self.name, self.ty.arrow(ids), !self.required);
        if !ids {
            return field;
        }
        let id = (PARQUET_FIELD_ID_META_KEY.to_owned(), self.id.to_string());
        field.with_metadata(HashMap::from([id]))
    }

    fn json(&self) -> Json {
        let mut field = json!({
            "id": self.id,
            "name": self.name,
            "required": self.required,
            "type": self.ty.json(),
        });
        if let Some(default) = &self.default {
            field["initial-default"] = default.json(&self.ty);
            field["write-default"] = default.json(&self.ty);
        }
        field
    }
}

impl Schema {
    /// The schema as table metadata and manifests write it.
    pub fn json(&self) -> Json {
        json!({
            "type": "struct",
            "schema-id": self.id,
            "fields": self.fields.iter().map(Field::json).collect::<Vec<_>>(),
        })
    }

    /// The field of an id at any depth, with the ids of the fields above it.
    pub fn find(&self, id: i32) -> Option<(Vec<i32>, &Field)> {
        fn below<'a>(fields: &[&'a Field], id: i32) -> Option<(Vec<i32>, &'a Field)> {
            for &field in fields {
                if field.id == id {
                    return Some((Vec::new(), field));
                }
                if let Some((mut above, found)) = below(&field.children(), id) {
                    above.insert(0, field.id);
                    return Some((above, found));
                }
            }
            None
        }
        below(&self.fields.iter().collect::<Vec<_>>(), id)
    }

    /// The column of an id.
    pub fn column(&self, id: i32) -> Option<&Field> {
        self.fields.iter().find(|field| field.id == id)
    }
}

impl Type {
    /// The type as Arrow holds it.
    pub fn arrow(&self, ids: bool) -> DataType {
        let utc = || Some(Arc::from("UTC"));
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Int => DataType::Int32,
            Self::Long => DataType::Int64,
            Self::Float => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Decimal(precision, scale) => DataType::Decimal128(*precision, *scale as i8),
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Timestamptz => DataType::Timestamp(TimeUnit::Microsecond, utc()),
            Self::TimestampNs => DataType::Timestamp(TimeUnit::Nanosecond, None),
            Self::TimestamptzNs => DataType::Timestamp(TimeUnit::Nanosecond, utc()),
            Self::Text => DataType::Utf8,
            Self::Uuid => DataType::FixedSizeBinary(16),
            Self::Fixed(length) => DataType::FixedSizeBinary(*length as i32),
            Self::Binary => DataType::Binary,
            Self::Struct(fields) => {
                DataType::Struct(fields.iter().map(|field| field.arrow(ids)).collect())
            }
            Self::List(element) => DataType::List(Arc::new(element.arrow(ids))),
            Self::Map(key, value) => {
                let entry: Fields = vec![key.arrow(ids), value.arrow(ids)].into();
                let entry = ArrowField::new("key_value", DataType::Struct(entry), false);
                DataType::Map(Arc::new(entry), false)
            }
        }
    }

    fn json(&self) -> Json {
        match self {
            Self::Struct(fields) => json!({
                "type": "struct",
                "fields": fields.iter().map(Field::json).collect::<Vec<_>>(),
            }),
            Self::List(element) => json!({
                "type": "list",
                "element-id": element.id,
                "element-required": element.required,
                "element": element.ty.json(),
            }),
            Self::Map(key, value) => json!({
                "type": "map",
                "key-id": key.id,
                "key": key.ty.json(),
                "value-id": value.id,
                "value-required": value.required,
                "value": value.ty.json(),
            }),
            primitive => json!(primitive.to_string()),
        }
    }
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self {
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Decimal(precision, scale) => return write!(f, "decimal({precision}, {scale})"),
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::Timestamptz => "timestamptz",
            Self::TimestampNs => "timestamp_ns",
            Self::TimestamptzNs => "timestamptz_ns",
            Self::Text => "string",
            Self::Uuid => "uuid",
            Self::Fixed(length) => return write!(f, "fixed[{length}]"),
            Self::Binary => "binary",
            Self::Struct(fields) => {
                let fields: Vec<_> = fields.iter().map(ToString::to_string).collect();
                return write!(f, "struct<{}>", fields.join(", "));
            }
            Self::List(element) => return write!(f, "list<{element}>"),
            Self::Map(key, value) => return write!(f, "map<{key}, {value}>"),
        };
        f.write_str(name)
    }
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{:?} {}", self.id, self.name, self.ty)?;
        if self.required {
            f.write_str(" required")?;
        }
        match &self.default {
            Some(default) => write!(f, " default {default:?}"),
            None => Ok(()),
        }
    }
}
