// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Where the bytes of a registry are kept, with a version that guards every write.

mod file;
mod memory;
mod sqlite;
#[cfg(test)]
mod tests;

use std::fmt::Debug;

pub use file::FileRegistryStore;
pub use memory::InMemoryRegistryStore;
pub use sqlite::SqliteRegistryStore;

use crate::error::{Error, ErrorKind, Result};

/// Which bytes a store held when they were read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version(String);

impl Version {
    /// The version of a registry that is not there; writing over it makes a new one.
    pub fn absent() -> Self {
        Self(String::new())
    }

    /// A version by a name that the store gives, such as an ETag.
    pub fn named(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// A version by the bytes themselves.
    pub fn of(bytes: &[u8]) -> Self {
        // Each statement looks whether a registry of megabytes is still the one it knows.
        Self(blake3::hash(bytes).to_hex().to_string())
    }

    /// The store's name of the version; empty if there is nothing.
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// The bytes of a registry and which they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Their version, to write over them.
    pub version: Version,
}

/// A place that keeps the bytes of one registry.
pub trait RegistryStore: Send + Sync + Debug {
    /// Reads the bytes; none if there is no registry yet.
    fn read(&self) -> Result<Option<Versioned>>;

    /// Replaces the bytes in one step, if they are still those expected. Otherwise nothing
    /// changes and the error is of the kind [`ErrorKind::Conflict`]: read anew and try again.
    fn write(&self, bytes: &[u8], expected: &Version) -> Result<Version>;

    /// Where it is, for people.
    fn location(&self) -> String {
        "the registry".to_owned()
    }
}

fn conflict(location: &str) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!("{location} was written by somebody else since it was read; try again"),
    )
}
