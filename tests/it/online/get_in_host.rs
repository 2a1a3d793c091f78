// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `feast_online_get` in a session that a host made, with a query planner of its own or none.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::common::Result;
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use datafusion::prelude::SessionContext;
use datafusion_feast::{CatalogOptions, FeastOptions, SessionStateBuilderExt};
use feast_iceberg::IcebergCatalogProvider;
use feast_registry::RegistryStore;

use super::get::{QUERIES, lake, query};

/// A planner that knows nothing of ours.
#[derive(Debug)]
struct HostPlanner;

#[async_trait]
impl QueryPlanner for HostPlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        state: &SessionState,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        DefaultPhysicalPlanner::default()
            .create_physical_plan(plan, state)
            .await
    }
}

#[tokio::test]
async fn a_session_of_a_host_has_it_too() {
    let (lake, _feast) = lake().await;
    for host in [false, true] {
        let mut builder = SessionStateBuilder::new().with_default_features();
        if host {
            builder = builder.with_query_planner(Arc::new(HostPlanner));
        }
        let store = Arc::clone(&lake.store) as Arc<dyn RegistryStore>;
        let options = FeastOptions::default()
            .with_registry(store)
            .with_project("rides");
        let state = builder.with_feast(options).unwrap().build();
        let session = SessionContext::new_with_state(state);
        let path = lake.dir.path().display();
        let catalog =
            CatalogOptions::parse(&format!("lake=type=sql,uri=sqlite:///{path}/c.db")).unwrap();
        let catalog = IcebergCatalogProvider::connect(&catalog).await.unwrap();
        session.register_catalog("lake", Arc::new(catalog));
        let table = "CREATE TABLE trips (driver_id INT, city VARCHAR, n BIGINT) AS VALUES
            (1, 'Lyon', 1), (2, 'Nice', 2), (1, 'Nice', 3), (9, 'Lyon', 4), (NULL, 'Lyon', 5)";
        session.sql(table).await.unwrap().collect().await.unwrap();
        for (text, expected) in QUERIES {
            if text.contains("feast_online_lookup") {
                continue;
            }
            let frame = session.sql(&query(text)).await.unwrap();
            let found = frame.collect().await.unwrap();
            assert_eq!(&super::shown(&found), expected, "{text} ({host})");
        }
    }
}
