// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Builds the scan of planned files.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::catalog::Session;
use datafusion::common::Statistics;
use datafusion::config::TableParquetOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfig, FileScanConfigBuilder, FileSource, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::union::UnionExec;
use object_store::{ObjectMeta, ObjectStore};

use super::exec::IcebergScanExec;
use super::reader::DataFileReaderFactory;
use super::source::IcebergParquetSource;
use super::summary::ScanSummary;
use crate::plan::{PlannedFile, file_statistics, table_statistics};
use crate::schema::{FieldIdAdapterFactory, TableColumns};
use crate::storage::TableStorage;

/// A scan to build.
pub(crate) struct ScanRequest<'a> {
    pub(crate) session: &'a dyn Session,
    pub(crate) columns: &'a TableColumns,
    pub(crate) adapter: Arc<FieldIdAdapterFactory>,
    pub(crate) storage: &'a TableStorage,
    /// The table's location, whose store serves a scan without files.
    pub(crate) location: &'a str,
    pub(crate) summary: Arc<ScanSummary>,
    pub(crate) projection: Option<&'a Vec<usize>>,
    pub(crate) predicate: Option<Arc<dyn PhysicalExpr>>,
    /// Whether the query has filters, of which `predicate` may be only a part.
    pub(crate) filtered: bool,
    pub(crate) limit: Option<usize>,
}

/// The files of one store.
struct StoreFiles {
    url: ObjectStoreUrl,
    store: Arc<dyn ObjectStore>,
    files: Vec<PartitionedFile>,
    statistics: Vec<Arc<Statistics>>,
}

/// Builds the scan of `files`: one leaf for each store that they lie in.
pub(crate) fn build_scan(
    request: &ScanRequest<'_>,
    files: &[PlannedFile],
) -> Result<Arc<dyn ExecutionPlan>> {
    let mut scans = Vec::new();
    for files in by_store(request, files)? {
        let runtime = request.session.runtime_env();
        runtime.register_object_store(files.url.as_ref(), Arc::clone(&files.store));
        scans.push(leaf(request, files)?);
    }
    if scans.len() == 1 {
        return Ok(scans.swap_remove(0));
    }
    UnionExec::try_new(scans)
}

fn by_store(request: &ScanRequest<'_>, files: &[PlannedFile]) -> Result<Vec<StoreFiles>> {
    let wanted = wanted_columns(request);
    let mut stores: BTreeMap<String, StoreFiles> = BTreeMap::new();
    let locations = files.iter().map(|f| (f.entry.file_path(), Some(f)));
    let nothing = files.is_empty().then_some((request.location, None));
    for (location, file) in locations.chain(nothing) {
        let (url, store, path) = request.storage.resolve(location)?;
        let last_modified = immutable_since(url.as_str());
        let files = stores
            .entry(url.as_str().to_string())
            .or_insert_with(|| StoreFiles {
                url,
                store,
                files: Vec::new(),
                statistics: Vec::new(),
            });
        let Some(file) = file else { continue };
        let statistics = file_statistics(file, request.columns, &wanted);
        let size = file.entry.file_size_in_bytes();
        let meta = ObjectMeta {
            location: path,
            last_modified,
            size,
            e_tag: None,
            version: None,
        };
        let file = PartitionedFile::new_from_meta(meta);
        files
            .files
            .push(file.with_statistics(Arc::clone(&statistics)));
        files.statistics.push(statistics);
    }
    Ok(stores.into_values().collect())
}

/// Statistics are made for the columns that the query reads.
fn wanted_columns(request: &ScanRequest<'_>) -> Vec<bool> {
    let count = request.columns.columns().len();
    let Some(projection) = request.projection else {
        return vec![true; count];
    };
    let mut wanted = vec![false; count];
    let filtered = request.predicate.iter().flat_map(|predicate| {
        let columns = datafusion::physical_expr::utils::collect_columns(predicate);
        columns
            .into_iter()
            .filter_map(|c| request.columns.index_of(c.name()))
    });
    for index in projection.iter().copied().chain(filtered) {
        if let Some(wanted) = wanted.get_mut(index) {
            *wanted = true;
        }
    }
    wanted
}

/// Data files never change, so their time is a constant. The footer cache knows files by path
/// alone; the time tells the same path in two stores apart.
fn immutable_since(store: &str) -> DateTime<Utc> {
    let mut hasher = DefaultHasher::new();
    store.hash(&mut hasher);
    let seconds = i64::from(hasher.finish() as u32);
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

fn leaf(request: &ScanRequest<'_>, files: StoreFiles) -> Result<Arc<dyn ExecutionPlan>> {
    let columns = request.columns.columns().len();
    let bytes = files.files.iter().map(|f| f.object_meta.size).sum();
    let exact_rows = !request.filtered && request.limit.is_none();
    let statistics = table_statistics(&files.statistics, columns, bytes, exact_rows);
    let partitions = request.session.config().target_partitions();
    let groups = balanced(files.files, partitions);
    let config = |predicate| -> Result<FileScanConfig> {
        let source = source(request, Arc::clone(&files.store), predicate);
        let builder = FileScanConfigBuilder::new(files.url.clone(), source)
            .with_file_groups(groups.clone())
            .with_statistics(statistics.clone())
            .with_limit(request.limit.filter(|_| !request.filtered))
            .with_expr_adapter(Some(Arc::clone(&request.adapter) as _))
            .with_projection_indices(request.projection.cloned())?;
        Ok(builder.build())
    };
    let chosen = DataSourceExec::from_data_source(config(None)?);
    let alone = match &request.predicate {
        Some(predicate) => DataSourceExec::from_data_source(config(Some(Arc::clone(predicate)))?),
        None => Arc::clone(&chosen),
    };
    Ok(Arc::new(IcebergScanExec::new(
        chosen,
        alone,
        Arc::clone(&request.summary),
    )))
}

fn source(
    request: &ScanRequest<'_>,
    store: Arc<dyn ObjectStore>,
    predicate: Option<Arc<dyn PhysicalExpr>>,
) -> Arc<dyn FileSource> {
    let mut global = request.session.config_options().execution.parquet.clone();
    // Iceberg's timestamps are microseconds, and Spark wrote them as INT96 once.
    global.coerce_int96 = Some("us".to_string());
    let hint = global.metadata_size_hint;
    let options = TableParquetOptions {
        global,
        ..TableParquetOptions::default()
    };
    let footers = request
        .session
        .runtime_env()
        .cache_manager
        .get_file_metadata_cache();
    let readers = Arc::new(DataFileReaderFactory::new(store, footers));
    let mut parquet = ParquetSource::new(Arc::clone(request.columns.arrow()))
        .with_table_parquet_options(options)
        .with_parquet_file_reader_factory(readers);
    if let Some(hint) = hint {
        parquet = parquet.with_metadata_size_hint(hint);
    }
    if let Some(predicate) = predicate {
        parquet = parquet.with_predicate(predicate);
    }
    let nan_adapter = Arc::new(request.adapter.with_opaque_floats());
    let summary = Arc::clone(&request.summary);
    Arc::new(IcebergParquetSource::new(
        Arc::new(parquet),
        summary,
        nan_adapter,
    ))
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
