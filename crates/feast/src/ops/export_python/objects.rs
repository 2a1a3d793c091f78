// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Entities, sources, views and services as calls of Feast's constructors.

use std::collections::BTreeMap;

use feast_registry::{
    DataSource, Entity, FeatureService, FeatureView, FeatureViewProjection, Field, IcebergSource,
    Registry, Result, Source, ValueType, ViewKind,
};

use super::HEADER;
use super::names::Names;
use super::text::{dictionary, feast_type, json, list, string, timedelta};
use crate::ops::objects::source_kind;

/// The tag in which a view's tie break is kept.
const TIE_BREAK: &str = "datafusion_feast.tie_break";

const IMPORTS: &str = "\
from datetime import timedelta

from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType, types
from feast.infra.data_sources.contrib.iceberg_catalog.iceberg_source import IcebergSource
";

const SPARK: &str =
    "from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource\n";

/// The file of definitions.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) python: String,
    /// Whether it imports `datafusion_feast`.
    pub(super) needs_module: bool,
}

/// A view that was written, and the variable it is in.
type Views = BTreeMap<String, (String, FeatureView)>;

/// The project's definitions; what SQL cannot define is named in comments.
pub(super) fn definitions(registry: &Registry, project: &str) -> Result<Written> {
    let mut names = Names::default();
    let (mut blocks, mut needs_module) = (Vec::new(), false);
    let mut entities: BTreeMap<String, String> = BTreeMap::new();
    for entity in registry.entities(project)? {
        let name = names.give(&entity.name);
        blocks.push(entity_call(&name, &entity));
        entities.insert(entity.name, name);
    }
    let mut views = Views::new();
    let mut sources: Vec<(DataSource, String)> = Vec::new();
    for view in registry.feature_views(project)? {
        if let Some(reason) = unwritable(&view) {
            blocks.push(left_out(view.kind.name(), &view.name, &reason));
            continue;
        }
        let known = sources.iter().find(|(source, _)| *source == view.source);
        let source = match known {
            Some((_, name)) => name.clone(),
            None => {
                let name = names.give(&format!("{}_source", view.name));
                blocks.push(source_call(&name, &view.source));
                sources.push((view.source.clone(), name.clone()));
                name
            }
        };
        needs_module |= matches!(view.source.source, Source::Table(_) | Source::Query(_));
        let name = names.give(&view.name);
        blocks.push(view_call(&name, &view, &source, &entities));
        views.insert(view.name.clone(), (name, view));
    }
    for service in registry.feature_services(project)? {
        let name = names.give(&service.name);
        blocks.push(service_call(&name, &service, &views));
    }
    let mut imports = IMPORTS.to_owned();
    if sources
        .iter()
        .any(|(source, _)| matches!(source.source, Source::Spark(_)))
    {
        imports.push_str(SPARK);
    }
    if needs_module {
        imports.push_str("\nfrom datafusion_feast import QuerySource, TableSource\n");
    }
    Ok(Written {
        python: format!("{HEADER}\n{imports}\n{}", blocks.join("\n")),
        needs_module,
    })
}

/// Why a view cannot be written.
fn unwritable(view: &FeatureView) -> Option<String> {
    match (&view.source.source, view.kind) {
        (_, kind) if kind != ViewKind::Batch => Some("which Python defines".to_owned()),
        (Source::Other { .. }, _) => Some(format!(
            "whose source is of kind {}",
            source_kind(&view.source.source)
        )),
        _ => None,
    }
}

fn left_out(kind: &str, name: &str, reason: &str) -> String {
    format!("# Left out: {kind} {}, {reason}.\n", string(name))
}

/// `name = Class(argument, …)`, an argument a line; those without a value are left out.
fn call(name: &str, class: &str, arguments: Vec<(&str, Option<String>)>) -> String {
    let mut text = format!("{name} = {class}(\n");
    for (argument, value) in arguments {
        if let Some(value) = value {
            let equals = if argument.is_empty() { "" } else { "=" };
            text.push_str(&format!("    {argument}{equals}{value},\n"));
        }
    }
    text.push_str(")\n");
    text
}

fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| string(text))
}

fn map(map: &BTreeMap<String, String>) -> Option<String> {
    (!map.is_empty()).then(|| dictionary(map))
}

fn entity_call(name: &str, entity: &Entity) -> String {
    let value_type = match entity.value_type {
        ValueType::Unknown => None,
        known => Some(format!("ValueType.{}", known.name())),
    };
    let arguments = vec![
        ("name", Some(string(&entity.name))),
        ("join_keys", Some(list([&entity.join_key]))),
        ("value_type", value_type),
        ("description", text(&entity.description)),
        ("owner", text(&entity.owner)),
        ("tags", map(&entity.tags)),
    ];
    call(name, "Entity", arguments)
}

fn source_call(name: &str, source: &DataSource) -> String {
    let mut arguments = Vec::new();
    let class = match &source.source {
        Source::File(file) => {
            arguments.push(("path", Some(string(&file.uri))));
            "FileSource"
        }
        Source::Iceberg(iceberg) => {
            arguments.extend(iceberg_arguments(iceberg));
            "IcebergSource"
        }
        Source::Spark(spark) => {
            arguments.push(("table", Some(string(&spark.table))));
            "SparkSource"
        }
        Source::Table(table) => {
            arguments.push(("", Some(string(&table.table))));
            "TableSource"
        }
        Source::Query(query) => {
            arguments.push(("", Some(string(&query.query))));
            "QuerySource"
        }
        // Views over other kinds are left out before.
        _ => "DataSource",
    };
    arguments.extend([
        ("name", Some(string(&source.name))),
        ("timestamp_field", Some(string(&source.timestamp_field))),
        (
            "created_timestamp_column",
            source.created_timestamp_column.as_deref().map(string),
        ),
        ("field_mapping", map(&source.field_mapping)),
        ("description", text(&source.description)),
        ("owner", text(&source.owner)),
        ("tags", map(&source.tags)),
    ]);
    call(name, class, arguments)
}

fn iceberg_arguments(source: &IcebergSource) -> Vec<(&'static str, Option<String>)> {
    vec![
        ("catalog_type", Some(string(&source.catalog_type))),
        ("catalog_name", Some(string(&source.catalog_name))),
        ("endpoint", source.endpoint.as_deref().map(string)),
        (
            "warehouse",
            Some(string(source.warehouse.as_deref().unwrap_or_default())),
        ),
        ("namespace", Some(string(&source.namespace))),
        ("table", Some(string(&source.table))),
        ("catalog_properties", map(&source.catalog_properties)),
    ]
}

fn view_call(
    name: &str,
    view: &FeatureView,
    source: &str,
    entities: &BTreeMap<String, String>,
) -> String {
    let known = view
        .entities
        .iter()
        .filter_map(|entity| entities.get(entity));
    let known: Vec<&str> = known.map(String::as_str).collect();
    let fields = view.entity_columns.iter().chain(&view.features);
    let fields: Vec<String> = fields
        .map(|field| format!("        {},\n", field_call(field)))
        .collect();
    let mut tags = view.tags.clone();
    if !view.tie_break.is_empty() {
        tags.insert(TIE_BREAK.to_owned(), json(&view.tie_break));
    }
    let online = if view.online { "True" } else { "False" };
    let arguments = vec![
        ("name", Some(string(&view.name))),
        ("entities", Some(format!("[{}]", known.join(", ")))),
        ("schema", Some(format!("[\n{}    ]", fields.concat()))),
        ("source", Some(source.to_owned())),
        ("ttl", view.ttl.map(timedelta)),
        ("online", Some(online.to_owned())),
        ("description", text(&view.description)),
        ("owner", text(&view.owner)),
        ("tags", map(&tags)),
    ];
    call(name, "FeatureView", arguments)
}

fn field_call(field: &Field) -> String {
    let mut arguments = format!(
        "name={}, dtype={}",
        string(&field.name),
        feast_type(field.value_type)
    );
    if let Some(description) = text(&field.description) {
        arguments.push_str(&format!(", description={description}"));
    }
    if let Some(tags) = map(&field.tags) {
        arguments.push_str(&format!(", tags={tags}"));
    }
    format!("Field({arguments})")
}

fn service_call(name: &str, service: &FeatureService, views: &Views) -> String {
    let mut items = String::new();
    for projection in &service.projections {
        match views.get(&projection.view) {
            Some((variable, view)) => {
                items.push_str(&format!(
                    "        {},\n",
                    projected(variable, view, projection)
                ));
            }
            None => {
                let comment = left_out(
                    "feature view",
                    &projection.view,
                    "which is not in this file",
                );
                items.push_str(&format!("        {comment}"));
            }
        }
    }
    let arguments = vec![
        ("name", Some(string(&service.name))),
        ("features", Some(format!("[\n{items}    ]"))),
        ("description", text(&service.description)),
        ("owner", text(&service.owner)),
        ("tags", map(&service.tags)),
    ];
    call(name, "FeatureService", arguments)
}

/// `view[["feature"]].with_name("alias").with_join_key_map({"key": "column"})`
fn projected(variable: &str, view: &FeatureView, projection: &FeatureViewProjection) -> String {
    let mut item = variable.to_owned();
    let taken = projection.features.iter().map(|field| &field.name);
    if !taken
        .clone()
        .eq(view.features.iter().map(|field| &field.name))
    {
        item.push_str(&format!("[{}]", list(taken)));
    }
    if let Some(alias) = &projection.alias {
        item.push_str(&format!(".with_name({})", string(alias)));
    }
    if let Some(keys) = map(&projection.join_key_map) {
        item.push_str(&format!(".with_join_key_map({keys})"));
    }
    item
}
