// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The online store, one behaviour a test.

use super::{OnlineLake, lines, refusal, rows};

const LOOKUP: &str =
    "SELECT * FROM feast_online_lookup(['stats:trips'], keys => [1, 2, 3], status => true)";

/// A view over an Iceberg table with two drivers.
async fn stats() -> (OnlineLake, datafusion_feast::FeastContext) {
    let lake = OnlineLake::new().await;
    let feast = lake.session().await;
    for statement in [
        "CREATE TABLE lake.shop.stats (driver_id BIGINT, ts TIMESTAMP, created TIMESTAMP, trips BIGINT)",
        "INSERT INTO lake.shop.stats VALUES
           (1, '2025-01-01T00:00:00', '2025-01-01T00:00:00', 10), (1, '2025-01-02T00:00:00', '2025-01-02T00:00:00', 11),
           (2, '2025-01-01T00:00:00', '2025-01-01T00:00:00', 20), (NULL, '2025-01-01T00:00:00', NULL, 99)",
        "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)",
        "CREATE FEATURE VIEW stats ENTITIES (driver) FEATURES (trips BIGINT) FROM lake.shop.stats TIMESTAMP ts CREATED TIMESTAMP created",
    ] {
        rows(&feast, statement).await;
    }
    (lake, feast)
}

#[tokio::test]
async fn what_is_materialized_is_found() {
    let (_lake, feast) = stats().await;
    let done = "SELECT view, rows_read, rows_written, rows_skipped, notice FROM feast_materialize('stats')";
    assert_eq!(lines(&feast, done).await, ["stats 4 2 1 "]);
    assert_eq!(
        lines(&feast, LOOKUP).await,
        ["1 11 PRESENT", "2 20 PRESENT", "3  NOT_FOUND"]
    );
    let times =
        "SELECT * FROM feast_online_lookup(['stats:trips'], [2, NULL, 1, 2], timestamps => true)";
    assert_eq!(
        lines(&feast, times).await,
        [
            "2 20 2025-01-01T00:00:00Z",
            "  ",
            "1 11 2025-01-02T00:00:00Z",
            "2 20 2025-01-01T00:00:00Z"
        ]
    );
    for keys in [
        "[{'driver_id': 1}]",
        "(SELECT 1 AS driver_id)",
        "(SELECT driver_id FROM lake.shop.stats WHERE trips = 10)",
    ] {
        let lookup = format!("SELECT * FROM feast_online_lookup(['stats:*'], keys => {keys})");
        assert_eq!(lines(&feast, &lookup).await, ["1 11"], "{keys}");
    }
    let parity = "SELECT * FROM feast_verify_parity('stats')";
    assert_eq!(lines(&feast, parity).await, [""; 0]);
    // The table is one that any engine reads.
    let table =
        "SELECT driver_id, trips, is_deleted FROM lake.feast_online.rides__stats ORDER BY 1";
    assert_eq!(lines(&feast, table).await, ["1 11 false", "2 20 false"]);
}

#[tokio::test]
async fn incremental_reads_what_was_appended_late_rows_too() {
    let (_lake, feast) = stats().await;
    rows(&feast, "MATERIALIZE FEATURE VIEW stats").await;
    let again = "SELECT rows_read, rows_written, notice FROM feast_materialize('stats')";
    assert_eq!(
        lines(&feast, again).await,
        ["0 0 nothing has changed since the last time"]
    );
    rows(
        &feast,
        "INSERT INTO lake.shop.stats VALUES (2, '2024-06-01T00:00:00', NULL, 5), (3, '2024-06-01T00:00:00', NULL, 30)",
    )
    .await;
    assert_eq!(lines(&feast, again).await, ["2 2 "]);
    assert_eq!(
        lines(&feast, LOOKUP).await,
        ["1 11 PRESENT", "2 20 PRESENT", "3 30 PRESENT"]
    );
    assert_eq!(
        lines(&feast, "SELECT * FROM feast_verify_parity('stats')").await,
        [""; 0]
    );
}

#[tokio::test]
async fn a_source_that_lost_rows_is_materialized_anew() {
    let (_lake, feast) = stats().await;
    rows(&feast, "MATERIALIZE FEATURE VIEW stats").await;
    for statement in [
        "DROP TABLE lake.shop.stats",
        "CREATE TABLE lake.shop.stats (driver_id BIGINT, ts TIMESTAMP, created TIMESTAMP, trips BIGINT)",
        "INSERT INTO lake.shop.stats VALUES (1, '2024-01-01T00:00:00', NULL, 1)",
    ] {
        rows(&feast, statement).await;
    }
    let done = lines(
        &feast,
        "SELECT rows_written, notice FROM feast_materialize('stats')",
    )
    .await;
    assert!(
        done[0].starts_with("3 materialized in full: snapshot")
            && done[0].ends_with("is expired or of another table"),
        "{done:?}"
    );
    assert_eq!(
        lines(&feast, LOOKUP).await,
        ["1 1 PRESENT", "2  NOT_FOUND", "3  NOT_FOUND"]
    );
}

#[tokio::test]
async fn the_newest_event_wins_and_deletions_hide_what_was_before_them() {
    let (_lake, feast) = stats().await;
    rows(&feast, "MATERIALIZE FEATURE VIEW stats FULL").await;
    let push = "SELECT rows FROM feast_write_online('stats', (SELECT 1 AS driver_id, TIMESTAMP '2024-12-01T00:00:00' AS ts,
        CAST(NULL AS TIMESTAMP) AS created, 7 AS trips UNION ALL SELECT 2, TIMESTAMP '2025-03-01T00:00:00', NULL, 21))";
    assert_eq!(lines(&feast, push).await, ["2"]);
    assert_eq!(
        lines(&feast, LOOKUP).await,
        ["1 11 PRESENT", "2 21 PRESENT", "3  NOT_FOUND"]
    );
    let delete =
        "SELECT rows FROM feast_delete_online('stats', (SELECT 1 AS driver_id UNION ALL SELECT 1))";
    assert_eq!(lines(&feast, delete).await, ["1"]);
    assert_eq!(
        lines(&feast, LOOKUP).await,
        ["1  NOT_FOUND", "2 21 PRESENT", "3  NOT_FOUND"]
    );
    assert_eq!(lines(&feast, push).await, ["2"]);
    assert_eq!(
        lines(&feast, LOOKUP).await,
        ["1 7 PRESENT", "2 21 PRESENT", "3  NOT_FOUND"]
    );
}

#[tokio::test]
async fn a_value_older_than_the_ttl_is_withheld_where_asked() {
    let (_lake, feast) = stats().await;
    rows(
        &feast,
        "CREATE OR REPLACE FEATURE VIEW stats ENTITIES (driver) FEATURES (trips BIGINT) FROM lake.shop.stats TIMESTAMP ts
         CREATED TIMESTAMP created TTL INTERVAL '1 day'",
    )
    .await;
    rows(
        &feast,
        "MATERIALIZE FEATURE VIEW stats FROM '2025-01-01T00:00:00Z' TO '2025-01-02T00:00:00Z'",
    )
    .await;
    let lookup = |source: &str| {
        format!(
            "SELECT * FROM feast_online_lookup(['stats:trips'], [1, 2, 3], status => true, max_age => true, source => '{source}')"
        )
    };
    let old = ["1  OUTSIDE_MAX_AGE", "2  OUTSIDE_MAX_AGE", "3  NOT_FOUND"];
    assert_eq!(lines(&feast, &lookup("online")).await, old);
    assert_eq!(lines(&feast, &lookup("offline")).await, old);
    assert_eq!(
        lines(&feast, LOOKUP).await,
        ["1 11 PRESENT", "2 20 PRESENT", "3  NOT_FOUND"]
    );
    let then = "SELECT * FROM feast_online_lookup(['stats:trips'], [1, 2], status => true, max_age => true, source => 'offline',
        as_of => '2025-01-02T00:00:00Z')";
    assert_eq!(lines(&feast, then).await, ["1 11 PRESENT", "2 20 PRESENT"]);
    let before =
        "SELECT * FROM feast_online_lookup(['stats:trips'], [1], as_of => '2025-01-02T00:00:00Z')";
    let error = refusal(&feast, before).await;
    assert!(
        error.contains("keeps only the newest rows up to"),
        "{error}"
    );
}

#[tokio::test]
async fn a_row_of_the_future_wins_when_its_time_has_come() {
    let (_lake, feast) = stats().await;
    rows(&feast, "INSERT INTO lake.shop.stats VALUES (1, '2200-01-01T00:00:00', NULL, 12), (4, '2200-01-01T00:00:00', NULL, 40)").await;
    rows(&feast, "MATERIALIZE FEATURE VIEW stats").await;
    let lookup = "SELECT * FROM feast_online_lookup(['stats:trips'], [1, 4]";
    assert_eq!(lines(&feast, &format!("{lookup})")).await, ["1 11", "4 "]);
    let later = format!("{lookup}, as_of => '2200-01-01T00:00:00Z')");
    assert_eq!(lines(&feast, &later).await, ["1 12", "4 40"]);
}

#[tokio::test]
async fn a_view_that_gains_features_gains_columns() {
    let (_lake, feast) = stats().await;
    for statement in [
        "MATERIALIZE FEATURE VIEW stats",
        "DROP TABLE lake.shop.stats",
        "CREATE TABLE lake.shop.stats (driver_id BIGINT, ts TIMESTAMP, created TIMESTAMP, trips BIGINT, rate DOUBLE)",
        "INSERT INTO lake.shop.stats VALUES (1, '2025-01-01T00:00:00', NULL, 10, 0.5)",
        "CREATE OR REPLACE FEATURE VIEW stats ENTITIES (driver) FEATURES (trips BIGINT, rate DOUBLE) FROM lake.shop.stats TIMESTAMP ts
         CREATED TIMESTAMP created",
    ] {
        rows(&feast, statement).await;
    }
    let both =
        "SELECT * FROM feast_online_lookup(['stats:trips', 'stats:rate'], [1], status => true)";
    assert_eq!(lines(&feast, both).await, ["1 11 PRESENT  NOT_FOUND"]);
    let done = lines(&feast, "SELECT notice FROM feast_materialize('stats')").await;
    assert_eq!(done, ["materialized in full: its definition has changed"]);
    assert_eq!(lines(&feast, both).await, ["1 10 PRESENT 0.5 PRESENT"]);
}

#[tokio::test]
async fn every_strategy_gives_the_same_answers() {
    for strategy in ["entity_hash", "timestamp", "hybrid"] {
        let (_lake, feast) = stats().await;
        rows(
            &feast,
            &format!("SET feast.online.partition_strategy = '{strategy}'"),
        )
        .await;
        rows(&feast, "MATERIALIZE FEATURE VIEW stats").await;
        rows(
            &feast,
            "SELECT * FROM feast_delete_online('stats', (SELECT 2 AS driver_id))",
        )
        .await;
        let found = lines(&feast, LOOKUP).await;
        assert_eq!(
            found,
            ["1 11 PRESENT", "2  NOT_FOUND", "3  NOT_FOUND"],
            "{strategy}"
        );
    }
}

#[tokio::test]
async fn many_keys_are_found_in_few_files() {
    let (_lake, feast) = stats().await;
    rows(
        &feast,
        "INSERT INTO lake.shop.stats SELECT value, TIMESTAMP '2025-02-01T00:00:00', NULL, value * 2 FROM generate_series(1, 1000)",
    )
    .await;
    rows(&feast, "SET feast.online.partition_count = 64").await;
    rows(&feast, "MATERIALIZE FEATURE VIEW stats").await;
    let asked =
        "SELECT count(*), sum(trips), count(trips) FROM feast_online_lookup(['stats:trips'],
        keys => (SELECT value AS driver_id FROM generate_series(501, 1500)))";
    assert_eq!(lines(&feast, asked).await, ["1000 750500 500"]);
    let few = "SELECT sum(trips) FROM feast_online_lookup(['stats:trips'],
        keys => (SELECT value AS driver_id FROM generate_series(1, 60)))";
    assert_eq!(lines(&feast, few).await, ["3660"]);
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_written() {
    let (_lake, feast) = stats().await;
    for (statement, why) in [
        (
            "MATERIALIZE FEATURE VIEW stats FROM '2025-01-02T00:00:00Z' TO '2025-01-01T00:00:00Z'",
            "is after end",
        ),
        (
            "SELECT * FROM feast_online_lookup(['stats:trips'], [1], source => 'online')",
            "nothing was written online for it",
        ),
        (
            "SELECT * FROM feast_online_lookup(['stats:trips'], ['a'])",
            "key column driver_id is Utf8",
        ),
        (
            "SELECT * FROM feast_online_lookup(['stats:trips'], (SELECT 1 AS k))",
            "the keys have no column driver_id",
        ),
        (
            "SELECT * FROM feast_write_online('stats', (SELECT 1 AS driver_id))",
            "the rows have no column ts, created, trips",
        ),
        (
            "SELECT * FROM feast_write_online('stats', (SELECT 1 AS driver_id, now() AS ts, now() AS created, 'a' AS trips))",
            "column trips is Utf8",
        ),
        (
            "SELECT * FROM feast_delete_online('stats', (SELECT CAST(NULL AS BIGINT) AS driver_id))",
            "has NULL in driver_id",
        ),
        (
            "SELECT * FROM feast_online_lookup(['stats:trips'], [1], timeout_ms => 0)",
            "timeout_ms expects a whole number",
        ),
        (
            "SET feast.online.partition_strategy = 'bucket'",
            "expected 'entity_hash', 'timestamp' or 'hybrid'",
        ),
        ("MATERIALIZE FEATURE VIEW missing", "missing"),
    ] {
        let error = refusal(&feast, statement).await;
        assert!(error.contains(why), "{statement}\n  {error}");
    }
    let schemas = lines(
        &feast,
        "SELECT schema_name FROM information_schema.schemata WHERE schema_name = 'feast_online'",
    )
    .await;
    assert!(schemas.len() <= 1);
    let plan = lines(&feast, "EXPLAIN MATERIALIZE FEATURE VIEW stats")
        .await
        .join(" ");
    assert!(plan.contains("materialize stats"), "{plan}");
}
