// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Changing a table's schema.

use arrow::datatypes::DataType;
use iceberg::arrow::arrow_type_to_type;
use iceberg::table::Table;
use iceberg::transaction::{AddColumn, ApplyTransactionAction, Transaction};
use iceberg::{Catalog, TableIdent};

use super::create::storable_type;
use crate::error::{Error, Result};
use crate::write::with_ids;

/// Adds an optional column to the end of the table; existing rows have NULL there.
pub async fn add_column(
    catalog: &dyn Catalog,
    table: &TableIdent,
    name: &str,
    data_type: &DataType,
) -> Result<Table> {
    let about = |error: Error| error.context(format_args!("table '{table}', column '{name}'"));
    let column_type = storable_type(data_type).map_err(about)?;
    // Types inside of nested types need field ids for the conversion; the commit gives them new ones.
    let column_type =
        arrow_type_to_type(&with_ids(&column_type)).map_err(|error| about(error.into()))?;
    let current = catalog.load_table(table).await?;
    let transaction = Transaction::new(&current);
    let action = transaction
        .update_schema()
        .add_column(AddColumn::optional(name, column_type));
    let transaction = action
        .apply(transaction)
        .map_err(|error| about(error.into()))?;
    transaction
        .commit(catalog)
        .await
        .map_err(|error| about(error.into()))
}
