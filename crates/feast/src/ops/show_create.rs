// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `SHOW CREATE`: the statement that makes the object again.

use std::sync::LazyLock;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use feast_registry::{
    Entity, ErrorKind, FeatureService, FeatureView, Registry, Ttl, ValueType, ViewKind,
};

use super::columns::ColumnType::Text;
use super::columns::{schema, texts};
use super::error::{fail, from_registry, not_found};
use super::objects::{find, source_clause, source_kind};
use crate::ddl::{
    CreateEntity, CreateFeatureService, CreateFeatureView, CreateMode, FeatureColumn, JoinKey,
    ObjectKind, Properties, ServiceItem, ShowCreate, Statement, Written,
};

static SCHEMA: LazyLock<SchemaRef> =
    LazyLock::new(|| schema(&[("name", Text), ("statement", Text)]));

/// The columns of the result: the object's name and the statement that makes it.
pub(super) fn result_schema() -> SchemaRef {
    SchemaRef::clone(&SCHEMA)
}

/// The statement of one object, as a row.
pub(super) fn rows(
    registry: &Registry,
    project: &str,
    statement: &ShowCreate,
) -> Result<RecordBatch> {
    let text = definition(registry, project, statement.kind, &statement.name)?.to_string();
    let columns = vec![texts([statement.name.clone()]), texts([text])];
    Ok(RecordBatch::try_new(result_schema(), columns)?)
}

/// The statement that makes the object.
pub(super) fn definition(
    registry: &Registry,
    project: &str,
    kind: ObjectKind,
    name: &str,
) -> Result<Statement> {
    match kind {
        ObjectKind::Entity => {
            let known = registry.entities(project).map_err(from_registry)?;
            let found = find(&known, name).ok_or_else(|| not_found(kind, name, &known))?;
            Ok(Statement::CreateEntity(entity(found)))
        }
        ObjectKind::FeatureView => {
            let known = registry.feature_views(project).map_err(from_registry)?;
            let found = find(&known, name).ok_or_else(|| not_found(kind, name, &known))?;
            feature_view(found).map(Statement::CreateFeatureView)
        }
        ObjectKind::FeatureService => {
            let known = registry.feature_services(project).map_err(from_registry)?;
            let found = find(&known, name).ok_or_else(|| not_found(kind, name, &known))?;
            Ok(Statement::CreateFeatureService(feature_service(found)))
        }
    }
}

fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn entity(entity: &Entity) -> CreateEntity {
    CreateEntity {
        mode: CreateMode::New,
        name: entity.name.clone(),
        join_key: Some(JoinKey {
            column: entity.join_key.clone(),
            value_type: Some(entity.value_type).filter(|known| *known != ValueType::Unknown),
        }),
        properties: Properties {
            comment: text(&entity.description),
            owner: text(&entity.owner),
            tags: entity.tags.clone(),
        },
        written: Written::default(),
    }
}

fn feature_view(view: &FeatureView) -> Result<CreateFeatureView> {
    let unsupported = |what: &str| {
        let message = format!(
            "feature view {} {what}, which no CREATE FEATURE VIEW can make",
            view.name
        );
        fail(ErrorKind::Unsupported, message)
    };
    if view.kind != ViewKind::Batch {
        return Err(unsupported(&format!("is a {}", view.kind.name())));
    }
    let Some(source) = source_clause(&view.source.source) else {
        let kind = source_kind(&view.source.source);
        return Err(unsupported(&format!("has a source of kind {kind}")));
    };
    let feature = |field: &feast_registry::Field| FeatureColumn {
        name: field.name.clone(),
        value_type: field.value_type,
        comment: text(&field.description),
    };
    let mapping = &view.source.field_mapping;
    Ok(CreateFeatureView {
        mode: CreateMode::New,
        name: view.name.clone(),
        entities: Some(view.entities.clone()).filter(|names| !names.is_empty()),
        features: Some(view.features.iter().map(feature).collect()),
        source,
        timestamp: Some(view.source.timestamp_field.clone()),
        created: view.source.created_timestamp_column.clone(),
        tie_break: view.tie_break.clone(),
        field_mapping: mapping
            .iter()
            .map(|(from, to)| (from.clone(), to.clone()))
            .collect(),
        ttl: view.ttl.and_then(duration),
        online: view.online,
        properties: Properties {
            comment: text(&view.description),
            owner: text(&view.owner),
            tags: view.tags.clone(),
        },
        written: Written::default(),
    })
}

/// A limit as a duration; `None` for none, and for those that are no length.
pub(super) fn duration(ttl: Ttl) -> Option<Duration> {
    let seconds = u64::try_from(ttl.seconds).ok()?;
    let nanos = u32::try_from(ttl.nanos).ok()?;
    Some(Duration::new(seconds, nanos)).filter(|ttl| !ttl.is_zero())
}

/// The statement that makes the service.
pub(super) fn feature_service(service: &FeatureService) -> CreateFeatureService {
    let item = |projection: &feast_registry::FeatureViewProjection| ServiceItem {
        view: projection.view.clone(),
        features: Some(
            projection
                .features
                .iter()
                .map(|field| field.name.clone())
                .collect(),
        ),
        alias: projection.alias.clone(),
        join_keys: projection
            .join_key_map
            .iter()
            .map(|(key, column)| (key.clone(), column.clone()))
            .collect(),
    };
    CreateFeatureService {
        mode: CreateMode::New,
        name: service.name.clone(),
        items: service.projections.iter().map(item).collect(),
        properties: Properties {
            comment: text(&service.description),
            owner: text(&service.owner),
            tags: service.tags.clone(),
        },
        written: Written::default(),
    }
}
