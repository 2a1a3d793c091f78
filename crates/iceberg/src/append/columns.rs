// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Changing a table's schema.

use arrow::datatypes::DataType;
use iceberg::arrow::arrow_type_to_type;
use iceberg::spec::Type;
use iceberg::table::Table;
use iceberg::transaction::{AddColumn, ApplyTransactionAction, Transaction};
use iceberg::{Catalog, TableIdent};

use super::create::storable_type;
use super::widen::Widening;
use crate::catalog::OneTableCatalog;
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
    let column_type = column_type(data_type).map_err(about)?;
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

/// Gives the table these columns, all in one commit: those that it does not have are added to its end,
/// and existing rows have NULL there; those of a narrower type are widened, and existing rows keep
/// their values.
///
/// Iceberg widens `int` to `long`, `float` to `double` and a decimal to one of more digits before the
/// point, also inside of structs, lists and the values of maps. Any other change of a type is an error,
/// and nothing is changed then. Nothing is committed when all is as it should be.
pub async fn update_columns(
    catalog: &dyn Catalog,
    table: &TableIdent,
    columns: &[(String, DataType)],
) -> Result<Table> {
    let mut wanted = Vec::with_capacity(columns.len());
    for (name, data_type) in columns {
        let column_type = column_type(data_type)
            .map_err(|error| error.context(format_args!("table '{table}', column '{name}'")))?;
        wanted.push((name.as_str(), column_type));
    }
    let about = |error: Error| error.context(format_args!("table '{table}'"));
    let current = catalog.load_table(table).await?;
    let widening = Widening::new(catalog, &wanted);
    let widened = widening.seen(&current).map_err(about)?;
    let has = current.metadata().current_schema().as_struct().fields();
    let missing: Vec<_> = wanted
        .iter()
        .filter(|(name, _)| has.iter().all(|field| field.name != *name))
        .collect();
    if missing.is_empty() && widened.is_none() {
        return Ok(current);
    }
    let transaction = Transaction::new(&current);
    let mut action = transaction.update_schema();
    for (name, column_type) in missing {
        action = action.add_column(AddColumn::optional(name, column_type.clone()));
    }
    let committed = action.apply(transaction);
    let committed = committed.map_err(|error| about(error.into()))?;
    let committed = committed.commit(&OneTableCatalog(&widening)).await;
    committed.map_err(|error| about(error.into()))
}

/// The type of a column of these Arrow values.
fn column_type(data_type: &DataType) -> Result<Type> {
    // Types inside of nested types need field ids for the conversion; the commit gives them new ones.
    Ok(arrow_type_to_type(&with_ids(&storable_type(data_type)?))?)
}
