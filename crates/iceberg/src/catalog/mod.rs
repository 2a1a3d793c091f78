// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Iceberg catalogs: what to connect to, and connecting.

mod options;
mod rest;
pub(crate) mod sql;

use std::sync::Arc;

pub use options::CatalogOptions;
pub use sql::SqlCatalog;

use crate::error::Result;
use options::Kind;

/// Connects to the catalog that `options` describe.
///
/// Checks that a catalog is there: an SQL catalog's file is opened and its tables are looked at, a
/// REST catalog is asked for its configuration. Nothing is created or altered.
pub async fn connect(options: &CatalogOptions) -> Result<Arc<dyn iceberg::Catalog>> {
    match options.check()? {
        Kind::Sql => Ok(Arc::new(SqlCatalog::open(options).await?)),
        Kind::Rest => Ok(Arc::new(rest::connect(options).await?)),
    }
}
