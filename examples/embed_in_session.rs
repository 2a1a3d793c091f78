// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Adds the feature store to a session that an application has built for itself.
//!
//! The application's session has a table, an optimizer rule and a query planner of its own. All three
//! work as before, also inside of a point-in-time join:
//!
//! ```text
//!   feast_pit_join((SELECT … FROM shifts WHERE city = '$home'), ['driver_stats:conv_rate'])
//!                                  │                  │
//!                 a node that only the host's planner knows
//!                                                     └── a constant that only the host's rule knows
//! ```
//!
//! `SessionContext::sql` is DataFusion's, and so is the parser behind it: statements such as
//! `CREATE FEATURE VIEW` need `FeastContext::sql`. Here `feast_apply` does what they do.
//!
//! Run it with `cargo run --example embed_in_session`.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::assert_batches_eq;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, DFSchemaRef, Result};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{
    Expr, Extension, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore, lit,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use datafusion::prelude::SessionContext;
use datafusion_feast::{FeastOptions, SessionStateBuilderExt};

/// 2026-03-01T12:00:00Z
const NOON: i64 = 1_772_366_400_000_000;
const HOUR: i64 = 3_600_000_000;

/// The application's definitions; the statements of the shell as one JSON text.
const DEFINITIONS: &str = r#"{
  "entities": [{"name": "driver", "join_key": "driver_id", "type": "BIGINT"}],
  "feature_views": [{
    "name": "driver_stats", "entities": ["driver"], "source": "driver_figures",
    "features": [{"name": "conv_rate", "type": "DOUBLE"}], "timestamp": "at", "ttl": "1 day"}]
}"#;

#[tokio::main]
async fn main() -> Result<()> {
    let host = host_session().await?;

    // The one line that is ours: everything the host has installed stays where it is.
    let state = SessionStateBuilder::new_from_existing(host.state())
        .with_feast(FeastOptions::default())?
        .build();
    let session = SessionContext::new_with_state(state);

    let applied = session
        .sql(&format!("SELECT * FROM feast_apply('{DEFINITIONS}')"))
        .await?;
    println!("{}", pretty_format_batches(&applied.collect().await?)?);

    let training_set = session
        .sql(
            "SELECT driver_id, event_timestamp, conv_rate FROM feast_pit_join(
               entities => (SELECT driver_id, event_timestamp FROM shifts WHERE city = '$home'),
               features => ['driver_stats:conv_rate']) ORDER BY driver_id, event_timestamp",
        )
        .await?
        .collect()
        .await?;
    println!("{}", pretty_format_batches(&training_set)?);
    assert_batches_eq!(
        [
            "+-----------+---------------------+-----------+",
            "| driver_id | event_timestamp     | conv_rate |",
            "+-----------+---------------------+-----------+",
            "| 1001      | 2026-03-01T12:00:00 | 0.6       |",
            "| 1001      | 2026-03-01T14:00:00 | 0.9       |",
            "+-----------+---------------------+-----------+",
        ],
        &training_set
    );

    // Without a join the host's planner and rule do what they always did.
    let shifts = session
        .sql("SELECT city FROM shifts WHERE city = '$home'")
        .await?;
    assert_eq!(shifts.count().await?, 2);
    assert_eq!(host.table("driver_figures").await?.count().await?, 3);
    println!("the host's table, rule and planner still work");
    Ok(())
}

/// What the application had before: a table, a rule, a planner and a view that needs the planner.
async fn host_session() -> Result<SessionContext> {
    let state = SessionStateBuilder::new()
        .with_default_features()
        .with_optimizer_rule(Arc::new(KnowsHome))
        .with_query_planner(Arc::new(HostPlanner))
        .build();
    let host = SessionContext::new_with_state(state);
    host.sql(
        "CREATE TABLE driver_figures (driver_id BIGINT, at TIMESTAMP, conv_rate DOUBLE) AS VALUES
           (1001, '2026-03-01T11:00:00', 0.6),
           (1001, '2026-03-01T13:00:00', 0.9),
           (1002, '2026-03-01T11:00:00', 0.3)",
    )
    .await?;
    let shifts = LogicalPlan::Extension(Extension {
        node: Arc::new(Shifts::try_new()?),
    });
    host.register_table("shifts", DataFrame::new(host.state(), shifts).into_view())?;
    Ok(host)
}

/// An optimizer rule of the host: `'$home'` stands for the city it runs in.
#[derive(Debug)]
struct KnowsHome;

impl OptimizerRule for KnowsHome {
    fn name(&self) -> &'static str {
        "knows_home"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        // Only in filters: elsewhere a constant may name a column.
        if !matches!(plan, LogicalPlan::Filter(_)) {
            return Ok(Transformed::no(plan));
        }
        plan.map_expressions(|expression| {
            expression.transform(|part| match &part {
                Expr::Literal(value, _) if value.try_as_str() == Some(Some("$home")) => {
                    Ok(Transformed::yes(lit("Zurich")))
                }
                _ => Ok(Transformed::no(part)),
            })
        })
    }
}

/// The host's query planner: DataFusion's, and `Shifts`.
#[derive(Debug)]
struct HostPlanner;

#[async_trait]
impl QueryPlanner for HostPlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        state: &SessionState,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(ShiftsPlanner)])
            .create_physical_plan(plan, state)
            .await
    }
}

/// A leaf of the host's own: who worked when, and where.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Shifts {
    schema: DFSchemaRef,
}

impl Shifts {
    fn try_new() -> Result<Self> {
        let schema = Schema::new(vec![
            Field::new("driver_id", DataType::Int64, false),
            Field::new(
                "event_timestamp",
                DataType::Timestamp(TimeUnit::Microsecond, None),
                false,
            ),
            Field::new("city", DataType::Utf8, false),
        ]);
        Ok(Self {
            schema: Arc::new(DFSchema::try_from(schema)?),
        })
    }

    fn rows(&self) -> Result<RecordBatch> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![1001, 1001, 1002])),
            Arc::new(TimestampMicrosecondArray::from(vec![
                NOON,
                NOON + 2 * HOUR,
                NOON,
            ])),
            Arc::new(StringArray::from(vec!["Zurich", "Zurich", "Basel"])),
        ];
        Ok(RecordBatch::try_new(
            Arc::clone(self.schema.inner()),
            columns,
        )?)
    }
}

impl PartialOrd for Shifts {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for Shifts {
    fn name(&self) -> &str {
        "Shifts"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Shifts")
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, _: Vec<LogicalPlan>) -> Result<Self> {
        Ok(self.clone())
    }
}

/// Plans `Shifts`, and nothing else.
struct ShiftsPlanner;

#[async_trait]
impl ExtensionPlanner for ShiftsPlanner {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        _physical_inputs: &[Arc<dyn ExecutionPlan>],
        _state: &SessionState,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(shifts) = node.as_any().downcast_ref::<Shifts>() else {
            return Ok(None);
        };
        let rows = shifts.rows()?;
        let schema = rows.schema();
        Ok(Some(MemorySourceConfig::try_new_exec(
            &[vec![rows]],
            schema,
            None,
        )?))
    }
}
