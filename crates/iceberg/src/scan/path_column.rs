// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The column `$path`: the data file that a row is in, as the table's metadata names it.

use std::any::Any;
use std::collections::HashMap;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::internal_err;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileOpenFuture, FileOpener, FileScanConfig, FileSource,
};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::projection::{ProjectionExpr, ProjectionExprs};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{LexOrdering, PhysicalExpr};
use datafusion::physical_plan::DisplayFormatType;
use datafusion::physical_plan::filter_pushdown::FilterPushdownPropagation;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::{FutureExt, StreamExt};
use object_store::ObjectStore;

use super::source::{push_some, without_files};
use crate::plan::PlannedFile;

/// What the column is called.
pub(crate) const PATH_COLUMN: &str = "$path";

/// `schema` with the column at its end.
pub(crate) fn with_path(schema: &Schema) -> SchemaRef {
    let path: FieldRef = Arc::new(Field::new(PATH_COLUMN, DataType::Utf8, false));
    let fields = schema.fields().iter().cloned().chain([path]);
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Another source with the column after its own. Each `PartitionedFile` has to carry the planned
/// file.
#[derive(Clone)]
pub(super) struct PathSource {
    /// Reads all other columns.
    inner: Arc<dyn FileSource>,
    schema: TableSchema,
    /// What the query wants.
    projection: ProjectionExprs,
}

impl PathSource {
    /// `inner`, which has no projection, with the column.
    pub(super) fn new(inner: Arc<dyn FileSource>) -> Self {
        let schema = with_path(inner.table_schema().table_schema());
        let all: Vec<usize> = (0..schema.fields().len()).collect();
        Self {
            inner,
            projection: ProjectionExprs::from_indices(&all, &schema),
            schema: TableSchema::from_file_schema(schema),
        }
    }

    fn wrap(&self, inner: Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        Arc::new(Self {
            inner,
            ..self.clone()
        })
    }

    /// The position of the column.
    fn path(&self) -> usize {
        self.schema.table_schema().fields().len() - 1
    }
}

impl Debug for PathSource {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("PathSource")
            .field("inner", &self.inner.file_type())
            .field("projection", &self.projection)
            .finish()
    }
}

impl FileSource for PathSource {
    fn create_file_opener(
        &self,
        object_store: Arc<dyn ObjectStore>,
        base_config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let schema = self.schema.table_schema();
        let mut wanted = self.projection.column_indices();
        let with_path = wanted.contains(&self.path());
        wanted.retain(|column| *column != self.path());
        let inner_schema = self.inner.table_schema().table_schema();
        let inner_projection = ProjectionExprs::from_indices(&wanted, inner_schema);
        let Some(inner) = self.inner.try_pushdown_projection(&inner_projection)? else {
            return internal_err!("{} takes no projection", self.inner.file_type());
        };
        let mut places: HashMap<usize, usize> = wanted
            .iter()
            .enumerate()
            .map(|(at, column)| (*column, at))
            .collect();
        places.insert(self.path(), wanted.len());
        let exprs = self.projection.iter().map(|expr| {
            let moved = moved(&expr.expr, &places)?;
            Ok(ProjectionExpr::new(moved, expr.alias.clone()))
        });
        let path = with_path.then_some(self.path());
        let read: Vec<usize> = wanted.iter().copied().chain(path).collect();
        let config = without_files(base_config).build();
        Ok(Arc::new(PathOpener {
            inner: inner.create_file_opener(object_store, &config, partition)?,
            with_path,
            read: Arc::new(schema.project(&read)?),
            exprs: exprs.collect::<Result<Vec<_>>>()?.into(),
            output: Arc::new(self.projection.project_schema(schema)?),
        }))
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

    /// Filters that name the column are for those above.
    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let of_inner = |filter: &Arc<dyn PhysicalExpr>| {
            let columns = collect_columns(filter);
            columns.iter().all(|column| column.index() != self.path())
        };
        let result = push_some(&self.inner, filters, of_inner, config)?;
        Ok(FilterPushdownPropagation {
            filters: result.filters,
            updated_node: result.updated_node.map(|inner| self.wrap(inner)),
        })
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

/// `expr` for batches that have its columns at other places.
pub(super) fn moved(
    expr: &Arc<dyn PhysicalExpr>,
    places: &HashMap<usize, usize>,
) -> Result<Arc<dyn PhysicalExpr>> {
    let moved = Arc::clone(expr).transform(|expr| {
        let Some(column) = expr.as_any().downcast_ref::<Column>() else {
            return Ok(Transformed::no(expr));
        };
        let Some(place) = places.get(&column.index()) else {
            return internal_err!("column {column} was not read");
        };
        Ok(Transformed::yes(
            Arc::new(Column::new(column.name(), *place)) as _,
        ))
    });
    Ok(moved?.data)
}

/// Opens files and adds the column to their batches.
struct PathOpener {
    inner: Arc<dyn FileOpener>,
    /// Whether the query wants the column.
    with_path: bool,
    /// The columns that are read, and the path if it is wanted.
    read: SchemaRef,
    /// What the query wants, over `read`.
    exprs: Arc<[ProjectionExpr]>,
    output: SchemaRef,
}

impl FileOpener for PathOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let planned = file.extensions.clone();
        let Some(planned) = planned.and_then(|planned| planned.downcast::<PlannedFile>().ok())
        else {
            let path = &file.object_meta.location;
            return internal_err!("data file '{path}' lost its name on the way to its reader");
        };
        let opening = self.inner.open(file)?;
        let (read, output) = (Arc::clone(&self.read), Arc::clone(&self.output));
        let (exprs, with_path) = (Arc::clone(&self.exprs), self.with_path);
        Ok(async move {
            let batches = opening.await?;
            let named = move |batch: Result<RecordBatch>| {
                let path = with_path.then(|| planned.entry.file_path());
                named(&batch?, path, &read, &exprs, &output)
            };
            Ok(batches.map(named).boxed())
        }
        .boxed())
    }
}

/// The wanted columns of a batch that comes from `path`, which is None if it is not wanted.
fn named(
    batch: &RecordBatch,
    path: Option<&str>,
    read: &SchemaRef,
    exprs: &[ProjectionExpr],
    output: &SchemaRef,
) -> Result<RecordBatch> {
    let rows = batch.num_rows();
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    if let Some(path) = path {
        let paths = StringArray::from_iter_values(std::iter::repeat_n(path, rows));
        columns.push(Arc::new(paths));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let whole = RecordBatch::try_new_with_options(Arc::clone(read), columns, &options)?;
    let wanted = exprs
        .iter()
        .map(|expr| expr.expr.evaluate(&whole)?.into_array(rows));
    let wanted = wanted.collect::<Result<Vec<_>>>()?;
    Ok(RecordBatch::try_new_with_options(
        Arc::clone(output),
        wanted,
        &options,
    )?)
}
