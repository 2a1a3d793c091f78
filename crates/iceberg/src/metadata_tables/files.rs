// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `$files`, `$data_files` and `$delete_files`.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Int32Array, Int64Array, StringArray};
use arrow::datatypes::DataType;
use iceberg::spec::{DataFile, Datum, ManifestEntryRef, PartitionSpec};

use super::maps::{binaries, by_key, counts, list_type, lists, map_type};
use super::metrics::Metrics;
use super::partition_type::PartitionType;
use super::rows::{Column, array, optional, required};
use crate::error::Result;

/// A file that a manifest names.
#[derive(Debug, Clone)]
pub(super) struct FileRow {
    pub(super) entry: ManifestEntryRef,
    /// The spec that its partition tuple was written by.
    pub(super) spec: Arc<PartitionSpec>,
    pub(super) spec_id: i32,
}

impl FileRow {
    pub(super) fn file(&self) -> &DataFile {
        &self.entry.data_file
    }
}

/// The columns of the file tables.
pub(super) fn columns(partition: &Arc<PartitionType>, metrics: Metrics) -> Vec<Column<FileRow>> {
    let mut columns = file_columns(partition);
    columns.extend(readable_metrics(metrics));
    columns
}

/// The columns without those that are made from other ones.
pub(super) fn file_columns(partition: &Arc<PartitionType>) -> Vec<Column<FileRow>> {
    let mut columns = names();
    if let Some(data_type) = partition.data_type() {
        let partition = Arc::clone(partition);
        columns.push(required(
            "partition",
            data_type,
            move |rows: &[&FileRow]| {
                let values = rows
                    .iter()
                    .map(|r| partition.values(&r.spec, r.file().partition()));
                partition.array(&values.collect::<Result<Vec<_>>>()?)
            },
        ));
    }
    columns.extend(sizes());
    columns.extend(column_metrics());
    columns.extend(details());
    columns
}

/// The metrics by column name.
pub(super) fn readable_metrics(metrics: Metrics) -> Option<Column<FileRow>> {
    let data_type = metrics.data_type()?;
    let build = move |rows: &[&FileRow]| metrics.array(rows);
    Some(required("readable_metrics", data_type, build))
}

fn names() -> Vec<Column<FileRow>> {
    vec![
        required("content", DataType::Int32, |rows: &[&FileRow]| {
            array::<Int32Array, _>(rows.iter().map(|r| Some(r.file().content_type() as i32)))
        }),
        required("file_path", DataType::Utf8, |rows: &[&FileRow]| {
            array::<StringArray, _>(rows.iter().map(|r| Some(r.file().file_path())))
        }),
        required("file_format", DataType::Utf8, |rows: &[&FileRow]| {
            let formats = rows.iter().map(|r| r.file().file_format().to_string());
            array::<StringArray, _>(formats.map(|format| Some(format.to_uppercase())))
        }),
        required("spec_id", DataType::Int32, |rows: &[&FileRow]| {
            array::<Int32Array, _>(rows.iter().map(|r| Some(r.spec_id)))
        }),
    ]
}

fn sizes() -> Vec<Column<FileRow>> {
    vec![
        required("record_count", DataType::Int64, |rows: &[&FileRow]| {
            array::<Int64Array, _>(rows.iter().map(|r| Some(r.file().record_count() as i64)))
        }),
        required(
            "file_size_in_bytes",
            DataType::Int64,
            |rows: &[&FileRow]| {
                let sizes = rows
                    .iter()
                    .map(|r| Some(r.file().file_size_in_bytes() as i64));
                array::<Int64Array, _>(sizes)
            },
        ),
    ]
}

fn column_metrics() -> Vec<Column<FileRow>> {
    vec![
        count_map("column_sizes", DataFile::column_sizes),
        count_map("value_counts", DataFile::value_counts),
        count_map("null_value_counts", DataFile::null_value_counts),
        count_map("nan_value_counts", DataFile::nan_value_counts),
        bound_map("lower_bounds", DataFile::lower_bounds),
        bound_map("upper_bounds", DataFile::upper_bounds),
    ]
}

fn count_map(name: &str, of: fn(&DataFile) -> &HashMap<i32, u64>) -> Column<FileRow> {
    let data_type = map_type(DataType::Int32, DataType::Int64);
    optional(name, data_type, move |rows: &[&FileRow]| {
        counts(rows.iter().map(|row| {
            let pairs = by_key(of(row.file()))?.into_iter();
            Some(pairs.map(|(id, count)| (id, *count as i64)).collect())
        }))
    })
}

fn bound_map(name: &str, of: fn(&DataFile) -> &HashMap<i32, Datum>) -> Column<FileRow> {
    let data_type = map_type(DataType::Int32, DataType::Binary);
    optional(name, data_type, move |rows: &[&FileRow]| {
        let mut bounds = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(pairs) = by_key(of(row.file())) else {
                bounds.push(None);
                continue;
            };
            let written = pairs.into_iter().map(|(id, bound)| {
                let bytes = bound.to_bytes()?;
                Ok((id, bytes.into_vec()))
            });
            bounds.push(Some(written.collect::<Result<Vec<_>>>()?));
        }
        binaries(bounds.into_iter())
    })
}

fn details() -> Vec<Column<FileRow>> {
    vec![
        optional("key_metadata", DataType::Binary, |rows: &[&FileRow]| {
            array::<BinaryArray, _>(rows.iter().map(|r| r.file().key_metadata()))
        }),
        optional(
            "split_offsets",
            list_type(DataType::Int64, false),
            |rows: &[&FileRow]| split_offsets(rows),
        ),
        optional(
            "equality_ids",
            list_type(DataType::Int32, false),
            |rows: &[&FileRow]| equality_ids(rows),
        ),
        optional("sort_order_id", DataType::Int32, |rows: &[&FileRow]| {
            array::<Int32Array, _>(rows.iter().map(|r| r.file().sort_order_id()))
        }),
        optional("first_row_id", DataType::Int64, |rows: &[&FileRow]| {
            array::<Int64Array, _>(rows.iter().map(|r| r.file().first_row_id()))
        }),
        optional(
            "referenced_data_file",
            DataType::Utf8,
            |rows: &[&FileRow]| {
                array::<StringArray, _>(rows.iter().map(|r| r.file().referenced_data_file()))
            },
        ),
        optional("content_offset", DataType::Int64, |rows: &[&FileRow]| {
            array::<Int64Array, _>(rows.iter().map(|r| r.file().content_offset()))
        }),
        optional(
            "content_size_in_bytes",
            DataType::Int64,
            |rows: &[&FileRow]| {
                array::<Int64Array, _>(rows.iter().map(|r| r.file().content_size_in_bytes()))
            },
        ),
    ]
}

fn split_offsets(rows: &[&FileRow]) -> Result<ArrayRef> {
    let offsets: Vec<_> = rows.iter().map(|row| row.file().split_offsets()).collect();
    let all = offsets.iter().flatten().flat_map(|offsets| offsets.iter());
    let all: ArrayRef = Arc::new(Int64Array::from_iter_values(all.copied()));
    lists(offsets.iter().map(|o| o.map(<[i64]>::len)), all, false)
}

fn equality_ids(rows: &[&FileRow]) -> Result<ArrayRef> {
    let ids: Vec<_> = rows.iter().map(|row| row.file().equality_ids()).collect();
    let all = ids.iter().flatten().flat_map(|ids| ids.iter().copied());
    let all: ArrayRef = Arc::new(Int32Array::from_iter_values(all));
    lists(ids.iter().map(|ids| ids.as_ref().map(Vec::len)), all, false)
}
