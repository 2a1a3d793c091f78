// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A session's catalogs as one statement sees them.
//!
//! Iceberg catalogs are bound to the statement's pins, so that every mention of a table reads one version of it. A view is planned
//! anew from its text, so that it sees the tables as they are. Files are tables by path.

use std::any::Any;
use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use datafusion::catalog::view::ViewTable;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider, UrlTableFactory,
};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{DdlStatement, LogicalPlan, TableType};
use feast_iceberg::{IcebergCatalogProvider, StatementPins};

use super::install::bind_functions;
use super::path_tables::PathTables;
use super::scope::{FeastScope, FeastShared, Statement};

/// The catalogs of one statement.
pub(crate) struct StatementCatalogs {
    inner: Arc<dyn CatalogProviderList>,
    pins: Arc<StatementPins>,
    listing: bool,
    paths: PathTables,
    /// The session as the statement found it, for planning views.
    base: SessionState,
    shared: Arc<FeastShared>,
    statement: Statement,
    /// The views whose text is being planned, and those met again in it.
    views: Vec<String>,
    met_again: Arc<Mutex<HashSet<String>>>,
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
    /// The catalogs of one statement; in one that lists columns, a table or view that cannot be read has none.
    pub(crate) fn new(
        base: SessionState,
        shared: Arc<FeastShared>,
        listing: bool,
        now: DateTime<Utc>,
    ) -> Arc<Self> {
        let paths = PathTables {
            config: base.config().clone(),
            runtime: Arc::clone(base.runtime_env()),
        };
        Arc::new_cyclic(|this| Self {
            inner: Arc::clone(base.catalog_list()),
            pins: Arc::new(if listing {
                StatementPins::for_listing()
            } else {
                StatementPins::new()
            }),
            listing,
            paths,
            base,
            shared,
            statement: Statement::new(now),
            views: Vec::new(),
            met_again: Arc::default(),
            this: Weak::clone(this),
        })
    }

    fn met_again(&self) -> MutexGuard<'_, HashSet<String>> {
        self.met_again
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The session with these catalogs in place of its own, and functions that see them.
    pub(crate) fn state(self: &Arc<Self>) -> (SessionState, FeastScope) {
        let catalogs = Arc::clone(self) as Arc<dyn CatalogProviderList>;
        let scope = self.scope();
        let mut builder =
            SessionStateBuilder::new_from_existing(self.base.clone()).with_catalog_list(catalogs);
        bind_functions(&mut builder, &scope);
        (builder.build(), scope)
    }

    /// The statement alone.
    pub(crate) fn scope(self: &Arc<Self>) -> FeastScope {
        FeastScope::new(
            Arc::clone(&self.shared),
            Arc::clone(self) as Arc<dyn CatalogProviderList>,
            self.base.config().clone(),
            Some(self.statement.clone()),
        )
    }

    /// The catalogs of a statement, if they are that.
    pub(super) fn of(catalogs: &Arc<dyn CatalogProviderList>) -> Option<Arc<Self>> {
        let catalogs = catalogs.as_any().downcast_ref::<Self>()?;
        catalogs.this.upgrade()
    }

    /// The same statement inside a query that a feature view is made of; `None` when it is inside of
    /// that already.
    pub(super) fn inside_query(&self, query: String) -> Option<Arc<Self>> {
        (!self.views.contains(&query)).then(|| self.inside(&query))
    }

    /// The same statement with other definitions.
    pub(super) fn over(&self, shared: Arc<FeastShared>) -> Arc<Self> {
        self.with(shared, self.views.clone())
    }

    /// The first error of listing a catalog in this statement, if there was one.
    pub(crate) fn take_error(&self) -> Option<DataFusionError> {
        self.pins.take_error().map(DataFusionError::from)
    }

    /// The same statement inside the text of a view.
    fn inside(&self, view: &str) -> Arc<Self> {
        let mut views = self.views.clone();
        views.push(view.to_owned());
        self.with(Arc::clone(&self.shared), views)
    }

    fn with(&self, shared: Arc<FeastShared>, views: Vec<String>) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            inner: Arc::clone(&self.inner),
            pins: Arc::clone(&self.pins),
            listing: self.listing,
            paths: self.paths.clone(),
            base: self.base.clone(),
            shared,
            statement: self.statement.clone(),
            views,
            met_again: Arc::clone(&self.met_again),
            this: Weak::clone(this),
        })
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
            name: name.to_owned(),
            inner: catalog,
            list: self.this.upgrade()?,
        }))
    }
}

#[derive(Debug)]
struct StatementCatalog {
    name: String,
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
            name: format!("{}.{name}", self.name),
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
    name: String,
    inner: Arc<dyn SchemaProvider>,
    list: Arc<StatementCatalogs>,
}

impl StatementSchema {
    /// The view planned anew, or the table as it is when it is no view or has no text.
    ///
    /// A view that took the name of a table it reads would be met in its own text again and again. Such a one keeps the plan it was
    /// created with, which holds that table.
    async fn refreshed(
        &self,
        name: &str,
        table: Arc<dyn TableProvider>,
    ) -> Result<Arc<dyn TableProvider>> {
        let Some(view) = table.as_any().downcast_ref::<ViewTable>() else {
            return Ok(table);
        };
        let Some(definition) = view.definition() else {
            return Ok(table);
        };
        let name = format!("{}.{name}", self.name);
        if self.list.views.contains(&name) {
            self.list.met_again().insert(name);
            return Ok(table);
        }
        let (state, _) = self.list.inside(&name).state();
        let plan = match state.create_logical_plan(definition).await {
            Err(_) if self.list.listing => return Ok(table),
            plan => plan?,
        };
        if self.list.met_again().contains(&name) {
            return Ok(table);
        }
        match plan {
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
        match self.inner.table(name).await? {
            Some(table) => Ok(Some(self.refreshed(name, table).await?)),
            None => self.list.paths.try_new(name).await,
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
