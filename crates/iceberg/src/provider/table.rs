// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! An Iceberg table, at one snapshot, as a DataFusion table.

use std::any::Any;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::DFSchema;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::expr_rewriter::unnormalize_col;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::{PhysicalExpr, conjunction};
use datafusion::physical_plan::ExecutionPlan;
use iceberg::spec::{
    DEFAULT_SCHEMA_NAME_MAPPING, NameMapping, Operation, SnapshotRef, TableMetadata,
};
use iceberg::table::Table;

use super::select::{Selected, SnapshotSelector, select};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{FilePlan, PointKeys, Read, plan_files, plan_points};
use crate::scan::{PATH_COLUMN, PointPlan, ScanRequest, ScanSummary, build_scan, with_path};
use crate::schema::{FieldIdAdapterFactory, TableColumns};
use crate::storage::TableStorage;
use crate::write::{CommitCheck, InsertInto, Writable, WriteCatalog};

/// A DataFusion table over one snapshot of an Iceberg table.
#[derive(Debug, Clone)]
pub struct IcebergTableProvider {
    table: Table,
    name: Arc<str>,
    storage: Arc<TableStorage>,
    snapshot: Option<SnapshotRef>,
    columns: Arc<TableColumns>,
    adapter: Arc<FieldIdAdapterFactory>,
    path_column: bool,
    after: Option<i64>,
    only: Option<Arc<HashSet<String>>>,
    writable: Writable,
}

impl IcebergTableProvider {
    /// The snapshot of `table` that `at` selects, its files read through `storage`.
    pub fn try_new(
        table: Table,
        storage: Arc<TableStorage>,
        at: SnapshotSelector,
    ) -> DataFusionResult<Self> {
        let name = table.identifier().to_string();
        Self::named(&name, table, storage, at)
    }

    /// The same, called `name` in messages.
    pub(super) fn named(
        name: &str,
        table: Table,
        storage: Arc<TableStorage>,
        at: SnapshotSelector,
    ) -> DataFusionResult<Self> {
        let name: Arc<str> = name.into();
        let metadata = table.metadata();
        let Selected { snapshot, schema } = select(&name, metadata, &at)?;
        let columns = Arc::new(TableColumns::try_new(&name, &schema)?);
        let adapter = Arc::new(FieldIdAdapterFactory::new(
            Arc::clone(&name),
            Arc::clone(&columns),
            name_mapping(&name, metadata)?,
        ));
        Ok(Self {
            table,
            name,
            storage,
            snapshot,
            columns,
            adapter,
            path_column: false,
            after: None,
            only: None,
            writable: Writable::default(),
        })
    }

    /// The same table, which takes rows through `catalog`.
    pub(crate) fn with_catalog(self, catalog: WriteCatalog) -> Self {
        let schema = self.table.metadata().current_schema();
        let writable = Writable::new(catalog, schema, self.columns.arrow());
        Self { writable, ..self }
    }

    /// The same table, for an insert whose casts lose nothing.
    pub(crate) fn with_checked_casts(&self) -> Self {
        let mut checked = self.clone();
        checked.writable.checked = true;
        checked
    }

    /// The same table with a column `$path`: the data file that a row is in, as the metadata names
    /// it.
    pub fn with_path_column(self) -> DataFusionResult<Self> {
        if self.columns.index_of(PATH_COLUMN).is_some() {
            let message = format!(
                "table {} has a column '{PATH_COLUMN}' of its own: it cannot be shown with the \
                 files of its rows",
                self.name
            );
            return Err(Error::new(ErrorKind::Unsupported, message).into());
        }
        Ok(Self {
            path_column: true,
            writable: Writable::default(),
            ..self
        })
    }

    /// The same table as the target of a write whose snapshot says this in its summary, beside the
    /// counts. Such a write makes a snapshot even if it has no rows.
    #[must_use]
    pub fn with_snapshot_summary(&self, summary: BTreeMap<String, String>) -> Self {
        let mut said = self.clone();
        said.writable = self.writable.with_summary(summary);
        said
    }

    /// The same table as the target of a write whose commit has to pass a check.
    #[must_use]
    pub fn with_commit_check(&self, check: CommitCheck) -> Self {
        let mut checked = self.clone();
        checked.writable = self.writable.with_check(check);
        checked
    }

    /// The rows of another snapshot, with the columns of this one.
    pub(super) fn at_snapshot(&self, snapshot: &SnapshotRef) -> Self {
        Self {
            snapshot: Some(Arc::clone(snapshot)),
            after: None,
            only: None,
            writable: Writable::default(),
            ..self.clone()
        }
    }

    /// Those of them that are in these files.
    pub(super) fn files_of(&self, snapshot: &SnapshotRef, only: HashSet<String>) -> Self {
        Self {
            only: Some(Arc::new(only)),
            ..self.at_snapshot(snapshot)
        }
    }

    /// The rows that were appended after a snapshot. None when the rows of that snapshot and those
    /// appended since are not what is read: the snapshot is no ancestor, or is expired, or something
    /// since did more than append.
    pub fn appended_after(&self, snapshot_id: i64) -> Option<Self> {
        let metadata = self.table.metadata();
        let mut at = self.snapshot.clone()?;
        while at.snapshot_id() != snapshot_id {
            if at.summary().operation != Operation::Append {
                return None;
            }
            at = Arc::clone(metadata.snapshot_by_id(at.parent_snapshot_id()?)?);
        }
        // Tables of format version 1 have no sequence numbers.
        if at.sequence_number() == 0 {
            return None;
        }
        Some(Self {
            after: Some(at.sequence_number()),
            writable: Writable::default(),
            ..self.clone()
        })
    }

    /// The data files that are read, as the metadata names them, each with the sequence number of its
    /// rows: of two commits, the later one has the greater number.
    pub async fn data_file_sequences(&self) -> DataFusionResult<Vec<(String, i64)>> {
        let plan = self.plan(None, None).await?;
        let files = plan.files.iter();
        Ok(files
            .map(|file| (file.entry.file_path().to_string(), file.sequence))
            .collect())
    }

    pub(super) async fn plan(
        &self,
        predicate: Option<&Arc<dyn PhysicalExpr>>,
        limit: Option<usize>,
    ) -> Result<FilePlan> {
        plan_files(&self.read(predicate, limit)).await
    }

    fn read<'a>(
        &'a self,
        predicate: Option<&'a Arc<dyn PhysicalExpr>>,
        limit: Option<usize>,
    ) -> Read<'a> {
        Read {
            table: &self.table,
            storage: &self.storage,
            name: &self.name,
            snapshot: self.snapshot.as_ref(),
            columns: &self.columns,
            predicate,
            limit,
            after: self.after,
            only: self.only.as_deref(),
        }
    }

    /// Where the rows of some keys may be: a row of `keys` is a key, its columns are called as the
    /// table's. A key with a NULL has no rows. None where only a scan tells which rows are left:
    /// delete files may have deleted some, or not all files of the snapshot are read.
    ///
    /// Metadata that the session knows is not read again; rows are read by [`PointPlan::read`].
    ///
    /// # Errors
    ///
    /// A column that the table does not have or that does not fit; those of reading metadata.
    pub async fn point_plan(&self, keys: &RecordBatch) -> DataFusionResult<Option<PointPlan>> {
        if keys.num_columns() == 0 || self.after.is_some() || self.only.is_some() {
            return Ok(None);
        }
        let keys = PointKeys::try_new(&self.name, &self.columns, keys)?;
        let found = plan_points(&self.read(None, None), &keys).await?;
        Ok(found.map(|(files, counts)| PointPlan {
            name: Arc::clone(&self.name),
            storage: Arc::clone(&self.storage),
            columns: Arc::clone(&self.columns),
            adapter: Arc::clone(&self.adapter),
            keys,
            files,
            counts,
        }))
    }

    /// The snapshot that is read.
    pub(super) fn snapshot(&self) -> Option<&SnapshotRef> {
        self.snapshot.as_ref()
    }

    /// The table's name with its namespace.
    pub fn table_name(&self) -> &str {
        &self.name
    }

    /// The id of the snapshot that is read, None when nobody has written to the table.
    pub fn snapshot_id(&self) -> Option<i64> {
        self.snapshot
            .as_ref()
            .map(|snapshot| snapshot.snapshot_id())
    }

    /// The same version of the table, read at another snapshot.
    pub fn at(&self, at: SnapshotSelector) -> DataFusionResult<Self> {
        let storage = Arc::clone(&self.storage);
        let past = at != SnapshotSelector::Current;
        let mut found = Self::named(&self.name, self.table.clone(), storage, at)?;
        found.writable = self.writable.at(past);
        match self.path_column {
            true => found.with_path_column(),
            false => Ok(found),
        }
    }

    /// The Iceberg table.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The filters that prune, as one expression. The others are applied above the scan only.
    fn predicate(&self, session: &dyn Session, filters: &[Expr]) -> Option<Arc<dyn PhysicalExpr>> {
        let schema = DFSchema::try_from(self.columns.arrow().as_ref().clone()).ok()?;
        let filters = filters.iter().cloned().map(unnormalize_col);
        let usable: Vec<_> = filters
            .filter_map(|filter| session.create_physical_expr(filter, &schema).ok())
            .collect();
        if usable.is_empty() {
            None
        } else {
            Some(conjunction(usable))
        }
    }
}

#[async_trait]
impl TableProvider for IcebergTableProvider {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> SchemaRef {
        match self.path_column {
            true => with_path(self.columns.arrow()),
            false => Arc::clone(self.columns.arrow()),
        }
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let predicate = self.predicate(state, filters);
        let filtered = !filters.is_empty();
        let limit = limit.filter(|_| !filtered);
        let planned = self.plan(predicate.as_ref(), limit).await?;
        let name = self.name.to_string();
        let summary = Arc::new(ScanSummary::new(name, self.snapshot_id(), planned.counts));
        let request = ScanRequest {
            session: state,
            columns: &self.columns,
            adapter: Arc::clone(&self.adapter),
            storage: &self.storage,
            metadata: self.table.metadata_ref(),
            summary,
            projection,
            predicate,
            filtered,
            limit,
            path_column: self.path_column,
        };
        build_scan(&request, &planned.files)
    }

    fn get_column_default(&self, column: &str) -> Option<&Expr> {
        self.writable.default_of(column)
    }

    async fn insert_into(
        &self,
        state: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        insert_op: InsertOp,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let insert = InsertInto {
            name: &self.name,
            table: &self.table,
            columns: self.columns.arrow(),
            writable: &self.writable,
        };
        insert.plan(state, input, insert_op)
    }
}

fn name_mapping(name: &str, metadata: &TableMetadata) -> Result<Option<NameMapping>> {
    let Some(text) = metadata.properties().get(DEFAULT_SCHEMA_NAME_MAPPING) else {
        return Ok(None);
    };
    serde_json::from_str(text).map(Some).map_err(|e| {
        let message =
            format!("property {DEFAULT_SCHEMA_NAME_MAPPING} of table {name} is no name mapping");
        Error::new(ErrorKind::Damaged, message).with_source(e)
    })
}
