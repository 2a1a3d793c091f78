// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Arrow types as the types of a new table's columns.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, TimeUnit};

use crate::error::{Error, ErrorKind, Result};

/// What a new table's schema is taken from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns {
    /// They are taken from a query, and any of them may be NULL later.
    pub(crate) optional: bool,
    /// Timestamps may have nanoseconds.
    pub(crate) nanoseconds: bool,
}

impl Columns {
    /// `schema` in types that Iceberg has; an error names the column and what to do.
    pub(crate) fn schema(self, schema: &Schema) -> Result<Schema> {
        let fields = schema.fields().iter().map(|field| {
            self.field(field)
                .map_err(|error| error.context(format_args!("column '{}'", field.name())))
        });
        Ok(Schema::new(fields.collect::<Result<Vec<_>>>()?))
    }

    fn field(self, of: &FieldRef) -> Result<FieldRef> {
        let data_type = self.data_type(of.data_type())?;
        let nullable = of.is_nullable() || self.optional;
        Ok(Arc::new(Field::new(of.name(), data_type, nullable)))
    }

    fn data_type(self, of: &DataType) -> Result<DataType> {
        use DataType::*;
        Ok(match of {
            Boolean | Int32 | Int64 | Float32 | Float64 | Date32 | Decimal128(_, _) => of.clone(),
            FixedSizeBinary(_) | Time64(TimeUnit::Microsecond) => of.clone(),
            Int8 | Int16 => Int32,
            Float16 => Float32,
            Utf8 | LargeUtf8 | Utf8View => Utf8,
            Binary | LargeBinary | BinaryView => LargeBinary,
            Date64 => Date32,
            Time32(_) => Time64(TimeUnit::Microsecond),
            Timestamp(TimeUnit::Nanosecond, _) if !self.nanoseconds => {
                let text = format!(
                    "its type {of} needs a table of format version 3: cast it to TIMESTAMP(6), or \
                     say WITH ('format-version' '3')"
                );
                return Err(Error::new(ErrorKind::Unsupported, text));
            }
            Timestamp(unit, zone) => {
                let unit = match unit {
                    TimeUnit::Nanosecond => TimeUnit::Nanosecond,
                    _ => TimeUnit::Microsecond,
                };
                Timestamp(unit, zone.as_ref().map(|_| "UTC".into()))
            }
            Dictionary(_, value) => self.data_type(value)?,
            List(item)
            | LargeList(item)
            | FixedSizeList(item, _)
            | ListView(item)
            | LargeListView(item) => List(self.field(item)?),
            Struct(fields) => {
                let fields = fields.iter().map(|field| self.field(field));
                Struct(fields.collect::<Result<_>>()?)
            }
            Map(entries, _) => Map(self.entries(entries)?, false),
            UInt8 | UInt16 => return refused(of, "cast it to INT"),
            UInt32 => return refused(of, "cast it to BIGINT"),
            UInt64 => return refused(of, "cast it to BIGINT or DECIMAL(20, 0)"),
            Time64(TimeUnit::Nanosecond) => {
                return refused(of, "cast it with arrow_cast(…, 'Time64(Microsecond)')");
            }
            Interval(_) | Duration(_) => {
                return refused(of, "cast it to a number of seconds or to VARCHAR");
            }
            Decimal256(_, _) => return refused(of, "cast it to a DECIMAL of at most 38 digits"),
            Null => return refused(of, "cast the NULL to the type that it is to have"),
            _ => return refused(of, "cast it to a type that Iceberg has"),
        })
    }

    /// A map's entries; its keys are never NULL.
    fn entries(self, entries: &FieldRef) -> Result<FieldRef> {
        let DataType::Struct(fields) = entries.data_type() else {
            return refused(entries.data_type(), "a map's entries are structs");
        };
        let fields = fields.iter().enumerate().map(|(index, field)| {
            let field = self.field(field)?;
            Ok(match index {
                0 => Arc::new(Field::clone(&field).with_nullable(false)),
                _ => field,
            })
        });
        let fields = DataType::Struct(fields.collect::<Result<_>>()?);
        Ok(Arc::new(Field::new(entries.name(), fields, false)))
    }
}

fn refused<T>(found: &DataType, what_to_do: &str) -> Result<T> {
    Err(Error::new(
        ErrorKind::Unsupported,
        format!("Iceberg has no type for {found}: {what_to_do}"),
    ))
}
