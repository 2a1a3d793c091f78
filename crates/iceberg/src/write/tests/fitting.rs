// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Rows that do not fit are errors that name the column, before anything is written.

use iceberg::spec::{
    FormatVersion, ListType, Literal, NestedField, PrimitiveLiteral, PrimitiveType as P, Type,
};

use super::lake::{Lake, Made, field};

async fn lake() -> Lake {
    let lake = Lake::new().await;
    let made = Made {
        fields: vec![
            NestedField::required(1, "id", Type::Primitive(P::Long)),
            field(2, "i", P::Int),
            field(3, "at", P::Timestamp),
            field(4, "atz", P::Timestamptz),
            field(
                5,
                "n",
                P::Decimal {
                    precision: 9,
                    scale: 2,
                },
            ),
            field(6, "f", P::Float),
            field(7, "s", P::String),
            field(8, "t", P::Time),
            NestedField::optional(
                9,
                "l",
                Type::List(ListType::new(
                    NestedField::list_element(10, Type::Primitive(P::Int), false).into(),
                )),
            ),
        ],
        ..Made::default()
    };
    lake.make(made).await;
    lake
}

#[tokio::test]
async fn values_that_would_change_are_errors() {
    let lake = lake().await;
    for (columns, source, expected) in [
        (
            "id, i",
            "VALUES (1, 1.5)",
            "column 'i': the value 1.5 of type Float64",
        ),
        (
            "id, i",
            "SELECT 1, value + 0.5 FROM generate_series(1, 1)",
            "column 'i': the value 1.5",
        ),
        ("id, i", "VALUES (1, 3000000000)", "3000000000"),
        (
            "id, i",
            "SELECT 1, CAST(3000000000 AS BIGINT)",
            "3000000000",
        ),
        (
            "id, i",
            "SELECT * FROM (VALUES (1, 1.5))",
            "the value 1.5 of type Float64",
        ),
        ("id, n", "VALUES (1, 1.234)", "column 'n': the value 1.234"),
        (
            "id, n",
            "SELECT 1, CAST(1.234 AS DECIMAL(9, 3))",
            "column 'n': the value 1.234",
        ),
        (
            "id, n",
            "VALUES (1, 123456789)",
            "too large to store in a Decimal128 of precision 9",
        ),
        ("id, f", "VALUES (1, 1e300)", "column 'f'"),
        (
            "id, at",
            "VALUES (1, TIMESTAMP '2024-01-01T00:00:00.123456789')",
            "column 'at': the value 2024-01-01T00:00:00.123456789",
        ),
        (
            "id, at",
            "VALUES (1, '2024-01-01T00:00:00.123456789')",
            "column 'at': the value",
        ),
        (
            "id, at",
            "SELECT 1, now()",
            "column 'at' of table 'shop.t' is of type Timestamp(µs)",
        ),
        (
            "id, at",
            "SELECT 1, to_timestamp(value) FROM generate_series(1, 1)",
            "the value is of type Timestamp(ns): cast it in the SELECT",
        ),
        (
            "id, atz",
            "SELECT 1, now()",
            "as in CAST(… AS TIMESTAMP(6))",
        ),
        ("id, l", "SELECT 1, [1.5]", "column 'l'"),
        (
            "i",
            "VALUES (1)",
            "column 'id' is required, and the statement gives it no value",
        ),
        (
            "id, i",
            "VALUES (NULL, 1)",
            "column 'id' is required, and a row of VALUES has NULL",
        ),
        (
            "id",
            "SELECT CASE WHEN value < 9 THEN value END FROM generate_series(1, 9)",
            "column 'id': the column is required, but 1 of",
        ),
        ("id, nope", "VALUES (1, 2)", "nope"),
        ("id, id", "VALUES (1, 2)", "id"),
        ("id", "VALUES (1, 2)", "1"),
    ] {
        let error = lake
            .error(&format!("INSERT INTO lake.shop.t ({columns}) {source}"))
            .await;
        assert!(error.contains(expected), "{source}: {error}");
    }
    assert!(lake.data_files("t").await.is_empty());
    let files = lake.files();
    assert!(
        files.iter().all(|file| file.ends_with(".metadata.json")),
        "{files:?}"
    );
}

#[tokio::test]
async fn what_is_meant_is_written() {
    let lake = lake().await;
    for (columns, source) in [
        ("id, i", "VALUES (1, 2.0)"),
        ("id, i", "VALUES (1, '7')"),
        ("id, n", "VALUES (1, 1.1)"),
        ("id, n, f", "VALUES (1, 0.1, 0.1)"),
        (
            "id, at, atz",
            "VALUES (1, TIMESTAMP '2024-01-01T00:00:00.123456', '2024-01-01T00:00:00+02:00')",
        ),
        ("id, at", "SELECT 1, TIMESTAMP '2024-01-01T00:00:00.123456'"),
        (
            "id, at",
            "SELECT 1, CAST(at AS TIMESTAMP(6)) FROM (SELECT TIMESTAMP '2024-01-01T00:00:00.123456789' AS at)",
        ),
        ("id, at", "SELECT 1, CAST(now() AS TIMESTAMP(6))"),
        (
            "id, t",
            "SELECT 1, arrow_cast('12:00:01', 'Time64(Microsecond)')",
        ),
        ("id, l", "SELECT 1, [1, NULL, 3]"),
        ("id, i", "SELECT 1, CAST(2.7 AS INT)"),
        ("s, id", "VALUES ('x', 1)"),
    ] {
        let counted = lake
            .rows(&format!("INSERT INTO lake.shop.t ({columns}) {source}"))
            .await;
        assert_eq!(counted, ["1"], "{source}");
    }
    let rows = lake
        .rows("SELECT s, i, n, at, atz, l FROM lake.shop.t WHERE id = 1 ORDER BY s, i, n, at, l")
        .await;
    assert_eq!(rows.len(), 12);
    assert!(
        rows.contains(&"2024-01-01T00:00:00.123456 2023-12-31T22:00:00Z".to_string())
            || rows.iter().any(|row| row.contains("2023-12-31T22:00:00Z")),
        "{rows:?}"
    );
}

#[tokio::test]
async fn nothing_to_insert_commits_nothing() {
    let lake = lake().await;
    let before = lake.files();
    let counted = lake
        .rows("INSERT INTO lake.shop.t (id) SELECT value FROM generate_series(1, 0)")
        .await;
    assert_eq!(counted, ["0"]);
    assert_eq!(lake.files(), before);
    lake.sql("EXPLAIN INSERT INTO lake.shop.t (id) VALUES (1)")
        .await;
    lake.sql("PREPARE p AS INSERT INTO lake.shop.t (id) VALUES (1)")
        .await;
    drop(
        lake.session
            .sql("INSERT INTO lake.shop.t (id) VALUES (1)")
            .await
            .unwrap(),
    );
    assert_eq!(lake.files(), before);
}

#[tokio::test]
async fn a_statement_reads_the_table_as_it_was() {
    let lake = lake().await;
    lake.sql("INSERT INTO lake.shop.t (id) VALUES (1), (2)")
        .await;
    for rows in [2, 4, 8] {
        let counted = lake
            .rows("INSERT INTO lake.shop.t SELECT * FROM lake.shop.t")
            .await;
        assert_eq!(counted, [rows.to_string()]);
    }
    assert_eq!(lake.rows("SELECT count(*) FROM lake.shop.t").await, ["16"]);
}

#[tokio::test]
async fn a_column_that_is_left_out_is_its_default() {
    let lake = Lake::new().await;
    let seven = Literal::Primitive(PrimitiveLiteral::Int(7));
    let made = Made {
        fields: vec![
            field(1, "id", P::Long),
            field(2, "i", P::Int).with_write_default(seven.clone()),
            NestedField::required(3, "r", Type::Primitive(P::Int)).with_write_default(seven),
        ],
        version: FormatVersion::V3,
        ..Made::default()
    };
    lake.make(made).await;
    lake.sql("INSERT INTO lake.shop.t (id) VALUES (1)").await;
    lake.sql("INSERT INTO lake.shop.t (id, i, r) VALUES (2, NULL, 8)")
        .await;
    let rows = lake.rows("SELECT * FROM lake.shop.t ORDER BY id").await;
    assert_eq!(rows, ["1 7 7", "2  8"]);
}

#[tokio::test]
async fn only_appends_to_the_present_are_done() {
    let lake = lake().await;
    let error = lake
        .error("INSERT OVERWRITE lake.shop.t (id) VALUES (1)")
        .await;
    assert!(
        error.contains("is not supported: only INSERT INTO appends rows"),
        "{error}"
    );
    let error = lake.error("REPLACE INTO lake.shop.t (id) VALUES (1)").await;
    assert!(
        error.contains("is not supported: only INSERT INTO appends rows"),
        "{error}"
    );
}

#[tokio::test]
async fn other_sessions_look_at_casts_as_they_run() {
    let lake = lake().await;
    let bare = datafusion::prelude::SessionContext::new();
    bare.register_catalog("lake", lake.session.catalog("lake").unwrap());
    let run = async |text: &str| bare.sql(text).await.unwrap().collect().await;
    run("INSERT INTO lake.shop.t (id, i) SELECT 1, value + 0.0 FROM generate_series(1, 3)")
        .await
        .unwrap();
    let error =
        run("INSERT INTO lake.shop.t (id, i) SELECT 1, value / 2.0 FROM generate_series(4, 5)")
            .await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("the value 2.5 of type Float64"), "{error}");
}
