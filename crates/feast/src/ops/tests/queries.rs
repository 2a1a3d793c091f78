// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Feature views over queries.

use super::definitions::{DRIVER, VIEW};
use super::*;

const TRIPS: &str = "CREATE TABLE trips AS SELECT * FROM (VALUES \
     (1, TIMESTAMP '2025-01-01T10:00:00', 4.0, 2.0), (1, TIMESTAMP '2025-01-02T10:00:00', 6.0, 2.0)) \
     AS t (driver_id, at, distance, hours)";
const SPEEDS: &str = "CREATE FEATURE VIEW speeds ENTITIES (driver) \
     FROM (SELECT driver_id, at, distance / hours AS speed FROM trips -- as measured\n) TIMESTAMP at";
const JOIN: &str = "SELECT * FROM feast_pit_join((SELECT 1 AS driver_id, \
     TIMESTAMP '2025-01-03T00:00:00' AS event_timestamp), ['speeds:speed'])";

#[tokio::test]
async fn a_query_is_planned_at_each_use() {
    let feast = session().await;
    run(&feast, &[DRIVER, TRIPS, SPEEDS]).await;
    assert!(table(&feast, JOIN).await.contains("| 3.0   |"));
    run(
        &feast,
        &["INSERT INTO trips VALUES (1, TIMESTAMP '2025-01-02T11:00:00', 10.0, 2.0)"],
    )
    .await;
    assert!(table(&feast, JOIN).await.contains("| 5.0   |"));
    let sources = table(
        &feast,
        "SELECT name, kind, source FROM feast.registry.data_sources",
    )
    .await;
    assert!(
        sources.contains("| speeds | query | (SELECT driver_id, at, distance / hours"),
        "{sources}"
    );
    let described = table(&feast, "SELECT role, description FROM feast_describe('feature view', 'speeds') WHERE role = 'source'").await;
    assert!(described.contains("(SELECT driver_id, at"), "{described}");
    let create = text(&feast, "SHOW CREATE FEATURE VIEW speeds", "statement").await;
    assert_eq!(
        create,
        "CREATE FEATURE VIEW speeds\n  ENTITIES (driver)\n  FEATURES (speed DOUBLE)\n  \
         FROM (SELECT driver_id, at, distance / hours AS speed FROM trips -- as measured\n) \
         TIMESTAMP at\n  ONLINE"
    );
    run(&feast, &["DROP FEATURE VIEW speeds", &create]).await;
    assert!(table(&feast, JOIN).await.contains("| 5.0   |"));
}

#[tokio::test]
async fn a_query_may_read_other_views_and_never_its_own() {
    let feast = session().await;
    let over = |view: &str, other: &str| {
        format!(
            "CREATE OR REPLACE FEATURE VIEW {view} ENTITIES (driver) FROM (SELECT driver_id, at, \
             {other}_value AS {view}_value FROM feast_pit_join((SELECT driver_id, at FROM trips), \
             ['{other}:{other}_value'])) TIMESTAMP at"
        )
    };
    let base = "CREATE FEATURE VIEW a ENTITIES (driver) FROM (SELECT driver_id, at, hours AS a_value \
                FROM trips) TIMESTAMP at";
    run(
        &feast,
        &[DRIVER, TRIPS, base, &over("b", "a"), &over("c", "b")],
    )
    .await;
    let join = JOIN.replace("speeds:speed", "c:c_value");
    assert!(table(&feast, &join).await.contains("| 2.0     |"));
    // Directly, and through two others.
    for (view, other) in [("b", "b"), ("a", "c")] {
        let message = error(&feast, &over(view, other)).await;
        assert!(
            message.contains("is a query that reads itself"),
            "{message}"
        );
    }
    assert!(table(&feast, &join).await.contains("| 2.0     |"));
    let message = error(&feast, &over("d", "d")).await;
    assert!(message.contains("there is no feature view d"), "{message}");
}

#[tokio::test]
async fn what_is_no_query_is_refused() {
    let feast = session().await;
    run(&feast, &[DRIVER, VIEW]).await;
    for (query, message) in [
        ("SELECT nothing FROM rides", "nothing"),
        ("SELECT * FROM no_such", "no_such"),
        ("VALUES (1); DROP TABLE rides", "found 2"),
        ("SELECT 1 FROM", "Expected: identifier"),
    ] {
        let statement = format!("CREATE FEATURE VIEW v FROM ({query}) TIMESTAMP created");
        let found = error(&feast, &statement).await;
        assert!(found.contains(message), "{query}: {found}");
    }
    assert_eq!(
        table(&feast, "SELECT count(*) FROM feast.registry.feature_views")
            .await
            .lines()
            .nth(3),
        Some("| 1        |")
    );
}
