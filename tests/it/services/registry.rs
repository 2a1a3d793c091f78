// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Definitions in a registry file in S3, written by several processes at once.

use super::child;
use super::lake::{are_up, service};
use super::rows::Rows;

const WRITERS: usize = 3;
const DEFINITIONS: usize = 8;

/// What a process needs to reach the registries of a server, with Feast's own variable for its
/// address.
fn variables(server: &str, keys: bool) -> Vec<(&'static str, String)> {
    let (key, secret) = match server {
        "SEAWEEDFS" => (service("SEAWEEDFS_KEY"), service("SEAWEEDFS_SECRET")),
        _ => ("test".to_owned(), "test".to_owned()),
    };
    let secret = if keys { secret } else { "hush".to_owned() };
    vec![
        ("AWS_ACCESS_KEY_ID", key),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("FEAST_S3_ENDPOINT_URL", service(&format!("{server}_S3"))),
    ]
}

fn start(
    registry: &str,
    statements: &[String],
    variables: &[(&'static str, String)],
) -> std::process::Child {
    let mut all: Vec<(&str, &str)> = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    all.push((child::REGISTRY, registry));
    child::start(statements, &all)
}

fn answer(
    registry: &str,
    statement: &str,
    variables: &[(&'static str, String)],
) -> Result<Rows, String> {
    child::answer_of(start(registry, &[statement.to_owned()], variables))
}

#[test]
fn definitions_of_several_processes_are_all_there() {
    if !are_up() {
        return;
    }
    for server in ["SEAWEEDFS", "MINISTACK"] {
        let bucket = service(&format!("{server}_BUCKET"));
        let registry = format!("s3://{bucket}/registry_{}/registry.db", std::process::id());
        let variables = variables(server, true);
        let children: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let statements: Vec<String> = (0..DEFINITIONS)
                    .map(|number| match number % 2 {
                        0 => format!("CREATE ENTITY e{writer}_{number} JOIN KEY (id BIGINT)"),
                        _ => format!(
                            "CREATE OR REPLACE ENTITY e{writer}_{number} TAGS (by '{writer}')"
                        ),
                    })
                    .collect();
                start(&registry, &statements, &variables)
            })
            .collect();
        for child in children {
            if let Err(error) = child::answer_of(child) {
                panic!("{server}: {error}");
            }
        }
        let found = answer(
            &registry,
            "SELECT name FROM feast.registry.entities",
            &variables,
        )
        .unwrap();
        let mut expected: Vec<String> = (0..WRITERS)
            .flat_map(|writer| (0..DEFINITIONS).map(move |number| format!("e{writer}_{number}")))
            .collect();
        expected.sort();
        assert_eq!(found.column("name"), expected, "{server}");
    }
}

#[test]
fn a_registry_that_cannot_be_read_is_named() {
    if !are_up() {
        return;
    }
    let bucket = service("SEAWEEDFS_BUCKET");
    let show = "SELECT name FROM feast.registry.entities";
    let path = format!("registry_{}/other.db", std::process::id());
    let registry = format!("s3://{bucket}/{path}");
    let create = "CREATE ENTITY e JOIN KEY (id BIGINT)";
    let error = answer(&registry, create, &variables("SEAWEEDFS", false)).unwrap_err();
    println!("{error}");
    assert!(
        error.contains(&registry) && error.contains("403"),
        "{error}"
    );
    super::session::assert_no_secret(&error);
    // One that was never written has nothing in it.
    let found = answer(&registry, show, &variables("SEAWEEDFS", true)).unwrap();
    assert_eq!(found.len(), 0);
}

/// `registry` of `feature_store.yaml` at an S3 URL, as Feast has it.
#[test]
fn a_repository_whose_registry_is_in_s3() {
    if !are_up() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bucket = service("SEAWEEDFS_BUCKET");
    let registry = format!(
        "s3://{bucket}/registry_{}/repository.db",
        std::process::id()
    );
    std::fs::write(
        folder.path().join("feature_store.yaml"),
        format!(
            "project: rides\nprovider: local\nregistry:\n  registry_type: file\n  path: {registry}\n\
             offline_store:\n  type: file\nonline_store: null\nentity_key_serialization_version: 3\n"
        ),
    )
    .unwrap();
    let folder = folder.path().display().to_string();
    let variables = variables("SEAWEEDFS", true);
    let create = "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)";
    answer(&folder, create, &variables).unwrap();
    let show = "SELECT name, join_key FROM feast.registry.entities";
    for place in [&folder, &registry] {
        let mut variables = variables.clone();
        variables.push((child::PROJECT, "rides".to_owned()));
        let found = answer(place, show, &variables).unwrap();
        assert_eq!(found.rows, [["driver", "driver_id"]], "{place}");
    }
}
