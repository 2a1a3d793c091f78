// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `$refs`.

use arrow::array::{Int32Array, Int64Array, StringArray};
use arrow::datatypes::DataType;
use iceberg::spec::{SnapshotReference, SnapshotRetention, TableMetadata};

use super::rows::{Column, array, optional, required};
use crate::error::Result;
use crate::provider::references;

/// A branch or tag.
pub(super) struct Reference {
    name: String,
    reference: SnapshotReference,
}

/// The branches and tags by name.
pub(super) fn rows(table: &str, metadata: &TableMetadata) -> Result<Vec<Reference>> {
    let found = references(table, metadata)?.into_iter();
    Ok(found
        .map(|(name, reference)| Reference { name, reference })
        .collect())
}

/// The columns.
pub(super) fn columns() -> Vec<Column<Reference>> {
    use SnapshotRetention::{Branch, Tag};
    vec![
        required("name", DataType::Utf8, |rows: &[&Reference]| {
            array::<StringArray, _>(rows.iter().map(|r| Some(r.name.as_str())))
        }),
        required("type", DataType::Utf8, |rows: &[&Reference]| {
            let kind = |branch| if branch { "BRANCH" } else { "TAG" };
            let kinds = rows.iter().map(|r| Some(kind(r.reference.is_branch())));
            array::<StringArray, _>(kinds)
        }),
        required("snapshot_id", DataType::Int64, |rows: &[&Reference]| {
            array::<Int64Array, _>(rows.iter().map(|r| Some(r.reference.snapshot_id)))
        }),
        optional(
            "max_reference_age_in_ms",
            DataType::Int64,
            |rows: &[&Reference]| {
                array::<Int64Array, _>(rows.iter().map(|r| match &r.reference.retention {
                    Branch { max_ref_age_ms, .. } | Tag { max_ref_age_ms } => *max_ref_age_ms,
                }))
            },
        ),
        optional(
            "min_snapshots_to_keep",
            DataType::Int32,
            |rows: &[&Reference]| {
                array::<Int32Array, _>(rows.iter().map(|r| match &r.reference.retention {
                    Branch {
                        min_snapshots_to_keep,
                        ..
                    } => *min_snapshots_to_keep,
                    Tag { .. } => None,
                }))
            },
        ),
        optional(
            "max_snapshot_age_in_ms",
            DataType::Int64,
            |rows: &[&Reference]| {
                array::<Int64Array, _>(rows.iter().map(|r| match &r.reference.retention {
                    Branch {
                        max_snapshot_age_ms,
                        ..
                    } => *max_snapshot_age_ms,
                    Tag { .. } => None,
                }))
            },
        ),
    ]
}
