// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Opens data files: footers come from the session's cache, and from the file with the right size
//! even when the manifest says another one.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arrow::datatypes::Schema;
use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::{CachedParquetMetaData, ParquetFileReader};
use datafusion::datasource::physical_plan::{ParquetFileMetrics, ParquetFileReaderFactory};
use datafusion::error::Result;
use datafusion::execution::cache::cache_manager::{CachedFileMetadataEntry, FileMetadataCache};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use parquet::arrow::ARROW_SCHEMA_META_KEY;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::{AsyncFileReader, ParquetObjectReader};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{
    FileMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataBuilder, ParquetMetaDataReader,
};
use tokio::sync::OnceCell;

use super::namesakes::TextColumns;

/// A footer that the readers of one file share.
type SharedFooter = OnceCell<Arc<ParquetMetaData>>;

/// Opens the data files of one store.
pub(crate) struct DataFileReaderFactory {
    store: Arc<dyn ObjectStore>,
    footers: Arc<dyn FileMetadataCache>,
    text: Arc<TextColumns>,
    /// Those of the files that are open: partitions that share a file read its footer once.
    shared: Mutex<HashMap<Path, Weak<SharedFooter>>>,
}

impl DataFileReaderFactory {
    /// Opens files for a table of this schema.
    pub(crate) fn new(
        store: Arc<dyn ObjectStore>,
        footers: Arc<dyn FileMetadataCache>,
        schema: &Schema,
    ) -> Self {
        Self {
            store,
            footers,
            text: Arc::new(TextColumns::new(schema)),
            shared: Mutex::default(),
        }
    }

    fn shared(&self, path: &Path) -> Arc<SharedFooter> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(footer) = shared.get(path).and_then(Weak::upgrade) {
            return footer;
        }
        // Before it grows, the map forgets the files that nobody has open.
        if shared.len() == shared.capacity() {
            shared.retain(|_, footer| footer.strong_count() > 0);
        }
        let footer = Arc::default();
        shared.insert(path.clone(), Arc::downgrade(&footer));
        footer
    }
}

impl fmt::Debug for DataFileReaderFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataFileReaderFactory")
            .field("store", &self.store)
            .finish_non_exhaustive()
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
        let shared = self.shared(&meta.location);
        Ok(Box::new(DataFileReader {
            reader: ParquetFileReader {
                file_metrics,
                inner,
                partitioned_file,
            },
            meta,
            store: Arc::clone(&self.store),
            footers: Arc::clone(&self.footers),
            text: Arc::clone(&self.text),
            shared,
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
    text: Arc<TextColumns>,
    shared: Arc<SharedFooter>,
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
            let footer = match self.cached() {
                Some(footer) => footer,
                None => {
                    let shared = Arc::clone(&self.shared);
                    let loaded = shared.get_or_try_init(|| self.load()).await;
                    Arc::clone(loaded?)
                }
            };
            self.text.renamed(footer)
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

    /// Reads the footer into the session's cache.
    async fn load(&mut self) -> ParquetResult<Arc<ParquetMetaData>> {
        let footer = Arc::new(without_arrow_schema(self.read_footer().await?));
        let cached = Arc::new(CachedParquetMetaData::new(Arc::clone(&footer)));
        let entry = CachedFileMetadataEntry::new(self.meta.clone(), cached);
        self.footers.put(&self.meta.location, entry);
        Ok(footer)
    }

    /// Reads the footer where the manifest says that the file ends, else where it does.
    async fn read_footer(&mut self) -> ParquetResult<ParquetMetaData> {
        let failed = match self.footer_at(self.meta.size).await {
            Ok(footer) => return Ok(footer),
            Err(failed) => failed,
        };
        let footer = match self.store.head(&self.meta.location).await {
            Ok(actual) if actual.size != self.meta.size => self.footer_at(actual.size).await,
            Ok(_) => Err(failed),
            Err(missing) => Err(ParquetError::External(Box::new(missing))),
        };
        footer.map_err(|e| ParquetError::General(format!("cannot read the footer: {e}")))
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch};
    use datafusion::execution::runtime_env::RuntimeEnv;
    use futures::future::try_join_all;
    use object_store::memory::InMemory;
    use object_store::throttle::{ThrottleConfig, ThrottledStore};
    use parquet::arrow::ArrowWriter;
    use parquet::file::statistics::Statistics;

    use super::*;
    use crate::scan::build::immutable_since;

    /// A file of these numbers, and their schema.
    fn file(ids: Vec<i64>) -> (Vec<u8>, Schema) {
        let ids: ArrayRef = Arc::new(Int64Array::from(ids));
        let batch = RecordBatch::try_from_iter([("id", ids)]).unwrap();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        (bytes, batch.schema().as_ref().clone())
    }

    /// The least number that the footer of a file in a store knows.
    async fn least(store: &str, bytes: &[u8], footers: &Arc<dyn FileMetadataCache>) -> i64 {
        let (_, schema) = file(vec![0]);
        let memory = InMemory::new();
        memory
            .put(&Path::from("f"), bytes.to_vec().into())
            .await
            .unwrap();
        let factory = DataFileReaderFactory::new(Arc::new(memory), Arc::clone(footers), &schema);
        let mut read = PartitionedFile::new("f", bytes.len() as u64);
        read.object_meta.last_modified = immutable_since(store);
        let metrics = ExecutionPlanMetricsSet::new();
        let mut reader = factory.create_reader(0, read, None, &metrics).unwrap();
        let footer = reader.get_metadata(None).await.unwrap();
        match footer.row_group(0).column(0).statistics() {
            Some(Statistics::Int64(known)) => *known.min_opt().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// Files of one name and size in two stores, as of a table and its copy.
    #[tokio::test]
    async fn the_footers_of_two_stores_are_kept_apart() {
        let footers = RuntimeEnv::default()
            .cache_manager
            .get_file_metadata_cache();
        let ((first, _), (second, _)) = (file(vec![1, 2]), file(vec![3, 4]));
        assert_eq!(first.len(), second.len());
        assert_eq!(least("iceberg-1://", &first, &footers).await, 1);
        assert_eq!(least("iceberg-2://", &second, &footers).await, 3);
        // From the cache, since files never change.
        assert_eq!(least("iceberg-2://", &first, &footers).await, 3);
    }

    #[tokio::test]
    async fn readers_of_one_file_read_its_footer_once() {
        let (bytes, schema) = file(vec![1, 2]);
        let size = bytes.len() as u64;
        // Every read takes a while, so that all readers are in theirs at the same time.
        let config = ThrottleConfig {
            wait_get_per_call: Duration::from_millis(5),
            ..ThrottleConfig::default()
        };
        let store = ThrottledStore::new(InMemory::new(), config);
        store.put(&Path::from("f"), bytes.into()).await.unwrap();
        let footers = RuntimeEnv::default()
            .cache_manager
            .get_file_metadata_cache();
        let factory = DataFileReaderFactory::new(Arc::new(store), footers, &schema);
        let metrics = ExecutionPlanMetricsSet::new();
        let open = |partition| {
            let file = PartitionedFile::new("f", size);
            factory
                .create_reader(partition, file, None, &metrics)
                .unwrap()
        };
        let mut readers: Vec<_> = (0..4).map(open).collect();
        let footers = try_join_all(readers.iter_mut().map(|r| r.get_metadata(None)))
            .await
            .unwrap();
        assert!(footers.iter().all(|f| Arc::ptr_eq(f, &footers[0])));
        drop(readers);
        let again = open(4).get_metadata(None).await.unwrap();
        assert!(Arc::ptr_eq(&again, &footers[0]), "from the session's cache");
    }
}
