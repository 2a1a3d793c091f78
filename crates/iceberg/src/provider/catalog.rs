// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! An Iceberg catalog as a DataFusion catalog.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::error::Result as DataFusionResult;
use iceberg::{Catalog, NamespaceIdent};

use super::known::{KnownTables, Staleness};
use super::names;
use super::pins::StatementPins;
use super::schema::IcebergSchemaProvider;
use super::table::IcebergTableProvider;
use crate::cache::IcebergCaches;
use crate::catalog::{CatalogOptions, SqlCatalog, open};
use crate::error::{Error, ErrorKind, Result};
use crate::write::WriteCatalog;

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
    staging: Option<SqlCatalog>,
    known: Arc<KnownTables>,
    staleness: Option<Staleness>,
}

impl IcebergCatalogProvider {
    /// `catalog` under the name `name`, which is used in messages and pins.
    pub fn new(catalog: Arc<dyn Catalog>, name: &str) -> Self {
        Self {
            catalog,
            name: name.into(),
            pins: None,
            caches: Arc::default(),
            staging: None,
            known: Arc::default(),
            staleness: None,
        }
    }

    /// Connects to the catalog that `options` describe, under its name.
    ///
    /// Other than with [`connect`](crate::connect), a new table in an SQL catalog is there only
    /// together with its first rows.
    pub async fn connect(options: &CatalogOptions) -> Result<Self> {
        let connected = open(options).await?;
        let provider = Self::new(connected.catalog, &options.name);
        Ok(Self {
            staging: connected.staging,
            ..provider
        })
    }

    /// How tables of this catalog are written.
    pub(crate) fn write_catalog(&self) -> WriteCatalog {
        WriteCatalog {
            catalog: Arc::clone(&self.catalog),
            staging: self.staging.clone(),
            note: Arc::default(),
        }
    }

    /// The same catalog for no statement: each mention of a table loads its current version.
    #[must_use]
    pub fn unpinned(&self) -> Self {
        Self {
            pins: None,
            ..self.clone()
        }
    }

    /// The same catalog for reads that may go on for a while when it does not answer: its tables are
    /// then those that it gave last to such reads, of whichever copy of this provider.
    #[must_use]
    pub fn with_staleness(&self, staleness: Staleness) -> Self {
        Self {
            staleness: Some(staleness),
            ..self.clone()
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

    /// Keeps why namespaces cannot be listed for the next call that can fail.
    fn keep_error(&self, error: Error) {
        let text = format!("the schemas of catalog '{}' cannot be listed", self.name);
        self.keep(error.context(text));
    }

    /// Keeps an error of a synchronous call for the next one that can fail.
    fn keep(&self, error: Error) {
        if let Some(pins) = &self.pins {
            pins.keep_error(&self.catalog, error);
        }
    }

    /// The namespace that is meant by the name of a schema.
    async fn namespace(&self, name: &str) -> Result<Option<NamespaceIdent>> {
        names::namespace(self.catalog.as_ref(), name, names::PATIENCE).await
    }

    /// `cause` with what could not be done to a namespace.
    fn about(&self, namespace: &str, done: &str, cause: Error) -> Error {
        let text = format!("schema '{}.{namespace}' cannot be {done}", self.name);
        Error::new(cause.kind(), text).with_source(cause)
    }

    /// The Iceberg catalog.
    pub fn catalog(&self) -> &Arc<dyn Catalog> {
        &self.catalog
    }

    /// The table of this very name in a namespace, whose levels are separated by dots; None if
    /// there is none. The catalog is asked for nothing but the table: one request.
    pub async fn table(
        &self,
        namespace: &str,
        name: &str,
    ) -> DataFusionResult<Option<IcebergTableProvider>> {
        let namespace = NamespaceIdent::from_strs(namespace.split('.')).map_err(Error::from)?;
        self.in_namespace(namespace).named(name).await
    }

    /// What SQL calls `name` in a namespace, metadata tables included; None if there is none, or no such namespace. Other than
    /// through [`schema`](CatalogProvider::schema), the catalog is not asked for the namespace first. Dots part its levels.
    ///
    /// # Errors
    ///
    /// Those of loading the table.
    pub async fn find(
        &self,
        namespace: &str,
        name: &str,
    ) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        match NamespaceIdent::from_strs(namespace.split('.')) {
            Ok(levels) if levels.iter().all(|level| !level.is_empty()) => {
                self.in_namespace(levels).table(name).await
            }
            _ => Ok(None),
        }
    }

    fn in_namespace(&self, namespace: NamespaceIdent) -> IcebergSchemaProvider {
        let schema = IcebergSchemaProvider::new(
            Arc::clone(&self.catalog),
            Arc::clone(&self.name),
            namespace,
            self.pins.clone(),
            Arc::clone(&self.caches),
        );
        let known = self.staleness.map(|it| (Arc::clone(&self.known), it));
        schema.with_staging(self.staging.clone()).with_known(known)
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
        match names::wait_for(names::namespaces(self.catalog.as_ref(), names::PATIENCE)) {
            Ok((found, failed)) => {
                if let Some(error) = failed {
                    self.keep_error(error);
                }
                found.iter().map(NamespaceIdent::to_string).collect()
            }
            Err(error) => {
                self.keep_error(error);
                Vec::new()
            }
        }
    }

    /// The namespace, if it exists. If the catalog cannot be asked, or does not answer for a minute, it is
    /// taken to exist, so that the next call, for a table, says why.
    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let known = self.staleness.and_then(|_| self.known.namespace(name));
        let namespace = match known {
            Some(known) => known,
            None => match names::wait_for(self.namespace(name)) {
                Ok(found) => found?,
                Err(error) => {
                    // A catalog that may stand back behind what is known of its tables is asked again.
                    if self.staleness.is_none() {
                        let text = format!("schema '{}.{name}' cannot be looked for", self.name);
                        self.keep(error.context(text));
                    }
                    NamespaceIdent::from_strs(name.split('.')).ok()?
                }
            },
        };
        Some(Arc::new(self.in_namespace(namespace)))
    }

    /// Makes the namespace; what `_schema` is does not matter.
    fn register_schema(
        &self,
        name: &str,
        _schema: Arc<dyn SchemaProvider>,
    ) -> DataFusionResult<Option<Arc<dyn SchemaProvider>>> {
        let made = async {
            let namespace = NamespaceIdent::from_strs(name.split('.'))?;
            self.catalog
                .create_namespace(&namespace, HashMap::new())
                .await?;
            Ok(())
        };
        names::wait_for(made).map_err(|error| self.about(name, "made", error))?;
        Ok(None)
    }

    /// Drops the namespace, which has to be empty.
    fn deregister_schema(
        &self,
        name: &str,
        cascade: bool,
    ) -> DataFusionResult<Option<Arc<dyn SchemaProvider>>> {
        if cascade {
            let text = "DROP SCHEMA … CASCADE is not supported: drop its tables first";
            return Err(self
                .about(name, "dropped", Error::new(ErrorKind::Unsupported, text))
                .into());
        }
        let Some(schema) = self.schema(name) else {
            return Ok(None);
        };
        let dropped = async {
            let Some(namespace) = self.namespace(name).await? else {
                return Ok(());
            };
            Ok(self.catalog.drop_namespace(&namespace).await?)
        };
        names::wait_for(dropped).map_err(|error| self.about(name, "dropped", error))?;
        Ok(Some(schema))
    }
}
