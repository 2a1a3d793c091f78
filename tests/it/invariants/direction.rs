// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Who may know whom.
//!
//! ```text
//! shell ──> feast ──> online ──> registry, pit, iceberg      (which know nothing of each other)
//! testkit ──> none of ours                        (so it can judge all of them)
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

/// Our crates, and which of ours each may depend on, tests and build scripts apart.
const MAY_KNOW: [(&str, &[&str]); 7] = [
    ("feast-registry", &[]),
    ("feast-pit", &[]),
    ("feast-iceberg", &[]),
    ("feast-testkit", &[]),
    (
        "feast-online",
        &["feast-registry", "feast-pit", "feast-iceberg"],
    ),
    (
        "datafusion-feast",
        &[
            "feast-registry",
            "feast-pit",
            "feast-iceberg",
            "feast-online",
        ],
    ),
    // The demo writes tables, which the façade does not.
    ("feast-shell", &["datafusion-feast", "feast-iceberg"]),
];

/// What a leaf must do without, by the beginning of the name.
const MUST_NOT_KNOW: [(&str, &[&str]); 3] = [
    (
        "feast-registry",
        &[
            "datafusion",
            "iceberg",
            "arrow",
            "parquet",
            "object_store",
            "tokio",
        ],
    ),
    (
        "feast-pit",
        &["iceberg", "parquet", "object_store", "rusqlite"],
    ),
    // It makes tables with the core crate, which is what ours are compared with.
    ("feast-testkit", &["datafusion", "iceberg-datafusion"]),
];

const SUITE: &str = "datafusion-feast-suite";

/// Direct dependencies by crate, those of tests set apart.
struct Dependencies {
    normal: BTreeMap<String, BTreeSet<String>>,
    of_tests: BTreeMap<String, BTreeSet<String>>,
}

fn dependencies() -> Dependencies {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version=1",
            "--no-deps",
            "--offline",
            "--manifest-path",
        ])
        .arg(manifest)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Json = serde_json::from_slice(&output.stdout).unwrap();
    let (mut normal, mut of_tests) = (BTreeMap::new(), BTreeMap::new());
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let named = |tests: bool| -> BTreeSet<String> {
            let of_kind = |dependency: &&Json| (dependency["kind"] == "dev") == tests;
            let all = package["dependencies"].as_array().unwrap().iter();
            all.filter(of_kind)
                .map(|it| it["name"].as_str().unwrap().to_owned())
                .collect()
        };
        normal.insert(name.to_owned(), named(false));
        of_tests.insert(name.to_owned(), named(true));
    }
    Dependencies { normal, of_tests }
}

#[test]
fn crates_depend_in_one_direction() {
    let found = dependencies();
    let known: BTreeMap<&str, &[&str]> = MAY_KNOW.into_iter().collect();
    let mut expected: BTreeSet<&str> = known.keys().copied().collect();
    expected.insert(SUITE);
    let crates: BTreeSet<&str> = found.normal.keys().map(String::as_str).collect();
    assert_eq!(
        crates, expected,
        "say in MAY_KNOW what a new crate may depend on"
    );
    let ours = |name: &str| known.contains_key(name);
    for (name, may) in &known {
        for dependency in found.normal[*name].iter().filter(|other| ours(other)) {
            assert!(
                may.contains(&dependency.as_str()),
                "{name} must not depend on {dependency}"
            );
        }
        for dependency in found.of_tests[*name].iter().filter(|other| ours(other)) {
            let allowed = dependency == "feast-testkit" || may.contains(&dependency.as_str());
            assert!(
                allowed,
                "the tests of {name} must not depend on {dependency}"
            );
        }
    }
}

#[test]
fn leaves_do_without_what_is_not_theirs() {
    let found = dependencies();
    for (name, without) in MUST_NOT_KNOW {
        for dependency in &found.normal[name] {
            let theirs =
                |word: &&&str| dependency == **word || dependency.starts_with(&format!("{word}-"));
            let hit = without.iter().find(theirs);
            assert!(hit.is_none(), "{name} must not depend on {dependency}");
        }
    }
}

#[test]
fn nothing_is_called_common() {
    const NOT_A_NAME: [&str; 10] = [
        "core",
        "common",
        "util",
        "utils",
        "utility",
        "utilities",
        "helper",
        "helpers",
        "misc",
        "shared",
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["crates", "tests/it", "examples", "benches"] {
        collect(&root.join(folder), &mut files);
    }
    assert!(files.len() > 100, "the sources were not found");
    for file in files {
        let inside = file.strip_prefix(root).unwrap();
        for part in inside.components() {
            let part = Path::new(part.as_os_str()).with_extension("");
            let name = part.to_string_lossy().to_lowercase();
            let named = NOT_A_NAME
                .iter()
                .any(|bad| name.split(['-', '_']).any(|word| word == *bad));
            assert!(
                !named,
                "{} says nothing: name it by what it does",
                inside.display()
            );
        }
    }
}

/// Every Rust file below a folder.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
