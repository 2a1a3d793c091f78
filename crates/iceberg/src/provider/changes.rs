// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What the rows of two snapshots of a table differ in.

use std::collections::{BTreeSet, HashMap, HashSet};

use datafusion::error::Result as DataFusionResult;

use super::table::IcebergTableProvider;
use crate::plan::PlannedFile;

/// The rows in files that two snapshots of a table do not have in common.
///
/// A file is in common when both have it with the same delete files. Rows in common to the files of
/// both sides, such as those that a compaction has copied, are on both sides.
#[derive(Debug, Clone)]
pub struct TableChanges {
    /// The rows of the earlier snapshot; None if all of its files are still there as they were.
    pub removed: Option<IcebergTableProvider>,
    /// The rows of the later one; None if it has no other files.
    pub added: Option<IcebergTableProvider>,
}

/// A data file by its location, with what is deleted from it.
type State = HashMap<String, BTreeSet<(String, Option<i64>)>>;

impl IcebergTableProvider {
    /// What changed between a snapshot of the table and the one that is read, whatever the commits
    /// in between were. Both sides have the columns of this one. None if the table does not know
    /// the snapshot: it is expired.
    pub async fn changed_since(&self, snapshot_id: i64) -> DataFusionResult<Option<TableChanges>> {
        let metadata = self.table().metadata();
        let Some(earlier) = metadata.snapshot_by_id(snapshot_id) else {
            return Ok(None);
        };
        let base = self.at_snapshot(earlier);
        let before = state(&base.plan(None, None).await?.files);
        let now = state(&self.plan(None, None).await?.files);
        let removed = others(&before, &now);
        let added = others(&now, &before);
        let side = |snapshot, files: HashSet<String>| {
            (!files.is_empty()).then(|| self.files_of(snapshot, files))
        };
        Ok(Some(TableChanges {
            removed: side(earlier, removed),
            added: self.snapshot().and_then(|snapshot| side(snapshot, added)),
        }))
    }
}

fn state(files: &[PlannedFile]) -> State {
    let of = |file: &PlannedFile| {
        let deletes = file.deletes.files().map(|delete| {
            let of = delete.entry.data_file();
            (of.file_path().to_string(), of.content_offset())
        });
        (file.entry.file_path().to_string(), deletes.collect())
    };
    files.iter().map(of).collect()
}

/// The files of one side that the other does not have just so.
fn others(of: &State, beside: &State) -> HashSet<String> {
    let other = of
        .iter()
        .filter(|(file, deletes)| beside.get(*file) != Some(*deletes));
    other.map(|(file, _)| file.clone()).collect()
}
