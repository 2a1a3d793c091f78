// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Manifests and manifest lists that the core crate does not read as they are: their header lacks
//! keys, names a partition field like another column, or lost a column of the partition spec; or has
//! UUIDs and decimals in its partitions. The table's metadata and the manifest list know what is
//! missing.

use std::collections::BTreeMap;

use iceberg::spec::{
    FormatVersion, Manifest, ManifestEntry, ManifestFile, ManifestList, ManifestMetadata,
    ManifestStatus, PartitionField, PartitionSpec, TableMetadata,
};
use serde_json::{Value, json};

use super::avro::{Container, Header};
use crate::error::{Error, ErrorKind, Result};

/// Reads a manifest from `bytes` by a completed header. None when they are no Avro file.
pub(crate) fn completed_manifest(
    bytes: &[u8],
    file: &ManifestFile,
    metadata: &TableMetadata,
) -> Result<Option<Manifest>> {
    let Ok(container) = Container::open(bytes) else {
        return Ok(None);
    };
    let mut header = container.header.clone();
    let spec = metadata
        .partition_spec_by_id(file.partition_spec_id)
        .ok_or_else(|| {
            let id = file.partition_spec_id;
            Error::new(
                ErrorKind::Damaged,
                format!("the table's metadata has no partition spec {id}"),
            )
        })?;
    let version = if has_sequence_numbers(&header) {
        "2"
    } else {
        "1"
    };
    let schema = every_column(header.get(b"schema".as_slice()), metadata)?;
    header.insert(b"schema".to_vec(), written(&schema)?);
    let spec_key = b"partition-spec".to_vec();
    let own = header
        .get(&spec_key)
        .map(|own| serde_json::from_slice::<Vec<PartitionField>>(own));
    if own.is_some_and(|own| own.is_err()) {
        header.remove(&spec_key);
    }
    plain_bytes(&mut header)?;
    let mut add = |key: &str, value: Vec<u8>| {
        header.entry(key.as_bytes().to_vec()).or_insert(value);
    };
    add("partition-spec", written(spec.fields())?);
    add("partition-spec-id", spec.spec_id().to_string().into_bytes());
    add("content", file.content.to_string().into_bytes());
    add("format-version", version.as_bytes().to_vec());
    let (entries, parsed) = Manifest::parse_avro(&container.with_header(&header))?.into_parts();
    let entries = entries.iter().map(|entry| inherited(entry, file)).collect();
    Ok(Some(Manifest::new(parsed, entries)))
}

/// Reads a manifest list of version 1 in a table of a later version. None when it is none.
pub(crate) fn first_version_list(bytes: &[u8]) -> Result<Option<ManifestList>> {
    match Container::open(bytes) {
        Ok(container) if !has_sequence_numbers(&container.header) => Ok(Some(
            ManifestList::parse_with_version(bytes, FormatVersion::V1)?,
        )),
        _ => Ok(None),
    }
}

/// The id of the partition spec that a manifest was written with, if it says.
pub(super) fn header_spec_id(bytes: &[u8]) -> Result<Option<i32>> {
    let header = Container::open(bytes)?.header;
    let id = header.get(b"partition-spec-id".as_slice());
    Ok(id.and_then(|id| std::str::from_utf8(id).ok()?.parse().ok()))
}

/// The partition spec that a manifest was written with, for a table whose metadata lost it.
pub(super) fn header_spec(bytes: &[u8], spec_id: i32) -> Result<PartitionSpec> {
    let header = Container::open(bytes)?.header.into_iter();
    let header = header.map(|(key, value)| (String::from_utf8_lossy(&key).into_owned(), value));
    match ManifestMetadata::parse(&header.collect()) {
        Ok(written) => Ok(written.partition_spec),
        Err(e) => {
            let message = format!(
                "the table's metadata has no partition spec {spec_id}, nor has the manifest"
            );
            Err(Error::new(ErrorKind::Damaged, message).with_source(e))
        }
    }
}

/// A schema of all columns that the manifest or the table ever knew, so that every bound and
/// partition source has its type. Ids are appended to the names, which nothing reads, so that no
/// two are the same.
fn every_column(own: Option<&Vec<u8>>, metadata: &TableMetadata) -> Result<Value> {
    let own = own.and_then(|schema| serde_json::from_slice::<Value>(schema).ok());
    let mut schemas: Vec<Value> = own.into_iter().collect();
    let mut known: Vec<_> = metadata.schemas_iter().collect();
    known.sort_by_key(|s| {
        (
            s.schema_id() != metadata.current_schema_id(),
            -s.schema_id(),
        )
    });
    for schema in known {
        schemas.push(serde_json::to_value(schema.as_ref()).map_err(unwritable)?);
    }
    let mut columns: BTreeMap<i64, Value> = BTreeMap::new();
    for schema in &schemas {
        for field in schema["fields"].as_array().into_iter().flatten() {
            let Some(id) = field["id"].as_i64() else {
                continue;
            };
            let mut field = field.clone();
            field["name"] = json!(format!(
                "{}#{id}",
                field["name"].as_str().unwrap_or_default()
            ));
            columns.entry(id).or_insert(field);
        }
    }
    let columns: Vec<_> = columns.into_values().collect();
    Ok(json!({"type": "struct", "schema-id": 0, "fields": columns}))
}

/// Takes the marks of UUIDs and decimals from the manifest's Avro schema, which the parser takes for
/// texts and for numbers of other lengths. The table's schema says what the bytes are.
fn plain_bytes(header: &mut Header) -> Result<()> {
    let Some(own) = header.get_mut(b"avro.schema".as_slice()) else {
        return Ok(());
    };
    let Ok(mut schema) = serde_json::from_slice::<Value>(own) else {
        return Ok(());
    };
    unmark(&mut schema);
    *own = written(&schema)?;
    Ok(())
}

fn unmark(schema: &mut Value) {
    match schema {
        Value::Array(parts) => parts.iter_mut().for_each(unmark),
        Value::Object(parts) => {
            let of_bytes = parts
                .get("type")
                .is_some_and(|of| of == "fixed" || of == "bytes");
            if of_bytes {
                parts.remove("logicalType");
            }
            parts.values_mut().for_each(unmark);
        }
        _ => {}
    }
}

/// Since version 2 the Avro schemas have sequence numbers.
fn has_sequence_numbers(header: &Header) -> bool {
    const NAME: &[u8] = b"\"sequence_number\"";
    let schema = header.get(b"avro.schema".as_slice());
    schema.is_some_and(|schema| schema.windows(NAME.len()).any(|window| window == NAME))
}

fn written<T: serde::Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(unwritable)
}

fn unwritable(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Damaged, "the table's metadata cannot be written").with_source(error)
}

fn inherited(entry: &ManifestEntry, file: &ManifestFile) -> ManifestEntry {
    let mut entry = entry.clone();
    entry.snapshot_id.get_or_insert(file.added_snapshot_id);
    if entry.status == ManifestStatus::Added || file.sequence_number == 0 {
        entry.sequence_number.get_or_insert(file.sequence_number);
        entry
            .file_sequence_number
            .get_or_insert(file.sequence_number);
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_lose_their_marks_and_numbers_keep_theirs() {
        let schema = json!({"type": "record", "name": "r", "fields": [
            {"name": "u", "type": ["null", {"type": "fixed", "size": 16, "name": "f", "logicalType": "uuid"}]},
            {"name": "d", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
            {"name": "t", "type": {"type": "long", "logicalType": "timestamp-micros"}},
            {"name": "m", "type": {"type": "array", "items": "f", "logicalType": "map"}},
        ]});
        let key = b"avro.schema".to_vec();
        let mut header = Header::from([(key.clone(), written(&schema).unwrap())]);
        plain_bytes(&mut header).unwrap();
        let plain: Value = serde_json::from_slice(&header[&key]).unwrap();
        let mut wanted = schema;
        let fields = wanted["fields"].as_array_mut().unwrap();
        fields[0]["type"][1]
            .as_object_mut()
            .unwrap()
            .remove("logicalType");
        fields[1]["type"]
            .as_object_mut()
            .unwrap()
            .remove("logicalType");
        assert_eq!(plain, wanted);
    }
}
