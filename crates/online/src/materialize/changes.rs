// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What happened to a source since it was materialized last.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::Result;
use feast_iceberg::IcebergTableProvider;

use crate::summary::{Lineage, Operation, Recorded};

/// The version of a source.
#[derive(Debug, Clone, Default)]
pub(super) struct SourceVersion {
    pub(super) snapshot: Option<i64>,
    /// The UUID of its table.
    pub(super) table: Option<String>,
    /// The number of the table's last commit.
    pub(super) sequence: Option<i64>,
}

impl SourceVersion {
    pub(super) fn of(source: &Arc<dyn TableProvider>) -> Self {
        let Some(source) = iceberg(source) else {
            return Self::default();
        };
        let metadata = source.table().metadata();
        Self {
            snapshot: source.snapshot_id(),
            table: Some(metadata.uuid().to_string()),
            sequence: Some(metadata.last_sequence_number()),
        }
    }

    /// Whether a later version than this was materialized, which this one knows nothing of.
    fn is_before(&self, said: &Recorded, source: &IcebergTableProvider) -> bool {
        let known = |id| source.table().metadata().snapshot_by_id(id).is_some();
        self.table.is_some()
            && said.source_table == self.table
            && said.source_sequence > self.sequence
            && !said.source_snapshot.is_some_and(known)
    }
}

/// What has to be read to bring a table up to its source.
#[expect(clippy::large_enum_variant, reason = "there is one a materialization")]
pub(super) enum Since {
    /// Nothing was materialized yet.
    Never,
    /// Nothing has changed.
    Same(Interval),
    /// Rows may be gone that were in one of `removed`; others came.
    Changed {
        last: Interval,
        added: Option<IcebergTableProvider>,
        removed: Vec<IcebergTableProvider>,
    },
    /// It cannot be told, and why.
    Unknown(String),
}

/// A window of event times that was materialized.
pub(super) type Interval = Option<(i128, i128)>;

pub(super) fn iceberg(source: &Arc<dyn TableProvider>) -> Option<&IcebergTableProvider> {
    source.as_any().downcast_ref::<IcebergTableProvider>()
}

/// The interval that was materialized last, if that was from a later version of the source by the same
/// definition.
pub(super) fn later(
    source: &Arc<dyn TableProvider>,
    version: &SourceVersion,
    definition: &str,
    lineage: &Lineage,
) -> Option<Interval> {
    let (last, _) = earlier(lineage)?;
    let same = last.definition.as_deref() == Some(definition);
    (same && version.is_before(last, iceberg(source)?)).then_some(last.interval)
}

/// Looks at what changed since the last materialization that was no window, and at what windows since
/// then have read.
pub(super) async fn since_last(
    source: &Arc<dyn TableProvider>,
    version: &SourceVersion,
    definition: &str,
    lineage: &Lineage,
) -> Result<Since> {
    let unknown = |why: &str| Ok(Since::Unknown(why.to_owned()));
    let Some((last, windows)) = earlier(lineage) else {
        return Ok(Since::Never);
    };
    let by_this = |said: &Recorded| said.definition.as_deref() == Some(definition);
    if !by_this(last) || !windows.iter().all(|it| by_this(it)) {
        return unknown("its definition has changed");
    }
    let Some(source) = iceberg(source) else {
        return unknown("its source has no snapshots");
    };
    let Some(base) = last.source_snapshot else {
        return unknown("its source had no snapshot last time");
    };
    let mut removed = Vec::new();
    for window in windows {
        let Some(id) = window.source_snapshot else {
            return unknown("its source had no snapshot when a window of it was materialized");
        };
        if source.appended_after(id).is_none() {
            match source.changed_since(id).await? {
                Some(changes) => removed.extend(changes.removed),
                None => return Ok(expired(id)),
            }
        }
    }
    if removed.is_empty() && version.snapshot == Some(base) {
        return Ok(Since::Same(last.interval));
    }
    let added = match source.appended_after(base) {
        Some(added) => Some(added),
        None => match source.changed_since(base).await? {
            Some(changes) => {
                removed.extend(changes.removed);
                changes.added
            }
            None => return Ok(expired(base)),
        },
    };
    Ok(Since::Changed {
        last: last.interval,
        added,
        removed,
    })
}

fn expired(id: i64) -> Since {
    Since::Unknown(format!(
        "snapshot {id} of its source, which was materialized, is expired or of another table"
    ))
}

/// The last materialization that was no window, and the windows since.
fn earlier(lineage: &Lineage) -> Option<(&Recorded, Vec<&Recorded>)> {
    let mut windows = Vec::new();
    for (_, said) in &lineage.commits {
        match said {
            Some(said) if said.operation != Operation::Materialize => {}
            Some(said) if said.mode.as_deref() == Some("window") => windows.push(said),
            Some(said) => return Some((said, windows)),
            None => {}
        }
    }
    None
}
