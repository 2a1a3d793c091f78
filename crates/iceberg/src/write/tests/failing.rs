// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Whatever fails, nothing is left of it.

use std::sync::Arc;

use iceberg::Catalog;
use iceberg::spec::{NestedField, PrimitiveType as P, Transform, UnboundPartitionSpec};

use super::faulty::{Fault, Faulty};
use super::lake::{Lake, Made, field, session};
use crate::provider::IcebergCatalogProvider;

fn columns() -> Vec<NestedField> {
    vec![field(1, "id", P::Long), field(2, "p", P::Long)]
}

/// A lake whose session sees it through a faulty catalog.
async fn faulty(fault: Fault, properties: &[(&str, &str)]) -> Lake {
    let mut lake = Lake::new().await;
    let spec = UnboundPartitionSpec::builder();
    let spec = spec
        .add_partition_field(2, "p", Transform::Identity)
        .unwrap()
        .build();
    let made = Made {
        fields: columns(),
        spec,
        properties,
        ..Made::default()
    };
    lake.make(made).await;
    let catalog = Faulty::new(lake.catalog.clone(), fault);
    lake.session = session(lake.session.copied_config(), None);
    let provider = IcebergCatalogProvider::new(Arc::new(catalog), "lake");
    lake.session.register_catalog("lake", Arc::new(provider));
    lake
}

const INSERT: &str =
    "INSERT INTO lake.shop.t SELECT value, value % 3 FROM generate_series(1, 3000)";

const RETRIES: [(&str, &str); 2] = [
    ("commit.retry.min-wait-ms", "1"),
    ("commit.retry.max-wait-ms", "2"),
];

#[tokio::test]
async fn a_file_that_cannot_be_written_leaves_none() {
    // Three data files, a manifest and a manifest list.
    for number in 0..5 {
        let lake = faulty(Fault::Write(number), &[]).await;
        let before = lake.files();
        let error = lake.error(INSERT).await;
        assert!(
            error.contains("insert into table 'shop.t'"),
            "{number}: {error}"
        );
        assert!(error.contains("the disk is full"), "{number}: {error}");
        assert_eq!(lake.files(), before, "{number}");
    }
    let lake = faulty(Fault::Write(5), &[]).await;
    lake.sql(INSERT).await;
    assert_eq!(
        lake.rows("SELECT count(*) FROM lake.shop.t").await,
        ["3000"]
    );
}

#[tokio::test]
async fn conflicts_are_tried_again_and_leave_nothing() {
    let lake = faulty(Fault::Conflict(2), &RETRIES).await;
    assert_eq!(lake.rows(INSERT).await, ["3000"]);
    assert_eq!(
        lake.rows("SELECT count(*) FROM lake.shop.t").await,
        ["3000"]
    );
    // Two metadata files, a manifest, its list, three data files: nothing of the first attempts.
    assert_eq!(lake.files().len(), 7, "{:?}", lake.files());

    let lake = faulty(Fault::Conflict(9), &RETRIES).await;
    let before = lake.files();
    let error = lake.error(INSERT).await;
    assert!(error.contains("somebody was first"), "{error}");
    assert_eq!(lake.files(), before);
}

#[tokio::test]
async fn an_unknown_outcome_keeps_the_files_and_says_so() {
    let lake = faulty(Fault::Lost, &[]).await;
    let before = lake.files();
    let error = lake.error(INSERT).await;
    assert!(
        error.contains("it is not known whether the commit was made, so its 3 data files are kept"),
        "{error}"
    );
    assert_eq!(lake.files().len(), before.len() + 5);
}

#[tokio::test]
async fn a_commit_that_was_made_is_one() {
    for fault in [Fault::Unheard, Fault::Garbled] {
        let lake = faulty(fault, &[]).await;
        assert_eq!(lake.rows(INSERT).await, ["3000"], "{fault:?}");
        assert_eq!(
            lake.rows("SELECT count(*) FROM lake.shop.t").await,
            ["3000"]
        );
    }
}

#[tokio::test]
async fn an_input_that_fails_leaves_nothing() {
    let lake = faulty(Fault::None, &[]).await;
    let before = lake.files();
    let error = lake
        .error(
            "INSERT INTO lake.shop.t SELECT value, 1 / (90000 - value) FROM generate_series(1, 100000)",
        )
        .await;
    assert!(error.to_lowercase().contains("divide by zero"), "{error}");
    assert_eq!(lake.files(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn inserts_at_the_same_time_all_arrive() {
    let lake = Arc::new(
        faulty(
            Fault::None,
            &[("commit.retry.num-retries", "50"), RETRIES[0], RETRIES[1]],
        )
        .await,
    );
    let inserts = (0..6).map(|number| {
        let lake = Arc::clone(&lake);
        async move {
            lake.sql(&format!("INSERT INTO lake.shop.t VALUES ({number}, 1)"))
                .await
        }
    });
    futures::future::join_all(inserts).await;
    let found = lake.rows("SELECT count(*), sum(id) FROM lake.shop.t").await;
    assert_eq!(found, ["6 15"]);
    let manifests = lake
        .files()
        .into_iter()
        .filter(|file| file.ends_with("m0.avro"))
        .count();
    assert_eq!(manifests, 6);
}

#[tokio::test]
async fn a_table_made_with_its_rows_goes_when_they_do_not_come() {
    let create = |definition| async move {
        let lake = faulty(definition, &[]).await;
        let provider = lake.session.catalog("lake").unwrap();
        let before = lake.files();
        let made = super::created::create(
            &lake,
            &provider,
            "new",
            "SELECT value FROM generate_series(1, 10)",
        )
        .await;
        (lake, before, made)
    };
    for fault in [
        Fault::Write(0),
        Fault::Write(1),
        Fault::Write(2),
        Fault::Conflict(99),
    ] {
        let (lake, before, made) = create(fault).await;
        let error = made.unwrap_err();
        assert!(error.contains("create table 'lake.shop.new'"), "{error}");
        assert!(
            !lake
                .catalog
                .table_exists(&super::lake::ident("new"))
                .await
                .unwrap()
        );
        // A catalog that cannot make a table with its rows leaves the first metadata file.
        let left: Vec<_> = lake
            .files()
            .into_iter()
            .filter(|file| !before.contains(file))
            .collect();
        assert!(
            left.iter().all(|file| file.ends_with(".metadata.json")),
            "{left:?}"
        );
    }
    let (lake, _, made) = create(Fault::None).await;
    made.unwrap();
    assert_eq!(
        lake.rows("SELECT count(*) FROM lake.shop.new").await,
        ["10"]
    );
}
