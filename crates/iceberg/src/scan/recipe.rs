// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The plans that read the files of a scan.
//!
//! ```text
//! UnionExec                                      where there are files of both kinds, or two stores
//!   DataSourceExec: …, scan=direct               files without deletes
//!   DataSourceExec: …, scan=merge-on-read        files with deletes; all of them when forced
//! ```

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::ColumnStatistics;
use datafusion::common::stats::Precision;
use datafusion::config::TableParquetOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfigBuilder, FileSource, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::union::UnionExec;

use super::deleted_rows::DeletedRows;
use super::merge_on_read::MergeOnReadSource;
use super::path_column::PathSource;
use super::reader::DataFileReaderFactory;
use super::rule::ScanMode;
use super::source::IcebergParquetSource;
use super::summary::ScanSummary;
use crate::plan::{add_distinct_counts, table_statistics};
use crate::schema::FieldIdAdapterFactory;

/// All that plans of one scan are made of.
pub(super) struct ScanRecipe {
    pub(super) summary: Arc<ScanSummary>,
    /// The table's columns.
    pub(super) schema: SchemaRef,
    pub(super) adapter: Arc<FieldIdAdapterFactory>,
    pub(super) deleted: Arc<DeletedRows>,
    /// How many distinct values each column has, by an estimate.
    pub(super) distinct: Vec<Option<usize>>,
    /// At least one.
    pub(super) stores: Vec<StoreFiles>,
    pub(super) options: TableParquetOptions,
    pub(super) projection: Option<Vec<usize>>,
    pub(super) predicate: Option<Arc<dyn PhysicalExpr>>,
    /// Whether the query has filters, of which `predicate` may be only a part.
    pub(super) filtered: bool,
    pub(super) limit: Option<usize>,
    pub(super) partitions: usize,
    /// Whether there is a column `$path` after the others.
    pub(super) path_column: bool,
}

/// The files of one store.
pub(super) struct StoreFiles {
    pub(super) url: ObjectStoreUrl,
    pub(super) readers: Arc<DataFileReaderFactory>,
    pub(super) clean: Vec<PartitionedFile>,
    pub(super) with_deletes: Vec<PartitionedFile>,
    /// Rows that `with_deletes` have less than they seem, by a guess.
    pub(super) likely_deleted: u64,
}

/// Files that one leaf reads.
struct Leaf<'a> {
    store: &'a StoreFiles,
    files: Vec<PartitionedFile>,
    merge: bool,
    partitions: usize,
}

impl Leaf<'_> {
    fn bytes(&self) -> u64 {
        self.files.iter().map(|f| f.object_meta.size).sum()
    }
}

impl ScanRecipe {
    /// The plan that reads the files in this mode, without the query's filters: the optimizer
    /// pushes them down.
    pub(super) fn plan(&self, mode: ScanMode) -> Result<Arc<dyn ExecutionPlan>> {
        let summary = match mode {
            ScanMode::Auto => Arc::clone(&self.summary),
            ScanMode::MergeOnRead => Arc::new(self.summary.forced()),
        };
        let leaves = self.leaves(mode).into_iter();
        let leaves = leaves.map(|leaf| self.leaf(leaf, &summary));
        let mut leaves = leaves.collect::<Result<Vec<_>>>()?;
        if leaves.len() == 1 {
            return Ok(leaves.swap_remove(0));
        }
        UnionExec::try_new(leaves)
    }

    fn leaves(&self, mode: ScanMode) -> Vec<Leaf<'_>> {
        let mut leaves = Vec::new();
        for store in &self.stores {
            let (clean, merged) = match mode {
                ScanMode::Auto => (store.clean.clone(), store.with_deletes.clone()),
                ScanMode::MergeOnRead => {
                    let all = store.clean.iter().chain(&store.with_deletes);
                    (Vec::new(), all.cloned().collect())
                }
            };
            // One without files stands for a scan of nothing.
            for (files, merge) in [(clean, false), (merged, true)] {
                let leaf = Leaf {
                    store,
                    files,
                    merge,
                    partitions: self.partitions,
                };
                leaves.push(leaf);
            }
        }
        leaves.sort_by_key(|leaf| leaf.files.is_empty());
        let some = leaves.iter().filter(|leaf| !leaf.files.is_empty()).count();
        leaves.truncate(some.max(1));
        let sizes: Vec<u64> = leaves.iter().map(Leaf::bytes).collect();
        let shares = shares(self.partitions, &sizes);
        leaves
            .iter_mut()
            .zip(shares)
            .for_each(|(leaf, share)| leaf.partitions = share);
        leaves
    }

    fn leaf(&self, leaf: Leaf<'_>, summary: &Arc<ScanSummary>) -> Result<Arc<dyn ExecutionPlan>> {
        let mut source = self.source(&leaf, summary);
        let of_files: Vec<_> = leaf
            .files
            .iter()
            .filter_map(|f| f.statistics.clone())
            .collect();
        let (columns, bytes) = (self.schema.fields().len(), leaf.bytes());
        let exact_rows = !leaf.merge && !self.filtered && self.limit.is_none();
        let mut statistics = table_statistics(&of_files, columns, bytes, exact_rows);
        if leaf.merge {
            let rows = statistics.num_rows.get_value().copied().unwrap_or(0);
            let deleted = usize::try_from(leaf.store.likely_deleted).unwrap_or(usize::MAX);
            statistics.num_rows = Precision::Inexact(rows.saturating_sub(deleted));
        }
        if self.path_column {
            source = Arc::new(PathSource::new(source));
            statistics
                .column_statistics
                .push(ColumnStatistics::new_unknown());
        }
        add_distinct_counts(&mut statistics, &self.distinct);
        let adapter = Arc::clone(self.adapter(leaf.merge));
        let config = FileScanConfigBuilder::new(leaf.store.url.clone(), source)
            .with_file_groups(balanced(leaf.files, leaf.partitions))
            .with_statistics(statistics)
            .with_limit(self.limit)
            .with_expr_adapter(Some(adapter as _))
            .with_projection_indices(self.projection.clone())?;
        Ok(DataSourceExec::from_data_source(config.build()))
    }

    /// Finds columns in files; merge-on-read needs more of them.
    fn adapter(&self, merge: bool) -> &Arc<FieldIdAdapterFactory> {
        if merge {
            self.deleted.keys.adapter()
        } else {
            &self.adapter
        }
    }

    fn source(&self, leaf: &Leaf<'_>, summary: &Arc<ScanSummary>) -> Arc<dyn FileSource> {
        let readers = &leaf.store.readers;
        let hint = self.options.global.metadata_size_hint;
        let schema = if leaf.merge {
            self.deleted.keys.schema()
        } else {
            &self.schema
        };
        let mut parquet = ParquetSource::new(Arc::clone(schema))
            .with_table_parquet_options(self.options.clone())
            .with_parquet_file_reader_factory(Arc::clone(readers) as _);
        if let Some(hint) = hint {
            parquet = parquet.with_metadata_size_hint(hint);
        }
        let source = Arc::new(IcebergParquetSource::new(
            Arc::new(parquet),
            Arc::clone(summary),
            Arc::new(self.adapter(leaf.merge).with_opaque_floats()),
            if leaf.merge {
                "merge-on-read"
            } else {
                "direct"
            },
            leaf.partitions,
        ));
        if !leaf.merge {
            return source;
        }
        Arc::new(MergeOnReadSource::new(
            source,
            TableSchema::from_file_schema(Arc::clone(&self.schema)),
            Arc::clone(&self.deleted),
            Arc::clone(readers),
            hint,
            summary.table().into(),
        ))
    }
}

impl Debug for ScanRecipe {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScanRecipe")
            .field("summary", &self.summary)
            .finish_non_exhaustive()
    }
}

/// Deals `partitions` out by size, to everyone at least one.
fn shares(partitions: usize, sizes: &[u64]) -> Vec<usize> {
    let mut shares = vec![1; sizes.len()];
    for _ in sizes.len()..partitions {
        // To the one that has most bytes for each of its partitions.
        let load = |(size, share): &(u64, usize)| *size as f64 / *share as f64;
        let loads = sizes.iter().copied().zip(shares.iter().copied());
        let loads = loads.map(|pair| load(&pair)).enumerate();
        if let Some((most, _)) = loads.max_by(|(_, a), (_, b)| a.total_cmp(b)) {
            shares[most] += 1;
        }
    }
    shares
}

/// Spreads files over at most `partitions` groups of about the same size: the largest first, each
/// to the group that has least. There is always a group, so that an empty scan runs.
fn balanced(mut files: Vec<PartitionedFile>, partitions: usize) -> Vec<FileGroup> {
    let count = partitions.clamp(1, files.len().max(1));
    files.sort_by_key(|file| std::cmp::Reverse(file.object_meta.size));
    let mut groups: Vec<(u64, Vec<PartitionedFile>)> = vec![(0, Vec::new()); count];
    for file in files {
        if let Some((size, group)) = groups.iter_mut().min_by_key(|(size, _)| *size) {
            *size += file.object_meta.size;
            group.push(file);
        }
    }
    groups
        .into_iter()
        .map(|(_, files)| FileGroup::new(files))
        .collect()
}
