// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Reads the rows of keys from files, several at the same time.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{AsArray, BooleanArray, RecordBatch, UInt32Array};
use arrow::compute::{and, filter_record_batch, take};
use arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::InListExpr;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use parquet::arrow::async_reader::ParquetObjectReader;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};

use super::super::build::immutable_since;
use super::super::named_error::of_file;
use super::super::reader::DataFileReaderFactory;
use super::index::FileIndex;
use super::near::NearReader;
use super::pages::{ChosenGroup, choose};
use super::projection::Projection;
use super::{PointPlan, SequencedRows};
use crate::cache::{CacheKind, IcebergCaches};
use crate::error::{Error, ErrorKind};
use crate::plan::{PointColumn, PointCounts, PointFile, PointKeys};
use crate::schema::{FieldIdAdapterFactory, TableColumns};

/// Files that are read at the same time.
const CONCURRENT_FILES: usize = 64;
/// Where there are more files than this, a task reads several: of small files, tasks cost more than rows do.
const TASKS: usize = 16;
/// Files of a task at most.
const FILES_A_TASK: usize = 8;
/// Rows of a batch.
const BATCH_ROWS: usize = 8192;
/// How much is read of a file's end at once: the footer, and with luck the page index.
const FOOTER_BYTES: usize = 512 * 1024;

/// A file, and what opens it.
struct OpenFile {
    file: PointFile,
    store: Arc<dyn ObjectStore>,
    meta: ObjectMeta,
    readers: Arc<DataFileReaderFactory>,
}

/// One read under way.
pub(super) struct Reading {
    table: Arc<str>,
    caches: Arc<IcebergCaches>,
    /// Tells apart tables, and the columns that their files are read as.
    identity: u64,
    columns: Arc<TableColumns>,
    adapter: Arc<FieldIdAdapterFactory>,
    keys: PointKeys,
    wanted: Vec<usize>,
    schema: SchemaRef,
    files: Vec<OpenFile>,
    /// Most files have the same columns.
    projections: Mutex<Vec<Arc<Projection>>>,
}

impl Reading {
    pub(super) fn try_new(
        plan: &PointPlan,
        runtime: &RuntimeEnv,
        wanted: Vec<usize>,
        schema: SchemaRef,
    ) -> Result<Arc<Self>> {
        let logical = plan.columns.arrow();
        let mut hasher = DefaultHasher::new();
        plan.storage.identity().hash(&mut hasher);
        logical.fields().hash(&mut hasher);
        let mut stores: HashMap<String, Arc<DataFileReaderFactory>> = HashMap::new();
        let mut files = Vec::with_capacity(plan.files.len());
        for file in &plan.files {
            let (url, store, location) = plan.storage.resolve(&file.path)?;
            let readers = stores.entry(url.as_str().to_owned()).or_insert_with(|| {
                let footers = runtime.cache_manager.get_file_metadata_cache();
                Arc::new(DataFileReaderFactory::new(
                    Arc::clone(&store),
                    footers,
                    logical,
                ))
            });
            files.push(OpenFile {
                readers: Arc::clone(readers),
                meta: ObjectMeta {
                    location,
                    last_modified: immutable_since(url.as_str()),
                    size: file.size,
                    e_tag: None,
                    version: None,
                },
                store,
                file: file.clone(),
            });
        }
        Ok(Arc::new(Self {
            table: Arc::clone(&plan.name),
            caches: Arc::clone(plan.storage.caches()),
            identity: hasher.finish(),
            columns: Arc::clone(&plan.columns),
            adapter: Arc::clone(&plan.adapter),
            keys: plan.keys.clone(),
            wanted,
            schema,
            files,
            projections: Mutex::default(),
        }))
    }

    /// The rows of all files.
    pub(super) async fn all(
        self: Arc<Self>,
        counts: &mut PointCounts,
    ) -> Result<Vec<SequencedRows>> {
        counts.opened = true;
        // A single file is read where it is waited for.
        if self.files.len() == 1 {
            let (found, of_file) = self.file(0).await?;
            counts.add(&of_file);
            return Ok(found);
        }
        let count = self.files.len();
        let each = count.div_ceil(TASKS).clamp(1, FILES_A_TASK);
        let reading = stream::iter((0..count).step_by(each)).map(|first| {
            let reading = Arc::clone(&self);
            let task = SpawnedTask::spawn(async move {
                let files = first..count.min(first + each);
                try_join_all(files.map(|file| reading.file(file))).await
            });
            async move {
                let read = task.join_unwind().await;
                read.map_err(|e| DataFusionError::ExecutionJoin(Box::new(e)))?
            }
        });
        let tasks = reading.buffered(CONCURRENT_FILES / each);
        let files: Vec<_> = tasks.try_collect().await?;
        let mut rows = Vec::new();
        for (found, of_file) in files.into_iter().flatten() {
            counts.add(&of_file);
            rows.extend(found);
        }
        Ok(rows)
    }

    async fn file(&self, file: usize) -> Result<(Vec<SequencedRows>, PointCounts)> {
        let open = &self.files[file];
        let found = self.rows(open).await;
        found.map_err(|e| of_file(e, &self.table, &open.meta.location))
    }

    async fn rows(&self, open: &OpenFile) -> Result<(Vec<SequencedRows>, PointCounts)> {
        let mut counts = PointCounts::default();
        let index = self.index(open).await?;
        let projection = self.projection(index.metadata.schema())?;
        let groups = choose(
            &index,
            &projection,
            &self.keys,
            &open.file.keys,
            &mut counts,
        )?;
        let groups = groups.into_iter();
        let read = groups.map(|group| self.group(open, &index, &projection, group));
        let mut rows = Vec::new();
        for batch in try_join_all(read).await?.into_iter().flatten() {
            counts.rows += batch.num_rows();
            rows.push(SequencedRows {
                sequence: open.file.sequence,
                rows: batch,
            });
        }
        Ok((rows, counts))
    }

    /// The index of a file, from the session's caches if it is there.
    async fn index(&self, open: &OpenFile) -> Result<Arc<FileIndex>> {
        let (kind, path) = (CacheKind::DataFileIndex, open.file.path.as_str());
        if let Some(known) = self.caches.get(kind, self.identity, path).await {
            return Ok(known);
        }
        let file = PartitionedFile::new_from_meta(open.meta.clone());
        let unseen = ExecutionPlanMetricsSet::new();
        let reader = open
            .readers
            .create_reader(0, file, Some(FOOTER_BYTES), &unseen)?;
        let load = async {
            let (location, logical) = (&open.meta.location, self.columns.arrow());
            let loaded = FileIndex::load(reader, &open.store, location, logical).await;
            loaded.map_err(|e| named(of_file(e, &self.table, location)))
        };
        let loaded = self
            .caches
            .get_or_load(kind, self.identity, path, load)
            .await;
        Ok(loaded?)
    }

    fn projection(&self, schema: &SchemaRef) -> Result<Arc<Projection>> {
        let mut known = self
            .projections
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let same = |it: &&Arc<Projection>| Arc::ptr_eq(&it.schema, schema) || it.schema == *schema;
        if let Some(found) = known.iter().find(same) {
            return Ok(Arc::clone(found));
        }
        let (columns, adapter) = (&self.columns, &self.adapter);
        let new = Projection::try_new(columns, adapter, &self.keys, &self.wanted, schema)?;
        let new = Arc::new(new);
        known.push(Arc::clone(&new));
        Ok(new)
    }

    /// The rows of keys in a row group: the pages that may hold them are read at once.
    async fn group(
        &self,
        open: &OpenFile,
        index: &FileIndex,
        projection: &Projection,
        chosen: ChosenGroup,
    ) -> Result<Vec<RecordBatch>> {
        let (store, path): (_, &Path) = (Arc::clone(&open.store), &open.meta.location);
        let reader = NearReader(ParquetObjectReader::new(store, path.clone()));
        let metadata = index.metadata.clone();
        let descriptor = metadata.metadata().file_metadata().schema_descr();
        let known = |root: usize| index.known.get(chosen.group, root);
        let read = projection.roots.iter().copied();
        let mask = ProjectionMask::roots(descriptor, read.filter(|root| known(*root).is_none()));
        let mut rows = ParquetRecordBatchStreamBuilder::new_with_metadata(reader, metadata)
            .with_projection(mask)
            .with_row_groups(vec![chosen.group])
            .with_batch_size(BATCH_ROWS);
        if let Some(selection) = chosen.rows {
            rows = rows.with_row_selection(selection);
        }
        let mut rows = rows.build()?;
        let filters = self.filters(projection, &chosen.keys)?;
        let mut found = Vec::new();
        while let Some(batch) = rows.next().await.transpose()? {
            let batch = filtered(&projection.complete(batch, known)?, &filters)?;
            if batch.num_rows() > 0 {
                found.push(projection.project(&batch, &self.schema)?);
            }
        }
        Ok(found)
    }

    /// For each key column that its value is one of those of the keys.
    fn filters(&self, projection: &Projection, keys: &[u32]) -> Result<Vec<Arc<dyn PhysicalExpr>>> {
        let keys = UInt32Array::from(keys.to_vec());
        let columns = self.keys.columns.iter().zip(&projection.keys);
        let filter = |(column, expr): (&PointColumn, &Arc<dyn PhysicalExpr>)| {
            let values = take(&column.values, &keys, None)?;
            let among = InListExpr::try_new_from_array(Arc::clone(expr), values, false)?;
            Ok(Arc::new(among) as Arc<dyn PhysicalExpr>)
        };
        columns.map(filter).collect()
    }
}

/// An error of reading a file as one that callers of the cache share.
fn named(error: DataFusionError) -> Error {
    let other = |cause: Box<dyn std::error::Error + Send + Sync>| {
        Error::new(
            ErrorKind::Io,
            format!("cannot read the index of a data file: {cause}"),
        )
    };
    match error {
        DataFusionError::External(cause) => match cause.downcast::<Error>() {
            Ok(error) => *error,
            Err(cause) => other(cause),
        },
        cause => other(Box::new(cause)),
    }
}

fn filtered(batch: &RecordBatch, filters: &[Arc<dyn PhysicalExpr>]) -> Result<RecordBatch> {
    let mut kept: Option<BooleanArray> = None;
    for filter in filters {
        let passes = filter.evaluate(batch)?.into_array(batch.num_rows())?;
        let passes = passes.as_boolean();
        kept = Some(match kept {
            Some(kept) => and(&kept, passes)?,
            None => passes.clone(),
        });
    }
    Ok(match kept {
        Some(kept) => filter_record_batch(batch, &kept)?,
        None => batch.clone(),
    })
}
