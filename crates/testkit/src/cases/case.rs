// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A case as the file tells it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, Schema};
use serde_json::Value as Json;

use super::cell::value_from_json;
use super::types::arrow_type;
use super::{CaseError, Expected};
use crate::oracle::{Value, array_from_values};

/// A retrieval case.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its name in the file.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// The entities.
    pub entities: Vec<CaseEntity>,
    /// The source tables by name.
    pub sources: BTreeMap<String, CaseTable>,
    /// The feature views.
    pub views: Vec<CaseView>,
    /// The feature services.
    pub services: Vec<CaseService>,
    /// The entity rows.
    pub entity_rows: EntityRows,
    /// The requested features.
    pub wanted: Wanted,
    /// `full_feature_names`, where the request says it.
    pub full_feature_names: Option<bool>,
    /// `filter_by_created_timestamp`, where the request says it.
    pub created_cutoff: Option<bool>,
    /// What Feast's advised store answered.
    pub expected: Expected,
    /// The case as it was read, for what this reader has no field for.
    pub raw: Json,
}

/// An entity of a case.
#[derive(Debug, Clone)]
pub struct CaseEntity {
    /// Its name.
    pub name: String,
    /// Its join key.
    pub join_key: String,
    /// Feast's name of the key's type.
    pub value_type: Option<String>,
}

/// A table of a case.
#[derive(Debug, Clone)]
pub struct CaseTable {
    /// Its columns.
    pub columns: Vec<(String, DataType)>,
    /// Its rows.
    pub rows: Vec<Vec<Value>>,
}

/// A feature view of a case.
#[derive(Debug, Clone)]
pub struct CaseView {
    /// Its name.
    pub name: String,
    /// Its source's name.
    pub source: String,
    /// The names of its entities.
    pub entities: Vec<String>,
    /// Column names and Feast's names of their types.
    pub schema: Vec<(String, String)>,
    /// Time to live in nanoseconds.
    pub ttl: Option<i128>,
    /// The event time column.
    pub timestamp: String,
    /// The created column.
    pub created: Option<String>,
    /// Source column and its name in the view.
    pub field_mapping: Vec<(String, String)>,
}

/// A feature service of a case.
#[derive(Debug, Clone)]
pub struct CaseService {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub items: Vec<CaseItem>,
}

/// A view in a service.
#[derive(Debug, Clone)]
pub struct CaseItem {
    /// The view.
    pub view: String,
    /// The name it goes by.
    pub alias: Option<String>,
    /// The features it gives; `None`: all.
    pub features: Option<Vec<String>>,
    /// The view's join key and the entity column it is joined to.
    pub join_keys: Vec<(String, String)>,
}

/// Where the entity rows come from.
#[derive(Debug, Clone)]
pub enum EntityRows {
    /// A table.
    Table(CaseTable),
    /// A query.
    Sql(String),
    /// Nowhere: the request has a time range instead.
    Absent,
}

/// What a request asks for.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// References.
    References(Vec<String>),
    /// A service.
    Service(String),
}

impl CaseTable {
    /// The table as a batch.
    pub fn batch(&self) -> Result<RecordBatch, CaseError> {
        let fields: Vec<Field> = self
            .columns
            .iter()
            .map(|(name, t)| Field::new(name, t.clone(), true))
            .collect();
        let mut columns = Vec::with_capacity(fields.len());
        for (at, (_, data_type)) in self.columns.iter().enumerate() {
            let cells: Vec<Value> = self
                .rows
                .iter()
                .map(|row| row.get(at).cloned().unwrap_or(Value::Null))
                .collect();
            columns.push(array_from_values(data_type, &cells)?);
        }
        let rows = RecordBatchOptions::new().with_row_count(Some(self.rows.len()));
        Ok(RecordBatch::try_new_with_options(
            Arc::new(Schema::new(fields)),
            columns,
            &rows,
        )?)
    }

    /// Reads `{"columns": [[name, type], …], "rows": [[cell, …], …]}`.
    pub fn read(json: &Json) -> Result<Self, CaseError> {
        let mut columns = Vec::new();
        for column in list(json, "columns")? {
            let (Some(name), Some(t)) = (text_at(column, 0), text_at(column, 1)) else {
                return Err(CaseError::new(format!(
                    "a column is [name, type], not {column}"
                )));
            };
            columns.push((name, arrow_type(&t)?));
        }
        let mut rows = Vec::new();
        for row in list(json, "rows")? {
            let cells = row.as_array().filter(|cells| cells.len() == columns.len());
            let cells = cells.ok_or_else(|| {
                CaseError::new(format!("a row needs {} cells: {row}", columns.len()))
            })?;
            let cells = cells
                .iter()
                .zip(&columns)
                .map(|(cell, (_, t))| value_from_json(t, cell));
            rows.push(cells.collect::<Result<Vec<_>, _>>()?);
        }
        Ok(Self { columns, rows })
    }
}

impl Case {
    /// Reads one case.
    pub fn read(json: &Json) -> Result<Self, CaseError> {
        let id = text(json, "id").ok_or_else(|| CaseError::new("a case has no id"))?;
        Self::read_parts(json, id.clone()).map_err(|e| CaseError::new(format!("case {id}: {e}")))
    }

    fn read_parts(json: &Json, id: String) -> Result<Self, CaseError> {
        let request = json.get("request").unwrap_or(&Json::Null);
        let wanted = match request.get("features") {
            Some(Json::String(service)) => Wanted::Service(service.clone()),
            Some(Json::Array(items)) => Wanted::References(texts(items)),
            other => return Err(CaseError::new(format!("request.features is {other:?}"))),
        };
        let entity_rows = match json.get("entity_df") {
            None | Some(Json::Null) => EntityRows::Absent,
            Some(Json::String(sql)) => EntityRows::Sql(sql.clone()),
            Some(table) => EntityRows::Table(CaseTable::read(table)?),
        };
        let mut sources = BTreeMap::new();
        for (name, table) in json
            .get("sources")
            .and_then(Json::as_object)
            .into_iter()
            .flatten()
        {
            sources.insert(name.clone(), CaseTable::read(table)?);
        }
        Ok(Self {
            id,
            title: text(json, "title").unwrap_or_default(),
            entities: optional_list(json, "entities")
                .iter()
                .map(entity)
                .collect::<Result<_, _>>()?,
            sources,
            views: optional_list(json, "feature_views")
                .iter()
                .map(view)
                .collect::<Result<_, _>>()?,
            services: optional_list(json, "feature_services")
                .iter()
                .map(service)
                .collect::<Result<_, _>>()?,
            entity_rows,
            wanted,
            full_feature_names: request.get("full_feature_names").and_then(Json::as_bool),
            created_cutoff: request
                .get("filter_by_created_timestamp")
                .and_then(Json::as_bool),
            expected: Expected::read(json)?,
            raw: json.clone(),
        })
    }
}

fn entity(json: &Json) -> Result<CaseEntity, CaseError> {
    let name = need(json, "name")?;
    let join_key = text(json, "join_key").unwrap_or_else(|| name.clone());
    Ok(CaseEntity {
        name,
        join_key,
        value_type: text(json, "value_type"),
    })
}

fn view(json: &Json) -> Result<CaseView, CaseError> {
    let pair = |column: &Json| Some((text_at(column, 0)?, text_at(column, 1).unwrap_or_default()));
    let ttl = json.get("ttl_seconds").and_then(Json::as_f64);
    let mapping = json.get("field_mapping").and_then(Json::as_object);
    Ok(CaseView {
        name: need(json, "name")?,
        source: need(json, "source")?,
        entities: texts(optional_list(json, "entities")),
        schema: optional_list(json, "schema")
            .iter()
            .filter_map(pair)
            .collect(),
        ttl: ttl.map(|seconds| (seconds * 1e9).round() as i128),
        timestamp: text(json, "timestamp_field").unwrap_or_else(|| "event_timestamp".into()),
        created: text(json, "created_timestamp_column").filter(|name| !name.is_empty()),
        field_mapping: text_pairs(mapping),
    })
}

fn service(json: &Json) -> Result<CaseService, CaseError> {
    let item = |item: &Json| match item {
        Json::String(view) => Ok(CaseItem {
            view: view.clone(),
            alias: None,
            features: None,
            join_keys: vec![],
        }),
        item => Ok(CaseItem {
            view: need(item, "view")?,
            alias: text(item, "with_name"),
            features: item
                .get("features")
                .and_then(Json::as_array)
                .map(|items| texts(items)),
            join_keys: text_pairs(item.get("with_join_key_map").and_then(Json::as_object)),
        }),
    };
    let items = optional_list(json, "features")
        .iter()
        .map(item)
        .collect::<Result<_, CaseError>>()?;
    Ok(CaseService {
        name: need(json, "name")?,
        items,
    })
}

fn text_pairs(object: Option<&serde_json::Map<String, Json>>) -> Vec<(String, String)> {
    let pair = |(key, value): (&String, &Json)| Some((key.clone(), value.as_str()?.to_string()));
    object.into_iter().flatten().filter_map(pair).collect()
}

fn text(json: &Json, key: &str) -> Option<String> {
    Some(json.get(key)?.as_str()?.to_string())
}

fn need(json: &Json, key: &str) -> Result<String, CaseError> {
    text(json, key).ok_or_else(|| CaseError::new(format!("{key} is missing in {json}")))
}

fn text_at(json: &Json, at: usize) -> Option<String> {
    Some(json.get(at)?.as_str()?.to_string())
}

fn texts(items: &[Json]) -> Vec<String> {
    items
        .iter()
        .filter_map(|item| item.as_str().map(ToString::to_string))
        .collect()
}

fn list<'a>(json: &'a Json, key: &str) -> Result<&'a [Json], CaseError> {
    let found = json.get(key).and_then(Json::as_array);
    found
        .map(Vec::as_slice)
        .ok_or_else(|| CaseError::new(format!("a table has no {key}: {json}")))
}

fn optional_list<'a>(json: &'a Json, key: &str) -> &'a [Json] {
    json.get(key)
        .and_then(Json::as_array)
        .map_or(&[], Vec::as_slice)
}
