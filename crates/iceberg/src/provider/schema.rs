// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! An Iceberg namespace as a DataFusion schema.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::TableType;
use iceberg::table::Table;
use iceberg::{Catalog, NamespaceIdent, TableIdent};

use super::broken::BrokenTable;
use super::names;
use super::pins::StatementPins;
use super::table::{IcebergTableProvider, SnapshotSelector};
use crate::cache::IcebergCaches;
use crate::error::{Error, ErrorKind, Result};
use crate::storage::TableStorage;

/// Parts a table's name from that of one of its metadata tables, as in `t$snapshots`.
const METADATA_TABLE: char = '$';

/// An Iceberg namespace as a DataFusion schema; see [`IcebergCatalogProvider`].
///
/// [`IcebergCatalogProvider`]: super::IcebergCatalogProvider
pub struct IcebergSchemaProvider {
    catalog: Arc<dyn Catalog>,
    catalog_name: Arc<str>,
    namespace: NamespaceIdent,
    pins: Option<Arc<StatementPins>>,
    caches: Arc<IcebergCaches>,
}

impl IcebergSchemaProvider {
    pub(super) fn new(
        catalog: Arc<dyn Catalog>,
        catalog_name: Arc<str>,
        namespace: NamespaceIdent,
        pins: Option<Arc<StatementPins>>,
        caches: Arc<IcebergCaches>,
    ) -> Self {
        Self {
            catalog,
            catalog_name,
            namespace,
            pins,
            caches,
        }
    }

    /// The namespace.
    pub fn namespace(&self) -> &NamespaceIdent {
        &self.namespace
    }

    /// The table at the statement's version, or at the current one.
    async fn load(&self, ident: &TableIdent) -> Result<Table> {
        let load = || async { Ok(self.catalog.load_table(ident).await?) };
        match &self.pins {
            Some(pins) => {
                pins.table(&self.catalog, &self.catalog_name, ident, load)
                    .await
            }
            None => load().await,
        }
    }

    /// Keeps an error of a synchronous call for the next one that can fail.
    fn keep_error(&self, doing: &str, error: Error) {
        if let Some(pins) = &self.pins {
            let text = format!("{doing} '{}.{}'", self.catalog_name, self.namespace);
            pins.keep_error(&self.catalog, error.context(text));
        }
    }

    /// Fails if the catalog could not answer an earlier call of the statement.
    fn check_earlier(&self) -> Result<()> {
        let pins = self.pins.as_ref();
        match pins.and_then(|pins| pins.error_of(&self.catalog)) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn provider(&self, table: Table) -> DataFusionResult<IcebergTableProvider> {
        let storage = TableStorage::for_table(&table).with_caches(Arc::clone(&self.caches));
        let storage = Arc::new(storage);
        IcebergTableProvider::try_new(table, storage, SnapshotSelector::Current)
    }

    /// `cause` with the name of the table it is about.
    fn about(&self, name: &str, cause: impl Into<Error>) -> Error {
        let text = format!(
            "table '{}.{}.{name}' cannot be read",
            self.catalog_name, self.namespace
        );
        let cause = cause.into();
        Error::new(cause.kind(), text).with_source(cause)
    }
}

impl fmt::Debug for IcebergSchemaProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IcebergSchemaProvider")
            .field("catalog", &self.catalog_name)
            .field("namespace", &self.namespace.to_string())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl SchemaProvider for IcebergSchemaProvider {
    fn as_any(&self) -> &dyn Any {
        self
    }

    /// The names of all tables; none if the catalog cannot be asked, since DataFusion has no way
    /// to fail here. The statement's pins keep the reason.
    fn table_names(&self) -> Vec<String> {
        match names::wait_for(names::tables(self.catalog.as_ref(), &self.namespace)) {
            Ok(found) => found.into_iter().map(|ident| ident.name).collect(),
            Err(error) => {
                self.keep_error("cannot list the tables of", error);
                Vec::new()
            }
        }
    }

    async fn table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        self.check_earlier()?;
        if name.is_empty() || name.contains(METADATA_TABLE) {
            return Ok(None);
        }
        let ident = TableIdent::new(self.namespace.clone(), name.to_string());
        let provided = match self.load(&ident).await {
            Ok(table) => self.provider(table).map_err(|cause| {
                // A table of a kind that is refused says so itself.
                let text = format!("{}.{ident}", self.catalog_name);
                match cause {
                    DataFusionError::External(_) => cause,
                    other => other.context(format!("table '{text}'")),
                }
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => Err(self.about(name, error).into()),
        };
        match provided {
            Ok(table) => Ok(Some(Arc::new(table))),
            Err(error) if self.pins.as_ref().is_some_and(|pins| pins.is_listing()) => {
                let reason = Error::new(ErrorKind::Io, error.to_string());
                Ok(Some(Arc::new(BrokenTable::new(reason))))
            }
            Err(error) => Err(error),
        }
    }

    /// Every table is a base table; nothing is loaded to say so.
    async fn table_type(&self, name: &str) -> DataFusionResult<Option<TableType>> {
        self.check_earlier()?;
        Ok((!name.contains(METADATA_TABLE)).then_some(TableType::Base))
    }

    fn table_exist(&self, name: &str) -> bool {
        if name.is_empty() || name.contains(METADATA_TABLE) {
            return false;
        }
        let ident = TableIdent::new(self.namespace.clone(), name.to_string());
        let asked = async { Ok(self.catalog.table_exists(&ident).await?) };
        names::wait_for(asked).unwrap_or_else(|error| {
            self.keep_error(&format!("cannot look for table '{name}' in"), error);
            false
        })
    }
}
