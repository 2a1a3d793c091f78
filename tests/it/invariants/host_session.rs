// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Hosts: a session that has its own tables, rules, planner and catalogs keeps them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use datafusion::prelude::SessionContext;
use datafusion_feast::{CatalogOptions, FeastContext, FeastOptions, SessionStateBuilderExt};

use super::{number, rows, table};
use crate::place::Place;

/// A planner that counts its plans and knows nothing of the join.
#[derive(Debug, Default)]
struct HostPlanner {
    plans: AtomicUsize,
}

#[async_trait]
impl QueryPlanner for HostPlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        state: &SessionState,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.plans.fetch_add(1, Ordering::Relaxed);
        DefaultPhysicalPlanner::default()
            .create_physical_plan(plan, state)
            .await
    }
}

/// A rule that counts the plans it saw.
#[derive(Debug, Default)]
struct HostRule {
    plans: AtomicUsize,
}

impl OptimizerRule for HostRule {
    fn name(&self) -> &str {
        "host_rule"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        None
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        self.plans.fetch_add(1, Ordering::Relaxed);
        Ok(Transformed::no(plan))
    }
}

struct Host {
    session: SessionContext,
    planner: Arc<HostPlanner>,
    rule: Arc<HostRule>,
}

impl Host {
    async fn new() -> Self {
        let (planner, rule) = (
            Arc::new(HostPlanner::default()),
            Arc::new(HostRule::default()),
        );
        let state = SessionStateBuilder::new()
            .with_default_features()
            .with_query_planner(Arc::clone(&planner) as Arc<dyn QueryPlanner + Send + Sync>)
            .with_optimizer_rule(Arc::clone(&rule) as Arc<dyn OptimizerRule + Send + Sync>)
            .build();
        let session = SessionContext::new_with_state(state);
        for statement in [
            "CREATE TABLE stats AS SELECT column1 AS driver_id, column2::TIMESTAMP AS ts, \
             column3 AS trips FROM (VALUES (1, '2025-01-01T00:00:00', 10), \
             (1, '2025-01-02T00:00:00', 20), (2, '2025-01-01T12:00:00', 50))",
            "CREATE TABLE orders AS SELECT column1 AS driver_id, column2::TIMESTAMP AS \
             event_timestamp FROM (VALUES (1, '2025-01-01T06:00:00'), (2, '2025-01-03T00:00:00'))",
        ] {
            rows(&session, statement).await;
        }
        Self {
            session,
            planner,
            rule,
        }
    }

    /// How many plans the host's own parts have seen since the last call.
    fn seen(&self) -> (usize, usize) {
        (
            self.planner.plans.swap(0, Ordering::Relaxed),
            self.rule.plans.swap(0, Ordering::Relaxed),
        )
    }

    fn assert_seen(&self) {
        let (plans, optimized) = self.seen();
        assert!(plans > 0, "the host's planner was left out");
        assert!(optimized > 0, "the host's rule was left out");
    }
}

const DEFINITIONS: &str = r#"SELECT count(*) FROM feast_apply('{
  "entities": [{"name": "driver", "join_key": "driver_id", "type": "BIGINT"}],
  "feature_views": [{"name": "stats", "entities": ["driver"], "source": "stats", "timestamp": "ts"}]}')"#;

const JOIN: &str = "SELECT driver_id, trips FROM \
    feast_pit_join((SELECT * FROM orders WHERE driver_id < 3), features => ['stats:trips']) \
    WHERE driver_id > 0 ORDER BY driver_id";

const ANSWER: &str = "\
+-----------+-------+
| driver_id | trips |
+-----------+-------+
| 1         | 10    |
| 2         | 50    |
+-----------+-------+";

#[tokio::test]
async fn a_host_with_a_planner_and_rules_keeps_them() {
    let host = Host::new().await;
    let state = SessionStateBuilder::new_from_existing(host.session.state())
        .with_feast(FeastOptions::default())
        .unwrap()
        .build();
    let session = SessionContext::new_with_state(state);
    host.seen();
    assert_eq!(number(&session, "SELECT count(*) FROM stats").await, 3);
    host.assert_seen();
    rows(&session, DEFINITIONS).await;
    host.seen();
    assert_eq!(table(&session, JOIN).await, ANSWER);
    host.assert_seen();
    // Once more, and the host's own tables are where they were.
    assert_eq!(table(&session, JOIN).await, ANSWER);
    assert_eq!(
        number(&host.session, "SELECT count(*) FROM orders").await,
        2
    );
}

#[tokio::test]
async fn a_context_over_a_host_has_our_statements_as_well() {
    let host = Host::new().await;
    let builder = SessionStateBuilder::new_from_existing(host.session.state());
    let feast = FeastContext::builder()
        .with_session_state_builder(builder)
        .build()
        .await
        .unwrap();
    rows(&feast, "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)").await;
    rows(
        &feast,
        "CREATE FEATURE VIEW stats ENTITIES (driver) FROM stats TIMESTAMP ts",
    )
    .await;
    host.seen();
    assert_eq!(table(&feast, JOIN).await, ANSWER);
    host.assert_seen();
    // What either makes the other sees.
    rows(&feast, "CREATE TABLE made_here AS SELECT 7 AS a").await;
    assert_eq!(number(&host.session, "SELECT a FROM made_here").await, 7);
}

/// A host that reads Iceberg with iceberg-datafusion has those tables as sources, and the answers are
/// those of our own provider.
#[tokio::test]
async fn a_host_may_bring_iceberg_datafusion() {
    let place = Place::of("${LAKE}");
    let options =
        CatalogOptions::parse(&place.expand("lake=type=sql,uri=sqlite:///${LAKE}/catalog.db"))
            .unwrap();
    // It loads every table when it is made, so the broken one has to go.
    let catalog = feast_iceberg::connect(&options).await.unwrap();
    let broken = iceberg::TableIdent::from_strs(["broken", "lost_metadata"]).unwrap();
    catalog.drop_table(&broken).await.unwrap();
    let theirs = iceberg_datafusion::IcebergCatalogProvider::try_new(catalog)
        .await
        .unwrap();
    let session = SessionContext::new();
    session.register_catalog("theirs", Arc::new(theirs));
    let builder = SessionStateBuilder::new_from_existing(session.state());
    let feast = FeastContext::builder()
        .with_session_state_builder(builder)
        .with_catalog(options)
        .build()
        .await
        .unwrap();
    rows(&feast, "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)").await;
    for catalog in ["theirs", "lake"] {
        let view = format!(
            "CREATE FEATURE VIEW of_{catalog} ENTITIES (driver) FROM \
             {catalog}.features.driver_stats TIMESTAMP event_timestamp CREATED TIMESTAMP created"
        );
        rows(&feast, &view).await;
    }
    let answer = |view: &str| {
        place.expand(&format!(
            "SELECT order_id, conv_rate, acc_rate, avg_daily_trips, total_trips FROM \
             feast_pit_join('${{LAKE}}/entities.parquet', ['{view}:*']) ORDER BY order_id"
        ))
    };
    let ours = table(&feast, &answer("of_lake")).await;
    assert!(ours.contains("10042"), "{ours}");
    assert_eq!(table(&feast, &answer("of_theirs")).await, ours);
    let sources = "SELECT kind FROM feast.registry.data_sources WHERE name = 'of_theirs'";
    assert!(table(&feast, sources).await.contains("table"));
}
