// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Opening files, and refusing them.

use std::collections::BTreeSet;
use std::time::Duration;

use iceberg::Catalog;
use rusqlite::Connection;
use tempfile::TempDir;

use super::super::database::Database;
use super::super::file_state::FileState;
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
    let unlocked =
        Database::new(file.clone(), BUSY_TIMEOUT).open_unlocked(FileState::alone(&file).unwrap());
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(
        opened.unwrap().list_namespaces(None).await.unwrap(),
        vec![shop()]
    );
    let session = unlocked.unwrap();
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

#[tokio::test]
async fn refusing_a_database_in_wal_mode_leaves_nothing_next_to_it() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("app.db");
    let other = Connection::open(&file).unwrap();
    other.pragma_update(None, "journal_mode", "WAL").unwrap();
    other.execute_batch("CREATE TABLE t (a)").unwrap();
    drop(other);
    let error = SqlCatalog::open(&options(&file, None, &[]))
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("it has no table 'iceberg_tables'"),
        "{error}"
    );
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_write_that_was_cut_off_is_named() {
    let dir = TempDir::new().unwrap();
    let file = old_database(&dir);
    let writer = Connection::open(&file).unwrap();
    let many = "PRAGMA cache_size = 1; BEGIN; INSERT INTO iceberg_namespace_properties \
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) \
                SELECT 'default', 'n' || i, 'exists', 'true' FROM n";
    writer.execute_batch(many).unwrap();
    let cut = dir.path().join("cut.db");
    std::fs::copy(&file, &cut).unwrap();
    std::fs::copy(
        dir.path().join("old.db-journal"),
        dir.path().join("cut.db-journal"),
    )
    .unwrap();
    let error = SqlCatalog::open(&options(&cut, None, &[]))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("must be rolled back by a writer"), "{error}");
    assert!(error.contains("cut.db-journal"), "{error}");
}

/// Not a test of its own: what the test below runs in another process.
#[test]
fn tries_to_write_as_another_process() {
    let Some(file) = std::env::var_os("FEAST_TEST_LOCKED_DATABASE") else {
        return;
    };
    let other = Connection::open(file).unwrap();
    other.busy_timeout(Duration::ZERO).unwrap();
    let locked = other.execute_batch("BEGIN IMMEDIATE").unwrap_err();
    assert_eq!(
        locked.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DatabaseBusy)
    );
}

/// Closing a file drops all locks that a process has on it, so nothing but SQLite may open it.
#[tokio::test]
async fn reading_does_not_drop_a_writers_lock_in_the_same_process() {
    let dir = TempDir::new().unwrap();
    let file = old_database(&dir);
    let catalog = SqlCatalog::open(&options(&file, None, &[])).await.unwrap();
    let writer = Connection::open(&file).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(catalog.list_namespaces(None).await.unwrap().len(), 1);
    let other = std::process::Command::new(std::env::current_exe().unwrap())
        .arg("tries_to_write_as_another_process")
        .env("FEAST_TEST_LOCKED_DATABASE", &file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&other.stdout);
    assert!(other.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn the_name_stays_open_until_somebody_writes_one() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("new.db");
    SqlCatalog::create(&file, "unused", "/w").unwrap();
    let catalog = SqlCatalog::open(&options(&file, None, &[])).await.unwrap();
    let clone = catalog.clone();
    assert!(catalog.list_namespaces(None).await.unwrap().is_empty());
    assert_eq!(catalog.catalog_name(), "lake");
    let add = "INSERT INTO iceberg_namespace_properties VALUES ('default', 'shop', 'exists', '1')";
    Connection::open(&file).unwrap().execute_batch(add).unwrap();
    assert_eq!(catalog.list_namespaces(None).await.unwrap(), vec![shop()]);
    assert_eq!(clone.catalog_name(), "default");
    let second = NamespaceIdent::new("second".to_string());
    clone
        .create_namespace(&second, std::collections::HashMap::new())
        .await
        .unwrap();
    let session = Connection::open(&file).unwrap();
    let names: i64 = session
        .query_row(
            "SELECT count(DISTINCT catalog_name) FROM iceberg_namespace_properties",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(names, 1, "written under the name that is there");
}

#[tokio::test]
async fn the_first_write_is_under_the_catalogs_own_name() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("new.db");
    SqlCatalog::create(&file, "unused", "/w").unwrap();
    let catalog = SqlCatalog::open(&options(&file, None, &[])).await.unwrap();
    catalog
        .create_namespace(&shop(), std::collections::HashMap::new())
        .await
        .unwrap();
    let add = "INSERT INTO iceberg_namespace_properties VALUES ('default', 'other', 'exists', '1')";
    Connection::open(&file).unwrap().execute_batch(add).unwrap();
    assert_eq!(catalog.list_namespaces(None).await.unwrap(), vec![shop()]);
    assert_eq!(catalog.catalog_name(), "lake");
}

#[tokio::test]
async fn a_file_that_is_not_there_is_made_when_asked() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("new.db");
    let made = options(&file, None, &[("create", "true")]);
    let (first, second) = tokio::join!(SqlCatalog::open(&made), SqlCatalog::open(&made));
    for catalog in [first.unwrap(), second.unwrap()] {
        assert!(catalog.list_namespaces(None).await.unwrap().is_empty());
    }
    let before = std::fs::read(&file).unwrap();
    SqlCatalog::open(&made).await.unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), before);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);

    let text = dir.path().join("text.db");
    std::fs::write(&text, "hello, I am no database at all").unwrap();
    let error = SqlCatalog::open(&options(&text, None, &[("create", "true")])).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::NotACatalog);
    let error = SqlCatalog::open(&options(&file, None, &[("create", "yes")])).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("option 'create' is 'yes'"), "{error}");
    let error = SqlCatalog::open(&options(
        &dir.path().join("no/new.db"),
        None,
        &[("create", "true")],
    ))
    .await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("cannot be created"), "{error}");
}
