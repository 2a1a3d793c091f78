// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `DESCRIBE`: one row a column that the object has or brings into a join.
//!
//! | column | meaning |
//! |---|---|
//! | column_name | the column; for a service, the column of the entity table or the feature |
//! | role | `join key`, `event time`, `created time`, `tie-break` or `feature` |
//! | value_type | Feast's type; NULL for times and tie-breaks, whose type is the source's |
//! | feature_view | the view, or its alias in the service; NULL for an entity |
//! | description | what it is |

use std::sync::LazyLock;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use feast_registry::{FeatureService, FeatureView, Field, Registry};

use super::columns::ColumnType::{OptionalText, Text};
use super::columns::{optional_texts, schema, texts};
use super::error::{from_registry, not_found};
use super::objects::find;
use crate::ddl::{Describe, ObjectKind};

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema(&[
        ("column_name", Text),
        ("role", Text),
        ("value_type", OptionalText),
        ("feature_view", OptionalText),
        ("description", OptionalText),
    ])
});

/// The columns of the result.
pub(super) fn result_schema() -> SchemaRef {
    SchemaRef::clone(&SCHEMA)
}

#[derive(Debug)]
struct Row {
    name: String,
    role: &'static str,
    value_type: Option<String>,
    view: Option<String>,
    description: String,
}

impl Row {
    fn typed(field: &Field, role: &'static str, view: Option<&str>) -> Self {
        Self {
            name: field.name.clone(),
            role,
            value_type: Some(field.value_type.name().to_owned()),
            view: view.map(str::to_owned),
            description: field.description.clone(),
        }
    }

    fn untyped(name: &str, role: &'static str, view: &str) -> Self {
        let (name, view) = (name.to_owned(), Some(view.to_owned()));
        Self {
            name,
            role,
            value_type: None,
            view,
            description: String::new(),
        }
    }
}

/// The rows for one object.
pub(super) fn rows(
    registry: &Registry,
    project: &str,
    statement: &Describe,
) -> Result<RecordBatch> {
    let (kind, name) = (statement.kind, &statement.name);
    let rows = match kind {
        ObjectKind::Entity => {
            let known = registry.entities(project).map_err(from_registry)?;
            let entity = find(&known, name).ok_or_else(|| not_found(kind, name, &known))?;
            let mut key = Field::new(&entity.join_key, entity.value_type);
            key.description.clone_from(&entity.description);
            vec![Row::typed(&key, "join key", None)]
        }
        ObjectKind::FeatureView => {
            let known = registry.feature_views(project).map_err(from_registry)?;
            view(find(&known, name).ok_or_else(|| not_found(kind, name, &known))?)
        }
        ObjectKind::FeatureService => {
            let known = registry.feature_services(project).map_err(from_registry)?;
            let views = registry.feature_views(project).map_err(from_registry)?;
            service(
                find(&known, name).ok_or_else(|| not_found(kind, name, &known))?,
                &views,
            )
        }
    };
    let mut columns = vec![
        texts(rows.iter().map(|row| row.name.clone())),
        texts(rows.iter().map(|row| row.role.to_owned())),
    ];
    columns.push(optional_texts(
        rows.iter().map(|row| row.value_type.clone()),
    ));
    columns.push(optional_texts(rows.iter().map(|row| row.view.clone())));
    columns.push(optional_texts(
        rows.into_iter().map(|row| Some(row.description)),
    ));
    Ok(RecordBatch::try_new(result_schema(), columns)?)
}

fn view(view: &FeatureView) -> Vec<Row> {
    let name = view.name.as_str();
    let keys = view
        .entity_columns
        .iter()
        .map(|key| Row::typed(key, "join key", Some(name)));
    let time = (!view.source.timestamp_field.is_empty())
        .then(|| Row::untyped(&view.source.timestamp_field, "event time", name));
    let created = view.source.created_timestamp_column.as_deref();
    let created = created.map(|column| Row::untyped(column, "created time", name));
    let ties = view
        .tie_break
        .iter()
        .map(|column| Row::untyped(column, "tie-break", name));
    let features = view
        .features
        .iter()
        .map(|field| Row::typed(field, "feature", Some(name)));
    keys.chain(time)
        .chain(created)
        .chain(ties)
        .chain(features)
        .collect()
}

/// The entity columns that the service needs, each once, and the features that it gives.
fn service(service: &FeatureService, views: &[FeatureView]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for projection in &service.projections {
        let keys = find(views, &projection.view).map(|view| view.entity_columns.as_slice());
        for key in keys.unwrap_or_default() {
            let column = projection.join_key_map.get(&key.name).unwrap_or(&key.name);
            if rows.iter().any(|row| row.name == *column) {
                continue;
            }
            let mut key = key.clone();
            key.name.clone_from(column);
            rows.push(Row::typed(&key, "join key", Some(projection.name_to_use())));
        }
    }
    for projection in &service.projections {
        for feature in &projection.features {
            rows.push(Row::typed(
                feature,
                "feature",
                Some(projection.name_to_use()),
            ));
        }
    }
    rows
}
