// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Features whose types become wider after their table was made: what was written keeps its values.

use arrow::datatypes::DataType;
use datafusion_feast::FeastContext;
use feast_iceberg::append::update_columns;
use iceberg::{Catalog, NamespaceIdent, TableIdent};

use super::{OnlineLake, lines, refusal, rows};

const ONLINE: &str = "SELECT * FROM feast_online_lookup(['s:*'], [1, 2, 3], source => 'online')";
const NARROW: &str = "a INT, f REAL, d DECIMAL(5, 2)";
const WIDE: &str = "a BIGINT, f DOUBLE, d DECIMAL(12, 2)";
const OLD: [&str; 2] = ["1 10 0.1 1.25", "2 -20 NULL NULL"];

fn view(features: &str) -> String {
    format!(
        "CREATE OR REPLACE FEATURE VIEW s ENTITIES (k) FEATURES ({features}) FROM lake.shop.s TIMESTAMP ts"
    )
}

fn ident(namespace: &str, name: &str) -> TableIdent {
    TableIdent::new(NamespaceIdent::new(namespace.to_owned()), name.to_owned())
}

async fn lake(features: &str, source: &str, values: &str) -> (OnlineLake, FeastContext) {
    let lake = OnlineLake::new().await;
    let feast = lake.session().await;
    for statement in [
        format!("CREATE TABLE lake.shop.s (k BIGINT, ts TIMESTAMP, {source})"),
        format!("INSERT INTO lake.shop.s {values}"),
        "CREATE ENTITY k JOIN KEY (k BIGINT)".to_owned(),
        view(features),
        "MATERIALIZE FEATURE VIEW s".to_owned(),
    ] {
        rows(&feast, &statement).await;
    }
    (lake, feast)
}

/// A view over three types that can be widened, materialized; then its source and its definition are
/// wider.
async fn widened() -> (OnlineLake, FeastContext) {
    let values = "VALUES (1, '2025-01-01T00:00:00', 10, CAST(0.1 AS REAL), 1.25), (2, '2025-01-01T00:00:00', -20, NULL, NULL)";
    let (lake, feast) = lake(NARROW, NARROW, values).await;
    widen_source(&lake).await;
    rows(&feast, &view(WIDE)).await;
    (lake, feast)
}

async fn widen_source(lake: &OnlineLake) {
    let to = [
        ("a".to_owned(), DataType::Int64),
        ("f".to_owned(), DataType::Float64),
        ("d".to_owned(), DataType::Decimal128(12, 2)),
    ];
    let catalog = lake.catalog().await;
    let source = ident("shop", "s");
    update_columns(&catalog, &source, &to).await.unwrap();
}

/// How many schemas and snapshots the online table has had.
async fn versions(lake: &OnlineLake) -> (usize, usize) {
    let table = lake.catalog().await;
    let table = table.load_table(&ident("feast_online", "rides__s")).await;
    let table = table.unwrap();
    let metadata = table.metadata();
    (
        metadata.schemas_iter().count(),
        metadata.snapshots().count(),
    )
}

/// The answers with the float as the one it was written from.
async fn found(feast: &FeastContext, query: &str) -> Vec<String> {
    let query = format!(
        "SELECT k, coalesce(CAST(a AS VARCHAR), 'NULL'), coalesce(CAST(CAST(f AS REAL) AS VARCHAR), 'NULL'),
            coalesce(CAST(d AS VARCHAR), 'NULL') FROM ({query}) ORDER BY k"
    );
    lines(feast, &query).await
}

async fn types(feast: &FeastContext, query: &str) -> Vec<String> {
    let of =
        format!("SELECT arrow_typeof(a), arrow_typeof(f), arrow_typeof(d) FROM ({query}) LIMIT 1");
    lines(feast, &of).await
}

const NOTHING: &str = "3 NULL NULL NULL";
const WIDE_TYPES: &str = "Int64 Float64 Decimal128(12, 2)";

#[tokio::test]
async fn old_rows_are_read_in_the_wider_type_before_and_after_the_table_is_widened() {
    let (lake, feast) = widened().await;
    // Nobody has written since: the table is narrower than the view.
    assert_eq!(found(&feast, ONLINE).await, [OLD[0], OLD[1], NOTHING]);
    assert_eq!(types(&feast, ONLINE).await, [WIDE_TYPES]);
    assert_eq!(versions(&lake).await, (1, 1));
    assert_eq!(
        lines(&feast, "SELECT * FROM feast_verify_parity('s')").await,
        [""; 0]
    );

    // A push widens all three in one commit; the rows of the older file are not rewritten.
    let push = "SELECT * FROM feast_write_online('s', (SELECT 3 AS k, TIMESTAMP '2025-01-01T00:00:00' AS ts,
        5000000000 AS a, CAST(1e300 AS DOUBLE) AS f, CAST(1234567890.12 AS DECIMAL(12, 2)) AS d))";
    rows(&feast, push).await;
    assert_eq!(versions(&lake).await, (2, 2));
    let pushed = "3 5000000000 inf 1234567890.12";
    assert_eq!(found(&feast, ONLINE).await, [OLD[0], OLD[1], pushed]);
    assert_eq!(types(&feast, ONLINE).await, [WIDE_TYPES]);
    let offline = ONLINE.replace("'online'", "'offline'");
    assert_eq!(found(&feast, &offline).await, [OLD[0], OLD[1], NOTHING]);
    let differing = "SELECT k FROM feast_verify_parity('s')";
    assert_eq!(lines(&feast, differing).await, ["3"]);
    rows(&feast, push).await;
    assert_eq!(versions(&lake).await, (2, 2));

    // Any engine reads all rows of the table.
    let all = "SELECT sum(a), count(f), max(d) FROM lake.feast_online.rides__s";
    assert_eq!(lines(&feast, all).await, ["4999999990 2 1234567890.12"]);
}

#[tokio::test]
async fn a_materialization_widens_once() {
    let (lake, feast) = widened().await;
    let more =
        "INSERT INTO lake.shop.s VALUES (1, '2025-01-02T00:00:00', 6000000000, 2.5, 9999999999.99)";
    rows(&feast, more).await;
    let notice = lines(&feast, "SELECT notice FROM feast_materialize('s')").await;
    assert_eq!(notice, ["materialized in full: its definition has changed"]);
    assert_eq!(versions(&lake).await, (2, 2));
    let wanted = ["1 6000000000 2.5 9999999999.99", OLD[1], NOTHING];
    for session in [feast, lake.session().await] {
        assert_eq!(found(&session, ONLINE).await, wanted);
        let parity = "SELECT * FROM feast_verify_parity('s')";
        assert_eq!(lines(&session, parity).await, [""; 0]);
        rows(&session, "MATERIALIZE FEATURE VIEW s").await;
        rows(&session, "MATERIALIZE FEATURE VIEW s FULL").await;
        assert_eq!(versions(&lake).await, (2, 2));
    }
}

#[tokio::test]
async fn ties_are_broken_by_the_wider_values() {
    let values = "VALUES (1, '2025-01-01T00:00:00', 10), (1, '2025-01-01T00:00:00', 30), (1, '2025-01-01T00:00:00', 20)";
    let (lake, feast) = lake("a INT", "a INT", values).await;
    let to = [("a".to_owned(), DataType::Int64)];
    update_columns(&lake.catalog().await, &ident("shop", "s"), &to)
        .await
        .unwrap();
    rows(&feast, &view("a BIGINT")).await;
    for (value, winner) in [(25_i64, 30_i64), (5_000_000_000, 5_000_000_000)] {
        let push = format!(
            "SELECT * FROM feast_write_online('s', (SELECT 1 AS k, TIMESTAMP '2025-01-01T00:00:00' AS ts, CAST({value} AS BIGINT) AS a))"
        );
        rows(&feast, &push).await;
        let found = lines(&feast, &ONLINE.replace(", 2, 3", "")).await;
        assert_eq!(found, [format!("1 {winner}")]);
    }
}

#[tokio::test]
async fn nested_values_are_widened_too() {
    let values = "SELECT 1, TIMESTAMP '2025-01-01T00:00:00', [arrow_cast(1, 'Int32'), NULL]";
    let (lake, feast) = lake("v INT[]", "v INT[]", values).await;
    for statement in [
        "DROP TABLE lake.shop.s",
        "CREATE TABLE lake.shop.s (k BIGINT, ts TIMESTAMP, v BIGINT[])",
        &view("v BIGINT[]"),
        "INSERT INTO lake.shop.s SELECT 2, TIMESTAMP '2025-01-01T00:00:00', [5000000000]",
        "SELECT * FROM feast_write_online('s', (SELECT k, ts, v FROM lake.shop.s))",
    ] {
        rows(&feast, statement).await;
    }
    assert_eq!(versions(&lake).await, (2, 2));
    let constant = "SELECT * FROM feast_write_online('s', (SELECT 3 AS k, TIMESTAMP '2025-01-02T00:00:00' AS ts, [7, NULL] AS v))";
    rows(&feast, constant).await;
    let of = "SELECT k, v[1], v[2] IS NULL, arrow_typeof(v[1]) FROM feast_online_lookup(['s:*'], [1, 2, 3], source => 'online') ORDER BY k";
    let wanted = [
        "1 1 true Int64",
        "2 5000000000 true Int64",
        "3 7 true Int64",
    ];
    assert_eq!(lines(&feast, of).await, wanted);
}

#[tokio::test]
async fn other_changes_of_a_type_are_refused_and_change_nothing() {
    for (from, to, old, new) in [
        ("INT", "VARCHAR", "Int32", "Utf8"),
        ("BIGINT", "INT", "Int64", "Int32"),
        ("DOUBLE", "REAL", "Float64", "Float32"),
        ("INT", "DOUBLE", "Int32", "Float64"),
        (
            "DECIMAL(5, 2)",
            "DECIMAL(4, 2)",
            "Decimal128(5, 2)",
            "Decimal128(4, 2)",
        ),
        (
            "DECIMAL(5, 2)",
            "DECIMAL(9, 3)",
            "Decimal128(5, 2)",
            "Decimal128(9, 3)",
        ),
    ] {
        let values = "VALUES (1, '2025-01-01T00:00:00', 10)";
        let features = format!("a {from}");
        let (lake, feast) = lake(&features, &features, values).await;
        let before = versions(&lake).await;
        for statement in [
            "DROP TABLE lake.shop.s".to_owned(),
            format!("CREATE TABLE lake.shop.s (k BIGINT, ts TIMESTAMP, a {to}, late INT)"),
            "INSERT INTO lake.shop.s (k, ts) VALUES (1, '2025-01-02T00:00:00')".to_owned(),
            view(&format!("late INT, a {to}")),
        ] {
            rows(&feast, &statement).await;
        }
        let said = format!(
            "feature a of feature view s is {new}, column a of online table lake.feast_online.rides__s is {old}"
        );
        for statement in ["MATERIALIZE FEATURE VIEW s", ONLINE] {
            let error = refusal(&feast, statement).await;
            assert!(error.contains(&said), "{error}");
            assert!(error.contains("drop the online table"), "{error}");
        }
        assert_eq!(versions(&lake).await, before, "{from} to {to}");
    }
}

#[tokio::test]
async fn a_key_is_never_widened() {
    let lake = OnlineLake::new().await;
    let feast = lake.session().await;
    for statement in [
        "CREATE TABLE lake.shop.s (k INT, ts TIMESTAMP, a INT)",
        "INSERT INTO lake.shop.s VALUES (1, '2025-01-01T00:00:00', 10)",
        "CREATE ENTITY k JOIN KEY (k INT)",
        &view("a INT"),
        "MATERIALIZE FEATURE VIEW s",
        "DROP TABLE lake.shop.s",
        "CREATE TABLE lake.shop.s (k BIGINT, ts TIMESTAMP, a INT)",
        "CREATE OR REPLACE ENTITY k JOIN KEY (k BIGINT)",
        &view("a INT"),
    ] {
        rows(&feast, statement).await;
    }
    let before = versions(&lake).await;
    let error = refusal(&feast, "MATERIALIZE FEATURE VIEW s").await;
    let said = "key k of feature view s is Int64, column k of online table lake.feast_online.rides__s is Int32 (a key's type never changes)";
    assert!(error.contains(said), "{error}");
    assert_eq!(versions(&lake).await, before);
}
