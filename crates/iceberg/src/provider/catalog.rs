// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! An Iceberg catalog as a DataFusion catalog.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use datafusion::catalog::{CatalogProvider, SchemaProvider};
use iceberg::{Catalog, NamespaceIdent};

use super::names;
use super::pins::StatementPins;
use super::schema::IcebergSchemaProvider;
use crate::cache::IcebergCaches;

/// An Iceberg catalog as a DataFusion catalog.
///
/// Nothing is loaded until it is named: listing asks the catalog for names, and a table is loaded
/// when a statement mentions it. What others create or commit is there at the next statement. A
/// namespace of several levels is the schema `"a.b"`.
///
/// As registered, each mention of a table loads its current version. Bound to a statement with
/// [`IcebergCatalogProvider::for_statement`], all mentions see the same one.
#[derive(Clone)]
pub struct IcebergCatalogProvider {
    catalog: Arc<dyn Catalog>,
    name: Arc<str>,
    pins: Option<Arc<StatementPins>>,
    caches: Arc<IcebergCaches>,
}

impl IcebergCatalogProvider {
    /// `catalog` under the name `name`, which is used in messages and pins.
    pub fn new(catalog: Arc<dyn Catalog>, name: &str) -> Self {
        Self {
            catalog,
            name: name.into(),
            pins: None,
            caches: Arc::default(),
        }
    }

    /// Keeps immutable files in `caches`, which other catalogs may share.
    #[must_use]
    pub fn with_caches(self, caches: Arc<IcebergCaches>) -> Self {
        Self { caches, ..self }
    }

    /// The same catalog for one statement.
    pub fn for_statement(&self, pins: Arc<StatementPins>) -> Arc<dyn CatalogProvider> {
        Arc::new(Self {
            pins: Some(pins),
            ..self.clone()
        })
    }

    /// The Iceberg catalog.
    pub fn catalog(&self) -> &Arc<dyn Catalog> {
        &self.catalog
    }

    /// The catalog's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for IcebergCatalogProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IcebergCatalogProvider")
            .field("name", &self.name)
            .field("pins", &self.pins)
            .finish_non_exhaustive()
    }
}

impl CatalogProvider for IcebergCatalogProvider {
    fn as_any(&self) -> &dyn Any {
        self
    }

    /// The names of all namespaces; none if the catalog cannot be asked, since DataFusion has no
    /// way to fail here. The statement's pins keep the reason.
    fn schema_names(&self) -> Vec<String> {
        match names::wait_for(names::namespaces(self.catalog.as_ref())) {
            Ok(found) => found.iter().map(NamespaceIdent::to_string).collect(),
            Err(error) => {
                if let Some(pins) = &self.pins {
                    let text = format!("the schemas of catalog '{}' cannot be listed", self.name);
                    pins.keep_error(&self.catalog, error.context(text));
                }
                Vec::new()
            }
        }
    }

    /// The namespace, if it exists. If the catalog cannot be asked it is taken to exist, so that
    /// the next call, for a table, says why.
    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let namespace = match names::wait_for(names::namespace(self.catalog.as_ref(), name)) {
            Ok(found) => found?,
            Err(_) => NamespaceIdent::from_strs(name.split('.')).ok()?,
        };
        Some(Arc::new(IcebergSchemaProvider::new(
            Arc::clone(&self.catalog),
            Arc::clone(&self.name),
            namespace,
            self.pins.clone(),
            Arc::clone(&self.caches),
        )))
    }
}
