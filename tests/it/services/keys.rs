// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Who may read: tokens, secrets, keys of the environment, keys that end.

use super::child;
use super::lake::{Lake, are_up, service};
use super::peers::make;
use super::proxy::Proxy;
use super::session::{Session, assert_no_secret, run};

#[test]
fn each_table_is_read_with_its_own_keys() {
    if !are_up() {
        return;
    }
    let lake = Lake::SeaweedfsVended;
    let namespace = lake.namespace("two");
    make(&lake, "one", &namespace, &["a"]);
    make(&lake, "many", &namespace, &["b", "2"]);
    run(async {
        let session = Session::of(&lake).await;
        let query = format!(
            "SELECT count(*) FROM lake.{namespace}.a JOIN lake.{namespace}.b USING (id, name)"
        );
        assert_eq!(session.read(&query).await.value(), "3");
        let shown = session.shown(&query).await;
        assert_no_secret(&shown);
        // How an access key and a session token of SeaweedFS begin.
        assert!(!shown.contains("ASIA") && !shown.contains("eyJ"), "{shown}");
    });
}

#[test]
fn a_wrong_secret_is_refused_and_not_shown() {
    if !are_up() {
        return;
    }
    let namespace = Lake::Seaweedfs.namespace("wrong");
    make(&Lake::Seaweedfs, "one", &namespace, &["t"]);
    let all = format!("SELECT * FROM lake.{namespace}.t");
    run(async {
        let (seaweedfs, lakana) = (Lake::Seaweedfs.options(), Lake::Lakana.options());
        for (options, expected) in [
            (seaweedfs.clone().with("credential", "admin:hush"), "401"),
            (seaweedfs.clone().with("credential", "hush"), "401"),
            (seaweedfs.without("credential"), "403"),
            (lakana.clone().with("token", "lakana_pat_hush_hush"), "401"),
            (lakana.without("token"), "401"),
        ] {
            // Who may not list namespaces may still read a table: only that refusal can come late.
            let error = match Session::attach(&options).await {
                Ok(session) => session.rows(&all).await.unwrap_err(),
                Err(error) => error,
            };
            assert_no_secret(&format!("{error:?}"));
            let error = error.to_string();
            println!("{error}");
            assert!(
                error.contains("lake") && error.contains(expected),
                "{error}"
            );
        }
        let options = Lake::Seaweedfs
            .options()
            .with("s3.secret-access-key", "hush");
        let session = Session::attach(&options).await.unwrap();
        let (error, _) = session.error(&all).await;
        println!("{error}");
        assert!(error.contains("access is denied"), "{error}");
    });
}

#[test]
fn an_unknown_warehouse_is_an_error() {
    if !are_up() {
        return;
    }
    run(async {
        let ministack = service("MINISTACK_WAREHOUSE").replace("/warehouse", "/nowhere");
        for options in [
            Lake::Seaweedfs.options().with("warehouse", "nowhere"),
            Lake::Ministack.options().with("warehouse", &ministack),
            Lake::Ministack.options().with("warehouse", "nowhere"),
            Lake::Lakana.options().with("prefix", "nowhere"),
        ] {
            // A server may answer for any warehouse and have nothing in it.
            match Session::attach(&options).await {
                Err(error) => println!("{error}"),
                Ok(session) => {
                    let (error, _) = session.error("SELECT * FROM lake.nowhere.t").await;
                    println!("{error}");
                }
            }
        }
    });
}

/// Keys from the environment, and from a file that the environment names.
#[test]
fn keys_of_the_environment_are_used() {
    if !are_up() {
        return;
    }
    let lake = Lake::Seaweedfs;
    let namespace = lake.namespace("chain");
    make(&lake, "one", &namespace, &["t"]);
    let options = lake
        .options()
        .without("s3.access-key-id")
        .without("s3.secret-access-key");
    let statements = [
        options.statement(),
        format!("SELECT count(*) FROM lake.{namespace}.t"),
    ];
    let (key, secret) = (service("SEAWEEDFS_KEY"), service("SEAWEEDFS_SECRET"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials");
    let text = format!("[other]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n");
    std::fs::write(&file, text).unwrap();
    let file = file.display().to_string();
    for (name, variables) in [
        (
            "variables",
            vec![
                ("AWS_ACCESS_KEY_ID", key.as_str()),
                ("AWS_SECRET_ACCESS_KEY", secret.as_str()),
            ],
        ),
        (
            "a profile",
            vec![
                ("AWS_SHARED_CREDENTIALS_FILE", file.as_str()),
                ("AWS_PROFILE", "other"),
            ],
        ),
    ] {
        let answer = child::answer_of(child::start(&statements, &variables));
        assert_eq!(answer.unwrap().value(), "3", "{name}");
    }
    let wrong = [
        ("AWS_ACCESS_KEY_ID", key.as_str()),
        ("AWS_SECRET_ACCESS_KEY", "hush"),
    ];
    let error = child::answer_of(child::start(&statements, &wrong)).unwrap_err();
    assert_no_secret(&error);
    assert!(error.contains("access is denied"), "{error}");
    // None at all: nothing on this machine answers for the metadata service of AWS.
    let none = [("AWS_EC2_METADATA_DISABLED", "true")];
    let error = child::answer_of(child::start(&statements, &none)).unwrap_err();
    println!("{error}");
    assert!(error.contains("credentials"), "{error}");
}

/// Keys that end while one statement reads are asked for again, before and after their end.
#[test]
fn keys_that_end_are_asked_for_again() {
    if !are_up() {
        return;
    }
    let lake = Lake::SeaweedfsVended;
    let namespace = lake.namespace("ending");
    let made = make(&lake, "many", &namespace, &["t", "16"]);
    let direct = service("SEAWEEDFS_S3");
    // The catalog says of keys when they end, or the store refuses them without a word before.
    for said in [true, false] {
        let store = Proxy::of("SEAWEEDFS_S3", &["--rtt", "400", "--keys-end-after", "2"]);
        let mut arguments = vec![
            "--replace".to_owned(),
            format!("{direct}={}", store.address()),
        ];
        if said {
            arguments.extend(["--keys-end-in".to_owned(), "2".to_owned()]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let catalog = Proxy::of("SEAWEEDFS_CATALOG", &arguments);
        run(async {
            let options = lake.options().with("uri", &catalog.address());
            let session = Session::attach(&options).await.unwrap();
            session
                .read("SET datafusion.execution.target_partitions = 1")
                .await;
            session
                .read("SET datafusion.execution.meta_fetch_concurrency = 1")
                .await;
            let rows = session
                .read(&format!("SELECT * FROM lake.{namespace}.t"))
                .await;
            assert_eq!(rows, made[0].1);
        });
        let loads = catalog.requests("/tables/t").len();
        let refused = store.requests("400 GET").len();
        println!("keys that end, said {said}: {loads} loads of the table, {refused} refusals");
        assert!(loads > 1, "{:?}", catalog.requests(""));
    }
}
