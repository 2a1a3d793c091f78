// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a definition is refused for.

use super::definitions::{DRIVER, VIEW};
use super::*;

#[expect(
    clippy::too_many_lines,
    reason = "one table of definitions and what each is refused for"
)]
#[tokio::test]
async fn a_view_is_checked_against_its_source() {
    let feast = session().await;
    run(
        &feast,
        &[
            DRIVER,
            "CREATE ENTITY id JOIN KEY (id BIGINT)",
            "CREATE ENTITY rate",
            "CREATE ENTITY other JOIN KEY (driver_id)",
        ],
    )
    .await;
    let cases = [
        (
            "FROM rides TIMESTAMP event_timestmp",
            "event time column event_timestmp is not in datafusion.public.rides; did you mean event_timestamp?",
        ),
        (
            "FROM rides TIMESTAMP trips",
            "event time column trips of datafusion.public.rides is INT32 (Int32); it must be a timestamp or a date",
        ),
        (
            "FROM rides TIMESTAMP created CREATED TIMESTAMP seq",
            "created time column seq of datafusion.public.rides is INT64 (Int64); it must be a timestamp or a date",
        ),
        (
            "FROM odd TIMESTAMP day TIE BREAK (zz)",
            "tie-break column zz is not in datafusion.public.odd; columns: at, day, id, rate",
        ),
        (
            "ENTITIES (driver) FROM odd TIMESTAMP day",
            "join key of entity driver: column driver_id is not in datafusion.public.odd; columns: at, day, id, rate",
        ),
        (
            "ENTITIES (rate) FROM odd TIMESTAMP day",
            "join key rate of datafusion.public.odd is DOUBLE (Float64), which cannot be a key; use a column of an integer, string, binary, date, timestamp, decimal or UUID type",
        ),
        (
            "ENTITIES (id) FROM odd TIMESTAMP day",
            "join key id of datafusion.public.odd is STRING (Utf8), but entity id declares it BIGINT; declare the entity with the column's type, or cast the column",
        ),
        (
            "ENTITIES (driver, driver) FROM rides TIMESTAMP created",
            "entity driver is named twice; keep one",
        ),
        (
            "ENTITIES (driver, other) FROM rides TIMESTAMP created",
            "entities driver and other have the same join key driver_id; keep one",
        ),
        (
            "FROM odd TIMESTAMP day",
            "column at of datafusion.public.odd is Time64(ns), which no Feast type holds; name the features in FEATURES (name type, …), or cast the column",
        ),
        (
            "FEATURES (rating DOUBLE) FROM rides TIMESTAMP created",
            "feature column rating is not in datafusion.public.rides; did you mean \"Rating\"?",
        ),
        (
            "FEATURES (conv_rate FLOAT) FROM rides TIMESTAMP created",
            "feature conv_rate is declared FLOAT, but column conv_rate of datafusion.public.rides is DOUBLE (Float64); declare it DOUBLE",
        ),
        (
            "FEATURES (trips BIGINT, trips BIGINT) FROM rides TIMESTAMP created",
            "feature trips is named twice; keep one",
        ),
        (
            "ENTITIES (driver) FEATURES (driver_id BIGINT) FROM rides TIMESTAMP created",
            "driver_id is a join key; leave it out of FEATURES",
        ),
        (
            "FROM rides TIMESTAMP created FIELD MAPPING (trip AS t)",
            "FIELD MAPPING column trip is not in datafusion.public.rides; did you mean trips?",
        ),
        (
            "FROM rides TIMESTAMP created FIELD MAPPING (trips AS seq)",
            "two columns of datafusion.public.rides are called seq after FIELD MAPPING; give each its own name",
        ),
        (
            "FROM rides TIMESTAMP created FIELD MAPPING (trips AS a, trips AS b)",
            "FIELD MAPPING names column trips twice; keep one",
        ),
        (
            "FEATURES (conv_rate DOUBLE) FROM rides TIMESTAMP created FIELD MAPPING (conv_rate AS rate)",
            "feature column conv_rate is not in datafusion.public.rides",
        ),
    ];
    for (clauses, message) in cases {
        let found = error(&feast, &format!("CREATE FEATURE VIEW v {clauses}")).await;
        let message = format!("feature view v: {message}");
        assert!(
            found.starts_with(&message),
            "{clauses}\n  {found}\n  {message}"
        );
    }
    assert_eq!(
        error(
            &feast,
            "CREATE FEATURE VIEW v ENTITIES (drver) FROM rides TIMESTAMP created"
        )
        .await,
        "entity drver does not exist; did you mean driver?"
    );
    let missing = error(&feast, "CREATE FEATURE VIEW v FROM ridez TIMESTAMP created").await;
    assert!(
        missing.contains("ridez") && missing.contains("rides"),
        "{missing}"
    );
    let missing = error(
        &feast,
        "CREATE FEATURE VIEW v FROM 'no/file.parquet' TIMESTAMP t",
    )
    .await;
    assert!(missing.contains("no/file.parquet"), "{missing}");
    assert_eq!(
        rows(&feast, "SHOW FEATURE VIEWS").await.unwrap()[0].num_rows(),
        0
    );
    assert_eq!(
        error(&feast, "CREATE ENTITY e JOIN KEY (k DOUBLE)").await,
        "entity e: join key k is declared DOUBLE, which cannot be a key; use an integer, string, \
         binary, date, timestamp, decimal or UUID type"
    );
}

#[tokio::test]
async fn a_service_is_checked_against_its_views() {
    let feast = session().await;
    run(&feast, &[DRIVER, VIEW]).await;
    let cases = [
        (
            "driver_stat",
            "feature view driver_stat does not exist; did you mean driver_stats?",
        ),
        (
            "driver_stats (rat)",
            "feature service s: feature view driver_stats has no feature rat; did you mean rate?",
        ),
        (
            "driver_stats (rate, rate)",
            "feature service s: feature rate of driver_stats is named twice; keep one",
        ),
        (
            "driver_stats, driver_stats",
            "feature service s: two items are called driver_stats; give one of them another name with AS",
        ),
        (
            "driver_stats ON (driver = x)",
            "feature service s: feature view driver_stats has no join key driver; join keys: driver_id",
        ),
        (
            "driver_stats ON (driver_id = x, driver_id = y)",
            "feature service s: join key driver_id of driver_stats is mapped twice; keep one",
        ),
    ];
    for (items, message) in cases {
        let found = error(&feast, &format!("CREATE FEATURE SERVICE s AS ({items})")).await;
        assert_eq!(found, message);
    }
    run(
        &feast,
        &["CREATE FEATURE SERVICE s AS (driver_stats, driver_stats AS o ON (driver_id = o))"],
    )
    .await;
}
