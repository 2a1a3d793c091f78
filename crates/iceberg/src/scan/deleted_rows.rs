// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What merge-on-read needs besides the files: the loader of delete files, the columns that
//! equality deletes compare, and what EXPLAIN ANALYZE counts.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use datafusion::common::internal_datafusion_err;
use datafusion::error::Result as DataFusionResult;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::projection::ProjectionExpr;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder, Time};
use iceberg::spec::TableMetadata;
use roaring::RoaringTreemap;

use crate::deletes::{DeleteLoader, EqualityDeletes};
use crate::error::Result;
use crate::plan::{DeleteFile, FileDeletes, PlannedFile};
use crate::schema::{FieldIdAdapterFactory, TableColumns, key_columns};

/// What the partitions of one scan share.
#[derive(Debug)]
pub(super) struct DeletedRows {
    pub(super) loader: DeleteLoader,
    pub(super) keys: KeyColumns,
    /// The delete files that were asked for, by their addresses.
    seen: Mutex<HashSet<usize>>,
}

impl DeletedRows {
    pub(super) fn new(loader: DeleteLoader, keys: KeyColumns) -> Self {
        Self {
            loader,
            keys,
            seen: Mutex::default(),
        }
    }

    /// The deleted positions and keys of a file.
    pub(super) async fn load(
        &self,
        planned: &PlannedFile,
        metrics: &DeleteMetrics,
    ) -> DataFusionResult<(Arc<RoaringTreemap>, Vec<Arc<EqualityDeletes>>)> {
        let deletes = &*planned.deletes;
        let positions = async {
            if deletes.vector.is_none() && deletes.positions.is_empty() {
                return Ok(Arc::default());
            }
            let (path, rows) = (planned.entry.file_path(), planned.entry.record_count());
            self.loader.positions(path, rows, deletes).await
        };
        let sets = async {
            if deletes.equality.is_empty() {
                return Ok(Vec::new());
            }
            self.loader.equality(deletes).await
        };
        let timer = metrics.loading.timer();
        let loaded = futures::try_join!(positions, sets)?;
        timer.done();
        metrics.files.add(self.new_files(deletes));
        Ok(loaded)
    }

    /// How many of these delete files nobody asked for before.
    fn new_files(&self, deletes: &FileDeletes) -> usize {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let files = deletes.files().map(|file| Arc::as_ptr(file) as usize);
        files.filter(|file| seen.insert(*file)).count()
    }
}

/// The columns that a scan reads: those of the table, then those that equality deletes compare and
/// the table does not have at its top level (any more).
#[derive(Debug)]
pub(super) struct KeyColumns {
    schema: SchemaRef,
    adapter: Arc<FieldIdAdapterFactory>,
    by_id: BTreeMap<i32, usize>,
}

impl KeyColumns {
    /// For reading `files` of a table with `columns`, which `adapter` finds in files.
    pub(super) fn try_new(
        metadata: &TableMetadata,
        columns: &TableColumns,
        adapter: &Arc<FieldIdAdapterFactory>,
        files: &[PlannedFile],
    ) -> Result<Self> {
        let ids = equality_ids(files);
        if ids.is_empty() {
            return Ok(Self {
                schema: Arc::clone(columns.arrow()),
                adapter: Arc::clone(adapter),
                by_id: BTreeMap::new(),
            });
        }
        let all = columns.with_keys(&key_columns(metadata, ids.iter().copied())?);
        let by_id = all.columns().iter().enumerate();
        Ok(Self {
            schema: Arc::clone(all.arrow()),
            by_id: by_id.map(|(index, column)| (column.id, index)).collect(),
            adapter: Arc::new(adapter.with_columns(Arc::new(all))),
        })
    }

    /// All columns.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Finds the columns in files.
    pub(super) fn adapter(&self) -> &Arc<FieldIdAdapterFactory> {
        &self.adapter
    }

    /// The columns with these ids.
    pub(super) fn projection(&self, ids: &[i32]) -> DataFusionResult<Vec<ProjectionExpr>> {
        let column = |id: &i32| {
            let index = self.by_id.get(id).copied().ok_or_else(|| {
                internal_datafusion_err!("no column was planned for the equality id {id}")
            })?;
            let column = Column::new(self.schema.field(index).name(), index);
            Ok(ProjectionExpr::new(Arc::new(column), format!("#{id}")))
        };
        ids.iter().map(column).collect()
    }
}

/// The ids of the columns by which equality deletes find rows of `files`.
fn equality_ids(files: &[PlannedFile]) -> BTreeSet<i32> {
    let mut lists: HashSet<*const FileDeletes> = HashSet::new();
    let mut deletes: HashSet<*const DeleteFile> = HashSet::new();
    let mut ids = BTreeSet::new();
    for file in files {
        if file.deletes.equality.is_empty() || !lists.insert(Arc::as_ptr(&file.deletes)) {
            continue;
        }
        for delete in &file.deletes.equality {
            if deletes.insert(Arc::as_ptr(delete)) {
                ids.extend(delete.entry.data_file().equality_ids().unwrap_or_default());
            }
        }
    }
    ids
}

/// What EXPLAIN ANALYZE tells about deletes.
#[derive(Debug, Clone)]
pub(super) struct DeleteMetrics {
    /// Delete files that were read, or found in the session's cache.
    pub(super) files: Count,
    /// Rows that deletes took away.
    pub(super) rows: Count,
    /// Waiting for delete files.
    pub(super) loading: Time,
}

impl DeleteMetrics {
    pub(super) fn new(metrics: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        let builder = || MetricBuilder::new(metrics);
        Self {
            files: builder().counter("delete_files_loaded", partition),
            rows: builder().counter("rows_deleted", partition),
            loading: builder().subset_time("time_elapsed_loading_deletes", partition),
        }
    }
}
