// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Tables that PyIceberg and DuckDB made.

use super::lake::{Lake, are_up};
use super::peers::make;
use super::rows::Rows;
use super::session::{Session, run};

/// Statements that make a session read every file the way of files with deletes, and back.
const WAYS: [&str; 2] = [
    "SET feast.iceberg.scan = 'merge_on_read'",
    "SET feast.iceberg.scan = 'auto'",
];

#[test]
fn seaweedfs_with_keys_of_ours() {
    if are_up() {
        tables_of_others(&Lake::Seaweedfs, &["plain", "deletes"]);
    }
}

#[test]
fn seaweedfs_with_keys_of_the_catalog() {
    if are_up() {
        tables_of_others(&Lake::SeaweedfsVended, &["plain", "deletes"]);
    }
}

#[test]
fn ministack_with_keys_of_the_catalog() {
    if are_up() {
        tables_of_others(&Lake::Ministack, &["plain", "deletes"]);
    }
}

#[test]
fn lakana_with_files_of_this_machine() {
    if are_up() {
        tables_of_others(&Lake::Lakana, &["plain"]);
    }
}

#[test]
fn a_sqlite_catalog_whose_tables_are_in_s3() {
    if are_up() {
        let folder = tempfile::tempdir().unwrap();
        tables_of_others(&Lake::sqlite(folder.path()), &["plain"]);
    }
}

/// Reads what `tests/services/tables.py` makes, attached in both ways and scanned in both ways.
fn tables_of_others(lake: &Lake, tasks: &[&str]) {
    let namespace = lake.namespace(match lake {
        Lake::SeaweedfsVended => "vended",
        _ => "reading",
    });
    let mut made = Vec::new();
    for task in tasks {
        made.extend(make(lake, task, &namespace, &[]));
    }
    made.sort_by(|(one, _), (other, _)| one.cmp(other));
    run(async {
        let session = Session::built(&lake.options()).await.unwrap();
        is_listed(&session, &namespace, &made).await;
        let session = Session::of(lake).await;
        is_listed(&session, &namespace, &made).await;
        for way in WAYS {
            session.read(way).await;
            for (table, rows) in &made {
                let table = format!("lake.\"{namespace}\".{table}");
                is_read(&session, &table, rows).await;
            }
        }
    });
    println!("{lake:?}: {} tables", made.len());
}

/// Each table once.
async fn is_listed(session: &Session, namespace: &str, made: &[(String, Rows)]) {
    let listed = session
        .read(&format!(
            "SELECT table_name FROM information_schema.tables
             WHERE table_catalog = 'lake' AND table_schema = '{namespace}'"
        ))
        .await;
    let expected: Vec<&str> = made.iter().map(|(table, _)| table.as_str()).collect();
    assert_eq!(listed.column("table_name"), expected, "{namespace}");
    let schemas = session
        .read("SELECT schema_name FROM information_schema.schemata WHERE catalog_name = 'lake'")
        .await;
    let times = schemas.column("schema_name").into_iter();
    assert_eq!(times.filter(|name| *name == namespace).count(), 1);
}

/// All rows, and what needs only some of them.
async fn is_read(session: &Session, table: &str, rows: &Rows) {
    assert_eq!(
        &session.read(&format!("SELECT * FROM {table}")).await,
        rows,
        "{table}"
    );
    let ids: Vec<i64> = rows
        .column("id")
        .iter()
        .map(|id| id.parse().unwrap())
        .collect();
    let some = ids.iter().filter(|id| (3..12).contains(*id)).count();
    let largest = ids.iter().max();
    for (query, value) in [
        ("SELECT count(*) FROM $", ids.len().to_string()),
        (
            "SELECT count(*) FROM (SELECT * FROM $ LIMIT 1000)",
            ids.len().to_string(),
        ),
        (
            "SELECT count(*) FROM $ WHERE id BETWEEN 3 AND 11",
            some.to_string(),
        ),
        (
            "SELECT count(*) FROM (SELECT id FROM $ WHERE id >= 0 LIMIT 2)",
            ids.len().min(2).to_string(),
        ),
        (
            "SELECT max(id) FROM $",
            largest.map_or("NULL".to_owned(), ToString::to_string),
        ),
    ] {
        let found = session.read(&query.replace('$', table)).await;
        assert_eq!(found.value(), value, "{query} of {table}");
    }
    for column in ["name", "region", "at_utc"] {
        if rows.columns.iter().any(|known| known == column) {
            is_filtered(session, table, rows, column).await;
        }
    }
}

/// Each value of a column alone, as partitions and bounds let it be found.
async fn is_filtered(session: &Session, table: &str, rows: &Rows, column: &str) {
    let mut values = rows.column(column);
    values.dedup();
    for value in values.into_iter().take(4) {
        let expected = rows.column(column).into_iter().filter(|v| *v == value);
        let condition = match value {
            "NULL" => format!("{column} IS NULL"),
            _ => format!("{column} = '{}'", value.replace('\'', "''")),
        };
        let query = format!("SELECT count(*) FROM {table} WHERE {condition}");
        let found = session.read(&query).await;
        assert_eq!(found.value(), expected.count().to_string(), "{query}");
    }
}

#[test]
fn changes_of_others_are_seen_by_the_next_statement() {
    if !are_up() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for lake in [
        Lake::SeaweedfsVended,
        Lake::Ministack,
        Lake::Lakana,
        Lake::sqlite(folder.path()),
    ] {
        let namespace = lake.namespace("evolve");
        make(&lake, "one", &namespace, &["t"]);
        run(async {
            let session = Session::of(&lake).await;
            let all = format!("SELECT * FROM lake.\"{namespace}\".t");
            assert_eq!(session.read(&all).await.len(), 3);
            for (step, columns, rows) in [
                ("append", vec!["id", "name"], 4),
                ("rename", vec!["id", "title"], 4),
                ("add", vec!["id", "title", "score"], 5),
                ("delete", vec!["id", "title", "score"], 3),
            ] {
                make(&lake, "evolve", &namespace, &["t", step]);
                let found = session.read(&all).await;
                assert_eq!(found.columns, columns, "{lake:?}, {step}");
                assert_eq!(found.len(), rows, "{lake:?}, {step}");
            }
            let titles = session
                .read(&format!("{all} WHERE title IS NOT NULL"))
                .await;
            assert_eq!(titles.column("title"), ["late", "scored", "row 2"]);
            is_remembered(&session, &namespace).await;
        });
    }
}

/// The first version of the table is still there, with its columns.
async fn is_remembered(session: &Session, namespace: &str) {
    let table = format!("lake.\"{namespace}\"");
    let first = session
        .read(&format!(
            "SELECT snapshot_id FROM {table}.\"t$snapshots\" ORDER BY committed_at LIMIT 1"
        ))
        .await;
    let first = first.value();
    let query = format!("SELECT * FROM {table}.t FOR VERSION AS OF {first}");
    let found = session.read(&query).await;
    assert_eq!(found.columns, ["id", "name"], "{query}");
    assert_eq!(found.column("name"), ["row 0", "row 1", "row 2"], "{query}");
}
