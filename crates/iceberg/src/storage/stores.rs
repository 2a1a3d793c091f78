// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The object stores a catalog has opened: one for each store and set of properties, so that
//! connections are shared by all tables of the catalog.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;

use super::location::{self, StoreKey};
use super::properties::{self, Properties};
use crate::error::Result;

/// Stores by what they are opened with. Credentials that a catalog hands out for one table only
/// differ in their properties, so they never serve another table.
#[derive(Default)]
pub(super) struct ObjectStores {
    open: Mutex<HashMap<(StoreKey, Properties), Arc<dyn ObjectStore>>>,
}

/// Above this many open stores the map is emptied, since credentials handed out per table pile up.
const MAX_OPEN: usize = 256;

impl ObjectStores {
    /// The store and key of `location`, opened with `properties` the first time.
    pub(super) fn resolve(
        &self,
        location: &str,
        properties: &Properties,
    ) -> Result<(Arc<dyn ObjectStore>, Path)> {
        let (store, path) = location::parse(location)?;
        let of = match store {
            StoreKey::Local | StoreKey::Memory => Properties::default(),
            _ => properties.clone(),
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (store, of);
        if let Some(store) = open.get(&key) {
            return Ok((Arc::clone(store), path));
        }
        let opened = build(&key.0, properties)?;
        if open.len() >= MAX_OPEN {
            open.retain(|(store, _), _| *store == StoreKey::Memory);
        }
        open.insert(key, Arc::clone(&opened));
        Ok((opened, path))
    }
}

impl fmt::Debug for ObjectStores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectStores").finish_non_exhaustive()
    }
}

fn build(key: &StoreKey, properties: &Properties) -> Result<Arc<dyn ObjectStore>> {
    match key {
        StoreKey::Local => Ok(Arc::new(LocalFileSystem::new())),
        StoreKey::Memory => Ok(Arc::new(InMemory::new())),
        StoreKey::S3 { bucket } => properties::s3(properties, bucket),
        StoreKey::Gcs { bucket } => properties::gcs(properties, bucket),
        StoreKey::Azure { container, account } => {
            properties::azure(properties, container, account.as_deref())
        }
    }
}
