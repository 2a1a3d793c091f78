// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The rows of a snapshot, by the specification's rules for one row at a time: every delete file is
//! asked about every row.

use super::datum::Datum;
use super::file::{DeleteKind, FileRow, TableFile, plain};
use super::maker::{Snapshot, TableMaker};
use super::spec::{PartitionSpec, Transform};
use super::types::{Field, Schema};

impl TableMaker {
    /// The rows of a snapshot under a schema.
    pub fn rows(&self, snapshot: &Snapshot, schema: &Schema) -> Vec<Vec<Datum>> {
        let mut rows = Vec::new();
        for file in &snapshot.data {
            for row in self.live_rows(snapshot, file) {
                let read = |field| self.read(file, row, field);
                rows.push(schema.fields.iter().map(read).collect());
            }
        }
        rows
    }

    /// The rows of a data file that nothing deletes.
    pub fn live_rows<'a>(
        &'a self,
        snapshot: &'a Snapshot,
        file: &'a TableFile,
    ) -> impl Iterator<Item = &'a FileRow> {
        let rows = file.rows.iter().enumerate();
        rows.filter(move |(at, row)| !self.is_deleted(snapshot, file, *at as i64, row))
            .map(|(_, row)| row)
    }

    /// Whether the row at a position of a data file is deleted.
    pub fn is_deleted(
        &self,
        snapshot: &Snapshot,
        file: &TableFile,
        at: i64,
        row: &FileRow,
    ) -> bool {
        let deletes = || snapshot.deletes.iter();
        let mut vectors = deletes().filter(|d| d.sequence >= file.sequence);
        let vector = vectors.find_map(|d| d.vector().filter(|(target, _)| *target == file.path));
        let by_position = match vector {
            Some((_, positions)) => positions.contains(at as u64),
            None => deletes().any(|d| self.deletes_position(d, file, at)),
        };
        by_position || deletes().any(|d| self.deletes_values(d, file, row))
    }

    fn deletes_position(&self, delete: &TableFile, file: &TableFile, at: i64) -> bool {
        let Some(DeleteKind::Positions { rows, .. }) = &delete.deletes else {
            return false;
        };
        delete.sequence >= file.sequence
            && same_partition(delete, file)
            && rows
                .iter()
                .any(|(path, row)| *row == at && plain(path) == plain(&file.path))
    }

    fn deletes_values(&self, delete: &TableFile, file: &TableFile, row: &FileRow) -> bool {
        let Some(DeleteKind::Equality { ids, keys }) = &delete.deletes else {
            return false;
        };
        let global = self
            .spec(delete.spec_id)
            .is_none_or(PartitionSpec::is_unpartitioned);
        if delete.sequence <= file.sequence || !(global || same_partition(delete, file)) {
            return false;
        }
        let held: Vec<Datum> = ids.iter().map(|id| self.key(file, row, *id)).collect();
        keys.iter().any(|key| {
            let mut pairs = ids.iter().zip(key).zip(&held);
            pairs.all(|((id, deleted), held)| match self.newest(*id) {
                Some((_, field)) => deleted.read_as(&field.ty).same(held),
                None => false,
            })
        })
    }

    /// A row's value of a column or of a field inside structs, by the newest schema that has it.
    pub(super) fn key(&self, file: &TableFile, row: &FileRow, id: i32) -> Datum {
        let Some((above, field)) = self.newest(id) else {
            return Datum::Null;
        };
        let Some((root, inner)) = above.split_first() else {
            return self.read(file, row, field);
        };
        let Some((_, root)) = row.iter().find(|(column, _)| column == root) else {
            return Datum::Null;
        };
        let mut value = root;
        for id in inner {
            match value.inside(*id) {
                Some(inside) => value = inside,
                None => return Datum::Null,
            }
        }
        if value.is_null() {
            return Datum::Null;
        }
        field.read(value.inside(id))
    }

    /// A column of a row: the file's value, else the partition's, else the default.
    pub(super) fn read(&self, file: &TableFile, row: &FileRow, field: &Field) -> Datum {
        let held = row.iter().find(|(id, _)| *id == field.id);
        let constant = || {
            let spec = self.spec(file.spec_id)?;
            let mut fields = spec.fields.iter().zip(&file.partition);
            let found =
                fields.find(|(f, _)| f.source_id == field.id && f.transform == Transform::Identity);
            found.map(|(_, value)| value)
        };
        field.read(held.map(|(_, value)| value).or_else(constant))
    }

    /// A field in the newest schema that has it, and the ids of the fields above.
    pub(super) fn newest(&self, id: i32) -> Option<(Vec<i32>, &Field)> {
        let current = self.current_schema().find(id);
        current.or_else(|| self.schemas.iter().rev().find_map(|schema| schema.find(id)))
    }
}

fn same_partition(delete: &TableFile, file: &TableFile) -> bool {
    let mut pairs = delete.partition.iter().zip(&file.partition);
    delete.spec_id == file.spec_id && pairs.all(|(a, b)| a.same(b))
}
