// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What the snapshots of an online table say of themselves: the truth about what was written.

use std::collections::BTreeMap;
use std::sync::Arc;

use iceberg::spec::{SnapshotRef, TableMetadata};

const OPERATION: &str = "feast.online.operation";
const MODE: &str = "feast.online.mode";
const WRITE_ID: &str = "feast.online.write-id";
const SOURCE_SNAPSHOT: &str = "feast.online.source-snapshot";
const START: &str = "feast.online.interval-start-ns";
const END: &str = "feast.online.interval-end-ns";
const AS_OF: &str = "feast.online.as-of-ns";
const DEFINITION: &str = "feast.online.definition";
const SOURCE_TABLE: &str = "feast.online.source-table";
const SOURCE_SEQUENCE: &str = "feast.online.source-sequence";
const MARKERS: &str = "feast.online.deletes";

/// What a commit to an online table was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Winners of a source.
    Materialize,
    /// Rows that were pushed.
    Write,
    /// Keys that were deleted.
    Delete,
}

impl Operation {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Materialize => "materialize",
            Self::Write => "write",
            Self::Delete => "delete",
        }
    }
}

/// What one commit says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// What it was.
    pub operation: Operation,
    /// Which write it was: the same for a write that is done again.
    pub write_id: String,
    /// How a materialization went about it: `full`, `incremental` or `window`.
    pub mode: Option<String>,
    /// The snapshot of the source that was read.
    pub source_snapshot: Option<i64>,
    /// The UUID of the source's table, which another table of its name does not have.
    pub source_table: Option<String>,
    /// The sequence number of the last commit that the source's table had had.
    pub source_sequence: Option<i64>,
    /// The window of event times, in nanoseconds since 1970.
    pub interval: Option<(i128, i128)>,
    /// Of the rows up to this instant, only the newest of each key were written.
    pub as_of: Option<i128>,
    /// The definition that the rows were made by.
    pub definition: Option<String>,
    /// Whether there are rows that hide what was committed before.
    pub deletes: bool,
}

impl Recorded {
    /// A commit that says no more than what it was.
    pub(crate) fn new(operation: Operation, write_id: String) -> Self {
        Self {
            operation,
            write_id,
            mode: None,
            source_snapshot: None,
            source_table: None,
            source_sequence: None,
            interval: None,
            as_of: None,
            definition: None,
            deletes: false,
        }
    }

    /// The entries of the snapshot's summary.
    pub(crate) fn entries(&self) -> BTreeMap<String, String> {
        let mut entries = BTreeMap::new();
        let mut say = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                entries.insert(name.to_owned(), value);
            }
        };
        say(OPERATION, Some(self.operation.name().to_owned()));
        say(WRITE_ID, Some(self.write_id.clone()));
        say(MODE, self.mode.clone());
        say(
            SOURCE_SNAPSHOT,
            self.source_snapshot.map(|id| id.to_string()),
        );
        say(SOURCE_TABLE, self.source_table.clone());
        say(
            SOURCE_SEQUENCE,
            self.source_sequence.map(|number| number.to_string()),
        );
        say(START, self.interval.map(|(start, _)| start.to_string()));
        say(END, self.interval.map(|(_, end)| end.to_string()));
        say(AS_OF, self.as_of.map(|nanos| nanos.to_string()));
        say(DEFINITION, self.definition.clone());
        say(MARKERS, Some(self.deletes.to_string()));
        entries
    }

    /// What a snapshot says; none if it is not one of ours.
    pub(crate) fn read(snapshot: &SnapshotRef) -> Option<Self> {
        let said = &snapshot.summary().additional_properties;
        let nanos = |name: &str| said.get(name)?.parse::<i128>().ok();
        let all = [Operation::Materialize, Operation::Write, Operation::Delete];
        let operation = said.get(OPERATION)?;
        Some(Self {
            operation: all.into_iter().find(|known| known.name() == operation)?,
            write_id: said.get(WRITE_ID)?.clone(),
            mode: said.get(MODE).cloned(),
            source_snapshot: said.get(SOURCE_SNAPSHOT).and_then(|id| id.parse().ok()),
            source_table: said.get(SOURCE_TABLE).cloned(),
            source_sequence: said.get(SOURCE_SEQUENCE).and_then(|it| it.parse().ok()),
            interval: nanos(START).zip(nanos(END)),
            as_of: nanos(AS_OF),
            definition: said.get(DEFINITION).cloned(),
            deletes: said.get(MARKERS)? != "false",
        })
    }
}

/// The snapshots of a table from the current one back to the first one that is kept.
pub(crate) struct Lineage {
    /// Newest first, each with what it says, if it is one of ours.
    pub(crate) commits: Vec<(SnapshotRef, Option<Recorded>)>,
    /// Whether the first snapshot of the table is among them.
    pub(crate) whole: bool,
}

impl Lineage {
    /// The lineage of the current snapshot.
    pub(crate) fn of(metadata: &TableMetadata) -> Self {
        let mut commits = Vec::new();
        let mut at = metadata.current_snapshot().map(Arc::clone);
        let mut whole = true;
        while let Some(snapshot) = at {
            at = match snapshot.parent_snapshot_id() {
                None => None,
                Some(parent) => {
                    let found = metadata.snapshot_by_id(parent).map(Arc::clone);
                    whole = found.is_some();
                    found
                }
            };
            let said = Recorded::read(&snapshot);
            commits.push((snapshot, said));
        }
        Self { commits, whole }
    }

    /// Whether the table may have rows that hide others: false only if every commit says no.
    pub(crate) fn may_have_deletes(&self) -> bool {
        let says_no = |said: &Option<Recorded>| said.as_ref().is_some_and(|it| !it.deletes);
        !self.whole || !self.commits.iter().all(|(_, said)| says_no(said))
    }

    /// The instant before which a lookup could miss rows that were never written.
    pub(crate) fn horizon(&self) -> Option<i128> {
        let said = self.commits.iter().filter_map(|(_, said)| said.as_ref());
        said.filter_map(|it| it.as_of).max()
    }
}
