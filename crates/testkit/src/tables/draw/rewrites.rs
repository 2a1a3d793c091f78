// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Random maintenance: compaction, expiry, branches, tags, and files that go.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use super::Draw;
use crate::tables::datum::Datum;
use crate::tables::file::{DeleteKind, TableFile};
use crate::tables::make::NewData;
use crate::tables::maker::{Change, MAIN, Snapshot};

impl Draw {
    /// Removes whole data files. Their position deletes may stay behind.
    pub(super) fn remove_files(&mut self) -> io::Result<Option<String>> {
        let Some((current, chosen)) = self.some_data() else {
            return Ok(None);
        };
        let removed = self.with_their_deletes(&current, &chosen);
        let told = format!("remove {removed:?}");
        let change = Change {
            operation: "delete",
            removed,
            ..Change::default()
        };
        let id = self.table.commit(MAIN, change)?;
        Ok(Some(format!("{id}: {told}")))
    }

    /// The keys of data files, of their vectors, and perhaps of deletes that hold for them alone.
    fn with_their_deletes(
        &mut self,
        current: &Snapshot,
        chosen: &[Arc<TableFile>],
    ) -> BTreeSet<String> {
        let mut removed: BTreeSet<String> = chosen.iter().map(|file| file.key()).collect();
        let is_chosen = |path: &str| chosen.iter().any(|file| file.path == path);
        for delete in &current.deletes {
            let goes = match &delete.deletes {
                Some(DeleteKind::Vector { target, .. }) => is_chosen(target),
                Some(DeleteKind::Positions {
                    referenced: Some(path),
                    ..
                }) => is_chosen(path) && self.dice.percent(50),
                _ => false,
            };
            if goes {
                removed.insert(delete.key());
            }
        }
        removed
    }

    /// Writes the live rows of a partition's files into one; deletes may stay behind.
    pub(super) fn compact(&mut self) -> io::Result<Option<String>> {
        let Some((current, chosen)) = self.some_data() else {
            return Ok(None);
        };
        let first = Arc::clone(&chosen[0]);
        let same = |file: &&Arc<TableFile>| {
            let mut pairs = file.partition.iter().zip(&first.partition);
            file.spec_id == first.spec_id && pairs.all(|(a, b)| a.same(b))
        };
        let chosen: Vec<_> = chosen.iter().filter(same).cloned().collect();
        let columns = self.table.current_schema().fields.clone();
        let mut rows: Vec<Vec<Datum>> = Vec::new();
        for file in &chosen {
            let alone = Snapshot {
                data: vec![Arc::clone(file)],
                ..Snapshot::clone(&current)
            };
            rows.extend(self.table.rows(&alone, self.table.current_schema()));
        }
        let removed = self.with_their_deletes(&current, &chosen);
        let layout = self.layout(&columns, true);
        let metrics = self.metrics();
        let mut made = self.table.data_file(&NewData {
            columns,
            rows,
            spec_id: first.spec_id,
            partition: first.partition.clone(),
            layout,
            metrics,
            oversized: 0,
        })?;
        // Rows keep the age of the state they were read from, or become new.
        if self.table.version() > 1 && self.dice.percent(70) {
            made.sequence = current.sequence;
        }
        let added = vec![made];
        let told = format!("compact {removed:?} to {}", self.listed(&added));
        let change = Change {
            operation: "replace",
            added,
            removed,
            merged: self.dice.percent(20),
            ..Change::default()
        };
        let id = self.table.commit(MAIN, change)?;
        Ok(Some(format!("{id}: {told}")))
    }

    pub(super) fn rewrite_manifests(&mut self) -> io::Result<Option<String>> {
        if self.table.current().is_none() {
            return Ok(None);
        }
        let change = Change {
            operation: "replace",
            merged: true,
            ..Change::default()
        };
        let id = self.table.commit(MAIN, change)?;
        Ok(Some(format!("{id}: rewrite manifests")))
    }

    pub(super) fn expire(&mut self) -> Option<String> {
        let ids: Vec<i64> = self.table.snapshots().iter().map(|s| s.id).collect();
        let ids: BTreeSet<i64> = self.dice.some(&ids, 0).into_iter().collect();
        self.table.expire(&ids);
        Some(format!("expire {ids:?}"))
    }

    /// Tags a snapshot, or begins or moves a branch. Version 1 has neither.
    pub(super) fn point(&mut self) -> io::Result<Option<String>> {
        let snapshots = self.table.snapshots().to_vec();
        if snapshots.is_empty() || self.table.version() == 1 {
            return Ok(None);
        }
        let id = self.dice.pick(&snapshots).id;
        if self.dice.percent(50) {
            self.table.set_ref("a tag", id, false);
            return Ok(Some(format!("tag {id}")));
        }
        if self.table.head("side").is_none() {
            self.table.set_ref("side", id, true);
        }
        self.append("side")
    }

    /// Makes an older snapshot current.
    pub(super) fn roll_back(&mut self) -> Option<String> {
        let snapshots = self.table.snapshots().to_vec();
        if snapshots.is_empty() {
            return None;
        }
        let id = self.dice.pick(&snapshots).id;
        self.table.set_ref(MAIN, id, true);
        Some(format!("roll back to {id}"))
    }
}
