// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Tables that we write, read back by PyIceberg and DuckDB.

use super::files::files_of;
use super::lake::{Lake, are_up};
use super::peers::{make, see};
use super::proxy::Proxy;
use super::session::{Session, run};

/// 200 rows for a table of `tables.py ordered`, without the column `note`.
const WITHOUT_NOTE: &str = "
    SELECT arrow_cast(to_timestamp_micros((1772323200 + value * 1800) * 1000000),
                      'Timestamp(Microsecond, Some(\"UTC\"))') AS at,
           CASE value % 4 WHEN 0 THEN 'north' WHEN 1 THEN 'so/uth' WHEN 2 THEN NULL ELSE 'ü' END
               AS region,
           value AS id
    FROM generate_series(1, 200)";

/// A lake of each kind that is written to in its own way.
fn lakes(folder: &tempfile::TempDir) -> [Lake; 4] {
    [
        Lake::SeaweedfsVended,
        Lake::Ministack,
        Lake::Lakana,
        Lake::sqlite(folder.path()),
    ]
}

#[test]
fn inserted_rows_keep_to_the_table() {
    if !are_up() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for lake in lakes(&folder) {
        let namespace = lake.namespace("insert");
        make(&lake, "ordered", &namespace, &["t"]);
        let table = format!("lake.\"{namespace}\".t");
        let rows = run(async {
            let session = Session::of(&lake).await;
            session
                .read(&format!(
                    "INSERT INTO {table} (at, region, id) {WITHOUT_NOTE}"
                ))
                .await;
            session
                .read(&format!(
                    "INSERT INTO {table} (note, at, region, id)
                     SELECT concat('n', id % 13, ' ü'), at, region, id + 1000 FROM ({WITHOUT_NOTE})"
                ))
                .await;
            session.read(&format!("SELECT * FROM {table}")).await
        });
        assert_eq!(rows.len(), 400, "{lake:?}");
        let seen = see(&lake, &namespace, "t");
        seen.has(&rows);
        // MiniStack forgets a new table's properties and its order.
        if !matches!(lake, Lake::Ministack) {
            assert_eq!(seen.texts("codecs"), ["GZIP"], "{lake:?}");
            assert_eq!(
                seen.number("ordered_files"),
                seen.number("files"),
                "{lake:?}"
            );
        }
        assert_eq!(seen.texts("snapshots"), ["append", "append"], "{lake:?}");
        assert!(
            seen.texts("partitions").len() > 24,
            "{:?}",
            seen.texts("partitions")
        );
    }
}

#[test]
fn tables_made_from_a_query_are_read_by_others() {
    if !are_up() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for lake in lakes(&folder) {
        let origin = lake.namespace("origin");
        let made = make(&lake, "plain", &origin, &[]);
        let (_, rows) = made.iter().find(|(name, _)| name == "typed_v2").unwrap();
        let namespace = lake.namespace("make");
        run(async {
            let session = Session::of(&lake).await;
            let all = format!("SELECT * FROM lake.\"{origin}\".typed_v2");
            // DataFusion's CREATE SCHEMA knows one level.
            if matches!(lake, Lake::Lakana) {
                make(&lake, "one", &namespace, &["t"]);
            } else {
                let create = format!("CREATE SCHEMA lake.{namespace}");
                session.read(&create).await;
            }
            for (name, by) in [
                (
                    "parts",
                    "PARTITIONED BY (day(at_utc), bucket(4, id), truncate(3, name))",
                ),
                (
                    "flags",
                    "PARTITIONED BY (flag, month(at), year(day), hour(at_utc), price)",
                ),
                ("whole", ""),
            ] {
                let table = format!("lake.\"{namespace}\".{name}");
                session
                    .read(&format!("CREATE TABLE {table} {by} AS {all}"))
                    .await;
                assert_eq!(&session.read(&format!("SELECT * FROM {table}")).await, rows);
            }
            let again = format!("CREATE TABLE lake.\"{namespace}\".parts AS {all}");
            let (error, _) = session.error(&again).await;
            assert!(
                error.contains("parts") && error.contains("exists"),
                "{error}"
            );
        });
        let seen = see(&lake, &namespace, "parts");
        seen.has(rows);
        let transforms: Vec<&str> = seen.texts("partitioning");
        let transforms: Vec<_> = transforms
            .iter()
            .filter_map(|it| it.split(": ").nth(1))
            .collect();
        assert_eq!(
            transforms,
            ["day(at_utc)", "bucket[4](id)", "truncate[3](name)"]
        );
        let seen = see(&lake, &namespace, "flags");
        seen.has(rows);
        assert_eq!(seen.texts("partitioning").len(), 5);
        let seen = see(&lake, &namespace, "whole");
        seen.has(rows);
        assert_eq!(seen.texts("partitions"), [""]);
    }
}

#[test]
fn a_query_that_fails_makes_no_table() {
    if !are_up() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for lake in lakes(&folder) {
        let namespace = lake.namespace("fails");
        make(&lake, "one", &namespace, &["t"]);
        run(async {
            let session = Session::of(&lake).await;
            let fails =
                "SELECT value AS id, 1 / (value - 9000) AS name FROM generate_series(1, 10000)";
            let table = format!("lake.\"{namespace}\".never");
            let (error, _) = session
                .error(&format!("CREATE TABLE {table} AS {fails}"))
                .await;
            assert!(
                error.to_lowercase().contains("divide by zero"),
                "{lake:?}: {error}"
            );
            // MiniStack drops no table for its REST clients.
            if !matches!(lake, Lake::Ministack) {
                let (error, _) = session.error(&format!("SELECT * FROM {table}")).await;
                assert!(error.contains("never"), "{lake:?}: {error}");
            }
            let insert = format!(
                "INSERT INTO lake.\"{namespace}\".t SELECT id, CAST(name AS VARCHAR) FROM ({fails})"
            );
            session.error(&insert).await;
        });
        let seen = see(&lake, &namespace, "t");
        assert_eq!(seen.rows().len(), 3, "{lake:?}");
        assert_eq!(seen.texts("snapshots").len(), 1, "{lake:?}");
        if matches!(lake, Lake::SeaweedfsVended) {
            let files = run(files_of(&[&namespace]));
            let data = files.iter().filter(|file| file.ends_with(".parquet"));
            assert_eq!(data.count(), 1, "{files:?}");
        }
    }
}

#[test]
fn rows_that_do_not_fit_are_refused() {
    if !are_up() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for lake in lakes(&folder) {
        let namespace = lake.namespace("fits");
        make(&lake, "ordered", &namespace, &["t"]);
        let table = format!("lake.\"{namespace}\".t");
        run(async {
            let session = Session::of(&lake).await;
            for (columns, rows, why) in [
                ("region", "VALUES ('north')", "'id' is required"),
                ("id, region", "VALUES (NULL, 'north')", "'id' is required"),
                ("id, region", "VALUES ('seven', 'north')", "seven"),
                ("id, other", "VALUES (1, 'north')", "No field named other"),
                (
                    "id, at",
                    "SELECT 1, arrow_cast(1, 'Timestamp(Nanosecond, Some(\"UTC\"))')",
                    "column 'at' of table",
                ),
            ] {
                let insert = format!("INSERT INTO {table} ({columns}) {rows}");
                let (error, _) = session.error(&insert).await;
                println!("{insert}: {error}");
                assert!(error.contains(why), "{lake:?} {insert}: {error}");
            }
            let snapshots = format!("SELECT * FROM lake.\"{namespace}\".\"t$snapshots\"");
            assert_eq!(session.read(&snapshots).await.len(), 0, "{lake:?}");
        });
    }
}

/// The catalog has the commit, its answer is lost: the rows are there once.
#[test]
fn a_commit_whose_answer_is_lost_is_not_made_twice() {
    if !are_up() {
        return;
    }
    let lake = Lake::Seaweedfs;
    for (test, faults, must_work) in [
        ("lost", ["--cut", "--times=1"], false),
        ("busy", ["--status=503", "--times=1"], false),
        ("failed", ["--status=500", "--times=1"], false),
        ("conflict", ["--status=409", "--times=1"], true),
    ] {
        let namespace = lake.namespace(&format!("commit_{test}"));
        make(&lake, "one", &namespace, &["t"]);
        let on = format!("--on=POST /v1/warehouse/namespaces/{namespace}/tables/t");
        let proxy = Proxy::of("SEAWEEDFS_CATALOG", &[faults[0], faults[1], &on]);
        let outcome = run(async {
            let options = lake.options().with("uri", &proxy.address());
            let session = Session::attach(&options).await.unwrap();
            let insert = format!("INSERT INTO lake.{namespace}.t VALUES (50, 'one row')");
            session.rows(&insert).await
        });
        assert!(!proxy.requests("POST").is_empty());
        let seen = see(&lake, &namespace, "t");
        let count = seen.rows().len();
        match outcome {
            Ok(_) => assert_eq!(count, 4, "{test}"),
            Err(error) => {
                println!("{test}: {error}; {count} rows");
                assert!(!must_work, "{test}: {error}");
                assert!(count <= 4, "{test}: {count}");
            }
        }
        // All files that the metadata name are there.
        seen.has(&seen.rows());
    }
}
