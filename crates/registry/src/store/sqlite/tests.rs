// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The SQL registry that Feast made: read as a file, written row by row.

use std::path::{Path, PathBuf};

use super::*;
use crate::{Entity, Registry, Timestamp, ValueType};

fn copy(folder: &Path) -> SqliteRegistryStore {
    let from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/data/feast_repos/sql/registry.sqlite");
    let to: PathBuf = folder.join("registry.sqlite");
    std::fs::write(&to, std::fs::read(from).unwrap()).unwrap();
    SqliteRegistryStore::new(to)
}

fn registry(store: &SqliteRegistryStore) -> (Registry, Version) {
    let read = store.read().unwrap().unwrap();
    let registry = Registry::parse(&read.bytes).unwrap();
    assert_eq!(registry.to_bytes(), read.bytes);
    (registry, read.version)
}

/// Every row of every table, as text.
fn rows(store: &SqliteRegistryStore) -> Vec<String> {
    let connection = Connection::open(store.path()).unwrap();
    let mut tables = connection
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        .unwrap();
    let tables: Vec<String> = tables
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let mut all = Vec::new();
    for table in tables {
        let mut statement = connection
            .prepare(&format!("SELECT * FROM {table}"))
            .unwrap();
        let columns = statement.column_count();
        let mut found = statement.query([]).unwrap();
        while let Some(row) = found.next().unwrap() {
            let values: Vec<_> = (0..columns)
                .map(|at| format!("{:?}", row.get_ref(at).unwrap()))
                .collect();
            all.push(format!("{table}: {}", values.join(", ")));
        }
    }
    all.sort();
    all
}

#[test]
fn what_feast_wrote_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, version) = registry(&copy(folder.path()));
    assert_eq!(registry.projects(), ["rides"]);
    let names: Vec<_> = registry
        .entities("rides")
        .unwrap()
        .into_iter()
        .map(|e| e.name)
        .collect();
    assert_eq!(names, ["customer", "driver", "zone"]);
    assert!(registry.feature_views("rides").unwrap().len() > 15);
    assert_eq!(registry.feature_services("rides").unwrap().len(), 4);
    assert_eq!(registry.source_catalogs("rides").unwrap().len(), 3);
    assert_eq!(
        copy(folder.path()).read().unwrap().unwrap().version,
        version
    );
}

#[test]
fn a_change_touches_its_rows_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = copy(folder.path());
    let before = rows(&store);
    let (mut changed, version) = registry(&store);
    assert_eq!(store.write(&changed.to_bytes(), &version).unwrap(), version);
    let stamps = |row: &&String| !row.starts_with("feast_metadata");
    let kept = |rows: &[String]| rows.iter().filter(stamps).cloned().collect::<Vec<_>>();
    assert_eq!(kept(&rows(&store)), kept(&before));

    let now = Timestamp::new(1_800_000_000, 5);
    let added = Entity::new("added", "added_id", ValueType::Int64);
    changed.put_entity("rides", &added, now).unwrap();
    assert!(
        changed
            .remove_feature_service("rides", "scored_model")
            .unwrap()
    );
    changed.touch(now).unwrap();
    let written = store.write(&changed.to_bytes(), &version).unwrap();
    let (read, found) = registry(&store);
    assert_eq!(found, written);
    assert_eq!(read.entity("rides", "added").unwrap(), Some(added));
    assert_eq!(read.feature_service("rides", "scored_model").unwrap(), None);

    let after = rows(&store);
    let new: Vec<_> = kept(&after)
        .into_iter()
        .filter(|row| !before.contains(row))
        .collect();
    assert_eq!(new.len(), 1, "{new:?}");
    assert!(
        new[0].starts_with("entities: ") && new[0].contains("1800000000"),
        "{new:?}"
    );
    let gone: Vec<_> = kept(&before)
        .into_iter()
        .filter(|row| !after.contains(row))
        .collect();
    assert_eq!(gone.len(), 1);
    assert!(gone[0].starts_with("feature_services: "));

    let error = store.write(&changed.to_bytes(), &version).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[test]
fn what_is_no_sql_registry_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let missing = SqliteRegistryStore::new(folder.path().join("none.sqlite"));
    let error = missing.read().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("feast apply"), "{error}");
    assert!(!missing.path().exists());

    let text = folder.path().join("text.sqlite");
    std::fs::write(
        &text,
        "this is no database, and it is long enough to look at",
    )
    .unwrap();
    let error = SqliteRegistryStore::new(&text).read().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);

    let other = folder.path().join("other.sqlite");
    let connection = Connection::open(&other).unwrap();
    connection.execute_batch("CREATE TABLE t (a)").unwrap();
    let error = SqliteRegistryStore::new(&other).read().unwrap_err();
    assert!(error.to_string().contains("no table 'projects'"), "{error}");
}
