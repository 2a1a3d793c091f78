// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The rows of one catalog in an SQL catalog's database. A database may hold several catalogs,
//! told apart by `catalog_name`.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension, Result, params};

use super::database::Session;

/// The catalogs that have rows in the database.
pub(super) fn catalog_names(session: &Session) -> Result<BTreeSet<String>> {
    let mut names = strings(
        session,
        "SELECT DISTINCT catalog_name FROM iceberg_tables",
        &[],
    )?;
    if session.has_namespaces {
        names.extend(strings(
            session,
            "SELECT DISTINCT catalog_name FROM iceberg_namespace_properties",
            &[],
        )?);
    }
    Ok(names)
}

/// One catalog's rows, seen through a session.
pub(super) struct Rows<'a> {
    session: &'a Session,
    catalog: &'a str,
}

impl<'a> Rows<'a> {
    pub(super) fn new(session: &'a Session, catalog: &'a str) -> Self {
        Self { session, catalog }
    }

    /// Every namespace that has a table or a property, joined with dots.
    pub(super) fn namespaces(&self) -> Result<BTreeSet<String>> {
        let mut names = strings(
            self.session,
            "SELECT DISTINCT table_namespace FROM iceberg_tables WHERE catalog_name = ?1",
            &[self.catalog],
        )?;
        if self.session.has_namespaces {
            names.extend(strings(
                self.session,
                "SELECT DISTINCT namespace FROM iceberg_namespace_properties \
                 WHERE catalog_name = ?1",
                &[self.catalog],
            )?);
        }
        Ok(names)
    }

    /// The namespace, or one below it, has a table or a property.
    pub(super) fn namespace_exists(&self, namespace: &str) -> Result<bool> {
        let below = format!("{namespace}.");
        Ok(self
            .namespaces()?
            .iter()
            .any(|it| it == namespace || it.starts_with(&below)))
    }

    pub(super) fn namespace_properties(&self, namespace: &str) -> Result<BTreeMap<String, String>> {
        if !self.session.has_namespaces {
            return Ok(BTreeMap::new());
        }
        let mut statement = self.session.connection.prepare(
            "SELECT property_key, property_value FROM iceberg_namespace_properties \
             WHERE catalog_name = ?1 AND namespace = ?2",
        )?;
        let found = statement.query_map(params![self.catalog, namespace], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, Option<String>>(1)?.unwrap_or_default(),
            ))
        })?;
        found.collect()
    }

    /// Makes `properties` the namespace's only ones.
    pub(super) fn set_namespace_properties<'p>(
        &self,
        namespace: &str,
        properties: impl IntoIterator<Item = (&'p String, &'p String)>,
    ) -> Result<()> {
        self.delete_namespace(namespace)?;
        for (key, value) in properties {
            self.session.connection.execute(
                "INSERT INTO iceberg_namespace_properties \
                 (catalog_name, namespace, property_key, property_value) VALUES (?1, ?2, ?3, ?4)",
                params![self.catalog, namespace, key, value],
            )?;
        }
        Ok(())
    }

    pub(super) fn delete_namespace(&self, namespace: &str) -> Result<usize> {
        self.session.connection.execute(
            "DELETE FROM iceberg_namespace_properties WHERE catalog_name = ?1 AND namespace = ?2",
            params![self.catalog, namespace],
        )
    }

    /// The tables of the namespace itself.
    pub(super) fn tables(&self, namespace: &str) -> Result<BTreeSet<String>> {
        let sql = format!(
            "SELECT table_name FROM iceberg_tables \
             WHERE catalog_name = ?1 AND table_namespace = ?2{}",
            self.only_tables()
        );
        strings(self.session, &sql, &[self.catalog, namespace])
    }

    /// The table's metadata file: outer `None` if there is no such table.
    pub(super) fn location(&self, namespace: &str, table: &str) -> Result<Option<Option<String>>> {
        let sql = format!(
            "SELECT metadata_location FROM iceberg_tables \
             WHERE catalog_name = ?1 AND table_namespace = ?2 AND table_name = ?3{}",
            self.only_tables()
        );
        self.session
            .connection
            .query_row(&sql, params![self.catalog, namespace, table], |row| {
                row.get(0)
            })
            .optional()
    }

    pub(super) fn insert_table(&self, namespace: &str, table: &str, location: &str) -> Result<()> {
        let sql = match self.session.has_type {
            true => {
                "INSERT INTO iceberg_tables (catalog_name, table_namespace, table_name, \
                 metadata_location, previous_metadata_location, iceberg_type) \
                 VALUES (?1, ?2, ?3, ?4, NULL, 'TABLE')"
            }
            false => {
                "INSERT INTO iceberg_tables (catalog_name, table_namespace, table_name, \
                 metadata_location, previous_metadata_location) VALUES (?1, ?2, ?3, ?4, NULL)"
            }
        };
        self.session
            .connection
            .execute(sql, params![self.catalog, namespace, table, location])?;
        Ok(())
    }

    /// Points the table at `new` if it still points at `old`: the commit.
    pub(super) fn swap_location(
        &self,
        namespace: &str,
        table: &str,
        old: &str,
        new: &str,
    ) -> Result<bool> {
        let sql = format!(
            "UPDATE iceberg_tables SET metadata_location = ?5, previous_metadata_location = ?4 \
             WHERE catalog_name = ?1 AND table_namespace = ?2 AND table_name = ?3 \
             AND metadata_location = ?4{}",
            self.only_tables()
        );
        let changed = self
            .session
            .connection
            .execute(&sql, params![self.catalog, namespace, table, old, new])?;
        Ok(changed > 0)
    }

    pub(super) fn delete_table(&self, namespace: &str, table: &str) -> Result<bool> {
        let sql = format!(
            "DELETE FROM iceberg_tables \
             WHERE catalog_name = ?1 AND table_namespace = ?2 AND table_name = ?3{}",
            self.only_tables()
        );
        Ok(self
            .session
            .connection
            .execute(&sql, params![self.catalog, namespace, table])?
            > 0)
    }

    pub(super) fn rename_table(&self, from: (&str, &str), to: (&str, &str)) -> Result<bool> {
        let sql = format!(
            "UPDATE iceberg_tables SET table_namespace = ?4, table_name = ?5 \
             WHERE catalog_name = ?1 AND table_namespace = ?2 AND table_name = ?3{}",
            self.only_tables()
        );
        let changed = self
            .session
            .connection
            .execute(&sql, params![self.catalog, from.0, from.1, to.0, to.1])?;
        Ok(changed > 0)
    }

    /// Views of other engines stand in the same table where it has the type column.
    fn only_tables(&self) -> &'static str {
        match self.session.has_type {
            true => " AND (iceberg_type = 'TABLE' OR iceberg_type IS NULL)",
            false => "",
        }
    }
}

fn strings(session: &Session, sql: &str, values: &[&str]) -> Result<BTreeSet<String>> {
    let mut statement = session.connection.prepare(sql)?;
    let found = statement.query_map(rusqlite::params_from_iter(values), |row| row.get(0))?;
    found.collect()
}
