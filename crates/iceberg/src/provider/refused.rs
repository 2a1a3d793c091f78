// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Why a table's metadata cannot be read: what it has, and what to do.

use iceberg::spec::TableMetadata;
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};

/// The highest format version that is read.
const NEWEST_FORMAT: u64 = 3;
/// The table property that names the key of an encrypted table.
const ENCRYPTION_KEY: &str = "encryption.key-id";
/// The primitive types that have no parameters.
const PRIMITIVES: [&str; 14] = [
    "boolean",
    "int",
    "long",
    "float",
    "double",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "timestamp_ns",
    "timestamptz_ns",
    "string",
    "uuid",
    "binary",
];
/// What metadata of version 2 and later has to have.
const REQUIRED: [&str; 12] = [
    "table-uuid",
    "location",
    "last-sequence-number",
    "last-updated-ms",
    "last-column-id",
    "schemas",
    "current-schema-id",
    "partition-specs",
    "default-spec-id",
    "last-partition-id",
    "sort-orders",
    "default-sort-order-id",
];
/// What metadata of version 1 has to have.
const REQUIRED_FIRST: [&str; 3] = ["location", "last-updated-ms", "last-column-id"];

/// Refuses metadata that can be parsed but not read right.
pub(super) fn check(metadata: TableMetadata) -> Result<TableMetadata> {
    let encrypted = metadata.properties().contains_key(ENCRYPTION_KEY)
        || metadata.encryption_keys_iter().len() > 0;
    match encrypted {
        true => Err(encrypted_table()),
        false => Ok(metadata),
    }
}

fn encrypted_table() -> Error {
    unsupported(
        "the table is encrypted, and encrypted tables are not supported: read a copy that was \
         written without encryption"
            .to_string(),
    )
}

/// Why `metadata`, which the parser refused with `cause`, cannot be read.
pub(super) fn reason(metadata: &Value, cause: &serde_json::Error) -> Error {
    if !metadata.is_object() || metadata.get("view-uuid").is_some() {
        let found = match metadata.get("view-uuid") {
            Some(_) => "the metadata of a view",
            None => "JSON of another kind",
        };
        return damaged(format!(
            "expected an Iceberg table's metadata, found {found}"
        ));
    }
    let Some(format) = metadata["format-version"].as_u64() else {
        let found = "it has no format-version: it is no Iceberg table's metadata";
        return damaged(found.to_string());
    };
    if format > NEWEST_FORMAT {
        return unsupported(format!(
            "the table has format version {format}: versions 1 to {NEWEST_FORMAT} are supported"
        ));
    }
    if metadata["properties"].get(ENCRYPTION_KEY).is_some() {
        return encrypted_table();
    }
    if let Some(reason) = unreadable_types(metadata).or_else(|| wide_ids(metadata)) {
        return unsupported(reason);
    }
    let required: &[&str] = if format == 1 {
        &REQUIRED_FIRST
    } else {
        &REQUIRED
    };
    let row_ids = (format >= 3).then_some("next-row-id");
    let missing: Vec<&str> = required
        .iter()
        .copied()
        .chain(row_ids)
        .filter(|key| metadata[key].is_null())
        .collect();
    match missing.is_empty() {
        true => damaged(format!(
            "its metadata of version {format} is malformed: {cause}"
        )),
        false => damaged(format!(
            "its metadata of version {format} lacks {}",
            missing.join(", ")
        )),
    }
}

fn unreadable_types(metadata: &Value) -> Option<String> {
    let current = &metadata["current-schema-id"];
    let schemas = metadata["schemas"].as_array().into_iter().flatten();
    let schema = schemas
        .clone()
        .find(|schema| schema["schema-id"] == *current)
        .unwrap_or(&metadata["schema"]);
    let columns = unreadable_columns(schema);
    if columns.is_empty() {
        return None;
    }
    Some(format!(
        "the table has columns of types that are not supported: {}; drop them, or read a table \
         without them",
        columns.join(", ")
    ))
}

/// The columns of `schema` whose types cannot be read, each with its type.
pub(super) fn unreadable_columns(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for field in schema["fields"].as_array().into_iter().flatten() {
        let name = field["name"].as_str().unwrap_or_default();
        collect(name, &field["type"], &mut found);
    }
    found
}

fn collect(path: &str, of: &Value, found: &mut Vec<String>) {
    if let Some(primitive) = of.as_str() {
        let known = PRIMITIVES.contains(&primitive)
            || primitive.starts_with("fixed[")
            || primitive.starts_with("decimal(");
        if !known {
            found.push(format!("'{path}' ({primitive})"));
        }
        return;
    }
    for field in of["fields"].as_array().into_iter().flatten() {
        let name = field["name"].as_str().unwrap_or_default();
        collect(&format!("{path}.{name}"), &field["type"], found);
    }
    for child in ["element", "key", "value"] {
        if let Some(child_type) = of.get(child) {
            collect(&format!("{path}.{child}"), child_type, found);
        }
    }
}

/// A snapshot id that does not fit into 64 bits with a sign.
fn wide_ids(metadata: &Value) -> Option<String> {
    let snapshots = metadata["snapshots"].as_array().into_iter().flatten();
    let ids = snapshots.flat_map(|s| [&s["snapshot-id"], &s["parent-snapshot-id"]]);
    let wide = ids
        .chain([&metadata["current-snapshot-id"]])
        .find(|id| id.is_number() && id.as_i64().is_none())?;
    Some(format!(
        "the table has the snapshot id {wide}: ids are whole numbers below 2^63 by the Iceberg \
         specification; rewrite the table with another writer"
    ))
}

fn unsupported(message: String) -> Error {
    Error::new(ErrorKind::Unsupported, message)
}

fn damaged(message: String) -> Error {
    Error::new(ErrorKind::Damaged, message)
}
