// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Commits, which must not be made twice, and of which one wants to know whether they were made.

use iceberg::table::Table;
use iceberg::{Catalog, TableIdent};

use super::answers::CommitAnswer;
use super::call::Call;
use super::catalog::RestCatalog;
use crate::error::{Error, ErrorKind, iceberg_error};

impl RestCatalog {
    /// The table if it has `snapshot`, so that the commit which adds it was made.
    async fn made_after_all(
        &self,
        table: &TableIdent,
        snapshot: Option<i64>,
    ) -> iceberg::Result<Option<Table>> {
        let Some(snapshot) = snapshot else {
            return Ok(None);
        };
        let table = self.load_table(table).await?;
        let made = table.metadata().snapshot_by_id(snapshot).is_some();
        Ok(made.then_some(table))
    }

    /// Sends a commit that adds `snapshot`.
    pub(super) async fn commit(
        &self,
        call: &Call,
        table: &TableIdent,
        snapshot: Option<i64>,
    ) -> iceberg::Result<Table> {
        let answer = match self.connection.send(call).await {
            Ok(answer) => answer,
            Err(error) => return self.after_all(table, snapshot, error).await,
        };
        match answer.status.as_u16() {
            200 => match self.connection.read::<CommitAnswer>(call, &answer) {
                Ok(made) => {
                    let (file, metadata) = (made.metadata_location, made.metadata);
                    self.tables.committed(table, file, metadata).await
                }
                Err(error) => self.after_all(table, snapshot, error).await,
            },
            404 => Err(self.missing_table(table)),
            409 => {
                // The first of two requests may have been what the second is in conflict with.
                if answer.repeated
                    && let Some(made) = self.made_after_all(table, snapshot).await?
                {
                    return Ok(made);
                }
                let text =
                    format!("table '{table}' was changed by somebody else meanwhile: try again");
                let kind = iceberg::ErrorKind::CatalogCommitConflicts;
                Err(iceberg_error(kind, Error::new(ErrorKind::Conflict, text)))
            }
            _ => {
                let error = self.connection.refused(call, &answer);
                self.after_all(table, snapshot, error).await
            }
        }
    }

    /// The table if a commit that failed with `error` was made nevertheless, else the error.
    async fn after_all(
        &self,
        table: &TableIdent,
        snapshot: Option<i64>,
        error: Error,
    ) -> iceberg::Result<Table> {
        if error.kind() == ErrorKind::OutcomeUnknown
            && let Ok(Some(made)) = self.made_after_all(table, snapshot).await
        {
            return Ok(made);
        }
        Err(error.into())
    }
}
