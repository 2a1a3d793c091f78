// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `$manifests`.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int32Array, Int64Array, StringArray, StructArray};
use arrow::datatypes::{DataType, Field, Fields};
use chrono::DateTime;
use datafusion::common::ScalarValue;
use iceberg::spec::{
    Datum, FieldSummary, ManifestContentType, ManifestFile, PartitionField, PrimitiveLiteral,
    TableMetadata, TableMetadataRef, Transform, Type,
};

use super::maps::{list_type, lists};
use super::partition_type::{arrow_type, source_type};
use super::rows::{Column, array, optional, required, unbuildable};
use crate::error::Result;
use crate::schema::literal_scalar;

/// The columns.
pub(super) fn columns(metadata: &TableMetadataRef) -> Vec<Column<ManifestFile>> {
    use ManifestContentType::{Data, Deletes};
    let metadata = Arc::clone(metadata);
    let mut columns = described();
    columns.extend([
        files("added_data_files_count", Data, |m| m.added_files_count),
        files("existing_data_files_count", Data, |m| {
            m.existing_files_count
        }),
        files("deleted_data_files_count", Data, |m| m.deleted_files_count),
        files("added_delete_files_count", Deletes, |m| m.added_files_count),
        files("existing_delete_files_count", Deletes, |m| {
            m.existing_files_count
        }),
        files("deleted_delete_files_count", Deletes, |m| {
            m.deleted_files_count
        }),
        required(
            "partition_summaries",
            list_type(DataType::Struct(summary_fields()), false),
            move |rows: &[&ManifestFile]| summaries(rows, &metadata),
        ),
    ]);
    columns
}

fn described() -> Vec<Column<ManifestFile>> {
    vec![
        required("content", DataType::Int32, |rows: &[&ManifestFile]| {
            array::<Int32Array, _>(rows.iter().map(|m| Some(m.content as i32)))
        }),
        required("path", DataType::Utf8, |rows: &[&ManifestFile]| {
            array::<StringArray, _>(rows.iter().map(|m| Some(m.manifest_path.as_str())))
        }),
        required("length", DataType::Int64, |rows: &[&ManifestFile]| {
            array::<Int64Array, _>(rows.iter().map(|m| Some(m.manifest_length)))
        }),
        required(
            "partition_spec_id",
            DataType::Int32,
            |rows: &[&ManifestFile]| {
                array::<Int32Array, _>(rows.iter().map(|m| Some(m.partition_spec_id)))
            },
        ),
        required(
            "added_snapshot_id",
            DataType::Int64,
            |rows: &[&ManifestFile]| {
                array::<Int64Array, _>(rows.iter().map(|m| Some(m.added_snapshot_id)))
            },
        ),
    ]
}

/// A count of files of one kind: zero in manifests of the other kind, NULL if the writer did not
/// count.
fn files(
    name: &str,
    content: ManifestContentType,
    count: fn(&ManifestFile) -> Option<u32>,
) -> Column<ManifestFile> {
    optional(name, DataType::Int32, move |rows: &[&ManifestFile]| {
        array::<Int32Array, _>(
            rows.iter()
                .map(|manifest| match manifest.content == content {
                    true => count(manifest).map(|count| count as i32),
                    false => Some(0),
                }),
        )
    })
}

fn summary_fields() -> Fields {
    Fields::from(vec![
        Field::new("contains_null", DataType::Boolean, false),
        Field::new("contains_nan", DataType::Boolean, true),
        Field::new("lower_bound", DataType::Utf8, true),
        Field::new("upper_bound", DataType::Utf8, true),
    ])
}

fn summaries(rows: &[&ManifestFile], metadata: &TableMetadata) -> Result<ArrayRef> {
    let of = |manifest: &&ManifestFile| manifest.partitions.as_deref().unwrap_or_default().len();
    let lengths: Vec<_> = rows.iter().map(of).collect();
    let (mut nulls, mut nans) = (Vec::new(), Vec::new());
    let (mut lower, mut upper) = (Vec::new(), Vec::new());
    for manifest in rows {
        let spec = metadata.partition_spec_by_id(manifest.partition_spec_id);
        for (at, summary) in manifest.partitions.iter().flatten().enumerate() {
            let field = spec.and_then(|spec| spec.fields().get(at));
            let FieldSummary {
                contains_null,
                contains_nan,
                lower_bound,
                upper_bound,
            } = summary;
            nulls.push(*contains_null);
            nans.push(*contains_nan);
            let text = |bytes: Option<&[u8]>| readable(metadata, field?, bytes?);
            lower.push(text(lower_bound.as_deref().map(Vec::as_slice)));
            upper.push(text(upper_bound.as_deref().map(Vec::as_slice)));
        }
    }
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(BooleanArray::from(nulls)),
        Arc::new(BooleanArray::from(nans)),
        Arc::new(StringArray::from(lower)),
        Arc::new(StringArray::from(upper)),
    ];
    let all = StructArray::try_new(summary_fields(), arrays, None).map_err(unbuildable)?;
    lists(lengths.into_iter().map(Some), Arc::new(all), false)
}

/// A bound as people read it; None where it cannot be understood.
fn readable(metadata: &TableMetadata, field: &PartitionField, bytes: &[u8]) -> Option<String> {
    let source = source_type(metadata, field.source_id)?;
    let of: Type = field.transform.result_type(&source).ok()?;
    let bound = Datum::try_from_bytes(bytes, of.as_primitive_type()?.clone()).ok()?;
    let date = |days: i64| DateTime::from_timestamp(days.checked_mul(86_400)?, 0);
    match (field.transform, bound.literal()) {
        (Transform::Year, PrimitiveLiteral::Int(years)) => {
            Some((1970 + i64::from(*years)).to_string())
        }
        (Transform::Month, PrimitiveLiteral::Int(months)) => {
            let (year, month) = (months.div_euclid(12), months.rem_euclid(12));
            Some(format!("{}-{:02}", 1970 + i64::from(year), month + 1))
        }
        (Transform::Day, PrimitiveLiteral::Int(days)) => {
            Some(date(i64::from(*days))?.format("%Y-%m-%d").to_string())
        }
        (Transform::Hour, PrimitiveLiteral::Int(hours)) => {
            let hour = DateTime::from_timestamp(i64::from(*hours) * 3_600, 0)?;
            Some(hour.format("%Y-%m-%d-%H").to_string())
        }
        (_, PrimitiveLiteral::Binary(bytes)) => {
            Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
        }
        (_, literal) => {
            let scalar = literal_scalar(literal, &arrow_type(&of).ok()?)?;
            match scalar.cast_to(&DataType::Utf8).ok()? {
                ScalarValue::Utf8(text) => text,
                _ => None,
            }
        }
    }
}
