// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The registry of a session: read through a cache, changed by compare-and-swap.

use std::sync::{Arc, Mutex, PoisonError};

use datafusion::common::Result;
use feast_registry::{Error, ErrorKind, Registry, RegistryStore, Version};

use super::error::{fail, from_registry};

/// How often a change is made anew when someone else wrote the registry in between. Each time one of
/// the others has succeeded: so many writers at once all succeed.
const ATTEMPTS: usize = 100;

/// A registry behind a store. Cloning shares the store and the cache.
#[derive(Debug, Clone)]
pub(crate) struct RegistryHandle {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<dyn RegistryStore>,
    /// What was parsed last, and which version of the stored bytes it is.
    cached: Mutex<Option<(Version, Arc<Registry>)>>,
}

impl RegistryHandle {
    /// A handle on what the store holds.
    pub(crate) fn new(store: Arc<dyn RegistryStore>) -> Self {
        Self {
            inner: Arc::new(Inner {
                store,
                cached: Mutex::new(None),
            }),
        }
    }

    /// The registry as it is now; empty when nothing is stored yet.
    pub(crate) fn read(&self) -> Result<Arc<Registry>> {
        Ok(self.read_version()?.1)
    }

    fn read_version(&self) -> Result<(Version, Arc<Registry>)> {
        let named = |error: Error| from_registry(error.context(self.inner.store.location()));
        let stored = self.inner.store.read().map_err(from_registry)?;
        let Some(stored) = stored else {
            return Ok((Version::absent(), Arc::new(Registry::new())));
        };
        let mut cached = self
            .inner
            .cached
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((version, registry)) = cached.as_ref()
            && *version == stored.version
        {
            return Ok((stored.version, Arc::clone(registry)));
        }
        let registry = Arc::new(Registry::parse(&stored.bytes).map_err(named)?);
        *cached = Some((stored.version.clone(), Arc::clone(&registry)));
        Ok((stored.version, registry))
    }

    /// Changes the registry. `change` gets the newest registry and may run more than once; an error
    /// from it leaves everything as it was, and so does a change that changes nothing.
    pub(crate) fn update<T>(
        &self,
        mut change: impl FnMut(&mut Registry) -> Result<T>,
    ) -> Result<T> {
        for _ in 0..ATTEMPTS {
            let (version, registry) = self.read_version()?;
            let mut changed = (*registry).clone();
            let answer = change(&mut changed)?;
            let bytes = changed.to_bytes();
            if bytes == registry.to_bytes() {
                return Ok(answer);
            }
            match self.inner.store.write(&bytes, &version) {
                Ok(_) => return Ok(answer),
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(from_registry(error)),
            }
        }
        Err(fail(
            ErrorKind::Conflict,
            format!(
                "the registry was written by others during each of {ATTEMPTS} attempts to change \
                 it; try again"
            ),
        ))
    }
}
