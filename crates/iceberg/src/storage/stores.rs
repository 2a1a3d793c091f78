// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The object stores a catalog has opened: one for each store and set of properties, so that
//! connections are shared by all tables of the catalog.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;

use super::aws_buckets::{self, AwsChains};
use super::http::SharedHttp;
use super::location::StoreKey;
use super::opening::Opening;
use super::other_clouds;
use super::properties::Properties;
use super::vended::Vended;
use super::vended_keys::VendedFor;
use crate::error::Result;

/// What a store was opened with. Credentials that a catalog hands out for one table never serve
/// another table.
#[derive(PartialEq, Eq, Hash)]
struct Opened {
    store: StoreKey,
    properties: Properties,
    vended: Option<(ByAddress, String)>,
}

/// The same only as itself.
struct ByAddress(Arc<Vended>);

impl PartialEq for ByAddress {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ByAddress {}

impl Hash for ByAddress {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

/// Stores by what they are opened with.
#[derive(Default)]
pub(super) struct ObjectStores {
    open: Mutex<HashMap<Opened, Arc<dyn ObjectStore>>>,
    http: SharedHttp,
    chains: AwsChains,
}

/// Above this many open stores the map is emptied, since tables with credentials of their own pile
/// up.
const MAX_OPEN: usize = 256;

impl ObjectStores {
    /// The store, opened the first time.
    pub(super) fn get(
        &self,
        store: &StoreKey,
        properties: &Properties,
        vended: Option<VendedFor>,
    ) -> Result<Arc<dyn ObjectStore>> {
        let key = match store {
            StoreKey::Local | StoreKey::Memory => Opened {
                store: store.clone(),
                properties: Properties::default(),
                vended: None,
            },
            _ => Opened {
                store: store.clone(),
                properties: properties.clone(),
                vended: vended
                    .as_ref()
                    .map(|by| (ByAddress(Arc::clone(&by.vended)), by.location.clone())),
            },
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = open.get(&key) {
            return Ok(Arc::clone(store));
        }
        let opened = self.build(store, properties, vended)?;
        if open.len() >= MAX_OPEN {
            open.retain(|known, _| known.store == StoreKey::Memory);
        }
        open.insert(key, Arc::clone(&opened));
        Ok(opened)
    }

    fn build(
        &self,
        store: &StoreKey,
        properties: &Properties,
        vended: Option<VendedFor>,
    ) -> Result<Arc<dyn ObjectStore>> {
        let opening = Opening {
            properties,
            vended,
            http: &self.http,
            chains: &self.chains,
        };
        match store {
            StoreKey::Local => Ok(Arc::new(LocalFileSystem::new())),
            StoreKey::Memory => Ok(Arc::new(InMemory::new())),
            StoreKey::S3 { bucket } => aws_buckets::open(&opening, bucket),
            StoreKey::Gcs { bucket } => other_clouds::gcs(&opening, bucket),
            StoreKey::Azure { container, account } => {
                other_clouds::azure(&opening, container, account.as_deref())
            }
        }
    }
}

impl fmt::Debug for ObjectStores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectStores").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn open(location: &str, pairs: &[(&str, &str)]) -> Result<Arc<dyn ObjectStore>> {
        let own = |(key, value): &(&str, &str)| (key.to_string(), value.to_string());
        let properties = pairs.iter().map(own).collect();
        let (store, _) = super::super::location::parse(location)?;
        ObjectStores::default().get(&store, &properties, None)
    }

    #[test]
    fn stores_are_built_from_properties() {
        let keys = [
            ("s3.endpoint", "http://localhost:9000"),
            ("s3.region", "us-east-1"),
            ("s3.access-key-id", "a"),
            ("s3.secret-access-key", "b"),
            ("adls.account-name", "acc"),
            ("adls.account-key", "c2VjcmV0"),
            ("gcs.no-auth", "true"),
        ];
        for location in ["s3://bucket/k", "gs://bucket/k", "abfss://bucket/k"] {
            let store = open(location, &keys).unwrap();
            assert!(store.to_string().contains("bucket"), "{store}");
        }
        let store = open("s3://bucket/k", &[]).unwrap();
        assert!(store.to_string().contains("bucket"), "{store}");
    }

    #[test]
    fn wrong_properties_are_named() {
        let error = |pairs: &[(&str, &str)]| -> Error { open("s3://b/k", pairs).unwrap_err() };
        for (pairs, said) in [
            (
                [("s3.path-style-access", "maybe")].as_slice(),
                "property 's3.path-style-access' is 'maybe': expected true or false",
            ),
            (
                &[("s3.access-key-id", "a")],
                "'s3.secret-access-key' is given: give both",
            ),
            (
                &[("s3.endpoint", "localhost:9000")],
                "'s3.endpoint' is 'localhost:9000': expected",
            ),
            (
                &[("client.role-arn", "r")],
                "property 'client.role-arn' is not supported",
            ),
            (
                &[("s3.request-timeout", "x")],
                "'s3.request-timeout' is 'x': expected seconds",
            ),
        ] {
            let error = error(pairs).to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
