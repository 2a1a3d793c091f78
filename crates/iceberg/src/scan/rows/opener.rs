// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Opens files for the narrow pass.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt64Array};
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::common::internal_err;
use datafusion::datasource::listing::{FileRange, PartitionedFile};
use datafusion::datasource::physical_plan::parquet::ParquetAccessPlan;
use datafusion::datasource::physical_plan::{
    FileOpenFuture, FileOpener, ParquetFileMetrics, ParquetFileReaderFactory,
};
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr_adapter::PhysicalExprAdapterFactory;
use datafusion::physical_optimizer::pruning::FilePruner;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use object_store::ObjectStore;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::file::metadata::PageIndexPolicy;
use roaring::RoaringTreemap;

use super::super::deleted_rows::DeleteMetrics;
use super::super::key_filter::KeyFilter;
use super::super::source::{bounded, floats};
use super::leaf::Leaf;
use super::prune::{FilePruning, with_constants};
use super::reference::{NumberedFile, Positions, first_row, row_groups};
use crate::deletes::{EqualityDeletes, access_plan};
use crate::plan::PlannedFile;

type Batches = BoxStream<'static, Result<RecordBatch>>;

/// Opens the files of one partition.
pub(super) struct NarrowOpener(Arc<Opening>);

struct Opening {
    leaf: Arc<Leaf>,
    /// The columns, over those of the scan.
    wanted: ProjectionExprs,
    /// The columns and the references.
    output: SchemaRef,
    readers: Arc<dyn ParquetFileReaderFactory>,
    store: Arc<dyn ObjectStore>,
    batch_size: usize,
    partition: usize,
    /// The columns of floats in the filter.
    floats: Vec<usize>,
    deletes: Option<DeleteMetrics>,
    /// By the ids of the key columns that are read besides; none for files without equality deletes.
    openers: Mutex<HashMap<Vec<i32>, Arc<dyn FileOpener>>>,
}

/// What of a file is read.
struct Selected {
    plan: ParquetAccessPlan,
    positions: Positions,
    /// Keeps the footer for the reader of the rows.
    _reader: Box<dyn AsyncFileReader>,
}

impl NarrowOpener {
    pub(super) fn try_new(
        leaf: Arc<Leaf>,
        wanted: ProjectionExprs,
        output: SchemaRef,
        store: Arc<dyn ObjectStore>,
        batch_size: usize,
        partition: usize,
    ) -> Result<Self> {
        let of_table = leaf.table.as_ref().zip(leaf.filter.as_ref());
        let floats = of_table.map(|(_, filter)| floats(filter, leaf.table_schema()));
        let deleted = leaf.deleted();
        Ok(Self(Arc::new(Opening {
            readers: leaf.readers(&store),
            floats: floats.unwrap_or_default(),
            deletes: deleted.map(|_| DeleteMetrics::new(leaf.metrics(), partition)),
            leaf,
            wanted,
            output,
            store,
            batch_size,
            partition,
            openers: Mutex::default(),
        })))
    }
}

impl FileOpener for NarrowOpener {
    fn open(&self, mut file: PartitionedFile) -> Result<FileOpenFuture> {
        let path = file.object_meta.location.clone();
        let numbered = file.extensions.take();
        let Some(numbered) = numbered.and_then(|n| n.downcast::<NumberedFile>().ok()) else {
            return internal_err!("data file '{path}' lost its number on the way to its reader");
        };
        file.extensions.clone_from(&numbered.extensions);
        let opening = Arc::clone(&self.0);
        Ok(async move {
            let leaf = Arc::clone(&opening.leaf);
            let opened = opening.open(file, first_row(numbered.number)).await;
            let batches = opened.map_err(|e| leaf.named(e, &path))?;
            Ok(batches.map_err(move |e| leaf.named(e, &path)).boxed())
        }
        .boxed())
    }
}

impl Opening {
    /// The rows of a file whose first row has the reference `base`.
    async fn open(self: Arc<Self>, mut file: PartitionedFile, base: u64) -> Result<Batches> {
        let path = file.object_meta.location.clone();
        let metrics = self.leaf.metrics();
        let shown = ParquetFileMetrics::new(self.partition, path.as_ref(), metrics);
        let schema = self.leaf.table_schema();
        let filter = self.leaf.filter.as_ref();
        let filter = filter
            .map(|f| with_constants(f, schema, &file))
            .transpose()?;
        let mut pruner = filter.as_ref().and_then(|filter| {
            let logical = schema.file_schema();
            FilePruner::try_new(Arc::clone(filter), logical, &file, Count::new())
        });
        if let Some(pruner) = &mut pruner
            && pruner.should_prune()?
        {
            shown.files_ranges_pruned_statistics.add_pruned(1);
            return Ok(stream::empty().boxed());
        }
        let extensions = file.extensions.take();
        let planned = extensions
            .as_ref()
            .and_then(|e| Arc::clone(e).downcast::<PlannedFile>().ok());
        let (deleted, sets) = self.load(planned.as_deref()).await?;
        let given = extensions.and_then(|e| e.downcast::<ParquetAccessPlan>().ok());
        let selected = self.select(&file, filter.as_ref(), given.as_deref(), &deleted, &shown);
        let Selected {
            plan,
            positions,
            _reader,
        } = selected.await?;
        file.range = None;
        file.extensions = Some(Arc::new(plan));
        let ids: BTreeSet<i32> = sets.iter().flat_map(|set| set.ids()).copied().collect();
        let ids: Vec<i32> = ids.into_iter().collect();
        let batches = self.opener(&ids)?.open(file)?.await?;
        let filter = self.key_filter(sets, &ids, planned.as_deref())?;
        let numbered = Numbered {
            batches,
            positions,
            base,
            output: Arc::clone(&self.output),
            filter,
            pruner,
            shown,
        };
        Ok(numbered.stream())
    }

    /// The deleted positions and keys of a file.
    async fn load(
        &self,
        planned: Option<&PlannedFile>,
    ) -> Result<(Arc<RoaringTreemap>, Vec<Arc<EqualityDeletes>>)> {
        let deleted = self.leaf.deleted();
        match (planned, deleted.zip(self.deletes.as_ref())) {
            (Some(planned), Some((deleted, metrics))) if !planned.deletes.is_empty() => {
                deleted.load(planned, metrics).await
            }
            (None, Some(_)) => {
                internal_err!("a data file lost its deletes on the way to its reader")
            }
            _ => Ok(Default::default()),
        }
    }

    /// Leaves out the rows that are deleted by key.
    fn key_filter(
        &self,
        sets: Vec<Arc<EqualityDeletes>>,
        ids: &[i32],
        planned: Option<&PlannedFile>,
    ) -> Result<Option<KeyFilter>> {
        let (Some(planned), Some(deletes)) = (planned, &self.deletes) else {
            return Ok(None);
        };
        if sets.is_empty() {
            return Ok(None);
        }
        let (output, rows) = (Arc::clone(&self.output), deletes.rows.clone());
        KeyFilter::try_new(sets, ids, planned.sequence, output, rows).map(Some)
    }

    /// The rows that deletes and filters leave of a file.
    async fn select(
        &self,
        file: &PartitionedFile,
        filter: Option<&Arc<dyn PhysicalExpr>>,
        given: Option<&ParquetAccessPlan>,
        deleted: &RoaringTreemap,
        shown: &ParquetFileMetrics,
    ) -> Result<Selected> {
        let hint = self
            .leaf
            .parquet
            .table_parquet_options()
            .global
            .metadata_size_hint;
        let hint = file.metadata_size_hint.or(hint);
        let metrics = self.leaf.metrics();
        // What the second reader reads is not counted twice.
        let unseen = ExecutionPlanMetricsSet::new();
        let reader = |metrics| {
            self.readers
                .create_reader(self.partition, file.clone(), hint, metrics)
        };
        let mut first: Box<dyn AsyncFileReader> = reader(&unseen)?;
        let bloom: Box<dyn AsyncFileReader> = reader(metrics)?;
        let mut file = file.clone();
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
        let metadata = ArrowReaderMetadata::load_async(&mut first, options).await?;
        let footer = Arc::clone(metadata.metadata());
        let mut plan = match given {
            Some(given) => given.clone(),
            None => ParquetAccessPlan::new_all(footer.num_row_groups()),
        };
        if !deleted.is_empty() {
            plan = access_plan(&footer, deleted)?;
            self.count_deleted(&file, &footer, deleted);
        }
        if plan.len() != footer.num_row_groups() {
            return internal_err!(
                "data file '{}' has {} row groups, its access plan {}",
                file.object_meta.location,
                footer.num_row_groups(),
                plan.len()
            );
        }
        to_the_end(&mut file);
        let pruning = FilePruning {
            leaf: &self.leaf,
            adapter: self.adapter(&file),
            file: &file,
            filter,
            shown,
        };
        let plan = pruning.prune(plan, metadata, bloom).await?;
        Ok(Selected {
            positions: Positions::new(&plan, &row_groups(&footer)?),
            plan,
            _reader: first,
        })
    }

    /// Finds columns of the filter in a file. A column of floats has bounds only when the manifest says that it has no NaN.
    fn adapter(&self, file: &PartitionedFile) -> Arc<dyn PhysicalExprAdapterFactory> {
        match &self.leaf.table {
            Some(table) if !bounded(&self.floats, file) => Arc::clone(&table.nan_adapter),
            _ => self.leaf.adapter(),
        }
    }

    fn count_deleted(
        &self,
        file: &PartitionedFile,
        footer: &parquet::file::metadata::ParquetMetaData,
        deleted: &RoaringTreemap,
    ) {
        // Of a file in parts, the first one counts for all.
        let first = file.range.as_ref().is_none_or(|range| range.start == 0);
        if let Some(metrics) = self.deletes.as_ref().filter(|_| first) {
            let rows = u64::try_from(footer.file_metadata().num_rows()).unwrap_or(0);
            let deleted = deleted.range_cardinality(0..rows);
            metrics
                .rows
                .add(usize::try_from(deleted).unwrap_or(usize::MAX));
        }
    }

    /// The opener that gives the columns `ids` of keys after the wanted ones.
    fn opener(&self, ids: &[i32]) -> Result<Arc<dyn FileOpener>> {
        let mut openers = self.openers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opener) = openers.get(ids) {
            return Ok(Arc::clone(opener));
        }
        let keys = match self.leaf.deleted() {
            Some(deleted) => deleted.keys.projection(ids)?,
            None => Vec::new(),
        };
        let source = self.leaf.projected_with(&self.wanted, keys)?;
        let store = Arc::clone(&self.store);
        let opener = self
            .leaf
            .opener(&source, store, self.batch_size, self.partition)?;
        openers.insert(ids.to_vec(), Arc::clone(&opener));
        Ok(opener)
    }
}

/// The manifest may state a size that is too small: the last part of a file goes to its end.
fn to_the_end(file: &mut PartitionedFile) {
    let size = i64::try_from(file.object_meta.size).unwrap_or(i64::MAX);
    if let Some(FileRange { end, .. }) = &mut file.range
        && *end >= size
    {
        *end = i64::MAX;
    }
}

/// The rows of one file on their way to have references.
struct Numbered {
    batches: Batches,
    positions: Positions,
    base: u64,
    output: SchemaRef,
    filter: Option<KeyFilter>,
    /// Ends the file when the filter, which may become tighter, leaves nothing of it.
    pruner: Option<FilePruner>,
    shown: ParquetFileMetrics,
}

impl Numbered {
    fn stream(self) -> Batches {
        stream::try_unfold(self, |mut rows| async move {
            Ok(rows.next().await?.map(|batch| (batch, rows)))
        })
        .boxed()
    }

    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            let Some(batch) = self.batches.next().await.transpose()? else {
                self.positions.finish()?;
                return Ok(None);
            };
            if let Some(pruner) = &mut self.pruner
                && pruner.should_prune()?
            {
                let metrics = &self.shown.files_ranges_pruned_statistics;
                metrics.add_pruned(1);
                metrics.subtract_matched(1);
                return Ok(None);
            }
            let batch = self.with_references(&batch)?;
            if batch.num_rows() > 0 {
                return Ok(Some(batch));
            }
        }
    }

    fn with_references(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let (rows, schema) = (batch.num_rows(), batch.schema());
        let references = self.positions.next(rows, self.base)?;
        let references: ArrayRef = Arc::new(UInt64Array::from(references));
        // Key columns, if any, come last.
        let wanted = self.output.fields().len() - 1;
        let (mut columns, mut fields) = (batch.columns().to_vec(), schema.fields().to_vec());
        columns.insert(wanted.min(columns.len()), references);
        fields.insert(wanted.min(fields.len()), self.reference());
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = match &self.filter {
            Some(_) => Arc::new(Schema::new(fields)),
            None => Arc::clone(&self.output),
        };
        let batch = RecordBatch::try_new_with_options(schema, columns, &options)?;
        match &self.filter {
            Some(filter) => filter.apply(&batch),
            None => Ok(batch),
        }
    }

    fn reference(&self) -> FieldRef {
        let fields = self.output.fields();
        Arc::clone(&fields[fields.len() - 1])
    }
}
