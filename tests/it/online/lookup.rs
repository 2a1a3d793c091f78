// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Lookups: what they read, as EXPLAIN says it, and the calls from Rust.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use arrow::util::pretty::pretty_format_batches;
use chrono::{DateTime, Utc};
use datafusion_feast::{FeastContext, LookupSource, OnlineLookupRequest};

use super::{OnlineLake, lines, refusal, rows};

/// A view with three thousand drivers, the even numbers up to 6000, materialized into so many parts.
async fn drivers(lake: &OnlineLake, parts: usize) -> FeastContext {
    let feast = lake.session().await;
    for statement in [
        format!("SET feast.online.partition_count = {parts}"),
        "CREATE TABLE lake.shop.d AS SELECT value * 2 AS driver_id, CAST('2025-01-01T00:00:00' AS TIMESTAMP(6)) AS ts, value AS trips
         FROM generate_series(1, 3000)"
            .to_owned(),
        "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)".to_owned(),
        "CREATE FEATURE VIEW d ENTITIES (driver) FEATURES (trips BIGINT) FROM lake.shop.d TIMESTAMP ts".to_owned(),
        "MATERIALIZE FEATURE VIEW d".to_owned(),
    ] {
        rows(&feast, &statement).await;
    }
    feast
}

async fn plan(feast: &FeastContext, verb: &str, keys: &str) -> String {
    let sql = format!("{verb} SELECT * FROM feast_online_lookup(['d:trips'], {keys})");
    lines(feast, &sql).await.join("\n")
}

fn keys(values: impl IntoIterator<Item = Option<i64>>) -> RecordBatch {
    let values: ArrayRef = Arc::new(values.into_iter().collect::<Int64Array>());
    RecordBatch::try_from_iter([("driver_id", values)]).unwrap()
}

fn trips(found: &RecordBatch) -> Vec<Option<i64>> {
    let trips = found.column_by_name("trips").unwrap();
    trips.as_primitive::<Int64Type>().iter().collect()
}

#[tokio::test]
async fn one_key_of_many_parts_opens_one_file() {
    let lake = OnlineLake::new().await;
    let feast = drivers(&lake, 256).await;
    let snapshot = lines(
        &feast,
        "SELECT snapshot_id FROM lake.feast_online.\"rides__d$snapshots\"",
    )
    .await;
    let explained = plan(&feast, "EXPLAIN", "[1000]").await;
    let table = format!(
        "[d: source=online, table=lake.feast_online.rides__d, snapshot={}, parts=1/256, files=1/",
        snapshot[0]
    );
    assert!(explained.contains(&table), "{explained}");
    assert!(
        explained.contains(" pruned by partition), manifests=1/1]"),
        "{explained}"
    );
    let analyzed = plan(&feast, "EXPLAIN ANALYZE", "[1000]").await;
    let found = "manifests=1/1, row groups=1/1, pages=1/1, rows=1]";
    assert!(analyzed.contains(found), "{analyzed}");
    assert!(analyzed.contains("files=1/"), "{analyzed}");
    let offline = plan(&feast, "EXPLAIN", "[1000], source => 'offline'").await;
    assert!(offline.contains("[d: source=offline]"), "{offline}");
    let asked = plan(&feast, "EXPLAIN", "(SELECT 1000 AS driver_id)").await;
    assert!(
        asked.contains(&format!("snapshot={}]", snapshot[0])),
        "{asked}"
    );
}

#[tokio::test]
async fn an_unknown_key_within_the_bounds_is_excluded_by_the_bloom_filter() {
    let lake = OnlineLake::new().await;
    let feast = drivers(&lake, 1).await;
    let mut excluded = 0;
    for key in [501, 777, 1001, 1555] {
        let explained = plan(&feast, "EXPLAIN", &format!("[{key}]")).await;
        assert!(
            explained.contains("files=1/1, manifests=1/1]"),
            "{explained}"
        );
        let analyzed = plan(&feast, "EXPLAIN ANALYZE", &format!("[{key}]")).await;
        assert!(analyzed.contains("rows=0]"), "{analyzed}");
        let by_bloom = "row groups=0/1 (1 pruned by bloom filter), pages=0/0";
        excluded += usize::from(analyzed.contains(by_bloom));
    }
    assert!(
        excluded >= 3,
        "one in a hundred is not excluded: {excluded} of 4"
    );
    // Of several pages one has the key.
    let known = plan(&feast, "EXPLAIN ANALYZE", "[1900]").await;
    assert!(known.contains("row groups=1/1, pages=1/"), "{known}");
    assert!(!known.contains("pages=1/1,"), "{known}");
    assert!(known.contains("rows=1]"), "{known}");
    let below = plan(&feast, "EXPLAIN", "[0]").await;
    assert!(below.contains("files=0/1 (1 pruned by bounds)"), "{below}");
}

#[tokio::test]
async fn after_a_deletion_only_the_parts_asked_for_are_read() {
    let lake = OnlineLake::new().await;
    let feast = drivers(&lake, 64).await;
    let delete = "SELECT * FROM feast_delete_online('d', (SELECT 500 AS driver_id))";
    rows(&feast, delete).await;
    let analyzed = plan(&feast, "EXPLAIN ANALYZE", "[500]").await;
    assert!(
        analyzed.contains("files=2/65 (63 pruned by partition)"),
        "{analyzed}"
    );
    assert!(analyzed.contains("manifests=2/2"), "{analyzed}");
    let looked_up = "SELECT * FROM feast_online_lookup(['d:trips'], [500, 502], status => true)";
    let found = lines(&feast, looked_up).await;
    assert_eq!(found, ["500  NOT_FOUND", "502 251 PRESENT"]);
}

#[tokio::test]
async fn calls_from_rust_answer_as_sql_does() {
    let lake = OnlineLake::new().await;
    let feast = drivers(&lake, 16).await;
    let request = OnlineLookupRequest::features(["d:trips"])
        .with_status()
        .with_timestamps();
    let prepared = feast.prepare_online_lookup(&request).await.unwrap();
    let asked = [Some(4), None, Some(3), Some(4), Some(2000), Some(-8)];
    let sql = "SELECT * FROM feast_online_lookup(['d:trips'], [4, NULL, 3, 4, 2000, -8], status => true, timestamps => true)";
    let expected = pretty_format_batches(&rows(&feast, sql).await)
        .unwrap()
        .to_string();
    for found in [
        feast.online_lookup(&keys(asked), &request).await.unwrap(),
        prepared.lookup(&keys(asked)).await.unwrap(),
        prepared.lookup(&keys(asked)).await.unwrap(),
    ] {
        let shown = pretty_format_batches(std::slice::from_ref(&found)).unwrap();
        assert_eq!(shown.to_string(), expected);
    }
    let many = keys((0..2100).map(Some));
    let expected: Vec<Option<i64>> = (0..2100)
        .map(|key| (key % 2 == 0 && (2..=6000).contains(&key)).then_some(key / 2))
        .collect();
    assert_eq!(trips(&prepared.lookup(&many).await.unwrap()), expected);
    let none = prepared.lookup(&keys([])).await.unwrap();
    assert_eq!((none.num_rows(), none.num_columns()), (0, 4));
    let offline = request.clone().with_source(LookupSource::Offline);
    let found = feast.online_lookup(&many, &offline).await.unwrap();
    assert_eq!(trips(&found), expected);
    let other: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
    let other = RecordBatch::try_from_iter([("driver_id", other)]).unwrap();
    let error = prepared.lookup(&other).await.unwrap_err().to_string();
    assert!(error.contains("key column driver_id is Utf8"), "{error}");
}

#[tokio::test]
async fn a_prepared_lookup_sees_commits_and_changed_definitions() {
    let lake = OnlineLake::new().await;
    let feast = drivers(&lake, 4).await;
    let other = lake.session().await;
    let request = OnlineLookupRequest::features(["d:*"]);
    let prepared = feast.prepare_online_lookup(&request).await.unwrap();
    assert_eq!(
        trips(&prepared.lookup(&keys([Some(2)])).await.unwrap()),
        [Some(1)]
    );
    let push = "SELECT * FROM feast_write_online('d', (SELECT 2 AS driver_id, TIMESTAMP '2025-06-01T00:00:00' AS ts, 77 AS trips))";
    rows(&other, push).await;
    assert_eq!(
        trips(&prepared.lookup(&keys([Some(2)])).await.unwrap()),
        [Some(77)]
    );
    let delete = "SELECT * FROM feast_delete_online('d', (SELECT 2 AS driver_id))";
    rows(&other, delete).await;
    assert_eq!(
        trips(&prepared.lookup(&keys([Some(2)])).await.unwrap()),
        [None]
    );
    let renamed = "CREATE OR REPLACE FEATURE VIEW d ENTITIES (driver) FROM lake.shop.d TIMESTAMP ts FIELD MAPPING (trips AS rides)";
    rows(&other, renamed).await;
    let found = prepared.lookup(&keys([Some(4)])).await.unwrap();
    assert_eq!(found.schema().field(1).name(), "rides");
    rows(&other, "DROP FEATURE VIEW d").await;
    let error = prepared
        .lookup(&keys([Some(4)]))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains('d'), "{error}");
}

#[tokio::test]
async fn a_prepared_lookup_of_a_source_sees_what_is_added_and_goes_online_with_the_view() {
    let lake = OnlineLake::new().await;
    let feast = lake.session().await;
    for statement in [
        "CREATE TABLE lake.shop.s (driver_id BIGINT, ts TIMESTAMP, trips BIGINT)",
        "INSERT INTO lake.shop.s VALUES (1, '2025-01-01T00:00:00', 10)",
        "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)",
        "CREATE FEATURE VIEW s ENTITIES (driver) FEATURES (trips BIGINT) FROM lake.shop.s TIMESTAMP ts",
    ] {
        rows(&feast, statement).await;
    }
    let request = OnlineLookupRequest::features(["s:trips"]);
    let prepared = feast.prepare_online_lookup(&request).await.unwrap();
    let online = request.clone().with_source(LookupSource::Online);
    let error = feast
        .online_lookup(&keys([Some(1)]), &online)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("nothing was written online"),
        "{error}"
    );
    for (insert, expected) in [
        ("(1, '2025-01-02T00:00:00', 11)", 11),
        ("(1, '2025-01-03T00:00:00', 12)", 12),
    ] {
        rows(&feast, &format!("INSERT INTO lake.shop.s VALUES {insert}")).await;
        assert_eq!(
            trips(&prepared.lookup(&keys([Some(1)])).await.unwrap()),
            [Some(expected)]
        );
    }
    rows(&feast, "MATERIALIZE FEATURE VIEW s").await;
    rows(
        &feast,
        "INSERT INTO lake.shop.s VALUES (1, '2025-01-04T00:00:00', 13)",
    )
    .await;
    for _ in 0..2 {
        assert_eq!(
            trips(&prepared.lookup(&keys([Some(1)])).await.unwrap()),
            [Some(12)]
        );
    }
    let then: DateTime<Utc> = "2025-01-02T12:00:00Z".parse().unwrap();
    let offline = request.with_source(LookupSource::Offline).with_as_of(then);
    let found = feast
        .online_lookup(&keys([Some(1)]), &offline)
        .await
        .unwrap();
    assert_eq!(trips(&found), [Some(11)]);
}

/// Of a wide view only what is asked for is read, but rows with the same times are told apart by all of it.
#[tokio::test]
async fn rows_that_tie_are_decided_by_columns_that_were_not_asked_for() {
    let lake = OnlineLake::new().await;
    let feast = lake.session().await;
    let names: Vec<String> = (0..24).map(|at| format!("f{at}")).collect();
    let columns: Vec<String> = names.iter().map(|name| format!("{name} BIGINT")).collect();
    let row = |first: i64, last: i64| {
        let middle = vec!["0"; 22].join(", ");
        format!("VALUES (1, TIMESTAMP '2025-01-01T00:00:00', {first}, {middle}, {last})")
    };
    let named = |row: String| {
        let all = names.join(", ");
        format!("SELECT * FROM feast_write_online('w', (SELECT * FROM ({row}) AS t(k, ts, {all})))")
    };
    for statement in [
        format!(
            "CREATE TABLE lake.shop.w (k BIGINT, ts TIMESTAMP, {})",
            columns.join(", ")
        ),
        "CREATE ENTITY k JOIN KEY (k BIGINT)".to_owned(),
        "CREATE FEATURE VIEW w ENTITIES (k) FROM lake.shop.w TIMESTAMP ts".to_owned(),
        named(row(1, 5)),
    ] {
        rows(&feast, &statement).await;
    }
    let lookup = "SELECT * FROM feast_online_lookup(['w:f23'], [1])";
    assert_eq!(lines(&feast, lookup).await, ["1 5"]);
    rows(&feast, &named(row(2, 3))).await;
    assert_eq!(lines(&feast, lookup).await, ["1 3"]);
    rows(&feast, &named(row(1, 9))).await;
    assert_eq!(lines(&feast, lookup).await, ["1 3"]);
    assert_eq!(
        lines(
            &feast,
            "SELECT * FROM feast_online_lookup(['w:f23', 'w:f0'], [1, 2])"
        )
        .await,
        ["1 3 2", "2  "]
    );
}

#[tokio::test]
async fn keys_of_several_columns_and_views_mix_in_one_lookup() {
    let lake = OnlineLake::new().await;
    let feast = lake.session().await;
    for statement in [
        "SET feast.online.partition_count = 2",
        "CREATE TABLE lake.shop.p (a BIGINT, b VARCHAR, ts TIMESTAMP, v BIGINT)",
        "INSERT INTO lake.shop.p VALUES (1, 'x', '2025-01-01T00:00:00', 11), (1, 'y', '2025-01-01T00:00:00', 12),
           (2, 'x', '2025-01-01T00:00:00', 21), (2, 'y', '2025-01-01T00:00:00', 22)",
        "CREATE TABLE lake.shop.g (ts TIMESTAMP, total BIGINT)",
        "INSERT INTO lake.shop.g VALUES ('2025-01-01T00:00:00', 5), ('2025-01-02T00:00:00', 6)",
        "CREATE TABLE lake.shop.n (name VARCHAR, ts TIMESTAMP, age BIGINT)",
        "INSERT INTO lake.shop.n VALUES ('x', '2025-01-01T00:00:00', 40)",
        "CREATE ENTITY a JOIN KEY (a BIGINT)",
        "CREATE ENTITY b JOIN KEY (b VARCHAR)",
        "CREATE ENTITY name JOIN KEY (name VARCHAR)",
        "CREATE FEATURE VIEW p ENTITIES (a, b) FEATURES (v BIGINT) FROM lake.shop.p TIMESTAMP ts",
        "CREATE FEATURE VIEW g FEATURES (total BIGINT) FROM lake.shop.g TIMESTAMP ts",
        "CREATE FEATURE VIEW n ENTITIES (name) FEATURES (age BIGINT) FROM lake.shop.n TIMESTAMP ts",
        "CREATE FEATURE SERVICE s AS (p, g, n AS of_b ON (name = b))",
        "MATERIALIZE FEATURE SERVICE s",
    ] {
        rows(&feast, statement).await;
    }
    // Parts of two keys make a third one, which nobody asked for.
    rows(
        &feast,
        "SELECT * FROM feast_delete_online('p', (SELECT 2 AS a, 'x' AS b))",
    )
    .await;
    let lookup = "SELECT * FROM feast_online_lookup('s', [{'a': 2, 'b': 'y'}, {'a': 1, 'b': 'x'}, {'a': 2, 'b': 'x'},
        {'a': CAST(NULL AS BIGINT), 'b': 'x'}, {'a': 2, 'b': 'y'}])";
    assert_eq!(
        lines(&feast, lookup).await,
        [
            "2 y 22 6 ",
            "1 x 11 6 40",
            "2 x  6 40",
            " x  6 40",
            "2 y 22 6 "
        ]
    );
    rows(
        &feast,
        "SELECT * FROM feast_delete_online('n', (SELECT 'x' AS name))",
    )
    .await;
    assert_eq!(lines(&feast, lookup).await[1], "1 x 11 6 ");
    let slow = "SELECT * FROM feast_online_lookup('s', (SELECT 1 AS k))";
    let error = refusal(&feast, slow).await;
    assert!(error.contains("the keys have no column"), "{error}");
}
