// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Feature views over queries: the text is planned anew at each use, with the statement's versions of the
//! tables in it.

use std::sync::{Arc, RwLock};

use datafusion::catalog::TableProvider;
use datafusion::catalog::view::ViewTable;
use datafusion::common::{Column, Result, ScalarValue, plan_err};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::provider_as_source;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::functions_aggregate::expr_fn::max;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast;
use feast_registry::{InMemoryRegistryStore, Registry, RegistryStore, Version};

use super::context::{parse_one, plan};
use super::query_planner::FeastQueryPlanner;
use super::scope::{FeastScope, FeastShared};
use super::statement_catalogs::StatementCatalogs;
use crate::ops::{RegistryHandle, from_registry};

impl FeastScope {
    /// The rows of the query that the data source of that name is.
    pub(super) async fn query_table(
        &self,
        source: &str,
        query: &str,
    ) -> Result<Arc<dyn TableProvider>> {
        let key = format!("data source {source} over {query}");
        let Some(inside) = self.statement_catalogs().inside_query(key) else {
            return plan_err!(
                "data source {source} is a query that reads itself: it asks for a feature view that is made of it; leave that view \
                 out of the query"
            );
        };
        let (state, _) = inside.state();
        let statement = parse_one(query, &state)?;
        let is_query = match &statement {
            Statement::Statement(statement) => matches!(**statement, ast::Statement::Query(_)),
            _ => false,
        };
        if !is_query {
            return plan_err!(
                "data source {source} is no query: expected SELECT, WITH or VALUES, found {query}"
            );
        }
        let plan = Box::pin(plan(statement, &state)).await?;
        Ok(Arc::new(ViewTable::new(plan, Some(query.to_owned()))))
    }

    /// The same statement with these definitions in place of the session's.
    pub(crate) fn with_registry(&self, registry: &Registry) -> Result<Self> {
        let store = InMemoryRegistryStore::new();
        store
            .write(&registry.to_bytes(), &Version::absent())
            .map_err(from_registry)?;
        let shared = self.shared();
        let attached = shared
            .attached
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone();
        let shared = FeastShared {
            registry: RegistryHandle::new(Arc::new(store)),
            attached: RwLock::new(attached),
            project: shared.project.clone(),
            catalogs: Arc::clone(&shared.catalogs),
            runtime: Arc::clone(&shared.runtime),
            caches: Arc::clone(&shared.caches),
            repository: shared.repository.clone(),
            plain_folders: Arc::clone(&shared.plain_folders),
        };
        Ok(self.statement_catalogs().over(Arc::new(shared)).state().1)
    }

    /// The catalogs of this statement. In a session whose statements are not told apart, those of one
    /// that is made for the purpose: with the session's tables, but not its own functions.
    fn statement_catalogs(&self) -> Arc<StatementCatalogs> {
        if let Some(catalogs) = StatementCatalogs::of(self.catalogs()) {
            return catalogs;
        }
        let shared = self.shared();
        // A default catalog of its own would take the place of the session's.
        let config = self.config().clone();
        let config = config.with_create_default_catalog_and_schema(false);
        let base = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(Arc::clone(&shared.runtime))
            .with_catalog_list(Arc::clone(self.catalogs()))
            .with_default_features()
            .with_query_planner(Arc::new(FeastQueryPlanner::new(None)))
            .build();
        StatementCatalogs::new(base, Arc::clone(shared), false, self.now())
    }
}

impl FeastScope {
    /// The session as this statement sees it.
    pub(crate) fn state(&self) -> SessionState {
        self.statement_catalogs().state().0
    }

    /// The greatest value of a table's column.
    pub(crate) async fn greatest(
        &self,
        table: Arc<dyn TableProvider>,
        column: &str,
    ) -> Result<ScalarValue> {
        let column = Expr::Column(Column::from_name(column));
        let source = provider_as_source(table);
        let plan = LogicalPlanBuilder::scan("source", source, None)?
            .aggregate(Vec::<Expr>::new(), vec![max(column)])?
            .build()?;
        let batches = DataFrame::new(self.state(), plan).collect().await?;
        match batches.iter().find(|batch| batch.num_rows() > 0) {
            Some(batch) => ScalarValue::try_from_array(batch.column(0), 0),
            None => Ok(ScalarValue::Null),
        }
    }
}
