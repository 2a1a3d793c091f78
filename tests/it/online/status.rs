// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `feast.online.status`: what the metadata of online tables tell.

use super::{OnlineLake, lines, refusal, rows};

const COUNTS: &str = "SELECT view, strategy, parts, rows, keys, files, pushed_rows, snapshot_id IS NULL, error FROM feast.online.status";

async fn two_views() -> (OnlineLake, datafusion_feast::FeastContext) {
    let lake = OnlineLake::new().await;
    let feast = lake.session().await;
    for statement in [
        "CREATE TABLE lake.shop.stats (driver_id BIGINT, ts TIMESTAMP, trips BIGINT)",
        "INSERT INTO lake.shop.stats VALUES (1, '2025-01-01T00:00:00', 10), (1, '2025-01-02T00:00:00', 11), (2, '2025-01-01T12:00:00', 20)",
        "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)",
        "CREATE FEATURE VIEW stats ENTITIES (driver) FEATURES (trips BIGINT) FROM lake.shop.stats TIMESTAMP ts",
        "CREATE FEATURE VIEW apart ENTITIES (driver) FEATURES (trips BIGINT) FROM lake.shop.stats TIMESTAMP ts OFFLINE ONLY",
    ] {
        rows(&feast, statement).await;
    }
    (lake, feast)
}

#[tokio::test]
async fn a_view_is_followed_from_nothing_to_pushes_and_deletions() {
    let (_lake, feast) = two_views().await;
    assert_eq!(lines(&feast, COUNTS).await, ["stats       true "]);
    let place =
        "SELECT project, online_table, lag_seconds, materialized_end FROM feast.online.status";
    assert_eq!(
        lines(&feast, place).await,
        ["rides lake.feast_online.rides__stats  "]
    );
    rows(&feast, "MATERIALIZE FEATURE VIEW stats").await;
    assert_eq!(
        lines(&feast, COUNTS).await,
        ["stats entity_hash 4 2 2 2 0 false "]
    );
    let times = "SELECT newest_event_timestamp, lag_seconds, materialized_start, bytes > 0,
            committed_at BETWEEN now() - INTERVAL '1 hour' AND now(), materialized_end BETWEEN committed_at - INTERVAL '1 hour' AND now(),
            source_snapshot = (SELECT max(snapshot_id) FROM lake.shop.\"stats$snapshots\"),
            snapshot_id = (SELECT snapshot_id FROM lake.feast_online.\"rides__stats$snapshots\")
        FROM feast.online.status";
    assert_eq!(
        lines(&feast, times).await,
        ["2025-01-02T00:00:00Z 0.0 1970-01-01T00:00:00Z true true true true true"]
    );
    // The source has more than what is online.
    rows(
        &feast,
        "INSERT INTO lake.shop.stats VALUES (3, '2025-01-03T00:00:00', 30)",
    )
    .await;
    let lag = "SELECT lag_seconds > 0 AND lag_seconds < 3600 FROM feast.online.status";
    assert_eq!(lines(&feast, lag).await, ["true"]);
    rows(&feast, "MATERIALIZE FEATURE VIEW stats").await;
    let lag = "SELECT lag_seconds, rows, keys FROM feast.online.status";
    assert_eq!(lines(&feast, lag).await, ["0.0 3 "]);

    let push = "SELECT rows FROM feast_write_online('stats', (SELECT 1 AS driver_id, TIMESTAMP '2030-03-01T00:00:00' AS ts, 77 AS trips
        UNION ALL SELECT 5, TIMESTAMP '2025-03-01T00:00:00', 50))";
    rows(&feast, push).await;
    rows(
        &feast,
        "SELECT rows FROM feast_delete_online('stats', (SELECT 2 AS driver_id))",
    )
    .await;
    let after = "SELECT rows, keys, pushed_rows, newest_event_timestamp, lag_seconds FROM feast.online.status";
    assert_eq!(
        lines(&feast, after).await,
        ["6  2 2030-03-01T00:00:00Z 0.0"]
    );
}

#[tokio::test]
async fn keys_are_told_only_where_every_row_is_another_one() {
    let (_lake, feast) = two_views().await;
    rows(
        &feast,
        "INSERT INTO lake.shop.stats VALUES (1, '2100-01-01T00:00:00', 99)",
    )
    .await;
    rows(&feast, "MATERIALIZE FEATURE VIEW stats").await;
    let keys = "SELECT rows, keys FROM feast.online.status";
    assert_eq!(lines(&feast, keys).await, ["3 "]);
}

#[tokio::test]
async fn strategies_are_those_of_the_tables() {
    for (strategy, parts) in [("timestamp", ""), ("hybrid", "4")] {
        let (_lake, feast) = two_views().await;
        rows(
            &feast,
            &format!("SET feast.online.partition_strategy = '{strategy}'"),
        )
        .await;
        rows(&feast, "MATERIALIZE FEATURE VIEW stats").await;
        // A table keeps its own, whatever new ones would have.
        rows(
            &feast,
            "SET feast.online.partition_strategy = 'entity_hash'",
        )
        .await;
        rows(&feast, "SET feast.online.partition_count = 7").await;
        let shown = "SELECT strategy, parts, keys FROM feast.online.status";
        assert_eq!(
            lines(&feast, shown).await,
            [format!("{strategy} {parts} 2")]
        );
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_said_in_its_row() {
    let (lake, feast) = two_views().await;
    rows(
        &feast,
        "CREATE FEATURE VIEW other ENTITIES (driver) FEATURES (trips BIGINT) FROM lake.shop.stats TIMESTAMP ts",
    )
    .await;
    rows(&feast, "MATERIALIZE FEATURE VIEW stats, other").await;
    // The source is gone: what is online is there.
    rows(
        &feast,
        "CREATE TABLE lake.shop.other AS SELECT * FROM lake.shop.stats",
    )
    .await;
    rows(
        &feast,
        "CREATE OR REPLACE FEATURE VIEW other ENTITIES (driver) FEATURES (trips BIGINT) FROM lake.shop.other TIMESTAMP ts",
    )
    .await;
    rows(&feast, "DROP TABLE lake.shop.other").await;
    let shown =
        "SELECT view, rows, lag_seconds IS NULL, error FROM feast.online.status ORDER BY view";
    let found = lines(&feast, shown).await;
    assert!(
        found[0].starts_with("other 2 false its source cannot be read: "),
        "{found:?}"
    );
    assert_eq!(found[1], "stats 2 false ");
    // A table whose metadata is gone.
    for folder in std::fs::read_dir(lake.dir.path().join("wh/feast_online")).unwrap() {
        let folder = folder.unwrap().path();
        if folder.to_string_lossy().contains("rides__other") {
            std::fs::remove_dir_all(folder.join("metadata")).unwrap();
        }
    }
    // This session has seen the file.
    let feast = lake.session().await;
    let found = lines(&feast, shown).await;
    assert!(found[0].starts_with("other  true "), "{found:?}");
    assert!(found[0].len() > 20, "{found:?}");
    assert_eq!(found[1], "stats 2 false ");
    // A view without a place.
    for statement in [
        "CREATE TABLE plain AS SELECT 1 AS driver_id, TIMESTAMP '2025-01-01T00:00:00' AS ts, 1 AS trips",
        "CREATE OR REPLACE FEATURE VIEW other ENTITIES (driver) FROM plain TIMESTAMP ts",
        "SET feast.online.catalog = ''",
    ] {
        rows(&feast, statement).await;
    }
    let found = lines(
        &feast,
        "SELECT view, online_table, error FROM feast.online.status ORDER BY view",
    )
    .await;
    assert!(found[0].contains("SET feast.online.catalog"), "{found:?}");
    let error = refusal(
        &feast,
        "INSERT INTO feast.online.status (project) VALUES ('x')",
    )
    .await;
    assert!(!error.is_empty());
}
