// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Tables that were copied.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use datafusion::prelude::SessionContext;
use serde_json::json;
use tempfile::TempDir;

use super::copies::{changed, copy, count, fixture, newest, open, refused};
use crate::provider::{IcebergTableProvider, OpenOptions};

#[tokio::test]
async fn a_copied_table_says_how_to_open_it() {
    let table = fixture("spark_posdel_all_rows");
    let error = open(&table, false).await.unwrap_err().to_string();
    assert!(error.contains("allow_moved_paths => true"), "{error}");
    assert!(error.contains("'file:/holdout/posdel_all_rows'"), "{error}");
    let error = refused(&table.join("data")).await;
    assert!(error.contains("is no Iceberg table"), "{error}");
    let error = refused(&table.join("metadata/v9.metadata.json")).await;
    assert!(
        error.contains("v9.metadata.json' does not exist"),
        "{error}"
    );
}

#[tokio::test]
async fn a_packed_metadata_file_and_a_hint_are_read() {
    let dir = TempDir::new().unwrap();
    copy(&fixture("spark_v3_timestamp_ns_variantless"), dir.path());
    let metadata = dir.path().join("metadata");
    let newest = newest(dir.path());
    let plain = fs::read(&newest).unwrap();
    fs::remove_file(&newest).unwrap();
    let packed = metadata.join("v2.gz.metadata.json");
    let mut file = flate2_writer(&packed);
    file.write_all(&plain).unwrap();
    drop(file);
    assert_eq!(count(open(&packed, true).await.unwrap()).await.unwrap(), 2);
    fs::write(metadata.join("v7.metadata.json"), "{ half").unwrap();
    let error = refused(dir.path()).await;
    assert!(
        error.contains("v7.metadata.json") && error.contains("no JSON"),
        "{error}"
    );
    fs::write(metadata.join("version-hint.text"), "2").unwrap();
    assert_eq!(
        count(open(dir.path(), true).await.unwrap()).await.unwrap(),
        2
    );
    let directory = format!("file://{}/", dir.path().display());
    assert_eq!(
        count(open(Path::new(&directory), true).await.unwrap())
            .await
            .unwrap(),
        2
    );
}

/// A file written as gzip without compressing.
fn flate2_writer(path: &Path) -> Stored {
    Stored(fs::File::create(path).unwrap(), Vec::new())
}

struct Stored(fs::File, Vec<u8>);

impl Write for Stored {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.1.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
        let mut chunks = self.1.chunks(65_535).peekable();
        while let Some(chunk) = chunks.next() {
            packed.push(u8::from(chunks.peek().is_none()));
            let length = u16::try_from(chunk.len()).unwrap();
            packed.extend(length.to_le_bytes());
            packed.extend((!length).to_le_bytes());
            packed.extend(chunk);
        }
        packed.extend(crc32fast::hash(&self.1).to_le_bytes());
        packed.extend(u32::try_from(self.1.len()).unwrap().to_le_bytes());
        self.0.write_all(&packed).unwrap();
    }
}

#[tokio::test]
async fn files_are_found_under_older_locations_and_beside_the_table() {
    let name = "spark_v2_posdel_upgraded_to_v3_dv";
    let wanted = count(open(&fixture(name), true).await.unwrap())
        .await
        .unwrap();
    let dir = TempDir::new().unwrap();

    let renamed = dir.path().join("renamed");
    copy(&fixture(name), &renamed);
    changed(&newest(&renamed), |m| {
        m["location"] = json!("s3://elsewhere/now")
    });
    assert_eq!(
        count(open(&renamed, true).await.unwrap()).await.unwrap(),
        wanted
    );

    // The folder of the data lies beside that of the table.
    let apart = dir.path().join("lake/meta/t");
    copy(&fixture(name), &apart);
    let data = dir
        .path()
        .join("lake/holdout")
        .join(name.trim_start_matches("spark_"));
    fs::create_dir_all(data.parent().unwrap()).unwrap();
    fs::rename(apart.join("data"), data.join("data")).unwrap_or_else(|_| {
        fs::create_dir_all(&data).unwrap();
        fs::rename(apart.join("data"), data.join("data")).unwrap();
    });
    changed(&newest(&apart), |m| m["location"] = json!("file:/meta/t"));
    for list in fs::read_dir(apart.join("metadata")).unwrap() {
        let file = list.unwrap().path();
        if file.to_string_lossy().ends_with(".json") {
            changed(&file, |m| m["location"] = json!("file:/meta/t"));
        }
    }
    assert_eq!(
        count(open(&apart, true).await.unwrap()).await.unwrap(),
        wanted
    );
}

#[tokio::test]
async fn two_copies_of_one_table_are_two_tables() {
    let dir = TempDir::new().unwrap();
    let (one, other) = (dir.path().join("one"), dir.path().join("other"));
    copy(&fixture("spark_part_year"), &one);
    copy(&fixture("spark_part_year"), &other);
    let context = SessionContext::new();
    let one = open(&one, true).await.unwrap();
    context.register_table("one", Arc::new(one)).unwrap();
    let second = open(&other, true).await.unwrap();
    context.register_table("other", Arc::new(second)).unwrap();
    fs::remove_dir_all(other.join("data")).unwrap();
    let rows = |name: &str| {
        let sql = format!("SELECT DISTINCT * FROM {name}");
        let context = context.clone();
        async move { context.sql(&sql).await?.collect().await }
    };
    let read = rows("one").await.unwrap();
    assert_eq!(read.iter().map(|batch| batch.num_rows()).sum::<usize>(), 10);
    let error = rows("other").await.unwrap_err().to_string();
    assert!(
        error.contains("does not exist") && error.contains("other/data"),
        "{error}"
    );
}

#[tokio::test]
async fn rows_tell_the_file_they_are_in_as_it_is_recorded() {
    for name in [
        "spark_posdel_v2_file_granularity",
        "spark_eqdel_v2",
        "spark_part_year",
    ] {
        let options = OpenOptions {
            allow_moved_paths: true,
            path_column: true,
            ..OpenOptions::default()
        };
        let table = fixture(name);
        let opened = IcebergTableProvider::open(table.to_str().unwrap(), options);
        let opened = opened.await.unwrap();
        let all = count(open(&table, true).await.unwrap()).await.unwrap();
        let context = SessionContext::new();
        context.register_table("t", Arc::new(opened)).unwrap();
        let one = async |sql: &str| {
            let found = context.sql(sql).await.unwrap().collect().await.unwrap();
            found[0].column(0).as_primitive::<Int64Type>().value(0)
        };
        let recorded = format!("file:/holdout/{}/data/", name.trim_start_matches("spark_"));
        let by_path = format!("SELECT count(*) FROM t WHERE \"$path\" LIKE '{recorded}%'");
        assert_eq!(one(&by_path).await, all, "{name}");
        let files = "SELECT count(DISTINCT \"$path\") FROM t";
        assert!(one(files).await >= 1, "{name}");
        let counted = "SELECT sum(n) FROM (SELECT \"$path\", count(*) AS n FROM t GROUP BY 1)";
        assert_eq!(one(counted).await, all, "{name}");
        let joined = "SELECT count(*) FROM (SELECT upper(\"$path\") AS p, * FROM t) \
                      WHERE p = upper(\"$path\")";
        assert_eq!(one(joined).await, all, "{name}");
        let limited = "SELECT count(*) FROM (SELECT \"$path\" FROM t LIMIT 2)";
        assert_eq!(one(limited).await, 2, "{name}");
    }
}

#[tokio::test]
async fn secrets_are_not_shown() {
    let options = OpenOptions {
        properties: [("s3.secret-access-key".to_string(), "hush".to_string())].into(),
        ..OpenOptions::default()
    };
    assert!(!format!("{options:?}").contains("hush"));
    let table = fixture("spark_part_year");
    let options = OpenOptions {
        allow_moved_paths: true,
        ..options
    };
    let opened = IcebergTableProvider::open(table.to_str().unwrap(), options);
    let shown = format!("{:?}", opened.await.unwrap());
    assert!(!shown.contains("hush"), "{shown}");
}
