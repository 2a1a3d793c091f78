// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Manifests and manifest lists.

use std::io;
use std::sync::Arc;

use apache_avro::types::Value;
use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::avro::{self, field, list, map, optional, pairs, record, some, some_long, values};
use super::file::{DeleteKind, TableFile};
use super::spec::PartitionSpec;
use super::types::Schema;

/// What an entry says of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Existing = 0,
    Added = 1,
    Deleted = 2,
}

/// An entry of a manifest.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) status: Status,
    pub(super) snapshot_id: i64,
    pub(super) file: Arc<TableFile>,
}

impl Entry {
    pub(super) fn is_live(&self) -> bool {
        self.status != Status::Deleted
    }
}

/// A manifest, as the manifest list names it.
#[derive(Debug, Clone)]
pub(super) struct Manifest {
    pub(super) path: String,
    pub(super) length: i64,
    pub(super) spec: Arc<PartitionSpec>,
    pub(super) deletes: bool,
    pub(super) sequence: i64,
    pub(super) min_sequence: i64,
    pub(super) snapshot_id: i64,
    pub(super) first_row_id: Option<i64>,
    pub(super) entries: Vec<Entry>,
}

/// How manifests are written.
#[derive(Debug, Clone, Copy, Default)]
pub struct ManifestStyle {
    /// Whether entries that a commit adds carry their sequence numbers instead of inheriting them.
    pub explicit_sequences: bool,
    /// Whether blocks are compressed.
    pub compressed: bool,
    /// Whether manifest lists leave out partition summaries.
    pub no_summaries: bool,
    /// Whether manifests lack the schema and the partition spec in their headers, which readers
    /// must then take from the table.
    pub no_header: bool,
    /// Whether UUIDs and decimals of partitions are written as text and as bytes, which Avro allows,
    /// and not as fixed, as the specification of Iceberg has it.
    pub unfixed: bool,
}

/// The bytes of a manifest.
pub(super) fn write(
    version: u8,
    schema: &Schema,
    spec: &PartitionSpec,
    deletes: bool,
    entries: &[Entry],
    style: ManifestStyle,
) -> io::Result<Bytes> {
    let content = if deletes { "deletes" } else { "data" };
    let mut header = Vec::new();
    if !style.no_header {
        header.push(("schema", schema.json().to_string()));
        header.push(("schema-id", schema.id.to_string()));
        header.push(("partition-spec", spec.fields_json().to_string()));
    }
    header.push(("partition-spec-id", spec.id.to_string()));
    header.push(("format-version", version.to_string()));
    if version > 1 {
        header.push(("content", content.to_owned()));
    }
    let records = entries.iter().map(|e| entry_value(version, spec, e, style));
    avro::file(
        &entry_schema(version, spec, style),
        &header,
        records.collect(),
        style.compressed,
    )
}

fn entry_schema(version: u8, spec: &PartitionSpec, style: ManifestStyle) -> Json {
    let mut fields = vec![field(0, "status", json!("int"))];
    if version == 1 {
        fields.push(field(1, "snapshot_id", json!("long")));
    } else {
        fields.push(optional(1, "snapshot_id", json!("long")));
        fields.push(optional(3, "sequence_number", json!("long")));
        fields.push(optional(4, "file_sequence_number", json!("long")));
    }
    let file = file_schema(version, spec, style);
    fields.push(field(2, "data_file", file));
    record("manifest_entry", fields)
}

fn file_schema(version: u8, spec: &PartitionSpec, style: ManifestStyle) -> Json {
    let partition = spec.fields.iter().map(|f| {
        let ty = f.transform.result(&f.source);
        let ty = avro::primitive(&ty, f.id, style.unfixed);
        optional(f.id, &sanitized(&f.name), ty)
    });
    let partition = record("r102", partition.collect());
    let mut fields = Vec::new();
    if version > 1 {
        fields.push(field(134, "content", json!("int")));
    }
    fields.extend([
        field(100, "file_path", json!("string")),
        field(101, "file_format", json!("string")),
        field(102, "partition", partition),
        field(103, "record_count", json!("long")),
        field(104, "file_size_in_bytes", json!("long")),
    ]);
    if version == 1 {
        fields.push(field(105, "block_size_in_bytes", json!("long")));
    }
    fields.extend([
        optional(109, "value_counts", map(119, 120, "long")),
        optional(110, "null_value_counts", map(121, 122, "long")),
        optional(137, "nan_value_counts", map(138, 139, "long")),
        optional(125, "lower_bounds", map(126, 127, "bytes")),
        optional(128, "upper_bounds", map(129, 130, "bytes")),
        optional(131, "key_metadata", json!("bytes")),
        optional(132, "split_offsets", list(133, json!("long"))),
        optional(140, "sort_order_id", json!("int")),
    ]);
    if version > 1 {
        fields.push(optional(135, "equality_ids", list(136, json!("int"))));
        fields.push(optional(143, "referenced_data_file", json!("string")));
    }
    if version > 2 {
        fields.push(optional(142, "first_row_id", json!("long")));
        fields.push(optional(144, "content_offset", json!("long")));
        fields.push(optional(145, "content_size_in_bytes", json!("long")));
    }
    record("r2", fields)
}

/// A name that Avro allows.
fn sanitized(name: &str) -> String {
    let mut made = String::new();
    for (at, c) in name.chars().enumerate() {
        match c {
            'a'..='z' | 'A'..='Z' | '_' => made.push(c),
            '0'..='9' if at > 0 => made.push(c),
            '0'..='9' => made.push_str(&format!("_{c}")),
            other => made.push_str(&format!("_x{:X}", u32::from(other))),
        }
    }
    made
}

fn entry_value(version: u8, spec: &PartitionSpec, entry: &Entry, style: ManifestStyle) -> Value {
    let mut fields = vec![("status", Value::Int(entry.status as i32))];
    if version == 1 {
        fields.push(("snapshot_id", Value::Long(entry.snapshot_id)));
    } else {
        // An added file inherits both numbers, or its own data sequence number is older.
        let inherits = entry.status == Status::Added;
        let older = entry.file.sequence != entry.file.file_sequence;
        let sequence =
            (!inherits || older || style.explicit_sequences).then_some(entry.file.sequence);
        let file_sequence = (!inherits).then_some(entry.file.file_sequence);
        fields.push(("snapshot_id", some_long(Some(entry.snapshot_id))));
        fields.push(("sequence_number", some_long(sequence)));
        fields.push(("file_sequence_number", some_long(file_sequence)));
    }
    fields.push(("data_file", file_value(version, spec, entry, style)));
    values(fields)
}

fn file_value(version: u8, spec: &PartitionSpec, entry: &Entry, style: ManifestStyle) -> Value {
    let file = entry.file.as_ref();
    let partition = spec.fields.iter().zip(&file.partition).map(|(f, value)| {
        let ty = f.transform.result(&f.source);
        let value = avro::value(value, &ty, style.unfixed);
        (sanitized(&f.name), value)
    });
    let mut fields = Vec::new();
    if version > 1 {
        fields.push(("content", Value::Int(file.content())));
    }
    fields.extend([
        ("file_path", Value::String(file.path.clone())),
        ("file_format", Value::String(file.format().to_owned())),
        ("partition", Value::Record(partition.collect())),
        ("record_count", Value::Long(file.record_count)),
        ("file_size_in_bytes", Value::Long(file.recorded_size)),
    ]);
    if version == 1 {
        fields.push(("block_size_in_bytes", Value::Long(67_108_864)));
    }
    let metrics = &file.metrics;
    let longs = |m: &std::collections::BTreeMap<i32, i64>| {
        pairs(m.iter().map(|(id, count)| (*id, Value::Long(*count))))
    };
    let bounds = |m: &std::collections::BTreeMap<i32, Vec<u8>>| {
        pairs(
            m.iter()
                .map(|(id, bound)| (*id, Value::Bytes(bound.clone()))),
        )
    };
    let splits = file.splits.iter().map(|at| Value::Long(*at)).collect();
    fields.extend([
        ("value_counts", longs(&metrics.values)),
        ("null_value_counts", longs(&metrics.nulls)),
        ("nan_value_counts", longs(&metrics.nans)),
        ("lower_bounds", bounds(&metrics.lower)),
        ("upper_bounds", bounds(&metrics.upper)),
        (
            "key_metadata",
            some(file.key_metadata.clone().map(Value::Bytes)),
        ),
        (
            "split_offsets",
            some((!file.splits.is_empty()).then_some(Value::Array(splits))),
        ),
        ("sort_order_id", some(None)),
    ]);
    fields.extend(delete_values(version, entry));
    values(fields)
}

fn delete_values(version: u8, entry: &Entry) -> Vec<(&'static str, Value)> {
    let (mut ids, mut referenced, mut place) = (None, None, None);
    match &entry.file.deletes {
        Some(DeleteKind::Equality { ids: own, .. }) => {
            let own = own.iter().map(|id| Value::Int(*id));
            ids = Some(Value::Array(own.collect()));
        }
        Some(DeleteKind::Positions {
            referenced: own, ..
        }) => referenced.clone_from(own),
        Some(DeleteKind::Vector {
            target,
            offset,
            length,
            ..
        }) => {
            referenced = Some(target.clone());
            place = Some((*offset, *length));
        }
        None => {}
    }
    let mut fields = Vec::new();
    if version > 1 {
        fields.push(("equality_ids", some(ids)));
        fields.push(("referenced_data_file", some(referenced.map(Value::String))));
    }
    if version > 2 {
        // An added file inherits its first row id.
        let first = entry
            .file
            .first_row_id
            .filter(|_| entry.status != Status::Added);
        fields.push(("first_row_id", some_long(first)));
        fields.push(("content_offset", some_long(place.map(|(offset, _)| offset))));
        fields.push((
            "content_size_in_bytes",
            some_long(place.map(|(_, length)| length)),
        ));
    }
    fields
}
