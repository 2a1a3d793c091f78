// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! One statement sees one version of each table.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use iceberg::TableIdent;
use iceberg::table::Table;
use tokio::sync::OnceCell;

use crate::error::Result;

type Key = (String, TableIdent);

/// The versions of tables that one statement sees, filled as it meets them.
///
/// Bind catalogs to it with [`IcebergCatalogProvider::for_statement`]; make a new one for each
/// statement.
///
/// [`IcebergCatalogProvider::for_statement`]: super::IcebergCatalogProvider::for_statement
#[derive(Default)]
pub struct StatementPins {
    tables: Mutex<HashMap<Key, Arc<OnceCell<Table>>>>,
    listing: bool,
}

impl StatementPins {
    /// No table is pinned yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Pins for a statement that only lists what there is (`information_schema`): a table that
    /// cannot be loaded becomes a [`BrokenTable`] instead of failing the listing.
    ///
    /// [`BrokenTable`]: super::BrokenTable
    pub fn for_listing() -> Self {
        Self {
            tables: Mutex::default(),
            listing: true,
        }
    }

    /// Whether broken tables are to be shown instead of failing.
    pub(super) fn is_listing(&self) -> bool {
        self.listing
    }

    /// The pinned version of the table, loaded by `load` if it is met for the first time. When
    /// several ask at once, one loads. A failure pins nothing.
    pub(super) async fn table<F>(
        &self,
        catalog: &str,
        ident: &TableIdent,
        load: impl FnOnce() -> F + Send,
    ) -> Result<Table>
    where
        F: Future<Output = Result<Table>> + Send,
    {
        let cell = {
            let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (catalog.to_string(), ident.clone());
            Arc::clone(tables.entry(key).or_default())
        };
        cell.get_or_try_init(load).await.cloned()
    }
}

impl fmt::Debug for StatementPins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pinned: Vec<String> = tables
            .iter()
            .filter_map(|((catalog, ident), cell)| {
                let file = cell
                    .get()?
                    .metadata_location()
                    .unwrap_or_default()
                    .to_string();
                Some(format!("{catalog}.{ident} at {file}"))
            })
            .collect();
        pinned.sort();
        f.debug_struct("StatementPins")
            .field("tables", &pinned)
            .finish()
    }
}
