// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `$snapshots`.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMillisecondArray};
use arrow::datatypes::DataType;
use iceberg::spec::{Snapshot, TableMetadata};

use super::maps::{map_type, texts};
use super::rows::{Column, array, instant, optional, required};
use crate::error::Result;
use crate::provider::inline_manifests;

/// The snapshots, oldest first.
pub(super) fn rows(metadata: &TableMetadata) -> Vec<Snapshot> {
    let mut rows: Vec<Snapshot> = metadata.snapshots().map(|s| s.as_ref().clone()).collect();
    rows.sort_by_key(|s| (s.timestamp_ms(), s.sequence_number(), s.snapshot_id()));
    rows
}

/// The columns.
pub(super) fn columns() -> Vec<Column<Snapshot>> {
    vec![
        required("committed_at", instant(), |rows: &[&Snapshot]| {
            let values = rows.iter().map(|s| s.timestamp_ms());
            let array = TimestampMillisecondArray::from_iter_values(values);
            Ok(Arc::new(array.with_timezone("UTC")))
        }),
        required("snapshot_id", DataType::Int64, |rows: &[&Snapshot]| {
            array::<Int64Array, _>(rows.iter().map(|s| Some(s.snapshot_id())))
        }),
        optional("parent_id", DataType::Int64, |rows: &[&Snapshot]| {
            array::<Int64Array, _>(rows.iter().map(|s| s.parent_snapshot_id()))
        }),
        optional("operation", DataType::Utf8, |rows: &[&Snapshot]| {
            let values = rows.iter().map(|s| Some(s.summary().operation.as_str()));
            array::<StringArray, _>(values)
        }),
        optional("manifest_list", DataType::Utf8, |rows: &[&Snapshot]| {
            let lists = rows.iter().map(|s| s.manifest_list());
            array::<StringArray, _>(
                lists.map(|list| inline_manifests(list).is_none().then_some(list)),
            )
        }),
        optional(
            "summary",
            map_type(DataType::Utf8, DataType::Utf8),
            |rows: &[&Snapshot]| summaries(rows),
        ),
    ]
}

fn summaries(rows: &[&Snapshot]) -> Result<ArrayRef> {
    texts(rows.iter().map(|snapshot| {
        let properties = snapshot.summary().additional_properties.clone();
        let mut pairs: Vec<_> = properties.into_iter().collect();
        pairs.sort_unstable();
        Some(pairs)
    }))
}
