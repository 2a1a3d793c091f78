// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `online_store` of a repository: where online tables are, and what keeps them from being used.

use datafusion::common::{Result, plan_err};
use feast_registry::OnlineTables;

use super::OpenRepository;
use crate::ops::from_registry;

/// The version of Feast's entity keys that online tables are made with.
const ENTITY_KEYS: i64 = 3;

impl OpenRepository {
    /// What is said of online tables; none where the store is of another type. A repository whose entity keys
    /// are of another version is an error that says why.
    pub(in crate::session) fn online_tables(&self) -> Result<Option<&OnlineTables>> {
        match self.config.online_tables() {
            Ok(tables) => Ok(Some(tables)),
            Err(error) if self.config.entity_key_serialization_version != ENTITY_KEYS => {
                Err(from_registry(error))
            }
            Err(_) => Ok(None),
        }
    }

    /// The name under which the catalog of the online store is attached; none if the store names none. One
    /// that could not be attached is an error: its tables are in no other.
    pub(in crate::session) fn online_catalog(&self) -> Result<Option<String>> {
        let tables = self.online_tables()?;
        let Some(catalog) = tables.and_then(|tables| tables.catalog.as_ref()) else {
            return Ok(None);
        };
        match self.catalogs().find(&catalog.key()) {
            Some(Ok(name)) => Ok(Some(name.clone())),
            Some(Err(why)) => plan_err!(
                "online_store of feature_store.yaml is in the Iceberg catalog {}, which is not attached: {why}; mend that and open the \
                 repository anew, or SET feast.online.catalog to the name of another one",
                catalog.name
            ),
            None => Ok(None),
        }
    }
}
