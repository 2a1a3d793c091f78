// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What runs, in which order, and from where.

use std::fs;

use crate::place::Place;

#[test]
fn commands_and_files_run_in_the_order_given() {
    let place = Place::new();
    place.write(
        "two.sql",
        "SELECT 2 AS n;\n-- a comment; not a statement\nSELECT 3 AS n",
    );
    let args = [
        "--format",
        "json",
        "-c",
        "SELECT 1 AS n",
        "-f",
        "two.sql",
        "-c",
        "SELECT 4 AS n",
    ];
    let ran = place.run(&args).succeeded();
    assert_eq!(
        ran.out,
        "[{\"n\":1}]\n[{\"n\":2}]\n[{\"n\":3}]\n[{\"n\":4}]\n"
    );
    let args = [
        "--format",
        "json",
        "-f",
        "two.sql",
        "-c",
        "SELECT 1 AS n; SELECT 5 AS n",
    ];
    let ran = place.run(&args).succeeded();
    assert_eq!(
        ran.out,
        "[{\"n\":2}]\n[{\"n\":3}]\n[{\"n\":1}]\n[{\"n\":5}]\n"
    );
}

#[test]
fn the_first_error_stops() {
    let place = Place::new();
    place.write(
        "bad.sql",
        "SELECT 1 AS n;\n\n-- here\nSELECT * FROM nope;\nSELECT 2 AS n;\n",
    );
    let ran = place.run(&["--format", "json", "-f", "bad.sql", "-c", "SELECT 3 AS n"]);
    ran.failed("bad.sql:4: ", &["nope", "not found", "SHOW TABLES"]);
    assert_eq!(ran.out, "[{\"n\":1}]\n");
    let ran = place.run(&["--format", "json", "-c", "SELECT 1 AS n", "-c", "SELEC 2"]);
    ran.failed("-c 2, line 1, column 1: ", &["SELEC"]);
    assert_eq!(ran.out, "[{\"n\":1}]\n");
    place
        .run(&["-q", "-c", "SELECT 1;\nSELECT x FROM nope"])
        .failed("-c 1, line 2: ", &["nope"]);
}

#[test]
fn statements_come_from_standard_input() {
    let place = Place::new();
    let ran = place.run_with_input(&["--format", "json"], "SELECT 1 AS a;\nSELECT ';' AS b;");
    assert_eq!(ran.succeeded().out, "[{\"a\":1}]\n[{\"b\":\";\"}]\n");
    place
        .run_with_input(&["-q"], "SELECT 1;\nSELECT * FROM nope")
        .failed("stdin:2: ", &["nope"]);
    assert_eq!(place.run_with_input(&["-q"], "").succeeded().out, "");
}

#[test]
fn startup_files_run_first() {
    let place = Place::new();
    place.write("rc.sql", "CREATE VIEW v AS SELECT 7 AS a;");
    let ran = place.run(&["--format", "json", "-r", "rc.sql", "-c", "SELECT * FROM v"]);
    assert_eq!(ran.succeeded().out, "[{\"a\":7}]\n");
    place.write(".datafusionrc", "CREATE VIEW w AS SELECT 8 AS a;");
    let ran = place.run_with_input(&["--format", "json"], "SELECT * FROM w");
    assert_eq!(ran.succeeded().out, "[{\"a\":8}]\n");
}

#[test]
fn files_are_tables_by_path() {
    let place = Place::new();
    fs::create_dir(place.path().join("data")).unwrap();
    place.write("data/people.csv", "name,age\nann,3\n");
    place.write("q.sql", "SELECT * FROM 'people.csv'");
    // -f is found from where the user is, data from -p.
    let ran = place
        .run(&["--format", "json", "-p", "data", "-f", "q.sql"])
        .succeeded();
    assert_eq!(ran.out, "[{\"name\":\"ann\",\"age\":3}]\n");
    place
        .run(&["-c", "SELECT * FROM 'data/none.csv'"])
        .failed("-c 1: ", &["none.csv"]);
}

#[test]
fn limits_reach_the_engine() {
    let place = Place::new();
    let sql = "SELECT value, count(*) FROM generate_series(1, 2000000) GROUP BY value ORDER BY 1";
    let ran = place.run(&["-q", "-m", "1m", "-c", sql]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.err.contains("give more memory with -m"), "{}", ran.err);
    let ran = place.run(&[
        "--format",
        "json",
        "-b",
        "123",
        "-c",
        "SHOW datafusion.execution.batch_size",
    ]);
    assert!(ran.succeeded().out.contains("\"123\""));
}
