// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `feast_validate`: what no longer fits its source, a row a problem; no rows where all is well.

use std::sync::LazyLock;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use feast_registry::{FeatureService, FeatureView};

use super::columns::ColumnType::{OptionalText, Text};
use super::columns::{optional_texts, schema, texts};
use super::error::from_registry;
use super::objects::find;
use super::source_state::SourceState;
use crate::ddl::quoted_name;
use crate::session::FeastScope;

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema(&[
        ("object", Text),
        ("feature", OptionalText),
        ("problem", Text),
        ("fix", Text),
    ])
});

/// The columns of the result: `object` is a view or service; `feature` is NULL where all of it is
/// affected; `problem` and `fix` are texts for people.
pub(super) fn result_schema() -> SchemaRef {
    SchemaRef::clone(&SCHEMA)
}

#[derive(Debug)]
struct Row {
    object: String,
    feature: Option<String>,
    problem: String,
    fix: String,
}

/// The problems of all views and services, by name.
pub(super) async fn validate(scope: &FeastScope) -> Result<RecordBatch> {
    let (registry, project) = (scope.registry().read()?, scope.project());
    let mut views = registry.feature_views(project).map_err(from_registry)?;
    views.sort_by(|a, b| a.name.cmp(&b.name));
    let mut rows = Vec::new();
    for view in &views {
        let source = SourceState::of(scope, view).await;
        rows.extend(source.problems(view).into_iter().map(|problem| Row {
            object: view.name.clone(),
            feature: problem.feature,
            problem: problem.problem,
            fix: problem.fix,
        }));
    }
    let mut services = registry.feature_services(project).map_err(from_registry)?;
    services.sort_by(|a, b| a.name.cmp(&b.name));
    for service in &services {
        rows.extend(of_service(service, &views));
    }
    let columns = vec![
        texts(rows.iter().map(|row| row.object.clone())),
        optional_texts(rows.iter().map(|row| row.feature.clone())),
        texts(rows.iter().map(|row| row.problem.clone())),
        texts(rows.iter().map(|row| row.fix.clone())),
    ];
    Ok(RecordBatch::try_new(result_schema(), columns)?)
}

/// A service names what its views had when it was defined.
fn of_service(service: &FeatureService, views: &[FeatureView]) -> Vec<Row> {
    let fix = format!(
        "CREATE OR REPLACE FEATURE SERVICE {} without it",
        quoted_name(&service.name)
    );
    let mut rows = Vec::new();
    for projection in &service.projections {
        let Some(view) = find(views, &projection.view) else {
            rows.push(Row {
                object: service.name.clone(),
                feature: None,
                problem: format!("feature view {} does not exist", projection.view),
                fix: fix.clone(),
            });
            continue;
        };
        for feature in &projection.features {
            if view.feature(&feature.name).is_none() {
                rows.push(Row {
                    object: service.name.clone(),
                    feature: Some(format!("{}:{}", projection.name_to_use(), feature.name)),
                    problem: format!("feature view {} has no feature {}", view.name, feature.name),
                    fix: fix.clone(),
                });
            }
        }
    }
    rows
}
