// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A registry in a file of Feast's format.
//!
//! Readers see the former file or the next, never a part of one. Writers of this library take
//! turns by a lock on a file beside it, and each compares before it replaces. Feast's own writer
//! takes no lock; what it wrote before our comparison is seen, and nothing is written then.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::store::{RegistryStore, Version, Versioned, conflict};

/// A registry in a file of Feast's format.
#[derive(Debug, Clone)]
pub struct FileRegistryStore {
    path: PathBuf,
}

impl FileRegistryStore {
    /// A store for the file at that path, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file itself, where the path leads over links.
    fn target(&self) -> PathBuf {
        fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone())
    }

    fn bytes(&self) -> Result<Option<Vec<u8>>> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("cannot be read", &self.path, error)),
        }
    }

    fn failed(&self, what: &str, path: &Path, error: io::Error) -> Error {
        let message = if path == self.path {
            format!("{} {what}: {error}", self.location())
        } else {
            format!("{} {what}: '{}': {error}", self.location(), path.display())
        };
        Error::new(ErrorKind::Io, message).with_source(error)
    }

    fn replace(&self, target: &Path, bytes: &[u8]) -> Result<()> {
        let beside = sibling(target, ".tmp");
        let written = write_beside(target, &beside, bytes);
        written
            .and_then(|()| fs::rename(&beside, target))
            .map_err(|error| {
                // The lock is ours, so is the file; what remains of it would be overwritten next time.
                let _ = fs::remove_file(&beside);
                self.failed("cannot be written", &beside, error)
            })?;
        sync_folder(target);
        Ok(())
    }
}

impl RegistryStore for FileRegistryStore {
    fn read(&self) -> Result<Option<Versioned>> {
        let bytes = self.bytes()?;
        Ok(bytes.map(|bytes| Versioned {
            version: Version::of(&bytes),
            bytes,
        }))
    }

    fn write(&self, bytes: &[u8], expected: &Version) -> Result<Version> {
        let target = self.target();
        if let Some(folder) = target
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            && !folder.exists()
        {
            // As Feast: the folder itself, not those above it.
            fs::create_dir(folder)
                .or_else(|error| match error.kind() {
                    io::ErrorKind::AlreadyExists => Ok(()),
                    _ => Err(error),
                })
                .map_err(|error| self.failed("cannot be written", folder, error))?;
        }
        let lock_path = sibling(&target, ".lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .and_then(|file| file.lock().map(|()| file))
            .map_err(|error| self.failed("cannot be locked", &lock_path, error))?;

        let held = self.bytes()?;
        if held.as_deref().map_or_else(Version::absent, Version::of) != *expected {
            return Err(conflict(&self.location()));
        }
        if held.as_deref() != Some(bytes) {
            self.replace(&target, bytes)?;
        }
        drop(lock);
        Ok(Version::of(bytes))
    }

    fn location(&self) -> String {
        format!("the registry '{}'", self.path.display())
    }
}

/// A hidden file beside another.
fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(suffix);
    path.with_file_name(name)
}

fn write_beside(target: &Path, beside: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(beside)?;
    if let Ok(known) = fs::metadata(target) {
        file.set_permissions(known.permissions())?;
    }
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the renaming last; where folders cannot be synced, the system does without.
fn sync_folder(target: &Path) {
    #[cfg(unix)]
    if let Some(folder) = target.parent() {
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    #[cfg(not(unix))]
    let _ = target;
}
