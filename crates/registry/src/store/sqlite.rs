// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Feast's SQL registry in a SQLite file: a table a kind of object, each object's message in a row.
//!
//! It is read as the registry file that holds the same objects, and what changes in that file is written back row by row, in one
//! transaction.

mod read;
mod tables;
#[cfg(test)]
mod tests;
mod write;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::error::{Error, ErrorKind, Result};
use crate::store::{RegistryStore, Version, Versioned, conflict};

/// How long another writer is waited for.
const BUSY: Duration = Duration::from_secs(10);

/// A registry in the tables that Feast's SQL registry makes in a SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteRegistryStore {
    path: PathBuf,
}

impl SqliteRegistryStore {
    /// A store for the database at that path, which Feast made.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn connect(&self, flags: OpenFlags) -> Result<Connection> {
        if !self.path.is_file() {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!(
                    "{} does not exist; make it with 'feast apply' in the repository",
                    self.location()
                ),
            ));
        }
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags);
        let connection = connection.map_err(|error| self.failed("cannot be opened", error))?;
        let waiting = connection.busy_timeout(BUSY);
        waiting.map_err(|error| self.failed("cannot be opened", error))?;
        Ok(connection)
    }

    fn failed(&self, what: &str, error: rusqlite::Error) -> Error {
        let kind = match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
                ErrorKind::Damaged
            }
            _ => ErrorKind::Io,
        };
        let message = format!("{} {what}: {error}", self.location());
        Error::new(kind, message).with_source(error)
    }
}

impl RegistryStore for SqliteRegistryStore {
    fn read(&self) -> Result<Option<Versioned>> {
        let mut connection = self.connect(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let snapshot = connection.transaction();
        let snapshot = snapshot.map_err(|error| self.failed("cannot be read", error))?;
        let bytes = read::registry(&snapshot).map_err(|error| error.named(self))?;
        Ok(Some(Versioned {
            version: Version::of(&bytes),
            bytes,
        }))
    }

    fn write(&self, bytes: &[u8], expected: &Version) -> Result<Version> {
        let mut connection = self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let failed = |error| self.failed("cannot be written", error);
        let change = connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let change = change.map_err(failed)?;
        let held = read::registry(&change).map_err(|error| error.named(self))?;
        if Version::of(&held) != *expected {
            return Err(conflict(&self.location()));
        }
        write::difference(&change, &held, bytes).map_err(|error| error.named(self))?;
        let written = read::registry(&change).map_err(|error| error.named(self))?;
        change.commit().map_err(failed)?;
        Ok(Version::of(&written))
    }

    fn location(&self) -> String {
        format!("the SQL registry '{}'", self.path.display())
    }
}

/// What can go wrong inside of the database.
#[derive(Debug)]
enum Failure {
    Sql(rusqlite::Error),
    Message(crate::wire::WireError),
    Layout(String),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<crate::wire::WireError> for Failure {
    fn from(error: crate::wire::WireError) -> Self {
        Self::Message(error)
    }
}

impl Failure {
    fn named(self, store: &SqliteRegistryStore) -> Error {
        match self {
            Self::Sql(error) => store.failed("cannot be used", error),
            Self::Message(error) => Error::damaged(store.location(), error),
            Self::Layout(why) => Error::new(
                ErrorKind::Damaged,
                format!(
                    "{} is not one of Feast's: {why}; nothing was changed",
                    store.location()
                ),
            ),
        }
    }
}
