// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The catalogs of a statement for lookups that may go on while an Iceberg catalog does not answer.

use std::any::Any;
use std::sync::Arc;

use datafusion::catalog::{CatalogProvider, CatalogProviderList};
use feast_iceberg::{IcebergCatalogProvider, Staleness};

use super::scope::FeastScope;

#[derive(Debug)]
struct StaleCatalogs {
    inner: Arc<dyn CatalogProviderList>,
    staleness: Staleness,
}

impl CatalogProviderList for StaleCatalogs {
    /// What asks for the statement's own catalogs finds them.
    fn as_any(&self) -> &dyn Any {
        self.inner.as_any()
    }

    fn register_catalog(
        &self,
        name: String,
        catalog: Arc<dyn CatalogProvider>,
    ) -> Option<Arc<dyn CatalogProvider>> {
        self.inner.register_catalog(name, catalog)
    }

    fn catalog_names(&self) -> Vec<String> {
        self.inner.catalog_names()
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        let catalog = self.inner.catalog(name)?;
        match catalog.as_any().downcast_ref::<IcebergCatalogProvider>() {
            Some(iceberg) => Some(Arc::new(iceberg.with_staleness(self.staleness))),
            None => Some(catalog),
        }
    }
}

impl FeastScope {
    /// The same statement for a lookup: while an Iceberg catalog does not answer, its tables are
    /// those that it gave to lookups of this session within `feast.online.max_staleness_ms`.
    pub(crate) fn allowing_staleness(&self) -> Self {
        let Some(staleness) = self.online_settings().staleness(self.now()) else {
            return self.clone();
        };
        self.with_catalogs(Arc::new(StaleCatalogs {
            inner: Arc::clone(self.catalogs()),
            staleness,
        }))
    }
}
