// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `$history`.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{BooleanArray, Int64Array, TimestampMillisecondArray};
use arrow::datatypes::DataType;
use iceberg::spec::TableMetadata;

use super::rows::{Column, array, instant, optional, required};
use crate::provider::lineage;

/// A change of the current snapshot.
pub(super) struct Change {
    since: i64,
    snapshot_id: i64,
    parent_id: Option<i64>,
    /// Whether the snapshot that is current now came from it.
    is_ancestor: bool,
}

/// The table's log, oldest first.
pub(super) fn rows(metadata: &TableMetadata) -> Vec<Change> {
    let ancestors: HashSet<i64> = lineage(metadata).into_iter().map(|(_, id)| id).collect();
    let change = |entry: &iceberg::spec::SnapshotLog| {
        let snapshot = metadata.snapshot_by_id(entry.snapshot_id);
        Change {
            since: entry.timestamp_ms(),
            snapshot_id: entry.snapshot_id,
            parent_id: snapshot.and_then(|s| s.parent_snapshot_id()),
            is_ancestor: ancestors.contains(&entry.snapshot_id),
        }
    };
    metadata.history().iter().map(change).collect()
}

/// The columns.
pub(super) fn columns() -> Vec<Column<Change>> {
    vec![
        required("made_current_at", instant(), |rows: &[&Change]| {
            let array = TimestampMillisecondArray::from_iter_values(rows.iter().map(|c| c.since));
            Ok(Arc::new(array.with_timezone("UTC")))
        }),
        required("snapshot_id", DataType::Int64, |rows: &[&Change]| {
            array::<Int64Array, _>(rows.iter().map(|c| Some(c.snapshot_id)))
        }),
        optional("parent_id", DataType::Int64, |rows: &[&Change]| {
            array::<Int64Array, _>(rows.iter().map(|c| c.parent_id))
        }),
        required(
            "is_current_ancestor",
            DataType::Boolean,
            |rows: &[&Change]| array::<BooleanArray, _>(rows.iter().map(|c| Some(c.is_ancestor))),
        ),
    ]
}
