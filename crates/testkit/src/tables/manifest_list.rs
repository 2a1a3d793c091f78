// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Manifest lists.

use std::io;
use std::sync::Arc;

use apache_avro::types::Value;
use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::avro::{self, field, list, optional, record, some, some_long, values};
use super::datum::Datum;
use super::manifest::{Manifest, ManifestStyle, Status};
use super::single::bytes;

/// The bytes of a manifest list.
pub(super) fn write_list(
    version: u8,
    header: &[(&str, String)],
    manifests: &[Arc<Manifest>],
    style: ManifestStyle,
) -> io::Result<Bytes> {
    let records = manifests.iter().map(|m| manifest_value(version, m, style));
    avro::file(
        &list_schema(version),
        header,
        records.collect(),
        style.compressed,
    )
}

fn list_schema(version: u8) -> Json {
    let summary = record(
        "r508",
        vec![
            field(509, "contains_null", json!("boolean")),
            optional(518, "contains_nan", json!("boolean")),
            optional(510, "lower_bound", json!("bytes")),
            optional(511, "upper_bound", json!("bytes")),
        ],
    );
    let mut fields = vec![
        field(500, "manifest_path", json!("string")),
        field(501, "manifest_length", json!("long")),
        field(502, "partition_spec_id", json!("int")),
    ];
    if version > 1 {
        fields.extend([
            field(517, "content", json!("int")),
            field(515, "sequence_number", json!("long")),
            field(516, "min_sequence_number", json!("long")),
        ]);
    }
    fields.push(field(503, "added_snapshot_id", json!("long")));
    let kind = if version > 1 { "" } else { "data_" };
    let counted = [(504, "added"), (505, "existing"), (506, "deleted")];
    for (id, what) in counted {
        let name = format!("{what}_{kind}files_count");
        fields.push(field(id, &name, json!("int")));
    }
    for (id, what) in [(512, "added"), (513, "existing"), (514, "deleted")] {
        fields.push(field(id, &format!("{what}_rows_count"), json!("long")));
    }
    fields.push(optional(507, "partitions", list(508, summary)));
    if version > 2 {
        fields.push(optional(520, "first_row_id", json!("long")));
    }
    record("manifest_file", fields)
}

fn manifest_value(version: u8, manifest: &Manifest, style: ManifestStyle) -> Value {
    let of = |status: Status| manifest.entries.iter().filter(move |e| e.status == status);
    let files = |status| Value::Int(of(status).count() as i32);
    let rows = |status| Value::Long(of(status).map(|e| e.file.record_count).sum());
    let mut fields = vec![
        ("manifest_path", Value::String(manifest.path.clone())),
        ("manifest_length", Value::Long(manifest.length)),
        ("partition_spec_id", Value::Int(manifest.spec.id)),
    ];
    if version > 1 {
        fields.extend([
            ("content", Value::Int(manifest.deletes.into())),
            ("sequence_number", Value::Long(manifest.sequence)),
            ("min_sequence_number", Value::Long(manifest.min_sequence)),
        ]);
    }
    let names: [&str; 3] = match version {
        1 => [
            "added_data_files_count",
            "existing_data_files_count",
            "deleted_data_files_count",
        ],
        _ => [
            "added_files_count",
            "existing_files_count",
            "deleted_files_count",
        ],
    };
    fields.extend([
        ("added_snapshot_id", Value::Long(manifest.snapshot_id)),
        (names[0], files(Status::Added)),
        (names[1], files(Status::Existing)),
        (names[2], files(Status::Deleted)),
        ("added_rows_count", rows(Status::Added)),
        ("existing_rows_count", rows(Status::Existing)),
        ("deleted_rows_count", rows(Status::Deleted)),
        ("partitions", summaries(manifest, style)),
    ]);
    if version > 2 {
        fields.push(("first_row_id", some_long(manifest.first_row_id)));
    }
    values(fields)
}

fn summaries(manifest: &Manifest, style: ManifestStyle) -> Value {
    if style.no_summaries {
        return some(None);
    }
    let summary = |(at, field): (usize, &super::spec::PartitionField)| {
        let ty = field.transform.result(&field.source);
        let all: Vec<&Datum> = manifest
            .entries
            .iter()
            .map(|e| &e.file.partition[at])
            .collect();
        let numbers = || all.iter().filter(|v| !v.is_null() && !v.is_nan());
        let least = numbers().min_by(|a, b| a.order(b));
        let greatest = numbers().max_by(|a, b| a.order(b));
        let bound =
            |value: Option<&&Datum>| some(value.and_then(|v| bytes(v, &ty)).map(Value::Bytes));
        values(vec![
            (
                "contains_null",
                Value::Boolean(all.iter().any(|v| v.is_null())),
            ),
            (
                "contains_nan",
                some(Some(Value::Boolean(all.iter().any(|v| v.is_nan())))),
            ),
            ("lower_bound", bound(least)),
            ("upper_bound", bound(greatest)),
        ])
    };
    let summaries = manifest.spec.fields.iter().enumerate().map(summary);
    some(Some(Value::Array(summaries.collect())))
}
