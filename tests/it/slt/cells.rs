// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Results as sqllogictest compares them.
//!
//! NULL is `NULL`, an empty text `(empty)`, a timestamp ISO 8601 with `Z` when it is zoned; a cell of
//! several lines, as `EXPLAIN` gives them, makes as many rows.

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::Result;
use sqllogictest::ColumnType;

/// What a column holds, by the letter that stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Date,
    Integer,
    Timestamp,
    Real,
    Text,
    Other,
}

const LETTERS: [(char, Kind); 7] = [
    ('B', Kind::Boolean),
    ('D', Kind::Date),
    ('I', Kind::Integer),
    ('P', Kind::Timestamp),
    ('R', Kind::Real),
    ('T', Kind::Text),
    ('?', Kind::Other),
];

impl ColumnType for Kind {
    fn from_char(value: char) -> Option<Self> {
        LETTERS
            .into_iter()
            .find(|(letter, _)| *letter == value)
            .map(|(_, kind)| kind)
    }

    fn to_char(&self) -> char {
        LETTERS
            .into_iter()
            .find(|(_, kind)| kind == self)
            .map_or('?', |(letter, _)| letter)
    }
}

/// The kinds of a result's columns.
pub(super) fn kinds(schema: &Schema) -> Vec<Kind> {
    schema
        .fields()
        .iter()
        .map(|field| kind(field.data_type()))
        .collect()
}

fn kind(data_type: &DataType) -> Kind {
    use DataType::*;
    match data_type {
        Boolean => Kind::Boolean,
        Date32 | Date64 => Kind::Date,
        Timestamp(..) => Kind::Timestamp,
        Utf8 | LargeUtf8 | Utf8View => Kind::Text,
        Dictionary(_, value) => kind(value),
        integer if integer.is_integer() => Kind::Integer,
        Float16 | Float32 | Float64 => Kind::Real,
        Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => Kind::Real,
        _ => Kind::Other,
    }
}

/// The rows of a result.
pub(super) fn rows(batches: &[RecordBatch]) -> Result<Vec<Vec<String>>> {
    let options = FormatOptions::default()
        .with_null("NULL")
        .with_types_info(false);
    let mut rows = Vec::new();
    for batch in batches {
        let columns = batch
            .columns()
            .iter()
            .map(|column| Ok(ArrayFormatter::try_new(column.as_ref(), &options)?))
            .collect::<Result<Vec<_>>>()?;
        for at in 0..batch.num_rows() {
            let cells: Vec<String> = columns
                .iter()
                .map(|column| cell(&column.value(at).to_string()))
                .collect();
            if cells.iter().any(|cell| cell.contains('\n')) {
                let text = cells.join(" ");
                let lines = text.lines().filter(|line| !line.trim().is_empty());
                rows.extend(lines.map(|line| vec![line.to_owned()]));
            } else {
                rows.push(cells);
            }
        }
    }
    Ok(rows)
}

fn cell(text: &str) -> String {
    if text.is_empty() {
        "(empty)".to_owned()
    } else {
        text.to_owned()
    }
}
