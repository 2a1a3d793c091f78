// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Random deletes.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use roaring::RoaringTreemap;

use super::{Draw, values};
use crate::tables::datum::Datum;
use crate::tables::file::{DeleteKind, TableFile};
use crate::tables::make::{NewEquality, NewPositions};
use crate::tables::maker::{Change, MAIN, Snapshot};
use crate::tables::parquet::Layout;
use crate::tables::spec::PartitionSpec;
use crate::tables::types::Field;

impl Draw {
    /// Some of the live data files.
    pub(super) fn some_data(&mut self) -> Option<(Arc<Snapshot>, Vec<Arc<TableFile>>)> {
        let current = Arc::clone(self.table.current()?);
        if current.data.is_empty() {
            return None;
        }
        let chosen = match self.dice.percent(60) {
            true => vec![Arc::clone(self.dice.pick(&current.data))],
            false => self.dice.some(&current.data, 1),
        };
        Some((current, chosen))
    }

    pub(super) fn delete_positions(&mut self) -> io::Result<Option<String>> {
        let Some((current, chosen)) = self.some_data() else {
            return Ok(None);
        };
        match self.table.version() {
            1 => Ok(None),
            2 => self.delete_by_files(&chosen),
            _ => self.delete_by_vectors(&current, &chosen),
        }
    }

    /// A file for each partition, or one for each data file.
    fn delete_by_files(&mut self, chosen: &[Arc<TableFile>]) -> io::Result<Option<String>> {
        let mut groups: Vec<Vec<Arc<TableFile>>> = Vec::new();
        let alone = self.dice.percent(40);
        for file in chosen {
            let same = |known: &Vec<Arc<TableFile>>| {
                let mut pairs = known[0].partition.iter().zip(&file.partition);
                !alone && known[0].spec_id == file.spec_id && pairs.all(|(a, b)| a.same(b))
            };
            match groups.iter_mut().find(|known| same(known)) {
                Some(known) => known.push(Arc::clone(file)),
                None => groups.push(vec![Arc::clone(file)]),
            }
        }
        let mut added = Vec::new();
        for group in groups {
            added.push(self.position_file(&group)?);
        }
        let told = self.listed(&added);
        let change = Change {
            operation: "delete",
            added,
            merged: self.dice.percent(8),
            apart: self.dice.percent(20),
            ..Change::default()
        };
        let id = self.table.commit(MAIN, change)?;
        Ok(Some(format!("{id}: delete positions: {told}")))
    }

    /// A file of position deletes on data files of one partition.
    fn position_file(&mut self, group: &[Arc<TableFile>]) -> io::Result<TableFile> {
        let mut rows: Vec<(String, i64)> = Vec::new();
        let mut kept: Vec<Option<Vec<Datum>>> = Vec::new();
        let columns = self.table.current_schema().fields.clone();
        for file in group {
            for at in self.positions(file) {
                rows.push((file.path.clone(), at));
                let row = file.rows.get(at as usize).filter(|_| self.dice.percent(80));
                let table = &self.table;
                let values = |row| columns.iter().map(|c| table.read(file, row, c)).collect();
                kept.push(row.map(values));
            }
        }
        let path = group[0].path.clone();
        let other = self.respelled();
        let spell = |path: &str| match &other {
            Some((from, to)) => path.replacen(from, to, 1),
            None => path.to_owned(),
        };
        rows.iter_mut().for_each(|(path, _)| *path = spell(path));
        let alone = group.len() == 1;
        // A file that is gone, or never was.
        if !alone && self.dice.percent(25) {
            rows.push((format!("{path}.gone"), 0));
            kept.push(None);
        }
        let keeps = self.dice.percent(12);
        let (by_reference, bounds) = (self.dice.percent(50), self.dice.percent(70));
        let names = *self
            .dice
            .pick(&[["file_path", "pos"], ["file_path", "pos"], ["pos", "x"]]);
        let layout = self.delete_layout();
        self.table.position_deletes(&NewPositions {
            rows,
            spec_id: group[0].spec_id,
            partition: group[0].partition.clone(),
            referenced: (alone && by_reference).then(|| spell(&path)),
            bounds,
            kept: keeps.then_some((columns, kept)),
            names,
            layout,
        })
    }

    /// Positions in a data file, ascending, some of them twice or beyond its end.
    fn positions(&mut self, file: &TableFile) -> Vec<i64> {
        let count = file.rows.len() as i64;
        if count == 0 {
            return vec![0];
        }
        let all: Vec<i64> = (0..count).collect();
        let mut chosen = match self.dice.within(0..=9) {
            0 => all,
            1 => vec![0],
            2 => vec![count - 1],
            3..=5 => self.dice.some(&all, 1),
            _ => vec![*self.dice.pick(&all)],
        };
        if self.dice.percent(10) {
            chosen.push(count + 3);
        }
        if self.dice.percent(15) {
            chosen.push(chosen[0]);
        }
        chosen.sort_unstable();
        chosen
    }

    /// Another spelling of the table's locations.
    fn respelled(&mut self) -> Option<(&'static str, &'static str)> {
        if !self.dice.percent(12) {
            return None;
        }
        let known = [
            ("s3://", "s3a://"),
            ("s3://", "s3n://"),
            ("file:///", "file:/"),
            ("file:///", "/"),
        ];
        let fits = |from: &str| self.table.location.starts_with(from);
        let fitting: Vec<_> = known.into_iter().filter(|(from, _)| fits(from)).collect();
        (!fitting.is_empty()).then(|| *self.dice.pick(&fitting))
    }

    /// A vector for each data file, which replaces the one it had.
    fn delete_by_vectors(
        &mut self,
        current: &Snapshot,
        chosen: &[Arc<TableFile>],
    ) -> io::Result<Option<String>> {
        let (mut vectors, mut removed) = (Vec::new(), BTreeSet::new());
        for file in chosen {
            let count = file.rows.len() as i64;
            let new = self.positions(file).into_iter().filter(|at| *at < count);
            let mut positions: RoaringTreemap = new.map(|at| at as u64).collect();
            // Position deletes that a vector forgets no longer hold.
            let forgets = self.dice.percent(15);
            for delete in &current.deletes {
                match &delete.deletes {
                    Some(DeleteKind::Vector {
                        target,
                        positions: old,
                        ..
                    }) if *target == file.path => {
                        positions |= old;
                        removed.insert(delete.key());
                    }
                    Some(DeleteKind::Positions {
                        referenced: Some(path),
                        ..
                    }) if *path == file.path && self.dice.percent(50) => {
                        removed.insert(delete.key());
                    }
                    _ => {}
                }
            }
            if !forgets {
                let rows = file.rows.iter().enumerate();
                let gone = rows.filter(|(at, row)| {
                    let at = *at as i64;
                    self.table.is_deleted(current, file, at, row)
                });
                positions.extend(gone.map(|(at, _)| at as u64));
            }
            if !positions.is_empty() {
                vectors.push((Arc::clone(file), positions));
            }
        }
        if vectors.is_empty() {
            return Ok(None);
        }
        let added = self.table.deletion_vectors(&vectors)?;
        let told = self.listed(&added);
        let change = Change {
            operation: "delete",
            added,
            removed,
            merged: self.dice.percent(8),
            apart: self.dice.percent(20),
        };
        let id = self.table.commit(MAIN, change)?;
        Ok(Some(format!("{id}: delete by vectors: {told}")))
    }

    pub(super) fn delete_equal(&mut self) -> io::Result<Option<String>> {
        let Some((_, chosen)) = self.some_data().filter(|_| self.table.version() > 1) else {
            return Ok(None);
        };
        let Some(added) = self.equality_file(&chosen)? else {
            return Ok(None);
        };
        let added = vec![added];
        let told = self.listed(&added);
        let change = Change {
            operation: "delete",
            added,
            merged: self.dice.percent(8),
            ..Change::default()
        };
        let id = self.table.commit(MAIN, change)?;
        Ok(Some(format!("{id}: delete equal: {told}")))
    }

    /// A file of equality deletes with keys of some of the rows of `chosen`.
    fn equality_file(&mut self, chosen: &[Arc<TableFile>]) -> io::Result<Option<TableFile>> {
        let mut fields: Vec<Field> = Vec::new();
        let nested = self.dice.percent(15);
        keys(&self.table.current_schema().fields, nested, &mut fields);
        if fields.is_empty() {
            return Ok(None);
        }
        self.dice.shuffle(&mut fields);
        fields.truncate(self.dice.weighted(&[(6, 1), (3, 2)]));
        let ids: Vec<i32> = fields.iter().map(|field| field.id).collect();
        let rows: Vec<Vec<Datum>> = chosen
            .iter()
            .flat_map(|file| file.rows.iter().map(move |row| (file, row)))
            .map(|(file, row)| {
                ids.iter()
                    .map(|id| self.table.key(file, row, *id))
                    .collect()
            })
            .collect();
        let mut deleted = Vec::new();
        for _ in 0..self.dice.within(1..=3) {
            if !rows.is_empty() && self.dice.percent(75) {
                deleted.push(self.dice.pick(&rows).clone());
            } else {
                let random = fields.iter().map(|f| values::value(&mut self.dice, f, 25));
                deleted.push(random.collect());
            }
        }
        // Without a partition it holds for the whole table.
        let global = self.table.specs.iter().find(|spec| spec.is_unpartitioned());
        let global = global.map(|spec: &Arc<PartitionSpec>| (spec.id, spec.fields.len()));
        let global = global.filter(|_| self.dice.percent(30));
        let (spec_id, partition) = match global {
            Some((id, fields)) => (id, vec![Datum::Null; fields]),
            None => (chosen[0].spec_id, chosen[0].partition.clone()),
        };
        let layout = self.delete_layout();
        let metrics = self.metrics();
        let made = self.table.equality_deletes(&NewEquality {
            ids,
            keys: deleted,
            spec_id,
            partition,
            layout,
            metrics,
        })?;
        Ok(Some(made))
    }

    /// New rows, and with them deletes of older rows and of some of the new ones, as streams write
    /// them.
    pub(super) fn upsert(&mut self) -> io::Result<Option<String>> {
        let Some((_, chosen)) = self.some_data().filter(|_| self.table.version() > 1) else {
            return Ok(None);
        };
        let mut added: Vec<TableFile> = self.equality_file(&chosen)?.into_iter().collect();
        let data = self.data_files()?;
        if self.table.version() == 2
            && let Some(first) = data.iter().find(|file| !file.rows.is_empty())
            && self.dice.percent(50)
        {
            let first = Arc::new(first.clone());
            added.push(self.position_file(&[first])?);
        }
        added.extend(data);
        let told = self.listed(&added);
        let change = Change {
            operation: "overwrite",
            added,
            ..Change::default()
        };
        let id = self.table.commit(MAIN, change)?;
        Ok(Some(format!("{id}: upsert: {told}")))
    }

    fn delete_layout(&mut self) -> Layout {
        Layout {
            renamed: std::collections::HashMap::new(),
            ..self.layout(&[], true)
        }
    }
}

/// Columns that rows can be compared by, with `nested` those inside structs too.
fn keys(fields: &[Field], nested: bool, found: &mut Vec<Field>) {
    for field in fields {
        match &field.ty {
            crate::tables::types::Type::Struct(inner) if nested => keys(inner, nested, found),
            _ if field.is_primitive() => found.push(Field {
                required: false,
                ..field.clone()
            }),
            _ => {}
        }
    }
}
