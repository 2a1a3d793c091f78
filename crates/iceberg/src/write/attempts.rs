// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A catalog as one commit sees it: the attempts, what each wrote, and whether it was sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use iceberg::io::FileIO;
use iceberg::table::Table;
use iceberg::{Catalog, Runtime, TableCommit, TableIdent};

use super::commit_note::CommitCheck;
use super::ledger::Ledger;
use super::recorded::recorded;
use crate::catalog::CommitTable;

/// Loads and commits one table of `catalog`; nothing else can be done.
#[derive(Debug)]
pub(super) struct Attempts<'c> {
    catalog: &'c dyn Catalog,
    check: Option<&'c CommitCheck>,
    file_io: FileIO,
    /// The manifests of the last attempt.
    manifests: Arc<Ledger>,
    sent: AtomicBool,
}

impl<'c> Attempts<'c> {
    pub(super) fn new(
        catalog: &'c dyn Catalog,
        check: Option<&'c CommitCheck>,
        file_io: FileIO,
    ) -> Self {
        Self {
            catalog,
            check,
            file_io,
            manifests: Arc::default(),
            sent: AtomicBool::new(false),
        }
    }

    /// `table`, whose manifests are recorded.
    pub(super) fn recorded(&self, of: &Table) -> iceberg::Result<Table> {
        let mut table = Table::builder()
            .identifier(of.identifier().clone())
            .metadata(of.metadata_ref())
            .file_io(recorded(of.file_io(), Arc::clone(&self.manifests)))
            .runtime(Runtime::try_current()?);
        if let Some(file) = of.metadata_location() {
            table = table.metadata_location(file);
        }
        table.build()
    }

    /// Whether the last attempt came so far as to ask the catalog.
    pub(super) fn was_sent(&self) -> bool {
        self.sent.load(Ordering::SeqCst)
    }

    /// The manifests that the last attempt wrote.
    pub(super) fn manifests(&self) -> &Ledger {
        &self.manifests
    }
}

#[async_trait]
impl CommitTable for Attempts<'_> {
    /// The table, whose manifests are recorded. What an earlier attempt wrote is deleted: there is
    /// another one only if that one certainly failed.
    async fn load(&self, table: &TableIdent) -> iceberg::Result<Table> {
        self.manifests.delete_all(&self.file_io).await;
        self.sent.store(false, Ordering::SeqCst);
        let found = self.catalog.load_table(table).await?;
        if let Some(check) = self.check {
            check.look_at(found.metadata())?;
        }
        self.recorded(&found)
    }

    async fn commit(&self, commit: TableCommit) -> iceberg::Result<Table> {
        self.sent.store(true, Ordering::SeqCst);
        self.catalog.update_table(commit).await
    }
}
