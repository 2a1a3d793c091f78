// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `$partitions`.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Int32Array, Int64Array, TimestampMillisecondArray};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use iceberg::spec::{DataContentType, TableMetadata};

use super::files::FileRow;
use super::partition_type::PartitionType;
use super::rows::{Column, array, instant, optional, required};
use crate::error::Result;

/// A partition of one spec, and what lies in it.
#[derive(Debug, Default)]
pub(super) struct Partition {
    spec_id: i32,
    values: Vec<ScalarValue>,
    data: Counted,
    positions: Counted,
    equality: Counted,
    bytes: i64,
    /// When the last file of it was committed, and by which snapshot.
    updated: Option<(i64, i64)>,
}

#[derive(Debug, Default)]
struct Counted {
    files: i32,
    records: i64,
}

impl Counted {
    fn add(&mut self, records: u64) {
        self.files += 1;
        self.records += records as i64;
    }
}

/// Collects the partitions of files.
#[derive(Debug)]
pub(super) struct Partitions<'a> {
    metadata: &'a TableMetadata,
    partition: &'a PartitionType,
    found: HashMap<(i32, Vec<ScalarValue>), Partition>,
}

impl<'a> Partitions<'a> {
    pub(super) fn new(metadata: &'a TableMetadata, partition: &'a PartitionType) -> Self {
        Self {
            metadata,
            partition,
            found: HashMap::new(),
        }
    }

    /// Counts a live file.
    pub(super) fn add(&mut self, row: &FileRow) -> Result<()> {
        let values = self.partition.values(&row.spec, row.file().partition())?;
        let found = self.found.entry((row.spec_id, values)).or_default();
        let records = row.file().record_count();
        match row.file().content_type() {
            DataContentType::Data => {
                found.data.add(records);
                found.bytes += row.file().file_size_in_bytes() as i64;
            }
            DataContentType::PositionDeletes => found.positions.add(records),
            DataContentType::EqualityDeletes => found.equality.add(records),
        }
        let snapshot = row.entry.snapshot_id;
        if let Some(snapshot) = snapshot.and_then(|id| self.metadata.snapshot_by_id(id)) {
            let update = (snapshot.timestamp_ms(), snapshot.snapshot_id());
            found.updated = found.updated.max(Some(update));
        }
        Ok(())
    }

    /// The partitions, by spec and values.
    pub(super) fn finish(self) -> Vec<Partition> {
        let found = self
            .found
            .into_iter()
            .map(|((spec_id, values), counted)| Partition {
                spec_id,
                values,
                ..counted
            });
        let mut found: Vec<_> = found.collect();
        found.sort_by(|a, b| {
            let values = a.values.partial_cmp(&b.values);
            a.spec_id
                .cmp(&b.spec_id)
                .then(values.unwrap_or(std::cmp::Ordering::Equal))
        });
        found
    }
}

/// The columns.
pub(super) fn columns(partition: &Arc<PartitionType>) -> Vec<Column<Partition>> {
    let mut columns = Vec::new();
    if let Some(data_type) = partition.data_type() {
        let partition = Arc::clone(partition);
        columns.push(required(
            "partition",
            data_type,
            move |rows: &[&Partition]| {
                let values: Vec<_> = rows.iter().map(|row| row.values.clone()).collect();
                partition.array(&values)
            },
        ));
    }
    columns.extend([
        required("spec_id", DataType::Int32, |rows: &[&Partition]| {
            array::<Int32Array, _>(rows.iter().map(|p| Some(p.spec_id)))
        }),
        records("record_count", |p| &p.data),
        files("file_count", |p| &p.data),
        required(
            "total_data_file_size_in_bytes",
            DataType::Int64,
            |rows: &[&Partition]| array::<Int64Array, _>(rows.iter().map(|p| Some(p.bytes))),
        ),
        records("position_delete_record_count", |p| &p.positions),
        files("position_delete_file_count", |p| &p.positions),
        records("equality_delete_record_count", |p| &p.equality),
        files("equality_delete_file_count", |p| &p.equality),
        optional("last_updated_at", instant(), |rows: &[&Partition]| {
            let times = rows.iter().map(|p| p.updated.map(|(at, _)| at));
            let array: TimestampMillisecondArray = times.collect();
            Ok(Arc::new(array.with_timezone("UTC")))
        }),
        optional(
            "last_updated_snapshot_id",
            DataType::Int64,
            |rows: &[&Partition]| {
                array::<Int64Array, _>(rows.iter().map(|p| p.updated.map(|(_, id)| id)))
            },
        ),
    ]);
    columns
}

fn records(name: &str, of: fn(&Partition) -> &Counted) -> Column<Partition> {
    required(name, DataType::Int64, move |rows: &[&Partition]| {
        array::<Int64Array, _>(rows.iter().map(|p| Some(of(p).records)))
    })
}

fn files(name: &str, of: fn(&Partition) -> &Counted) -> Column<Partition> {
    required(name, DataType::Int32, move |rows: &[&Partition]| {
        array::<Int32Array, _>(rows.iter().map(|p| Some(of(p).files)))
    })
}
