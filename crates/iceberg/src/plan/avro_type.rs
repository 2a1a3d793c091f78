// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The types that an Avro file was written with. Fields are found by Iceberg's field ids, so that
//! neither their order nor their names matter.

use std::cell::Cell;
use std::collections::HashMap;

use serde_json::{Map, Value};

use super::avro::{Cursor, damaged};
use crate::error::Result;

/// Types within types, at most.
const DEPTH: usize = 32;
/// Types in a schema, at most: a name may stand for a type that has two of another name, and so on.
const TYPES: usize = 100_000;

/// What a type's bytes mean beyond being bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Logical {
    None,
    Decimal,
    Uuid,
}

/// A type that a writer used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AvroType {
    Null,
    Boolean,
    Long,
    Int,
    Float,
    Double,
    Bytes(Logical),
    String,
    Fixed(usize, Logical),
    Enum,
    Array(Box<AvroType>),
    Map(Box<AvroType>),
    Union(Vec<AvroType>),
    Record(Vec<AvroField>),
}

/// A field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AvroField {
    pub(super) name: String,
    pub(super) id: Option<i32>,
    pub(super) avro_type: AvroType,
}

impl AvroType {
    /// Reads a schema.
    pub(super) fn parse(schema: &[u8]) -> Result<Self> {
        let schema: Value = serde_json::from_slice(schema)
            .map_err(|e| damaged("the schema of the Avro file is no JSON").with_source(e))?;
        let mut names = HashMap::new();
        collect_names(&schema, &mut names, DEPTH);
        let left = Cell::new(TYPES);
        Parser { names, left }.typed(&schema, DEPTH)
    }

    /// The fields of a record, also where it may be NULL.
    pub(super) fn fields(&self) -> Option<&[AvroField]> {
        match self {
            Self::Record(fields) => Some(fields),
            Self::Union(branches) => branches.iter().find_map(Self::fields),
            _ => None,
        }
    }

    /// Resolves a union to the branch that was written. None is NULL.
    pub(super) fn written(&self, cursor: &mut Cursor<'_>) -> Result<Option<&Self>> {
        match self {
            Self::Null => Ok(None),
            Self::Union(branches) => {
                let branch = usize::try_from(cursor.long()?).ok();
                let branch = branch.and_then(|branch| branches.get(branch));
                match branch {
                    Some(Self::Null) => Ok(None),
                    Some(branch) => Ok(Some(branch)),
                    None => Err(damaged("a value in the Avro file is of no known type")),
                }
            }
            other => Ok(Some(other)),
        }
    }

    /// Passes over a value.
    pub(super) fn skip(&self, cursor: &mut Cursor<'_>) -> Result<()> {
        let Some(written) = self.written(cursor)? else {
            return Ok(());
        };
        match written {
            Self::Null => {}
            Self::Boolean => {
                cursor.boolean()?;
            }
            Self::Int | Self::Long | Self::Enum => {
                cursor.long()?;
            }
            Self::Float => {
                cursor.take(4)?;
            }
            Self::Double => {
                cursor.take(8)?;
            }
            Self::Bytes(_) | Self::String => {
                cursor.bytes()?;
            }
            Self::Fixed(length, _) => {
                cursor.take(*length)?;
            }
            Self::Array(item) => each_item(cursor, |cursor| item.skip(cursor))?,
            Self::Map(value) => each_item(cursor, |cursor| {
                cursor.bytes()?;
                value.skip(cursor)
            })?,
            Self::Union(_) => written.skip(cursor)?,
            Self::Record(fields) => {
                for field in fields {
                    field.avro_type.skip(cursor)?;
                }
            }
        }
        Ok(())
    }

    /// Reads an int or a long, which may be NULL. Another type is an error that names `what`.
    pub(super) fn long(&self, cursor: &mut Cursor<'_>, what: &str) -> Result<Option<i64>> {
        match self.written(cursor)? {
            None => Ok(None),
            Some(Self::Int | Self::Long | Self::Enum) => Ok(Some(cursor.long()?)),
            Some(other) => Err(other.unexpected(what, "a number")),
        }
    }

    /// Reads bytes or a string, which may be NULL. Another type is an error that names `what`.
    pub(super) fn bytes<'a>(
        &self,
        cursor: &mut Cursor<'a>,
        what: &str,
    ) -> Result<Option<&'a [u8]>> {
        match self.written(cursor)? {
            None => Ok(None),
            Some(Self::Bytes(_) | Self::String) => Ok(Some(cursor.bytes()?)),
            Some(Self::Fixed(length, _)) => Ok(Some(cursor.take(*length)?)),
            Some(other) => Err(other.unexpected(what, "bytes")),
        }
    }

    /// Reads the items of an array, which may be NULL, with `read`. Another type is an error that
    /// names `what`.
    pub(super) fn items<'a>(
        &self,
        cursor: &mut Cursor<'a>,
        what: &str,
        mut read: impl FnMut(&Self, &mut Cursor<'a>) -> Result<()>,
    ) -> Result<()> {
        match self.written(cursor)? {
            None => Ok(()),
            Some(Self::Array(item)) => each_item(cursor, |cursor| read(item, cursor)),
            Some(other) => Err(other.unexpected(what, "an array")),
        }
    }

    fn unexpected(&self, what: &str, expected: &str) -> crate::error::Error {
        damaged(format!(
            "{what} is expected to be {expected}, found {self:?}"
        ))
    }
}

/// Reads the items of an array or map. An item has to take bytes, so that no count makes this
/// endless.
fn each_item<'a>(
    cursor: &mut Cursor<'a>,
    mut read: impl FnMut(&mut Cursor<'a>) -> Result<()>,
) -> Result<()> {
    loop {
        let count = cursor.block_count()?;
        if count == 0 {
            return Ok(());
        }
        for _ in 0..count {
            read(cursor)?;
        }
    }
}

type Names<'a> = HashMap<String, &'a Value>;

/// Named types, which later parts of a schema may mention by name alone.
fn collect_names<'a>(schema: &'a Value, names: &mut Names<'a>, depth: usize) {
    if depth == 0 {
        return;
    }
    match schema {
        Value::Array(branches) => {
            for branch in branches {
                collect_names(branch, names, depth - 1);
            }
        }
        Value::Object(object) => {
            let named = matches!(
                object.get("type").and_then(Value::as_str),
                Some("record" | "fixed" | "enum" | "error")
            );
            if let (true, Some(name)) = (named, object.get("name").and_then(Value::as_str)) {
                names.entry(last_part(name).to_string()).or_insert(schema);
            }
            for key in ["type", "items", "values"] {
                if let Some(inner) = object.get(key) {
                    collect_names(inner, names, depth - 1);
                }
            }
            let fields = object.get("fields").and_then(Value::as_array);
            for field in fields.into_iter().flatten() {
                collect_names(field, names, depth - 1);
            }
        }
        _ => {}
    }
}

fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

struct Parser<'a> {
    names: Names<'a>,
    /// How many types there may be yet.
    left: Cell<usize>,
}

impl Parser<'_> {
    fn typed(&self, schema: &Value, depth: usize) -> Result<AvroType> {
        let left = self.left.get();
        if depth == 0 || left == 0 {
            let message = "the types of the Avro file's schema contain themselves, or are too many";
            return Err(damaged(message));
        }
        self.left.set(left - 1);
        match schema {
            Value::String(name) => self.named(name, depth),
            Value::Array(branches) => {
                let branches = branches.iter().map(|branch| self.typed(branch, depth - 1));
                Ok(AvroType::Union(branches.collect::<Result<_>>()?))
            }
            Value::Object(object) => self.object(object, depth),
            other => Err(damaged(format!(
                "the Avro file's schema has a type {other}"
            ))),
        }
    }

    fn named(&self, name: &str, depth: usize) -> Result<AvroType> {
        if let Some(found) = primitive(name, Logical::None) {
            return Ok(found);
        }
        match self.names.get(last_part(name)) {
            Some(named) => self.typed(named, depth - 1),
            None => Err(damaged(format!(
                "the Avro file's schema has no type '{name}'"
            ))),
        }
    }

    fn object(&self, object: &Map<String, Value>, depth: usize) -> Result<AvroType> {
        let part = |key: &str| object.get(key).unwrap_or(&Value::Null);
        let inner = |key: &str| self.typed(part(key), depth - 1);
        let logical = match part("logicalType").as_str() {
            Some("decimal") => Logical::Decimal,
            Some("uuid") => Logical::Uuid,
            _ => Logical::None,
        };
        let Some(kind) = part("type").as_str() else {
            return inner("type");
        };
        match kind {
            "record" | "error" => self.record(part("fields"), depth),
            "array" => Ok(AvroType::Array(Box::new(inner("items")?))),
            "map" => Ok(AvroType::Map(Box::new(inner("values")?))),
            "enum" => Ok(AvroType::Enum),
            "fixed" => {
                let size = part("size").as_u64().and_then(|s| usize::try_from(s).ok());
                let size = size.ok_or_else(|| damaged("a fixed type has no size"))?;
                Ok(AvroType::Fixed(size, logical))
            }
            other => match primitive(other, logical) {
                Some(found) => Ok(found),
                None => self.named(other, depth),
            },
        }
    }

    fn record(&self, fields: &Value, depth: usize) -> Result<AvroType> {
        let fields = fields.as_array().map(Vec::as_slice).unwrap_or_default();
        let field = |field: &Value| {
            let id = field["field-id"].as_i64();
            Ok(AvroField {
                name: field["name"].as_str().unwrap_or_default().to_string(),
                id: id.and_then(|id| i32::try_from(id).ok()),
                avro_type: self.typed(&field["type"], depth - 1)?,
            })
        };
        Ok(AvroType::Record(
            fields.iter().map(field).collect::<Result<_>>()?,
        ))
    }
}

fn primitive(name: &str, logical: Logical) -> Option<AvroType> {
    Some(match name {
        "null" => AvroType::Null,
        "boolean" => AvroType::Boolean,
        "int" => AvroType::Int,
        "long" => AvroType::Long,
        "float" => AvroType::Float,
        "double" => AvroType::Double,
        "bytes" => AvroType::Bytes(logical),
        "string" => AvroType::String,
        _ => return None,
    })
}
