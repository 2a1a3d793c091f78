// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The Parquet scans at the bottom of a plan, taken apart.

use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use datafusion::common::internal_datafusion_err;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::physical_plan::parquet::DefaultParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{
    FileOpener, FileScanConfig, FileSource, ParquetFileReaderFactory, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_expr::expressions::{Column, lit};
use datafusion::physical_expr::projection::{ProjectionExpr, ProjectionExprs};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, split_conjunction};
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapterFactory, PhysicalExprAdapterFactory,
};
use datafusion::physical_expr_common::physical_expr::{is_dynamic_physical_expr, is_volatile};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan};
use object_store::ObjectStore;
use object_store::path::Path;

use super::super::deleted_rows::DeletedRows;
use super::super::merge_on_read::MergeOnReadSource;
use super::super::named_error::of_file;
use super::super::path_column::moved;
use super::super::source::{IcebergParquetSource, without_files};

/// A Parquet scan, taken apart.
pub(super) struct Leaf {
    /// Reads the files, without filters.
    pub(super) parquet: ParquetSource,
    /// The scan's columns, over those that `parquet` gives.
    output: ProjectionExprs,
    /// The scan's columns, over those of the table.
    columns: ProjectionExprs,
    /// The scan's filters, over the columns of the table.
    pub(super) filter: Option<Arc<dyn PhysicalExpr>>,
    /// Whether the scan applied its filters to each row.
    filtered: bool,
    pub(super) config: FileScanConfig,
    /// What only scans of Iceberg tables have.
    pub(super) table: Option<TableParts>,
}

/// What scans of Iceberg tables have besides.
pub(super) struct TableParts {
    pub(super) name: Arc<str>,
    /// Reads files that may hold NaN.
    pub(super) nan_adapter: Arc<dyn PhysicalExprAdapterFactory>,
    /// Where files may have deletes.
    pub(super) deleted: Option<Arc<DeletedRows>>,
}

impl Leaf {
    /// The parts of `scan` if its rows can be referred to.
    pub(super) fn of(scan: &DataSourceExec) -> Result<Option<Self>> {
        let Some(config) = scan.data_source().as_any().downcast_ref::<FileScanConfig>() else {
            return Ok(None);
        };
        // Which rows a limit leaves depends on how they are read.
        if config.limit.is_some()
            || config.file_compression_type != FileCompressionType::UNCOMPRESSED
        {
            return Ok(None);
        }
        let Some((parquet, table)) = parts(config.file_source()) else {
            return Ok(None);
        };
        let (source, width) = (config.file_source(), scan.schema().fields().len());
        let columns = match source.projection() {
            Some(columns) if !columns.iter().any(|c| is_volatile(&c.expr)) => columns.clone(),
            _ => return Ok(None),
        };
        // Merge-on-read projects by itself; of other scans the Parquet source does.
        let merge = table.as_ref().is_some_and(|table| table.deleted.is_some());
        let output = match merge {
            true => columns.clone(),
            false => ProjectionExprs::from_indices(&(0..width).collect::<Vec<_>>(), &scan.schema()),
        };
        let filtered = parquet.table_parquet_options().global.pushdown_filters;
        let plain = parquet
            .with_predicate(lit(true))
            .with_pushdown_filters(false);
        if is_reversed(&plain) {
            return Ok(None);
        }
        Ok(Some(Self {
            parquet: plain,
            output,
            columns,
            filter: source.filter(),
            filtered,
            config: config.clone(),
            table,
        }))
    }

    /// The conditions that the scan applied to each row, over its own columns; None when they name a column that it does not
    /// give. Filters that change while the query runs are only meant to prune.
    pub(super) fn conditions(&self) -> Result<Option<Vec<Arc<dyn PhysicalExpr>>>> {
        let Some(filter) = self.filter.as_ref().filter(|_| self.filtered) else {
            return Ok(Some(Vec::new()));
        };
        let mut places = HashMap::new();
        for (at, expr) in self.columns.iter().enumerate() {
            if let Some(column) = expr.expr.as_any().downcast_ref::<Column>() {
                places.insert(column.index(), at);
            }
        }
        let mut conditions = Vec::new();
        for part in split_conjunction(filter) {
            if is_dynamic_physical_expr(part) {
                continue;
            }
            let columns = collect_columns(part);
            if !columns.iter().all(|c| places.contains_key(&c.index())) {
                return Ok(None);
            }
            conditions.push(moved(part, &places)?);
        }
        Ok(Some(conditions))
    }

    /// The source that gives `exprs`, which are over the scan's columns.
    pub(super) fn projected(&self, exprs: &ProjectionExprs) -> Result<ParquetSource> {
        self.read(&self.output.try_merge(exprs)?)
    }

    /// The same with more columns after them, over those that `parquet` gives.
    pub(super) fn projected_with(
        &self,
        exprs: &ProjectionExprs,
        more: impl IntoIterator<Item = ProjectionExpr>,
    ) -> Result<ParquetSource> {
        let exprs = self.output.try_merge(exprs)?;
        self.read(&ProjectionExprs::new(exprs.iter().cloned().chain(more)))
    }

    fn read(&self, exprs: &ProjectionExprs) -> Result<ParquetSource> {
        let source = self.parquet.try_pushdown_projection(exprs)?;
        let parquet = source
            .as_ref()
            .and_then(|source| source.as_any().downcast_ref::<ParquetSource>());
        parquet
            .cloned()
            .ok_or_else(|| internal_datafusion_err!("the Parquet source takes no projection"))
    }

    /// Opens files by `source`, in batches of so many rows.
    pub(super) fn opener(
        &self,
        source: &ParquetSource,
        store: Arc<dyn ObjectStore>,
        batch_size: usize,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let config = without_files(&self.config)
            .with_preserve_order(true)
            .build();
        let source = source.with_batch_size(batch_size);
        source.create_file_opener(store, &config, partition)
    }

    /// Gives readers of the files.
    pub(super) fn readers(
        &self,
        store: &Arc<dyn ObjectStore>,
    ) -> Arc<dyn ParquetFileReaderFactory> {
        match self.parquet.parquet_file_reader_factory() {
            Some(readers) => Arc::clone(readers),
            None => Arc::new(DefaultParquetFileReaderFactory::new(Arc::clone(store))),
        }
    }

    /// The columns that the files are read as.
    pub(super) fn table_schema(&self) -> &TableSchema {
        self.parquet.table_schema()
    }

    /// What EXPLAIN ANALYZE shows of the scan.
    pub(super) fn metrics(&self) -> &ExecutionPlanMetricsSet {
        FileSource::metrics(&self.parquet)
    }

    /// What is deleted of the files, if anything may be.
    pub(super) fn deleted(&self) -> Option<&Arc<DeletedRows>> {
        self.table.as_ref()?.deleted.as_ref()
    }

    /// Finds columns in files.
    pub(super) fn adapter(&self) -> Arc<dyn PhysicalExprAdapterFactory> {
        match &self.config.expr_adapter_factory {
            Some(adapter) => Arc::clone(adapter),
            None => Arc::new(DefaultPhysicalExprAdapterFactory),
        }
    }

    /// `error` with the names of the file and its table.
    pub(super) fn named(&self, error: DataFusionError, path: &Path) -> DataFusionError {
        match &self.table {
            Some(table) => of_file(error, &table.name, path),
            None => error,
        }
    }
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaf")
            .field("table", &self.table.as_ref().map(|table| &table.name))
            .field("columns", &self.columns)
            .finish_non_exhaustive()
    }
}

/// The Parquet source within a source, and what is around it.
fn parts(source: &Arc<dyn FileSource>) -> Option<(ParquetSource, Option<TableParts>)> {
    let any = source.as_any();
    if let Some(parquet) = any.downcast_ref::<ParquetSource>() {
        return Some((parquet.clone(), None));
    }
    let merge = any.downcast_ref::<MergeOnReadSource>();
    let direct = match merge {
        Some(merge) => merge.inner(),
        None => source,
    };
    let direct = direct.as_any().downcast_ref::<IcebergParquetSource>()?;
    let parquet = direct.inner().as_any().downcast_ref::<ParquetSource>()?;
    let table = TableParts {
        name: direct.summary().table().into(),
        nan_adapter: Arc::clone(direct.nan_adapter()),
        deleted: merge.map(|merge| Arc::clone(merge.deleted())),
    };
    Some((parquet.clone(), Some(table)))
}

/// Whether the source gives the last row group of a file first. Only EXPLAIN can tell.
fn is_reversed(parquet: &ParquetSource) -> bool {
    struct Shown<'a>(&'a ParquetSource);
    impl Display for Shown<'_> {
        fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
            self.0.fmt_extra(DisplayFormatType::Default, f)
        }
    }
    Shown(parquet)
        .to_string()
        .contains("reverse_row_groups=true")
}
