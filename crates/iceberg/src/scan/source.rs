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
    FileOpenFuture, FileOpener, FileScanConfig, FileScanConfigBuilder, FileSource, ParquetSource,
};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{
    EquivalenceProperties, LexOrdering, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_expr_adapter::PhysicalExprAdapterFactory;
use datafusion::physical_plan::filter_pushdown::{FilterPushdownPropagation, PushedDown};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, SortOrderPushdownResult};
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::ObjectStore;

use super::named_error::of_file;
use super::summary::ScanSummary;
use crate::plan::decided;

/// The source of a scan of an Iceberg table's data files. Everything is left to `ParquetSource`;
/// this adds what EXPLAIN shows, and keeps statistics from pruning what they do not bound.
#[derive(Clone)]
pub struct IcebergParquetSource {
    inner: Arc<dyn FileSource>,
    summary: Arc<ScanSummary>,
    /// Reads files that may hold NaN.
    nan_adapter: Arc<dyn PhysicalExprAdapterFactory>,
    /// How the files are read, for EXPLAIN.
    scan: &'static str,
    /// Partitions that this scan may have; it may share the query's with others.
    partitions: usize,
}

impl IcebergParquetSource {
    pub(super) fn new(
        inner: Arc<dyn FileSource>,
        summary: Arc<ScanSummary>,
        nan_adapter: Arc<dyn PhysicalExprAdapterFactory>,
        scan: &'static str,
        partitions: usize,
    ) -> Self {
        Self {
            inner,
            summary,
            nan_adapter,
            scan,
            partitions,
        }
    }

    /// The table and snapshot, and how the files were chosen.
    pub fn summary(&self) -> &ScanSummary {
        &self.summary
    }

    /// Reads the files.
    pub(super) fn inner(&self) -> &Arc<dyn FileSource> {
        &self.inner
    }

    /// Reads files that may hold NaN.
    pub(super) fn nan_adapter(&self) -> &Arc<dyn PhysicalExprAdapterFactory> {
        &self.nan_adapter
    }

    fn wrap(&self, inner: Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        Arc::new(Self {
            inner,
            ..self.clone()
        })
    }

    /// The source without bloom filters where the filter has a decimal: DataFusion 53 looks for
    /// those in another form than writers put them in, and would lose rows.
    fn with_right_blooms(&self) -> Arc<dyn FileSource> {
        let fields = self.table_schema().table_schema().fields();
        let is_decimal = |column: &Column| {
            let field = fields.get(column.index());
            field.is_some_and(|field| field.data_type().is_decimal())
        };
        let filter = self.filter();
        if !filter.is_some_and(|filter| collect_columns(&filter).iter().any(is_decimal)) {
            return Arc::clone(&self.inner);
        }
        match self.inner.as_any().downcast_ref::<ParquetSource>() {
            Some(parquet) => Arc::new(parquet.clone().with_bloom_filter_on_read(false)),
            None => Arc::clone(&self.inner),
        }
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
        let inner = self.with_right_blooms();
        let open =
            |config: &_| inner.create_file_opener(Arc::clone(&object_store), config, partition);
        let mut base_config = without_files(base_config).build();
        // Where the order is free, DataFusion 53 reads only the row groups that match the filter
        // whole if they have enough rows for a LIMIT, and takes those with NULLs for such.
        base_config.preserve_order |= self.filter().is_some();
        let plain = open(&base_config)?;
        let floats = self
            .filter()
            .map(|filter| floats(&filter, self.table_schema()));
        let floats = floats.unwrap_or_default();
        let with_nan = if floats.is_empty() {
            Arc::clone(&plain)
        } else {
            base_config.expr_adapter_factory = Some(Arc::clone(&self.nan_adapter));
            open(&base_config)?
        };
        Ok(Arc::new(DataFileOpener {
            table: self.summary.table().into(),
            plain,
            with_nan,
            floats,
        }))
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
                write!(f, ", {}, scan={}", self.summary, self.scan)?;
            }
            DisplayFormatType::TreeRender => {
                writeln!(f, "{}", self.summary)?;
                writeln!(f, "scan={}", self.scan)?;
            }
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
        // More are asked for by those above a union of scans, for each of them.
        let target = target_partitions.min(self.partitions);
        let min_size = repartition_file_min_size;
        self.inner
            .repartitioned(target, min_size, output_ordering, config)
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let schema = self.table_schema().table_schema();
        let taken =
            |filter: &Arc<dyn PhysicalExpr>| is_flat(filter, schema) && decided(filter, schema);
        let result = push_some(&self.inner, filters, taken, config)?;
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
        let pushed = self.inner.try_pushdown_projection(projection)?;
        Ok(pushed.map(|inner| self.wrap(inner)))
    }
}

/// Pushes those filters that are `taken`; the others are not pushed.
pub(super) fn push_some(
    source: &Arc<dyn FileSource>,
    filters: Vec<Arc<dyn PhysicalExpr>>,
    taken: impl Fn(&Arc<dyn PhysicalExpr>) -> bool,
    config: &ConfigOptions,
) -> Result<FilterPushdownPropagation<Arc<dyn FileSource>>> {
    let taken: Vec<bool> = filters.iter().map(taken).collect();
    let pushed = filters.into_iter().zip(&taken);
    let pushed = pushed.filter_map(|(filter, taken)| taken.then_some(filter));
    let result = source.try_pushdown_filters(pushed.collect(), config)?;
    let mut answers = result.filters.into_iter();
    let answer = |taken: bool| match taken {
        true => answers.next().unwrap_or(PushedDown::No),
        false => PushedDown::No,
    };
    Ok(FilterPushdownPropagation {
        filters: taken.into_iter().map(answer).collect(),
        updated_node: result.updated_node,
    })
}

/// What opening a file takes from a scan: all but the files, of which there may be many.
pub(super) fn without_files(config: &FileScanConfig) -> FileScanConfigBuilder {
    let (url, source) = (config.object_store_url.clone(), &config.file_source);
    FileScanConfigBuilder::new(url, Arc::clone(source))
        .with_limit(config.limit)
        .with_preserve_order(config.preserve_order)
        .with_batch_size(config.batch_size)
        .with_expr_adapter(config.expr_adapter_factory.clone())
}

/// Whether a filter names no nested column. The reader cannot promise to evaluate the others, since
/// a file may store them in another shape.
fn is_flat(filter: &Arc<dyn PhysicalExpr>, schema: &Schema) -> bool {
    collect_columns(filter).iter().all(|column| {
        let field = schema.fields().get(column.index());
        field.is_some_and(|field| !field.data_type().is_nested())
    })
}

/// The columns of floats that a filter names.
pub(super) fn floats(filter: &Arc<dyn PhysicalExpr>, schema: &TableSchema) -> Vec<usize> {
    let fields = schema.table_schema().fields();
    let is_float = |i: &usize| fields.get(*i).is_some_and(|f| f.data_type().is_floating());
    let indices = collect_columns(filter).into_iter().map(|c| c.index());
    indices.filter(is_float).collect()
}

/// Whether all these columns of floats have bounds in the file: only when the manifest says that they have no NaN.
pub(super) fn bounded(floats: &[usize], file: &PartitionedFile) -> bool {
    let statistics = file.statistics.as_deref();
    floats.iter().all(|column| {
        let column = statistics.and_then(|s| s.column_statistics.get(*column));
        column.is_some_and(|c| c.min_value.get_value().is_some())
    })
}

/// Opens data files.
struct DataFileOpener {
    table: Arc<str>,
    plain: Arc<dyn FileOpener>,
    with_nan: Arc<dyn FileOpener>,
    /// The columns of floats in the filter.
    floats: Vec<usize>,
}

impl FileOpener for DataFileOpener {
    fn open(&self, mut file: PartitionedFile) -> Result<FileOpenFuture> {
        // The manifest may state a size that is too small: the last part goes to the end.
        let size = i64::try_from(file.object_meta.size).unwrap_or(i64::MAX);
        if let Some(FileRange { end, .. }) = &mut file.range
            && *end >= size
        {
            *end = i64::MAX;
        }
        let opener = match bounded(&self.floats, &file) {
            true => &self.plain,
            false => &self.with_nan,
        };
        let (table, path) = (Arc::clone(&self.table), file.object_meta.location.clone());
        let opening = opener.open(file)?;
        Ok(async move {
            let batches = opening.await.map_err(|e| of_file(e, &table, &path))?;
            let named = move |e| of_file(e, &table, &path);
            Ok(batches.map_err(named).boxed())
        }
        .boxed())
    }
}
