// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Rows as text, sorted, so that engines can be compared.

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::Value as Json;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rows {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Rows {
    pub(super) fn of(columns: Vec<String>, batches: &[RecordBatch]) -> Self {
        let options = FormatOptions::default().with_null("NULL");
        let mut rows = Vec::new();
        for batch in batches {
            let cells: Vec<ArrayFormatter> = batch
                .columns()
                .iter()
                .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
                .collect();
            rows.extend((0..batch.num_rows()).map(|row| {
                cells
                    .iter()
                    .map(|cell| cell.value(row).to_string())
                    .collect::<Vec<_>>()
            }));
        }
        rows.sort();
        Self { columns, rows }
    }

    /// From what `tests/services/*.py` prints.
    pub(super) fn from_json(json: &Json) -> Self {
        let texts = |list: &Json| -> Vec<String> {
            let list = list.as_array().unwrap();
            list.iter()
                .map(|text| text.as_str().unwrap().to_owned())
                .collect()
        };
        let mut rows: Vec<_> = json["rows"].as_array().unwrap().iter().map(texts).collect();
        rows.sort();
        Self {
            columns: texts(&json["columns"]),
            rows,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The only value of the only row.
    pub(super) fn value(&self) -> &str {
        match self.rows.as_slice() {
            [row] if row.len() == 1 => &row[0],
            _ => panic!("expected one value, found {self:?}"),
        }
    }

    /// The values of one column, in the order of the rows.
    pub(super) fn column(&self, name: &str) -> Vec<&str> {
        let at = self.columns.iter().position(|column| column == name);
        let at = at.unwrap_or_else(|| panic!("no column {name} in {:?}", self.columns));
        self.rows.iter().map(|row| row[at].as_str()).collect()
    }
}
