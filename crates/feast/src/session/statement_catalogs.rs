// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A session's catalogs as one statement sees them.
//!
//! Iceberg catalogs are bound to the statement's pins, so that every mention of a table reads one version of it. A view is planned
//! anew from its text, so that it sees the tables as they are. Files are tables by path.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use datafusion::catalog::view::ViewTable;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider, UrlTableFactory,
};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{DdlStatement, LogicalPlan, TableType};
use feast_iceberg::{IcebergCatalogProvider, StatementPins};

use super::path_tables::PathTables;

/// The catalogs of one statement.
pub(crate) struct StatementCatalogs {
    inner: Arc<dyn CatalogProviderList>,
    pins: Arc<StatementPins>,
    paths: Option<PathTables>,
    /// The session as the statement found it, for planning views.
    base: SessionState,
    this: Weak<Self>,
}

impl fmt::Debug for StatementCatalogs {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("StatementCatalogs")
            .field("names", &self.inner.catalog_names())
            .finish_non_exhaustive()
    }
}

impl StatementCatalogs {
    pub(crate) fn new(
        base: SessionState,
        pins: StatementPins,
        paths: Option<PathTables>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            inner: Arc::clone(base.catalog_list()),
            pins: Arc::new(pins),
            paths,
            base,
            this: Weak::clone(this),
        })
    }

    /// The session with these catalogs in place of its own.
    fn state(&self) -> Option<SessionState> {
        let this = self.this.upgrade()?;
        Some(
            SessionStateBuilder::new_from_existing(self.base.clone())
                .with_catalog_list(this as Arc<dyn CatalogProviderList>)
                .build(),
        )
    }
}

impl CatalogProviderList for StatementCatalogs {
    fn as_any(&self) -> &dyn Any {
        self
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
        if let Some(iceberg) = catalog.as_any().downcast_ref::<IcebergCatalogProvider>() {
            return Some(iceberg.for_statement(Arc::clone(&self.pins)));
        }
        Some(Arc::new(StatementCatalog {
            inner: catalog,
            list: self.this.upgrade()?,
        }))
    }
}

#[derive(Debug)]
struct StatementCatalog {
    inner: Arc<dyn CatalogProvider>,
    list: Arc<StatementCatalogs>,
}

impl CatalogProvider for StatementCatalog {
    fn as_any(&self) -> &dyn Any {
        self.inner.as_any()
    }

    fn schema_names(&self) -> Vec<String> {
        self.inner.schema_names()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let inner = self.inner.schema(name)?;
        Some(Arc::new(StatementSchema {
            inner,
            list: Arc::clone(&self.list),
        }))
    }

    fn register_schema(
        &self,
        name: &str,
        schema: Arc<dyn SchemaProvider>,
    ) -> Result<Option<Arc<dyn SchemaProvider>>> {
        self.inner.register_schema(name, schema)
    }

    fn deregister_schema(
        &self,
        name: &str,
        cascade: bool,
    ) -> Result<Option<Arc<dyn SchemaProvider>>> {
        self.inner.deregister_schema(name, cascade)
    }
}

#[derive(Debug)]
struct StatementSchema {
    inner: Arc<dyn SchemaProvider>,
    list: Arc<StatementCatalogs>,
}

impl StatementSchema {
    /// The view planned anew, or the table as it is when it is no view or has no text.
    async fn refreshed(&self, table: Arc<dyn TableProvider>) -> Result<Arc<dyn TableProvider>> {
        let Some(view) = table.as_any().downcast_ref::<ViewTable>() else {
            return Ok(table);
        };
        let (Some(definition), Some(state)) = (view.definition(), self.list.state()) else {
            return Ok(table);
        };
        match state.create_logical_plan(definition).await? {
            LogicalPlan::Ddl(DdlStatement::CreateView(create)) => Ok(Arc::new(ViewTable::new(
                Arc::unwrap_or_clone(create.input),
                Some(definition.clone()),
            ))),
            _ => Ok(table),
        }
    }
}

#[async_trait]
impl SchemaProvider for StatementSchema {
    fn as_any(&self) -> &dyn Any {
        self.inner.as_any()
    }

    fn owner_name(&self) -> Option<&str> {
        self.inner.owner_name()
    }

    fn table_names(&self) -> Vec<String> {
        self.inner.table_names()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        match (self.inner.table(name).await?, &self.list.paths) {
            (Some(table), _) => Ok(Some(self.refreshed(table).await?)),
            (None, Some(paths)) => paths.try_new(name).await,
            (None, None) => Ok(None),
        }
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        self.inner.table_type(name).await
    }

    fn register_table(
        &self,
        name: String,
        table: Arc<dyn TableProvider>,
    ) -> Result<Option<Arc<dyn TableProvider>>> {
        self.inner.register_table(name, table)
    }

    fn deregister_table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        self.inner.deregister_table(name)
    }

    fn table_exist(&self, name: &str) -> bool {
        self.inner.table_exist(name)
    }
}
