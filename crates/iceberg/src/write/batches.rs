// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Appending rows that are in memory.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use iceberg::Catalog;
use iceberg::table::Table;

use super::arrange::arrange;
use super::commit::Commit;
use super::commit_note::CommitNote;
use super::files::{Stop, write_files};
use super::layout::Layout;
use super::ledger::Ledger;
use super::rows::conform;
use crate::error::{Error, ErrorKind, Result};

/// Appends `batches`, whose columns go by name, in one commit.
pub(crate) async fn append_batches(
    catalog: &dyn Catalog,
    table: &Table,
    batches: &[RecordBatch],
) -> Result<i64> {
    let layout = Arc::new(Layout::try_new(table)?);
    let rows = batches.iter().filter(|batch| batch.num_rows() > 0);
    let rows = rows.map(|batch| conform(batch, &layout.rows));
    let rows: Vec<RecordBatch> = rows.collect::<Result<_>>()?;
    if rows.is_empty() {
        return Err(Error::new(
            ErrorKind::Invalid,
            "there are no rows to append",
        ));
    }
    let schema = Arc::clone(&layout.rows);
    let input = MemorySourceConfig::try_new_exec(&[rows], schema, None).map_err(ours)?;
    let arranged = arrange(table.metadata(), input).map_err(ours)?;
    let (ledger, stop) = (Arc::new(Ledger::default()), Stop::default());
    let context = Arc::new(TaskContext::default());
    let files = match write_files(&arranged, &layout, &ledger, &stop, &context).await {
        Ok(files) => files,
        Err(error) => {
            ledger.delete_all(table.file_io()).await;
            return Err(ours(error));
        }
    };
    let commit = Commit {
        catalog,
        witness: catalog,
        settles: false,
        note: &CommitNote::default(),
    };
    commit.append(table, files, &ledger).await
}

/// An error of this crate that went through DataFusion.
fn ours(error: DataFusionError) -> Error {
    match error {
        DataFusionError::External(cause) => match cause.downcast::<Error>() {
            Ok(error) => *error,
            Err(cause) => Error::new(ErrorKind::Io, cause.to_string()),
        },
        other => {
            let text = "the rows cannot be written";
            Error::new(ErrorKind::Invalid, text).with_source(other)
        }
    }
}
