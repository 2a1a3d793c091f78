// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Which rows of the source a materialization reads.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::{Result, plan_err};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, lit};

use super::changes::{Interval, Since, SourceVersion, later, since_last};
use super::touched::Touched;
use super::{Materialization, Materialized};
use crate::append::column;
use crate::instant::{not_after, not_before, shown};
use crate::key::murmur3_x86_32;
use crate::names::EVENT_TIME;
use crate::summary::{Lineage, Operation, Recorded};
use crate::view::OnlineView;

/// Which rows are materialized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaterializeMode {
    /// All.
    Full,
    /// What changed since the source snapshot that was materialized last: rows that were appended, and
    /// the rows of keys whose files were rewritten or lost rows; all where that cannot be told.
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

/// The rows that are read.
pub(super) enum Reads {
    /// Those of a table.
    Table(Arc<dyn TableProvider>),
    /// All rows of the keys that were touched, and of other keys those that were added.
    Touched {
        added: Option<Arc<dyn TableProvider>>,
        touched: Touched,
    },
}

/// What a materialization does.
pub(super) struct Chosen {
    pub(super) reads: Reads,
    pub(super) source: SourceVersion,
    pub(super) interval: (i128, i128),
    pub(super) definition: String,
    pub(super) notice: Option<String>,
    write_id: String,
    mode: MaterializeMode,
    /// There is nothing to read: why, and the interval that was materialized.
    nothing: Option<(&'static str, Interval)>,
}

/// Chooses what is read, by what was materialized before.
pub(super) async fn choose(
    state: &SessionState,
    asked: &Materialization<'_>,
    lineage: &Lineage,
) -> Result<Chosen> {
    let mut chosen = Chosen {
        reads: Reads::Table(Arc::clone(&asked.source)),
        source: SourceVersion::of(&asked.source),
        interval: (0, asked.now),
        definition: definition(asked),
        write_id: String::new(),
        notice: None,
        mode: asked.mode,
        nothing: None,
    };
    let faster = later(&asked.source, &chosen.source, &chosen.definition, lineage);
    match (asked.mode, faster) {
        (MaterializeMode::Window { start, end }, _) => chosen.interval = (start, end),
        (_, Some(interval)) => chosen.nothing = Some((LATER, interval)),
        (MaterializeMode::Full, None) => {}
        (MaterializeMode::Incremental, None) => chosen.since_last(state, asked, lineage).await?,
    }
    chosen.write_id = chosen.id();
    Ok(chosen)
}

const SAME: &str = "nothing has changed since the last time";
const LATER: &str = "a later version of its source was materialized meanwhile";

impl Chosen {
    /// Reads what changed since the last time, or all with a notice.
    async fn since_last(
        &mut self,
        state: &SessionState,
        asked: &Materialization<'_>,
        lineage: &Lineage,
    ) -> Result<()> {
        let since = since_last(&asked.source, &self.source, &self.definition, lineage);
        match since.await? {
            Since::Never => self.mode = MaterializeMode::Full,
            Since::Same(last) => self.nothing = Some((SAME, last)),
            Since::Unknown(why) => self.all_because(&why),
            Since::Changed { removed, .. } if !removed.is_empty() && asked.view.keys.is_empty() => {
                self.all_because("rows of its source were rewritten or deleted");
            }
            Since::Changed {
                last,
                added,
                removed,
            } => {
                let end = last.map_or(0, |(_, end)| end);
                self.interval.0 = end.min(self.interval.1);
                let added = added.map(|added| Arc::new(added) as Arc<dyn TableProvider>);
                let touched = Touched::of(state, asked, removed).await?;
                match (touched, added) {
                    (Some(touched), added) => self.reads = Reads::Touched { added, touched },
                    (None, Some(added)) => self.reads = Reads::Table(added),
                    (None, None) => self.nothing = Some((SAME, last)),
                }
            }
        }
        Ok(())
    }

    fn all_because(&mut self, why: &str) {
        self.mode = MaterializeMode::Full;
        self.notice = Some(format!("materialized in full: {why}"));
    }

    pub(super) fn is_full(&self) -> bool {
        self.mode == MaterializeMode::Full
    }

    /// The keys whose rows may be gone.
    pub(super) fn touched(&self) -> Option<&Touched> {
        match &self.reads {
            Reads::Touched { touched, .. } => Some(touched),
            Reads::Table(_) => None,
        }
    }

    fn mode_name(&self) -> &'static str {
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
        let snapshot = self.source.snapshot;
        let snapshot = snapshot.map_or_else(String::new, |id| id.to_string());
        let (mode, definition) = (self.mode_name(), &self.definition);
        format!("{mode}:{snapshot}:{window}:{definition}")
    }

    /// What the commit says of itself.
    pub(super) fn recorded(&self, now: i128, hides: bool) -> Recorded {
        Recorded {
            mode: Some(self.mode_name().to_owned()),
            source_snapshot: self.source.snapshot,
            source_table: self.source.table.clone(),
            source_sequence: self.source.sequence,
            interval: Some(self.interval),
            as_of: Some(now),
            definition: Some(self.definition.clone()),
            deletes: hides,
            ..Recorded::new(Operation::Materialize, self.write_id.clone())
        }
    }

    /// The answer when nothing has to be written: nothing is new, or the table has this write and
    /// nothing but pushed rows since.
    pub(super) fn done(&self, lineage: &Lineage) -> Option<Materialized> {
        let (why, interval) = match self.nothing {
            Some(nothing) => nothing,
            None => (SAME, self.made_before(lineage)?),
        };
        let current = lineage.commits.first();
        Some(Materialized {
            source_snapshot: self.source.snapshot,
            rows_read: 0,
            rows_written: 0,
            rows_skipped: 0,
            files: 0,
            bytes: 0,
            snapshot_id: current.map(|(snapshot, _)| snapshot.snapshot_id()),
            interval,
            notice: Some(why.to_owned()),
        })
    }

    /// The interval of the write, if it was made already and nothing hid rows since.
    fn made_before(&self, lineage: &Lineage) -> Option<Interval> {
        self.source.snapshot?;
        for (_, said) in &lineage.commits {
            let said = said.as_ref()?;
            match said.operation {
                Operation::Write => {}
                Operation::Materialize if said.write_id == self.write_id => {
                    return Some(said.interval);
                }
                _ => return None,
            }
        }
        None
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
