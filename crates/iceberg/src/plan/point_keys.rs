// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Keys whose rows are looked for.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use arrow::array::{Array, ArrayRef, DynComparator, RecordBatch, UInt32Array, make_comparator};
use arrow::compute::{CastOptions, SortOptions, cast_with_options, take};
use arrow::row::{RowConverter, SortField};
use datafusion::common::ScalarValue;
use datafusion::error::Result;

use crate::error::{Error, ErrorKind};
use crate::schema::{TableColumn, TableColumns};

/// A column of keys.
#[derive(Debug, Clone)]
pub(crate) struct PointColumn {
    /// The column's position in the table.
    pub(crate) index: usize,
    pub(super) column: TableColumn,
    /// The keys' values, in the column's type.
    pub(crate) values: ArrayRef,
    least: ScalarValue,
    greatest: ScalarValue,
    by_value: OnceLock<HashMap<ScalarValue, Vec<u32>>>,
}

/// Keys: distinct ones without NULL, in the table's types.
#[derive(Debug, Clone)]
pub(crate) struct PointKeys {
    pub(crate) columns: Vec<PointColumn>,
    pub(crate) count: u32,
}

impl PointKeys {
    /// The rows of `keys`, whose columns are called as the table's.
    pub(crate) fn try_new(table: &str, columns: &TableColumns, keys: &RecordBatch) -> Result<Self> {
        let mut found = Vec::with_capacity(keys.num_columns());
        for (field, values) in keys.schema_ref().fields().iter().zip(keys.columns()) {
            let index = columns.index_of(field.name());
            let known = index.zip(columns.column(field.name()));
            let Some((index, column)) = known else {
                let message = format!("table {table} has no column '{}'", field.name());
                return Err(Error::new(ErrorKind::NotFound, message).into());
            };
            let options = CastOptions {
                safe: false,
                ..CastOptions::default()
            };
            let values = cast_with_options(values, &column.data_type, &options)?;
            found.push((index, column.clone(), values));
        }
        let rows = distinct_rows(&found, keys.num_rows())?;
        let columns = found.into_iter().map(|(index, column, values)| {
            let values = take(&values, &rows, None)?;
            let (least, greatest) = ends(&values)?;
            Ok(PointColumn {
                index,
                column,
                values,
                least,
                greatest,
                by_value: OnceLock::new(),
            })
        });
        Ok(Self {
            columns: columns.collect::<Result<_>>()?,
            count: u32::try_from(rows.len()).unwrap_or(u32::MAX),
        })
    }
}

/// The first rows of all keys that have no NULL.
fn distinct_rows(columns: &[(usize, TableColumn, ArrayRef)], rows: usize) -> Result<UInt32Array> {
    let types = columns.iter().map(|(_, _, v)| v.data_type().clone());
    let converter = RowConverter::new(types.map(SortField::new).collect())?;
    let values: Vec<ArrayRef> = columns.iter().map(|(_, _, v)| ArrayRef::clone(v)).collect();
    let encoded = converter.convert_columns(&values)?;
    let mut seen = HashSet::new();
    let whole = |row: &usize| values.iter().all(|values| values.is_valid(*row));
    let first = (0..rows).filter(whole);
    let first = first.filter(|row| seen.insert(encoded.row(*row)));
    Ok(first.map(|row| row as u32).collect())
}

/// The least and the greatest value; NULL if there is none.
fn ends(values: &ArrayRef) -> Result<(ScalarValue, ScalarValue)> {
    let null = ScalarValue::try_new_null(values.data_type())?;
    if values.is_empty() {
        return Ok((null.clone(), null));
    }
    let compare = make_comparator(values, values, SortOptions::default())?;
    let (mut least, mut greatest) = (0, 0);
    for row in 1..values.len() {
        if compare(row, least).is_lt() {
            least = row;
        }
        if compare(row, greatest).is_gt() {
            greatest = row;
        }
    }
    Ok((
        ScalarValue::try_from_array(values, least)?,
        ScalarValue::try_from_array(values, greatest)?,
    ))
}

impl PointColumn {
    /// Whether one of the values may be from `min` to `max`.
    pub(super) fn overlaps(&self, min: Option<&ScalarValue>, max: Option<&ScalarValue>) -> bool {
        let above = max.is_some_and(|max| self.least > *max);
        let below = min.is_some_and(|min| self.greatest < *min);
        !above && !below
    }

    /// Which of the keys have this value; None if that cannot be told.
    pub(super) fn keys_of(&self, value: &ScalarValue) -> Option<&[u32]> {
        if value.data_type() != self.column.data_type {
            return None;
        }
        let found = self.by_value.get_or_init(|| {
            let mut found: HashMap<ScalarValue, Vec<u32>> = HashMap::new();
            for row in 0..self.values.len() {
                if let Ok(value) = ScalarValue::try_from_array(&self.values, row) {
                    found.entry(value).or_default().push(row as u32);
                }
            }
            found
        });
        Some(found.get(value).map(Vec::as_slice).unwrap_or_default())
    }
}

/// What is known of the values of containers: the least and the greatest, one row for each.
pub(crate) struct Ranges {
    min: Option<(ArrayRef, DynComparator)>,
    max: Option<(ArrayRef, DynComparator)>,
}

impl Ranges {
    /// To be compared with keys of these `values`. Bounds of another type say nothing.
    pub(crate) fn new(values: &ArrayRef, min: Option<ArrayRef>, max: Option<ArrayRef>) -> Self {
        let compared = |bounds: Option<ArrayRef>| {
            let bounds = bounds.filter(|bounds| bounds.data_type() == values.data_type())?;
            let compare = make_comparator(values, &bounds, SortOptions::default()).ok()?;
            Some((bounds, compare))
        };
        Self {
            min: compared(min),
            max: compared(max),
        }
    }

    /// Whether a container may hold a key.
    pub(crate) fn may_hold(&self, key: u32, container: usize) -> bool {
        let key = key as usize;
        let below = self.min.as_ref().is_some_and(|(min, compare)| {
            min.is_valid(container) && compare(key, container).is_lt()
        });
        let above = self.max.as_ref().is_some_and(|(max, compare)| {
            max.is_valid(container) && compare(key, container).is_gt()
        });
        !below && !above
    }
}
