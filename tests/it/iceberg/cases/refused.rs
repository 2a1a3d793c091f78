// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What is not supported is refused with an error that names the table, the feature and the
//! snapshot. Nothing is ever left out without a word.

use feast_iceberg::{ErrorKind, IcebergTableProvider, OpenOptions, TableStorage};
use feast_testkit::tables::MadeTable;
use serde_json::{Value as Json, json};

use super::*;
use crate::iceberg::made::{kind_of, replace};

/// Every query of a table fails, and the error says of what kind it is and contains these words.
async fn refuses(table: &TableMaker, words: &[&str]) {
    let made = table.finish();
    let opened = open(&made, in_memory(&made).await.unwrap()).await.unwrap();
    let storage = Arc::new(TableStorage::for_table(&opened));
    let at = SnapshotSelector::Current;
    let feast = context().await.unwrap();
    match IcebergTableProvider::try_new(opened, storage, at) {
        Ok(provider) => replace(&feast, "t", Arc::new(provider)).unwrap(),
        Err(error) => return is_refusal(&error, words),
    }
    for setting in SETTINGS {
        setting.apply(&feast).unwrap();
        for query in [
            "SELECT * FROM t",
            "SELECT count(*) FROM t",
            "SELECT id FROM t WHERE id > -1",
            "SELECT id FROM t LIMIT 100",
            "SELECT max(id) FROM t",
        ] {
            let outcome = match feast.sql(query).await {
                Ok(frame) => frame.collect().await,
                Err(error) => Err(error),
            };
            match outcome {
                Ok(_) => panic!("{query} with {setting:?} has an answer"),
                Err(error) => is_refusal(&error, words),
            }
        }
    }
}

fn is_refusal(error: &datafusion::error::DataFusionError, words: &[&str]) {
    let text = error.to_string();
    assert_eq!(kind_of(error), Some(ErrorKind::Unsupported), "{text}");
    let lower = text.to_lowercase();
    for word in words {
        assert!(lower.contains(&word.to_lowercase()), "{word:?} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn data_files_in_other_formats() {
    for format in ["ORC", "AVRO"] {
        let mut table = people(2);
        append(&mut table, rows(0..3));
        let mut file = table
            .data_file(&new_data(&table.clone(), rows(3..5)))
            .unwrap();
        file.said_format = Some(format);
        let id = commit(&mut table, vec![file]);
        refuses(&table, &["ns.t", format, &id.to_string()]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn delete_files_in_other_formats() {
    for format in ["ORC", "AVRO"] {
        let mut table = people(2);
        let path = append(&mut table, rows(0..3)).path.clone();
        let mut positions = table.clone();
        let mut file = positions
            .position_deletes(&new_positions(vec![(path, 0)]))
            .unwrap();
        file.said_format = Some(format);
        let id = commit(&mut positions, vec![file]);
        refuses(&positions, &["ns.t", format, &id.to_string()]).await;
        let mut file = table
            .equality_deletes(&new_equality(&[1], vec![vec![int(1)]]))
            .unwrap();
        file.said_format = Some(format);
        let id = commit(&mut table, vec![file]);
        refuses(&table, &["ns.t", format, &id.to_string()]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn encrypted_files() {
    let mut table = people(3);
    let mut file = table
        .data_file(&new_data(&table.clone(), rows(3..5)))
        .unwrap();
    file.key_metadata = Some(vec![1, 2, 3]);
    let id = commit(&mut table, vec![file]);
    refuses(&table, &["ns.t", "encrypted", &id.to_string()]).await;
    let mut table = people(3);
    let path = append(&mut table, rows(0..3)).path.clone();
    let mut file = table
        .position_deletes(&new_positions(vec![(path, 0)]))
        .unwrap();
    file.key_metadata = Some(vec![1, 2, 3]);
    let id = commit(&mut table, vec![file]);
    refuses(&table, &["ns.t", "encrypted", &id.to_string()]).await;
}

/// The error of a table whose metadata file was changed and is opened by its path.
async fn error_of(table: &TableMaker, change: impl Fn(&mut Json)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let mut made: MadeTable = table.finish();
    let mut json = table.metadata_json();
    change(&mut json);
    made.files
        .insert(made.metadata.clone(), json.to_string().into());
    let moved = |at: &str| at.replacen("s3://bucket", &root.display().to_string(), 1);
    let files = std::mem::take(&mut made.files);
    made.files = files
        .into_iter()
        .map(|(at, bytes)| (moved(&at), bytes))
        .collect();
    made.metadata = moved(&made.metadata);
    made.write().unwrap();
    let options = OpenOptions {
        allow_moved_paths: true,
        ..OpenOptions::default()
    };
    let provider = match IcebergTableProvider::open(&made.metadata, options).await {
        Ok(provider) => provider,
        Err(error) => {
            assert_eq!(kind_of(&error), Some(ErrorKind::Unsupported), "{error}");
            return error.to_string();
        }
    };
    let feast = context().await.unwrap();
    replace(&feast, "t", Arc::new(provider)).unwrap();
    let frame = feast.sql("SELECT * FROM t").await.unwrap();
    let error = frame.collect().await.unwrap_err();
    assert_eq!(kind_of(&error), Some(ErrorKind::Unsupported), "{error}");
    error.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_arrow_cannot_hold() {
    let mut table = people(3);
    append(&mut table, rows(0..3));
    for ty in [
        "variant",
        "geometry",
        "geometry(srid:3857)",
        "geography",
        "geography(srid:4269, karney)",
        "unknown",
    ] {
        let change = |json: &mut Json| {
            let column = json!({"id": 9, "name": "odd", "required": false, "type": ty});
            json["schemas"][0]["fields"]
                .as_array_mut()
                .unwrap()
                .push(column);
            json["last-column-id"] = json!(9);
        };
        let error = error_of(&table, change).await;
        let word = ty.split('(').next().unwrap();
        assert!(
            error.contains("odd") && error.contains(word),
            "{ty}: {error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_to_come() {
    let mut table = people(3);
    append(&mut table, rows(0..3));
    let error = error_of(&table, |json| json["format-version"] = json!(4)).await;
    assert!(error.contains("version 4"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn encrypted_tables() {
    let mut table = people(3);
    append(&mut table, rows(0..3));
    let error = error_of(&table, |json| {
        json["snapshots"][0]["key-id"] = json!("a key");
        let key = json!({"key-id": "a key", "encrypted-key-metadata": "AAAA"});
        json["encryption-keys"] = json!([key]);
    })
    .await;
    assert!(error.contains("encrypted"), "{error}");
}
