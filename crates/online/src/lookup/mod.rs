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
mod prune;
mod request;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::array::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use futures::future::try_join_all;

use crate::instant::shown;
use crate::live::live_rows;
use crate::store::OnlineStore;
use crate::view::{OnlineView, SourceColumns};

use answer::answer;
pub use answer::lookup_schema;
use join::{Joined, Rows};
use prune::key_filter;
use request::view_keys;

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
    let schema = lookup_schema(request.schema_ref(), views, options)?;
    let doing = Doing::default();
    let found = views.iter().enumerate().map(|(at, view)| {
        let doing = &doing;
        async move {
            let joined =
                one_view(state, view, request, options, |what| doing.begin(at, what)).await;
            doing.begin(at, String::new());
            joined.map_err(|error| error.context(format!("feature view {}", view.name)))
        }
    });
    let all = try_join_all(found);
    let joined = match options.timeout {
        None => all.await?,
        Some(limit) => match tokio::time::timeout(limit, all).await {
            Ok(joined) => joined?,
            Err(_) => {
                return exec_err!(
                    "feast_online_lookup: no answer within {} ms, still {}; allow more with timeout_ms or SET feast.online.read_timeout_ms",
                    limit.as_millis(),
                    doing.now()
                );
            }
        },
    };
    answer(schema, views, request, &joined, options)
}

async fn one_view(
    state: &SessionState,
    wanted: &LookupView,
    request: &RecordBatch,
    options: &LookupOptions,
    doing: impl Fn(String),
) -> Result<Joined> {
    let keys = view_keys(wanted, request)?;
    let table = match (&wanted.store, options.source) {
        (_, LookupSource::Offline) => None,
        (Some(store), _) => {
            doing(format!(
                "opening online table {}",
                store.table_name(&wanted.view)
            ));
            store.open(&wanted.view).await?
        }
        (None, _) => None,
    };
    let mut as_of = options.as_of.unwrap_or(options.now);
    let rows = match table {
        Some(table) => {
            table.missing(&wanted.view)?;
            let horizon = table.lineage().horizon();
            match (horizon, options.as_of) {
                (Some(horizon), Some(asked)) if asked < horizon => {
                    return plan_err!(
                        "online table {} keeps only the newest rows up to {}, so it cannot tell what was known at {}; ask as of a later \
                         instant, or with source => 'offline'",
                        table.name(),
                        shown(horizon),
                        shown(asked)
                    );
                }
                // The clocks of two machines may differ.
                (Some(horizon), None) => as_of = as_of.max(horizon),
                _ => {}
            }
            doing(format!("reading online table {}", table.name()));
            let filter = key_filter(&wanted.view, &table, &keys)?;
            let plan = live_rows(&table, &wanted.view, filter).await?;
            let has = wanted
                .view
                .columns
                .iter()
                .filter(|column| table.has(&column.name));
            Rows {
                plan,
                has: has.map(|column| column.name.clone()).collect(),
            }
        }
        None if options.source == LookupSource::Online => {
            let place = match &wanted.store {
                Some(store) => format!("there is no table {}", store.table_name(&wanted.view)),
                None => "no catalog is set for it".to_owned(),
            };
            return plan_err!(
                "nothing was written online for it: {place}; MATERIALIZE FEATURE VIEW {}, or ask with source => 'offline'",
                wanted.view.name
            );
        }
        None => {
            doing(format!(
                "reading the source of feature view {}",
                wanted.name
            ));
            Rows {
                plan: source_rows(wanted)?,
                has: wanted
                    .view
                    .columns
                    .iter()
                    .map(|column| column.name.clone())
                    .collect(),
            }
        }
    };
    Joined::of(state, wanted, rows, &keys, request.num_rows(), as_of).await
}

/// The rows of the view's source.
pub(crate) fn source_rows(wanted: &LookupView) -> Result<LogicalPlan> {
    let source = provider_as_source(Arc::clone(&wanted.source));
    let source = LogicalPlanBuilder::scan("source", source, None)?.build()?;
    wanted.view.rows(source, &wanted.columns)
}
