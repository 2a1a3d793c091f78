// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a definition leaves out, taken from the source where that can mean one thing only.
//!
//! | left out | taken |
//! |---|---|
//! | `TIMESTAMP` | the column `event_timestamp`, else the only timestamp (else date) that is no created time |
//! | `CREATED TIMESTAMP`, with `TIMESTAMP` | the only timestamp called as a created time usually is |
//! | `ENTITIES`, with `TIMESTAMP` | the entities whose join keys are columns of the source |
//! | `FEATURES` | the columns that have no other role |
//!
//! What is ambiguous is asked for by an error.

use arrow::datatypes::DataType;
use datafusion::common::Result;
use feast_registry::{Entity, FeatureView, Registry};

use super::error::from_registry;
use super::source_columns::SourceColumns;
use super::value_types::key_accepts;
use crate::ddl::{CreateFeatureView, FeatureColumn, quoted_name};

const EVENT: &str = "event_timestamp";
const CREATED: [&str; 5] = [
    "created",
    "created_at",
    "created_timestamp",
    "created_ts",
    "created_time",
];

/// The definition with times and entities found.
pub(super) fn complete(
    registry: &Registry,
    project: &str,
    statement: &CreateFeatureView,
    columns: &SourceColumns,
) -> Result<CreateFeatureView> {
    let mut statement = statement.clone();
    if statement.timestamp.is_some() {
        return Ok(statement);
    }
    if statement.entities.is_none() {
        statement.entities = Some(entities(registry, project, columns)?);
    }
    let (event, created) = times(&statement, columns)?;
    statement.timestamp = Some(event);
    statement.created = statement.created.or(created);
    Ok(statement)
}

/// The entities whose join key the source has.
pub(super) fn entities(
    registry: &Registry,
    project: &str,
    columns: &SourceColumns,
) -> Result<Vec<String>> {
    let known = registry.entities(project).map_err(from_registry)?;
    let fits = |entity: &&Entity| {
        columns.iter().any(|(name, data_type)| {
            name == entity.join_key && key_accepts(entity.value_type, data_type)
        })
    };
    let found: Vec<&Entity> = known.iter().filter(fits).collect();
    for (index, entity) in found.iter().enumerate() {
        let other = found
            .iter()
            .take(index)
            .find(|it| it.join_key == entity.join_key);
        if let Some(other) = other {
            return columns.invalid(&format!(
                "entities {} and {} both have the join key {}; say in ENTITIES (…) which it is",
                other.name, entity.name, entity.join_key
            ));
        }
    }
    if found.is_empty() {
        return columns.invalid(&format!(
            "no entity has a join key among the columns of {}; name entities in ENTITIES (…), \
             create the one it is about first, or write ENTITIES () for features of none",
            columns.source()
        ));
    }
    Ok(found
        .into_iter()
        .map(|entity| entity.name.clone())
        .collect())
}

/// The event time and the created time.
fn times(
    statement: &CreateFeatureView,
    columns: &SourceColumns,
) -> Result<(String, Option<String>)> {
    let features = statement.features.as_deref().unwrap_or_default();
    let free = |name: &str| {
        statement.created.as_deref() != Some(name)
            && !features.iter().any(|feature| feature.name == name)
            && !statement.tie_break.iter().any(|column| column == name)
    };
    let of = |wanted: fn(&DataType) -> bool| -> Vec<&str> {
        columns
            .iter()
            .filter(|(name, data_type)| wanted(data_type) && free(name))
            .map(|(name, _)| name)
            .collect()
    };
    let times = of(|data_type| matches!(data_type, DataType::Timestamp(..)));
    let (created, others): (Vec<&str>, Vec<&str>) = times
        .iter()
        .copied()
        .partition(|name| CREATED.contains(name));
    let created = match created.as_slice() {
        [only] if statement.created.is_none() => Some((*only).to_owned()),
        _ => None,
    };
    if times.contains(&EVENT) {
        return Ok((EVENT.to_owned(), created));
    }
    let dates = of(|data_type| matches!(data_type, DataType::Date32 | DataType::Date64));
    let candidates = if others.is_empty() { &dates } else { &others };
    if let [only] = candidates.as_slice() {
        return Ok(((*only).to_owned(), created));
    }
    let all: Vec<String> = times
        .iter()
        .chain(&dates)
        .map(|name| quoted_name(name))
        .collect();
    columns.invalid(&if all.is_empty() {
        format!(
            "{} has no timestamp or date column left to be the event time; a view needs one",
            columns.source()
        )
    } else {
        format!(
            "which column of {} is the event time? say TIMESTAMP with one of {}",
            columns.source(),
            all.join(", ")
        )
    })
}

/// What was taken from the source, as the clauses that would have said it; `None` if nothing was.
pub(super) fn told(stated: &CreateFeatureView, view: &FeatureView) -> Option<String> {
    let mut clauses = Vec::new();
    let names = |names: &[String]| {
        let names: Vec<String> = names.iter().map(|name| quoted_name(name)).collect();
        names.join(", ")
    };
    if stated.timestamp.is_none() {
        if stated.entities.is_none() {
            clauses.push(format!("ENTITIES ({})", names(&view.entities)));
        }
        let time = quoted_name(&view.source.timestamp_field);
        clauses.push(format!("TIMESTAMP {time}"));
        if let (None, Some(created)) = (&stated.created, &view.source.created_timestamp_column) {
            clauses.push(format!("CREATED TIMESTAMP {}", quoted_name(created)));
        }
    }
    if stated.features.is_none() {
        let feature = |field: &feast_registry::Field| {
            FeatureColumn {
                name: field.name.clone(),
                value_type: field.value_type,
                comment: None,
            }
            .to_string()
        };
        let features: Vec<String> = view.features.iter().map(feature).collect();
        clauses.push(format!("FEATURES ({})", features.join(", ")));
    }
    (!clauses.is_empty()).then(|| format!("inferred: {}", clauses.join(" ")))
}
