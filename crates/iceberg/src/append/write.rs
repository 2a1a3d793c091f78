// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Appending rows.

use arrow::array::RecordBatch;
use iceberg::{Catalog, TableIdent};

use crate::error::{Error, Result};
use crate::write::append_batches;

/// Appends the rows of `batches` in one commit and gives the id of the snapshot it made.
///
/// Columns go by name; a column of the table that the rows do not have is NULL. The table's
/// partition spec, sort order and properties are followed. Nothing is committed unless all rows
/// fit: see the error for the column that does not. When somebody else commits at the same time,
/// the append goes on top of it.
pub async fn append(
    catalog: &dyn Catalog,
    table: &TableIdent,
    batches: Vec<RecordBatch>,
) -> Result<i64> {
    let about = |error: Error| error.context(format_args!("append to table '{table}'"));
    let target = catalog.load_table(table).await?;
    append_batches(catalog, &target, &batches)
        .await
        .map_err(about)
}
