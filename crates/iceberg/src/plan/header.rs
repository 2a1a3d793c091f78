// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Manifests and manifest lists that the core crate does not read as they are: their header lacks
//! keys, names a partition field like another column, or lost a column of the partition spec. The
//! table's metadata and the manifest list know what is missing.

use std::collections::BTreeMap;

use iceberg::spec::{
    FormatVersion, Manifest, ManifestEntry, ManifestFile, ManifestList, ManifestStatus,
    TableMetadata,
};
use serde_json::{Value, json};

use crate::error::{Error, ErrorKind, Result};

const MAGIC: &[u8] = b"Obj\x01";
const SYNC_BYTES: usize = 16;

/// Reads a manifest from `bytes` by a completed header. None when they are no Avro file.
pub(super) fn completed_manifest(
    bytes: &[u8],
    file: &ManifestFile,
    metadata: &TableMetadata,
) -> Result<Option<Manifest>> {
    let Some((mut header, rest)) = split_header(bytes) else {
        return Ok(None);
    };
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
    let mut add = |key: &str, value: Vec<u8>| {
        header.entry(key.as_bytes().to_vec()).or_insert(value);
    };
    add("partition-spec", written(spec.fields())?);
    add("partition-spec-id", spec.spec_id().to_string().into_bytes());
    add("content", file.content.to_string().into_bytes());
    add("format-version", version.as_bytes().to_vec());
    let (entries, parsed) = Manifest::parse_avro(&with_header(&header, rest))?.into_parts();
    let entries = entries.iter().map(|entry| inherited(entry, file)).collect();
    Ok(Some(Manifest::new(parsed, entries)))
}

/// Reads a manifest list of version 1 in a table of a later version. None when it is none.
pub(super) fn first_version_list(bytes: &[u8]) -> Result<Option<ManifestList>> {
    match split_header(bytes) {
        Some((header, _)) if !has_sequence_numbers(&header) => Ok(Some(
            ManifestList::parse_with_version(bytes, FormatVersion::V1)?,
        )),
        _ => Ok(None),
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

type Header = BTreeMap<Vec<u8>, Vec<u8>>;

/// The key-value pairs of an Avro file's header, and everything after them.
fn split_header(bytes: &[u8]) -> Option<(Header, &[u8])> {
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let mut header = Header::new();
    loop {
        let mut count = long(&mut rest)?;
        if count == 0 {
            return (rest.len() >= SYNC_BYTES).then_some((header, rest));
        }
        if count < 0 {
            long(&mut rest)?;
            count = count.checked_neg()?;
        }
        for _ in 0..count {
            let key = block(&mut rest)?.to_vec();
            header.insert(key, block(&mut rest)?.to_vec());
        }
    }
}

fn with_header(header: &Header, rest: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    put_long(&mut bytes, header.len());
    for text in header.iter().flat_map(|(key, value)| [key, value]) {
        put_long(&mut bytes, text.len());
        bytes.extend_from_slice(text);
    }
    put_long(&mut bytes, 0);
    bytes.extend_from_slice(rest);
    bytes
}

fn block<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(long(rest)?).ok()?;
    let (block, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(block)
}

/// An Avro long: zigzag, seven bits a byte, least first.
fn long(rest: &mut &[u8]) -> Option<i64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    None
}

fn put_long(bytes: &mut Vec<u8>, value: usize) {
    let mut value = (value as u64) << 1;
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}
