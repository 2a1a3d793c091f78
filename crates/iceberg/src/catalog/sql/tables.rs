// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A table's row and metadata file, together.

use iceberg::spec::{TableMetadata, TableMetadataRef};
use iceberg::table::Table;
use iceberg::{Catalog, NamespaceIdent, Runtime, TableIdent};

use super::SqlCatalog;
use crate::error::{Error, ErrorKind, Result, iceberg_error};
use crate::provider::{read_metadata, read_whole_metadata};

impl SqlCatalog {
    pub(super) fn missing_table(&self, table: &TableIdent) -> iceberg::Error {
        let text = format!("table '{table}' does not exist in catalog '{}'", self.name);
        let error = Error::new(ErrorKind::NotFound, text);
        iceberg_error(iceberg::ErrorKind::TableNotFound, error)
    }

    pub(super) fn existing_table(&self, table: &TableIdent) -> Error {
        let text = format!("table '{table}' exists already");
        Error::new(ErrorKind::AlreadyExists, text)
    }

    pub(super) async fn need_namespace(&self, namespace: &NamespaceIdent) -> iceberg::Result<()> {
        if self.namespace_exists(namespace).await? {
            return Ok(());
        }
        let text = format!(
            "namespace '{namespace}' does not exist in catalog '{}'",
            self.name
        );
        let error = Error::new(ErrorKind::NotFound, text);
        Err(iceberg_error(iceberg::ErrorKind::NamespaceNotFound, error))
    }

    /// The table's metadata file.
    pub(super) async fn metadata_file(&self, table: &TableIdent) -> iceberg::Result<String> {
        let (namespace, name) = names(table);
        let found = self
            .read("look up a table", move |rows| {
                rows.location(&namespace, &name)
            })
            .await?;
        match found {
            None => Err(self.missing_table(table)),
            Some(Some(file)) if !file.is_empty() => Ok(file),
            Some(_) => Err(Error::new(
                ErrorKind::Damaged,
                format!(
                    "table '{table}' has no metadata file in catalog '{}'",
                    self.name
                ),
            )
            .into()),
        }
    }

    pub(super) async fn read_metadata(
        &self,
        table: &TableIdent,
        file: &str,
    ) -> Result<TableMetadata> {
        let read = read_metadata(&self.file_io, file).await;
        read.map_err(|error| unreadable(table, file, error))
    }

    /// The current version of a table that is to be changed.
    pub(super) async fn load_whole(&self, table: &TableIdent) -> iceberg::Result<Table> {
        let file = self.metadata_file(table).await?;
        let read = read_whole_metadata(&self.file_io, &file).await;
        let metadata = read.map_err(|error| unreadable(table, &file, error))?;
        self.table(table.clone(), &file, metadata)
    }

    pub(super) fn table(
        &self,
        ident: TableIdent,
        file: &str,
        metadata: impl Into<TableMetadataRef>,
    ) -> iceberg::Result<Table> {
        Table::builder()
            .identifier(ident)
            .metadata(metadata)
            .metadata_location(file)
            .file_io(self.file_io.clone())
            .runtime(Runtime::try_current()?)
            .build()
    }

    /// Where a table without a location of its own goes.
    pub(super) async fn location(&self, namespace: &NamespaceIdent, table: &str) -> Result<String> {
        let of = namespace.to_string();
        let properties = self
            .read("read a namespace", move |rows| {
                rows.namespace_properties(&of)
            })
            .await?;
        if let Some(location) = properties.get("location") {
            return Ok(format!("{}/{table}", location.trim_end_matches('/')));
        }
        match &self.warehouse {
            Some(warehouse) => Ok(format!("{warehouse}/{namespace}/{table}")),
            None => Err(Error::new(
                ErrorKind::Invalid,
                format!(
                    "catalog '{}' has no warehouse to put table '{namespace}.{table}' into: give \
                     the catalog the option 'warehouse', or the table a location",
                    self.name
                ),
            )),
        }
    }

    pub(super) async fn insert(&self, table: &TableIdent, file: String) -> Result<()> {
        let (namespace, name) = names(table);
        let exists = self.existing_table(table);
        self.write("create a table", move |rows| {
            match rows.insert_table(&namespace, &name, &file) {
                Err(cause) if is_clash(&cause) => Ok(Err(exists)),
                Err(cause) => Err(cause),
                Ok(()) => Ok(Ok(())),
            }
        })
        .await
    }

    /// Makes `new` the table's metadata file if it still is `old`.
    pub(super) async fn swap(&self, table: &TableIdent, old: String, new: String) -> Result<()> {
        let (namespace, name) = names(table);
        let conflict = Error::new(
            ErrorKind::Conflict,
            format!("table '{table}' was changed by somebody else meanwhile: try again"),
        );
        self.write("commit to a table", move |rows| {
            let swapped = rows.swap_location(&namespace, &name, &old, &new)?;
            Ok(if swapped { Ok(()) } else { Err(conflict) })
        })
        .await
    }

    /// Deletes a metadata file that nothing points at; what cannot be deleted does no harm.
    pub(super) async fn discard(&self, file: &str) {
        let _ = self.file_io.delete(file).await;
    }
}

/// The namespace and name as they stand in the database.
pub(super) fn names(table: &TableIdent) -> (String, String) {
    (table.namespace().to_string(), table.name().to_string())
}

pub(super) fn is_clash(cause: &rusqlite::Error) -> bool {
    cause.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation)
}

fn unreadable(table: &TableIdent, file: &str, error: Error) -> Error {
    let text = format!("table '{table}': metadata file '{file}' cannot be read");
    Error::new(error.kind(), text).with_source(error)
}
