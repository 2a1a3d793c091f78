// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Which rows of the source a materialization reads.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, lit};
use feast_iceberg::IcebergTableProvider;

use super::{Materialization, Materialized};
use crate::append::column;
use crate::instant::{not_after, not_before, shown};
use crate::key::murmur3_x86_32;
use crate::names::EVENT_TIME;
use crate::summary::{Lineage, Operation};
use crate::view::OnlineView;

/// Which rows are materialized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaterializeMode {
    /// All.
    Full,
    /// Those appended since the source snapshot that was materialized last; all where that cannot be
    /// told.
    Incremental,
    /// Those with an event time from `start` to `end`, both included, in nanoseconds since 1970.
    Window {
        /// The first instant.
        start: i128,
        /// The last instant.
        end: i128,
    },
}

impl MaterializeMode {
    pub(super) fn check(self, view: &str) -> Result<()> {
        match self {
            Self::Window { start, end } if start > end => plan_err!(
                "materialize feature view {view}: start {} is after end {}; expected the earlier one first",
                shown(start),
                shown(end)
            ),
            _ => Ok(()),
        }
    }
}

/// What a materialization does.
pub(super) struct Chosen {
    /// The rows that are read.
    pub(super) source: Arc<dyn TableProvider>,
    pub(super) source_snapshot: Option<i64>,
    pub(super) interval: (i128, i128),
    pub(super) definition: String,
    pub(super) write_id: String,
    pub(super) notice: Option<String>,
    mode: MaterializeMode,
    /// There is nothing to read.
    unchanged: bool,
}

/// Chooses what is read, by what was materialized before.
pub(super) fn choose(asked: &Materialization<'_>, lineage: &Lineage) -> Result<Chosen> {
    let iceberg = asked.source.as_any().downcast_ref::<IcebergTableProvider>();
    let source_snapshot = iceberg.and_then(IcebergTableProvider::snapshot_id);
    let definition = definition(asked);
    let mut chosen = Chosen {
        source: Arc::clone(&asked.source),
        source_snapshot,
        interval: (0, asked.now),
        definition,
        write_id: String::new(),
        notice: None,
        mode: asked.mode,
        unchanged: false,
    };
    match asked.mode {
        MaterializeMode::Window { start, end } => chosen.interval = (start, end),
        MaterializeMode::Full => {}
        MaterializeMode::Incremental => chosen.since_last(iceberg, lineage),
    }
    chosen.write_id = chosen.id();
    Ok(chosen)
}

impl Chosen {
    /// Reads what was appended since the last time, or all with a notice.
    fn since_last(&mut self, iceberg: Option<&IcebergTableProvider>, lineage: &Lineage) {
        let said = lineage.commits.iter().filter_map(|(_, said)| said.as_ref());
        let mut earlier = said.filter(|it| {
            it.operation == Operation::Materialize && it.mode.as_deref() != Some("window")
        });
        let Some(last) = earlier.next() else {
            self.mode = MaterializeMode::Full;
            return;
        };
        let added = match (iceberg, last.source_snapshot) {
            _ if last.definition.as_ref() != Some(&self.definition) => {
                Err("its definition has changed".to_owned())
            }
            (None, _) => Err("its source has no snapshots".to_owned()),
            (Some(_), None) => Err("its source had no snapshot last time".to_owned()),
            (Some(source), Some(base)) => source.appended_after(base).ok_or_else(|| {
                format!(
                    "its source was not only appended to since snapshot {base}, or that is expired"
                )
            }),
        };
        match added {
            Ok(added) => {
                self.unchanged = last.source_snapshot == self.source_snapshot;
                self.interval.0 = last.interval.map_or(0, |(_, end)| end.min(self.interval.1));
                self.source = Arc::new(added);
            }
            Err(why) => {
                self.mode = MaterializeMode::Full;
                self.notice = Some(format!("materialized in full: {why}"));
            }
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.mode == MaterializeMode::Full
    }

    pub(super) fn mode_name(&self) -> &'static str {
        match self.mode {
            MaterializeMode::Full => "full",
            MaterializeMode::Incremental => "incremental",
            MaterializeMode::Window { .. } => "window",
        }
    }

    /// The same for a write that would write the same.
    fn id(&self) -> String {
        let window = match self.mode {
            MaterializeMode::Window { start, end } => format!("{start}-{end}"),
            _ => String::new(),
        };
        let snapshot = self
            .source_snapshot
            .map_or_else(String::new, |id| id.to_string());
        format!(
            "{}:{snapshot}:{window}:{}",
            self.mode_name(),
            self.definition
        )
    }

    /// Whether nothing has to be written: nothing is new, or the last commit was this write.
    pub(super) fn is_done(&self, lineage: &Lineage) -> bool {
        let last = lineage.commits.first().and_then(|(_, said)| said.as_ref());
        let again = last.is_some_and(|it| it.write_id == self.write_id);
        self.unchanged || (again && self.source_snapshot.is_some())
    }

    /// The answer when nothing has to be written.
    pub(super) fn nothing(self, snapshot_id: Option<i64>) -> Materialized {
        Materialized {
            source_snapshot: self.source_snapshot,
            rows_read: 0,
            rows_written: 0,
            rows_skipped: 0,
            files: 0,
            bytes: 0,
            snapshot_id,
            interval: None,
            notice: Some("nothing has changed since the last time".to_owned()),
        }
    }

    /// The rows with an event time in the window, if there is one.
    pub(super) fn in_window(&self, view: &OnlineView, rows: LogicalPlan) -> Result<LogicalPlan> {
        let MaterializeMode::Window { start, end } = self.mode else {
            return Ok(rows);
        };
        let from = lit(not_before(&view.event_time, start));
        let to = lit(not_after(&view.event_time, end));
        let inside = column(EVENT_TIME)
            .gt_eq(from)
            .and(column(EVENT_TIME).lt_eq(to));
        LogicalPlanBuilder::from(rows).filter(inside)?.build()
    }
}

/// What the rows mean, in few letters: another one for another source, column or type.
fn definition(asked: &Materialization<'_>) -> String {
    let view = asked.view;
    let text = format!(
        "{} {:?} {:?} {:?} {:?} {:?}",
        asked.source_name, asked.columns, view.keys, view.columns, view.tie_break, view.features
    );
    let (first, second) = (
        murmur3_x86_32(text.as_bytes()),
        murmur3_x86_32(format!("{text}#").as_bytes()),
    );
    format!("{first:08x}{second:08x}")
}
