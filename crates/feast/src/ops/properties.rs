// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What `DESCRIBE` tells of an object besides its columns, as names and texts.

use std::collections::BTreeMap;

use arrow::util::display::array_value_to_string;
use chrono::{DateTime, SecondsFormat};
use datafusion::common::Result;
use feast_registry::{Entity, FeatureService, FeatureView, Registry, Timestamp, ViewKind};

use super::error::from_registry;
use super::feature_view::ttl_told;
use super::objects::location;
use super::source_state::SourceState;
use crate::session::FeastScope;

type Property = (&'static str, String);

/// Who answers for an entity, its tags, and the views that use it.
pub(super) fn of_entity(
    registry: &Registry,
    project: &str,
    entity: &Entity,
) -> Result<Vec<Property>> {
    let views = registry.feature_views(project).map_err(from_registry)?;
    let users = views
        .iter()
        .filter(|view| view.entities.contains(&entity.name));
    let users: Vec<&str> = users.map(|view| view.name.as_str()).collect();
    let mut properties = shared("", &entity.owner, &entity.tags);
    properties.extend(some("used by", users.join(", ")));
    Ok(properties)
}

/// Where a view's rows are, how new they are and how long they stay valid, what was materialized.
pub(super) async fn of_view(
    scope: &FeastScope,
    registry: &Registry,
    view: &FeatureView,
    source: &SourceState,
) -> Result<Vec<Property>> {
    let mut properties = Vec::new();
    if view.kind != ViewKind::Batch {
        properties.push(("kind", view.kind.name().to_owned()));
    }
    properties.extend(some("source", location(&view.source.source)));
    if let Some((id, committed)) = source.snapshot() {
        let committed = DateTime::from_timestamp_millis(committed);
        let committed = committed.map_or_else(String::new, |at| {
            format!(
                ", committed {}",
                at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
            )
        });
        properties.push(("snapshot", format!("{id}{committed}")));
    }
    if let Some(newest) = source.newest(scope, view).await {
        let text = array_value_to_string(&newest.to_array()?, 0)?;
        properties.push(("freshness", format!("newest event time {text}")));
    }
    properties.push(("ttl", ttl_told(view.ttl)));
    properties.push(("online", view.online.to_string()));
    properties.extend(materialized(&view.materialization_intervals));
    let versions = registry.feature_view_versions(scope.project(), &view.name);
    let versions = versions.map_err(from_registry)?;
    let versions: Vec<String> = versions
        .into_iter()
        .map(|number| format!("v{number}"))
        .collect();
    properties.extend(some("versions", versions.join(", ")));
    properties.extend(shared(&view.description, &view.owner, &view.tags));
    let services = registry
        .feature_services(scope.project())
        .map_err(from_registry)?;
    let users = services.iter().filter(|service| {
        let mut taken = service.projections.iter();
        taken.any(|projection| projection.view == view.name)
    });
    let users: Vec<&str> = users.map(|service| service.name.as_str()).collect();
    properties.extend(some("used by", users.join(", ")));
    Ok(properties)
}

/// What a service is, who answers for it, its tags.
pub(super) fn of_service(service: &FeatureService) -> Vec<Property> {
    shared(&service.description, &service.owner, &service.tags)
}

fn some(name: &'static str, text: String) -> Option<Property> {
    (!text.is_empty()).then_some((name, text))
}

fn shared(comment: &str, owner: &str, tags: &BTreeMap<String, String>) -> Vec<Property> {
    let tags: Vec<String> = tags
        .iter()
        .map(|(key, value)| format!("{key}: {value}"))
        .collect();
    [
        some("comment", comment.to_owned()),
        some("owner", owner.to_owned()),
        some("tags", tags.join(", ")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The windows from the first start to the last end.
fn materialized(windows: &[(Timestamp, Timestamp)]) -> Option<Property> {
    let start = windows.iter().map(|(start, _)| start).min()?;
    let end = windows.iter().map(|(_, end)| end).max()?;
    let count = match windows.len() {
        1 => String::new(),
        more => format!(" in {more} windows"),
    };
    Some((
        "materialized",
        format!("{} to {}{count}", told(*start), told(*end)),
    ))
}

fn told(at: Timestamp) -> String {
    let nanos = u32::try_from(at.nanos).unwrap_or_default();
    match DateTime::from_timestamp(at.seconds, nanos) {
        Some(at) => at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        None => format!("second {}", at.seconds),
    }
}
