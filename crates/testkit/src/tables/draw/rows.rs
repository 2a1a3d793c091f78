// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Random data files.

use std::collections::HashMap;
use std::io;

use parquet::basic::{Compression, ZstdLevel};

use super::{Draw, values};
use crate::tables::datum::Datum;
use crate::tables::file::TableFile;
use crate::tables::make::NewData;
use crate::tables::maker::Change;
use crate::tables::metrics::MetricsMode;
use crate::tables::parquet::Layout;
use crate::tables::spec::Transform;
use crate::tables::types::Field;

impl Draw {
    pub(super) fn append(&mut self, branch: &str) -> io::Result<Option<String>> {
        let added = self.data_files()?;
        let told = format!("append {} to {branch}", self.listed(&added));
        let change = Change {
            operation: "append",
            added,
            merged: self.dice.percent(8),
            apart: self.dice.percent(20),
            ..Change::default()
        };
        let id = self.table.commit(branch, change)?;
        Ok(Some(format!("{id}: {told}")))
    }

    /// What is told of files.
    pub(super) fn listed(&self, files: &[TableFile]) -> String {
        let name = |file: &TableFile| {
            let end = file.path.rsplit('/').next().unwrap_or_default();
            match &file.deletes {
                Some(deletes) => format!("{end} {deletes:?}"),
                None => format!("{end} ({} rows)", file.rows.len()),
            }
        };
        files.iter().map(name).collect::<Vec<_>>().join(", ")
    }

    /// New rows in one file or more for each partition.
    pub(super) fn data_files(&mut self) -> io::Result<Vec<TableFile>> {
        let (columns, ids) = self.written_columns();
        let shares: Vec<u32> = columns.iter().map(|_| self.dice.null_share()).collect();
        let count = self.dice.weighted(&[(1, 0), (6, 4), (4, 9), (1, 30)]);
        let count = self.dice.within(count / 2..=count);
        let rows = (0..count).map(|_| values::row(&mut self.dice, &columns, &shares));
        let mut groups: Vec<(Vec<Datum>, Vec<Vec<Datum>>)> = Vec::new();
        for row in rows.collect::<Vec<_>>() {
            let partition = self.partition(&columns, &row);
            let same = |known: &[Datum]| known.iter().zip(&partition).all(|(a, b)| a.same(b));
            match groups.iter_mut().find(|(known, _)| same(known)) {
                Some((_, rows)) if self.dice.percent(85) => rows.push(row),
                _ => groups.push((partition, vec![row])),
            }
        }
        let mut files = Vec::new();
        for (partition, rows) in groups {
            files.push(self.data_file(&columns, rows, partition, ids)?);
        }
        Ok(files)
    }

    /// The columns that a writer knows, and whether it writes ids: mostly the current ones, or those
    /// of an older schema, or those whose names are mapped.
    fn written_columns(&mut self) -> (Vec<Field>, bool) {
        if let Some(mapped) = &self.mapped
            && self.dice.percent(50)
        {
            return (mapped.clone(), false);
        }
        let older = self.table.schemas.len() - 1;
        let schema = match self.dice.percent(12) {
            true => &self.table.schemas[self.dice.within(0..=older)],
            false => self.table.current_schema(),
        };
        (schema.fields.clone(), true)
    }

    /// The partition of a row under the current spec.
    fn partition(&self, columns: &[Field], row: &[Datum]) -> Vec<Datum> {
        let spec = self.table.current_spec();
        let value = |source: i32| {
            let mut held = columns.iter().zip(row);
            let held = held.find(|(column, _)| column.id == source);
            let field = self.table.current_schema().column(source);
            let value = held.map(|(_, value)| value);
            field.map_or(Datum::Null, |field| field.read(value))
        };
        let fields = spec.fields.iter();
        fields
            .map(|f| f.transform.apply(&value(f.source_id), &f.source))
            .collect()
    }

    fn data_file(
        &mut self,
        columns: &[Field],
        mut rows: Vec<Vec<Datum>>,
        partition: Vec<Datum>,
        ids: bool,
    ) -> io::Result<TableFile> {
        let mut columns = columns.to_vec();
        let spec = std::sync::Arc::clone(self.table.current_spec());
        // As tables of Hive: what the partition gives is not in the file.
        if self.dice.percent(if ids { 8 } else { 40 }) {
            let identities = spec
                .fields
                .iter()
                .filter(|f| f.transform == Transform::Identity);
            for source in identities.map(|f| f.source_id) {
                let at = columns.iter().position(|column| column.id == source);
                if let Some(at) = at.filter(|_| columns.len() > 1) {
                    columns.remove(at);
                    rows.iter_mut().for_each(|row| drop(row.remove(at)));
                }
            }
        }
        if self.dice.percent(20) {
            let mut order: Vec<usize> = (0..columns.len()).collect();
            self.dice.shuffle(&mut order);
            columns = order.iter().map(|at| columns[*at].clone()).collect();
            for row in &mut rows {
                *row = order.iter().map(|at| row[*at].clone()).collect();
            }
        }
        let layout = self.layout(&columns, ids);
        let metrics = self.metrics();
        let oversized = match self.stale_sizes && self.dice.percent(50) {
            true => *self.dice.pick(&[-5, 7, 1000]),
            false => 0,
        };
        self.table.data_file(&NewData {
            columns,
            rows,
            spec_id: spec.id,
            partition,
            layout,
            metrics,
            oversized,
        })
    }

    /// A layout for a file of `columns`.
    pub(super) fn layout(&mut self, columns: &[Field], ids: bool) -> Layout {
        let mut renamed = HashMap::new();
        // Only ids count: the columns may even have each other's names.
        if ids && self.dice.percent(10) {
            let mut names: Vec<String> = columns.iter().map(|c| c.name.clone()).collect();
            self.dice.shuffle(&mut names);
            renamed = columns.iter().map(|column| column.id).zip(names).collect();
        }
        Layout {
            rows_a_group: self
                .dice
                .weighted(&[(3, 1), (4, 2), (4, 3), (2, 7), (4, 1 << 20)]),
            ids,
            arrow_hint: self.dice.percent(60),
            large: self.dice.percent(15),
            renamed,
            statistics: self.dice.percent(85),
            compression: self.dice.weighted(&[
                (6, Compression::UNCOMPRESSED),
                (3, Compression::SNAPPY),
                (1, Compression::LZ4_RAW),
                (1, Compression::ZSTD(ZstdLevel::default())),
            ]),
            dictionary: self.dice.percent(70),
            newer_pages: self.dice.percent(20),
            bloom_filters: self.dice.percent(10),
        }
    }

    pub(super) fn metrics(&mut self) -> MetricsMode {
        self.dice.weighted(&[
            (8, MetricsMode::Full),
            (6, MetricsMode::Truncated(16)),
            (4, MetricsMode::Truncated(1)),
            (2, MetricsMode::Counts),
            (2, MetricsMode::BoundsOnly),
            (3, MetricsMode::None),
        ])
    }
}
