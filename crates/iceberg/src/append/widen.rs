// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Columns of a wider type, committed through a transaction that can only add and drop columns.
//!
//! A transaction makes a new schema from the table's current one. It is shown a table whose
//! current schema has the wider types already, under its old id, so that what it commits is that schema,
//! on the condition that the table's schema is still the one it was made from.

use std::sync::Arc;

use async_trait::async_trait;
use iceberg::spec::{
    ListType, MapType, NestedField, NestedFieldRef, PrimitiveType, Schema, StructType,
    TableMetadata, Type,
};
use iceberg::table::Table;
use iceberg::{Catalog, Runtime, TableCommit, TableIdent};
use serde_json::Value;

use crate::catalog::CommitTable;
use crate::error::{Error, ErrorKind, Result};
use crate::provider::written;

/// What of a table's metadata a change of its schema does not look at.
const HISTORY: [&str; 7] = [
    "snapshots",
    "snapshot-log",
    "metadata-log",
    "refs",
    "current-snapshot-id",
    "statistics",
    "partition-statistics",
];

/// A catalog whose table has the wider types already.
#[derive(Debug)]
pub(super) struct Widening<'a> {
    catalog: &'a dyn Catalog,
    wanted: &'a [(&'a str, Type)],
}

impl<'a> Widening<'a> {
    /// The columns that a table of `catalog` is to have.
    pub(super) fn new(catalog: &'a dyn Catalog, wanted: &'a [(&'a str, Type)]) -> Self {
        Self { catalog, wanted }
    }

    /// The table with the wider types and without a history; None if no type has to be widened.
    pub(super) fn seen(&self, table: &Table) -> Result<Option<Table>> {
        let metadata = table.metadata();
        let Some(schema) = self.widened(metadata.current_schema())? else {
            return Ok(None);
        };
        let mut seen = Table::builder()
            .identifier(table.identifier().clone())
            .metadata(with_schema(metadata, &schema)?)
            .file_io(table.file_io().clone())
            .runtime(Runtime::try_current()?);
        if let Some(file) = table.metadata_location() {
            seen = seen.metadata_location(file);
        }
        Ok(Some(seen.build()?))
    }

    fn widened(&self, schema: &Schema) -> Result<Option<Schema>> {
        let mut changed = false;
        let mut fields = Vec::new();
        for field in schema.as_struct().fields() {
            let wanted = self.wanted.iter().find(|(name, _)| *name == field.name);
            let Some((_, wanted)) = wanted else {
                fields.push(Arc::clone(field));
                continue;
            };
            let Some(to) = widened(&field.field_type, wanted) else {
                let text = format!(
                    "column '{}' is {}, and cannot become {wanted}: Iceberg widens int to long, \
                     float to double and decimals to more digits before the point",
                    field.name, field.field_type
                );
                return Err(Error::new(ErrorKind::Unsupported, text));
            };
            if to == *field.field_type {
                fields.push(Arc::clone(field));
                continue;
            }
            if has_default(field) {
                let text = format!(
                    "column '{}' has a default value, or a field in it has one, so its type cannot be changed here: change it \
                     with another engine",
                    field.name
                );
                return Err(Error::new(ErrorKind::Unsupported, text));
            }
            changed = true;
            fields.push(of_type(field, to));
        }
        let schema = Schema::builder()
            .with_schema_id(schema.schema_id())
            .with_fields(fields)
            .with_identifier_field_ids(schema.identifier_field_ids());
        Ok(match changed {
            true => Some(schema.build()?),
            false => None,
        })
    }
}

#[async_trait]
impl CommitTable for Widening<'_> {
    async fn load(&self, table: &TableIdent) -> iceberg::Result<Table> {
        let current = self.catalog.load_table(table).await?;
        Ok(self.seen(&current)?.unwrap_or(current))
    }

    async fn commit(&self, commit: TableCommit) -> iceberg::Result<Table> {
        self.catalog.update_table(commit).await
    }
}

/// Whether the field or one in it has a value for rows without one; it would be of the old type.
fn has_default(field: &NestedField) -> bool {
    let in_it = match field.field_type.as_ref() {
        Type::Primitive(_) => false,
        Type::Struct(inner) => inner.fields().iter().any(|field| has_default(field)),
        Type::List(list) => has_default(&list.element_field),
        Type::Map(map) => has_default(&map.key_field) || has_default(&map.value_field),
    };
    in_it || field.initial_default.is_some() || field.write_default.is_some()
}

/// `metadata` with another current schema, which has the id of the present one.
fn with_schema(metadata: &TableMetadata, schema: &Schema) -> Result<TableMetadata> {
    let odd = |cause: serde_json::Error| {
        let text = "its metadata cannot be written as JSON";
        Error::new(ErrorKind::Damaged, text).with_source(cause)
    };
    let mut written = written(metadata)?;
    let changed = serde_json::to_value(schema).map_err(odd)?;
    if let Value::Object(parts) = &mut written {
        for part in HISTORY {
            parts.remove(part);
        }
        let schemas = parts.get_mut("schemas").and_then(Value::as_array_mut);
        for known in schemas.into_iter().flatten() {
            if known.get("schema-id") == changed.get("schema-id") {
                *known = changed.clone();
            }
        }
    }
    serde_json::from_value(written).map_err(odd)
}

/// `found` with the types of `wanted` where those are the same or wider; None where one is neither.
fn widened(found: &Type, wanted: &Type) -> Option<Type> {
    Some(match (found, wanted) {
        (Type::Primitive(found), Type::Primitive(wanted)) => Type::Primitive(wider(found, wanted)?),
        (Type::Struct(found), Type::Struct(wanted)) => {
            if found.fields().len() != wanted.fields().len() {
                return None;
            }
            let fields = found.fields().iter().zip(wanted.fields());
            let fields = fields.map(|(found, wanted)| {
                (found.name == wanted.name).then(|| field(found, wanted))?
            });
            Type::Struct(StructType::new(fields.collect::<Option<Vec<_>>>()?))
        }
        (Type::List(found), Type::List(wanted)) => Type::List(ListType {
            element_field: field(&found.element_field, &wanted.element_field)?,
        }),
        // Keys of maps never change.
        (Type::Map(found), Type::Map(wanted)) => {
            let (key, wanted_key) = (&found.key_field, &wanted.key_field);
            let key = field(key, wanted_key).filter(|it| it.field_type == key.field_type)?;
            Type::Map(MapType {
                key_field: key,
                value_field: field(&found.value_field, &wanted.value_field)?,
            })
        }
        _ => return None,
    })
}

fn field(found: &NestedFieldRef, wanted: &NestedFieldRef) -> Option<NestedFieldRef> {
    let to = widened(&found.field_type, &wanted.field_type)?;
    Some(of_type(found, to))
}

fn wider(found: &PrimitiveType, wanted: &PrimitiveType) -> Option<PrimitiveType> {
    use PrimitiveType::{Decimal, Double, Float, Int, Long};
    let legal = match (found, wanted) {
        (found, wanted) if found == wanted => true,
        (Int, Long) | (Float, Double) => true,
        (
            Decimal { precision, scale },
            Decimal {
                precision: to,
                scale: to_scale,
            },
        ) => scale == to_scale && precision <= to,
        _ => false,
    };
    legal.then(|| wanted.clone())
}

fn of_type(field: &NestedField, to: Type) -> NestedFieldRef {
    Arc::new(NestedField {
        field_type: Box::new(to),
        ..field.clone()
    })
}

#[cfg(test)]
mod tests {
    use iceberg::spec::Literal;

    use super::*;

    #[test]
    fn defaults_are_found_at_any_depth() {
        let int = || Type::Primitive(PrimitiveType::Int);
        let plain = Arc::new(NestedField::optional(1, "a", int()));
        let given = NestedField::optional(1, "a", int()).with_initial_default(Literal::int(1));
        for (inner, expected) in [(plain, false), (Arc::new(given), true)] {
            let pair = Type::Struct(StructType::new(vec![inner]));
            let list = Type::List(ListType {
                element_field: Arc::new(NestedField::list_element(2, pair.clone(), false)),
            });
            let map = Type::Map(MapType {
                key_field: Arc::new(NestedField::map_key_element(3, int())),
                value_field: Arc::new(NestedField::map_value_element(4, list.clone(), false)),
            });
            for nested in [pair, list, map] {
                let field = NestedField::optional(5, "outer", nested);
                assert_eq!(has_default(&field), expected, "{field:?}");
            }
        }
    }
}
