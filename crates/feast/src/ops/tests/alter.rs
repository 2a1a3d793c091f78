// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Changing definitions in place.

use super::definitions::{DRIVER, VIEW};
use super::*;

const SERVICE: &str = "CREATE FEATURE SERVICE ranking AS (driver_stats (rate, \"Rating\") AS d)";

async fn shown(feast: &FeastContext, object: &str) -> String {
    text(feast, &format!("SHOW CREATE {object}"), "statement").await
}

#[tokio::test]
async fn a_view_is_changed_in_the_named_parts_alone() {
    let feast = session().await;
    run(&feast, &[DRIVER, VIEW]).await;
    run(
        &feast,
        &[
            "ALTER FEATURE VIEW driver_stats ADD FEATURES (seq BIGINT COMMENT 'running'), \
           DROP FEATURE trips, ALTER FEATURE \"Rating\" TYPE DOUBLE, \
           ALTER FEATURE rate COMMENT 'of rides', SET TTL INTERVAL '1 day', SET OFFLINE ONLY, \
           SET TAGS (tier 'gold'), UNSET TAGS (team), COMMENT 'hourly', OWNER 'rides'",
        ],
    )
    .await;
    assert_eq!(
        shown(&feast, "FEATURE VIEW driver_stats").await,
        "CREATE FEATURE VIEW driver_stats\n  ENTITIES (driver)\n  \
         FEATURES (rate DOUBLE COMMENT 'of rides', \"Rating\" DOUBLE, seq BIGINT COMMENT 'running')\n  \
         FROM datafusion.public.rides TIMESTAMP event_timestamp CREATED TIMESTAMP \"created\"\n  \
         TIE BREAK (seq)\n  FIELD MAPPING (conv_rate AS rate)\n  TTL INTERVAL '1 day'\n  \
         OFFLINE ONLY\n  COMMENT 'hourly'\n  OWNER 'rides'\n  TAGS (tier 'gold')"
    );
    run(
        &feast,
        &["ALTER FEATURE VIEW driver_stats UNSET TTL, ONLINE, UNSET COMMENT, UNSET OWNER"],
    )
    .await;
    let text = shown(&feast, "FEATURE VIEW driver_stats").await;
    assert!(
        text.ends_with("(conv_rate AS rate)\n  ONLINE\n  TAGS (tier 'gold')"),
        "{text}"
    );
}

#[tokio::test]
async fn entities_and_services_are_changed_too() {
    let feast = session().await;
    run(&feast, &[DRIVER, VIEW, SERVICE]).await;
    run(
        &feast,
        &[
            "ALTER ENTITY driver SET OWNER 'o', UNSET COMMENT, SET TAGS (a 'b')",
            "ALTER FEATURE SERVICE ranking SET COMMENT 'c', ADD (driver_stats (trips) AS e ON \
             (driver_id = other)), SET TAGS (a 'b')",
        ],
    )
    .await;
    assert_eq!(
        shown(&feast, "ENTITY driver").await,
        "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)\n  OWNER 'o'\n  TAGS (a 'b')"
    );
    assert_eq!(
        shown(&feast, "FEATURE SERVICE ranking").await,
        "CREATE FEATURE SERVICE ranking AS (\n  driver_stats (rate, \"Rating\") AS d,\n  \
         driver_stats (trips) AS e ON (driver_id = other)\n)\n  COMMENT 'c'\n  TAGS (a 'b')"
    );
    run(&feast, &["ALTER FEATURE SERVICE ranking DROP (d)"]).await;
    assert!(
        !shown(&feast, "FEATURE SERVICE ranking")
            .await
            .contains("AS d")
    );
}

#[tokio::test]
async fn the_function_does_the_same() {
    let (stated, called) = (session().await, session().await);
    for feast in [&stated, &called] {
        run(feast, &[DRIVER, VIEW]).await;
    }
    run(
        &stated,
        &["ALTER FEATURE VIEW driver_stats SET TTL INTERVAL '2 days', ONLINE"],
    )
    .await;
    let call = "SELECT * FROM feast_alter('feature view', 'driver_stats', \
                'SET TTL INTERVAL ''2 days'', ONLINE')";
    let rows = table(&called, call).await;
    assert!(
        rows.contains("| update | changed: ttl (7 days to 2 days) |"),
        "{rows}"
    );
    for object in ["FEATURE VIEW driver_stats", "ENTITY driver"] {
        assert_eq!(shown(&stated, object).await, shown(&called, object).await);
    }
    let rows = table(&called, call).await;
    assert!(rows.contains("unchanged"), "{rows}");
    let none = "SELECT * FROM feast_alter('entity', 'nobody', 'UNSET OWNER', if_exists => true)";
    assert!(table(&called, none).await.contains("it does not exist"));
}

#[tokio::test]
async fn what_cannot_be_changed_is_named() {
    let feast = session().await;
    run(&feast, &[DRIVER, VIEW, SERVICE]).await;
    for (statement, message) in [
        (
            "ALTER FEATURE VIEW driver_stat SET ONLINE",
            "feature view driver_stat does not exist; did you mean driver_stats?",
        ),
        (
            "ALTER FEATURE VIEW driver_stats DROP FEATURE rat",
            "feature view driver_stats has no feature rat; did you mean rate?",
        ),
        (
            "ALTER FEATURE VIEW driver_stats DROP FEATURE rate",
            "feature rate of feature view driver_stats is used by the feature services ranking; \
             replace or drop them first",
        ),
        (
            "ALTER FEATURE VIEW driver_stats ADD FEATURE rate DOUBLE",
            "feature view driver_stats: rate is already a feature; leave it out of ADD FEATURES",
        ),
        (
            "ALTER FEATURE VIEW driver_stats ADD FEATURE driver_id BIGINT",
            "feature view driver_stats: driver_id is a join key; leave it out of ADD FEATURES",
        ),
        (
            "ALTER FEATURE VIEW driver_stats ADD FEATURE nothing BIGINT",
            "feature view driver_stats: feature column nothing is not in datafusion.public.rides; \
             columns: Rating, __row, created, driver_id, event_timestamp, rate, seq, trips",
        ),
        (
            "ALTER FEATURE VIEW driver_stats ALTER FEATURE rate TYPE BIGINT",
            "feature view driver_stats: feature rate is declared BIGINT, but column rate of \
             datafusion.public.rides is DOUBLE (Float64); declare it DOUBLE",
        ),
        (
            "ALTER FEATURE VIEW driver_stats UNSET TAGS (tem)",
            "feature view driver_stats has no tag tem; did you mean team?",
        ),
        (
            "ALTER FEATURE SERVICE ranking DROP (driver_stats)",
            "feature service ranking has no driver_stats; feature views: d",
        ),
        (
            "ALTER FEATURE SERVICE ranking ADD (nothing)",
            "feature view nothing does not exist; feature views: driver_stats",
        ),
    ] {
        assert_eq!(error(&feast, statement).await, message);
    }
    // One wrong action, and none is done.
    let before = shown(&feast, "FEATURE VIEW driver_stats").await;
    error(
        &feast,
        "ALTER FEATURE VIEW driver_stats SET OFFLINE ONLY, DROP FEATURE nothing",
    )
    .await;
    assert_eq!(shown(&feast, "FEATURE VIEW driver_stats").await, before);
    run(&feast, &["ALTER FEATURE VIEW IF EXISTS nothing SET ONLINE"]).await;
}
