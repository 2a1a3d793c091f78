// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Online tables as other engines read them: PyIceberg and DuckDB, and Spark where it is there.

use super::lake::{Lake, are_up};
use super::peers::{see, spark_sees};
use super::rows::Rows;
use super::session::run;
use super::shop::{Shop, VIEWS, delete, push};

const STRATEGIES: [&str; 3] = ["entity_hash", "timestamp", "hybrid"];

/// Over REST and S3, each kind of key once.
#[test]
fn seaweedfs() {
    if are_up() {
        for (strategy, view) in STRATEGIES.iter().zip(VIEWS) {
            are_read(&Lake::SeaweedfsVended, strategy, &[view]);
        }
    }
}

/// Over REST, with files that Spark reaches too: every strategy with every kind of key.
#[test]
fn lakana() {
    if are_up() {
        for strategy in STRATEGIES {
            are_read(&Lake::Lakana, strategy, &VIEWS);
        }
    }
}

type View = (&'static str, &'static [&'static str]);

/// After each kind of write.
fn are_read(lake: &Lake, strategy: &str, views: &[View]) {
    let shop = Shop::new(lake, strategy);
    let rows = run(written(&shop, strategy, views));
    for ((view, _), rows) in views.iter().zip(rows) {
        let table = format!("default__{view}");
        let seen = see(lake, &shop.online, &table);
        seen.has(&rows);
        let transforms: Vec<String> = seen
            .texts("partitioning")
            .iter()
            .filter_map(|field| Some(field.split_once(": ")?.1.to_owned()))
            .collect();
        let expected: &[&str] = match strategy {
            "entity_hash" => &["identity(entity_hash)"],
            "timestamp" => &["day(event_timestamp)"],
            _ => &["identity(entity_hash)", "day(event_timestamp)"],
        };
        assert_eq!(transforms, expected, "{lake:?} {strategy} {view}");
        if matches!(lake, Lake::Lakana)
            && let Some(found) = spark_sees(&shop.online, &table)
        {
            assert_eq!(found, rows, "Spark, {strategy} {view}");
        }
    }
}

/// The rows of the online table of each view.
async fn written(shop: &Shop, strategy: &str, views: &[View]) -> Vec<Rows> {
    shop.fill().await;
    let session = shop.session(&shop.lake.options()).await;
    session
        .read(&format!(
            "SET feast.online.partition_strategy = '{strategy}'"
        ))
        .await;
    let mut tables = Vec::new();
    for (view, keys) in views {
        session
            .read(&format!("MATERIALIZE FEATURE VIEW {view} FULL"))
            .await;
        session.read(&push(view, 1, 2, 70)).await;
        let by_number = *keys == ["driver_id"];
        if by_number {
            session.read(&delete("(2), (11)")).await;
        }
        let rows = session
            .read(&format!("SELECT * FROM {}", shop.table(view)))
            .await;
        let newest = if *keys == ["city"] { 4 } else { 20 };
        let deleted = if by_number { 2 } else { 0 };
        assert_eq!(rows.len(), newest + 2 + deleted, "{strategy} {view}");
        tables.push(rows);
    }
    tables
}
