// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A registry that lives as long as its store.

use std::sync::{Mutex, PoisonError};

use crate::error::Result;
use crate::store::{RegistryStore, Version, Versioned, conflict};

/// A registry in memory.
#[derive(Debug, Default)]
pub struct InMemoryRegistryStore {
    bytes: Mutex<Option<Vec<u8>>>,
}

impl InMemoryRegistryStore {
    /// A store without a registry.
    pub fn new() -> Self {
        Self::default()
    }
}

impl RegistryStore for InMemoryRegistryStore {
    fn read(&self) -> Result<Option<Versioned>> {
        let bytes = self
            .bytes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Ok(bytes.map(|bytes| Versioned {
            version: Version::of(&bytes),
            bytes,
        }))
    }

    fn write(&self, bytes: &[u8], expected: &Version) -> Result<Version> {
        let mut held = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let version = held.as_deref().map_or_else(Version::absent, Version::of);
        if version != *expected {
            return Err(conflict(&self.location()));
        }
        *held = Some(bytes.to_vec());
        Ok(Version::of(bytes))
    }

    fn location(&self) -> String {
        "the registry in memory".to_owned()
    }
}
