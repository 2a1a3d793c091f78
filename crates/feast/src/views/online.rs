// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The online tables, as the table `feast.online.status`: a row a feature view that is served online.
//!
//! It is read-only and read from the metadata of the tables at each use; the columns are described in
//! `ops/online_status.rs`.

use std::any::Any;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, Session, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use crate::ops::{OnlineStatusRows, OpTableProvider};
use crate::session::{FeastScope, FeastShared};

/// The name of the table.
const STATUS: &str = "status";

/// The schema `feast.online`.
#[derive(Debug)]
pub(super) struct OnlineSchema {
    pub(super) shared: Arc<FeastShared>,
}

#[async_trait]
impl SchemaProvider for OnlineSchema {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn table_names(&self) -> Vec<String> {
        vec![STATUS.to_owned()]
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let status = || {
            let shared = Arc::clone(&self.shared);
            Arc::new(StatusTable { shared }) as Arc<dyn TableProvider>
        };
        Ok((name == STATUS).then(status))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok((name == STATUS).then_some(TableType::View))
    }

    fn table_exist(&self, name: &str) -> bool {
        name == STATUS
    }
}

/// The table: where online tables are is a setting of the session that reads it.
#[derive(Debug)]
struct StatusTable {
    shared: Arc<FeastShared>,
}

#[async_trait]
impl TableProvider for StatusTable {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> SchemaRef {
        OnlineStatusRows::result_schema()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (shared, config) = (Arc::clone(&self.shared), session.config().clone());
        let catalogs = Arc::clone(&shared.catalogs);
        let scope = FeastScope::new(shared, catalogs, config, None);
        let now = session.execution_props().query_execution_start_time;
        let rows = OnlineStatusRows {
            now: now.unwrap_or_else(|| scope.now()),
            scope,
        };
        let table = OpTableProvider::new(Arc::new(rows));
        table.scan(session, projection, filters, limit).await
    }
}
