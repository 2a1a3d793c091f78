// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A delete file in Parquet, streamed: only the wanted columns, one row group after another.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef, TimeUnit};
use datafusion::datasource::file_format::parquet::coerce_int96_to_resolution;
use futures::{Stream, TryStreamExt};
use iceberg::spec::{DataFile, DataFileFormat};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::{ParquetObjectReader, ParquetRecordBatchStreamBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::schema::types::SchemaDescriptor;

use super::origin::storage_error;
use crate::error::{Error, ErrorKind, Result};
use crate::storage::TableStorage;

/// Rows read at a time.
const BATCH_ROWS: usize = 8192;

/// An open delete file.
pub(super) struct ParquetFile {
    reader: ParquetObjectReader,
    metadata: ArrowReaderMetadata,
}

impl ParquetFile {
    /// Opens `file`: where the manifest says that it ends, else where it does.
    pub(super) async fn open(storage: &TableStorage, file: &DataFile) -> Result<Self> {
        if file.file_format() != DataFileFormat::Parquet {
            let message = format!(
                "it is in the format {}, of which deletes cannot be read; expected parquet:                  compact the table (rewrite its data files)",
                file.file_format()
            );
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        if file.key_metadata().is_some() {
            let message = "it is encrypted, which is not supported";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let (_, store, path) = storage.resolve(file.file_path())?;
        let (reader, footer) = open_footer(store, path, file.file_size_in_bytes()).await?;
        let metadata = arrow_metadata(footer).map_err(parquet_error)?;
        Ok(Self { reader, metadata })
    }

    /// The file's columns as its Parquet schema gives them, with their field ids.
    pub(super) fn schema(&self) -> &SchemaRef {
        self.metadata.schema()
    }

    /// The Parquet schema.
    pub(super) fn parquet_schema(&self) -> &SchemaDescriptor {
        self.metadata.parquet_schema()
    }

    /// Reads some columns as other types that the reader can make of them (dictionaries).
    pub(super) fn with_schema(self, schema: Schema) -> Result<Self> {
        let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(self.metadata.metadata()), options);
        let metadata = metadata.map_err(parquet_error)?;
        Ok(Self { metadata, ..self })
    }

    /// The rows, with the columns of `mask` only.
    pub(super) fn rows(
        self,
        mask: ProjectionMask,
    ) -> Result<impl Stream<Item = Result<arrow::array::RecordBatch>>> {
        let builder =
            ParquetRecordBatchStreamBuilder::new_with_metadata(self.reader, self.metadata);
        let rows = builder
            .with_projection(mask)
            .with_batch_size(BATCH_ROWS)
            .build();
        Ok(rows.map_err(parquet_error)?.map_err(parquet_error))
    }
}

async fn open_footer(
    store: Arc<dyn ObjectStore>,
    path: Path,
    size: u64,
) -> Result<(ParquetObjectReader, Arc<ParquetMetaData>)> {
    let open =
        |size| ParquetObjectReader::new(Arc::clone(&store), path.clone()).with_file_size(size);
    let mut reader = open(size);
    let failed = match footer_at(&mut reader, size).await {
        Ok(footer) => return Ok((reader, footer)),
        Err(failed) => failed,
    };
    let actual = store.head(&path).await.map_err(storage_error)?;
    if actual.size == size {
        return Err(parquet_error(failed));
    }
    let mut reader = open(actual.size);
    let footer = footer_at(&mut reader, actual.size).await;
    Ok((reader, footer.map_err(parquet_error)?))
}

async fn footer_at(
    reader: &mut ParquetObjectReader,
    size: u64,
) -> std::result::Result<Arc<ParquetMetaData>, ParquetError> {
    let footer = ParquetMetaDataReader::new();
    let footer = footer.with_prefetch_hint(Some(64 << 10));
    footer.load_and_finish(reader, size).await.map(Arc::new)
}

/// What the Parquet schema says, without the Arrow schema that some writers add; old timestamps of
/// 96 bits in the microseconds of Iceberg, as data files are read.
fn arrow_metadata(
    footer: Arc<ParquetMetaData>,
) -> std::result::Result<ArrowReaderMetadata, ParquetError> {
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let metadata = ArrowReaderMetadata::try_new(Arc::clone(&footer), options.clone())?;
    let unit = TimeUnit::Microsecond;
    match coerce_int96_to_resolution(metadata.parquet_schema(), metadata.schema(), &unit) {
        Some(schema) => ArrowReaderMetadata::try_new(footer, options.with_schema(Arc::new(schema))),
        None => Ok(metadata),
    }
}

/// A failure to read Parquet: of the storage, or because the bytes are not Parquet.
pub(super) fn parquet_error(error: ParquetError) -> Error {
    let error = match error {
        ParquetError::External(cause) => match cause.downcast::<object_store::Error>() {
            Ok(storage) => return storage_error(*storage),
            Err(other) => ParquetError::External(other),
        },
        error => error,
    };
    let kind = match &error {
        ParquetError::External(_) => ErrorKind::Io,
        ParquetError::NYI(_) => ErrorKind::Unsupported,
        _ => ErrorKind::Damaged,
    };
    Error::new(kind, "its Parquet cannot be read").with_source(error)
}
