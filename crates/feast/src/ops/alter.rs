// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `ALTER`: one object changed in the parts that are named; everything else of it stays.
//!
//! Only added features and changed types need the source, so that the rest works where it cannot be
//! read.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use datafusion::common::{DataFusionError, Result};
use feast_iceberg::SnapshotSelector;
use feast_registry::{ErrorKind, FeatureService, FeatureView, Registry};

use super::change::{Action, Outcome, outcome_rows};
use super::error::{about, fail, from_registry, not_found, pointing};
use super::feature_view::{feature_field, ttl};
use super::objects::{find, place};
use super::record::replace_or_keep;
use super::source_columns::SourceColumns;
use super::{feature_service, now, show_create};
use crate::ddl::{Alter, AlterAction, FeatureColumn, ObjectKind, ServiceItem, suggestion};
use crate::session::FeastScope;

/// Changes the object.
pub(super) async fn alter(scope: &FeastScope, statement: &Alter) -> Result<RecordBatch> {
    let columns = source_columns(scope, statement).await?;
    let outcome = scope
        .registry()
        .update(|registry| make(registry, scope, statement, columns.as_ref()))
        .map_err(|error| pointing(error, &statement.written, &statement.name))?;
    outcome_rows(&[outcome])
}

/// The columns of the view's source, if the statement needs them.
async fn source_columns(scope: &FeastScope, statement: &Alter) -> Result<Option<SourceColumns>> {
    let needs = |action: &AlterAction| {
        matches!(
            action,
            AlterAction::AddFeatures(_) | AlterAction::SetType(..)
        )
    };
    if !statement.actions.iter().any(needs) {
        return Ok(None);
    }
    let registry = scope.registry().read()?;
    let view = registry.feature_view(scope.project(), &statement.name);
    let Some(view) = view.map_err(from_registry)? else {
        return Ok(None);
    };
    let table = scope
        .source_table(&view.source, SnapshotSelector::Current)
        .await
        .map_err(|error| error.context(format!("feature view {}", view.name)))?;
    let (schema, mut mapping) = (table.schema(), view.source.field_mapping.clone());
    // A column that is gone keeps no other feature from being changed.
    mapping.retain(|column, _| schema.column_with_name(column).is_some());
    let mapping: Vec<(String, String)> = mapping.into_iter().collect();
    let place = place(&view.source.source);
    SourceColumns::new(&view.name, &place, &schema, &mapping).map(Some)
}

fn make(
    registry: &mut Registry,
    scope: &FeastScope,
    statement: &Alter,
    columns: Option<&SourceColumns>,
) -> Result<Outcome> {
    let (project, now) = (scope.project(), now(scope));
    let (kind, name) = (statement.kind, statement.name.as_str());
    let absent = |error: DataFusionError| match statement.if_exists {
        true => {
            let detail = "it does not exist".to_owned();
            Ok(Outcome::new(kind, name, Action::Unchanged, detail))
        }
        false => Err(error),
    };
    let differences = match kind {
        ObjectKind::Entity => {
            let known = registry.entities(project).map_err(from_registry)?;
            let Some(mut entity) = find(&known, name).cloned() else {
                return absent(not_found(kind, name, &known));
            };
            for action in &statement.actions {
                let texts = (&mut entity.description, &mut entity.owner);
                property(kind, name, action, texts, &mut entity.tags)?;
            }
            replace_or_keep(registry, project, now, &entity)?
        }
        ObjectKind::FeatureView => {
            let known = registry.feature_views(project).map_err(from_registry)?;
            let Some(mut view) = find(&known, name).cloned() else {
                return absent(not_found(kind, name, &known));
            };
            for action in &statement.actions {
                change_view(registry, project, &mut view, action, columns)?;
            }
            replace_or_keep(registry, project, now, &view)?
        }
        ObjectKind::FeatureService => {
            let known = registry.feature_services(project).map_err(from_registry)?;
            let Some(service) = find(&known, name) else {
                return absent(not_found(kind, name, &known));
            };
            let new = changed_service(registry, project, service, &statement.actions)?;
            replace_or_keep(registry, project, now, &new)?
        }
    };
    Ok(Outcome::of(kind, name, differences, None))
}

/// A service with its items and properties changed.
fn changed_service(
    registry: &Registry,
    project: &str,
    service: &FeatureService,
    actions: &[AlterAction],
) -> Result<FeatureService> {
    let mut stated = show_create::feature_service(service);
    let mut properties = service.clone();
    let mut items_changed = false;
    for action in actions {
        match action {
            AlterAction::AddItems(items) => stated.items.extend(items.iter().cloned()),
            AlterAction::DropItems(names) => drop_items(&service.name, &mut stated.items, names)?,
            other => {
                let texts = (&mut properties.description, &mut properties.owner);
                let (kind, tags) = (ObjectKind::FeatureService, &mut properties.tags);
                property(kind, &service.name, other, texts, tags)?;
                continue;
            }
        }
        items_changed = true;
    }
    if items_changed {
        let defined = feature_service::define(registry, project, &stated)?;
        properties.projections = defined.projections;
    }
    Ok(properties)
}

/// Comment, owner and tags, which every object has.
fn property(
    kind: ObjectKind,
    name: &str,
    action: &AlterAction,
    (comment, owner): (&mut String, &mut String),
    tags: &mut BTreeMap<String, String>,
) -> Result<()> {
    match action {
        AlterAction::SetComment(text) => *comment = text.clone().unwrap_or_default(),
        AlterAction::SetOwner(text) => *owner = text.clone().unwrap_or_default(),
        AlterAction::SetTags(new) => tags.extend(new.iter().cloned()),
        AlterAction::UnsetTags(keys) => {
            for key in keys {
                if tags.remove(key).is_none() {
                    let known: Vec<String> = tags.keys().cloned().collect();
                    let hint = suggestion(key, &known, "tags");
                    let message = format!("{kind} {name} has no tag {key}; {hint}");
                    return Err(about(key, ErrorKind::NotFound, message));
                }
            }
        }
        other => {
            let message = format!("{kind} {name}: {other} is not for a {kind}");
            return Err(fail(ErrorKind::InvalidDefinition, message));
        }
    }
    Ok(())
}

fn change_view(
    registry: &Registry,
    project: &str,
    view: &mut FeatureView,
    action: &AlterAction,
    columns: Option<&SourceColumns>,
) -> Result<()> {
    match action {
        AlterAction::AddFeatures(features) => {
            for feature in features {
                add_feature(view, feature, columns)?;
            }
        }
        AlterAction::DropFeatures(names) => {
            for name in names {
                let at = position(view, name)?;
                refuse_used(registry, project, &view.name, name)?;
                view.features.remove(at);
            }
        }
        AlterAction::SetType(name, value_type) => {
            let at = position(view, name)?;
            let stated = FeatureColumn {
                name: name.clone(),
                value_type: *value_type,
                comment: None,
            };
            let checked = feature_field(source(view, columns)?, &stated)?;
            view.features[at].value_type = checked.value_type;
        }
        AlterAction::DescribeFeature(name, text) => {
            let at = position(view, name)?;
            view.features[at].description.clone_from(text);
        }
        AlterAction::SetTtl(limit) => {
            view.ttl = match limit.map(ttl) {
                Some(None) => {
                    let message = format!(
                        "feature view {}: the TTL is too long; UNSET TTL is no limit",
                        view.name
                    );
                    return Err(fail(ErrorKind::InvalidDefinition, message));
                }
                Some(ttl) => ttl,
                None => None,
            };
        }
        AlterAction::SetOnline(online) => view.online = *online,
        other => {
            let texts = (&mut view.description, &mut view.owner);
            property(
                ObjectKind::FeatureView,
                &view.name,
                other,
                texts,
                &mut view.tags,
            )?;
        }
    }
    Ok(())
}

fn position(view: &FeatureView, name: &str) -> Result<usize> {
    let at = view.features.iter().position(|field| field.name == name);
    at.ok_or_else(|| {
        let known: Vec<String> = view.features.iter().map(|it| it.name.clone()).collect();
        let hint = suggestion(name, &known, "features");
        let message = format!("feature view {} has no feature {name}; {hint}", view.name);
        about(name, ErrorKind::NotFound, message)
    })
}

fn source<'a>(view: &FeatureView, columns: Option<&'a SourceColumns>) -> Result<&'a SourceColumns> {
    columns.ok_or_else(|| {
        // It was not there when its source was looked up.
        let message = format!("feature view {} was made meanwhile; try again", view.name);
        fail(ErrorKind::Conflict, message)
    })
}

fn add_feature(
    view: &mut FeatureView,
    feature: &FeatureColumn,
    columns: Option<&SourceColumns>,
) -> Result<()> {
    let (columns, name) = (source(view, columns)?, &feature.name);
    let role = if view.features.iter().any(|field| field.name == *name) {
        Some("already a feature")
    } else if view.entity_columns.iter().any(|key| key.name == *name) {
        Some("a join key")
    } else if view.source.timestamp_field == *name {
        Some("the event time")
    } else if view.source.created_timestamp_column.as_ref() == Some(name) {
        Some("the created time")
    } else {
        None
    };
    if let Some(role) = role {
        let message = format!("{name} is {role}; leave it out of ADD FEATURES");
        return columns.invalid_about(name, &message);
    }
    view.features.push(feature_field(columns, feature)?);
    Ok(())
}

/// A feature that services or on-demand views take stays.
fn refuse_used(registry: &Registry, project: &str, view: &str, feature: &str) -> Result<()> {
    let takers = registry.takers(project, view, Some(feature));
    match takers.map_err(from_registry)? {
        None => Ok(()),
        Some(takers) => Err(about(
            feature,
            ErrorKind::InUse,
            format!(
                "feature {feature} of feature view {view} is used by the {takers}; replace or drop \
                 them first"
            ),
        )),
    }
}

fn drop_items(service: &str, items: &mut Vec<ServiceItem>, names: &[String]) -> Result<()> {
    for name in names {
        let called = |item: &ServiceItem| item.alias.clone().unwrap_or(item.view.clone());
        match items.iter().position(|item| called(item) == *name) {
            Some(at) => drop(items.remove(at)),
            None => {
                let known: Vec<String> = items.iter().map(called).collect();
                let hint = suggestion(name, &known, "feature views");
                let message = format!("feature service {service} has no {name}; {hint}");
                return Err(about(name, ErrorKind::NotFound, message));
            }
        }
    }
    Ok(())
}
