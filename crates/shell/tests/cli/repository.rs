// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `--repo`: a Feast feature repository opened from the command line.

use crate::place::Place;

const ENTITY: &str = "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)";

fn repository(yaml: &str) -> Place {
    let place = Place::new();
    place.write("repo/feature_store.yaml", yaml);
    place
}

#[test]
fn definitions_stay_in_the_repositorys_registry() {
    let place = repository("project: rides\nregistry: data/registry.db\nprovider: local\n");
    let json = ["--repo", "repo", "--format", "json", "-c"];
    let ran = place.run(&[&json[..], &[ENTITY]].concat());
    assert!(
        ran.err.contains("notice: ") && ran.err.contains("feast apply"),
        "{ran:?}"
    );
    assert!(place.path().join("repo/data/registry.db").is_file());
    let ran = place
        .run(&[&json[..], &["SHOW ENTITIES"]].concat())
        .succeeded();
    assert!(ran.out.contains("driver_id"), "{ran:?}");
    assert_eq!(ran.err, "");

    let registry = [
        "--registry",
        "repo/data/registry.db",
        "--project",
        "rides",
        "--format",
        "json",
        "-c",
    ];
    let ran = place.run(&[&registry[..], &["SHOW ENTITIES"]].concat());
    assert!(ran.succeeded().out.contains("driver_id"));
    let other = [
        "--repo",
        "repo",
        "--project",
        "other",
        "-q",
        "--format",
        "json",
        "-c",
    ];
    let ran = place
        .run(&[&other[..], &["SHOW ENTITIES"]].concat())
        .succeeded();
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("[]\n", ""));
}

#[test]
fn files_of_sources_are_the_repositorys() {
    let place = repository("project: rides\nregistry: registry.db\n");
    let copy = "COPY (SELECT 1 AS driver_id, TIMESTAMP '2026-01-01T00:00:00Z' AS at, 0.5 AS rate) TO 'repo/rates.parquet'";
    let view = "CREATE FEATURE VIEW rates ENTITIES (driver) FROM 'rates.parquet' TIMESTAMP at";
    let ask = "SELECT rate FROM feast_pit_join(entities => (SELECT 1 AS driver_id, \
               TIMESTAMP '2026-01-02T00:00:00Z' AS event_timestamp), features => ['rates:rate'])";
    let session = ["--repo", "repo", "-q", "--format", "json"];
    place
        .run(&[&session[..], &["-c", copy, ENTITY, view]].concat())
        .succeeded();
    let ran = place
        .run(&[&session[..], &["-c", ask]].concat())
        .succeeded();
    assert_eq!(ran.out, "[{\"rate\":0.5}]\n");
}

#[test]
fn keys_without_effect_are_noted_once() {
    let place = repository(
        "project: rides\nregistry: registry.db\ncolour: blue\nonline_store: ${NOT_SET_HERE}\n",
    );
    let ran = place.run(&["--repo", "repo", "-c", "SHOW ENTITIES"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let notices = |text: &str| ran.err.lines().filter(|line| line.contains(text)).count();
    assert_eq!(
        (notices("colour"), notices("NOT_SET_HERE")),
        (1, 1),
        "{}",
        ran.err
    );
    let quiet = place.run(&["--repo", "repo", "-q", "-c", "SHOW ENTITIES"]);
    assert_eq!(quiet.err, "");
}

#[test]
fn what_is_no_repository_is_named() {
    for (yaml, parts) in [
        (
            "registry: r.db",
            &["feature_store.yaml", "project is not given"][..],
        ),
        ("project: rides", &["registry is not given"]),
        ("project: [", &["no YAML"]),
        (
            "project: rides\nregistry: {registry_type: sql, path: 'postgresql://me:hush@h/d'}",
            &["postgresql", "SQLite"],
        ),
        (
            "project: rides\nregistry: {registry_type: sql, path: 'sqlite:///none.sqlite'}",
            &["none.sqlite", "feast apply"],
        ),
    ] {
        let place = repository(yaml);
        let ran = place.run(&["--repo", "repo", "-c", "SHOW ENTITIES"]);
        assert!(!ran.err.contains("hush"), "{}", ran.err);
        ran.failed("--repo repo: ", parts);
    }
    let place = Place::new();
    place
        .run(&["--repo", "nowhere", "-c", "SHOW ENTITIES"])
        .failed("--repo nowhere: ", &["nowhere", "feature_store.yaml"]);
}
