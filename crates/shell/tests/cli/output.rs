// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What is printed, format by format.

use std::process::Stdio;

use crate::place::{Place, Ran};

#[test]
fn an_error_while_running_prints_no_part_of_a_result() {
    let ran = Place::new().run(&[
        "--format",
        "json",
        "-c",
        "SELECT 1 / (v - 1) FROM generate_series(0, 3) t(v)",
    ]);
    ran.failed("-c 1: ", &["ivide by zero"]);
    assert_eq!(ran.out, "");
}

#[test]
fn json_keeps_everything() {
    let place = Place::new();
    let row = "SELECT NULL AS a, CAST('NaN' AS DOUBLE) AS b, 9223372036854775807 AS c, \
               CAST(1.50 AS DECIMAL(10, 2)) AS d, TIMESTAMP '2026-03-01 12:00:00' AS e, \
               arrow_cast(1772366400000000, 'Timestamp(Microsecond, Some(\"+02:00\"))') AS f, \
               DATE '2026-03-01' AS g, X'0aff' AS h, [1, NULL] AS i, {x: 1} AS j";
    let expected = "[{\"a\":null,\"b\":\"NaN\",\"c\":9223372036854775807,\"d\":\"1.50\",\
                    \"e\":\"2026-03-01T12:00:00.000000000\",\"f\":\"2026-03-01T12:00:00.000000Z\",\
                    \"g\":\"2026-03-01\",\"h\":\"0aff\",\"i\":[1,null],\"j\":{\"x\":1}}]\n";
    assert_eq!(place.json(row), expected);
}

#[test]
fn json_prints_a_line_for_each_result_and_nothing_else() {
    let place = Place::new();
    let sql = "CREATE TABLE t AS SELECT 1 AS a; SELECT * FROM t WHERE a > 1; SET datafusion.execution.batch_size = 10; \
               SELECT * FROM t; DROP TABLE t";
    assert_eq!(place.json(sql), "[]\n[{\"a\":1}]\n");
    let many = place.json("SELECT value FROM generate_series(1, 100000)");
    assert_eq!(many.lines().count(), 1);
    assert_eq!(many.matches("value").count(), 100_000);
}

#[test]
fn nd_json_prints_a_line_for_each_row() {
    let args = [
        "--format",
        "nd-json",
        "-c",
        "SELECT * FROM (VALUES (1, NULL), (2, 'x')) t(a, b)",
    ];
    let ran = Place::new().run(&args).succeeded();
    assert_eq!(ran.out, "{\"a\":1,\"b\":null}\n{\"a\":2,\"b\":\"x\"}\n");
}

#[test]
fn csv_has_one_header_and_all_rows() {
    let place = Place::new();
    let args = [
        "-q",
        "-b",
        "100",
        "--format",
        "csv",
        "-c",
        "SELECT value FROM generate_series(1, 5000)",
    ];
    let ran = place.run(&args).succeeded();
    assert_eq!(ran.out.lines().count(), 5001);
    assert_eq!(ran.out.matches("value").count(), 1);
    let ran = place
        .run(&["-q", "--format", "tsv", "-c", "SELECT 1 AS a, 2 AS b"])
        .succeeded();
    assert_eq!(ran.out, "a\tb\n1\t2\n");
}

#[test]
fn tables_show_rows_up_to_maxrows() {
    let place = Place::new();
    let sql = "SELECT value FROM generate_series(1, 100)";
    let ran = place.run(&["--maxrows", "2", "-c", sql]).succeeded();
    assert!(
        ran.out.contains("100 row(s) fetched. (First 2 displayed"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("| 2     |\n| .     |"), "{}", ran.out);
    let ran = place
        .run(&["-q", "--maxrows", "inf", "-c", sql])
        .succeeded();
    assert!(ran.out.contains("| 100   |"), "{}", ran.out);
}

#[test]
fn quiet_prints_results_alone() {
    let place = Place::new();
    let ran = place.run(&["-q", "-c", "SELECT 1 AS a"]).succeeded();
    assert_eq!(ran.out, "+---+\n| a |\n+---+\n| 1 |\n+---+\n");
    let ran = place.run(&["-c", "SELECT 1 AS a"]).succeeded();
    assert!(
        ran.out.contains("1 row(s) fetched") && ran.out.contains("Elapsed"),
        "{}",
        ran.out
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::new();
    let sql = "SELECT value, repeat('x', 100) FROM generate_series(1, 20000)";
    for format in ["json", "csv", "table"] {
        let args = ["--format", format, "--maxrows", "inf", "-c", sql];
        let mut command = place.command(&args);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        assert_eq!(
            Ran::of(child.wait_with_output().unwrap()).succeeded().out,
            ""
        );
    }
}
