// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What may be answered or left out by what manifests say.

use super::*;
use crate::iceberg::made::replace;

const AGGREGATES: [&str; 3] = [
    "SELECT count(*), count(id), min(id), max(id) FROM $t",
    "SELECT min(name), max(name) FROM $t",
    "SELECT count(*), max(id) FROM $t WHERE id < 3",
];

#[tokio::test(flavor = "multi_thread")]
async fn aggregates_know_of_deletes() {
    let mut clean = people(2);
    append(&mut clean, rows(0..4));
    append(&mut clean, rows(4..6));
    check(&clean, 6, &AGGREGATES).await;
    let mut positions = clean.clone();
    let path = positions.current().unwrap().data[0].path.clone();
    // The greatest of all, twice; nothing says how many rows this leaves.
    delete_positions(&mut positions, vec![(path.clone(), 1), (path, 1)]);
    check(&positions, 5, &AGGREGATES).await;
    let mut equal = clean.clone();
    delete_equal(
        &mut equal,
        &[1],
        vec![vec![int(0)], vec![int(5)], vec![int(99)]],
    );
    check(&equal, 4, &AGGREGATES).await;
    let mut vectors = clean;
    vectors.upgrade(3);
    let file = Arc::clone(&vectors.current().unwrap().data[0]);
    delete_vector(&mut vectors, &file, &[1]);
    check(&vectors, 5, &AGGREGATES).await;
}

fn floats(values: &[&[f64]]) -> TableMaker {
    let schema = Schema {
        id: 0,
        fields: vec![Field::optional(1, "x", Type::Double)],
    };
    let mut table = TableMaker::new("s3://bucket/nan", 2, schema, unpartitioned());
    for file in values {
        append(
            &mut table,
            file.iter().map(|x| vec![Datum::Double(*x)]).collect(),
        );
    }
    table
}

/// Bounds leave NaN out, which DataFusion takes for the greatest.
#[tokio::test(flavor = "multi_thread")]
async fn bounds_know_nothing_of_nan() {
    let table = floats(&[&[1.0, f64::NAN], &[2.0, 2.0], &[f64::NAN], &[-0.0], &[0.0]]);
    let queries = [
        "SELECT x FROM $t WHERE x > 5",
        "SELECT x FROM $t WHERE x = 2",
        "SELECT max(x), min(x) FROM $t",
        "SELECT x FROM $t ORDER BY x DESC LIMIT 1",
        "SELECT x FROM $t WHERE x <> 1",
        "SELECT count(*) FROM $t WHERE x = 0.0",
        "SELECT count(*) FROM $t WHERE x < 0.0",
    ];
    check(&table, 7, &queries).await;
}

/// Casts that do not keep the order of values, patterns with an escape, and the least integer:
/// DataFusion's pruning of row groups and pages takes their bounds for those of the result.
#[tokio::test(flavor = "multi_thread")]
async fn bounds_do_not_decide_what_changes_the_order() {
    let schema = Schema {
        id: 0,
        fields: vec![
            Field::optional(1, "at", Type::Timestamp),
            Field::optional(2, "name", Type::Text),
            Field::optional(3, "id", Type::Long),
            Field::optional(4, "price", Type::Decimal(9, 2)),
        ],
    };
    let mut table = TableMaker::new("s3://bucket/order", 2, schema, unpartitioned());
    let (hour, day) = (3_600_000_000, 86_400_000_000);
    let row = |at, name, id, price| vec![int(at), text(name), int(id), Datum::Decimal(price)];
    let rows = vec![
        row(8 * hour, "a_b", i64::MIN + 1, 149),
        row(day + 6 * hour, "a%", 0, 150),
        row(2 * day + 7 * hour, "a\\b", 7, 249),
    ];
    append(&mut table, rows);
    let queries = [
        "SELECT id FROM $t WHERE CAST(at AS TIME) = TIME '06:00:00'",
        "SELECT id FROM $t WHERE CAST(at AS TIME) < TIME '07:00:00'",
        "SELECT id FROM $t WHERE CAST(id AS VARCHAR) = '0'",
        "SELECT id FROM $t WHERE CAST(price AS INT) = 2",
        "SELECT id FROM $t WHERE CAST(price AS DECIMAL(9, 1)) = 1.5",
        "SELECT id FROM $t WHERE name LIKE 'a\\%'",
        "SELECT id FROM $t WHERE name LIKE 'a\\_b'",
        "SELECT id FROM $t WHERE name NOT LIKE 'a\\%'",
        "SELECT id FROM $t WHERE -id > 5",
        "SELECT id FROM $t WHERE abs(id + 1) = 8",
    ];
    check(&table, 3, &queries).await;
}

/// DataFusion looks for decimals in bloom filters in another form than writers put them in.
#[tokio::test(flavor = "multi_thread")]
async fn bloom_filters_lose_no_decimal() {
    let schema = Schema {
        id: 0,
        fields: vec![
            Field::optional(1, "narrow", Type::Decimal(9, 2)),
            Field::optional(2, "middle", Type::Decimal(18, 4)),
            Field::optional(3, "wide", Type::Decimal(25, 4)),
        ],
    };
    let mut table = TableMaker::new("s3://bucket/bloom", 2, schema, unpartitioned());
    let rows = [128, -1, 0, 99_999].map(|unscaled| vec![Datum::Decimal(unscaled); 3]);
    let mut new = new_data(&table, rows.to_vec());
    new.layout.bloom_filters = true;
    append_file(&mut table, &new);
    let queries = [
        "SELECT * FROM $t WHERE narrow = 1.28",
        "SELECT * FROM $t WHERE middle = 0.0128 AND narrow < 2",
        "SELECT * FROM $t WHERE wide = 0.0128",
        "SELECT * FROM $t WHERE wide IN (-0.0001, 9.9999)",
        "SELECT * FROM $t AS a JOIN (SELECT max(wide) AS wide FROM $t) AS b ON a.wide = b.wide",
    ];
    check(&table, 4, &queries).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bounds_of_cut_text_are_wider() {
    let mut table = people(2);
    let words = [
        "aaaa",
        "aab",
        "b",
        "\u{10ffff}\u{10ffff}",
        "\u{d7ff}z",
        "aa",
    ];
    for (id, word) in words.into_iter().enumerate() {
        let new = NewData {
            metrics: MetricsMode::Truncated(2),
            ..new_data(&table, vec![vec![int(id as i64), text(word)]])
        };
        append_file(&mut table, &new);
    }
    let queries: Vec<String> = words
        .iter()
        .flat_map(|word| {
            ["=", "<", ">", "<=", ">="]
                .map(|operator| format!("SELECT id FROM $t WHERE name {operator} '{word}'"))
        })
        .chain(["SELECT min(name), max(name) FROM $t".to_owned()])
        .chain(["SELECT id FROM $t WHERE name LIKE 'aa%'".to_owned()])
        .collect();
    let queries: Vec<&str> = queries.iter().map(String::as_str).collect();
    check(&table, words.len(), &queries).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_may_be_said_of_a_file() {
    for metrics in [
        MetricsMode::None,
        MetricsMode::Counts,
        MetricsMode::BoundsOnly,
    ] {
        let mut table = people(2);
        for ids in [0..3, 3..6] {
            let mut written = rows(ids);
            written.push(vec![Datum::Null, Datum::Null]);
            let new = NewData {
                metrics,
                ..new_data(&table, written)
            };
            append_file(&mut table, &new);
        }
        let queries = [
            "SELECT name FROM $t WHERE id = 4",
            "SELECT count(*) FROM $t WHERE id IS NULL",
            "SELECT count(*) FROM $t WHERE id IS NOT NULL AND name > 'n2'",
            "SELECT min(id), max(name), count(id) FROM $t",
        ];
        check(&table, 8, &queries).await;
    }
}

/// How many files EXPLAIN ANALYZE says were left out while running.
async fn pruned_files(table: &TableMaker, sql: &str) -> String {
    let made = table.finish();
    let feast = context().await.unwrap();
    let opened = open(&made, in_memory(&made).await.unwrap()).await.unwrap();
    register(&feast, &opened, SnapshotSelector::Current).unwrap();
    Setting {
        partitions: 1,
        ..Setting::AUTO
    }
    .apply(&feast)
    .unwrap();
    let plan = answer(&feast, &format!("EXPLAIN ANALYZE {sql}"))
        .await
        .unwrap();
    arrow::util::pretty::pretty_format_batches(&plan)
        .unwrap()
        .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_that_come_while_running_prune_files() {
    let mut table = people(2);
    for first in [0, 10, 20, 30] {
        append(&mut table, rows(first..first + 10));
    }
    let join = "SELECT t.id FROM t JOIN (VALUES (31), (32)) AS v(id) ON t.id = v.id";
    let plan = pruned_files(&table, join).await;
    let pruned = [
        "4 total → 1 matched",
        "3 files pruned",
        "files_ranges_pruned_statistics=3",
    ];
    assert!(pruned.iter().any(|told| plan.contains(told)), "{plan}");
    check(
        &table,
        40,
        &[
            "SELECT id FROM $t ORDER BY id LIMIT 3",
            "SELECT id FROM $t ORDER BY id DESC LIMIT 3",
        ],
    )
    .await;
}

/// The build side of a join, as EXPLAIN shows it first.
async fn build_side(feast: &FeastContext, sql: &str) -> String {
    let plan = answer(feast, &format!("EXPLAIN FORMAT INDENT {sql}"))
        .await
        .unwrap();
    let plan = arrow::util::pretty::pretty_format_batches(&plan)
        .unwrap()
        .to_string();
    let below = plan.split_once("HashJoinExec").map(|(_, below)| below);
    let first = below.and_then(|below| below.split_once("table="));
    let Some((_, first)) = first else {
        panic!("no join of tables: {plan}");
    };
    first.chars().take_while(|c| *c != ',').collect()
}

/// Row counts of files reach the planner: the side of a join that has fewer is built, whichever is written
/// first, also where deletes make them estimates.
#[tokio::test(flavor = "multi_thread")]
async fn the_smaller_table_is_the_build_side() {
    let feast = context().await.unwrap();
    for merge_on_read in [false, true] {
        let mut small = people(2);
        let path = append(&mut small, rows(0..50)).path.clone();
        let mut large = people(2);
        for first in [0, 1000] {
            append(&mut large, rows(first..first + 500));
        }
        delete_positions(&mut small, vec![(path, 1)]);
        for (name, table) in [("small", &small), ("large", &large)] {
            let made = table.finish();
            let io = in_memory(&made).await.unwrap();
            let ident = iceberg::TableIdent::from_strs(["ns", name]).unwrap();
            let opened = iceberg::table::StaticTable::from_metadata_file(&made.metadata, ident, io);
            let opened = opened.await.unwrap().into_table();
            register(&feast, &opened, SnapshotSelector::Current).unwrap();
            let provider = feast.session().table_provider("t").await.unwrap();
            replace(&feast, name, provider).unwrap();
        }
        let setting = Setting {
            merge_on_read,
            ..Setting::AUTO
        };
        setting.apply(&feast).unwrap();
        for sql in [
            "SELECT * FROM small JOIN large ON small.id = large.id",
            "SELECT * FROM large JOIN small ON small.id = large.id",
            "SELECT * FROM large JOIN small ON small.id = large.id WHERE large.name <> 'x'",
        ] {
            assert_eq!(build_side(&feast, sql).await, "ns.small", "{sql}");
        }
        let plan = feast
            .sql("SELECT id FROM large WHERE id > 900")
            .await
            .unwrap();
        let plan = plan.create_physical_plan().await.unwrap();
        let mut scan = plan;
        while let Some(child) = scan.children().first().map(|child| Arc::clone(child)) {
            scan = child;
        }
        let known = scan.partition_statistics(None).unwrap();
        let id = &known.column_statistics[0];
        let bounds = [&id.min_value, &id.max_value].map(|bound| bound.get_value().cloned());
        let expected =
            [1000, 1499].map(|id| Some(datafusion::common::ScalarValue::Int32(Some(id))));
        assert_eq!((known.num_rows.get_value(), bounds), (Some(&500), expected));
    }
}

/// Two scans in one plan, each of which has one end of the range that 64 bits have.
#[tokio::test(flavor = "multi_thread")]
async fn estimates_over_all_integers_do_not_overflow() {
    let schema = Schema {
        id: 0,
        fields: vec![Field::optional(1, "id", Type::Long)],
    };
    let mut table = TableMaker::new("s3://bucket/wide", 2, schema, unpartitioned());
    let path = append(&mut table, vec![vec![int(i64::MIN)], vec![int(0)]])
        .path
        .clone();
    append(&mut table, vec![vec![int(0)], vec![int(i64::MAX)]]);
    delete_positions(&mut table, vec![(path, 1)]);
    let queries = [
        "SELECT count(*) FROM $t WHERE id > 5",
        "SELECT count(*) FROM $t AS a JOIN $t AS b ON a.id = b.id WHERE a.id < 3",
    ];
    check(&table, 3, &queries).await;
}
