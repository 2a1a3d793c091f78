// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Tables that a test gives a context: in memory, or in Parquet files.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::datasource::MemTable;
use datafusion::prelude::ParquetReadOptions;
use datafusion::sql::TableReference;
use datafusion_feast::FeastContext;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

/// Registers rows in memory.
pub(crate) fn register(
    feast: &FeastContext,
    table: &str,
    schema: SchemaRef,
    partitions: Vec<Vec<RecordBatch>>,
) -> Result<(), String> {
    let provider = MemTable::try_new(schema, partitions).map_err(text)?;
    let reference = TableReference::bare(table);
    feast
        .session()
        .register_table(reference, Arc::new(provider))
        .map_err(text)?;
    Ok(())
}

/// Registers rows as a folder of Parquet files, a file a partition.
pub(crate) async fn register_files(
    feast: &FeastContext,
    folder: &Path,
    table: &str,
    schema: SchemaRef,
    partitions: &[Vec<RecordBatch>],
    rows_a_group: usize,
) -> Result<(), String> {
    let folder = folder.join(table.replace(' ', "_"));
    std::fs::create_dir(&folder).map_err(text)?;
    for (at, partition) in partitions.iter().enumerate() {
        let file = folder.join(format!("{at}.parquet"));
        write(&file, &schema, partition, rows_a_group)?;
    }
    let path = folder.display().to_string();
    let options = ParquetReadOptions::default().schema(&schema);
    let reference = TableReference::bare(table);
    feast
        .session()
        .register_parquet(reference, path, options)
        .await
        .map_err(text)
}

/// Writes a Parquet file.
pub(crate) fn write(
    path: &Path,
    schema: &SchemaRef,
    batches: &[RecordBatch],
    rows_a_group: usize,
) -> Result<(), String> {
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(rows_a_group))
        .set_data_page_row_count_limit(rows_a_group.div_ceil(2))
        .set_write_batch_size(1)
        .build();
    let file = File::create(path).map_err(text)?;
    let mut writer =
        ArrowWriter::try_new(file, Arc::clone(schema), Some(properties)).map_err(text)?;
    for batch in batches {
        writer.write(batch).map_err(text)?;
    }
    writer.close().map_err(text)?;
    Ok(())
}

/// An error as text.
pub(crate) fn text(error: impl ToString) -> String {
    error.to_string()
}
