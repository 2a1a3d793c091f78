// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Definitions as JSON: the same as the statements, names as they are.
//!
//! ```json
//! {"entities": [{"name": "driver", "join_key": "driver_id", "type": "BIGINT"}],
//!  "feature_views": [{"name": "driver_stats", "entities": ["driver"],
//!    "features": [{"name": "conv_rate", "type": "DOUBLE"}],
//!    "source": "lake.rides.driver_stats", "timestamp": "event_timestamp", "ttl": "7 days"}],
//!  "feature_services": [{"name": "ranking", "views": [{"view": "driver_stats"}]}]}
//! ```
//!
//! Every object may have `comment`, `owner`, `tags`. A view may have `path` or `query` instead of `source`, and
//! `created_timestamp`, `tie_break`, `field_mapping`, `online`; a service's view may have `features`, `alias`,
//! `on` (view key to entity column).

use std::collections::BTreeMap;

use datafusion::common::{DataFusionError, Result};
use datafusion::sql::TableReference;
use feast_registry::ErrorKind;
use serde::Deserialize;

use super::change::Definition;
use super::error::fail;
use crate::ddl::{
    CreateEntity, CreateFeatureService, CreateFeatureView, CreateMode, FeatureColumn, JoinKey,
    Properties, ServiceItem, SourceClause, Written, parse_ttl, type_from_text,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Definitions {
    #[serde(default)]
    entities: Vec<Entity>,
    #[serde(default)]
    feature_views: Vec<FeatureView>,
    #[serde(default)]
    feature_services: Vec<FeatureService>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entity {
    name: String,
    join_key: Option<String>,
    #[serde(rename = "type")]
    value_type: Option<String>,
    comment: Option<String>,
    owner: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Feature {
    name: String,
    #[serde(rename = "type")]
    value_type: String,
    comment: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FeatureView {
    name: String,
    entities: Option<Vec<String>>,
    features: Option<Vec<Feature>>,
    source: Option<String>,
    path: Option<String>,
    query: Option<String>,
    timestamp: Option<String>,
    created_timestamp: Option<String>,
    #[serde(default)]
    tie_break: Vec<String>,
    #[serde(default)]
    field_mapping: BTreeMap<String, String>,
    ttl: Option<String>,
    online: Option<bool>,
    comment: Option<String>,
    owner: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FeatureService {
    name: String,
    views: Vec<Item>,
    comment: Option<String>,
    owner: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    view: String,
    features: Option<Vec<String>>,
    alias: Option<String>,
    #[serde(default)]
    on: BTreeMap<String, String>,
}

/// Reads definitions from JSON.
pub(super) fn read(text: &str) -> Result<Vec<Definition>> {
    let read: Definitions = serde_json::from_str(text).map_err(|error| {
        fail(
            ErrorKind::InvalidDefinition,
            format!("feast_apply: the JSON text: {error}"),
        )
    })?;
    let mut definitions = Vec::new();
    for entity in read.entities {
        definitions.push(Definition::Entity(entity.into_statement()?));
    }
    for view in read.feature_views {
        definitions.push(Definition::FeatureView(Box::new(view.into_statement()?)));
    }
    for service in read.feature_services {
        definitions.push(Definition::FeatureService(service.into_statement()));
    }
    Ok(definitions)
}

fn invalid(what: &str, message: &str) -> DataFusionError {
    fail(
        ErrorKind::InvalidDefinition,
        format!("feast_apply: {what}: {message}"),
    )
}

fn value_type(what: &str, text: &str) -> Result<feast_registry::ValueType> {
    type_from_text(text).map_err(|error| match error.find_root() {
        DataFusionError::Plan(message) => invalid(what, message.lines().next().unwrap_or(message)),
        other => invalid(what, &other.strip_backtrace()),
    })
}

fn properties(
    comment: Option<String>,
    owner: Option<String>,
    tags: BTreeMap<String, String>,
) -> Properties {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    Properties {
        comment: given(comment),
        owner: given(owner),
        tags,
    }
}

impl Entity {
    fn into_statement(self) -> Result<CreateEntity> {
        let what = format!("entity {}", self.name);
        let value_type = self
            .value_type
            .map(|text| value_type(&what, &text))
            .transpose()?;
        let column = self.join_key.unwrap_or_else(|| self.name.clone());
        Ok(CreateEntity {
            mode: CreateMode::New,
            name: self.name,
            join_key: Some(JoinKey { column, value_type }),
            properties: properties(self.comment, self.owner, self.tags),
            written: Written::default(),
        })
    }
}

impl FeatureView {
    fn into_statement(self) -> Result<CreateFeatureView> {
        let what = format!("feature view {}", self.name);
        let source = match (self.source, self.path, self.query) {
            (Some(table), None, None) => SourceClause::Table(TableReference::parse_str(&table)),
            (None, Some(path), None) => SourceClause::Path(path),
            (None, None, Some(query)) => SourceClause::Query(query.trim().to_owned()),
            _ => {
                return Err(invalid(
                    &what,
                    "give one of source, a table's name, path and query",
                ));
            }
        };
        let features = self.features.map(|features| {
            features
                .into_iter()
                .map(|feature| {
                    let what = format!("{what}, feature {}", feature.name);
                    let value_type = value_type(&what, &feature.value_type)?;
                    Ok(FeatureColumn {
                        name: feature.name,
                        value_type,
                        comment: feature.comment,
                    })
                })
                .collect::<Result<Vec<_>>>()
        });
        let ttl = self.ttl.map(|text| parse_ttl(&text)).transpose();
        Ok(CreateFeatureView {
            mode: CreateMode::New,
            entities: match self.timestamp {
                Some(_) => self.entities.filter(|names| !names.is_empty()),
                None => self.entities,
            },
            features: features.transpose()?,
            source,
            timestamp: self.timestamp,
            created: self.created_timestamp,
            tie_break: self.tie_break,
            field_mapping: self.field_mapping.into_iter().collect(),
            ttl: ttl
                .map_err(|message| invalid(&what, &message))?
                .filter(|ttl| !ttl.is_zero()),
            online: self.online.unwrap_or(true),
            properties: properties(self.comment, self.owner, self.tags),
            written: Written::default(),
            name: self.name,
        })
    }
}

impl FeatureService {
    fn into_statement(self) -> CreateFeatureService {
        let item = |item: Item| ServiceItem {
            view: item.view,
            features: item.features,
            alias: item.alias,
            join_keys: item.on.into_iter().collect(),
        };
        CreateFeatureService {
            mode: CreateMode::New,
            name: self.name,
            items: self.views.into_iter().map(item).collect(),
            properties: properties(self.comment, self.owner, self.tags),
            written: Written::default(),
        }
    }
}
