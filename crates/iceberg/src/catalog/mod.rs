// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Iceberg catalogs: what to connect to, and connecting.

mod one_table;
mod options;
mod rest;
pub(crate) mod sql;

use std::sync::Arc;

pub(crate) use one_table::{CommitTable, OneTableCatalog};
pub use options::CatalogOptions;
pub use sql::SqlCatalog;

use crate::error::Result;
use options::Kind;

/// Connects to the catalog that `options` describe.
///
/// Checks that a catalog is there: an SQL catalog's file is opened and its tables are looked at, a
/// REST catalog is asked for its configuration. Nothing is created or altered.
pub async fn connect(options: &CatalogOptions) -> Result<Arc<dyn iceberg::Catalog>> {
    Ok(open(options).await?.catalog)
}

/// A catalog, and the same if it can make a table together with what is in it.
pub(crate) struct Connected {
    pub(crate) catalog: Arc<dyn iceberg::Catalog>,
    pub(crate) staging: Option<SqlCatalog>,
}

/// Connects as [`connect`] does.
pub(crate) async fn open(options: &CatalogOptions) -> Result<Connected> {
    match options.check()? {
        Kind::Sql => {
            let catalog = SqlCatalog::open(options).await?;
            Ok(Connected {
                catalog: Arc::new(catalog.clone()),
                staging: Some(catalog),
            })
        }
        Kind::Rest => Ok(Connected {
            catalog: Arc::new(rest::RestCatalog::connect(options).await?),
            staging: None,
        }),
    }
}
