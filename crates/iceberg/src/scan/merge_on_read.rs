// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The source of files that have deletes.
//!
//! ```text
//! position deletes, deletion vectors    the row groups and rows that are left, told to the reader
//! equality deletes                      the key's columns read besides, batches filtered by key
//! ```
//!
//! Filters, projections, orders and byte ranges are the Parquet source's own, as without deletes.

use std::any::Any;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use datafusion::config::ConfigOptions;
use datafusion::datasource::physical_plan::{FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{
    EquivalenceProperties, LexOrdering, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_plan::filter_pushdown::FilterPushdownPropagation;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, SortOrderPushdownResult};
use object_store::ObjectStore;

use super::deleted_rows::DeletedRows;
use super::merge_opener::{MergeOnReadOpener, OpenerParts};
use super::reader::DataFileReaderFactory;

/// Reads files and leaves their deleted rows out. Each `PartitionedFile` has to carry the planned
/// file with its deletes.
#[derive(Clone)]
pub(super) struct MergeOnReadSource {
    /// Reads all columns, those of the table and those that only deletes need.
    inner: Arc<dyn FileSource>,
    /// The table's columns.
    schema: TableSchema,
    /// What the query wants of them.
    projection: ProjectionExprs,
    deleted: Arc<DeletedRows>,
    readers: Arc<DataFileReaderFactory>,
    metadata_size_hint: Option<usize>,
    /// For errors.
    table: Arc<str>,
}

impl MergeOnReadSource {
    /// A source of all columns of `schema`; `inner` has the columns of `deleted` after them.
    pub(super) fn new(
        inner: Arc<dyn FileSource>,
        schema: TableSchema,
        deleted: Arc<DeletedRows>,
        readers: Arc<DataFileReaderFactory>,
        metadata_size_hint: Option<usize>,
        table: Arc<str>,
    ) -> Self {
        let all: Vec<usize> = (0..schema.table_schema().fields().len()).collect();
        let projection = ProjectionExprs::from_indices(&all, schema.table_schema());
        Self {
            inner,
            schema,
            projection,
            deleted,
            readers,
            metadata_size_hint,
            table,
        }
    }

    /// Reads the files with their deleted rows.
    pub(super) fn inner(&self) -> &Arc<dyn FileSource> {
        &self.inner
    }

    /// What is deleted.
    pub(super) fn deleted(&self) -> &Arc<DeletedRows> {
        &self.deleted
    }

    fn wrap(&self, inner: Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        Arc::new(Self {
            inner,
            ..self.clone()
        })
    }
}

impl Debug for MergeOnReadSource {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("MergeOnReadSource")
            .field("projection", &self.projection)
            .finish_non_exhaustive()
    }
}

impl FileSource for MergeOnReadSource {
    fn create_file_opener(
        &self,
        object_store: Arc<dyn ObjectStore>,
        base_config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let opener = MergeOnReadOpener::try_new(
            OpenerParts {
                inner: Arc::clone(&self.inner),
                schema: Arc::clone(self.schema.table_schema()),
                projection: self.projection.clone(),
                deleted: Arc::clone(&self.deleted),
                readers: Arc::clone(&self.readers),
                metadata_size_hint: self.metadata_size_hint,
                table: Arc::clone(&self.table),
                store: object_store,
                partition,
            },
            base_config,
        )?;
        Ok(Arc::new(opener))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn table_schema(&self) -> &TableSchema {
        &self.schema
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        self.wrap(self.inner.with_batch_size(batch_size))
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.inner.filter()
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection)
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.inner.metrics()
    }

    fn file_type(&self) -> &str {
        self.inner.file_type()
    }

    fn fmt_extra(&self, t: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        self.inner.fmt_extra(t, f)
    }

    fn supports_repartitioning(&self) -> bool {
        self.inner.supports_repartitioning()
    }

    fn repartitioned(
        &self,
        target_partitions: usize,
        repartition_file_min_size: usize,
        output_ordering: Option<LexOrdering>,
        config: &FileScanConfig,
    ) -> Result<Option<FileScanConfig>> {
        let (target, min_size) = (target_partitions, repartition_file_min_size);
        self.inner
            .repartitioned(target, min_size, output_ordering, config)
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let result = self.inner.try_pushdown_filters(filters, config)?;
        Ok(FilterPushdownPropagation {
            filters: result.filters,
            updated_node: result.updated_node.map(|inner| self.wrap(inner)),
        })
    }

    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
        eq_properties: &EquivalenceProperties,
    ) -> Result<SortOrderPushdownResult<Arc<dyn FileSource>>> {
        let result = self.inner.try_pushdown_sort(order, eq_properties)?;
        result.try_map(|inner| Ok(self.wrap(inner)))
    }

    fn try_pushdown_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> Result<Option<Arc<dyn FileSource>>> {
        let projection = self.projection.try_merge(projection)?;
        Ok(Some(Arc::new(Self {
            projection,
            ..self.clone()
        })))
    }
}
