// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Views that change after their table was made, and what is refused before anything is written.

use datafusion_feast::FeastContext;

use super::{OnlineLake, lines, refusal, rows, try_rows};

const SOURCE: &str = "CREATE TABLE lake.shop.s (k BIGINT, ts TIMESTAMP, a INT, b DOUBLE)";
const ROWS: &str = "INSERT INTO lake.shop.s VALUES (1, '2025-01-01T00:00:00', 10, 0.5), (2, '2025-01-01T00:00:00', 20, 1.5),
    (NULL, '2025-01-01T00:00:00', 30, 2.5), (3, NULL, 40, 3.5)";
const ENTITY: &str = "CREATE ENTITY k JOIN KEY (k BIGINT)";
const TABLES: &str =
    "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'feast_online'";

async fn lake(statements: &[&str]) -> (OnlineLake, FeastContext) {
    let lake = OnlineLake::new().await;
    let feast = lake.session().await;
    for statement in statements {
        rows(&feast, statement).await;
    }
    (lake, feast)
}

fn view(features: &str) -> String {
    format!(
        "CREATE OR REPLACE FEATURE VIEW s ENTITIES (k) FEATURES ({features}) FROM lake.shop.s TIMESTAMP ts"
    )
}

async fn snapshots(feast: &FeastContext) -> Vec<String> {
    let all = "SELECT snapshot_id FROM lake.feast_online.\"rides__s$snapshots\" ORDER BY 1";
    lines(feast, all).await
}

#[tokio::test]
async fn rows_without_key_or_time_are_skipped_and_counted() {
    let (_lake, feast) = lake(&[SOURCE, ROWS, ENTITY, &view("a INT")]).await;
    for mode in ["full", "incremental", "window"] {
        let window = match mode {
            "window" => {
                ", start => TIMESTAMP '2025-01-01T00:00:00', \"end\" => TIMESTAMP '2025-01-02T00:00:00'"
            }
            _ => "",
        };
        let done = format!(
            "SELECT rows_read, rows_written, rows_skipped, files > 0, bytes > 0 FROM feast_materialize('s', mode => '{mode}'{window})"
        );
        let expected = match mode {
            "full" => "4 2 2 true true",
            "incremental" => "0 0 0 false false",
            // A row without a time is in no window.
            _ => "3 2 1 true true",
        };
        assert_eq!(lines(&feast, &done).await, [expected], "{mode}");
    }
}

#[tokio::test]
async fn a_feature_that_goes_and_comes_back() {
    let (_lake, feast) = lake(&[SOURCE, ROWS, ENTITY, &view("a INT, b DOUBLE")]).await;
    rows(&feast, "MATERIALIZE FEATURE VIEW s").await;
    rows(&feast, &view("b DOUBLE")).await;
    let done = lines(&feast, "SELECT notice FROM feast_materialize('s')").await;
    assert_eq!(done, ["materialized in full: its definition has changed"]);
    let lookup = "SELECT * FROM feast_online_lookup(['s:*'], [1, 2], source => 'online')";
    assert_eq!(lines(&feast, lookup).await, ["1 0.5", "2 1.5"]);
    rows(&feast, &view("a INT, b DOUBLE")).await;
    rows(&feast, "MATERIALIZE FEATURE VIEW s").await;
    assert_eq!(lines(&feast, lookup).await, ["1 10 0.5", "2 20 1.5"]);
    let parity = "SELECT * FROM feast_verify_parity('s')";
    assert_eq!(lines(&feast, parity).await, [""; 0]);
}

#[tokio::test]
async fn a_feature_of_another_type_is_refused() {
    let (_lake, feast) = lake(&[SOURCE, ROWS, ENTITY, &view("a INT")]).await;
    rows(&feast, "MATERIALIZE FEATURE VIEW s").await;
    let before = snapshots(&feast).await;
    for statement in [
        "DROP TABLE lake.shop.s",
        "CREATE TABLE lake.shop.s (k BIGINT, ts TIMESTAMP, a VARCHAR)",
        "INSERT INTO lake.shop.s VALUES (1, '2025-01-02T00:00:00', 'x')",
        &view("a VARCHAR"),
    ] {
        rows(&feast, statement).await;
    }
    let error = refusal(&feast, "MATERIALIZE FEATURE VIEW s").await;
    assert!(
        error.contains("feature a of feature view s is Utf8"),
        "{error}"
    );
    assert_eq!(snapshots(&feast).await, before);
}

#[tokio::test]
async fn a_key_of_another_name_is_refused_before_anything_changes() {
    let (_lake, feast) = lake(&[SOURCE, ROWS, ENTITY, &view("a INT")]).await;
    rows(&feast, "MATERIALIZE FEATURE VIEW s").await;
    let before = snapshots(&feast).await;
    for statement in [
        "CREATE ENTITY driver JOIN KEY (driver BIGINT)",
        "CREATE OR REPLACE FEATURE VIEW s ENTITIES (driver) FEATURES (a INT) FROM lake.shop.s TIMESTAMP ts FIELD MAPPING (k AS driver)",
    ] {
        rows(&feast, statement).await;
    }
    let error = refusal(&feast, "MATERIALIZE FEATURE VIEW s FULL").await;
    assert!(
        error.contains("has the keys [k], feature view s has [driver]"),
        "{error}"
    );
    assert_eq!(snapshots(&feast).await, before);
    let columns = lines(
        &feast,
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'rides__s' AND column_name = 'driver'",
    )
    .await;
    assert_eq!(columns, [""; 0]);
}

#[tokio::test]
async fn illegal_keys_make_no_table() {
    for data_type in ["BOOLEAN", "DOUBLE", "REAL"] {
        let (_lake, feast) = lake(&[]).await;
        let mut refused = None;
        for statement in [
            &format!("CREATE TABLE lake.shop.s (k {data_type}, ts TIMESTAMP, a INT)"),
            &format!("CREATE ENTITY k JOIN KEY (k {data_type})"),
            &view("a INT"),
            "MATERIALIZE FEATURE VIEW s",
        ] {
            if let Err(error) = try_rows(&feast, statement).await {
                refused = Some(error);
                break;
            }
        }
        let error = refused.unwrap();
        assert!(error.contains("key"), "{data_type}: {error}");
        assert_eq!(lines(&feast, TABLES).await, ["0"], "{data_type}");
    }
}

#[tokio::test]
async fn a_source_that_lost_a_column_is_refused() {
    let (_lake, feast) = lake(&[SOURCE, ROWS, ENTITY, &view("a INT")]).await;
    for statement in [
        "DROP TABLE lake.shop.s",
        "CREATE TABLE lake.shop.s (k BIGINT, ts TIMESTAMP)",
    ] {
        rows(&feast, statement).await;
    }
    let error = refusal(&feast, "MATERIALIZE FEATURE VIEW s").await;
    assert!(error.contains("feature") && error.contains('a'), "{error}");
    assert_eq!(lines(&feast, TABLES).await, ["0"]);
}

#[tokio::test]
async fn pushes_that_do_not_fit_write_nothing() {
    let (_lake, feast) = lake(&[SOURCE, ROWS, ENTITY, &view("a INT")]).await;
    let row = |key: &str, time: &str, value: &str| {
        format!(
            "SELECT * FROM feast_write_online('s', (SELECT {key} AS k, {time} AS ts, {value} AS a))"
        )
    };
    let time = "TIMESTAMP '2025-01-01T00:00:00'";
    for (statement, why) in [
        (row("CAST(NULL AS BIGINT)", time, "1"), "NULL in k"),
        (
            row("1", "CAST(NULL AS TIMESTAMP)", "1"),
            "NULL in event_timestamp",
        ),
        (row("'x'", time, "1"), "column k is"),
        (row("1", time, "'x'"), "column a is"),
        (row("1", time, "CAST(3000000000 AS BIGINT)"), ""),
    ] {
        let error = refusal(&feast, &statement).await;
        assert!(error.contains(why), "{statement}\n  {error}");
    }
    assert_eq!(lines(&feast, TABLES).await, ["0"]);
}
