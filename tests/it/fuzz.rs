// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What others write, changed at random: registries, `feature_store.yaml`, references, texts of statements. Here a few thousand
//! changes each; `feast_testkit::fuzz` tells how they run longer:
//!
//! `FEAST_FUZZ_SECONDS=600 cargo test --workspace --test it -- fuzz:: --test-threads 1`

mod registry;

use std::path::Path;

use datafusion_feast::split_statements;
use feast_registry::{FeatureRef, FeatureRepository};
use feast_testkit::fuzz::{Form, Fuzz, Told};
use feast_testkit::relocate::fixture;

/// A target with the committed corpus of its name.
fn corpus(name: &str, form: Form) -> Fuzz {
    let folder = fixture("fuzz").join(name);
    Fuzz::new(name, form).with_folder(&folder).unwrap()
}

/// Says what a run saw, which has to be more than one error over and over.
fn tell(name: &str, told: Told, outcomes: usize) {
    println!("{name}: {told:?}");
    assert!(told.outcomes > outcomes, "{name}: {told:?}");
}

/// The last plain words of an error: what it is about stands before them.
fn gist(error: &str) -> String {
    let plain = |word: &&str| word.bytes().all(|b| b.is_ascii_lowercase());
    let words: Vec<&str> = error.split_whitespace().rev().filter(plain).collect();
    words.into_iter().take(4).collect::<Vec<_>>().join(" ")
}

/// Words of `feature_store.yaml`.
const YAML: &[&str] = &[
    "project",
    "registry",
    "registry_type",
    "registry_store_type",
    "path",
    "sql",
    "file",
    "sqlite:///",
    "s3://b/r.db",
    "offline_store",
    "online_store",
    "type",
    "iceberg",
    "duckdb",
    "spark",
    "spark_conf",
    "spark.sql.catalog.lake",
    "org.apache.iceberg.spark.SparkCatalog",
    "catalog_type",
    "catalog_name",
    "uri",
    "warehouse",
    "namespace",
    "storage_options",
    "partition_strategy",
    "hybrid",
    "partition_count",
    "read_timeout_ms",
    "entity_key_serialization_version",
    "auth",
    "${HOME}",
    "$HOME",
    "null",
    "true",
    ": ",
    "\n  ",
    "\n- ",
    "&a",
    "*a",
    "!!binary ",
];

#[test]
fn feature_store_yaml() {
    let fuzz = corpus("yaml", Form::Text(YAML));
    let told = fuzz.run(4_000, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return "no text".to_owned();
        };
        let lookup = |name: &str| (name == "HOME").then(|| "x: [y".to_owned());
        match FeatureRepository::parse(text, Path::new("/repo"), &lookup) {
            Err(error) => {
                let error = error.to_string();
                assert!(!error.is_empty() && !error.ends_with('.'), "{error}");
                gist(&error)
            }
            Ok(repository) => {
                assert!(!repository.project.is_empty());
                let online = match repository.online_tables() {
                    Ok(_) => "online".to_owned(),
                    Err(error) => gist(&error.to_string()),
                };
                let notices = "noted ".repeat(repository.notices.len().min(9));
                let catalogs = "catalog ".repeat(repository.offline_store.catalogs.len().min(9));
                format!("{online} {notices}{catalogs}")
            }
        }
    });
    tell("yaml", told, 20);
}

#[test]
fn references() {
    let fuzz = corpus(
        "references",
        Form::Text(&["@v", "@latest", ":*", "\"\"", ":"]),
    );
    let told = fuzz.run(4_000, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return "no text".to_owned();
        };
        match FeatureRef::parse(text) {
            Err(error) => gist(&error.to_string()),
            Ok(reference) => {
                // Written out, it is the same one.
                let written = reference.to_string();
                assert_eq!(FeatureRef::parse(&written).unwrap(), reference, "{written}");
                format!("{:?}", reference.version.is_some())
            }
        }
    });
    tell("references", told, 2);
}

#[test]
fn texts_of_statements() {
    let words = &[
        "'", "E'", "\"", "`", "$x$", "$$", "/*", "*/", "--", ";", "\n",
    ];
    let fuzz = Fuzz::new("statements", Form::Text(words)).with([
        include_str!("../../crates/feast/src/ddl/tests/corpus.sql"),
        include_str!("../../sql/tour/quickstart.sql"),
    ]);
    let told = fuzz.run(1_500, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return "no text".to_owned();
        };
        match split_statements(text) {
            Err(error) => error.strip_backtrace(),
            Ok(statements) => {
                for statement in &statements {
                    // A statement is one statement.
                    let again = split_statements(&statement.text).unwrap();
                    assert_eq!(again.len(), 1, "{}", statement.text);
                    assert_eq!(again[0].text, statement.text);
                    assert!(text.contains(&statement.text));
                }
                let open = statements.iter().filter(|it| !it.terminated).count();
                "statement ".repeat(statements.len().min(9)) + &"open".repeat(open)
            }
        }
    });
    tell("statements", told, 10);
}
