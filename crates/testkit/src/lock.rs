// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A database that another process writes to, or so it seems.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Mutex;

use rusqlite::Connection;

/// Holds the exclusive lock of a SQLite database until it is dropped.
pub struct DatabaseLock {
    // In a mutex only so that the lock can be shared between threads.
    _connection: Mutex<Connection>,
}

impl DatabaseLock {
    /// Locks the database.
    ///
    /// # Errors
    ///
    /// When it is no database or locked already.
    pub fn exclusive(database: &Path) -> io::Result<Self> {
        let lock = || -> rusqlite::Result<Self> {
            let connection = Connection::open(database)?;
            connection.execute_batch("BEGIN EXCLUSIVE")?;
            Ok(Self {
                _connection: Mutex::new(connection),
            })
        };
        lock().map_err(|e| io::Error::other(format!("{}: {e}", database.display())))
    }
}

impl fmt::Debug for DatabaseLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseLock")
    }
}
