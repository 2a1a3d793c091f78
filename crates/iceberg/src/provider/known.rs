// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Tables as a catalog gave them last, for reads that may go on while it does not answer.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use iceberg::table::Table;
use iceberg::{NamespaceIdent, TableIdent};

use crate::error::{Error, ErrorKind, Result};

/// Above this many tables what is known is forgotten.
const KEPT: usize = 1024;

/// For so long a catalog that did not answer is not waited for again.
const PAUSE: Duration = Duration::from_secs(1);

/// How old what a read sees may be while its catalog does not answer.
///
/// A catalog that answers is always believed: it says which version of a table is read, that there
/// is none, or that it may not be read. One that cannot be reached, fails, is locked, or takes
/// longer than `patience` stands back behind the version that it gave last, if it gave that to a
/// read with a staleness no longer than `max` before this one.
///
/// ```
/// use std::time::Duration;
/// use feast_iceberg::Staleness;
///
/// let staleness = Staleness {
///     now: chrono::DateTime::UNIX_EPOCH,
///     max: Duration::from_secs(60),
///     patience: Duration::from_millis(500),
/// };
/// # let _ = staleness;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Staleness {
    /// When the read started.
    pub now: DateTime<Utc>,
    /// How long before that the version that is read may have been the newest.
    pub max: Duration,
    /// How long the catalog is waited for where a version is known that may be read.
    pub patience: Duration,
}

/// The tables of one catalog that were read with a staleness.
#[derive(Default)]
pub(super) struct KnownTables(Mutex<Known>);

#[derive(Default)]
struct Known {
    tables: HashMap<TableIdent, (Table, DateTime<Utc>)>,
    /// When the catalog did not answer.
    silent: Option<DateTime<Utc>>,
}

impl KnownTables {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The namespace of a known table that SQL calls `name`.
    pub(super) fn namespace(&self, name: &str) -> Option<NamespaceIdent> {
        let known = self.known();
        let mut namespaces = known.tables.keys().map(TableIdent::namespace);
        let found = namespaces.find(|namespace| namespace.as_ref().join(".") == name);
        found.cloned()
    }

    /// The table that `ask` gets from the catalog, or the one that is known.
    pub(super) async fn table(
        &self,
        ident: &TableIdent,
        staleness: &Staleness,
        ask: impl Future<Output = Result<Table>> + Send,
    ) -> Result<Table> {
        let now = staleness.now;
        let Some(held) = self.held(ident, staleness) else {
            let table = ask.await?;
            self.keep(ident, &table, now);
            return Ok(table);
        };
        let silent = self.known().silent;
        if silent.is_some_and(|at| passed(at, now) < PAUSE) {
            return Ok(held);
        }
        match tokio::time::timeout(staleness.patience, ask).await {
            Ok(Ok(table)) => {
                self.keep(ident, &table, now);
                Ok(table)
            }
            Ok(Err(error)) if !is_outage(&error) => {
                self.known().tables.remove(ident);
                Err(error)
            }
            _ => {
                self.known().silent = Some(now);
                Ok(held)
            }
        }
    }

    fn held(&self, ident: &TableIdent, staleness: &Staleness) -> Option<Table> {
        let known = self.known();
        let (table, at) = known.tables.get(ident)?;
        (passed(*at, staleness.now) <= staleness.max).then(|| table.clone())
    }

    fn keep(&self, ident: &TableIdent, table: &Table, now: DateTime<Utc>) {
        let mut known = self.known();
        if known.tables.len() >= KEPT {
            known.tables.clear();
        }
        known.silent = None;
        known.tables.insert(ident.clone(), (table.clone(), now));
    }
}

impl fmt::Debug for KnownTables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.known();
        f.debug_set().entries(known.tables.keys()).finish()
    }
}

/// The time between two instants; none if a clock was set back.
fn passed(from: DateTime<Utc>, to: DateTime<Utc>) -> Duration {
    (to - from).to_std().unwrap_or_default()
}

/// Whether the catalog said nothing about the table.
fn is_outage(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Unavailable | ErrorKind::Io | ErrorKind::Locked
    )
}
