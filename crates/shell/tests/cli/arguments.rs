// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Arguments that cannot be used, and where definitions are kept.

use std::fs;

use crate::place::Place;

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
            &["no folder", "feature_store.yaml"],
        ),
        (
            ["--registry", "hdfs://b/r.db"],
            "--registry hdfs://b/r.db: ",
            &["hdfs", "s3://"],
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
        (
            ["--registry", "not.db"],
            "--registry not.db: ",
            &["damaged"],
        ),
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
