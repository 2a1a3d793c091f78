// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Appending rows.

use std::sync::Arc;

use arrow::array::RecordBatch;
use futures::stream;
use iceberg::arrow::{RecordBatchPartitionSplitter, schema_to_arrow_schema};
use iceberg::spec::{DataFile, DataFileFormat};
use iceberg::table::Table;
use iceberg::transaction::{ApplyTransactionAction, Transaction};
use iceberg::writer::base_writer::data_file_writer::DataFileWriterBuilder;
use iceberg::writer::file_writer::ParquetWriterBuilder;
use iceberg::writer::file_writer::location_generator::{
    DefaultFileNameGenerator, DefaultLocationGenerator,
};
use iceberg::writer::file_writer::rolling_writer::RollingFileWriterBuilder;
use iceberg::writer::partitioning::PartitioningWriter;
use iceberg::writer::partitioning::fanout_writer::FanoutWriter;
use iceberg::writer::{IcebergWriter, IcebergWriterBuilder};
use iceberg::{Catalog, TableIdent};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use uuid::Uuid;

use super::rows::conform;
use crate::error::{Error, ErrorKind, Result};

type DataFiles =
    DataFileWriterBuilder<ParquetWriterBuilder, DefaultLocationGenerator, DefaultFileNameGenerator>;

/// Appends the rows of `batches` in one commit and gives the id of the snapshot it made.
///
/// Columns go by name; a column of the table that the rows do not have is NULL. Nothing is
/// committed unless all rows fit: see the error for the column that does not. When somebody else
/// commits at the same time, the append goes on top of it.
pub async fn append(
    catalog: &dyn Catalog,
    table: &TableIdent,
    batches: Vec<RecordBatch>,
) -> Result<i64> {
    let about = |error: Error| error.context(format_args!("append to table '{table}'"));
    let target = catalog.load_table(table).await?;
    let schema = schema_to_arrow_schema(target.metadata().current_schema())
        .map_err(|error| about(error.into()))?;
    let schema = Arc::new(schema);
    let rows: Vec<RecordBatch> = batches
        .iter()
        .filter(|batch| batch.num_rows() > 0)
        .map(|batch| conform(batch, &schema))
        .collect::<Result<_>>()
        .map_err(about)?;
    if rows.is_empty() {
        return Err(about(Error::new(
            ErrorKind::Invalid,
            "there are no rows to append",
        )));
    }
    let files = write_files(&target, rows).await.map_err(about)?;
    let written: Vec<String> = files
        .iter()
        .map(|file| file.file_path().to_string())
        .collect();
    match commit(catalog, &target, files).await {
        Ok(id) => Ok(id),
        Err(error) => {
            // Only when it is sure that no snapshot has them.
            if matches!(
                error.kind(),
                ErrorKind::Conflict | ErrorKind::Locked | ErrorKind::Invalid
            ) {
                let _ = target.file_io().delete_stream(stream::iter(written)).await;
            }
            Err(about(error))
        }
    }
}

async fn write_files(table: &Table, rows: Vec<RecordBatch>) -> Result<Vec<DataFile>> {
    let files = data_files(table)?;
    let spec = table.metadata().default_partition_spec();
    if spec.is_unpartitioned() {
        let mut writer = files.build(None).await?;
        for batch in rows {
            writer.write(batch).await?;
        }
        return Ok(writer.close().await?);
    }
    let splitter = RecordBatchPartitionSplitter::try_new_with_computed_values(
        Arc::clone(table.metadata().current_schema()),
        Arc::clone(spec),
    )?;
    let mut writer = FanoutWriter::new(files);
    for batch in rows {
        for (partition, part) in splitter.split(&batch)? {
            writer.write(partition, part).await?;
        }
    }
    Ok(writer.close().await?)
}

fn data_files(table: &Table) -> Result<DataFiles> {
    let metadata = table.metadata();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .build();
    let parquet = ParquetWriterBuilder::new(properties, Arc::clone(metadata.current_schema()));
    let names = DefaultFileNameGenerator::new(
        "00000-0".to_string(),
        Some(Uuid::now_v7().to_string()),
        DataFileFormat::Parquet,
    );
    Ok(DataFileWriterBuilder::new(
        RollingFileWriterBuilder::new_with_default_file_size(
            parquet,
            table.file_io().clone(),
            DefaultLocationGenerator::new(metadata)?,
            names,
        ),
    ))
}

async fn commit(catalog: &dyn Catalog, table: &Table, files: Vec<DataFile>) -> Result<i64> {
    let transaction = Transaction::new(table);
    let action = transaction.fast_append().add_data_files(files);
    let committed = action.apply(transaction)?.commit(catalog).await?;
    committed.metadata().current_snapshot_id().ok_or_else(|| {
        Error::new(
            ErrorKind::Damaged,
            "the catalog committed, but the table has no snapshot",
        )
    })
}
