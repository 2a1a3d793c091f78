// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Defining feature services: every item is checked against the views of the registry.

use std::collections::BTreeMap;

use datafusion::common::Result;
use feast_registry::{
    ErrorKind, FeatureService, FeatureView, FeatureViewProjection, Field, Registry,
};

use super::error::{about, fail, from_registry, not_found};
use super::objects::find;
use super::record::differing;
use crate::ddl::{CreateFeatureService, ObjectKind, ServiceItem, suggestion};

/// The feature service that the statement describes, checked against the registry.
pub(super) fn define(
    registry: &Registry,
    project: &str,
    statement: &CreateFeatureService,
) -> Result<FeatureService> {
    let views = registry.feature_views(project).map_err(from_registry)?;
    let mut projections: Vec<FeatureViewProjection> = Vec::new();
    for item in &statement.items {
        let Some(view) = find(&views, &item.view) else {
            return Err(not_found(ObjectKind::FeatureView, &item.view, &views));
        };
        let projection = projection(&statement.name, view, item)?;
        let name = projection.name_to_use();
        if projections.iter().any(|other| other.name_to_use() == name) {
            return Err(invalid(
                &statement.name,
                &format!("two items are called {name}; give one of them another name with AS"),
            ));
        }
        projections.push(projection);
    }
    Ok(FeatureService {
        name: statement.name.clone(),
        projections,
        description: statement.properties.comment.clone().unwrap_or_default(),
        owner: statement.properties.owner.clone().unwrap_or_default(),
        tags: statement.properties.tags.clone(),
    })
}

fn projection(
    service: &str,
    view: &FeatureView,
    item: &ServiceItem,
) -> Result<FeatureViewProjection> {
    Ok(FeatureViewProjection {
        view: view.name.clone(),
        alias: item.alias.clone().filter(|alias| *alias != view.name),
        features: features(service, view, item)?,
        join_key_map: join_keys(service, view, item)?,
    })
}

fn features(service: &str, view: &FeatureView, item: &ServiceItem) -> Result<Vec<Field>> {
    let Some(names) = &item.features else {
        return Ok(view.features.clone());
    };
    let mut fields: Vec<Field> = Vec::new();
    for name in names {
        let Some(field) = view.features.iter().find(|field| field.name == *name) else {
            let known: Vec<String> = view
                .features
                .iter()
                .map(|field| field.name.clone())
                .collect();
            let hint = suggestion(name, &known, "features");
            let message = format!(
                "feature service {service}: feature view {} has no feature {name}; {hint}",
                view.name
            );
            return Err(about(name, ErrorKind::NotFound, message));
        };
        if fields.iter().any(|other| other.name == *name) {
            let message = format!("feature {name} of {} is named twice; keep one", view.name);
            return Err(invalid(service, &message));
        }
        fields.push(field.clone());
    }
    Ok(fields)
}

fn join_keys(
    service: &str,
    view: &FeatureView,
    item: &ServiceItem,
) -> Result<BTreeMap<String, String>> {
    let mut map = BTreeMap::new();
    for (key, column) in &item.join_keys {
        if !view.entity_columns.iter().any(|known| known.name == *key) {
            let known: Vec<String> = view
                .entity_columns
                .iter()
                .map(|known| known.name.clone())
                .collect();
            let hint = suggestion(key, &known, "join keys");
            let message = format!("feature view {} has no join key {key}; {hint}", view.name);
            return Err(invalid(service, &message));
        }
        if map.insert(key.clone(), column.clone()).is_some() {
            let message = format!("join key {key} of {} is mapped twice; keep one", view.name);
            return Err(invalid(service, &message));
        }
    }
    Ok(map)
}

fn invalid(service: &str, message: &str) -> datafusion::common::DataFusionError {
    fail(
        ErrorKind::InvalidDefinition,
        format!("feature service {service}: {message}"),
    )
}

/// The parts in which two definitions differ.
pub(super) fn differences(old: &FeatureService, new: &FeatureService) -> Vec<String> {
    differing([
        ("features", old.projections != new.projections),
        ("comment", old.description != new.description),
        ("owner", old.owner != new.owner),
        ("tags", old.tags != new.tags),
    ])
}
