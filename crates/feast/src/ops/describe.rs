// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `DESCRIBE`: one row a column that the object has or brings into a join, then one a property.
//!
//! | column | meaning |
//! |---|---|
//! | column_name | the column; for a service, the column of the entity table or the feature; NULL for a property |
//! | role | `join key`, `event time`, `created time`, `tie-break`, `feature`, or the property |
//! | value_type | Feast's type; NULL for times and tie-breaks, whose type is the source's |
//! | feature_view | the view, or its alias in the service; NULL for an entity |
//! | description | what it is; of a property, its value |
//! | source_type | the type that the column has in the source now |
//! | problem | why it cannot be used, as far as the source tells |

use std::sync::LazyLock;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use feast_registry::{Entity, FeatureService, FeatureView, Field, Registry};

use super::columns::ColumnType::{OptionalText, Text};
use super::columns::{optional_texts, schema, texts};
use super::error::{from_registry, not_found};
use super::objects::find;
use super::properties;
use super::source_state::SourceState;
use crate::ddl::{Describe, ObjectKind};
use crate::session::FeastScope;

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema(&[
        ("column_name", OptionalText),
        ("role", Text),
        ("value_type", OptionalText),
        ("feature_view", OptionalText),
        ("description", OptionalText),
        ("source_type", OptionalText),
        ("problem", OptionalText),
    ])
});

/// The columns of the result.
pub(super) fn result_schema() -> SchemaRef {
    SchemaRef::clone(&SCHEMA)
}

#[derive(Debug, Default)]
struct Row {
    name: Option<String>,
    role: &'static str,
    value_type: Option<String>,
    view: Option<String>,
    description: String,
    source_type: Option<String>,
    problem: Option<String>,
}

impl Row {
    fn typed(field: &Field, role: &'static str, view: Option<&str>) -> Self {
        Self {
            name: Some(field.name.clone()),
            role,
            value_type: Some(field.value_type.name().to_owned()),
            view: view.map(str::to_owned),
            description: field.description.clone(),
            ..Self::default()
        }
    }

    fn untyped(name: &str, role: &'static str, view: &str) -> Self {
        Self {
            name: Some(name.to_owned()),
            role,
            view: Some(view.to_owned()),
            ..Self::default()
        }
    }

    fn property(view: Option<&str>, (role, value): (&'static str, String)) -> Self {
        Self {
            role,
            view: view.map(str::to_owned),
            description: value,
            ..Self::default()
        }
    }

    /// The row of the view's column of that name, with what the source says of it.
    fn beside(mut self, column: &str, view: &FeatureView, source: &SourceState) -> Self {
        let found = source.beside(view);
        let found = found.as_ref().and_then(|beside| beside.column(column));
        self.source_type = found.map(|(_, data_type)| data_type.to_string());
        let wrong = source.problems(view).into_iter();
        let mut wrong = wrong.filter(|problem| problem.column.as_deref() == Some(column));
        self.problem = wrong.next().map(|problem| problem.problem);
        self
    }
}

/// The rows for one object.
pub(super) async fn rows(scope: &FeastScope, statement: &Describe) -> Result<RecordBatch> {
    let registry = scope.registry().read()?;
    let (project, kind, name) = (scope.project(), statement.kind, &statement.name);
    let rows = match kind {
        ObjectKind::Entity => {
            let known = registry.entities(project).map_err(from_registry)?;
            let found = find(&known, name).ok_or_else(|| not_found(kind, name, &known))?;
            entity(&registry, project, found)?
        }
        ObjectKind::FeatureView => {
            let known = registry.feature_views(project).map_err(from_registry)?;
            let found = find(&known, name).ok_or_else(|| not_found(kind, name, &known))?;
            view(scope, &registry, found).await?
        }
        ObjectKind::FeatureService => {
            let known = registry.feature_services(project).map_err(from_registry)?;
            let views = registry.feature_views(project).map_err(from_registry)?;
            let found = find(&known, name).ok_or_else(|| not_found(kind, name, &known))?;
            service(scope, found, &views).await
        }
    };
    let columns = vec![
        optional_texts(rows.iter().map(|row| row.name.clone())),
        texts(rows.iter().map(|row| row.role.to_owned())),
        optional_texts(rows.iter().map(|row| row.value_type.clone())),
        optional_texts(rows.iter().map(|row| row.view.clone())),
        optional_texts(rows.iter().map(|row| Some(row.description.clone()))),
        optional_texts(rows.iter().map(|row| row.source_type.clone())),
        optional_texts(rows.iter().map(|row| row.problem.clone())),
    ];
    Ok(RecordBatch::try_new(result_schema(), columns)?)
}

fn entity(registry: &Registry, project: &str, entity: &Entity) -> Result<Vec<Row>> {
    let mut key = Field::new(&entity.join_key, entity.value_type);
    key.description.clone_from(&entity.description);
    let properties = properties::of_entity(registry, project, entity)?;
    let properties = properties.into_iter().map(|it| Row::property(None, it));
    Ok(std::iter::once(Row::typed(&key, "join key", None))
        .chain(properties)
        .collect())
}

async fn view(scope: &FeastScope, registry: &Registry, view: &FeatureView) -> Result<Vec<Row>> {
    let name = view.name.as_str();
    let source = SourceState::of(scope, view).await;
    let keys = view.entity_columns.iter();
    let keys = keys.map(|key| Row::typed(key, "join key", Some(name)));
    let time = (!view.source.timestamp_field.is_empty())
        .then(|| Row::untyped(&view.source.timestamp_field, "event time", name));
    let created = view.source.created_timestamp_column.as_deref();
    let created = created.map(|column| Row::untyped(column, "created time", name));
    let ties = view.tie_break.iter();
    let ties = ties.map(|column| Row::untyped(column, "tie-break", name));
    let features = view.features.iter();
    let features = features.map(|field| Row::typed(field, "feature", Some(name)));
    let mut rows: Vec<Row> = keys
        .chain(time)
        .chain(created)
        .chain(ties)
        .chain(features)
        .collect();
    for row in &mut rows {
        let column = row.name.clone().unwrap_or_default();
        *row = std::mem::take(row).beside(&column, view, &source);
    }
    let whole = source
        .problems(view)
        .into_iter()
        .find(|it| it.column.is_none());
    for property in properties::of_view(scope, registry, view, &source).await? {
        let mut row = Row::property(Some(name), property);
        if row.role == "source" {
            row.problem = whole.as_ref().map(|problem| problem.problem.clone());
        }
        rows.push(row);
    }
    Ok(rows)
}

/// The entity columns that the service needs, each once, and the features that it gives.
async fn service(scope: &FeastScope, service: &FeatureService, views: &[FeatureView]) -> Vec<Row> {
    let (mut keys, mut features): (Vec<Row>, Vec<Row>) = (Vec::new(), Vec::new());
    for projection in &service.projections {
        let called = Some(projection.name_to_use());
        let Some(view) = find(views, &projection.view) else {
            for feature in &projection.features {
                let mut row = Row::typed(feature, "feature", called);
                row.problem = Some(format!("feature view {} does not exist", projection.view));
                features.push(row);
            }
            continue;
        };
        let source = SourceState::of(scope, view).await;
        for key in &view.entity_columns {
            let column = projection.join_key_map.get(&key.name).unwrap_or(&key.name);
            if keys.iter().any(|row| row.name.as_ref() == Some(column)) {
                continue;
            }
            let mut renamed = key.clone();
            renamed.name.clone_from(column);
            keys.push(Row::typed(&renamed, "join key", called).beside(&key.name, view, &source));
        }
        for feature in &projection.features {
            let row = Row::typed(feature, "feature", called);
            let mut row = row.beside(&feature.name, view, &source);
            if view.feature(&feature.name).is_none() {
                row.problem = Some(format!("feature view {} no longer has it", view.name));
            }
            features.push(row);
        }
    }
    keys.extend(features);
    let properties = properties::of_service(service).into_iter();
    keys.extend(properties.map(|it| Row::property(None, it)));
    keys
}
