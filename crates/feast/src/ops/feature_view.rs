// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Defining feature views: the definition is checked against the source's columns.

use std::time::Duration;

use arrow::datatypes::DataType;
use datafusion::common::Result;
use feast_registry::{
    DataSource, Entity, ErrorKind, FeatureView, Field, FileSource, IcebergSource, Registry, Source,
    Ttl, ValueType, open_properties, without_secrets,
};

use super::error::{fail, from_registry, not_found};
use super::objects::{find, place};
use super::record::differing;
use super::source_columns::{SourceColumns, described};
use super::value_types::{KEY_TYPES, accepts, feast_type, key_accepts, key_class};
use super::view_source::FoundSource;
use super::{infer, show_create};
use crate::ddl::{
    CreateFeatureView, FeatureColumn, ObjectKind, quoted_name, sql_type_name, ttl_text,
};

/// A feature view, and what its statement left to be found out.
#[derive(Debug)]
pub(super) struct Defined {
    pub(super) view: FeatureView,
    pub(super) inferred: Option<String>,
}

/// The feature view that the statement describes, checked against the registry and its source.
pub(super) fn define(
    registry: &Registry,
    project: &str,
    stated: &CreateFeatureView,
    found: &FoundSource,
) -> Result<Defined> {
    let source = place(&found.source.source);
    let mapping = &stated.field_mapping;
    let columns = SourceColumns::new(&stated.name, &source, &found.schema, mapping)?;
    let statement = &infer::complete(registry, project, stated, &columns)?;
    let timestamp = statement.timestamp.clone().unwrap_or_default();
    columns.time("event time", &timestamp)?;
    if let Some(created) = &statement.created {
        columns.time("created time", created)?;
    }
    for column in &statement.tie_break {
        columns.get("tie-break", column)?;
    }
    let entities = entities(registry, project, statement)?;
    let mut view = FeatureView::new(&statement.name, found.source.clone());
    view.source.timestamp_field = timestamp;
    view.source
        .created_timestamp_column
        .clone_from(&statement.created);
    view.entities = statement.entities.clone().unwrap_or_default();
    view.entity_columns = entities
        .iter()
        .map(|entity| key(&columns, entity))
        .collect::<Result<_>>()?;
    view.features = match &statement.features {
        Some(features) => declared(&columns, statement, &entities, features)?,
        None => inferred(&columns, statement, &entities)?,
    };
    view.ttl = match statement.ttl.map(ttl) {
        Some(None) => return columns.invalid("the TTL is too long; leave it out"),
        Some(ttl) => ttl,
        None => None,
    };
    view.online = statement.online;
    view.tie_break.clone_from(&statement.tie_break);
    view.description = statement.properties.comment.clone().unwrap_or_default();
    view.owner = statement.properties.owner.clone().unwrap_or_default();
    view.tags.clone_from(&statement.properties.tags);
    view.source.name = source_name(registry, project, &view)?;
    keep_what_is_not_stated(registry, project, &mut view)?;
    let inferred = infer::told(stated, &view);
    Ok(Defined { view, inferred })
}

/// A duration as the registry keeps it; `None` when it is too long for that.
pub(super) fn ttl(ttl: Duration) -> Option<Ttl> {
    let seconds = i64::try_from(ttl.as_secs()).ok()?;
    Some(Ttl::new(seconds, i32::try_from(ttl.subsec_nanos()).ok()?))
}

/// Takes over what the statement has no words for from the view and the source that are there.
fn keep_what_is_not_stated(
    registry: &Registry,
    project: &str,
    view: &mut FeatureView,
) -> Result<()> {
    if let Some(old) = registry
        .feature_view(project, &view.name)
        .map_err(from_registry)?
    {
        view.materialization_intervals = old.materialization_intervals;
        for field in &mut view.features {
            if let Some(old) = old.features.iter().find(|old| old.name == field.name) {
                field.tags.clone_from(&old.tags);
            }
        }
    }
    if let Some(old) = registry
        .data_source(project, &view.source.name)
        .map_err(from_registry)?
    {
        view.source.description = old.description;
        view.source.owner = old.owner;
        view.source.tags = old.tags;
    }
    Ok(())
}

fn entities(
    registry: &Registry,
    project: &str,
    statement: &CreateFeatureView,
) -> Result<Vec<Entity>> {
    let known = registry.entities(project).map_err(from_registry)?;
    let mut entities: Vec<Entity> = Vec::new();
    for name in statement.entities.iter().flatten() {
        let Some(entity) = find(&known, name) else {
            return Err(not_found(ObjectKind::Entity, name, &known));
        };
        if let Some(other) = entities
            .iter()
            .find(|other| other.join_key == entity.join_key)
        {
            let view = &statement.name;
            let message = if other.name == entity.name {
                format!("feature view {view}: entity {name} is named twice; keep one")
            } else {
                format!(
                    "feature view {view}: entities {} and {name} have the same join key {}; keep \
                     one",
                    other.name, entity.join_key
                )
            };
            return Err(fail(ErrorKind::InvalidDefinition, message));
        }
        entities.push(entity.clone());
    }
    Ok(entities)
}

/// The key column of an entity: the type the entity declares, else that of the source.
fn key(columns: &SourceColumns, entity: &Entity) -> Result<Field> {
    let name = &entity.join_key;
    let data_type = columns.get(&format!("join key of entity {}:", entity.name), name)?;
    if key_class(data_type).is_none() {
        return columns.invalid(&format!(
            "join key {name} of {} is {}, which cannot be a key; use a column of {KEY_TYPES}",
            columns.source(),
            described(data_type)
        ));
    }
    if !key_accepts(entity.value_type, data_type) {
        return columns.invalid(&format!(
            "join key {name} of {} is {}, but entity {} declares it {}; declare the entity with \
             the column's type, or cast the column",
            columns.source(),
            described(data_type),
            entity.name,
            sql_type_name(entity.value_type)
        ));
    }
    let value_type = match entity.value_type {
        ValueType::Unknown => feast_type(data_type).unwrap_or_default(),
        declared => declared,
    };
    Ok(Field::new(name, value_type))
}

/// What a column is already used for, other than as a feature.
fn role(statement: &CreateFeatureView, entities: &[Entity], name: &str) -> Option<&'static str> {
    if entities.iter().any(|entity| entity.join_key == name) {
        Some("a join key")
    } else if statement.timestamp.as_deref() == Some(name) {
        Some("the event time")
    } else if statement.created.as_deref() == Some(name) {
        Some("the created time")
    } else {
        None
    }
}

fn declared(
    columns: &SourceColumns,
    statement: &CreateFeatureView,
    entities: &[Entity],
    features: &[FeatureColumn],
) -> Result<Vec<Field>> {
    let mut fields: Vec<Field> = Vec::new();
    for feature in features {
        let name = &feature.name;
        if let Some(role) = role(statement, entities, name) {
            return columns
                .invalid_about(name, &format!("{name} is {role}; leave it out of FEATURES"));
        }
        if fields.iter().any(|field| field.name == *name) {
            return columns.invalid(&format!("feature {name} is named twice; keep one"));
        }
        fields.push(feature_field(columns, feature)?);
    }
    Ok(fields)
}

/// A feature as declared, checked against the column that it names.
pub(super) fn feature_field(columns: &SourceColumns, feature: &FeatureColumn) -> Result<Field> {
    let name = &feature.name;
    let data_type = columns.get("feature", name)?;
    if !accepts(feature.value_type, data_type) {
        let message = format!(
            "feature {name} is declared {}, but column {name} of {} is {}; {}",
            sql_type_name(feature.value_type),
            columns.source(),
            described(data_type),
            remedy(data_type)
        );
        return columns.invalid_about(name, &message);
    }
    let value_type = match feature.value_type {
        ValueType::Unknown => feast_type(data_type).unwrap_or_default(),
        declared => declared,
    };
    let mut field = Field::new(name, value_type);
    field.description = feature.comment.clone().unwrap_or_default();
    Ok(field)
}

fn remedy(data_type: &DataType) -> String {
    match feast_type(data_type) {
        Some(value_type) => format!("declare it {}", sql_type_name(value_type)),
        None => "cast the column to a type that Feast has".to_owned(),
    }
}

/// Every column that has no other meaning. As in Feast, names that begin or end with two underscores
/// are taken to be internal.
fn inferred(
    columns: &SourceColumns,
    statement: &CreateFeatureView,
    entities: &[Entity],
) -> Result<Vec<Field>> {
    let mut fields = Vec::new();
    for (name, data_type) in columns.iter() {
        let internal = name.starts_with("__") || name.ends_with("__");
        let ties = statement.tie_break.iter().any(|column| column == name);
        if internal || ties || role(statement, entities, name).is_some() {
            continue;
        }
        let Some(value_type) = feast_type(data_type) else {
            return columns.invalid(&format!(
                "column {name} of {} is {data_type}, which no Feast type holds; name the features \
                 in FEATURES (name type, …), or cast the column",
                columns.source()
            ));
        };
        fields.push(Field::new(name, value_type));
    }
    if fields.is_empty() {
        return columns.invalid(&format!(
            "{} has no column left to be a feature, besides keys, times and tie-breaks",
            columns.source()
        ));
    }
    Ok(fields)
}

/// The name of the view's source: the one it already has, else the view's own name, with a number
/// where another source is called so.
fn source_name(registry: &Registry, project: &str, view: &FeatureView) -> Result<String> {
    let known = registry.data_sources(project).map_err(from_registry)?;
    let views = registry.feature_views(project).map_err(from_registry)?;
    let shared = |name: &str| {
        views
            .iter()
            .any(|other| other.name != view.name && other.source.name == name)
    };
    if let Some(old) = find(&views, &view.name)
        && !old.source.name.is_empty()
        && !shared(&old.source.name)
    {
        return Ok(old.source.name.clone());
    }
    let mut name = view.name.clone();
    let mut number = 2;
    while shared(&name) || find(&known, &name).is_some_and(|source| !same(source, view)) {
        name = format!("{}_{number}", view.name);
        number += 1;
    }
    Ok(name)
}

/// Whether a source that is recorded is what the view would record under that name.
fn same(source: &DataSource, view: &FeatureView) -> bool {
    let own = &view.source;
    same_place(&source.source, &own.source)
        && source.timestamp_field == own.timestamp_field
        && source.created_timestamp_column == own.created_timestamp_column
        && source.field_mapping == own.field_mapping
}

/// The parts in which two definitions differ.
pub(super) fn differences(old: &FeatureView, new: &FeatureView) -> Vec<String> {
    let (from, to) = (&old.source, &new.source);
    differing([
        ("kind", old.kind != new.kind),
        ("entities", old.entities != new.entities),
        ("join keys", old.entity_columns != new.entity_columns),
        (&features_changed(old, new), old.features != new.features),
        ("source", !same_place(&from.source, &to.source)),
        ("event time", from.timestamp_field != to.timestamp_field),
        (
            "created time",
            from.created_timestamp_column != to.created_timestamp_column,
        ),
        ("tie break", old.tie_break != new.tie_break),
        ("field mapping", from.field_mapping != to.field_mapping),
        (&ttl_changed(old, new), old.ttl != new.ttl),
        ("online", old.online != new.online),
        ("comment", old.description != new.description),
        ("owner", old.owner != new.owner),
        ("tags", old.tags != new.tags),
    ])
}

/// `features (+ new, - gone, ~ changed)`; only the order differs where nothing is named.
fn features_changed(old: &FeatureView, new: &FeatureView) -> String {
    let added = new
        .features
        .iter()
        .filter(|it| old.feature(&it.name).is_none());
    let gone = old
        .features
        .iter()
        .filter(|it| new.feature(&it.name).is_none());
    let other = new
        .features
        .iter()
        .filter(|it| old.feature(&it.name).is_some_and(|old| old != *it));
    let named = |sign: char| move |field: &Field| format!("{sign} {}", quoted_name(&field.name));
    let changes: Vec<String> = added
        .map(named('+'))
        .chain(gone.map(named('-')))
        .chain(other.map(named('~')))
        .collect();
    if changes.is_empty() {
        return "features (their order)".to_owned();
    }
    format!("features ({})", changes.join(", "))
}

fn ttl_changed(old: &FeatureView, new: &FeatureView) -> String {
    format!("ttl ({} to {})", ttl_told(old.ttl), ttl_told(new.ttl))
}

/// A TTL in words.
pub(super) fn ttl_told(ttl: Option<Ttl>) -> String {
    match ttl.and_then(show_create::duration) {
        Some(ttl) => ttl_text(ttl),
        None => "no limit".to_owned(),
    }
}

/// Whether two sources record the same place. The registry leaves secrets out of what it records.
fn same_place(old: &Source, new: &Source) -> bool {
    let open = |source: &Source| match source {
        Source::Iceberg(iceberg) => Source::Iceberg(IcebergSource {
            endpoint: iceberg.endpoint.as_deref().map(without_secrets),
            warehouse: iceberg.warehouse.as_deref().map(without_secrets),
            catalog_properties: open_properties(&iceberg.catalog_properties),
            ..iceberg.clone()
        }),
        Source::File(file) => Source::File(FileSource {
            uri: without_secrets(&file.uri),
        }),
        other => other.clone(),
    };
    open(old) == open(new)
}
