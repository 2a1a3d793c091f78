// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! DataFusion's Parquet source under a coat that EXPLAIN can read.

use std::any::Any;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::config::ConfigOptions;
use datafusion::datasource::listing::{FileRange, PartitionedFile};
use datafusion::datasource::physical_plan::{
    FileOpenFuture, FileOpener, FileScanConfig, FileSource,
};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{
    EquivalenceProperties, LexOrdering, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_plan::filter_pushdown::{FilterPushdownPropagation, PushedDown};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, SortOrderPushdownResult};
use object_store::ObjectStore;

use super::summary::ScanSummary;

/// The source of a scan of an Iceberg table's data files. Everything is left to `ParquetSource`; this
/// adds what EXPLAIN shows.
#[derive(Clone)]
pub struct IcebergParquetSource {
    inner: Arc<dyn FileSource>,
    summary: Arc<ScanSummary>,
}

impl IcebergParquetSource {
    pub(crate) fn new(inner: Arc<dyn FileSource>, summary: Arc<ScanSummary>) -> Self {
        Self { inner, summary }
    }

    /// The table and snapshot, and how the files were chosen.
    pub fn summary(&self) -> &ScanSummary {
        &self.summary
    }

    fn wrap(&self, inner: Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        Arc::new(Self {
            inner,
            summary: Arc::clone(&self.summary),
        })
    }
}

impl Debug for IcebergParquetSource {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("IcebergParquetSource")
            .field("summary", &self.summary)
            .finish()
    }
}

impl FileSource for IcebergParquetSource {
    fn create_file_opener(
        &self,
        object_store: Arc<dyn ObjectStore>,
        base_config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let inner = self
            .inner
            .create_file_opener(object_store, base_config, partition)?;
        Ok(Arc::new(DataFileOpener { inner }))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn table_schema(&self) -> &TableSchema {
        self.inner.table_schema()
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        self.wrap(self.inner.with_batch_size(batch_size))
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.inner.filter()
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.inner.projection()
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.inner.metrics()
    }

    fn file_type(&self) -> &str {
        self.inner.file_type()
    }

    fn fmt_extra(&self, t: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        match t {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, ", {}", self.summary)?;
            }
            DisplayFormatType::TreeRender => writeln!(f, "{}", self.summary)?,
        }
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
        let schema = self.table_schema().table_schema();
        let flat: Vec<bool> = filters
            .iter()
            .map(|filter| is_flat(filter, schema))
            .collect();
        let pushed = filters
            .into_iter()
            .zip(&flat)
            .filter_map(|(filter, flat)| flat.then_some(filter));
        let result = self.inner.try_pushdown_filters(pushed.collect(), config)?;
        let mut answers = result.filters.into_iter();
        let answer = |flat: bool| {
            if flat {
                answers.next().unwrap_or(PushedDown::No)
            } else {
                PushedDown::No
            }
        };
        Ok(FilterPushdownPropagation {
            filters: flat.into_iter().map(answer).collect(),
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
        let pushed = self.inner.try_pushdown_projection(projection)?;
        Ok(pushed.map(|inner| self.wrap(inner)))
    }
}

/// Whether a filter names no nested column. The reader cannot promise to evaluate the others, since
/// a file may store them in another shape.
fn is_flat(filter: &Arc<dyn PhysicalExpr>, schema: &Schema) -> bool {
    collect_columns(filter).iter().all(|column| {
        let field = schema.fields().get(column.index());
        field.is_some_and(|field| !field.data_type().is_nested())
    })
}

/// Opens data files whose manifest may state a size that is too small.
struct DataFileOpener {
    inner: Arc<dyn FileOpener>,
}

impl FileOpener for DataFileOpener {
    fn open(&self, mut file: PartitionedFile) -> Result<FileOpenFuture> {
        let size = i64::try_from(file.object_meta.size).unwrap_or(i64::MAX);
        if let Some(FileRange { end, .. }) = &mut file.range
            && *end >= size
        {
            *end = i64::MAX;
        }
        self.inner.open(file)
    }
}
