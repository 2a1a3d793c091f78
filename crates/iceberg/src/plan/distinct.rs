// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! How many distinct values columns have, as the table's statistics files say.

use std::collections::HashMap;

use datafusion::common::Statistics;
use datafusion::common::stats::Precision;
use iceberg::spec::{StatisticsFile, TableMetadata};

use crate::schema::{TableColumn, TableColumns};

const THETA_SKETCH: &str = "apache-datasketches-theta-v1";
const DISTINCT_VALUES: &str = "ndv";

/// The distinct counts of the statistics file of a snapshot, or of the nearest one before it, for
/// each of `columns`. The sketches are not read, since the metadata says what they come to.
pub(crate) fn distinct_counts(
    metadata: &TableMetadata,
    snapshot_id: Option<i64>,
    columns: &TableColumns,
) -> Vec<Option<usize>> {
    let file = snapshot_id.and_then(|id| nearest_statistics(metadata, id));
    let known = file.map(sketched).unwrap_or_default();
    let count = |column: &TableColumn| known.get(&column.id).copied();
    columns.columns().iter().map(count).collect()
}

/// Adds distinct counts as estimates: they may be of other rows, and are estimates themselves.
pub(crate) fn add_distinct_counts(statistics: &mut Statistics, counts: &[Option<usize>]) {
    let rows = statistics.num_rows.get_value().copied();
    for (count, column) in counts.iter().zip(&mut statistics.column_statistics) {
        if let Some(count) = count {
            let count = rows.map_or(*count, |rows| rows.min(*count));
            column.distinct_count = Precision::Inexact(count);
        }
    }
}

fn nearest_statistics(metadata: &TableMetadata, snapshot_id: i64) -> Option<&StatisticsFile> {
    let mut snapshot = metadata.snapshot_by_id(snapshot_id);
    // The number of snapshots bounds the walk, should their parents form a circle.
    for _ in 0..metadata.snapshots().len() {
        let at = snapshot?;
        if let Some(file) = metadata.statistics_for_snapshot(at.snapshot_id()) {
            return Some(file);
        }
        snapshot = metadata.snapshot_by_id(at.parent_snapshot_id()?);
    }
    None
}

/// By column id.
fn sketched(file: &StatisticsFile) -> HashMap<i32, usize> {
    let sketches = file
        .blob_metadata
        .iter()
        .filter(|b| b.r#type == THETA_SKETCH);
    let counts = sketches.filter_map(|blob| {
        let [column] = blob.fields.as_slice() else {
            return None;
        };
        let count = blob.properties.get(DISTINCT_VALUES)?.parse().ok()?;
        Some((*column, count))
    });
    counts.collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::common::ColumnStatistics;
    use iceberg::spec::{NestedField, PrimitiveType, Schema, Type};
    use serde_json::json;

    use super::*;

    fn metadata() -> TableMetadata {
        let snapshot = |id: i64, parent: Option<i64>| {
            json!({"snapshot-id": id, "parent-snapshot-id": parent, "sequence-number": id,
                "timestamp-ms": id, "manifest-list": "m", "summary": {"operation": "append"},
                "schema-id": 0})
        };
        let blob = |kind: &str, fields: &[i32], ndv: &str| {
            json!({"type": kind, "snapshot-id": 2, "sequence-number": 2, "fields": fields,
                "properties": {"ndv": ndv}})
        };
        let metadata = json!({
            "format-version": 2, "table-uuid": "7b6a5c1e-0000-4000-8000-00000000f00d",
            "location": "s3://b/t", "last-sequence-number": 3, "last-updated-ms": 3,
            "last-column-id": 3, "current-schema-id": 0,
            "schemas": [{"type": "struct", "schema-id": 0, "fields": []}],
            "default-spec-id": 0, "partition-specs": [{"spec-id": 0, "fields": []}],
            "last-partition-id": 999, "default-sort-order-id": 0,
            "sort-orders": [{"order-id": 0, "fields": []}],
            "current-snapshot-id": 3, "refs": {"main": {"snapshot-id": 3, "type": "branch"}},
            "snapshots": [snapshot(1, None), snapshot(2, Some(1)), snapshot(3, Some(2))],
            "statistics": [{
                "snapshot-id": 2, "statistics-path": "s", "file-size-in-bytes": 1,
                "file-footer-size-in-bytes": 1,
                "blob-metadata": [
                    blob(THETA_SKETCH, &[1], "500"),
                    blob(THETA_SKETCH, &[2], "many"),
                    blob("other", &[2], "7"),
                    blob(THETA_SKETCH, &[1, 3], "9"),
                ],
            }],
        });
        serde_json::from_value(metadata).unwrap()
    }

    fn counts(snapshot: i64, rows: usize) -> Vec<Precision<usize>> {
        let field = |id| {
            let primitive = Type::Primitive(PrimitiveType::Long);
            Arc::new(NestedField::optional(id, format!("c{id}"), primitive))
        };
        let schema = Schema::builder().with_fields([1, 2, 3].map(field)).build();
        let columns = TableColumns::try_new("ns.t", &Arc::new(schema.unwrap())).unwrap();
        let mut statistics = Statistics {
            num_rows: Precision::Exact(rows),
            total_byte_size: Precision::Absent,
            column_statistics: vec![ColumnStatistics::new_unknown(); 3],
        };
        let counts = distinct_counts(&metadata(), Some(snapshot), &columns);
        add_distinct_counts(&mut statistics, &counts);
        let columns = statistics.column_statistics.into_iter();
        columns.map(|c| c.distinct_count).collect()
    }

    #[test]
    fn sketches_of_one_column_are_estimates() {
        let known = |count| {
            vec![
                Precision::Inexact(count),
                Precision::Absent,
                Precision::Absent,
            ]
        };
        assert_eq!(counts(2, 1_000), known(500));
        assert_eq!(counts(3, 1_000), known(500), "of the snapshot before");
        assert_eq!(counts(3, 20), known(20), "no more than rows");
        assert_eq!(
            counts(1, 1_000),
            vec![Precision::Absent; 3],
            "not of a later one"
        );
    }
}
