// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Metadata as older or careless writers left it.

use feast_iceberg::{IcebergTableProvider, OpenOptions};
use feast_testkit::tables::{MadeTable, ManifestStyle};
use serde_json::Value as Json;

use super::*;
use crate::iceberg::made::replace;

/// A made table whose metadata file was changed.
fn altered(table: &TableMaker, change: impl Fn(&mut Json)) -> MadeTable {
    let mut made = table.finish();
    let mut json = table.metadata_json();
    change(&mut json);
    made.files
        .insert(made.metadata.clone(), json.to_string().into());
    made
}

async fn count(made: &MadeTable) -> Result<usize, String> {
    let feast = context().await?;
    let opened = open(made, in_memory(made).await?).await?;
    register(&feast, &opened, SnapshotSelector::Current)?;
    let mut counts = Vec::new();
    for setting in SETTINGS {
        setting.apply(&feast)?;
        let found = answer(&feast, "SELECT * FROM t").await?;
        counts.push(found.iter().map(arrow::array::RecordBatch::num_rows).sum());
    }
    counts.dedup();
    assert_eq!(counts.len(), 1, "{counts:?}");
    Ok(counts[0])
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_need_no_schema_id() {
    for version in [1, 2] {
        let mut table = people(version);
        append(&mut table, rows(0..3));
        let made = altered(&table, |json| {
            let snapshots = json["snapshots"].as_array_mut().unwrap();
            snapshots[0].as_object_mut().unwrap().remove("schema-id");
        });
        assert_eq!(count(&made).await.unwrap(), 3);
    }
}

/// The first version's metadata had one schema and one spec, no lists of them.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_metadata_had_one_schema() {
    let mut table = people(1);
    append(&mut table, rows(0..3));
    let made = altered(&table, |json| {
        let json = json.as_object_mut().unwrap();
        for key in [
            "schemas",
            "current-schema-id",
            "partition-specs",
            "default-spec-id",
            "last-partition-id",
            "sort-orders",
            "default-sort-order-id",
            "refs",
            "snapshot-log",
            "metadata-log",
        ] {
            json.remove(key);
        }
        let snapshot = json["snapshots"][0].as_object_mut().unwrap();
        snapshot.remove("schema-id");
        snapshot.remove("summary");
    });
    assert_eq!(count(&made).await.unwrap(), 3);
}

/// The first version's snapshots named their manifests themselves.
#[tokio::test(flavor = "multi_thread")]
async fn manifests_may_be_listed_in_the_metadata() {
    let mut table = people(1);
    append(&mut table, rows(0..3));
    append(&mut table, rows(3..5));
    let made = altered(&table, |json| {
        let manifests = table.manifest_paths(table.current().unwrap());
        let snapshot = json["snapshots"][1].as_object_mut().unwrap();
        snapshot.remove("manifest-list");
        snapshot.insert("manifests".to_owned(), manifests.into());
    });
    let (_folder, metadata) = moved(made);
    assert_eq!(opened(&metadata).await.unwrap(), 5);
}

/// Puts the files of a table on disk, elsewhere than their metadata says.
fn moved(mut made: MadeTable) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let moved = |location: &str| location.replacen("s3://bucket", &root.display().to_string(), 1);
    let files = std::mem::take(&mut made.files);
    made.files = files
        .into_iter()
        .map(|(at, bytes)| (moved(&at), bytes))
        .collect();
    made.metadata = moved(&made.metadata);
    made.write().unwrap();
    (folder, made.metadata)
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_may_be_compressed() {
    let mut table = people(2);
    append(&mut table, rows(0..5));
    let mut made = table.finish();
    made.compress_metadata().unwrap();
    let (_folder, metadata) = moved(made);
    assert_eq!(opened(&metadata).await.unwrap(), 5);
}

/// The rows of a table that is opened by its metadata file.
async fn opened(metadata: &str) -> Result<usize, String> {
    let options = OpenOptions {
        allow_moved_paths: true,
        ..OpenOptions::default()
    };
    let provider = IcebergTableProvider::open(metadata, options).await;
    let provider = provider.map_err(|error| error.to_string())?;
    let feast = context().await?;
    replace(&feast, "t", Arc::new(provider))?;
    let found = answer(&feast, "SELECT * FROM t").await?;
    Ok(found.iter().map(arrow::array::RecordBatch::num_rows).sum())
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_of_files_may_be_wrong() {
    for oversized in [-20, -1, 1, 5_000] {
        let mut table = people(2);
        let new = NewData {
            oversized,
            ..new_data(&table, rows(0..5))
        };
        let file = append_file(&mut table, &new);
        check(&table, 5, &["SELECT name FROM $t WHERE id = 4"]).await;
        delete_positions(&mut table, vec![(file.path.clone(), 2)]);
        delete_equal(&mut table, &[1], vec![vec![int(4)]]);
        check(&table, 3, &["SELECT name FROM $t WHERE id = 4"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn manifests_may_lack_their_schema() {
    let mut table = people(2);
    table.manifests = ManifestStyle {
        no_header: true,
        ..ManifestStyle::default()
    };
    let path = append(&mut table, rows(0..5)).path.clone();
    delete_positions(&mut table, vec![(path, 0)]);
    delete_equal(&mut table, &[1], vec![vec![int(1)]]);
    check(&table, 3, &["SELECT name FROM $t WHERE id = 4"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_may_have_no_rows() {
    let never = people(2);
    check(
        &never,
        0,
        &[
            "SELECT max(id) FROM $t",
            "SELECT id FROM $t ORDER BY id LIMIT 1",
        ],
    )
    .await;
    let mut empty = people(2);
    append(&mut empty, Vec::new());
    check(&empty, 0, &["SELECT max(id) FROM $t WHERE id > 3"]).await;
    commit(&mut empty, Vec::new());
    check(&empty, 0, &[]).await;
}

/// Two tables whose files have the same names and sizes, in two buckets.
#[tokio::test(flavor = "multi_thread")]
async fn tables_in_two_buckets_are_two_tables() {
    let feast = context().await.unwrap();
    for (bucket, first) in [("one", 1), ("two", 6)] {
        let schema = people(2).current_schema().clone();
        let location = format!("s3://{bucket}/same");
        let mut table = TableMaker::new(&location, 2, schema, unpartitioned());
        append(&mut table, rows(first..first + 3));
        let made = table.finish();
        let opened = open(&made, in_memory(&made).await.unwrap()).await.unwrap();
        register(&feast, &opened, SnapshotSelector::Current).unwrap();
        let provider = feast.session().table_provider("t").await.unwrap();
        replace(&feast, bucket, provider).unwrap();
    }
    for setting in SETTINGS {
        setting.apply(&feast).unwrap();
        for (bucket, first) in [("one", 1), ("two", 6), ("one", 1)] {
            let sql = format!("SELECT name FROM {bucket} WHERE id = {first}");
            let found = answer(&feast, &sql).await.unwrap();
            let found = rows_of(&found).unwrap();
            assert_eq!(found.len(), 1, "{bucket} {setting:?}");
            assert_eq!(found[0][0].to_string(), format!("\"n{first}\""), "{bucket}");
        }
    }
}
