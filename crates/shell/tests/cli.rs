// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The command line from the outside: exit codes, order, output, errors, the demo.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A directory to run in, which is also the user's home.
struct Place(TempDir);

/// What a run printed and how it ended.
#[derive(Debug)]
struct Ran {
    status: Option<i32>,
    out: String,
    err: String,
}

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_feast-sql"));
        command
            .args(args)
            .current_dir(self.path())
            .env("HOME", self.path());
        command.env_remove("XDG_STATE_HOME").stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args).output().unwrap())
    }

    fn run_with_input(&self, args: &[&str], input: &str) -> Ran {
        let mut command = self.command(args);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        Ran::of(child.wait_with_output().unwrap())
    }

    /// Runs statements and expects success.
    fn json(&self, sql: &str) -> String {
        let ran = self.run(&["--format", "json", "-c", sql]);
        ran.succeeded().out
    }
}

impl Ran {
    fn of(output: Output) -> Self {
        Self {
            status: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    fn succeeded(self) -> Self {
        assert_eq!(self.status, Some(0), "{self:?}");
        assert_eq!(self.err, "");
        self
    }

    /// Expects status 1 and one message that begins so and contains all of these.
    #[track_caller]
    fn failed(&self, begins: &str, contains: &[&str]) {
        assert_eq!(self.status, Some(1), "{self:?}");
        assert!(
            self.err.starts_with(&format!("error: {begins}")),
            "{}",
            self.err
        );
        assert_eq!(self.err.lines().count(), 1, "{}", self.err);
        for part in contains {
            assert!(self.err.contains(part), "{part} is not in: {}", self.err);
        }
    }
}

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
    ran.failed("-c 2: ", &["SELEC"]);
    assert_eq!(ran.out, "[{\"n\":1}]\n");
    place
        .run(&["-q", "-c", "SELECT 1;\nSELECT x FROM nope"])
        .failed("-c 1, line 2: ", &["nope"]);
}

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

#[test]
fn a_bad_command_line_is_refused() {
    let place = Place::new();
    for (args, part) in [
        (["-b", "0"], "batch size"),
        (["-m", "lots"], "memory pool size"),
        (["-d", "lots"], "disk limit"),
        (["--format", "xml"], "xml"),
        (["--maxrows", "few"], "maxrows"),
        (["-p", "nowhere"], "nowhere"),
        (["-c", ""], "not empty"),
        (["--no-such", "x"], "--no-such"),
    ] {
        let ran = place.run(&args);
        assert_eq!(ran.status, Some(2), "{args:?}: {ran:?}");
        assert!(ran.err.contains(part), "{args:?}: {}", ran.err);
        assert_eq!(ran.out, "");
    }
}

#[test]
fn unusable_arguments_are_named() {
    let place = Place::new();
    place.write(
        "not.db",
        "this is no database, and it is to stay what it is",
    );
    for (args, begins, parts) in [
        (["-f", "none.sql"], "-f none.sql: ", &["cannot be read"][..]),
        (["-r", "none.sql"], "-r none.sql: ", &["cannot be read"]),
        (
            ["--repo", "repo"],
            "--repo repo: ",
            &["not supported", "--registry"],
        ),
        (
            ["--registry", "s3://b/r.db"],
            "--registry s3://b/r.db: ",
            &["not supported"],
        ),
        (
            ["--catalog", "lake"],
            "--catalog",
            &["expected NAME=type=sql"],
        ),
        (
            ["--catalog", "lake=type=sql,uri=${NOT_SET_HERE}"],
            "--catalog: ",
            &["NOT_SET_HERE"],
        ),
        (
            [
                "--catalog",
                "lake=type=sql,uri=sqlite:///none.db,warehouse=w",
            ],
            "",
            &["lake", "none.db"],
        ),
        (
            [
                "--catalog",
                "lake=type=sql,uri=sqlite:///not.db,warehouse=w",
            ],
            "",
            &["lake", "not.db"],
        ),
        (
            ["--catalog", "lake=type=hive9,uri=x,warehouse=w"],
            "",
            &["lake", "hive9"],
        ),
        (["--registry", "not.db"], "", &["not.db"]),
    ] {
        let args = [&args[..], &["-c", "SHOW ENTITIES"]].concat();
        place.run(&args).failed(begins, parts);
    }
    assert!(!place.path().join("none.db").exists());
    assert!(
        fs::read_to_string(place.path().join("not.db"))
            .unwrap()
            .starts_with("this is no")
    );
}

#[test]
fn definitions_stay_in_the_registry_file() {
    let place = Place::new();
    let entity = "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)";
    let ran = place
        .run(&["--registry", "r.db", "--format", "json", "-c", entity])
        .succeeded();
    assert_eq!(ran.out, "");
    let ran = place.run(&[
        "--registry",
        "r.db",
        "--format",
        "json",
        "-c",
        "SHOW ENTITIES",
    ]);
    assert!(ran.succeeded().out.contains("driver_id"));
    place
        .run(&["--registry", "r.db", "-c", entity])
        .failed("-c 1: ", &["driver", "exists"]);
    let other = [
        "--registry",
        "r.db",
        "--project",
        "other",
        "--format",
        "json",
    ];
    let ran = place.run(&[&other[..], &["-c", "SHOW ENTITIES"]].concat());
    assert_eq!(ran.succeeded().out, "[]\n");
}

#[test]
fn a_definition_without_a_registry_lives_as_long_as_the_session() {
    let place = Place::new();
    let ran = place.json("CREATE ENTITY e JOIN KEY (id BIGINT); SHOW ENTITIES");
    assert!(ran.contains("\"id\"") || ran.contains("id"), "{ran}");
    assert_eq!(place.json("SHOW ENTITIES"), "[]\n");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn the_demo_runs_and_runs_again() {
    let place = Place::new();
    let first = place.run(&["demo", "d"]).succeeded();
    for part in [
        "CREATE OR REPLACE FEATURE VIEW",
        "<- chosen",
        "future, never used",
        "EXPLAIN",
    ] {
        assert!(first.out.contains(part), "{part} is not in: {}", first.out);
    }
    let again = place.run(&["demo", "d"]).succeeded();
    let results = |ran: &Ran| ran.out.split_once("\n\n").unwrap().1.to_owned();
    assert_eq!(results(&first), results(&again));

    // The last line opens the shell on it, from anywhere.
    let last = again.out.trim_end().lines().last().unwrap();
    let rest = last.strip_prefix("feast-sql ").unwrap();
    let sql = "SELECT count(*) AS n FROM feast_pit_join('entities.parquet', 'tip_model')";
    let line = format!(
        "{} {rest} --format json -c \"{sql}\"",
        env!("CARGO_BIN_EXE_feast-sql")
    );
    let mut shell = Command::new("sh");
    let ran = Ran::of(shell.args(["-c", &line]).current_dir("/").output().unwrap());
    assert_eq!(ran.succeeded().out, "[{\"n\":500}]\n");
}

#[test]
fn the_demo_leaves_other_directories_alone() {
    let place = Place::new();
    place.write("mine.txt", "mine");
    place
        .run(&["demo", "."])
        .failed("demo .: ", &["not empty and is not a demo"]);
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
}
