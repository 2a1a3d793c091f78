// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The demo.

use std::fs;
use std::process::Command;

use crate::place::{Place, Ran};

#[test]
fn the_demo_runs_and_runs_again() {
    let place = Place::new();
    let first = place.run(&["demo", "d"]).succeeded();
    for part in [
        "CREATE OR REPLACE FEATURE VIEW",
        "<- chosen",
        "future, never used",
        "EXPLAIN",
        "MATERIALIZE FEATURE SERVICE",
        "OUTSIDE_MAX_AGE",
        "lake.feast_online.default__pair_history",
    ] {
        assert!(first.out.contains(part), "{part} is not in: {}", first.out);
    }
    let again = place.run(&["demo", "d"]).succeeded();
    assert!(
        again
            .out
            .contains("nothing has changed since the last time")
    );
    // What a materialization reports tells the runs apart.
    let results = |ran: &Ran| {
        let (_, all) = ran.out.split_once("\n\n").unwrap();
        let (before, rest) = all.split_once("MATERIALIZE FEATURE SERVICE").unwrap();
        format!("{before}{}", rest.split_once("\n\n").unwrap().1)
    };
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
