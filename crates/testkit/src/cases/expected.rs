// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What Feast answered, and whether an answer of ours is the same.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use serde_json::Value as Json;

use super::{Case, CaseError, CaseTable};
use crate::compare::{Difference, RowOrder, compare_rows, rows_of};
use crate::oracle::Value;

/// What was observed.
#[derive(Debug, Clone)]
pub enum Expected {
    /// Rows. Where the file says the values are undefined, only their number and the entity columns
    /// are Feast's answer.
    Rows {
        /// The table.
        table: CaseTable,
        /// Which of several tied rows wins is Feast's accident.
        undefined_value: bool,
    },
    /// An error.
    Error(String),
    /// No observed answer is advised.
    Nothing,
}

impl Expected {
    pub(super) fn read(case: &Json) -> Result<Self, CaseError> {
        let results = case.get("results");
        let advised = case.get("advised_to_match").and_then(Json::as_str);
        let Some(advised) = advised.or_else(|| snapshot_of(case)) else {
            return Ok(Self::Nothing);
        };
        let Some(result) = results.and_then(|results| results.get(advised)) else {
            return Err(CaseError::new(format!("there is no result of {advised}")));
        };
        if let Some(error) = result.get("error") {
            let message = error.get("message").and_then(Json::as_str);
            return Ok(Self::Error(
                message.map_or_else(|| error.to_string(), ToString::to_string),
            ));
        }
        let Some(rows) = result.get("ok") else {
            return Err(CaseError::new(format!(
                "the result of {advised} is neither ok nor error"
            )));
        };
        let undefined_value = case
            .get("undefined_value")
            .and_then(Json::as_bool)
            .unwrap_or_default();
        Ok(Self::Rows {
            table: CaseTable::read(rows)?,
            undefined_value,
        })
    }
}

/// The store whose answer to a time range without entity rows is the snapshot at its end. The others answer something else, so that
/// none is advised.
fn snapshot_of(case: &Json) -> Option<&'static str> {
    let absent = case.get("entity_df").is_none_or(Json::is_null);
    let answered = case.get("results")?.get("dask").is_some();
    (absent && answered).then_some("dask")
}

impl Case {
    /// Compares rows with the observed ones: column names in order, rows by value as a multiset. Without entity rows the columns may
    /// be in another order.
    pub fn check(&self, schema: &Schema, actual: &[RecordBatch]) -> Result<(), Difference> {
        let Expected::Rows {
            table,
            undefined_value,
        } = &self.expected
        else {
            return Ok(());
        };
        let found: Vec<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
        let table = match &self.entity_rows {
            super::EntityRows::Absent => &in_order(table, &found),
            _ => table,
        };
        let names: Vec<String> = table.columns.iter().map(|(name, _)| name.clone()).collect();
        if names != found {
            let (names, found) = (names.join(", "), found.join(", "));
            return Err(Difference::new(format!(
                "columns: expected {names}, got {found}"
            )));
        }
        let rows = rows_of(actual).map_err(|error| Difference::new(error.to_string()))?;
        let compared = if *undefined_value {
            self.entity_width(&names)
        } else {
            names.len()
        };
        let shorten = |rows: Vec<Vec<Value>>| -> Vec<Vec<Value>> {
            rows.into_iter()
                .map(|r| r.into_iter().take(compared).map(canonical).collect())
                .collect()
        };
        compare_rows(
            &names,
            shorten(table.rows.clone()),
            shorten(rows),
            RowOrder::Any,
        )
    }

    /// The number of leading columns that are entity columns.
    fn entity_width(&self, names: &[String]) -> usize {
        match &self.entity_rows {
            super::EntityRows::Table(table) => table.columns.len().min(names.len()),
            _ => 0,
        }
    }
}

/// The table with its columns in the order of these names, those not among them last.
fn in_order(table: &CaseTable, names: &[String]) -> CaseTable {
    let place = |column: &usize| {
        let name = &table.columns[*column].0;
        names.iter().position(|other| other == name)
    };
    let mut order: Vec<usize> = (0..table.columns.len()).collect();
    order.sort_by_key(|column| place(column).unwrap_or(usize::MAX));
    let row = |row: &Vec<Value>| order.iter().map(|column| row[*column].clone()).collect();
    CaseTable {
        columns: order.iter().map(|c| table.columns[*c].clone()).collect(),
        rows: table.rows.iter().map(row).collect(),
    }
}

/// A value without its type: whole floats are integers and dates are midnights, because one engine's
/// answer has integers where another's has floats.
pub fn canonical(value: Value) -> Value {
    match value {
        Value::Float(v) if v.fract() == 0.0 && v.abs() < 1e15 => Value::Int(v as i128),
        Value::Date(day) => Value::Instant(i128::from(day) * 86_400_000_000_000),
        Value::List(items) => Value::List(items.into_iter().map(canonical).collect()),
        Value::Struct(fields) => Value::Struct(
            fields
                .into_iter()
                .map(|(name, v)| (name, canonical(v)))
                .collect(),
        ),
        Value::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(k, v)| (canonical(k), canonical(v)))
                .collect(),
        ),
        other => other,
    }
}
