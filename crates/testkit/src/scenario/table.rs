// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A table in partitions and batches.

use std::fmt;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;

use super::dice::Dice;
use crate::compare::rows_of;
use crate::oracle::{Value, array_from_values};

/// A table as a source gives it.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its columns.
    pub schema: SchemaRef,
    /// Its rows.
    pub partitions: Vec<Vec<RecordBatch>>,
}

/// A column under construction.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) data_type: DataType,
    pub(super) cells: Vec<Value>,
}

impl Column {
    pub(super) fn new(name: impl Into<String>, data_type: DataType, cells: Vec<Value>) -> Self {
        Self {
            name: name.into(),
            data_type,
            cells,
        }
    }
}

impl Table {
    /// All rows in one batch, partition after partition.
    pub fn batch(&self) -> Result<RecordBatch, ArrowError> {
        concat_batches(&self.schema, self.partitions.iter().flatten())
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.partitions
            .iter()
            .flatten()
            .map(RecordBatch::num_rows)
            .sum()
    }

    /// The rows for which `keep` says so, counted through all partitions.
    pub fn filtered(&self, keep: impl Fn(usize) -> bool) -> Result<Self, ArrowError> {
        let mut row = 0;
        let mut partitions = Vec::with_capacity(self.partitions.len());
        for partition in &self.partitions {
            let mut batches = Vec::new();
            for batch in partition {
                let mask: BooleanArray = (row..row + batch.num_rows())
                    .map(|r| Some(keep(r)))
                    .collect();
                row += batch.num_rows();
                batches.push(filter_record_batch(batch, &mask)?);
            }
            partitions.push(batches);
        }
        Ok(Self {
            schema: Arc::clone(&self.schema),
            partitions,
        })
    }

    /// The same rows in one partition of one batch.
    pub fn in_one_batch(&self) -> Result<Self, ArrowError> {
        let schema = Arc::clone(&self.schema);
        Ok(Self {
            schema,
            partitions: vec![vec![self.batch()?]],
        })
    }

    /// Cuts rows into partitions and batches, some of them empty.
    pub(super) fn cut(
        dice: &mut Dice,
        columns: &[Column],
        rows: usize,
        partitions: usize,
    ) -> Result<Self, ArrowError> {
        let fields: Vec<Field> = columns
            .iter()
            .map(|c| Field::new(&c.name, c.data_type.clone(), true))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let arrays = columns
            .iter()
            .map(|c| array_from_values(&c.data_type, &c.cells));
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let arrays = arrays.collect::<Result<Vec<_>, _>>()?;
        let whole = RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options)?;
        let mut cut = vec![Vec::new(); partitions.max(1)];
        let mut start = 0;
        while start < rows {
            let length = dice.within(0..=rows.min(20)).min(rows - start);
            let to = dice.within(0..=cut.len() - 1);
            cut[to].push(whole.slice(start, length));
            start += length;
        }
        Ok(Self {
            schema,
            partitions: cut,
        })
    }
}

/// Column names with types, then a line for each row.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for field in self.schema.fields() {
            writeln!(f, "    {}: {}", field.name(), field.data_type())?;
        }
        for (at, partition) in self.partitions.iter().enumerate() {
            writeln!(f, "    partition {at}")?;
            for row in rows_of(partition).map_err(|_| fmt::Error)? {
                let cells: Vec<_> = row.iter().map(ToString::to_string).collect();
                writeln!(f, "      {}", cells.join(" | "))?;
            }
        }
        Ok(())
    }
}
