// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use apache_avro::Reader;
use apache_avro::types::Value;
use rusqlite::Connection;
use tempfile::TempDir;

use super::avro::{AvroFile, field, text};
use super::{fixture, place, register_table, relocate};

#[test]
fn catalog_leads_to_every_file_after_relocation() {
    for version in ["v0_10", "v0_12"] {
        let dir = placed(&format!("pyiceberg/{version}"));
        for (name, metadata) in catalog_tables(dir.path()) {
            if name == "broken.lost_metadata" {
                assert!(!local(&metadata).exists(), "{name}");
                continue;
            }
            check_table(&local(&metadata));
        }
    }
}

#[test]
fn every_table_of_another_engine_leads_to_its_files() {
    for entry in fs::read_dir(fixture("tables")).unwrap() {
        let entry = entry.unwrap();
        if !entry.path().is_dir() {
            continue;
        }
        let name = entry.file_name().into_string().unwrap();
        let dir = placed(&format!("tables/{name}"));
        let expected = json(&dir.path().join("expected.json"));
        check_table(
            &dir.path()
                .join("table")
                .join(expected["metadata_file"].as_str().unwrap()),
        );
    }
}

#[test]
fn avro_headers_stay_as_written() {
    let src = fixture("pyiceberg/v0_12");
    let dir = placed("pyiceberg/v0_12");
    let mut compared = 0;
    for file in files(&src)
        .into_iter()
        .filter(|f| f.extension().is_some_and(|e| e == "avro"))
    {
        let copy = dir.path().join(file.strip_prefix(&src).unwrap());
        assert_eq!(
            user_metadata(&file),
            user_metadata(&copy),
            "{}",
            file.display()
        );
        let (old, new) = (
            AvroFile::read(&file).unwrap(),
            AvroFile::read(&copy).unwrap(),
        );
        assert_eq!(old.records.len(), new.records.len());
        compared += 1;
    }
    assert!(compared > 5);
}

#[test]
fn paths_without_scheme_stay_without() {
    let dir = placed("pyiceberg/v0_10");
    let metadata = &catalog_tables(dir.path())["features.bare_path"];
    assert!(
        metadata.starts_with(dir.path().canonicalize().unwrap().to_str().unwrap()),
        "{metadata}"
    );
}

#[test]
fn other_roots_are_recorded_as_given() {
    let dir = TempDir::new().unwrap();
    relocate(&fixture("pyiceberg/v0_12"), dir.path(), "s3://bucket/lake/").unwrap();
    let metadata = &catalog_tables(dir.path())["features.trips"];
    assert!(
        metadata.starts_with("s3://bucket/lake/warehouse/features/trips/metadata/"),
        "{metadata}"
    );
}

#[test]
fn registered_table_is_listed() {
    let dir = placed("pyiceberg/v0_10");
    let database = dir.path().join("catalog.db");
    register_table(&database, "other", "deleted", "file:///x.metadata.json").unwrap();
    assert_eq!(
        catalog_tables(dir.path())["other.deleted"],
        "file:///x.metadata.json"
    );
    let again = register_table(&database, "other", "deleted", "file:///y.metadata.json");
    assert!(
        again
            .unwrap_err()
            .to_string()
            .contains("catalog.db: UNIQUE constraint")
    );
}

#[test]
fn missing_fixture_is_named() {
    let dir = TempDir::new().unwrap();
    let error = place(&fixture("no_such_fixture"), dir.path()).unwrap_err();
    assert!(error.to_string().contains("no_such_fixture"), "{error}");
}

/// Follows a table from its metadata file down and checks that every file is there, with the
/// recorded length, and that nothing still points to where it was written.
fn check_table(metadata_file: &Path) {
    let metadata = json(metadata_file);
    let name = metadata_file.display();
    let location = metadata["location"].as_str().unwrap();
    assert_eq!(
        local(location),
        metadata_file.parent().unwrap().parent().unwrap(),
        "{name}"
    );
    for snapshot in metadata["snapshots"].as_array().into_iter().flatten() {
        let list = AvroFile::read(&local(snapshot["manifest-list"].as_str().unwrap())).unwrap();
        for entry in &list.records {
            let manifest = local(text(entry, "manifest_path").unwrap());
            assert_eq!(
                length(&manifest),
                long(entry, "manifest_length"),
                "{}",
                manifest.display()
            );
            for entry in AvroFile::read(&manifest).unwrap().records {
                check_data_file(&manifest, &entry);
            }
        }
    }
}

fn check_data_file(manifest: &Path, entry: &Value) {
    let data_file = field(entry, "data_file").unwrap();
    let file = local(text(data_file, "file_path").unwrap());
    let shown = format!("{} in {}", file.display(), manifest.display());
    assert_eq!(
        length(&file),
        long(data_file, "file_size_in_bytes"),
        "{shown}"
    );
    // DuckDB writes an empty text where there is none.
    if let Some(referenced) = text(data_file, "referenced_data_file").filter(|r| !r.is_empty()) {
        assert!(local(referenced).exists(), "{shown}");
    }
    if matches!(field(data_file, "content"), Some(Value::Int(1 | 2))) {
        let bytes = fs::read(&file).unwrap();
        for old in [b"/holdout/".as_slice(), b"s3://tbl-bu"] {
            assert!(
                !bytes.windows(old.len()).any(|window| window == old),
                "{shown}"
            );
        }
    }
}

fn placed(name: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    place(&fixture(name), dir.path()).unwrap();
    dir
}

fn catalog_tables(dir: &Path) -> HashMap<String, String> {
    let connection = Connection::open(dir.join("catalog.db")).unwrap();
    let mut tables = connection
        .prepare(
            "SELECT table_namespace || '.' || table_name, metadata_location FROM iceberg_tables",
        )
        .unwrap();
    tables
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path))
        } else {
            found.push(path)
        }
    }
    found
}

fn user_metadata(file: &Path) -> HashMap<String, Vec<u8>> {
    let bytes = fs::read(file).unwrap();
    Reader::new(bytes.as_slice())
        .unwrap()
        .user_metadata()
        .clone()
}

fn local(location: &str) -> PathBuf {
    PathBuf::from(location.strip_prefix("file://").unwrap_or(location))
}

fn json(file: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

fn length(file: &Path) -> i64 {
    let metadata = fs::metadata(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    i64::try_from(metadata.len()).unwrap()
}

fn long(record: &Value, name: &str) -> i64 {
    match field(record, name) {
        Some(Value::Long(value)) => *value,
        other => panic!("expected {name} as a long, found {other:?}"),
    }
}
