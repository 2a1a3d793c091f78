// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Defining entities.

use datafusion::common::Result;
use feast_registry::{Entity, ErrorKind, Registry, ValueType};

use super::error::{fail, from_registry};
use super::record::differing;
use super::value_types::{KEY_TYPES, declared_key_class};
use crate::ddl::{CreateEntity, sql_type_name};

/// The entity that the statement describes, checked against the registry.
///
/// Without `JOIN KEY` the key is named as the entity. Without a type the key's type is Feast's
/// `UNKNOWN`: each view takes it from its source.
pub(super) fn define(
    registry: &Registry,
    project: &str,
    statement: &CreateEntity,
) -> Result<Entity> {
    let name = &statement.name;
    let (join_key, value_type) = match &statement.join_key {
        Some(key) => (key.column.clone(), key.value_type.unwrap_or_default()),
        None => (name.clone(), ValueType::Unknown),
    };
    if value_type != ValueType::Unknown && declared_key_class(value_type).is_none() {
        return Err(fail(
            ErrorKind::InvalidDefinition,
            format!(
                "entity {name}: join key {join_key} is declared {}, which cannot be a key; use \
                 {KEY_TYPES}",
                sql_type_name(value_type)
            ),
        ));
    }
    let mut entity = Entity::new(name, join_key, value_type);
    entity.description = statement.properties.comment.clone().unwrap_or_default();
    entity.owner = statement.properties.owner.clone().unwrap_or_default();
    entity.tags.clone_from(&statement.properties.tags);
    keeps_its_views(registry, project, &entity)?;
    Ok(entity)
}

/// A replaced entity must keep its join key and fit the key types of the views that use it.
fn keeps_its_views(registry: &Registry, project: &str, entity: &Entity) -> Result<()> {
    let Some(old) = registry
        .entity(project, &entity.name)
        .map_err(from_registry)?
    else {
        return Ok(());
    };
    let name = &entity.name;
    for view in registry.feature_views(project).map_err(from_registry)? {
        if !view.entities.contains(name) {
            continue;
        }
        if old.join_key != entity.join_key {
            return Err(fail(
                ErrorKind::InUse,
                format!(
                    "entity {name}: the join key cannot change from {} to {}, since feature view \
                     {} uses it; drop the view first, or make another entity",
                    old.join_key, entity.join_key, view.name
                ),
            ));
        }
        let column = view
            .entity_columns
            .iter()
            .find(|column| column.name == entity.join_key);
        let class = column.and_then(|column| declared_key_class(column.value_type));
        let fits = match (class, declared_key_class(entity.value_type)) {
            (Some(of_view), Some(of_entity)) => of_view == of_entity,
            _ => true,
        };
        if let (Some(column), false) = (column, fits) {
            return Err(fail(
                ErrorKind::InUse,
                format!(
                    "entity {name}: the type {} does not fit feature view {}, whose key {} is {}; \
                     drop the view first, or make another entity",
                    sql_type_name(entity.value_type),
                    view.name,
                    column.name,
                    sql_type_name(column.value_type)
                ),
            ));
        }
    }
    Ok(())
}

/// The parts in which two definitions differ.
pub(super) fn differences(old: &Entity, new: &Entity) -> Vec<String> {
    differing([
        ("join key", old.join_key != new.join_key),
        ("type", old.value_type != new.value_type),
        ("comment", old.description != new.description),
        ("owner", old.owner != new.owner),
        ("tags", old.tags != new.tags),
    ])
}
