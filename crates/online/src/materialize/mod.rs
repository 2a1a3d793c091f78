// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Materialization: the winners of a source become rows of an online table.
//!
//! ```text
//!   what was materialized last ──► which rows are read ──► newest rows ──┐
//!   online table ───────────────── what is hidden, pushed rows ──────────┴──► append, one commit
//! ```
//!
//! Of the rows up to now, the winner of each key is written; rows after now are all written, since
//! each of them will be a winner some time. What is there already is hidden only where the source may
//! have lost rows, or the view means something else than before.

mod changes;
mod newest;
mod plan;
mod replace;
mod touched;

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::Result;
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, lit};

use crate::append::{InTheWay, Tries, append, column};
use crate::names::{IS_DELETED, IS_PUSHED};
use crate::progress::Progress;
use crate::store::OnlineStore;
use crate::view::{OnlineView, SourceColumns};

use newest::{Meter, NewestTable, Shape};
pub use plan::MaterializeMode;
use plan::{Reads, choose};
use replace::{must_replace, replaced};

/// What is materialized, from where.
#[derive(Debug)]
pub struct Materialization<'a> {
    /// Where the online tables are.
    pub store: &'a OnlineStore,
    /// The view.
    pub view: &'a OnlineView,
    /// The view's source, at one version.
    pub source: Arc<dyn TableProvider>,
    /// The source's columns.
    pub columns: &'a SourceColumns,
    /// The source's name, a part of the view's definition.
    pub source_name: &'a str,
    /// Which rows.
    pub mode: MaterializeMode,
    /// The time of the statement, in nanoseconds since 1970.
    pub now: i128,
    /// Who is told how far it is.
    pub progress: Option<Arc<dyn Progress>>,
}

/// What a materialization did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Materialized {
    /// The snapshot of the source that was read; None for a source without snapshots.
    pub source_snapshot: Option<i64>,
    /// Rows of the source that were looked at.
    pub rows_read: u64,
    /// Rows that were written.
    pub rows_written: u64,
    /// Rows with a NULL key or event time, which can never be found.
    pub rows_skipped: u64,
    /// Data files that were written.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// The snapshot of the online table.
    pub snapshot_id: Option<i64>,
    /// The window of event times that is recorded, in nanoseconds since 1970.
    pub interval: Option<(i128, i128)>,
    /// What was done otherwise than asked, and why.
    pub notice: Option<String>,
}

/// Materializes a view in one commit.
///
/// The source is read once; memory is that of the session's pool, beyond which rows go to disk. Nothing
/// is written when the table has this very write already: of the same snapshot by the same
/// definition. So a statement whose answer was lost can be said again. When somebody else
/// materializes the view at the same time, the one that commits last is decided on anew.
pub async fn materialize(
    state: &SessionState,
    asked: &Materialization<'_>,
) -> Result<Materialized> {
    asked.mode.check(&asked.view.name)?;
    let mut tries = Tries::default();
    loop {
        let outcome = Box::pin(once(state, asked)).await;
        if let Some(ended) = tries.ended(outcome) {
            return ended;
        }
    }
}

async fn once(state: &SessionState, asked: &Materialization<'_>) -> Result<Materialized> {
    let view = asked.view;
    let table = asked.store.prepare(view).await?;
    let lineage = table.lineage();
    let chosen = choose(state, asked, &lineage).await?;
    if let Some(done) = chosen.done(&lineage) {
        return Ok(done);
    }
    let meter = Arc::new(Meter::new(&view.name, asked.progress.clone()));
    let rows = chosen.in_window(view, source_rows(asked, &chosen.reads)?)?;
    let mut written = newest(view, rows, asked.now, &meter)?;
    let replaces = chosen.is_full() && must_replace(asked, &lineage, &chosen.definition);
    let touched = chosen.touched();
    let hides = replaces || touched.is_some();
    if hides {
        written = replaced(&table, view, written, touched).await?;
    }
    let recorded = chosen.recorded(asked.now, hides);
    let in_the_way = match hides {
        true => InTheWay::All,
        false => InTheWay::Materializations,
    };
    let to = (view, &table);
    let committed = append(state, asked.store, to, written, &recorded, in_the_way).await?;
    Ok(Materialized {
        source_snapshot: chosen.source.snapshot,
        rows_read: meter.read(),
        rows_written: committed.rows,
        rows_skipped: meter.skipped(),
        files: committed.files,
        bytes: committed.bytes,
        snapshot_id: Some(committed.snapshot_id),
        interval: Some(chosen.interval),
        notice: chosen.notice,
    })
}

/// The rows that are read, in the view's names and types.
fn source_rows(asked: &Materialization<'_>, reads: &Reads) -> Result<LogicalPlan> {
    let rows = |table: &Arc<dyn TableProvider>| -> Result<LogicalPlan> {
        let source = provider_as_source(Arc::clone(table));
        let source = LogicalPlanBuilder::scan("source", source, None)?;
        asked.view.rows(source.build()?, asked.columns)
    };
    match reads {
        Reads::Table(table) => rows(table),
        Reads::Touched { added, touched } => {
            let again = touched.among(asked.view, rows(&asked.source)?)?;
            match added {
                None => Ok(again),
                Some(added) => {
                    let others = touched.not_among(asked.view, rows(added)?)?;
                    LogicalPlanBuilder::from(again).union(others)?.build()
                }
            }
        }
    }
}

/// The rows to be written of those that are read.
fn newest(
    view: &OnlineView,
    rows: LogicalPlan,
    now: i128,
    meter: &Arc<Meter>,
) -> Result<LogicalPlan> {
    let newest = NewestTable::new(rows, Shape::try_new(view, now)?, Arc::clone(meter));
    let fields = view.row_schema();
    let names = fields.fields().iter().map(|field| field.name());
    let columns = names.map(|name| column(name).alias(name));
    let of_the_source = [lit(false).alias(IS_DELETED), lit(false).alias(IS_PUSHED)];
    LogicalPlanBuilder::scan("newest", provider_as_source(Arc::new(newest)), None)?
        .project(columns.chain(of_the_source))?
        .build()
}
