// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Iceberg's SQL catalog in an SQLite file, compatible with PyIceberg's of any version.

mod catalog;
mod database;
mod file_state;
mod loaded;
mod metadata;
mod naming;
mod rows;
mod stage;
mod tables;
/// Whether a file that is not there is made.
fn is_made(options: &CatalogOptions) -> Result<bool> {
    match options.properties.get("create").map(String::as_str) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(Error::new(
            ErrorKind::Invalid,
            format!(
                "catalog '{}', option 'create' is '{other}': expected true or false",
                options.name
            ),
        )),
    }
}

#[cfg(test)]
mod tests;
mod uri;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use datafusion::common::runtime::SpawnedTask;
use iceberg::io::{FileIO, FileIOBuilder};
use rusqlite::TransactionBehavior;

use super::options::CatalogOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::storage::{CATALOG_PROPERTY, ObjectStorageFactory};
use database::{Database, Session};
use loaded::LoadedMetadata;
use naming::Naming;
use rows::Rows;
pub(crate) use stage::StagedTable;

/// How long a call waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// An Iceberg catalog in an SQLite file.
///
/// Databases of PyIceberg 0.12 and of older versions (no column `iceberg_type`) are read and
/// written as they are and never altered. Each call opens the file anew, so tables and commits
/// made by other processes are there at the next call.
#[derive(Clone)]
pub struct SqlCatalog {
    name: String,
    naming: Naming,
    database: Database,
    warehouse: Option<String>,
    file_io: FileIO,
    loaded: Arc<LoadedMetadata>,
}

impl SqlCatalog {
    /// Opens the catalog that `options` describe. The file has to be a catalog; where there is none, the option `create` with the
    /// value `true` makes an empty one.
    ///
    /// The rows of one catalog in the file are shown: those under the option `catalog-name`; else
    /// those under the catalog's own name; else those under the only name there is. Where there is no name yet,
    /// the choice is made at the first call that finds one.
    pub async fn open(options: &CatalogOptions) -> Result<Self> {
        let options = options.clone();
        let opened = SpawnedTask::spawn_blocking(move || Self::open_now(&options, BUSY_TIMEOUT));
        opened.await.map_err(stopped)?
    }

    /// Makes a new, empty catalog database in the layout of PyIceberg 0.12 at `path`, which must
    /// not exist. New tables go under `warehouse`.
    pub fn create(path: impl AsRef<Path>, name: &str, warehouse: &str) -> Result<Self> {
        let path = std::path::absolute(path.as_ref()).map_err(|cause| {
            Error::new(
                ErrorKind::Invalid,
                format!("'{}' is no path", path.as_ref().display()),
            )
            .with_source(cause)
        })?;
        let database = Database::new(path, BUSY_TIMEOUT);
        database.create()?;
        Ok(Self::new(
            name,
            Naming::fixed(name),
            database,
            Some(warehouse_location(name, warehouse)?),
            ObjectStorageFactory::default(),
        ))
    }

    fn open_now(options: &CatalogOptions, busy_timeout: Duration) -> Result<Self> {
        let name = &options.name;
        let file = uri::database_file(&options.uri)
            .map_err(|error| error.context(format_args!("catalog '{name}'")))?;
        let database = Database::new(file, busy_timeout);
        if is_made(options)? {
            database
                .create_if_missing()
                .map_err(|error| error.context(format_args!("catalog '{name}'")))?;
        }
        let names = database.read(|session| {
            rows::catalog_names(session)
                .map_err(|cause| database.failed("read the catalogs' names", cause))
        });
        let naming = names.and_then(|names| {
            let naming = Naming::choose(options, database.path(), &names)?;
            Ok((naming, names))
        });
        let (naming, names) =
            naming.map_err(|error| error.context(format_args!("catalog '{name}'")))?;
        let warehouse = match &options.warehouse {
            Some(warehouse) => {
                let location = warehouse_location(name, warehouse)?;
                if !names.is_empty() {
                    check_warehouse(name, &location)?;
                }
                Some(location)
            }
            None => None,
        };
        let factory = ObjectStorageFactory::new(&options.properties);
        Ok(Self::new(name, naming, database, warehouse, factory))
    }

    fn new(
        name: &str,
        naming: Naming,
        database: Database,
        warehouse: Option<String>,
        factory: ObjectStorageFactory,
    ) -> Self {
        let identity = format!("{name}@{}", database.path().display());
        let file_io = FileIOBuilder::new(Arc::new(factory))
            .with_prop(CATALOG_PROPERTY, identity)
            .build();
        Self {
            name: name.to_string(),
            naming,
            database,
            warehouse,
            file_io,
            loaded: Arc::default(),
        }
    }

    /// The name under which the catalog's rows stand in the database; the catalog's own as long as
    /// there are none.
    pub fn catalog_name(&self) -> &str {
        self.naming.current()
    }

    /// Runs `work` on the rows, away from the async threads.
    async fn read<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl Fn(&Rows<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let (database, naming) = (self.database.clone(), self.naming.clone());
        let task = SpawnedTask::spawn_blocking(move || {
            let failed = |cause| database.failed(doing, cause);
            database.read(|session| {
                let name = naming.decide(session, database.path()).map_err(failed)??;
                work(&Rows::new(session, &name)).map_err(failed)
            })
        });
        task.await
            .map_err(stopped)?
            .map_err(|error| self.named(error))
    }

    /// Runs `work` in one transaction that nobody else can write beside; an error undoes it.
    async fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Rows<'_>) -> rusqlite::Result<Outcome<T>> + Send + 'static,
    ) -> Result<T> {
        let (database, naming) = (self.database.clone(), self.naming.clone());
        let task = SpawnedTask::spawn_blocking(move || {
            let session = database.write()?;
            let worked = in_transaction(&session, |session| {
                match naming.decide(session, database.path())? {
                    Ok(name) => work(&Rows::new(session, &name)),
                    Err(error) => Ok(Err(error)),
                }
            });
            worked.map_err(|cause| database.failed(doing, cause))?
        });
        task.await
            .map_err(stopped)?
            .map_err(|error| self.named(error))
    }

    fn named(&self, error: Error) -> Error {
        error.context(format_args!("catalog '{}'", self.name))
    }
}

impl fmt::Debug for SqlCatalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlCatalog")
            .field("name", &self.name)
            .field("catalog_name", &self.catalog_name())
            .field("database", &self.database.path())
            .field("warehouse", &self.warehouse)
            .finish_non_exhaustive()
    }
}

/// What a piece of work on the rows comes to, when SQLite itself did not fail.
type Outcome<T> = Result<T>;

fn in_transaction<T>(
    session: &Session,
    work: impl FnOnce(&Session) -> rusqlite::Result<Outcome<T>>,
) -> rusqlite::Result<Outcome<T>> {
    let transaction =
        rusqlite::Transaction::new_unchecked(&session.connection, TransactionBehavior::Immediate)?;
    let outcome = work(session)?;
    match outcome.is_ok() {
        true => transaction.commit()?,
        false => transaction.rollback()?,
    }
    Ok(outcome)
}

/// A warehouse as the prefix of locations: a relative path is made absolute, since it will stand
/// in tables' metadata.
fn warehouse_location(name: &str, warehouse: &str) -> Result<String> {
    let trimmed = warehouse.trim_end_matches('/');
    if warehouse.contains(':') || (warehouse.starts_with('/') && !trimmed.is_empty()) {
        return Ok(trimmed.to_string());
    }
    let invalid = || {
        Error::new(
            ErrorKind::Invalid,
            format!("catalog '{name}': warehouse '{warehouse}' is no directory or location"),
        )
    };
    let absolute = std::path::absolute(trimmed).map_err(|_| invalid())?;
    absolute
        .to_str()
        .map(|path| path.trim_end_matches('/').to_string())
        .ok_or_else(invalid)
}

/// A warehouse on the local file system has to exist.
fn check_warehouse(name: &str, location: &str) -> Result<()> {
    let path = match location.strip_prefix("file:") {
        Some(rest) => rest
            .strip_prefix("//localhost")
            .or(rest.strip_prefix("//"))
            .unwrap_or(rest),
        None if location.starts_with('/') => location,
        None => return Ok(()),
    };
    if Path::new(path).is_dir() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::NotFound,
        format!(
            "catalog '{name}': warehouse '{location}' does not exist: make the directory, or \
             leave the option out to read existing tables only"
        ),
    ))
}

fn stopped(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Io, "the catalog call was stopped").with_source(cause)
}
