// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Making data files part of a table, and deleting them when that certainly failed.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use iceberg::Catalog;
use iceberg::spec::DataFile;
use iceberg::table::Table;
use iceberg::transaction::{ApplyTransactionAction, Transaction};

use super::attempts::Attempts;
use super::commit_note::CommitNote;
use super::ledger::Ledger;
use crate::catalog::OneTableCatalog;
use crate::error::{Error, ErrorKind, Result};

/// Where a commit goes.
pub(super) struct Commit<'c> {
    /// Takes the commit.
    pub(super) catalog: &'c dyn Catalog,
    /// Tells what came of it.
    pub(super) witness: &'c dyn Catalog,
    /// What the witness has not, will not come: no request is on its way.
    pub(super) settles: bool,
    /// What is known of it.
    pub(super) note: &'c CommitNote,
}

impl Commit<'_> {
    /// Appends `files` to `table` in one snapshot, on top of what others commit meanwhile, and
    /// gives its id. The files are those in `ledger`: on failure they are deleted, unless it is not
    /// known whether the snapshot was made.
    pub(super) async fn append(
        &self,
        table: &Table,
        files: Vec<DataFile>,
        ledger: &Ledger,
    ) -> Result<i64> {
        let check = self.note.check.as_ref();
        let attempts = Attempts::new(self.catalog, check, table.file_io().clone());
        // A panic must not keep the files from being deleted.
        let transacted =
            AssertUnwindSafe(transact(&attempts, table, files, self.note)).catch_unwind();
        let error = match transacted.await {
            Ok(Ok(id)) => return Ok(id),
            Ok(Err(error)) => error,
            Err(_) => Error::new(ErrorKind::Io, "the commit ended in a panic"),
        };
        let outcome = match attempts.was_sent() && may_have_happened(&error) {
            true => self.look_up(table, attempts.manifests()).await,
            false => Outcome::Failed,
        };
        match outcome {
            Outcome::Made(id) => Ok(id),
            Outcome::Failed => {
                attempts.manifests().delete_all(table.file_io()).await;
                ledger.delete_all(table.file_io()).await;
                Err(error)
            }
            Outcome::Unknown => {
                let kept = ledger.take();
                let text = format!(
                    "it is not known whether the commit was made, so its {} data files are kept \
                     (the first is '{}'): look at the table's snapshots before doing it again",
                    kept.len(),
                    kept.first().map_or("", String::as_str)
                );
                Err(Error::new(ErrorKind::OutcomeUnknown, text).with_source(error))
            }
        }
    }

    /// What came of the attempt that wrote `manifests`.
    async fn look_up(&self, table: &Table, manifests: &Ledger) -> Outcome {
        let written = manifests.take();
        let outcome = match self.witness.load_table(table.identifier()).await {
            Ok(found) => {
                let mut snapshots = found.metadata().snapshots();
                let ours =
                    snapshots.find(|it| written.iter().any(|file| file == it.manifest_list()));
                match ours {
                    Some(snapshot) => Outcome::Made(snapshot.snapshot_id()),
                    None if self.settles => Outcome::Failed,
                    None => Outcome::Unknown,
                }
            }
            Err(error) => match Error::from(error).kind() {
                ErrorKind::NotFound if self.settles => Outcome::Failed,
                _ => Outcome::Unknown,
            },
        };
        for file in written {
            manifests.enter(&file);
        }
        outcome
    }
}

enum Outcome {
    Made(i64),
    Failed,
    Unknown,
}

/// Whether a failed request to a catalog may have been carried out all the same.
fn may_have_happened(error: &Error) -> bool {
    !matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::AlreadyExists
            | ErrorKind::Invalid
            | ErrorKind::NotACatalog
            | ErrorKind::Locked
            | ErrorKind::Conflict
            | ErrorKind::Denied
            | ErrorKind::Unavailable
            | ErrorKind::Unsupported
    )
}

async fn transact(
    attempts: &Attempts<'_>,
    table: &Table,
    files: Vec<DataFile>,
    note: &CommitNote,
) -> Result<i64> {
    let engine = [
        ("engine-name", "feast-iceberg"),
        ("engine-version", env!("CARGO_PKG_VERSION")),
    ];
    let engine = engine.map(|(key, value)| (key.to_string(), value.to_string()));
    let given = note
        .summary
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()));
    let transaction = Transaction::new(&attempts.recorded(table)?);
    let append = transaction
        .fast_append()
        // The names of new files are unique; to look for them, every manifest would be read.
        .with_check_duplicate(false)
        .set_snapshot_properties(given.chain(engine).collect::<HashMap<_, _>>())
        .add_data_files(files);
    let committed = append
        .apply(transaction)?
        .commit(&OneTableCatalog(attempts))
        .await?;
    committed.metadata().current_snapshot_id().ok_or_else(|| {
        let text = "the catalog committed, but the table has no snapshot";
        Error::new(ErrorKind::Damaged, text)
    })
}
