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
use super::known::{KnownTables, Staleness};
use super::metadata_name::{Meaning, Suffixed, suffixed, unknown};
use super::names;
use super::pins::StatementPins;
use super::select::SnapshotSelector;
use super::table::IcebergTableProvider;
use crate::cache::IcebergCaches;
use crate::catalog::SqlCatalog;
use crate::error::{Error, ErrorKind, Result};
use crate::metadata_tables::IcebergMetadataTable;
use crate::storage::TableStorage;
use crate::write::WriteCatalog;

/// An Iceberg namespace as a DataFusion schema; see [`IcebergCatalogProvider`].
///
/// [`IcebergCatalogProvider`]: super::IcebergCatalogProvider
pub struct IcebergSchemaProvider {
    catalog: Arc<dyn Catalog>,
    catalog_name: Arc<str>,
    namespace: NamespaceIdent,
    pins: Option<Arc<StatementPins>>,
    caches: Arc<IcebergCaches>,
    staging: Option<SqlCatalog>,
    /// The tables to read while the catalog does not answer.
    known: Option<(Arc<KnownTables>, Staleness)>,
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
            staging: None,
            known: None,
        }
    }

    /// The same; `staging` is the catalog, if it can make a table with what is in it.
    pub(super) fn with_staging(self, staging: Option<SqlCatalog>) -> Self {
        Self { staging, ..self }
    }

    /// The same for reads that may go on while the catalog does not answer.
    pub(super) fn with_known(self, known: Option<(Arc<KnownTables>, Staleness)>) -> Self {
        Self { known, ..self }
    }

    /// The namespace.
    pub fn namespace(&self) -> &NamespaceIdent {
        &self.namespace
    }

    /// The table at the statement's version, or at the current one.
    async fn load(&self, ident: &TableIdent) -> Result<Table> {
        let ask = || async { Ok(self.catalog.load_table(ident).await?) };
        let load = || async {
            match &self.known {
                Some((known, staleness)) => known.table(ident, staleness, ask()).await,
                None => ask().await,
            }
        };
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

    fn storage(&self, table: &Table) -> Arc<TableStorage> {
        Arc::new(TableStorage::for_table(table).with_caches(Arc::clone(&self.caches)))
    }

    /// The table of this very name; None if there is none.
    pub(super) async fn named(&self, name: &str) -> DataFusionResult<Option<IcebergTableProvider>> {
        let ident = TableIdent::new(self.namespace.clone(), name.to_string());
        match self.load(&ident).await {
            Ok(table) => {
                let storage = self.storage(&table);
                let provided =
                    IcebergTableProvider::try_new(table, storage, SnapshotSelector::Current);
                let catalog = WriteCatalog {
                    catalog: Arc::clone(&self.catalog),
                    staging: self.staging.clone(),
                    note: Arc::default(),
                };
                provided
                    .map(|table| Some(table.with_catalog(catalog)))
                    .map_err(|cause| self.refused(&ident, cause))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.about(name, error).into()),
        }
    }

    /// A metadata table of a table; None if there is no such table.
    async fn metadata_table(
        &self,
        name: &str,
        meaning: Meaning,
    ) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        let kind = match meaning {
            Meaning::Metadata(kind) => kind,
            Meaning::Rows => {
                let Some(table) = self.named(name).await? else {
                    return Ok(None);
                };
                return Ok(Some(Arc::new(table.with_path_column()?)));
            }
        };
        let ident = TableIdent::new(self.namespace.clone(), name.to_string());
        let table = match self.load(&ident).await {
            Ok(table) => table,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.about(name, error).into()),
        };
        let storage = self.storage(&table);
        let shown = IcebergMetadataTable::try_new(table, storage, kind, &SnapshotSelector::Current);
        let shown = shown.map_err(|cause| self.refused(&ident, cause))?;
        Ok(Some(Arc::new(shown)))
    }

    /// The table or metadata table called `name`.
    async fn find(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        let suffixed = suffixed(name);
        if let Some((table, meaning)) = suffixed.and_then(|s| Some((s.table, s.meaning?)))
            && let Some(found) = self.metadata_table(table, meaning).await?
        {
            return Ok(Some(found));
        }
        if let Some(table) = self.named(name).await? {
            return Ok(Some(Arc::new(table)));
        }
        match suffixed {
            Some(Suffixed {
                table,
                suffix,
                meaning: None,
            }) if self.exists(table).await? => Err(unknown(table, suffix).into()),
            _ => Ok(None),
        }
    }

    async fn exists(&self, name: &str) -> Result<bool> {
        let ident = TableIdent::new(self.namespace.clone(), name.to_string());
        names::table_exists(self.catalog.as_ref(), &ident, names::PATIENCE).await
    }

    /// `cause` with the table's name, unless it is an error of ours, which says it.
    fn refused(&self, ident: &TableIdent, cause: DataFusionError) -> DataFusionError {
        match cause {
            DataFusionError::External(_) => cause,
            other => other.context(format!("table '{}.{ident}'", self.catalog_name)),
        }
    }

    /// `cause` with the name of the table it is about.
    fn about(&self, name: &str, cause: impl Into<Error>) -> Error {
        let text = format!(
            "table '{}.{}.{name}' cannot be read",
            self.catalog_name, self.namespace
        );
        let cause = cause.into();
        let cause = match unparsed(&cause) {
            true => cause.context(
                "its metadata has something that is not supported: columns of type variant, \
                 geometry, geography or unknown, encryption, a format version above 3, or ids \
                 beyond 64 bits",
            ),
            false => cause,
        };
        Error::new(cause.kind(), text).with_source(cause)
    }
}

/// Whether a catalog gave metadata that could not be parsed; the parser does not say why.
fn unparsed(cause: &Error) -> bool {
    cause
        .to_string()
        .contains("untagged enum TableMetadataEnum")
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
        let (catalog, namespace) = (self.catalog.as_ref(), &self.namespace);
        match names::wait_for(names::tables(catalog, namespace, names::PATIENCE)) {
            Ok(found) => found.into_iter().map(|ident| ident.name).collect(),
            Err(error) => {
                self.keep_error("cannot list the tables of", error);
                Vec::new()
            }
        }
    }

    async fn table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        self.check_earlier()?;
        if name.is_empty() {
            return Ok(None);
        }
        match self.find(name).await {
            Err(error) if self.pins.as_ref().is_some_and(|pins| pins.is_listing()) => {
                let reason = Error::new(ErrorKind::Io, error.to_string());
                Ok(Some(Arc::new(BrokenTable::new(reason))))
            }
            found => found,
        }
    }

    /// Every table is a base table; nothing is loaded to say so.
    async fn table_type(&self, name: &str) -> DataFusionResult<Option<TableType>> {
        self.check_earlier()?;
        let of = suffixed(name).and_then(|suffixed| suffixed.meaning);
        Ok(Some(match of {
            Some(Meaning::Metadata(_)) => TableType::View,
            Some(Meaning::Rows) | None => TableType::Base,
        }))
    }

    fn table_exist(&self, name: &str) -> bool {
        if name.is_empty() {
            return false;
        }
        let asked = async {
            if let Some((table, _)) = suffixed(name).and_then(|s| Some((s.table, s.meaning?)))
                && self.exists(table).await?
            {
                return Ok(true);
            }
            self.exists(name).await
        };
        names::wait_for(asked).unwrap_or_else(|error| {
            self.keep_error(&format!("cannot look for table '{name}' in"), error);
            false
        })
    }

    /// Takes the table out of the catalog; its files stay.
    fn deregister_table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        let ident = TableIdent::new(self.namespace.clone(), name.to_string());
        let dropped = async { Ok(self.catalog.drop_table(&ident).await?) };
        names::wait_for(dropped).map_err(|error| {
            let text = format!("table '{}.{ident}' cannot be dropped", self.catalog_name);
            Error::new(error.kind(), text).with_source(error)
        })?;
        Ok(None)
    }
}
