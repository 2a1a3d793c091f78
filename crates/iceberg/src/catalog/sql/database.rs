// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The SQLite file under an SQL catalog: opening it without ever making or altering one, and its
//! failures in words.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::file_state::FileState;
use crate::error::{Error, ErrorKind, Result};

const TABLES: &str = "iceberg_tables";
const NAMESPACES: &str = "iceberg_namespace_properties";

/// How often a read is tried that somebody writes beneath.
const ATTEMPTS: usize = 3;

/// A catalog's database file. Each use opens a connection of its own, so that what other
/// processes committed is seen.
#[derive(Debug, Clone)]
pub(super) struct Database {
    path: PathBuf,
    busy_timeout: Duration,
    /// The file when it was found to be a catalog.
    checked: Arc<Mutex<Option<FileState>>>,
}

/// An open connection, and what the database's tables look like.
pub(super) struct Session {
    pub(super) connection: Connection,
    /// The column `iceberg_type` exists: not so in databases of PyIceberg before 0.12.
    pub(super) has_type: bool,
    /// The table of namespaces' properties exists.
    pub(super) has_namespaces: bool,
    /// What the file was when it was opened without locks.
    unlocked: Option<FileState>,
}

impl Database {
    pub(super) fn new(path: PathBuf, busy_timeout: Duration) -> Self {
        Self {
            path,
            busy_timeout,
            checked: Arc::default(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` on the rows; works for a read-only file in a read-only directory, too.
    pub(super) fn read<T>(&self, work: impl Fn(&Session) -> Result<T>) -> Result<T> {
        self.check_file()?;
        self.refuse_others()?;
        for _ in 0..ATTEMPTS {
            let session = self.open_to_read()?;
            let found = work(&session);
            // What was read without locks counts only if nobody wrote meanwhile.
            let unlocked = session.unlocked;
            if unlocked.is_none() || unlocked == FileState::alone(&self.path) {
                return found;
            }
        }
        Err(Error::new(
            ErrorKind::Locked,
            format!(
                "catalog database '{}' is being written, and its directory allows no locks for \
                 reading: try again",
                self.path.display()
            ),
        ))
    }

    fn open_to_read(&self) -> Result<Session> {
        let first = self
            .connect(OpenFlags::SQLITE_OPEN_READ_ONLY)
            .and_then(|connection| self.session(connection, None));
        match first {
            // A database in WAL mode wants to make files next to it, which a read-only directory
            // does not allow. With no log there, the file alone is the whole database.
            Err(error) if error.kind() == ErrorKind::Io => match FileState::alone(&self.path) {
                Some(state) => self.open_unlocked(state).map_err(|_| error),
                None => Err(error),
            },
            other => other,
        }
    }

    /// Refuses a file that is no catalog without leaving anything next to it: SQLite makes files
    /// there when it opens a database in WAL mode.
    fn refuse_others(&self) -> Result<()> {
        let Some(state) = FileState::alone(&self.path) else {
            return Ok(());
        };
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if checked.as_ref() == Some(&state) {
            return Ok(());
        }
        match self.open_unlocked(state.clone()) {
            Err(error)
                if error.kind() == ErrorKind::NotACatalog
                    && FileState::alone(&self.path).as_ref() == Some(&state) =>
            {
                Err(error)
            }
            Ok(_) => {
                *checked = Some(state);
                Ok(())
            }
            Err(_) => Ok(()),
        }
    }

    /// Opens for writing; the file has to exist.
    pub(super) fn write(&self) -> Result<Session> {
        self.check_file()?;
        self.refuse_others()?;
        let connection = self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        self.session(connection, None)
    }

    /// Makes a new catalog database in the layout of PyIceberg 0.12.
    pub(super) fn create(&self) -> Result<()> {
        let name = self.path.display();
        let made = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&self.path);
        // Closed before SQLite has locks on it.
        made.map(drop).map_err(|cause| {
            let kind = match cause.kind() {
                std::io::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
                _ => ErrorKind::Io,
            };
            let text = format!("catalog database '{name}' cannot be created");
            Error::new(kind, text).with_source(cause)
        })?;
        let connection = self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection
            .execute_batch(LAYOUT)
            .map_err(|cause| self.failed(format_args!("create '{name}'"), cause))
    }

    /// Makes a new catalog database where there is no file. Others see no file or a whole catalog, and never replace one.
    pub(super) fn create_if_missing(&self) -> Result<()> {
        if self.path.exists() {
            return Ok(());
        }
        let failed = |cause| {
            let text = format!(
                "catalog database '{}' cannot be created",
                self.path.display()
            );
            Error::new(ErrorKind::Io, text).with_source(cause)
        };
        let folder = self.path.parent().unwrap_or(&self.path);
        let mut builder = tempfile::Builder::new();
        // As any new file, not for its owner alone.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let made = builder
            .tempfile_in(folder)
            .map_err(failed)?
            .into_temp_path();
        let connection = Connection::open(&made)
            .and_then(|connection| connection.execute_batch(LAYOUT).map(|()| connection))
            .map_err(|cause| self.failed("create it", cause))?;
        connection
            .close()
            .map_err(|(_, cause)| self.failed("create it", cause))?;
        match made.persist_noclobber(&self.path) {
            Ok(()) => Ok(()),
            // Another process was faster.
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(failed(error.error)),
        }
    }

    /// A failure of SQLite while trying to `verb`, in words.
    pub(super) fn failed(&self, doing: impl Display, cause: rusqlite::Error) -> Error {
        let name = self.path.display();
        match cause.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::new(
                ErrorKind::Locked,
                format!(
                    "catalog database '{name}' is locked by another process (waited {:?}): let \
                     it finish and try again",
                    self.busy_timeout
                ),
            ),
            Some(_) if needs_rollback(&cause) => Error::new(
                ErrorKind::Io,
                format!(
                    "catalog database '{name}' has the rollback journal '{name}-journal' of a \
                     write that was cut off: it must be rolled back by a writer, so open the \
                     database once with a program that writes to it, as sqlite3"
                ),
            ),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Error::new(
                ErrorKind::Io,
                format!("catalog database '{name}' is read-only: cannot {doing}"),
            ),
            Some(ErrorCode::NotADatabase) => self.no_catalog("is not an SQLite database"),
            Some(ErrorCode::DatabaseCorrupt) => Error::new(
                ErrorKind::Damaged,
                format!("catalog database '{name}' is damaged: cannot {doing}"),
            )
            .with_source(cause),
            _ => Error::new(
                ErrorKind::Io,
                format!("catalog database '{name}': cannot {doing}"),
            )
            .with_source(cause),
        }
    }

    /// What can be said before SQLite touches the file. The file itself is left to SQLite, whose
    /// locks on it would be dropped when this process closes it.
    fn check_file(&self) -> Result<()> {
        let name = self.path.display();
        let meta = std::fs::metadata(&self.path).map_err(|cause| match cause.kind() {
            std::io::ErrorKind::NotFound => Error::new(
                ErrorKind::NotFound,
                format!(
                    "catalog database '{name}' does not exist: expected the SQLite file of an \
                     Iceberg SQL catalog; to make an empty one, add the option create 'true'"
                ),
            ),
            _ => Error::new(
                ErrorKind::Io,
                format!("catalog database '{name}' cannot be opened"),
            )
            .with_source(cause),
        })?;
        if meta.is_dir() {
            return Err(self.no_catalog("is a directory"));
        }
        if meta.len() == 0 {
            return Err(self.no_catalog("is empty"));
        }
        Ok(())
    }

    fn connect(&self, flags: OpenFlags) -> Result<Connection> {
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)
            .map_err(|cause| self.failed("open it", cause))?;
        self.prepared(connection)
    }

    /// Opens for reading without locks or files next to it, the file being in `state`.
    pub(super) fn open_unlocked(&self, state: FileState) -> Result<Session> {
        let uri = url::Url::from_file_path(&self.path).map_err(|()| {
            let name = self.path.display();
            let text = format!("catalog database '{name}' has no absolute path");
            Error::new(ErrorKind::Invalid, text)
        })?;
        let connection = Connection::open_with_flags(
            format!("{uri}?immutable=1"),
            OpenFlags::SQLITE_OPEN_READ_ONLY
                | OpenFlags::SQLITE_OPEN_URI
                | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(|cause| self.failed("open it", cause))?;
        self.session(self.prepared(connection)?, Some(state))
    }

    fn prepared(&self, connection: Connection) -> Result<Connection> {
        connection
            .busy_timeout(self.busy_timeout)
            .map_err(|cause| self.failed("open it", cause))?;
        Ok(connection)
    }

    fn session(&self, connection: Connection, unlocked: Option<FileState>) -> Result<Session> {
        let columns = self.columns(&connection, TABLES)?;
        if columns.is_empty() {
            return Err(self.no_catalog(&format!("has no table '{TABLES}'")));
        }
        for needed in [
            "catalog_name",
            "table_namespace",
            "table_name",
            "metadata_location",
            "previous_metadata_location",
        ] {
            if !columns.contains(needed) {
                return Err(self.no_catalog(&format!("has no column '{needed}' in '{TABLES}'")));
            }
        }
        let has_namespaces = !self.columns(&connection, NAMESPACES)?.is_empty();
        let has_type = columns.contains("iceberg_type");
        Ok(Session {
            connection,
            has_type,
            has_namespaces,
            unlocked,
        })
    }

    fn columns(&self, connection: &Connection, table: &str) -> Result<BTreeSet<String>> {
        let read = || {
            let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
            let names = statement.query_map([table], |row| row.get::<_, String>(0))?;
            names.collect::<rusqlite::Result<BTreeSet<String>>>()
        };
        read().map_err(|cause| self.failed("read its layout", cause))
    }

    fn no_catalog(&self, why: &str) -> Error {
        Error::new(
            ErrorKind::NotACatalog,
            format!(
                "'{}' is no Iceberg catalog, it {why}: expected an SQLite file with the table \
                 '{TABLES}', as PyIceberg's SqlCatalog writes it; the file was left as it is",
                self.path.display()
            ),
        )
    }
}

/// A write was cut off, and only a writer may undo it.
fn needs_rollback(cause: &rusqlite::Error) -> bool {
    cause
        .sqlite_error()
        .is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_READONLY_ROLLBACK)
}

/// PyIceberg 0.12's layout.
const LAYOUT: &str = "
CREATE TABLE iceberg_tables (
	catalog_name VARCHAR(255) NOT NULL, 
	table_namespace VARCHAR(255) NOT NULL, 
	table_name VARCHAR(255) NOT NULL, 
	metadata_location VARCHAR(1000), 
	previous_metadata_location VARCHAR(1000), 
	iceberg_type VARCHAR(5), 
	PRIMARY KEY (catalog_name, table_namespace, table_name)
);
CREATE TABLE iceberg_namespace_properties (
	catalog_name VARCHAR(255) NOT NULL, 
	namespace VARCHAR(255) NOT NULL, 
	property_key VARCHAR(255) NOT NULL, 
	property_value VARCHAR(1000) NOT NULL, 
	PRIMARY KEY (catalog_name, namespace, property_key)
);";
