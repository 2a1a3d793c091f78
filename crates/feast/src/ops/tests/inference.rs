// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What definitions leave out, and what tables say about it.

use super::definitions::DRIVER;
use super::*;

#[tokio::test]
async fn keys_times_and_features_are_found_and_told() {
    let feast = session().await;
    run(
        &feast,
        &[DRIVER, "CREATE ENTITY shop JOIN KEY (shop_id BIGINT)"],
    )
    .await;
    assert_eq!(
        table(&feast, "CREATE FEATURE VIEW stats FROM (SELECT * EXCLUDE (__row) FROM rides)").await,
        "\
+--------+--------------+--------+------------------------------------------------------------------------------------------------------------------------------------------------------+
| object | kind         | action | detail                                                                                                                                               |
+--------+--------------+--------+------------------------------------------------------------------------------------------------------------------------------------------------------+
| stats  | feature view | create | inferred: ENTITIES (driver) TIMESTAMP event_timestamp CREATED TIMESTAMP \"created\" FEATURES (seq BIGINT, conv_rate DOUBLE, trips INT, \"Rating\" FLOAT) |
+--------+--------------+--------+------------------------------------------------------------------------------------------------------------------------------------------------------+"
    );
    let create = text(&feast, "SHOW CREATE FEATURE VIEW stats", "statement").await;
    assert!(create.contains("ENTITIES (driver)"), "{create}");
    // With the time stated everything is, and no list of entities means none.
    run(
        &feast,
        &["CREATE FEATURE VIEW world FROM rides TIMESTAMP created"],
    )
    .await;
    let create = text(&feast, "SHOW CREATE FEATURE VIEW world", "statement").await;
    assert!(!create.contains("ENTITIES"), "{create}");
    run(
        &feast,
        &["CREATE FEATURE VIEW global ENTITIES () FROM rides"],
    )
    .await;
    let create = text(&feast, "SHOW CREATE FEATURE VIEW global", "statement").await;
    assert!(
        !create.contains("ENTITIES") && create.contains("driver_id BIGINT"),
        "{create}"
    );
}

#[tokio::test]
async fn what_is_ambiguous_is_asked_for() {
    let feast = session().await;
    let utc = || DataType::Timestamp(TimeUnit::Microsecond, None);
    register(
        &feast,
        "two",
        vec![("id", DataType::Int64), ("a", utc()), ("b", utc())],
    );
    register(
        &feast,
        "timeless",
        vec![("id", DataType::Int64), ("x", DataType::Int64)],
    );
    register(
        &feast,
        "dated",
        vec![
            ("id", DataType::Int64),
            ("day", DataType::Date32),
            ("x", DataType::Int64),
        ],
    );
    assert_eq!(
        error(&feast, "CREATE FEATURE VIEW v FROM two").await,
        "feature view v: no entity has a join key among the columns of datafusion.public.two; name \
         entities in ENTITIES (…), create the one it is about first, or write ENTITIES () for \
         features of none"
    );
    run(&feast, &["CREATE ENTITY thing JOIN KEY (id BIGINT)"]).await;
    assert_eq!(
        error(&feast, "CREATE FEATURE VIEW v FROM two").await,
        "feature view v: which column of datafusion.public.two is the event time? say TIMESTAMP \
         with one of a, b"
    );
    // A timestamp that is a feature is not the event time.
    let told = text(
        &feast,
        "CREATE FEATURE VIEW v FEATURES (b TIMESTAMP) FROM two",
        "detail",
    )
    .await;
    assert_eq!(told, "inferred: ENTITIES (thing) TIMESTAMP a");
    assert_eq!(
        error(&feast, "CREATE FEATURE VIEW w FROM timeless").await,
        "feature view w: datafusion.public.timeless has no timestamp or date column left to be the \
         event time; a view needs one"
    );
    let told = text(&feast, "CREATE FEATURE VIEW w FROM dated", "detail").await;
    assert_eq!(
        told,
        "inferred: ENTITIES (thing) TIMESTAMP day FEATURES (x BIGINT)"
    );
    run(&feast, &["CREATE ENTITY other JOIN KEY (id BIGINT)"]).await;
    assert_eq!(
        error(&feast, "CREATE FEATURE VIEW x FROM dated").await,
        "feature view x: entities thing and other both have the join key id; say in ENTITIES (…) \
         which it is"
    );
}

#[tokio::test]
async fn a_table_is_registered_with_what_is_said() {
    let feast = session().await;
    let call = "SELECT * FROM feast_register('stats', 'rides', entities => ['driver_id'], \
                features => ['trips', 'Rating'])";
    assert_eq!(
        text(&feast, call, "message").await,
        "entity driver_id created; feature view stats created (inferred: TIMESTAMP event_timestamp \
         CREATED TIMESTAMP \"created\")"
    );
    let create = text(&feast, "SHOW CREATE FEATURE VIEW stats", "statement").await;
    assert!(
        create.contains("ENTITIES (driver_id)\n  FEATURES (trips INT, \"Rating\" FLOAT)\n")
            && create.ends_with("OFFLINE ONLY"),
        "{create}"
    );
    // Once more is nothing new; without the list of entities the one that is there is found.
    assert_eq!(
        text(&feast, call, "message").await,
        "feature view stats left as it is"
    );
    let call = "SELECT * FROM feast_register('more', 'rides', features => ['seq'], \
                timestamp_field => 'created', online => true)";
    assert_eq!(
        text(&feast, call, "source_table").await,
        "datafusion.public.rides"
    );
    let create = text(&feast, "SHOW CREATE FEATURE VIEW more", "statement").await;
    assert!(
        create.contains("ENTITIES (driver_id)") && create.ends_with("\n  ONLINE"),
        "{create}"
    );
    for (call, message) in [
        (
            "feast_register('v', 'rides', ['drivr_id'])",
            "feature view v: drivr_id is neither an entity nor a column of datafusion.public.rides; \
             did you mean driver_id?",
        ),
        (
            "feast_register('v', 'rides', features => ['__row'])",
            "feature view v: feature __row of datafusion.public.rides is Time64(ns), which no Feast \
             type holds; cast the column, or leave it out",
        ),
        (
            "feast_register('v', 'rides', features => 'seq')",
            "feast_register: features expects a list of names such as ['a', 'b'], found seq",
        ),
        (
            "feast_register('v', 'ride')",
            "there is no table ride; datafusion.public has odd, rides",
        ),
    ] {
        let sql = format!("SELECT * FROM {call}");
        assert_eq!(error(&feast, &sql).await, message);
    }
}

/// Errors of definitions show where in the text they are.
#[tokio::test]
async fn errors_of_definitions_point_too() {
    let feast = session().await;
    run(
        &feast,
        &[
            DRIVER,
            "CREATE FEATURE VIEW trips FROM rides FEATURES (seq BIGINT) TIMESTAMP created",
        ],
    )
    .await;
    for (statement, message) in [
        (
            "CREATE FEATURE VIEW v\nFROM rides\n  TIMESTAMP trips",
            "line 3, column 13: feature view v: event time column trips of datafusion.public.rides \
             is INT32 (Int32); it must be a timestamp or a date\n    TIMESTAMP trips\n              ^",
        ),
        (
            "CREATE FEATURE VIEW v FROM ridez TIMESTAMP created",
            "line 1, column 28: there is no table ridez; datafusion.public has odd, rides\n  \
             CREATE FEATURE VIEW v FROM ridez TIMESTAMP created\n                             ^",
        ),
        (
            "CREATE FEATURE VIEW v ENTITIES (drivr) FROM rides TIMESTAMP created",
            "line 1, column 33: entity drivr does not exist; did you mean driver?\n  \
             CREATE FEATURE VIEW v ENTITIES (drivr) FROM rides TIMESTAMP created\n  \
                                             ^",
        ),
        (
            "CREATE FEATURE SERVICE trips AS (trips (sec))",
            "line 1, column 41: feature service trips: feature view trips has no feature sec; did \
             you mean seq?\n  CREATE FEATURE SERVICE trips AS (trips (sec))\n  \
                                                     ^",
        ),
    ] {
        let found = told(&feast, statement).await;
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(squeezed(&found), squeezed(message));
        // The caret is right under what it is about.
        let lines: Vec<&str> = found.lines().collect();
        let column = lines[2].find('^').unwrap();
        let subject = lines[1][column..].chars().take(3).collect::<String>();
        assert!(
            ["tri", "rid", "dri", "sec"].contains(&subject.as_str()),
            "{found}"
        );
    }
}
