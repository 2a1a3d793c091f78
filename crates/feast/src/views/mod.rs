// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The catalog `feast`: what is defined (`feast.registry.…`), what is online (`feast.online.…`) and
//! what is kept in memory (`feast.cache.…`), as tables that are read-only and read at each use.

mod cache;
mod online;
mod registry;
mod unsupported;

use std::any::Any;
use std::sync::Arc;

use datafusion::catalog::{CatalogProvider, SchemaProvider};

use self::cache::CacheSchema;
use self::online::OnlineSchema;
use self::registry::RegistrySchema;
use crate::session::FeastShared;

/// The definitions.
const REGISTRY: &str = "registry";
/// The caches.
const CACHE: &str = "cache";
/// The online tables.
const ONLINE: &str = "online";

/// The catalog `feast`.
#[derive(Debug)]
pub(crate) struct FeastCatalog {
    registry: Arc<RegistrySchema>,
    cache: Arc<CacheSchema>,
    online: Arc<OnlineSchema>,
}

impl FeastCatalog {
    /// The catalog over a session's definitions and caches.
    pub(crate) fn new(shared: Arc<FeastShared>) -> Self {
        let cache = CacheSchema::new(&shared);
        Self {
            online: Arc::new(OnlineSchema {
                shared: Arc::clone(&shared),
            }),
            registry: Arc::new(RegistrySchema { shared }),
            cache: Arc::new(cache),
        }
    }
}

impl CatalogProvider for FeastCatalog {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema_names(&self) -> Vec<String> {
        [CACHE, ONLINE, REGISTRY].map(str::to_owned).to_vec()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        match name {
            REGISTRY => Some(Arc::clone(&self.registry) as _),
            CACHE => Some(Arc::clone(&self.cache) as _),
            ONLINE => Some(Arc::clone(&self.online) as _),
            _ => None,
        }
    }
}
