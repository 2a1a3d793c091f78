// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Reading a table's metadata file, and saying why one cannot be read.

use std::collections::BTreeMap;

use bytes::Bytes;
use iceberg::io::FileIO;
use iceberg::spec::{FormatVersion, MAIN_BRANCH, SnapshotReference, TableMetadata, Transform};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::refused;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::check_defaults;
use crate::storage::unpacked;

/// Begins what stands for the manifest list of a snapshot whose manifests are named in the metadata
/// file, as writers did before Iceberg 0.8. A list of their locations follows.
const INLINE: &str = "inline-manifests:";

/// The manifests of a snapshot that has no manifest list.
pub(crate) fn inline_manifests(manifest_list: &str) -> Option<Vec<String>> {
    serde_json::from_str(manifest_list.strip_prefix(INLINE)?).ok()
}

/// Reads the metadata file at `file`, plain or compressed by gzip.
pub(crate) async fn read_metadata(file_io: &FileIO, file: &str) -> Result<TableMetadata> {
    parse_metadata(file_io.new_input(file)?.read().await?)
}

/// The same of a file's contents.
pub(crate) fn parse_metadata(bytes: Bytes) -> Result<TableMetadata> {
    parse(bytes).map(|(metadata, _)| metadata)
}

/// The same for a table that is to be changed: nothing in it may be left out.
pub(crate) async fn read_whole_metadata(file_io: &FileIO, file: &str) -> Result<TableMetadata> {
    let read = file_io.new_input(file)?.read().await?;
    match parse(read)? {
        (metadata, None) => Ok(metadata),
        (_, Some(cause)) => Err(Error::new(
            ErrorKind::Unsupported,
            "the table's metadata can be read only in part, so the table cannot be changed; change \
             it with the engine that wrote it",
        )
        .with_source(cause)),
    }
}

/// Parses a metadata file. What it has that cannot be read is named in the error. If something is
/// missing that a change of the table would lose, why comes along.
fn parse(bytes: Bytes) -> Result<(TableMetadata, Option<Error>)> {
    let bytes = unpacked(bytes)?;
    check_defaults(&bytes)?;
    let failed = match serde_json::from_slice::<TableMetadata>(&bytes) {
        Ok(metadata) => return with_first_refs(refused::check(metadata)?, &bytes),
        Err(failed) => failed,
    };
    let mut written: Value = serde_json::from_slice(&bytes).map_err(|cause| {
        Error::new(ErrorKind::Damaged, "it is no JSON: expected table metadata").with_source(cause)
    })?;
    mend(&mut written);
    match serde_json::from_value::<TableMetadata>(written.clone()) {
        Ok(metadata) => {
            let (metadata, _) = with_first_refs(refused::check(metadata)?, &bytes)?;
            let why = Error::new(ErrorKind::Damaged, failed.to_string());
            Ok((metadata, Some(why)))
        }
        Err(_) => Err(refused::reason(&written, &failed)),
    }
}

/// The part of a metadata file that names branches and tags.
#[derive(Deserialize)]
struct Refs {
    #[serde(default)]
    refs: Option<BTreeMap<String, SnapshotReference>>,
}

/// `metadata` with the branches and tags that the file has. The core crate neither reads nor
/// writes them in format version 1, but other engines do.
fn with_first_refs(
    metadata: TableMetadata,
    bytes: &Bytes,
) -> Result<(TableMetadata, Option<Error>)> {
    if metadata.format_version() != FormatVersion::V1 {
        return Ok((metadata, None));
    }
    let found = serde_json::from_slice::<Refs>(bytes)
        .ok()
        .and_then(|found| found.refs);
    let mut refs = found.unwrap_or_default();
    refs.remove(MAIN_BRANCH);
    if refs.is_empty() {
        return Ok((metadata, None));
    }
    let mut builder = metadata.into_builder(None);
    for (name, reference) in refs {
        builder = builder.set_ref(&name, reference)?;
    }
    let message = "branches and tags of tables of format version 1 cannot be written";
    let why = Error::new(ErrorKind::Unsupported, message);
    Ok((builder.build()?.metadata, Some(why)))
}

/// Puts right what other readers let pass and the core crate does not: it changes nothing that a
/// read of the table depends on.
fn mend(metadata: &mut Value) {
    let snapshots = metadata.get_mut("snapshots").and_then(Value::as_array_mut);
    for snapshot in snapshots.into_iter().flatten() {
        if let Some(snapshot) = snapshot.as_object_mut() {
            mend_snapshot(snapshot);
        }
    }
    // Statistics files only tell how many distinct values there are.
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.remove("statistics");
        metadata.remove("partition-statistics");
    }
    forget_old_schemas(metadata);
    rename_transforms(metadata);
}

/// Calls transforms that are not known what the specification calls them: nothing is told of their
/// values, and tables that have them are read without them.
fn rename_transforms(metadata: &mut Value) {
    for list in ["partition-specs", "sort-orders"] {
        let lists = metadata.get_mut(list).and_then(Value::as_array_mut);
        for one in lists.into_iter().flatten() {
            rename_transforms_of(one.get_mut("fields"));
        }
    }
    rename_transforms_of(metadata.get_mut("partition-spec"));
}

fn rename_transforms_of(fields: Option<&mut Value>) {
    for field in fields.and_then(Value::as_array_mut).into_iter().flatten() {
        let known = |name: &str| name.parse::<Transform>().is_ok();
        if !field["transform"].as_str().is_none_or(known) {
            field["transform"] = json!("unknown");
        }
        // Of several columns.
        let first = field["source-ids"][0].clone();
        if let Some(field) = field.as_object_mut()
            && !field.contains_key("source-id")
        {
            field.insert("source-id".to_string(), first);
            field.insert("transform".to_string(), json!("unknown"));
        }
    }
}

fn mend_snapshot(snapshot: &mut Map<String, Value>) {
    if let Some(manifests) = snapshot.remove("manifests")
        && !snapshot.contains_key("manifest-list")
    {
        let list = json!(format!("{INLINE}{manifests}"));
        snapshot.insert("manifest-list".to_string(), list);
    }
    let summary = snapshot.entry("summary").or_insert_with(|| json!({}));
    if summary.is_null() {
        *summary = json!({});
    }
    let Some(summary) = summary.as_object_mut() else {
        return;
    };
    for (_, value) in summary.iter_mut().filter(|(_, value)| !value.is_string()) {
        *value = json!(value.to_string());
    }
    if !summary.contains_key("operation") {
        summary.insert("operation".to_string(), json!("append"));
    }
}

/// Leaves out old schemas with types that cannot be read: only time travel to their snapshots
/// needs them.
fn forget_old_schemas(metadata: &mut Value) {
    let current = metadata["current-schema-id"].as_i64().unwrap_or_default();
    let schemas = metadata.get_mut("schemas").and_then(Value::as_array_mut);
    if let Some(schemas) = schemas {
        schemas.retain(|schema| {
            schema["schema-id"].as_i64().unwrap_or_default() == current
                || refused::unreadable_columns(schema).is_empty()
        });
    }
}
