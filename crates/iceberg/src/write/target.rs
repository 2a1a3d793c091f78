// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a write ends in: more rows in a table, or a new table.

use std::sync::Arc;

use datafusion::common::utils::quote_identifier;
use iceberg::spec::DataFile;
use iceberg::table::Table;
use iceberg::{Catalog, NamespaceIdent, TableIdent};

use super::commit::Commit;
use super::commit_note::CommitNote;
use super::ledger::Ledger;
use super::table_shape::TableShape;
use crate::catalog::OneTableCatalog;
use crate::catalog::sql::{SqlCatalog, StagedTable};
use crate::error::{Error, ErrorKind, Result};

/// A catalog to write to.
#[derive(Debug, Clone)]
pub(crate) struct WriteCatalog {
    pub(crate) catalog: Arc<dyn Catalog>,
    /// The same, if it can make a table together with its first snapshot.
    pub(crate) staging: Option<SqlCatalog>,
    /// What is known of the commit.
    pub(crate) note: Arc<CommitNote>,
}

/// What the rows of a write become.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there is one a statement")]
pub(super) enum Target {
    /// Rows of this table, as it was when the statement began.
    Append(WriteCatalog, Table),
    /// A new table.
    Create(Box<NewTable>),
}

/// A table to be made.
#[derive(Debug, Clone)]
pub(super) struct NewTable {
    pub(super) catalog: WriteCatalog,
    pub(super) catalog_name: String,
    pub(super) namespace: NamespaceIdent,
    pub(super) name: String,
    pub(super) shape: TableShape,
    pub(super) if_not_exists: bool,
}

/// A table that can be written to.
pub(super) enum Begun {
    /// It was there.
    Existing(WriteCatalog, Table),
    /// It will be there with the commit.
    Staged(StagedTable),
    /// It is there, and goes again if the commit fails.
    Created(WriteCatalog, Table),
}

impl Target {
    /// The table to write to; none if there is nothing to do.
    pub(super) async fn begin(&self) -> Result<Option<Begun>> {
        match self {
            Self::Append(catalog, table) => {
                Ok(Some(Begun::Existing(catalog.clone(), table.clone())))
            }
            Self::Create(new) => new.begin().await,
        }
    }
}

impl NewTable {
    /// The name, with its namespace.
    pub(super) fn ident(&self) -> TableIdent {
        TableIdent::new(self.namespace.clone(), self.name.clone())
    }

    async fn begin(&self) -> Result<Option<Begun>> {
        let begun = match &self.catalog.staging {
            Some(catalog) => self.stage(catalog).await,
            None => self.create().await,
        };
        match begun {
            Ok(begun) => Ok(Some(begun)),
            Err(error) => match error.kind() {
                ErrorKind::AlreadyExists if self.if_not_exists => Ok(None),
                ErrorKind::NotFound => {
                    let (catalog, schema) = (&self.catalog_name, self.namespace.to_string());
                    let quoted = quote_identifier(&schema);
                    let hint = format!("make it with CREATE SCHEMA {catalog}.{quoted}");
                    Err(Error::new(ErrorKind::NotFound, format!("{error}: {hint}")))
                }
                _ => Err(error),
            },
        }
    }

    async fn stage(&self, catalog: &SqlCatalog) -> Result<Begun> {
        let creation = self.shape.creation(&self.name);
        Ok(Begun::Staged(
            catalog.stage_table(&self.namespace, creation).await?,
        ))
    }

    async fn create(&self) -> Result<Begun> {
        let catalog = &self.catalog.catalog;
        if catalog.table_exists(&self.ident()).await? {
            let text = format!("table '{}' exists already", self.ident());
            return Err(Error::new(ErrorKind::AlreadyExists, text));
        }
        let creation = self.shape.creation(&self.name);
        let table = catalog.create_table(&self.namespace, creation).await?;
        Ok(Begun::Created(self.catalog.clone(), table))
    }
}

impl Begun {
    /// The table.
    pub(super) fn table(&self) -> &Table {
        match self {
            Self::Existing(_, table) | Self::Created(_, table) => table,
            Self::Staged(staged) => staged.table(),
        }
    }

    /// Makes `files`, which are those in `ledger`, part of the table. If this fails, they and the
    /// table are as before, unless the error says that this is not known.
    pub(super) async fn commit(&self, files: Vec<DataFile>, ledger: &Ledger) -> Result<()> {
        let committed = match self {
            Self::Existing(catalog, _) | Self::Created(catalog, _)
                if files.is_empty() && catalog.note.summary.is_empty() =>
            {
                Ok(())
            }
            Self::Staged(staged) if files.is_empty() => staged.create_empty().await.map(drop),
            Self::Existing(catalog, table) | Self::Created(catalog, table) => {
                let commit = Commit {
                    catalog: catalog.catalog.as_ref(),
                    witness: catalog.catalog.as_ref(),
                    settles: catalog.staging.is_some(),
                    note: &catalog.note,
                };
                commit.append(table, files, ledger).await.map(drop)
            }
            Self::Staged(staged) => {
                let commit = Commit {
                    catalog: &OneTableCatalog(staged),
                    witness: staged.catalog(),
                    settles: true,
                    note: &CommitNote::default(),
                };
                commit.append(staged.table(), files, ledger).await.map(drop)
            }
        };
        match committed {
            Err(error) if error.kind() != ErrorKind::OutcomeUnknown => match self.abandon().await {
                Some(kept) => Err(error.context(kept)),
                None => Err(error),
            },
            other => other,
        }
    }

    /// Undoes the beginning, and says what could not be undone.
    pub(super) async fn abandon(&self) -> Option<String> {
        let Self::Created(catalog, table) = self else {
            return None;
        };
        let ident = table.identifier();
        let kept = catalog.catalog.drop_table(ident).await.err()?;
        Some(format!(
            "table '{ident}', made for rows that did not come, could not be dropped again: drop it \
             ({})",
            Error::from(kept)
        ))
    }
}
