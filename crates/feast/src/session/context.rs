// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The context users hold: a DataFusion session that speaks the feature store's statements as well.

use std::fmt;
use std::sync::Arc;

use chrono::Utc;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result, plan_err};
use datafusion::dataframe::DataFrame;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{DmlStatement, Extension, LogicalPlan, LogicalPlanBuilder, WriteOp};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::dialect::dialect_from_str;

use super::builder::FeastContextBuilder;
use super::deep_schemas::create_deep_schema;
use super::prepared::{Planned, PreparedStatements};
use super::scope::FeastShared;
use super::statement_catalogs::StatementCatalogs;
use crate::functions::name_entities;
use crate::ops::pit_join::{PitJoinRequest, pit_join};
use crate::statement::tokens;
use crate::{ddl, ops};

/// A session with a feature store in it.
///
/// ```
/// # #[tokio::main] async fn main() -> datafusion::common::Result<()> {
/// use datafusion_feast::FeastContext;
///
/// let feast = FeastContext::builder().build().await?;
/// feast.sql("CREATE ENTITY driver JOIN KEY (driver_id BIGINT)").await?.collect().await?;
/// let entities = feast.sql("SELECT name, join_key FROM feast.registry.entities").await?;
/// assert_eq!(entities.count().await?, 1);
/// # Ok(()) }
/// ```
///
/// One statement sees one version of each Iceberg table; the next statement sees commits made in between, by anyone. Views and
/// prepared statements are planned anew each time they are used.
pub struct FeastContext {
    session: SessionContext,
    shared: Arc<FeastShared>,
    prepared: PreparedStatements,
}

impl fmt::Debug for FeastContext {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("FeastContext")
            .field("session", &self.session.session_id())
            .field("project", &self.shared.project)
            .finish_non_exhaustive()
    }
}

impl FeastContext {
    /// Starts building a context.
    pub fn builder() -> FeastContextBuilder {
        FeastContextBuilder::default()
    }

    pub(super) fn new(session: SessionContext, shared: Arc<FeastShared>) -> Self {
        Self {
            session,
            shared,
            prepared: PreparedStatements::default(),
        }
    }

    /// The DataFusion session inside, to register tables and functions with.
    pub fn session(&self) -> &SessionContext {
        &self.session
    }

    /// Plans one statement, of the feature store or of DataFusion.
    ///
    /// A statement of the feature store takes effect when the returned frame is executed, once; one without a result gives a frame
    /// without columns. DataFusion's own DDL and `SET` take effect at once, as in [`SessionContext::sql`].
    pub async fn sql(&self, text: &str) -> Result<DataFrame> {
        let listing = is_listing(text);
        let catalogs = self.statement_catalogs(listing);
        let (state, scope) = catalogs.state();
        if let Some(statement) = ddl::parse(text)? {
            return Ok(DataFrame::new(state, ops::lower(statement, &scope)?));
        }
        let created = Box::pin(ops::create_table(text, &state, &scope)).await;
        if let Some(error) = catalogs.take_error() {
            return Err(error);
        }
        if let Some(plan) = created? {
            return Ok(DataFrame::new(state, plan));
        }
        let statement = parse_one(text, &state)?;
        let planned = self.prepared.plan(statement, &state).await;
        // A catalog that cannot be listed seems empty: what it says of that is the better answer.
        if let Some(error) = catalogs.take_error() {
            return Err(error);
        }
        match planned? {
            Planned::Done => nothing(state),
            Planned::Plan(plan) if create_deep_schema(&plan, &self.session.state())? => {
                nothing(state)
            }
            Planned::Plan(plan) if runs_in_session(&plan) => {
                self.session.execute_logical_plan(*plan).await
            }
            Planned::Plan(plan) => {
                let only_lists = only_lists(&plan);
                let frame = DataFrame::new(state, *plan);
                if only_lists {
                    // Catalogs are listed while the plan runs, where one that cannot be would seem empty. It has no
                    // effects, and tables it loads are loaded once a statement.
                    frame.clone().collect().await?;
                }
                catalogs.take_error().map_or(Ok(frame), Err)
            }
        }
    }

    /// Joins entities with features as `feast_pit_join` does: the same call from Rust.
    ///
    /// ```
    /// # #[tokio::main] async fn main() -> datafusion::common::Result<()> {
    /// use datafusion_feast::{FeastContext, PitJoinRequest};
    ///
    /// let feast = FeastContext::builder().build().await?;
    /// for statement in [
    ///     "CREATE TABLE trips (driver_id BIGINT, at TIMESTAMP, rating DOUBLE) AS VALUES
    ///          (1, '2024-01-01T00:00:00', 4.5)",
    ///     "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)",
    ///     "CREATE FEATURE VIEW ratings ENTITIES (driver) FROM trips TIMESTAMP at",
    /// ] {
    ///     feast.sql(statement).await?.collect().await?;
    /// }
    /// let entities = feast
    ///     .sql("SELECT 1 AS driver_id, TIMESTAMP '2024-01-02T00:00:00' AS event_timestamp")
    ///     .await?;
    /// let request = PitJoinRequest::features(["ratings:rating"]);
    /// let training_set = feast.pit_join(entities, &request).await?;
    /// assert_eq!(training_set.schema().field(2).name(), "rating");
    /// assert_eq!(training_set.count().await?, 1);
    /// # Ok(()) }
    /// ```
    ///
    /// The entities' plan is run by this context, whatever session made the frame.
    pub async fn pit_join(
        &self,
        entities: DataFrame,
        request: &PitJoinRequest,
    ) -> Result<DataFrame> {
        let (state, scope) = self.statement_catalogs(false).state();
        let join = pit_join(&scope, entities.into_unoptimized_plan(), request).await?;
        Ok(DataFrame::new(
            state,
            LogicalPlan::Extension(Extension {
                node: Arc::new(join),
            }),
        ))
    }

    pub(super) fn shared(&self) -> &FeastShared {
        &self.shared
    }

    /// The session's catalogs as one statement sees them.
    pub(super) fn statement_catalogs(&self, listing: bool) -> Arc<StatementCatalogs> {
        let shared = Arc::clone(&self.shared);
        StatementCatalogs::new(self.session.state(), shared, listing, Utc::now())
    }
}

/// The answer of a statement that has none.
fn nothing(state: SessionState) -> Result<DataFrame> {
    let plan = LogicalPlanBuilder::empty(false).build()?;
    Ok(DataFrame::new(state, plan))
}

/// Whether a statement lists columns: it asks every table for them, and one that cannot be read shows none. In any other statement
/// the reason is the answer.
fn is_listing(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains("information_schema") || text.trim_start().starts_with("show")
}

/// Whether a plan reads the information schema and nothing else.
fn only_lists(plan: &LogicalPlan) -> bool {
    let (mut lists, mut other) = (false, false);
    let visited = plan.apply(|node| {
        match node {
            LogicalPlan::TableScan(scan) => match scan.table_name.schema() {
                Some("information_schema") => lists = true,
                _ => other = true,
            },
            LogicalPlan::Copy(_)
            | LogicalPlan::Dml(_)
            | LogicalPlan::Ddl(_)
            | LogicalPlan::Statement(_)
            | LogicalPlan::Extension(_) => other = true,
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    });
    visited.is_ok() && lists && !other
}

/// The one statement that a text is.
pub(crate) fn parse_one(text: &str, state: &SessionState) -> Result<Statement> {
    let options = state.config_options();
    let dialect = &options.sql_parser.dialect;
    let Some(parser) = dialect_from_str(dialect) else {
        return plan_err!("unknown SQL dialect {dialect}");
    };
    let tokens = tokens(text, parser.as_ref())?;
    let mut statements = DFParserBuilder::new(tokens)
        .with_dialect(parser.as_ref())
        .with_recursion_limit(options.sql_parser.recursion_limit)
        .build()?
        .parse_statements()?;
    match (statements.pop_front(), statements.len()) {
        (Some(statement), 0) => Ok(statement),
        (None, _) => plan_err!("there is no statement in the text"),
        (Some(_), more) => plan_err!(
            "expected one statement, found {}; run them one at a time",
            more + 1
        ),
    }
}

/// Plans a statement of DataFusion's grammar.
pub(crate) async fn plan(
    mut statement: Statement,
    state: &SessionState,
) -> Result<LogicalPlan, DataFusionError> {
    name_entities(&mut statement);
    state.statement_to_plan(statement).await
}

/// DDL, `SET` and the like change the session and are its own to run.
fn runs_in_session(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Ddl(_) | LogicalPlan::Statement(_) | LogicalPlan::DescribeTable(_) => true,
        LogicalPlan::Dml(DmlStatement { op, .. }) => matches!(op, WriteOp::Ctas),
        _ => false,
    }
}
