// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Random tables, each from one seed.

mod columns;
mod deletes;
mod rewrites;
mod rows;
mod specs;
mod values;

use std::fmt;
use std::io;
use std::sync::Arc;

use arrow::datatypes::Schema as ArrowSchema;
use arrow::error::ArrowError;
use serde_json::{Value as Json, json};

use crate::canonical;
use crate::dice::Dice;
use crate::tables::arrays::batch;
use crate::tables::maker::{MAIN, TableMaker};
use crate::tables::manifest::ManifestStyle;
use crate::tables::metadata::MadeTable;
use crate::tables::types::{Field, Schema};

/// A random table with a history of several commits.
#[derive(Debug, Clone)]
pub struct RandomTable {
    /// What it was drawn from.
    pub seed: u64,
    /// The table.
    pub made: MadeTable,
}

impl RandomTable {
    /// Draws the table of a seed. All of its locations begin with `location`.
    ///
    /// # Errors
    ///
    /// When a file cannot be made.
    pub fn draw(seed: u64, location: &str) -> io::Result<Self> {
        Self::draw_steps(seed, location, usize::MAX)
    }

    /// The table of a seed after at most so many steps: a smaller one with the same beginning.
    ///
    /// # Errors
    ///
    /// When a file cannot be made.
    pub fn draw_steps(seed: u64, location: &str, steps: usize) -> io::Result<Self> {
        let mut draw = Draw::new(seed, location);
        draw.history(steps)?;
        Ok(Self {
            seed,
            made: draw.table.finish(),
        })
    }

    /// Whether no row was ever deleted, no column changed, and nothing else was done that needs
    /// more of a reader than to read Parquet files.
    pub fn is_plain(&self) -> bool {
        let table = &self.made.table;
        let schema = table.current_schema();
        let whole = |row: &super::FileRow| {
            let ids = row.iter().map(|(id, _)| *id);
            ids.eq(schema.fields.iter().map(|field| field.id))
        };
        let clean = |snapshot: &Arc<super::Snapshot>| {
            let rows = snapshot.data.iter().flat_map(|file| file.rows.iter());
            snapshot.deletes.is_empty() && { rows }.all(whole)
        };
        table.schemas.len() == 1
            && table.properties.is_empty()
            && table.snapshots().iter().all(clean)
            && table
                .current_schema()
                .fields
                .iter()
                .all(Field::is_primitive)
    }
}

impl RandomTable {
    /// What `expected.json` beside the table's folder would say.
    ///
    /// # Errors
    ///
    /// When a row does not fit its columns.
    pub fn expected(&self) -> Result<Json, ArrowError> {
        let table = &self.made.table;
        let schema = table.current_schema();
        let rows = match table.current() {
            Some(current) => table.rows(current, schema),
            None => Vec::new(),
        };
        let fields: Vec<_> = schema
            .fields
            .iter()
            .map(|field| field.arrow(false))
            .collect();
        let arrow = Arc::new(ArrowSchema::new(fields));
        let found = canonical::found_rows(&[batch(&arrow, &schema.fields, &rows)?])?;
        let columns = schema
            .fields
            .iter()
            .map(|f| json!([f.name, f.ty.to_string()]));
        let snapshots = table.snapshots().iter().map(|snapshot| {
            let rows = table.rows(snapshot, table.schema(snapshot.schema_id));
            json!({"snapshot_id": snapshot.id, "row_count": rows.len()})
        });
        let folder = format!("{}/", self.made.table.location);
        Ok(json!({
            "table": format!("random_{}", self.seed),
            "metadata_file": self.made.metadata.replacen(&folder, "", 1),
            "format_version": table.version(),
            "columns": columns.collect::<Vec<_>>(),
            "row_count": rows.len(),
            "rows": found,
            "snapshots": snapshots.collect::<Vec<_>>(),
        }))
    }
}

/// The history, a line a step, and the live files.
impl fmt::Display for RandomTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = &self.made.table;
        writeln!(f, "table {} at {}", self.seed, self.made.metadata)?;
        for line in table.story() {
            writeln!(f, "  {line}")?;
        }
        let Some(current) = table.current() else {
            return Ok(());
        };
        writeln!(f, "  live in snapshot {}:", current.id)?;
        for file in current.data.iter().chain(&current.deletes) {
            let (path, sequence) = (&file.path, file.sequence);
            write!(
                f,
                "    {path} sequence {sequence} spec {} {:?}",
                file.spec_id, file.partition
            )?;
            match &file.deletes {
                Some(deletes) => writeln!(f, " {deletes:?}")?,
                None => writeln!(f, " {} rows", file.rows.len())?,
            }
        }
        Ok(())
    }
}

/// A table that is being drawn.
struct Draw {
    dice: Dice,
    table: TableMaker,
    /// The columns that files without ids have, whose names are mapped.
    mapped: Option<Vec<Field>>,
    /// Whether manifests know the sizes of files.
    stale_sizes: bool,
}

impl Draw {
    fn new(seed: u64, location: &str) -> Self {
        let mut dice = Dice::new(seed);
        let version = dice.weighted(&[(10, 1), (55, 2), (35, 3)]);
        let fields = columns::first(&mut dice, version);
        let spec = specs::first(&mut dice, &fields);
        let schema = Schema { id: 0, fields };
        let shown: Vec<String> = schema.fields.iter().map(ToString::to_string).collect();
        let parts = spec.fields.iter();
        let parts: Vec<String> = parts
            .map(|f| format!("{}({})", f.transform, f.source_id))
            .collect();
        let mut table = TableMaker::new(location, version, schema, spec);
        table.tell(format!(
            "version {version}: {}; partitioned by [{}]",
            shown.join(", "),
            parts.join(", ")
        ));
        table.manifests = ManifestStyle {
            explicit_sequences: dice.percent(15),
            compressed: dice.percent(50),
            no_summaries: dice.percent(10),
            no_header: dice.percent(4),
            unfixed: seed.is_multiple_of(4),
        };
        let mapped = dice
            .percent(12)
            .then(|| table.current_schema().fields.clone());
        if mapped.is_some() {
            let mapping = table.name_mapping().to_string();
            let key = "schema.name-mapping.default".to_owned();
            table.properties.insert(key, mapping);
            table.tell("names are mapped to ids");
        }
        let stale_sizes = dice.percent(3);
        Self {
            dice,
            table,
            mapped,
            stale_sizes,
        }
    }

    fn history(&mut self, steps: usize) -> io::Result<()> {
        let count = self.dice.within(2..=9);
        for _ in 0..count.min(steps) {
            self.step()?;
        }
        Ok(())
    }

    fn step(&mut self) -> io::Result<()> {
        let told = match self.dice.within(0..=99) {
            0..=29 => self.append(MAIN)?,
            30..=44 => self.delete_positions()?,
            45..=57 => self.delete_equal()?,
            58..=61 => self.upsert()?,
            62..=76 => columns::change(&mut self.dice, &mut self.table),
            77..=80 => specs::change(&mut self.dice, &mut self.table),
            81..=83 => self.remove_files()?,
            84..=87 => self.compact()?,
            88..=90 => self.rewrite_manifests()?,
            91..=92 => self.expire(),
            93..=94 => self.upgrade(),
            95..=97 => self.point()?,
            _ => self.roll_back(),
        };
        if let Some(told) = told {
            self.table.tell(told);
        }
        Ok(())
    }

    fn upgrade(&mut self) -> Option<String> {
        let version = self.table.version();
        self.table.upgrade((version + 1).min(3));
        (version < 3).then(|| format!("upgrade to version {}", version + 1))
    }
}
