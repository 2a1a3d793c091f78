// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A data file while it is written.

use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use iceberg::io::FileWrite;
use iceberg::spec::{DataContentType, DataFile, DataFileBuilder, DataFileFormat, Struct};
use parquet::arrow::AsyncArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::async_writer::AsyncFileWriter;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;

use super::layout::Layout;
use super::metrics::ColumnMetrics;
use super::nans::NanCounts;
use crate::error::{Error, ErrorKind, Result};

/// What a store keeps of a file before it sends it.
const STORE_BUFFER: usize = 10 * 1024 * 1024;

/// A data file with rows of one partition, open for more.
pub(super) struct OpenFile {
    location: String,
    partition: Struct,
    writer: AsyncArrowWriter<Sink>,
    nans: NanCounts,
    rows: u64,
}

impl OpenFile {
    /// Opens the file; nothing is there before something was written.
    pub(super) async fn create(
        layout: &Layout,
        location: String,
        partition: Struct,
    ) -> Result<Self> {
        let about = |error: iceberg::Error| Error::from(error).context(data_file(&location));
        let output = layout.file_io.new_output(&location).map_err(about)?;
        let sink = Sink(output.writer().await.map_err(about)?);
        let options = ArrowWriterOptions::new()
            .with_properties(layout.parquet.clone())
            .with_parquet_schema(layout.parquet_schema.clone());
        let schema = Arc::clone(&layout.rows);
        let writer = AsyncArrowWriter::try_new_with_options(sink, schema, options)
            .map_err(|cause| failed(&location, cause))?;
        Ok(Self {
            location,
            partition,
            writer,
            nans: NanCounts::default(),
            rows: 0,
        })
    }

    /// Adds rows in the layout's schema.
    pub(super) async fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        self.nans.add(rows);
        self.rows += rows.num_rows() as u64;
        let written = self.writer.write(rows).await;
        written.map_err(|cause| failed(&self.location, cause))
    }

    /// Ends the row group, whose rows are in memory until then.
    pub(super) async fn flush(&mut self) -> Result<()> {
        let flushed = self.writer.flush().await;
        flushed.map_err(|cause| failed(&self.location, cause))
    }

    /// The bytes in memory that [`OpenFile::flush`] frees.
    pub(super) fn buffered(&self) -> usize {
        self.writer.memory_size()
    }

    /// Whether there are rows that [`OpenFile::flush`] writes.
    pub(super) fn has_rows(&self) -> bool {
        self.writer.in_progress_rows() > 0
    }

    /// The bytes in memory.
    pub(super) fn memory(&self) -> usize {
        self.buffered() + self.writer.bytes_written().min(STORE_BUFFER)
    }

    /// About how long the file would be if it ended here.
    pub(super) fn length(&self) -> usize {
        self.writer.bytes_written() + self.writer.in_progress_size()
    }

    /// Ends the file.
    pub(super) async fn finish(mut self, layout: &Layout) -> Result<DataFile> {
        let footer = self.writer.finish().await;
        let footer = footer.map_err(|cause| failed(&self.location, cause))?;
        let length = self.writer.bytes_written() as u64;
        self.describe(&footer, length, layout)
    }

    fn describe(self, footer: &ParquetMetaData, length: u64, layout: &Layout) -> Result<DataFile> {
        let metrics = ColumnMetrics::of(footer, &self.nans, &layout.schema, &layout.metrics);
        let offsets = footer.row_groups().iter();
        let mut file = DataFileBuilder::default();
        file.content(DataContentType::Data)
            .file_path(self.location.clone())
            .file_format(DataFileFormat::Parquet)
            .partition(self.partition)
            .partition_spec_id(layout.spec.spec_id())
            .record_count(self.rows)
            .file_size_in_bytes(length)
            .column_sizes(metrics.sizes)
            .value_counts(metrics.values)
            .null_value_counts(metrics.nulls)
            .nan_value_counts(metrics.nans)
            .lower_bounds(metrics.lower)
            .upper_bounds(metrics.upper)
            .split_offsets(Some(
                offsets.filter_map(|group| group.file_offset()).collect(),
            ));
        if let Some(order) = layout.sort_order_id {
            file.sort_order_id(order);
        }
        file.build().map_err(|cause| {
            Error::new(ErrorKind::Damaged, data_file(&self.location)).with_source(cause)
        })
    }
}

/// Where the bytes of a file go.
struct Sink(Box<dyn FileWrite>);

impl AsyncFileWriter for Sink {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, parquet::errors::Result<()>> {
        async move { self.0.write(bytes).await.map_err(unwritten) }.boxed()
    }

    fn complete(&mut self) -> BoxFuture<'_, parquet::errors::Result<()>> {
        async move { self.0.close().await.map_err(unwritten) }.boxed()
    }
}

fn unwritten(error: iceberg::Error) -> ParquetError {
    ParquetError::External(Box::new(Error::from(error)))
}

fn failed(location: &str, cause: ParquetError) -> Error {
    let ours = match &cause {
        ParquetError::External(cause) => cause.downcast_ref::<Error>().cloned(),
        _ => None,
    };
    match ours {
        Some(error) => error.context(data_file(location)),
        None => {
            let text = format!("{}: it cannot be written", data_file(location));
            Error::new(ErrorKind::Invalid, text).with_source(cause)
        }
    }
}

fn data_file(location: &str) -> String {
    format!("data file '{location}'")
}
