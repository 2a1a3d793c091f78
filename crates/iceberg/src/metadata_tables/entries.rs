// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `$entries`.

use std::sync::Arc;

use arrow::array::{Int32Array, Int64Array, StructArray};
use arrow::datatypes::{DataType, Fields};

use super::files::{FileRow, file_columns, readable_metrics};
use super::metrics::Metrics;
use super::partition_type::PartitionType;
use super::rows::{Column, array, optional, required, unbuildable};
use crate::error::Result;

/// The columns.
pub(super) fn columns(partition: &Arc<PartitionType>, metrics: Metrics) -> Vec<Column<FileRow>> {
    let mut columns = vec![
        required("status", DataType::Int32, |rows: &[&FileRow]| {
            array::<Int32Array, _>(rows.iter().map(|r| Some(r.entry.status() as i32)))
        }),
        optional("snapshot_id", DataType::Int64, |rows: &[&FileRow]| {
            array::<Int64Array, _>(rows.iter().map(|r| r.entry.snapshot_id))
        }),
        optional("sequence_number", DataType::Int64, |rows: &[&FileRow]| {
            array::<Int64Array, _>(rows.iter().map(|r| r.entry.sequence_number))
        }),
        optional(
            "file_sequence_number",
            DataType::Int64,
            |rows: &[&FileRow]| {
                array::<Int64Array, _>(rows.iter().map(|r| r.entry.file_sequence_number))
            },
        ),
        data_file(file_columns(partition)),
    ];
    columns.extend(readable_metrics(metrics));
    columns
}

fn data_file(columns: Vec<Column<FileRow>>) -> Column<FileRow> {
    let fields: Fields = columns
        .iter()
        .map(|column| Arc::clone(&column.field))
        .collect();
    let data_type = DataType::Struct(fields.clone());
    required("data_file", data_type, move |rows: &[&FileRow]| {
        let arrays: Result<Vec<_>> = columns.iter().map(|column| (column.build)(rows)).collect();
        let array = StructArray::try_new(fields.clone(), arrays?, None).map_err(unbuildable)?;
        Ok(Arc::new(array))
    })
}
