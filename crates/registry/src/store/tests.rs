// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Stores: what is read is what was written, and no write is lost.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{
    Entity, ErrorKind, FileRegistryStore, InMemoryRegistryStore, Registry, RegistryStore,
    Timestamp, ValueType, Version,
};

#[test]
fn reading_and_writing() {
    let folder = tempfile::tempdir().unwrap();
    let file = FileRegistryStore::new(folder.path().join("data").join("registry.db"));
    let memory = InMemoryRegistryStore::new();
    for store in [&file as &dyn RegistryStore, &memory] {
        assert_eq!(store.read().unwrap(), None);
        let first = store.write(b"one", &Version::absent()).unwrap();
        let read = store.read().unwrap().unwrap();
        assert_eq!(
            (read.bytes.as_slice(), &read.version),
            (&b"one"[..], &first)
        );
        for stale in [Version::absent(), Version::of(b"other")] {
            let error = store.write(b"two", &stale).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict);
            assert!(error.to_string().contains("try again"), "{error}");
        }
        assert_eq!(store.read().unwrap().unwrap().bytes, b"one");
        let second = store.write(b"two", &first).unwrap();
        assert_ne!(first, second);
        assert_eq!(store.read().unwrap().unwrap().version, second);
    }
    let mut left: Vec<_> = std::fs::read_dir(folder.path().join("data"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, [".registry.db.lock", "registry.db"]);
}

#[test]
fn what_cannot_be_read_or_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileRegistryStore::new(folder.path());
    let error = store.read().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(
        error
            .to_string()
            .contains(&folder.path().display().to_string())
    );
    let store = FileRegistryStore::new(folder.path().join("a/b/registry.db"));
    assert_eq!(store.read().unwrap(), None);
    let error = store.write(b"", &Version::absent()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(!folder.path().join("a").exists());
}

#[cfg(unix)]
#[test]
fn links_and_permissions_stay() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("target.db");
    let link = folder.path().join("link.db");
    std::fs::write(&target, b"one").unwrap();
    std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let store = FileRegistryStore::new(&link);
    store.write(b"two", &Version::of(b"one")).unwrap();
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(std::fs::read(&target).unwrap(), b"two");
    assert_eq!(
        std::fs::metadata(&target).unwrap().permissions().mode() & 0o777,
        0o640
    );
}

/// Reads, adds an entity, writes; again on a conflict.
fn add(store: &dyn RegistryStore, name: &str, conflicts: &AtomicUsize) {
    loop {
        let (mut registry, version) = match store.read().unwrap() {
            Some(read) => (Registry::parse(&read.bytes).unwrap(), read.version),
            None => (Registry::new(), Version::absent()),
        };
        let entity = Entity::new(name, "id", ValueType::Int64);
        registry
            .put_entity("rides", &entity, Timestamp::default())
            .unwrap();
        registry.touch(Timestamp::default()).unwrap();
        match store.write(&registry.to_bytes(), &version) {
            Ok(_) => return,
            Err(error) if error.kind() == ErrorKind::Conflict => {
                conflicts.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn no_update_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    let memory = InMemoryRegistryStore::new();
    let conflicts = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..5 {
            // A store each, as different processes have.
            let file = FileRegistryStore::new(&path);
            let (memory, conflicts) = (&memory, &conflicts);
            scope.spawn(move || {
                for turn in 0..10 {
                    let name = format!("e{thread}_{turn}");
                    add(&file, &name, conflicts);
                    add(memory, &name, conflicts);
                }
            });
        }
    });
    for store in [
        &FileRegistryStore::new(&path) as &dyn RegistryStore,
        &memory,
    ] {
        let registry = Registry::parse(&store.read().unwrap().unwrap().bytes).unwrap();
        assert_eq!(registry.entities("rides").unwrap().len(), 50);
    }
}
