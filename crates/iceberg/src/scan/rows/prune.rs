// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Which row groups and pages of a file the filters leave.
//!
//! As DataFusion's Parquet source decides it, in the same order: byte range, statistics, bloom filters, page index. A filter
//! that a join fills while the query runs is taken as it stands when the file is opened; its parts prune pages too.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef, TimeUnit};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue};
use datafusion::datasource::file_format::parquet::{
    apply_file_schema_type_coercions, coerce_int96_to_resolution,
};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileMetrics;
use datafusion::datasource::physical_plan::parquet::{
    PagePruningAccessPlanFilter, ParquetAccessPlan, RowGroupAccessPlanFilter,
};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::simplifier::PhysicalExprSimplifier;
use datafusion::physical_expr_adapter::{
    PhysicalExprAdapterFactory, replace_columns_with_literals,
};
use datafusion::physical_expr_common::physical_expr::snapshot_physical_expr;
use datafusion::physical_optimizer::pruning::{PruningPredicate, build_pruning_predicate};
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet};
use parquet::arrow::ParquetRecordBatchStreamBuilder;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::AsyncFileReader;

use super::leaf::Leaf;

/// A filter over the file's own columns.
struct FileFilter {
    expr: Arc<dyn PhysicalExpr>,
    /// The file's columns as the source reads them.
    schema: SchemaRef,
}

/// `filter` with values in place of the columns that are constant in a file: those of its partition, which the file may lack, and
/// those whose statistics say so. The source reads these columns in the same way.
pub(super) fn with_constants(
    filter: &Arc<dyn PhysicalExpr>,
    schema: &TableSchema,
    file: &PartitionedFile,
) -> Result<Arc<dyn PhysicalExpr>> {
    let names = schema.table_partition_cols().iter();
    let mut constants: HashMap<&str, ScalarValue> = names
        .map(|column| column.name().as_str())
        .zip(file.partition_values.iter().cloned())
        .collect();
    if let Some(statistics) = &file.statistics {
        let columns = schema.file_schema().fields().iter();
        for (field, column) in columns.zip(&statistics.column_statistics) {
            if let Some(value) = constant(column, &statistics.num_rows, field.data_type()) {
                constants.insert(field.name(), value);
            }
        }
    }
    match constants.is_empty() {
        true => Ok(Arc::clone(filter)),
        false => replace_columns_with_literals(Arc::clone(filter), &constants),
    }
}

/// The value of a column that has but one, by exact statistics.
fn constant(
    column: &ColumnStatistics,
    rows: &Precision<usize>,
    data_type: &DataType,
) -> Option<ScalarValue> {
    let nulls = match column.null_count {
        Precision::Exact(nulls) => nulls,
        _ => return None,
    };
    if let (Precision::Exact(min), Precision::Exact(max)) = (&column.min_value, &column.max_value)
        && nulls == 0
        && min == max
        && !min.is_null()
    {
        return min.cast_to(data_type).ok();
    }
    let all = matches!(rows, Precision::Exact(rows) if *rows == nulls);
    all.then(|| ScalarValue::try_new_null(data_type).ok())?
}

/// A file to prune.
pub(super) struct FilePruning<'a> {
    pub(super) leaf: &'a Leaf,
    pub(super) file: &'a PartitionedFile,
    /// Over the table's columns.
    pub(super) filter: Option<&'a Arc<dyn PhysicalExpr>>,
    /// Finds the table's columns in the file.
    pub(super) adapter: Arc<dyn PhysicalExprAdapterFactory>,
    /// What EXPLAIN ANALYZE shows.
    pub(super) shown: &'a ParquetFileMetrics,
}

impl FilePruning<'_> {
    /// What the filter leaves of `plan`.
    pub(super) async fn prune(
        &self,
        plan: ParquetAccessPlan,
        metadata: ArrowReaderMetadata,
        reader: Box<dyn AsyncFileReader>,
    ) -> Result<ParquetAccessPlan> {
        let footer = Arc::clone(metadata.metadata());
        let mut groups = RowGroupAccessPlanFilter::new(plan);
        if let Some(range) = &self.file.range {
            groups.prune_by_range(footer.row_groups(), range);
        }
        let filter = match self.filter {
            Some(filter) => FileFilter::new(self.leaf, filter, &self.adapter, &metadata)?,
            None => return Ok(groups.build()),
        };
        let options = &self.leaf.parquet.table_parquet_options().global;
        let (schema, parquet_schema) = (&filter.schema, footer.file_metadata().schema_descr());
        // The source counts what it reads; what it does not even see is added from here.
        let counted = ParquetFileMetrics::new(0, "", &ExecutionPlanMetricsSet::new());
        if let Some(predicate) = filter.row_groups() {
            if options.pruning {
                let all = footer.row_groups();
                groups.prune_by_statistics(schema, parquet_schema, all, &predicate, &counted);
            }
            if options.bloom_filter_on_read && !groups.is_empty() && blooms(&predicate, schema) {
                let mut file = ParquetRecordBatchStreamBuilder::new_with_metadata(reader, metadata);
                let found = groups.prune_by_bloom_filters(schema, &mut file, &predicate, &counted);
                found.await;
            }
        }
        let mut plan = groups.build();
        if options.enable_page_index && plan.row_group_index_iter().next().is_some() {
            let pages = PagePruningAccessPlanFilter::new(&filter.expr, Arc::clone(schema));
            plan =
                pages.prune_plan_with_page_index(plan, schema, parquet_schema, &footer, &counted);
        }
        show(&counted, self.shown);
        Ok(plan)
    }
}

impl FileFilter {
    fn new(
        leaf: &Leaf,
        filter: &Arc<dyn PhysicalExpr>,
        adapter: &Arc<dyn PhysicalExprAdapterFactory>,
        metadata: &ArrowReaderMetadata,
    ) -> Result<Self> {
        let logical = leaf.table_schema().file_schema();
        let schema = file_schema(leaf, logical, metadata)?;
        let now = snapshot_physical_expr(Arc::clone(filter))?;
        let rewriter = adapter.create(Arc::clone(logical), Arc::clone(&schema))?;
        let expr = PhysicalExprSimplifier::new(&schema).simplify(rewriter.rewrite(now)?)?;
        Ok(Self { expr, schema })
    }

    fn row_groups(&self) -> Option<Arc<PruningPredicate>> {
        build_pruning_predicate(Arc::clone(&self.expr), &self.schema, &Count::new())
    }
}

/// Whether bloom filters tell what a predicate asks: DataFusion 53 looks for decimals in another form than writers put them in.
fn blooms(predicate: &PruningPredicate, schema: &Schema) -> bool {
    predicate.literal_columns().iter().all(|column| {
        let field = schema.field_with_name(column);
        field.is_ok_and(|field| !field.data_type().is_decimal())
    })
}

/// The file's columns in the types in which the source reads them.
fn file_schema(
    leaf: &Leaf,
    logical: &SchemaRef,
    metadata: &ArrowReaderMetadata,
) -> Result<SchemaRef> {
    let options = &leaf.parquet.table_parquet_options().global;
    let read = readable(options.coerce_int96.as_deref(), logical, metadata.clone())?;
    Ok(Arc::clone(read.schema()))
}

/// `metadata` with the types in which the source reads the file's columns.
pub(in crate::scan) fn readable(
    coerce_int96: Option<&str>,
    logical: &SchemaRef,
    mut metadata: ArrowReaderMetadata,
) -> Result<ArrowReaderMetadata> {
    if let Some(coerced) = apply_file_schema_type_coercions(logical, metadata.schema()) {
        metadata = read_as(&metadata, coerced)?;
    }
    let unit = match coerce_int96 {
        Some("s") => TimeUnit::Second,
        Some("ms") => TimeUnit::Millisecond,
        Some("us") => TimeUnit::Microsecond,
        Some("ns") => TimeUnit::Nanosecond,
        _ => return Ok(metadata),
    };
    let columns = metadata.metadata().file_metadata().schema_descr();
    match coerce_int96_to_resolution(columns, metadata.schema(), &unit) {
        Some(coerced) => read_as(&metadata, coerced),
        None => Ok(metadata),
    }
}

fn read_as(metadata: &ArrowReaderMetadata, schema: Schema) -> Result<ArrowReaderMetadata> {
    let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
    Ok(ArrowReaderMetadata::try_new(
        Arc::clone(metadata.metadata()),
        options,
    )?)
}

/// Adds what was pruned to what EXPLAIN ANALYZE shows.
fn show(counted: &ParquetFileMetrics, shown: &ParquetFileMetrics) {
    for (counted, shown) in [
        (
            &counted.row_groups_pruned_statistics,
            &shown.row_groups_pruned_statistics,
        ),
        (
            &counted.row_groups_pruned_bloom_filter,
            &shown.row_groups_pruned_bloom_filter,
        ),
        (
            &counted.page_index_rows_pruned,
            &shown.page_index_rows_pruned,
        ),
        (
            &counted.page_index_pages_pruned,
            &shown.page_index_pages_pruned,
        ),
    ] {
        shown.add_pruned(counted.pruned());
    }
    // Without a filter the source counts no pages.
    for (counted, shown) in [
        (
            &counted.page_index_rows_pruned,
            &shown.page_index_rows_pruned,
        ),
        (
            &counted.page_index_pages_pruned,
            &shown.page_index_pages_pruned,
        ),
    ] {
        shown.add_matched(counted.matched());
    }
}
