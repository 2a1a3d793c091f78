// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Made tables in a context, beside the rows that their model knows.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion_feast::FeastContext;
use feast_iceberg::{
    ErrorKind, IcebergTableProvider, ObjectStorageFactory, SnapshotSelector, TableStorage,
};
use feast_testkit::faults;
use feast_testkit::tables::{Datum, MadeTable, Schema, Snapshot, batch, holds};
use iceberg::TableIdent;
use iceberg::io::{FileIO, FileIOBuilder};
use iceberg::table::{StaticTable, Table};

use crate::tables::text;

/// How a query is run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    pub(super) partitions: usize,
    pub(super) batch_size: usize,
    pub(super) merge_on_read: bool,
    /// Filters are applied while Parquet is decoded.
    pub(super) pushed: bool,
}

impl Setting {
    /// As users have it.
    pub(super) const AUTO: Self = Self {
        partitions: 3,
        batch_size: 8192,
        merge_on_read: false,
        pushed: false,
    };

    /// Every file read as if it had deletes, one row at a time.
    pub(super) const MERGED: Self = Self {
        partitions: 1,
        batch_size: 1,
        merge_on_read: true,
        pushed: true,
    };

    /// Has a context run its next queries so.
    pub(super) fn apply(self, feast: &FeastContext) -> Result<(), String> {
        let mode = if self.merge_on_read {
            "merge_on_read"
        } else {
            "auto"
        };
        let state = feast.session().state_ref();
        let mut state = state.write();
        let options = state.config_mut().options_mut();
        options.set("feast.iceberg.scan", mode).map_err(text)?;
        options.execution.target_partitions = self.partitions;
        options.execution.batch_size = self.batch_size;
        options.execution.parquet.pushdown_filters = self.pushed;
        Ok(())
    }
}

/// A context whose byte ranges are split however small files are.
pub(super) async fn context() -> Result<FeastContext, String> {
    let feast = FeastContext::builder().build().await.map_err(text)?;
    let name = "datafusion.optimizer.repartition_file_min_size";
    feast.sql(&format!("SET {name} = 1")).await.map_err(text)?;
    Ok(feast)
}

/// The files of a table that is kept in memory.
pub(super) async fn in_memory(made: &MadeTable) -> Result<FileIO, String> {
    Ok(faults::file_io(
        faults::memory(&made.files).await.map_err(text)?,
    ))
}

/// Local files.
pub(super) fn on_disk() -> FileIO {
    FileIOBuilder::new(Arc::new(ObjectStorageFactory::default())).build()
}

/// Opens a made table through the Iceberg crate.
pub(super) async fn open(made: &MadeTable, io: FileIO) -> Result<Table, String> {
    let ident = TableIdent::from_strs(["ns", "t"]).map_err(text)?;
    let table = StaticTable::from_metadata_file(&made.metadata, ident, io).await;
    Ok(table.map_err(text)?.into_table())
}

/// Registers a table as `t`, and gives its schema.
pub(super) fn register(
    feast: &FeastContext,
    table: &Table,
    at: SnapshotSelector,
) -> Result<SchemaRef, String> {
    let storage = Arc::new(TableStorage::for_table(table));
    let provider = IcebergTableProvider::try_new(table.clone(), storage, at).map_err(text)?;
    let schema = provider.schema();
    replace(feast, "t", Arc::new(provider))?;
    Ok(schema)
}

/// Registers a table under a name that may be taken.
pub(super) fn replace(
    feast: &FeastContext,
    name: &str,
    provider: Arc<dyn TableProvider>,
) -> Result<(), String> {
    let session = feast.session();
    session.deregister_table(name).map_err(text)?;
    session.register_table(name, provider).map_err(text)?;
    Ok(())
}

/// The rows that a model knows, as columns of these Arrow types.
pub(super) fn known(
    made: &MadeTable,
    snapshot: Option<&Snapshot>,
    schema: &Schema,
    shown: &SchemaRef,
) -> Result<RecordBatch, String> {
    let names = |names: Vec<&String>| format!("{names:?}");
    let wanted = names(schema.fields.iter().map(|field| &field.name).collect());
    let found = names(shown.fields().iter().map(|field| field.name()).collect());
    if wanted != found {
        return Err(format!("columns: expected {wanted}, found {found}"));
    }
    for (field, shown) in schema.fields.iter().zip(shown.fields()) {
        if !holds(shown.data_type(), &field.ty) {
            return Err(format!("column {field}: found {}", shown.data_type()));
        }
    }
    let rows: Vec<Vec<Datum>> = match snapshot {
        Some(snapshot) => made.table.rows(snapshot, schema),
        None => Vec::new(),
    };
    batch(shown, &schema.fields, &rows).map_err(text)
}

/// Registers known rows as `m`: a table of which nothing but its rows is known, so that no estimate
/// of DataFusion's, which overflow for some values, has a part in what is expected.
pub(super) fn register_known(feast: &FeastContext, rows: &RecordBatch) -> Result<(), String> {
    let stream = Arc::new(KnownRows(rows.clone()));
    let provider = StreamingTable::try_new(rows.schema(), vec![stream]).map_err(text)?;
    replace(feast, "m", Arc::new(provider))
}

/// Rows that come as a stream.
#[derive(Debug)]
struct KnownRows(RecordBatch);

impl PartitionStream for KnownRows {
    fn schema(&self) -> &SchemaRef {
        self.0.schema_ref()
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = futures::stream::iter([Ok(self.0.clone())]);
        Box::pin(RecordBatchStreamAdapter::new(self.0.schema(), rows))
    }
}

/// The answer to a query.
pub(super) async fn answer(feast: &FeastContext, sql: &str) -> Result<Vec<RecordBatch>, String> {
    let failed = |error: DataFusionError| format!("{sql}: {error}");
    let frame = feast.sql(sql).await.map_err(failed)?;
    frame.collect().await.map_err(failed)
}

/// The kind of our own error inside one of DataFusion.
pub(super) fn kind_of(error: &DataFusionError) -> Option<ErrorKind> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let mut kind = None;
    while let Some(found) = cause {
        if let Some(ours) = found.downcast_ref::<feast_iceberg::Error>() {
            kind = Some(ours.kind());
        }
        cause = found.source();
    }
    kind
}
