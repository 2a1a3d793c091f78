// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Opens files that have deletes.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use datafusion::common::internal_err;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetAccessPlan;
use datafusion::datasource::physical_plan::{
    FileOpenFuture, FileOpener, FileScanConfig, FileSource, ParquetFileMetrics,
    ParquetFileReaderFactory,
};
use datafusion::error::Result;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_optimizer::pruning::FilePruner;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use object_store::ObjectStore;
use parquet::arrow::async_reader::AsyncFileReader;
use roaring::RoaringTreemap;

use super::deleted_rows::{DeleteMetrics, DeletedRows};
use super::key_filter::KeyFilter;
use super::named_error::of_file;
use super::reader::DataFileReaderFactory;
use super::source::without_files;
use crate::deletes::{EqualityDeletes, access_plan};
use crate::plan::PlannedFile;

type Batches = BoxStream<'static, Result<arrow::array::RecordBatch>>;

/// What an opener is made of.
pub(super) struct OpenerParts {
    /// The source that reads all columns.
    pub(super) inner: Arc<dyn FileSource>,
    /// The table's columns.
    pub(super) schema: SchemaRef,
    pub(super) projection: ProjectionExprs,
    pub(super) deleted: Arc<DeletedRows>,
    pub(super) readers: Arc<DataFileReaderFactory>,
    pub(super) metadata_size_hint: Option<usize>,
    /// For errors.
    pub(super) table: Arc<str>,
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) partition: usize,
}

/// Opens the files of one partition.
pub(super) struct MergeOnReadOpener(Arc<Opening>);

struct Opening {
    parts: OpenerParts,
    config: FileScanConfig,
    /// The schema of the batches.
    output: SchemaRef,
    metrics: DeleteMetrics,
    /// Opens files without equality deletes.
    plain: Arc<dyn FileOpener>,
    /// Open files with equality deletes, by the ids of their keys' columns.
    keyed: Mutex<HashMap<Vec<i32>, Arc<dyn FileOpener>>>,
}

impl MergeOnReadOpener {
    pub(super) fn try_new(parts: OpenerParts, config: &FileScanConfig) -> Result<Self> {
        // DataFusion 53 drops the rows to skip when it looks for the row groups that are enough for
        // a LIMIT, unless the order of rows is to be kept.
        let config = without_files(config).with_preserve_order(true).build();
        let output = Arc::new(parts.projection.project_schema(&parts.schema)?);
        let metrics = DeleteMetrics::new(parts.inner.metrics(), parts.partition);
        let plain = parts.opener(&config, &parts.projection)?;
        Ok(Self(Arc::new(Opening {
            parts,
            config,
            output,
            metrics,
            plain,
            keyed: Mutex::default(),
        })))
    }
}

impl FileOpener for MergeOnReadOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let planned = file.extensions.clone();
        let Some(planned) = planned.and_then(|planned| planned.downcast::<PlannedFile>().ok())
        else {
            let path = &file.object_meta.location;
            return internal_err!("data file '{path}' lost its deletes on the way to its reader");
        };
        let opening = Arc::clone(&self.0);
        Ok(async move { opening.open(file, &planned).await }.boxed())
    }
}

impl OpenerParts {
    fn opener(
        &self,
        config: &FileScanConfig,
        projection: &ProjectionExprs,
    ) -> Result<Arc<dyn FileOpener>> {
        let Some(source) = self.inner.try_pushdown_projection(projection)? else {
            return internal_err!("{} takes no projection", self.inner.file_type());
        };
        source.create_file_opener(Arc::clone(&self.store), config, self.partition)
    }
}

impl Opening {
    async fn open(&self, mut file: PartitionedFile, planned: &PlannedFile) -> Result<Batches> {
        file.extensions = None;
        if planned.deletes.is_empty() {
            return self.plain.open(file)?.await;
        }
        if self.is_pruned(&file)? {
            return Ok(futures::stream::empty().boxed());
        }
        let (positions, sets) = self.parts.deleted.load(planned, &self.metrics).await?;
        let reader = if positions.is_empty() {
            None
        } else {
            let (plan, reader) = self.rows_left(&file, &positions).await?;
            file.extensions = Some(Arc::new(plan));
            Some(reader)
        };
        let opened = if sets.is_empty() {
            self.plain.open(file)?.await
        } else {
            self.open_keyed(file, planned, sets).await
        };
        // Until here it keeps the footer for the reader of the rows.
        drop(reader);
        opened
    }

    /// Whether the filters, which may have become tighter, select nothing of the file. Then its
    /// deletes are not loaded.
    fn is_pruned(&self, file: &PartitionedFile) -> Result<bool> {
        let Some(filter) = self.parts.inner.filter() else {
            return Ok(false);
        };
        let Some(mut pruner) = FilePruner::try_new(filter, &self.parts.schema, file, Count::new())
        else {
            return Ok(false);
        };
        let pruned = pruner.should_prune()?;
        if pruned {
            let path = file.object_meta.location.as_ref();
            let metrics = self.parts.inner.metrics();
            let metrics = ParquetFileMetrics::new(self.parts.partition, path, metrics);
            metrics.files_ranges_pruned_statistics.add_pruned(1);
        }
        Ok(pruned)
    }

    /// The rows of the file that are not at deleted positions, and a reader that has the footer.
    async fn rows_left(
        &self,
        file: &PartitionedFile,
        positions: &RoaringTreemap,
    ) -> Result<(ParquetAccessPlan, Box<dyn AsyncFileReader + Send>)> {
        // What this reader reads is not counted twice.
        let unseen = ExecutionPlanMetricsSet::new();
        let (readers, hint) = (&self.parts.readers, self.parts.metadata_size_hint);
        let mut reader =
            readers.create_reader(self.parts.partition, file.clone(), hint, &unseen)?;
        let (table, path) = (&self.parts.table, &file.object_meta.location);
        let footer = reader.get_metadata(None).await;
        let footer = footer.map_err(|e| of_file(e.into(), table, path))?;
        let plan = access_plan(&footer, positions)
            .map_err(|e| e.context(format!("data file '{path}' of table {table}")))?;
        // Of a file in parts, the first one counts for all.
        if file.range.as_ref().is_none_or(|range| range.start == 0) {
            let rows = u64::try_from(footer.file_metadata().num_rows()).unwrap_or(0);
            let deleted = positions.range_cardinality(0..rows);
            self.metrics
                .rows
                .add(usize::try_from(deleted).unwrap_or(usize::MAX));
        }
        Ok((plan, reader))
    }

    /// Opens a file whose rows are filtered by key.
    async fn open_keyed(
        &self,
        file: PartitionedFile,
        planned: &PlannedFile,
        sets: Vec<Arc<EqualityDeletes>>,
    ) -> Result<Batches> {
        let ids: BTreeSet<i32> = sets.iter().flat_map(|set| set.ids()).copied().collect();
        let ids: Vec<i32> = ids.into_iter().collect();
        let batches = self.keyed(&ids)?.open(file)?.await?;
        let output = Arc::clone(&self.output);
        let rows = self.metrics.rows.clone();
        let filter = KeyFilter::try_new(sets, &ids, planned.sequence, output, rows)?;
        let batches = batches.map(move |batch| filter.apply(&batch?));
        let some = |batch: &Result<arrow::array::RecordBatch>| {
            let some = batch.as_ref().map_or(true, |batch| batch.num_rows() > 0);
            std::future::ready(some)
        };
        Ok(batches.filter(some).boxed())
    }

    /// The opener that gives the columns `ids` after the projected ones.
    fn keyed(&self, ids: &[i32]) -> Result<Arc<dyn FileOpener>> {
        let mut keyed = self.keyed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opener) = keyed.get(ids) {
            return Ok(Arc::clone(opener));
        }
        let keys = self.parts.deleted.keys.projection(ids)?;
        let projection = self.parts.projection.iter().cloned().chain(keys);
        // Rows are counted when the deleted ones are gone.
        let config = without_files(&self.config).with_limit(None).build();
        let opener = self
            .parts
            .opener(&config, &ProjectionExprs::new(projection))?;
        keyed.insert(ids.to_vec(), Arc::clone(&opener));
        Ok(opener)
    }
}
