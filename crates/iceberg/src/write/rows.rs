// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Rows as a table's files hold them: its columns by name, in its types, with its field ids.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use crate::error::{Error, ErrorKind, Result};

/// `batch` as the columns of `schema`, by name. A column that is not there is NULL; one that the
/// table does not have, a type that could lose something and a NULL in a required column are
/// refused.
pub(crate) fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    for field in batch.schema_ref().fields() {
        if schema.index_of(field.name()).is_err() {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!(
                    "the rows have a column '{}' that the table does not have: its columns are {}",
                    field.name(),
                    names(schema)
                ),
            ));
        }
    }
    let given = schema.fields().iter();
    let given = given.map(|field| batch.column_by_name(field.name()));
    columns(given, batch.num_rows(), schema)
}

/// The first columns of `batch` as those of `schema`, by position.
pub(super) fn in_order(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    columns(batch.columns().iter().map(Some), batch.num_rows(), schema)
}

/// Fails unless rows of `given` can be written as rows of `schema`: the same names in the same
/// order, and types that lose nothing.
pub(super) fn check_schema(given: &Schema, schema: &Schema) -> Result<()> {
    let same = given.fields().len() == schema.fields().len()
        && given
            .fields()
            .iter()
            .zip(schema.fields())
            .all(|(a, b)| a.name() == b.name());
    if !same {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!(
                "the rows have the columns {}, the table has {}: give them in that order",
                names(given),
                names(schema)
            ),
        ));
    }
    for (field, column) in given.fields().iter().zip(schema.fields()) {
        if !fits(field.data_type(), column.data_type()) {
            let error = misfit_type(field.data_type(), column.data_type());
            return Err(error.context(format_args!("column '{}'", column.name())));
        }
    }
    Ok(())
}

fn names(schema: &Schema) -> String {
    let names: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    names.join(", ")
}

fn columns<'a>(
    given: impl Iterator<Item = Option<&'a ArrayRef>>,
    rows: usize,
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let columns = schema.fields().iter().zip(given).map(|(field, given)| {
        column(given, rows, field)
            .map_err(|error| error.context(format_args!("column '{}'", field.name())))
    });
    let columns: Vec<ArrayRef> = columns.collect::<Result<_>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(misfit)
}

fn column(given: Option<&ArrayRef>, rows: usize, field: &FieldRef) -> Result<ArrayRef> {
    let values = match given {
        None => new_null_array(field.data_type(), rows),
        Some(values) if values.data_type() == field.data_type() => Arc::clone(values),
        Some(values) if fits(values.data_type(), field.data_type()) => {
            let options = CastOptions {
                safe: false,
                ..CastOptions::default()
            };
            cast_with_options(values, field.data_type(), &options).map_err(misfit)?
        }
        Some(values) => return Err(misfit_type(values.data_type(), field.data_type())),
    };
    if !field.is_nullable() && values.logical_null_count() > 0 {
        let what = match given {
            Some(_) => format!("{} of {rows} rows are NULL", values.logical_null_count()),
            None => "the rows do not have it".to_string(),
        };
        return Err(Error::new(
            ErrorKind::Invalid,
            format!("the column is required, but {what}"),
        ));
    }
    Ok(values)
}

/// Every value of `from` has an equal one in `to`, or the cast fails.
pub(super) fn fits(from: &DataType, to: &DataType) -> bool {
    use DataType::*;
    match (from, to) {
        (from, to) if from == to => true,
        (Null, _) => true,
        (Dictionary(_, value), to) => fits(value, to),
        (Int8 | Int16 | UInt8 | UInt16, Int32 | Int64) => true,
        (Int32 | UInt32, Int64) => true,
        (Float16, Float32 | Float64) | (Float32, Float64) => true,
        (Decimal128(p, s), Decimal128(to_p, to_s)) => s == to_s && p <= to_p,
        (Utf8 | LargeUtf8 | Utf8View, Utf8 | LargeUtf8 | Utf8View) => true,
        (Binary | LargeBinary | BinaryView, Binary | LargeBinary | BinaryView) => true,
        (Date64, Date32) => true,
        (Time32(_), Time64(TimeUnit::Microsecond)) => true,
        (Timestamp(unit, zone), Timestamp(to_unit, to_zone)) => {
            zone.is_some() == to_zone.is_some() && ticks(unit) <= ticks(to_unit)
        }
        (
            List(item) | LargeList(item) | FixedSizeList(item, _),
            List(to_item) | LargeList(to_item),
        ) => fits(item.data_type(), to_item.data_type()),
        (Struct(fields), Struct(to_fields)) => {
            fields.len() == to_fields.len()
                && fields.iter().zip(to_fields).all(|(field, to_field)| {
                    field.name() == to_field.name() && fits(field.data_type(), to_field.data_type())
                })
        }
        (Map(entries, _), Map(to_entries, _)) => {
            match (entries.data_type(), to_entries.data_type()) {
                (Struct(fields), Struct(to_fields)) => fields
                    .iter()
                    .zip(to_fields)
                    .all(|(field, to_field)| fits(field.data_type(), to_field.data_type())),
                _ => false,
            }
        }
        _ => false,
    }
}

fn ticks(unit: &TimeUnit) -> u8 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 1,
        TimeUnit::Microsecond => 2,
        TimeUnit::Nanosecond => 3,
    }
}

fn misfit_type(found: &DataType, expected: &DataType) -> Error {
    let text = format!("the rows have the type {found}, the table has {expected}: cast them first");
    Error::new(ErrorKind::Invalid, text)
}

fn misfit(cause: arrow::error::ArrowError) -> Error {
    Error::new(ErrorKind::Invalid, "the rows do not fit the table").with_source(cause)
}

/// `data_type` with a field id on every field inside it, counted from 1.
pub(crate) fn with_ids(data_type: &DataType) -> DataType {
    fn typed(data_type: &DataType, next: &mut i32) -> DataType {
        match data_type {
            DataType::List(item) => DataType::List(field(item, next)),
            DataType::Struct(fields) => {
                DataType::Struct(fields.iter().map(|it| field(it, next)).collect())
            }
            DataType::Map(entries, sorted) => DataType::Map(field(entries, next), *sorted),
            other => other.clone(),
        }
    }
    fn field(of: &FieldRef, next: &mut i32) -> FieldRef {
        *next += 1;
        let id = HashMap::from([(PARQUET_FIELD_ID_META_KEY.to_string(), next.to_string())]);
        let data_type = typed(of.data_type(), next);
        Arc::new(Field::new(of.name(), data_type, of.is_nullable()).with_metadata(id))
    }
    typed(data_type, &mut 0)
}
