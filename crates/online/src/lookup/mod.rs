// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Looking up the newest features of keys.
//!
//! ```text
//!   requested keys ──► entity side at one instant ──┐
//!   live rows of those keys ──► feature side ───────┴─► point-in-time join ──► values, statuses, times
//! ```
//!
//! The winner is found without the TTL, so that a value that is too old can be told from one that
//! never was. Whether the rows are those of the online table or the view's own source makes no
//! difference to what follows.

mod answer;
mod join;
mod online;
mod prune;
mod report;
mod request;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::array::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::common::{DataFusionError, Result, exec_err, plan_err};
use datafusion::datasource::provider_as_source;
use datafusion::execution::{SessionState, TaskContext};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use futures::future::try_join_all;

use crate::instant::shown;
use crate::store::{OnlineStore, OnlineTable};
use crate::view::{OnlineView, SourceColumns};

use answer::answer;
pub use answer::lookup_schema;
use join::{Competing, Joined, Rows};
use online::KeyedTable;
pub use report::{Origin, ViewReport};
use request::view_keys;

/// The SQL function that is a lookup, with its options.
pub const ONLINE_LOOKUP: &str = "feast_online_lookup";

/// Where a lookup gets its rows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LookupSource {
    /// The online table where the view has been written to one, else its source.
    #[default]
    Auto,
    /// The online table.
    Online,
    /// The view's source.
    Offline,
}

/// A feature that is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupFeature {
    /// Its name in the view.
    pub name: String,
    /// Its name in the answer.
    pub output: String,
}

/// A view that is looked up.
#[derive(Debug, Clone)]
pub struct LookupView {
    /// The view.
    pub view: OnlineView,
    /// The name that messages have for it: its alias, if it has one.
    pub name: String,
    /// The columns of the request with its keys, in the order of the view's.
    pub keys: Vec<String>,
    /// What is looked up.
    pub features: Vec<LookupFeature>,
    /// Where its table is; None where there is no catalog for it.
    pub store: Option<OnlineStore>,
    /// Its source.
    pub source: Arc<dyn TableProvider>,
    /// The source's columns.
    pub columns: SourceColumns,
}

/// What an answer has and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupOptions {
    /// What messages call the lookup: the function that was called.
    pub function: &'static str,
    /// A column `{feature}__status`.
    pub status: bool,
    /// A column `{feature}__event_timestamp`.
    pub timestamps: bool,
    /// Values older than their view's TTL are withheld.
    pub max_age: bool,
    /// The instant that is asked about, in nanoseconds since 1970; None: now.
    pub as_of: Option<i128>,
    /// The time of the statement, in nanoseconds since 1970.
    pub now: i128,
    /// Where rows come from.
    pub source: LookupSource,
    /// How long the answer may take; None: as long as it takes.
    pub timeout: Option<Duration>,
}

/// What the views of a lookup are doing, for the message when it takes too long.
#[derive(Debug, Default)]
struct Doing(Mutex<Vec<String>>);

impl Doing {
    fn begin(&self, at: usize, what: String) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() <= at {
            all.resize(at + 1, String::new());
        }
        all[at] = what;
    }

    fn now(&self) -> String {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let busy: Vec<&str> = all
            .iter()
            .map(String::as_str)
            .filter(|it| !it.is_empty())
            .collect();
        busy.join("; ")
    }
}

/// What a lookup needs of a session.
pub trait LookupSession: Send + Sync {
    /// What operators run in.
    fn context(&self) -> Arc<TaskContext>;

    /// What plans are made and run by, where there is more to do than to read rows by their keys. It
    /// has to know the join.
    fn state(&self) -> SessionState;
}

impl LookupSession for SessionState {
    fn context(&self) -> Arc<TaskContext> {
        self.task_ctx()
    }

    fn state(&self) -> SessionState {
        self.clone()
    }
}

/// The answer of a lookup.
#[derive(Debug, Clone)]
pub struct LookupAnswer {
    /// The request's columns, then those of [`lookup_schema`].
    pub rows: RecordBatch,
    /// How each view was answered.
    pub views: Vec<ViewReport>,
}

/// The newest features of each row of `request`, in its order: its columns, then those of
/// [`lookup_schema`].
///
/// A key that is not there, or is NULL, has NULL features. The answer is whole or an error.
pub async fn lookup(
    state: &SessionState,
    views: &[LookupView],
    request: &RecordBatch,
    options: &LookupOptions,
) -> Result<RecordBatch> {
    let found = Box::pin(lookup_in(state, views, request, options)).await?;
    Ok(found.rows)
}

/// The same in any session, and how it was done.
pub async fn lookup_in(
    session: &dyn LookupSession,
    views: &[LookupView],
    request: &RecordBatch,
    options: &LookupOptions,
) -> Result<LookupAnswer> {
    let schema = lookup_schema(request.schema_ref(), views, options)?;
    let doing = Doing::default();
    let found = views.iter().enumerate().map(|(at, view)| {
        let doing = &doing;
        async move {
            let found = one_view(session, view, request, options, |what| {
                doing.begin(at, what)
            })
            .await;
            doing.begin(at, String::new());
            found.map_err(|error| about(error, view))
        }
    });
    let all = try_join_all(found);
    let found = match options.timeout {
        None => all.await?,
        Some(limit) => match tokio::time::timeout(limit, all).await {
            Ok(found) => found?,
            Err(_) => {
                return exec_err!(
                    "{}: no answer within {} ms, still {}; allow more with {}SET feast.online.read_timeout_ms",
                    options.function,
                    limit.as_millis(),
                    doing.now(),
                    if options.function == ONLINE_LOOKUP {
                        "timeout_ms or "
                    } else {
                        ""
                    }
                );
            }
        },
    };
    let (joined, origins): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    let reports = views.iter().zip(origins);
    Ok(LookupAnswer {
        rows: answer(schema, views, request, &joined, options)?,
        views: reports.map(|(view, origin)| report(view, origin)).collect(),
    })
}

/// How the views would be answered: online tables are opened and their metadata read, no rows. Without
/// a request the keys are not known yet.
pub async fn explain_lookup(
    views: &[LookupView],
    request: Option<&RecordBatch>,
    options: &LookupOptions,
) -> Result<Vec<ViewReport>> {
    let explained = views.iter().map(|view| async move {
        let origin = async {
            let Some(table) = online_table(view, options).await? else {
                return Ok(Origin::Offline);
            };
            let Some(request) = request else {
                return Ok(Origin::online(&table));
            };
            let keys = view_keys(view, request)?;
            let found = KeyedTable::find(&table, view, &keys, request.num_rows()).await?;
            Ok(found.report())
        };
        let origin = origin.await.map_err(|error| about(error, view))?;
        Ok(report(view, origin))
    });
    try_join_all(explained).await
}

fn about(error: DataFusionError, view: &LookupView) -> DataFusionError {
    error.context(format!("feature view {}", view.name))
}

fn report(view: &LookupView, origin: Origin) -> ViewReport {
    ViewReport {
        view: view.name.clone(),
        origin,
    }
}

/// The table that the view is answered from; None for its source. A table that was made and never committed to tells nothing of
/// the view.
async fn online_table(wanted: &LookupView, options: &LookupOptions) -> Result<Option<OnlineTable>> {
    let table = match (&wanted.store, options.source) {
        (_, LookupSource::Offline) => None,
        (Some(store), _) => store.open(&wanted.view).await?,
        (None, _) => None,
    };
    let made = table.is_some();
    let table = table.filter(|table| table.snapshot_id().is_some());
    if table.is_none() && options.source == LookupSource::Online {
        let place = match &wanted.store {
            Some(store) if made => format!("table {} is empty", store.table_name(&wanted.view)),
            Some(store) => format!("there is no table {}", store.table_name(&wanted.view)),
            None => "no catalog is set for it".to_owned(),
        };
        return plan_err!(
            "nothing was written online for it: {place}; MATERIALIZE FEATURE VIEW {}, or ask with source => 'offline'",
            wanted.view.name
        );
    }
    Ok(table)
}

async fn one_view(
    session: &dyn LookupSession,
    wanted: &LookupView,
    request: &RecordBatch,
    options: &LookupOptions,
    doing: impl Fn(String),
) -> Result<(Joined, Origin)> {
    let keys = view_keys(wanted, request)?;
    if let Some(store) = &wanted.store {
        let name = store.table_name(&wanted.view);
        doing(format!("opening online table {name}"));
    }
    let count = request.num_rows();
    let (rows, as_of, origin) = match online_table(wanted, options).await? {
        Some(table) => {
            table.missing(&wanted.view)?;
            let as_of = instant_of(&table, options)?;
            doing(format!(
                "reading the metadata of online table {}",
                table.name()
            ));
            let found = KeyedTable::find(&table, wanted, &keys, count).await?;
            doing(found.reading());
            let (rows, origin) = found.rows(&session.context()).await?;
            (rows, as_of, origin)
        }
        None => {
            doing(format!(
                "reading the source of feature view {}",
                wanted.name
            ));
            let columns = wanted.view.columns.iter();
            let has: Vec<&str> = columns.map(|column| column.name.as_str()).collect();
            let rows = Rows::new(Competing::Plan(Box::new(source_rows(wanted)?)), &has);
            (rows, options.as_of.unwrap_or(options.now), Origin::Offline)
        }
    };
    let joined = Joined::of(session, wanted, rows, &keys, count, as_of).await?;
    Ok((joined, origin))
}

/// The instant that an online table is asked about, which it has to know of.
fn instant_of(table: &OnlineTable, options: &LookupOptions) -> Result<i128> {
    let as_of = options.as_of.unwrap_or(options.now);
    match (table.lineage().horizon(), options.as_of) {
        (Some(horizon), Some(asked)) if asked < horizon => plan_err!(
            "online table {} keeps only the newest rows up to {}, so it cannot tell what was known at {}; ask as of a later \
             instant, or with source => 'offline'",
            table.name(),
            shown(horizon),
            shown(asked)
        ),
        // The clocks of two machines may differ.
        (Some(horizon), None) => Ok(as_of.max(horizon)),
        _ => Ok(as_of),
    }
}

/// The rows of the view's source.
pub(crate) fn source_rows(wanted: &LookupView) -> Result<LogicalPlan> {
    let source = provider_as_source(Arc::clone(&wanted.source));
    let source = LogicalPlanBuilder::scan("source", source, None)?.build()?;
    wanted.view.rows(source, &wanted.columns)
}
