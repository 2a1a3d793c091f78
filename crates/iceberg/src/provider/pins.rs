// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! One statement sees one version of each table.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use iceberg::table::Table;
use iceberg::{Catalog, TableIdent};
use tokio::sync::OnceCell;

use crate::error::{Error, Result};

/// The address of a catalog, since two may have one name; its name, and the table.
type Key = (usize, String, TableIdent);

/// A table's version, and the catalog it is from: as long as that is held, no other one gets its
/// address.
struct Pin {
    _catalog: Arc<dyn Catalog>,
    version: Arc<OnceCell<Table>>,
}

/// The versions of tables that one statement sees, filled as it meets them, and what went wrong
/// where DataFusion takes no error.
///
/// Bind catalogs to it with [`IcebergCatalogProvider::for_statement`]; make a new one for each
/// statement.
///
/// [`IcebergCatalogProvider::for_statement`]: super::IcebergCatalogProvider::for_statement
#[derive(Default)]
pub struct StatementPins {
    tables: Mutex<HashMap<Key, Pin>>,
    /// The first error of each catalog.
    errors: Mutex<Vec<(Arc<dyn Catalog>, Error)>>,
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
            listing: true,
            ..Self::default()
        }
    }

    /// The first error of a catalog that was asked for names and could not say so, since
    /// DataFusion's listings have no way to fail; it is kept no longer. Ask for it after planning
    /// and after running a statement: with such an error, an empty answer is no answer.
    pub fn take_error(&self) -> Option<Error> {
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        (!errors.is_empty()).then(|| errors.remove(0).1)
    }

    /// Keeps what kept `catalog` from listing names.
    pub(super) fn keep_error(&self, catalog: &Arc<dyn Catalog>, error: Error) {
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        if errors.iter().all(|(it, _)| address(it) != address(catalog)) {
            errors.push((Arc::clone(catalog), error));
        }
    }

    /// What kept `catalog` from listing names, if anything did.
    pub(super) fn error_of(&self, catalog: &Arc<dyn Catalog>) -> Option<Error> {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let mut errors = errors.iter();
        let found = errors.find(|(it, _)| address(it) == address(catalog))?;
        Some(found.1.clone())
    }

    /// Whether broken tables are to be shown instead of failing.
    pub(super) fn is_listing(&self) -> bool {
        self.listing
    }

    /// The pinned version of the table, loaded by `load` if it is met for the first time. When
    /// several ask at once, one loads. A failure pins nothing.
    pub(super) async fn table<F>(
        &self,
        catalog: &Arc<dyn Catalog>,
        name: &str,
        ident: &TableIdent,
        load: impl FnOnce() -> F + Send,
    ) -> Result<Table>
    where
        F: Future<Output = Result<Table>> + Send,
    {
        let cell = {
            let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (address(catalog), name.to_string(), ident.clone());
            let pin = tables.entry(key).or_insert_with(|| Pin {
                _catalog: Arc::clone(catalog),
                version: Arc::default(),
            });
            Arc::clone(&pin.version)
        };
        cell.get_or_try_init(load).await.cloned()
    }
}

fn address(catalog: &Arc<dyn Catalog>) -> usize {
    Arc::as_ptr(catalog).cast::<()>() as usize
}

impl fmt::Debug for StatementPins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pinned: Vec<String> = tables
            .iter()
            .filter_map(|((_, catalog, ident), pin)| {
                let file = pin
                    .version
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
