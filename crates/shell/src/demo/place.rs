// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The demo's directory: whether it may be used, and what is where in it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Says that a directory is a demo's, and which form its data has.
const MARKER: &str = ".feast-demo";

/// The form of the data; another form is built anew.
const COMPLETE: &str = "feast-sql demo, data 1\n";
const UNDER_WAY: &str = "feast-sql demo, being built\n";

/// A directory that belongs to the demo.
#[derive(Debug)]
pub(super) struct DemoDir {
    path: PathBuf,
}

/// What a demo's directory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contents {
    /// All data of this version.
    Complete,
    /// Nothing, or what an interrupted or older demo left.
    Missing,
}

impl DemoDir {
    /// Takes a directory that does not exist, is empty, or is a demo already.
    pub(super) fn claim(dir: &Path) -> Result<Self, Failure> {
        let failed = |error: &io::Error| {
            let message = format!("cannot be used: {error}; give a directory you may write to");
            Failure::new(place(dir), message)
        };
        fs::create_dir_all(dir).map_err(|error| failed(&error))?;
        let path = fs::canonicalize(dir).map_err(|error| failed(&error))?;
        if path.to_str().is_none() {
            let message = "the path is no Unicode text, which a catalog needs; give another";
            return Err(Failure::new(place(dir), message));
        }
        let demo = Self { path };
        if demo.marker().is_file() {
            return Ok(demo);
        }
        let mut entries = fs::read_dir(&demo.path).map_err(|error| failed(&error))?;
        if entries.next().is_some() {
            let message = "the directory is not empty and is not a demo; nothing was changed, \
                           give a new or empty directory";
            return Err(Failure::new(place(dir), message));
        }
        fs::write(demo.marker(), UNDER_WAY).map_err(|error| failed(&error))?;
        Ok(demo)
    }

    pub(super) fn contents(&self) -> Result<Contents, Failure> {
        let marker = fs::read_to_string(self.marker()).map_err(|error| self.failed(&error))?;
        let whole = marker == COMPLETE
            && self.catalog_file().is_file()
            && self.entities_file().is_file()
            && self.warehouse().is_dir();
        Ok(if whole {
            Contents::Complete
        } else {
            Contents::Missing
        })
    }

    /// Removes the demo's own files, and nothing else.
    pub(super) fn clear(&self) -> Result<(), Failure> {
        let absent_is_fine = |result: io::Result<()>| match result {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed(&error)),
            _ => Ok(()),
        };
        fs::write(self.marker(), UNDER_WAY).map_err(|error| self.failed(&error))?;
        for file in [
            self.catalog_file(),
            self.registry_file(),
            self.entities_file(),
        ] {
            absent_is_fine(fs::remove_file(file))?;
        }
        absent_is_fine(fs::remove_dir_all(self.warehouse()))
    }

    /// Records that all data is written.
    pub(super) fn complete(&self) -> Result<(), Failure> {
        fs::write(self.marker(), COMPLETE).map_err(|error| self.failed(&error))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn catalog_file(&self) -> PathBuf {
        self.path.join("catalog.db")
    }

    pub(super) fn registry_file(&self) -> PathBuf {
        self.path.join("registry.db")
    }

    pub(super) fn entities_file(&self) -> PathBuf {
        self.path.join("entities.parquet")
    }

    pub(super) fn warehouse(&self) -> PathBuf {
        self.path.join("warehouse")
    }

    fn marker(&self) -> PathBuf {
        self.path.join(MARKER)
    }

    /// An error about the directory.
    pub(super) fn failed(&self, error: &dyn std::error::Error) -> Failure {
        let message = format!("{error}; give a directory you may write to");
        Failure::new(place(&self.path), message)
    }
}

fn place(dir: &Path) -> String {
    format!("demo {}", dir.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_directory_is_claimed_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("a/b");
        let demo = DemoDir::claim(&target).unwrap();
        assert_eq!(demo.contents().unwrap(), Contents::Missing);
        fs::write(demo.catalog_file(), "").unwrap();
        fs::write(demo.entities_file(), "").unwrap();
        fs::create_dir(demo.warehouse()).unwrap();
        demo.complete().unwrap();
        let again = DemoDir::claim(&target).unwrap();
        assert_eq!(again.contents().unwrap(), Contents::Complete);
        fs::write(demo.path().join("mine.txt"), "").unwrap();
        again.clear().unwrap();
        assert_eq!(again.contents().unwrap(), Contents::Missing);
        assert!(demo.path().join("mine.txt").is_file());
    }

    #[test]
    fn someone_elses_directory_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("thesis.txt"), "").unwrap();
        let error = DemoDir::claim(dir.path()).unwrap_err().to_string();
        assert!(error.contains("not empty and is not a demo"), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
