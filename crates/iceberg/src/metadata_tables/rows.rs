// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Batches of the columns that are asked for.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, FieldRef, SchemaRef, TimeUnit};
use arrow::error::ArrowError;

use crate::error::{Error, ErrorKind, Result};

/// A column of a metadata table: its field and how it is made from rows of type `R`.
pub(super) struct Column<R: ?Sized> {
    pub(super) field: FieldRef,
    pub(super) build: Build<R>,
}

/// Makes a column from rows.
pub(super) type Build<R> = Arc<dyn Fn(&[&R]) -> Result<ArrayRef> + Send + Sync>;

impl<R: ?Sized> Clone for Column<R> {
    fn clone(&self) -> Self {
        Self {
            field: Arc::clone(&self.field),
            build: Arc::clone(&self.build),
        }
    }
}

/// A column that has a value in every row.
pub(super) fn required<R: ?Sized>(
    name: &str,
    data_type: DataType,
    build: impl Fn(&[&R]) -> Result<ArrayRef> + Send + Sync + 'static,
) -> Column<R> {
    Column {
        field: Arc::new(Field::new(name, data_type, false)),
        build: Arc::new(build),
    }
}

/// A column that may be NULL.
pub(super) fn optional<R: ?Sized>(
    name: &str,
    data_type: DataType,
    build: impl Fn(&[&R]) -> Result<ArrayRef> + Send + Sync + 'static,
) -> Column<R> {
    Column {
        field: Arc::new(Field::new(name, data_type, true)),
        build: Arc::new(build),
    }
}

/// An array from one value a row.
pub(super) fn array<A, T>(values: impl Iterator<Item = T>) -> Result<ArrayRef>
where
    A: FromIterator<T> + arrow::array::Array + 'static,
{
    Ok(Arc::new(values.collect::<A>()))
}

/// Instants in milliseconds since 1970.
pub(super) fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

/// The columns of `schema` made from `rows`.
pub(super) fn batch<R: ?Sized>(
    schema: &SchemaRef,
    columns: &[Column<R>],
    rows: &[&R],
) -> Result<RecordBatch> {
    let arrays: Result<Vec<_>> = columns.iter().map(|column| (column.build)(rows)).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::clone(schema), arrays?, &options).map_err(unbuildable)
}

/// An error for values that do not make a column.
pub(super) fn unbuildable(cause: ArrowError) -> Error {
    Error::new(
        ErrorKind::Damaged,
        "the metadata cannot be shown as a table",
    )
    .with_source(cause)
}
