// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The whole answer of a call: entity columns, then each view's requested features.

use std::sync::Arc;

use arrow::array::{Array, RecordBatch, UInt64Array};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;

use super::rule::{EntityRow, FeatureRow, Rule, winner};
use super::{Value, instant_at, value_at};

/// A call of the point-in-time join, with its tables.
#[derive(Debug, Clone)]
pub struct PitQuery {
    /// The entity rows.
    pub entity: RecordBatch,
    /// The entity table's time column.
    pub entity_time: String,
    /// One entry for each projection of a view, in order of first reference.
    pub views: Vec<PitView>,
    /// Is the created cutoff on?
    pub created_cutoff: bool,
    /// Are features named `view__feature`?
    pub full_feature_names: bool,
}

/// A projection of a feature view.
#[derive(Debug, Clone)]
pub struct PitView {
    /// The view's alias or name, the prefix of full feature names.
    pub label: String,
    /// The source's rows, columns already under their mapped names.
    pub rows: RecordBatch,
    /// Pairs of the view's key column and the entity column it is joined to.
    pub keys: Vec<(String, String)>,
    /// The event time column.
    pub time: String,
    /// The created column.
    pub created: Option<String>,
    /// Time to live in nanoseconds; `None` and 0 are no limit.
    pub ttl: Option<i128>,
    /// The declared tie-break columns.
    pub tie_break: Vec<String>,
    /// All features of the view, in declared order.
    pub features: Vec<String>,
    /// The requested features, in reference order.
    pub requested: Vec<String>,
}

/// The answer, in the order of the entity rows.
pub fn answer(query: &PitQuery) -> Result<RecordBatch, ArrowError> {
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    let mut push = |name: &str, array: Arc<dyn Array>| -> Result<(), ArrowError> {
        let data_type = output_type(array.data_type());
        columns.push(cast(&array, &data_type)?);
        fields.push(Field::new(name, data_type, true));
        Ok(())
    };
    let entity = &query.entity;
    for (field, column) in entity.schema().fields().iter().zip(entity.columns()) {
        push(field.name(), Arc::clone(column))?;
    }
    for view in &query.views {
        let rows = UInt64Array::from(
            winners(query, view)?
                .into_iter()
                .map(|row| row.map(|r| r as u64))
                .collect::<Vec<_>>(),
        );
        for feature in &view.requested {
            let name = if query.full_feature_names {
                format!("{}__{feature}", view.label)
            } else {
                feature.clone()
            };
            push(
                &name,
                take(column(&view.rows, feature)?.as_ref(), &rows, None)?,
            )?;
        }
    }
    let rows = arrow::array::RecordBatchOptions::new().with_row_count(Some(entity.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &rows)
}

/// The type a column has in the output: timestamps with a zone are in UTC.
pub fn output_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some("UTC".into())),
        other => other.clone(),
    }
}

/// For each entity row the winning row of a view.
pub fn winners(query: &PitQuery, view: &PitView) -> Result<Vec<Option<usize>>, ArrowError> {
    let feature_rows = (0..view.rows.num_rows())
        .map(|row| feature_row(view, row))
        .collect::<Result<Vec<_>, _>>()?;
    let rule = Rule {
        ttl: view.ttl,
        created_cutoff: query.created_cutoff && view.created.is_some(),
    };
    let keys: Vec<&str> = view
        .keys
        .iter()
        .map(|(_, entity)| entity.as_str())
        .collect();
    let times = column(&query.entity, &query.entity_time)?;
    (0..query.entity.num_rows())
        .map(|row| {
            let entity = EntityRow {
                keys: cells(&query.entity, &keys, row)?,
                time: instant_at(times.as_ref(), row)?,
            };
            Ok(winner(&entity, &feature_rows, rule))
        })
        .collect()
}

fn feature_row(view: &PitView, row: usize) -> Result<FeatureRow, ArrowError> {
    let keys: Vec<&str> = view.keys.iter().map(|(view, _)| view.as_str()).collect();
    let created = match &view.created {
        Some(created) => instant_at(column(&view.rows, created)?.as_ref(), row)?,
        None => None,
    };
    Ok(FeatureRow {
        keys: cells(&view.rows, &keys, row)?,
        event: instant_at(column(&view.rows, &view.time)?.as_ref(), row)?,
        created,
        tie_break: cells(&view.rows, &view.tie_break, row)?,
        features: cells(&view.rows, &view.features, row)?,
    })
}

fn cells<S: AsRef<str>>(
    batch: &RecordBatch,
    names: &[S],
    row: usize,
) -> Result<Vec<Value>, ArrowError> {
    names
        .iter()
        .map(|name| value_at(column(batch, name.as_ref())?.as_ref(), row))
        .collect()
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a Arc<dyn Array>, ArrowError> {
    batch
        .column_by_name(name)
        .ok_or_else(|| ArrowError::SchemaError(format!("the test's table has no column {name}")))
}
