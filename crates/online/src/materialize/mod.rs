// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Materialization: the winners of a source become rows of an online table.
//!
//! ```text
//!   source rows ──► keys and counts ──► point-in-time join at now ──┐
//!        └───────── rows after now ─────────────────────────────────┤──► append, one commit
//!   online table ── what a replacement hides, pushed rows ──────────┘
//! ```
//!
//! Of the rows up to now, the winner of each key is written; rows after now are all written, since
//! each of them will be a winner some time. What is there already is hidden only where the source may
//! have lost rows, or the view means something else than before.

mod counted;
mod image;
mod plan;
mod replace;

use datafusion::common::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlanBuilder;

use crate::append::append;
use crate::store::OnlineStore;
use crate::summary::{Operation, Recorded};
use crate::view::{OnlineView, SourceColumns};

use counted::Counted;
use image::image;
pub use plan::MaterializeMode;
use plan::{Chosen, choose};
use replace::{must_replace, replaced};

/// What is materialized, from where.
#[derive(Debug)]
pub struct Materialization<'a> {
    /// Where the online tables are.
    pub store: &'a OnlineStore,
    /// The view.
    pub view: &'a OnlineView,
    /// The view's source, at one version.
    pub source: std::sync::Arc<dyn datafusion::catalog::TableProvider>,
    /// The source's columns.
    pub columns: &'a SourceColumns,
    /// The source's name, a part of the view's definition.
    pub source_name: &'a str,
    /// Which rows.
    pub mode: MaterializeMode,
    /// The time of the statement, in nanoseconds since 1970.
    pub now: i128,
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
/// Nothing is written when the last commit of the table was this very write: of the same snapshot by
/// the same definition. So a statement whose answer was lost can be said again.
pub async fn materialize(
    state: &SessionState,
    asked: &Materialization<'_>,
) -> Result<Materialized> {
    let view = asked.view;
    asked.mode.check(&view.name)?;
    let table = asked.store.prepare(view).await?;
    let lineage = table.lineage();
    let chosen = choose(asked, &lineage)?;
    if chosen.is_done(&lineage) {
        return Ok(chosen.nothing(table.snapshot_id()));
    }
    let source = LogicalPlanBuilder::scan(
        "source",
        datafusion::datasource::provider_as_source(std::sync::Arc::clone(&chosen.source)),
        None,
    )?;
    let rows = view.rows(source.build()?, asked.columns)?;
    let rows = chosen.in_window(view, rows)?;
    let counted = Counted::of(state, view, &rows, asked.now).await?;
    let mut written = image(view, rows, &counted, asked.now)?;
    let replaces = chosen.is_full() && must_replace(asked, &lineage, &chosen.definition);
    if replaces {
        written = replaced(&table, view, written).await?;
    }
    let recorded = Recorded {
        mode: Some(chosen.mode_name().to_owned()),
        source_snapshot: chosen.source_snapshot,
        interval: Some(chosen.interval),
        as_of: Some(asked.now),
        definition: Some(chosen.definition.clone()),
        deletes: replaces,
        ..Recorded::new(Operation::Materialize, chosen.write_id.clone())
    };
    let committed = append(state, asked.store, view, &table, written, &recorded).await?;
    let Chosen {
        source_snapshot,
        interval,
        notice,
        ..
    } = chosen;
    Ok(Materialized {
        source_snapshot,
        rows_read: counted.read,
        rows_written: committed.rows,
        rows_skipped: counted.skipped,
        files: committed.files,
        bytes: committed.bytes,
        snapshot_id: Some(committed.snapshot_id),
        interval: Some(interval),
        notice,
    })
}
