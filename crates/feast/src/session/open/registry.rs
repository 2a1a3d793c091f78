// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The store behind a registry's location.

use std::sync::Arc;

use datafusion::common::{Result, plan_err};
use datafusion::execution::runtime_env::RuntimeEnv;
use feast_registry::{FileRegistryStore, RegistryLocation, RegistryStore, SqliteRegistryStore};

use super::object_registry::ObjectRegistryStore;

/// Opens the store at a location; nothing is read yet.
pub(in crate::session) fn open_registry(
    location: &RegistryLocation,
    runtime: &RuntimeEnv,
) -> Result<Arc<dyn RegistryStore>> {
    Ok(match location {
        RegistryLocation::File(path) => Arc::new(FileRegistryStore::new(path)),
        RegistryLocation::Sqlite(path) => Arc::new(SqliteRegistryStore::new(path)),
        RegistryLocation::Url(url) => Arc::new(ObjectRegistryStore::open(url, runtime)?),
        other => {
            return plan_err!("the registry {other:?} is of a kind that cannot be opened here");
        }
    })
}
