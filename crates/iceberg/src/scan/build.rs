// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! From planned files to the leaf that scans them.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::catalog::Session;
use datafusion::config::TableParquetOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use iceberg::spec::TableMetadataRef;
use object_store::ObjectMeta;

use super::deleted_rows::{DeletedRows, KeyColumns};
use super::exec::IcebergScanExec;
use super::reader::DataFileReaderFactory;
use super::recipe::{ScanRecipe, StoreFiles};
use super::summary::ScanSummary;
use crate::deletes::DeleteLoader;
use crate::plan::{PlannedFile, distinct_counts, file_statistics};
use crate::schema::{FieldIdAdapterFactory, TableColumns};
use crate::storage::TableStorage;

/// A scan to build.
pub(crate) struct ScanRequest<'a> {
    pub(crate) session: &'a dyn Session,
    pub(crate) columns: &'a TableColumns,
    pub(crate) adapter: Arc<FieldIdAdapterFactory>,
    pub(crate) storage: &'a Arc<TableStorage>,
    pub(crate) metadata: TableMetadataRef,
    pub(crate) summary: Arc<ScanSummary>,
    pub(crate) projection: Option<&'a Vec<usize>>,
    pub(crate) predicate: Option<Arc<dyn PhysicalExpr>>,
    /// Whether the query has filters, of which `predicate` may be only a part.
    pub(crate) filtered: bool,
    pub(crate) limit: Option<usize>,
    /// Whether there is a column `$path` after the others.
    pub(crate) path_column: bool,
}

/// Builds the scan of `files`.
pub(crate) fn build_scan(
    request: &ScanRequest<'_>,
    files: &[PlannedFile],
) -> Result<Arc<dyn ExecutionPlan>> {
    let snapshot_id = request.summary.snapshot_id();
    let recipe = ScanRecipe {
        summary: Arc::clone(&request.summary),
        schema: Arc::clone(request.columns.arrow()),
        adapter: Arc::clone(&request.adapter),
        deleted: Arc::new(deleted_rows(request, files)?),
        distinct: distinct_counts(&request.metadata, snapshot_id, request.columns),
        stores: by_store(request, files)?,
        options: parquet_options(request.session),
        projection: request.projection.cloned(),
        predicate: request.predicate.clone(),
        filtered: request.filtered,
        limit: request.limit.filter(|_| !request.filtered),
        partitions: request.session.config().target_partitions(),
        path_column: request.path_column,
    };
    Ok(Arc::new(IcebergScanExec::try_new(recipe)?))
}

fn deleted_rows(request: &ScanRequest<'_>, files: &[PlannedFile]) -> Result<DeletedRows> {
    let summary = &request.summary;
    let (table, metadata) = (summary.table(), &request.metadata);
    let keys = KeyColumns::try_new(metadata, request.columns, &request.adapter, files)
        .map_err(|e| e.context(format!("table {table}")))?;
    let loader = DeleteLoader::new(
        table.into(),
        // A table without a snapshot has no files.
        summary.snapshot_id().unwrap_or(-1),
        Arc::clone(request.storage),
        Arc::clone(metadata),
        Arc::clone(&request.session.runtime_env().memory_pool),
    );
    Ok(DeletedRows::new(loader, keys))
}

fn by_store(request: &ScanRequest<'_>, files: &[PlannedFile]) -> Result<Vec<StoreFiles>> {
    let wanted = wanted_columns(request);
    let mut stores: BTreeMap<String, StoreFiles> = BTreeMap::new();
    let locations = files.iter().map(|f| (f.entry.file_path(), Some(f)));
    // A scan without files needs a store too.
    let nothing = files
        .is_empty()
        .then(|| (request.metadata.location(), None));
    for (location, planned) in locations.chain(nothing) {
        let (url, store, path) = request.storage.resolve(location)?;
        let last_modified = immutable_since(url.as_str());
        let files = stores.entry(url.as_str().to_string()).or_insert_with(|| {
            let runtime = request.session.runtime_env();
            runtime.register_object_store(url.as_ref(), Arc::clone(&store));
            let footers = runtime.cache_manager.get_file_metadata_cache();
            StoreFiles {
                url,
                readers: Arc::new(DataFileReaderFactory::new(
                    store,
                    footers,
                    request.columns.arrow(),
                )),
                clean: Vec::new(),
                with_deletes: Vec::new(),
                likely_deleted: 0,
            }
        });
        let Some(planned) = planned else { continue };
        let rows = planned.entry.record_count();
        files.likely_deleted += rows - planned.likely_rows().min(rows);
        let meta = ObjectMeta {
            location: path,
            last_modified,
            size: planned.entry.file_size_in_bytes(),
            e_tag: None,
            version: None,
        };
        let file = PartitionedFile::new_from_meta(meta)
            .with_statistics(file_statistics(planned, request.columns, &wanted))
            .with_extensions(Arc::new(planned.clone()));
        if planned.deletes.is_empty() {
            files.clean.push(file);
        } else {
            files.with_deletes.push(file);
        }
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
pub(super) fn immutable_since(store: &str) -> DateTime<Utc> {
    let mut hasher = DefaultHasher::new();
    store.hash(&mut hasher);
    let hash = hasher.finish();
    let (seconds, nanos) = (i64::from(hash as u32), (hash >> 32) as u32 % 1_000_000_000);
    DateTime::from_timestamp(seconds, nanos).unwrap_or_default()
}

fn parquet_options(session: &dyn Session) -> TableParquetOptions {
    let mut global = session.config_options().execution.parquet.clone();
    // Iceberg's timestamps are microseconds, and Spark wrote them as INT96 once.
    global.coerce_int96 = Some("us".to_string());
    TableParquetOptions {
        global,
        ..TableParquetOptions::default()
    }
}
