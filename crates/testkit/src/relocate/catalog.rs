// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors
//! Catalog databases in SQLite, as PyIceberg makes them.

use std::io;
use std::path::Path;

use rusqlite::{Connection, params};

use super::at;
use super::locations::Locations;

/// Maps the metadata locations that a copied database records.
pub(super) fn rewrite(database: &Path, locations: &Locations) -> io::Result<()> {
    let mut connection = Connection::open(database).map_err(|e| at(database, e))?;
    map_columns(&mut connection, locations).map_err(|e| at(database, e))
}

fn map_columns(connection: &mut Connection, locations: &Locations) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for column in ["metadata_location", "previous_metadata_location"] {
        let recorded: Vec<String> = transaction
            .prepare(&format!(
                "SELECT DISTINCT {column} FROM iceberg_tables WHERE {column} IS NOT NULL"
            ))?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for old in recorded {
            if let Some(place) = locations.map(&old) {
                transaction.execute(
                    &format!("UPDATE iceberg_tables SET {column} = ?1 WHERE {column} = ?2"),
                    params![place.location, old],
                )?;
            }
        }
    }
    transaction.commit()
}

/// Adds a table that another engine wrote to a placed catalog database, under the catalog name that
/// the database already uses, as PyIceberg's `register_table` does.
///
/// # Errors
///
/// When the database is no catalog, is empty, or has a table of that name already.
pub fn register_table(
    database: &Path,
    namespace: &str,
    table: &str,
    metadata_location: &str,
) -> io::Result<()> {
    let insert = || -> rusqlite::Result<()> {
        let connection = Connection::open(database)?;
        let catalog: String = connection.query_row(
            "SELECT catalog_name FROM iceberg_tables LIMIT 1",
            [],
            |row| row.get(0),
        )?;
        connection.execute(
            "INSERT OR IGNORE INTO iceberg_namespace_properties \
             (catalog_name, namespace, property_key, property_value) \
             VALUES (?1, ?2, 'exists', 'true')",
            params![catalog, namespace],
        )?;
        connection.execute(
            "INSERT INTO iceberg_tables \
             (catalog_name, table_namespace, table_name, metadata_location) \
             VALUES (?1, ?2, ?3, ?4)",
            params![catalog, namespace, table, metadata_location],
        )?;
        Ok(())
    };
    insert().map_err(|e| at(database, e))
}
