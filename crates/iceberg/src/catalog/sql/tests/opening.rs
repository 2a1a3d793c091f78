// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Opening files, and refusing them.

use std::time::Duration;

use iceberg::Catalog;
use rusqlite::Connection;
use tempfile::TempDir;

use super::super::database::Database;
use super::*;

#[tokio::test]
async fn what_is_no_catalog_is_refused_and_left_alone() {
    let dir = TempDir::new().unwrap();
    let text = dir.path().join("text.db");
    std::fs::write(&text, "hello, I am no database at all").unwrap();
    let empty = dir.path().join("empty.db");
    std::fs::write(&empty, "").unwrap();
    let other = dir.path().join("other.db");
    Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE t (a)")
        .unwrap();
    let half = dir.path().join("half.db");
    Connection::open(&half)
        .unwrap()
        .execute_batch("CREATE TABLE iceberg_tables (a)")
        .unwrap();
    for (file, why) in [
        (&text, "it is not an SQLite database"),
        (&empty, "it is empty"),
        (&other, "it has no table 'iceberg_tables'"),
        (&half, "it has no column 'catalog_name'"),
    ] {
        let before = std::fs::read(file).unwrap();
        let error = SqlCatalog::open(&options(file, None, &[]))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotACatalog);
        assert!(error.to_string().contains(why), "{error}");
        assert!(
            error.to_string().contains(&file.display().to_string()),
            "{error}"
        );
        assert_eq!(std::fs::read(file).unwrap(), before);
    }
    let error = SqlCatalog::open(&options(dir.path(), None, &[]))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("it is a directory"), "{error}");

    let missing = dir.path().join("missing.db");
    let error = SqlCatalog::open(&options(&missing, None, &[]))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(!missing.exists(), "opening must not create");
    let mut left: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|it| it.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(
        left,
        ["empty.db", "half.db", "other.db", "text.db"],
        "no file next to them"
    );
}

#[tokio::test]
async fn the_catalogs_name_in_the_file_is_found_or_asked_for() {
    let dir = TempDir::new().unwrap();
    let file = old_database(&dir);
    let add = |name: &str| {
        let sql = format!(
            "INSERT INTO iceberg_namespace_properties VALUES ('{name}', 'n', 'exists', 'true')"
        );
        Connection::open(&file)
            .unwrap()
            .execute_batch(&sql)
            .unwrap();
    };
    add("second");
    let error = SqlCatalog::open(&options(&file, None, &[]))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("choose one of 'default', 'second'"),
        "{error}"
    );
    let chosen = options(&file, None, &[("catalog-name", "second")]);
    assert_eq!(
        SqlCatalog::open(&chosen).await.unwrap().catalog_name(),
        "second"
    );
    let wrong = options(&file, None, &[("catalog_name", "third")]);
    let error = SqlCatalog::open(&wrong).await.unwrap_err().to_string();
    assert!(
        error.contains("no catalog named 'third', but 'default', 'second'"),
        "{error}"
    );
    add("lake");
    let own = SqlCatalog::open(&options(&file, None, &[])).await.unwrap();
    assert_eq!(own.catalog_name(), "lake");
}

#[tokio::test]
async fn a_locked_database_is_named() {
    let dir = TempDir::new().unwrap();
    let file = old_database(&dir);
    let catalog = SqlCatalog {
        database: Database::new(file.clone(), Duration::from_millis(50)),
        ..SqlCatalog::open(&options(&file, Some(dir.path()), &[]))
            .await
            .unwrap()
    };
    let other = Connection::open(&file).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let error = Error::from(catalog.list_namespaces(None).await.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Locked);
    let text = error.to_string();
    assert!(
        text.contains(&file.display().to_string()) && text.contains("is locked"),
        "{text}"
    );
    other.execute_batch("ROLLBACK; BEGIN IMMEDIATE").unwrap();
    assert_eq!(
        catalog.list_namespaces(None).await.unwrap().len(),
        1,
        "readers go on"
    );
    let error = catalog
        .create_table(&shop(), creation("t"))
        .await
        .unwrap_err();
    assert_eq!(Error::from(error).kind(), ErrorKind::Locked);
    let metadata = dir.path().join("shop/t/metadata");
    assert_eq!(
        std::fs::read_dir(metadata).unwrap().count(),
        0,
        "no file is left behind"
    );
}

#[tokio::test]
async fn a_read_only_file_in_a_read_only_directory_is_read() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new().unwrap();
    let file = old_database(&dir);
    Connection::open(&file)
        .unwrap()
        .pragma_update(None, "journal_mode", "WAL")
        .unwrap();
    assert!(!dir.path().join("old.db-wal").exists());
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o444)).unwrap();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o555)).unwrap();
    let opened = SqlCatalog::open(&options(&file, None, &[])).await;
    // The superuser may write anyway, so what the others go through is also called directly.
    let immutable = Database::new(file.clone(), BUSY_TIMEOUT).read_immutable();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(
        opened.unwrap().list_namespaces(None).await.unwrap(),
        vec![shop()]
    );
    let session = immutable.unwrap();
    assert_eq!(
        rows::catalog_names(&session).unwrap(),
        BTreeSet::from(["default".to_string()])
    );
    assert!(
        session
            .connection
            .execute_batch("DELETE FROM iceberg_tables")
            .is_err()
    );
}

#[tokio::test]
async fn a_relative_uri_is_under_the_working_directory() {
    let here = std::env::current_dir().unwrap();
    let dir = TempDir::new_in(&here).unwrap();
    let file = old_database(&dir);
    let relative = file.strip_prefix(&here).unwrap();
    let mut options = options(&file, None, &[]);
    for uri in [
        format!("sqlite:///{}", relative.display()),
        relative.display().to_string(),
    ] {
        options.uri = uri;
        assert!(SqlCatalog::open(&options).await.is_ok(), "{}", options.uri);
    }
}
