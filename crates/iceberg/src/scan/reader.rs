// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Opens data files: footers come from the session's cache, and from the file with the right size
//! even when the manifest says another one.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::{CachedParquetMetaData, ParquetFileReader};
use datafusion::datasource::physical_plan::{ParquetFileMetrics, ParquetFileReaderFactory};
use datafusion::error::Result;
use datafusion::execution::cache::cache_manager::{CachedFileMetadataEntry, FileMetadataCache};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use parquet::arrow::ARROW_SCHEMA_META_KEY;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::{AsyncFileReader, ParquetObjectReader};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{
    FileMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataBuilder, ParquetMetaDataReader,
};

/// Opens the data files of one store.
#[derive(Debug)]
pub(crate) struct DataFileReaderFactory {
    store: Arc<dyn ObjectStore>,
    footers: Arc<dyn FileMetadataCache>,
}

impl DataFileReaderFactory {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, footers: Arc<dyn FileMetadataCache>) -> Self {
        Self { store, footers }
    }
}

impl ParquetFileReaderFactory for DataFileReaderFactory {
    fn create_reader(
        &self,
        partition_index: usize,
        partitioned_file: PartitionedFile,
        metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let meta = partitioned_file.object_meta.clone();
        let location = meta.location.as_ref();
        let file_metrics = ParquetFileMetrics::new(partition_index, location, metrics);
        let inner = ParquetObjectReader::new(Arc::clone(&self.store), meta.location.clone());
        Ok(Box::new(DataFileReader {
            reader: ParquetFileReader {
                file_metrics,
                inner,
                partitioned_file,
            },
            meta,
            store: Arc::clone(&self.store),
            footers: Arc::clone(&self.footers),
            hint: metadata_size_hint,
        }))
    }
}

/// Reads one data file.
struct DataFileReader {
    reader: ParquetFileReader,
    meta: ObjectMeta,
    store: Arc<dyn ObjectStore>,
    footers: Arc<dyn FileMetadataCache>,
    hint: Option<usize>,
}

impl AsyncFileReader for DataFileReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        self.reader.get_bytes(range)
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        self.reader.get_byte_ranges(ranges)
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        async move {
            if let Some(footer) = self.cached() {
                return Ok(footer);
            }
            let footer = Arc::new(without_arrow_schema(self.read_footer().await?));
            let cached = Arc::new(CachedParquetMetaData::new(Arc::clone(&footer)));
            let entry = CachedFileMetadataEntry::new(self.meta.clone(), cached);
            self.footers.put(&self.meta.location, entry);
            Ok(footer)
        }
        .boxed()
    }
}

impl DataFileReader {
    fn cached(&self) -> Option<Arc<ParquetMetaData>> {
        let entry = self.footers.get(&self.meta.location)?;
        let footer = entry
            .file_metadata
            .as_any()
            .downcast_ref::<CachedParquetMetaData>()?;
        entry
            .is_valid_for(&self.meta)
            .then(|| Arc::clone(footer.parquet_metadata()))
    }

    /// Reads the footer where the manifest says that the file ends, else where it does.
    async fn read_footer(&mut self) -> ParquetResult<ParquetMetaData> {
        let path = self.meta.location.clone();
        let failed = match self.footer_at(self.meta.size).await {
            Ok(footer) => return Ok(footer),
            Err(failed) => failed,
        };
        let named = |e: ParquetError| {
            ParquetError::General(format!("cannot read the footer of data file '{path}': {e}"))
        };
        match self.store.head(&self.meta.location).await {
            Ok(actual) if actual.size != self.meta.size => {
                self.footer_at(actual.size).await.map_err(named)
            }
            Ok(_) => Err(named(failed)),
            Err(missing) => Err(named(ParquetError::External(Box::new(missing)))),
        }
    }

    async fn footer_at(&mut self, size: u64) -> ParquetResult<ParquetMetaData> {
        // The index is kept with the footer, so that later queries find both.
        ParquetMetaDataReader::new()
            .with_page_index_policy(PageIndexPolicy::Optional)
            .with_prefetch_hint(self.hint)
            .load_and_finish(&mut self.reader.inner, size)
            .await
    }
}

/// The footer without the Arrow schema that some writers add: it hides the field ids that the
/// Parquet schema has, and makes types depend on the writer.
fn without_arrow_schema(footer: ParquetMetaData) -> ParquetMetaData {
    let file = footer.file_metadata();
    let Some(pairs) = file.key_value_metadata() else {
        return footer;
    };
    if pairs.iter().all(|pair| pair.key != ARROW_SCHEMA_META_KEY) {
        return footer;
    }
    let others = pairs
        .iter()
        .filter(|pair| pair.key != ARROW_SCHEMA_META_KEY)
        .cloned()
        .collect();
    let file = FileMetaData::new(
        file.version(),
        file.num_rows(),
        file.created_by().map(str::to_string),
        Some(others),
        file.schema_descr_ptr(),
        file.column_orders().cloned(),
    );
    let mut parts = footer.into_builder();
    ParquetMetaDataBuilder::new(file)
        .set_row_groups(parts.take_row_groups())
        .set_column_index(parts.take_column_index())
        .set_offset_index(parts.take_offset_index())
        .build()
}
