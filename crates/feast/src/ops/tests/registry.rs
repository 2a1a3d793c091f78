// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The registry behind the handle: concurrent writers, damage.

use std::sync::Mutex;

use feast_registry::{Entity, Registry, Timestamp, ValueType, Version, Versioned};

use super::*;
use crate::ops::RegistryHandle;

/// A store in which someone else writes an entity before each of our first writes.
#[derive(Debug)]
struct Contended {
    inner: InMemoryRegistryStore,
    others: Mutex<Vec<&'static str>>,
}

impl RegistryStore for Contended {
    fn read(&self) -> feast_registry::Result<Option<Versioned>> {
        self.inner.read()
    }

    fn write(&self, bytes: &[u8], expected: &Version) -> feast_registry::Result<Version> {
        if let Some(name) = self.others.lock().unwrap().pop() {
            let stored = self.inner.read()?;
            let (mut registry, version) = match stored {
                Some(stored) => (Registry::parse(&stored.bytes)?, stored.version),
                None => (Registry::new(), Version::absent()),
            };
            let entity = Entity::new(name, name, ValueType::String);
            registry.put_entity("default", &entity, Timestamp::new(1, 0))?;
            self.inner.write(&registry.to_bytes(), &version)?;
        }
        self.inner.write(bytes, expected)
    }
}

#[tokio::test]
async fn changes_of_others_are_kept() {
    let others = Mutex::new(vec!["a", "b"]);
    let store = Arc::new(Contended {
        inner: InMemoryRegistryStore::new(),
        others,
    });
    let feast = session_on(store).await;
    run(&feast, &["CREATE ENTITY driver"]).await;
    let names = table(
        &feast,
        "SELECT array_agg(name ORDER BY name) AS names FROM feast_entities()",
    );
    assert!(names.await.contains("[a, b, driver]"));
}

#[tokio::test]
async fn a_change_that_always_collides_gives_up() {
    let names = (0..=100)
        .map(|number| &*format!("other_{number}").leak())
        .collect();
    let store = Contended {
        inner: InMemoryRegistryStore::new(),
        others: Mutex::new(names),
    };
    let handle = RegistryHandle::new(Arc::new(store));
    let entity = Entity::new("driver", "driver", ValueType::String);
    let put = |registry: &mut Registry| {
        registry
            .put_entity("default", &entity, Timestamp::new(1, 0))
            .map_err(crate::ops::from_registry)
    };
    let message = handle.update(put).unwrap_err().strip_backtrace();
    assert!(message.contains("each of 100 attempts"), "{message}");
}

#[tokio::test]
async fn a_change_of_nothing_writes_nothing() {
    let store = Arc::new(InMemoryRegistryStore::new());
    let feast = session_on(Arc::clone(&store) as Arc<dyn RegistryStore>).await;
    run(&feast, &["DROP ENTITY IF EXISTS driver"]).await;
    assert_eq!(store.read().unwrap(), None);
    run(&feast, &["CREATE ENTITY driver"]).await;
    let before = store.read().unwrap();
    run(
        &feast,
        &[
            "CREATE ENTITY IF NOT EXISTS driver",
            "CREATE OR REPLACE ENTITY driver",
        ],
    )
    .await;
    assert_eq!(store.read().unwrap(), before);
}

#[tokio::test]
async fn a_damaged_registry_is_left_alone() {
    let store = Arc::new(InMemoryRegistryStore::new());
    let feast = session_on(Arc::clone(&store) as Arc<dyn RegistryStore>).await;
    let bytes = b"this is no registry";
    store.write(bytes, &Version::absent()).unwrap();
    for sql in [
        "SHOW ENTITIES",
        "CREATE ENTITY driver",
        "DROP ENTITY driver",
    ] {
        let message = error(&feast, sql).await;
        assert!(message.contains("damaged"), "{message}");
    }
    assert_eq!(store.read().unwrap().unwrap().bytes, bytes);
}
