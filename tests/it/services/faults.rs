// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Servers that are gone, that refuse, that are busy, that cut their answers off.

use std::time::Duration;

use super::lake::{Lake, are_up};
use super::peers::make;
use super::proxy::Proxy;
use super::rows::Rows;
use super::session::{Session, run};

/// However often a request is repeated, an answer comes within this.
const BOUND: Duration = Duration::from_secs(60);

/// A table of eight files and its query.
fn table(lake: &Lake, test: &str) -> (String, Rows) {
    let namespace = lake.namespace(test);
    let (_, rows) = make(lake, "many", &namespace, &["t", "8"]).remove(0);
    (format!("SELECT * FROM lake.\"{namespace}\".t"), rows)
}

#[test]
fn a_catalog_that_goes_away_is_named() {
    if !are_up() {
        return;
    }
    let (query, rows) = table(&Lake::Seaweedfs, "gone");
    let mut proxy = Proxy::of("SEAWEEDFS_CATALOG", &[]);
    run(async {
        let options = Lake::Seaweedfs.options().with("uri", &proxy.address());
        let session = Session::attach(&options).await.unwrap();
        assert_eq!(session.read(&query).await, rows);
        proxy.stop();
        for statement in [query.as_str(), "SHOW TABLES"] {
            let (error, took) = session.error(statement).await;
            println!("after {took:?}: {error}");
            assert!(error.contains("lake") && took < BOUND, "{error}");
        }
        let refused = Session::attach(&options).await.err().unwrap().to_string();
        assert!(refused.contains(&proxy.address()), "{refused}");
    });
}

#[test]
fn a_store_that_goes_away_is_named() {
    if !are_up() {
        return;
    }
    let (query, rows) = table(&Lake::Seaweedfs, "gone_store");
    let mut proxy = Proxy::of("SEAWEEDFS_S3", &[]);
    run(async {
        let options = Lake::Seaweedfs
            .options()
            .with("s3.endpoint", &proxy.address());
        let session = Session::attach(&options).await.unwrap();
        assert_eq!(session.read(&query).await, rows);
        proxy.stop();
        let session = Session::attach(&options).await.unwrap();
        let (error, took) = session.error(&query).await;
        println!("after {took:?}: {error}");
        assert!(error.contains("s3://warehouse/") && took < BOUND, "{error}");
    });
}

#[test]
fn busy_servers_are_asked_again() {
    if !are_up() {
        return;
    }
    let (query, rows) = table(&Lake::Seaweedfs, "busy");
    for status in ["503", "500", "429"] {
        for on in [
            "GET /warehouse/",
            "/tables/t",
            "/v1/config",
            "/oauth/tokens",
        ] {
            let faults = ["--status", status, "--times", "2", "--on", on];
            let store = Proxy::of("SEAWEEDFS_S3", &faults);
            let catalog = Proxy::of("SEAWEEDFS_CATALOG", &faults);
            run(async {
                let options = Lake::Seaweedfs
                    .options()
                    .with("uri", &catalog.address())
                    .with("s3.endpoint", &store.address());
                let outcome = match Session::attach(&options).await {
                    Ok(session) => session.rows(&query).await,
                    Err(error) => Err(error),
                };
                match outcome {
                    Ok(found) => assert_eq!(found, rows, "{status} {on}"),
                    // Only some of these are worth asking again; all others say what came.
                    Err(error) => {
                        println!("{status} {on}: {error}");
                        assert!(error.to_string().contains(status), "{status} {on}: {error}");
                        assert!(status != "503", "{on}: {error}");
                    }
                }
            });
        }
    }
}

#[test]
fn servers_that_stay_busy_are_given_up() {
    if !are_up() {
        return;
    }
    let (query, _) = table(&Lake::Seaweedfs, "always");
    for (name, key, on) in [
        ("SEAWEEDFS_S3", "s3.endpoint", "GET /warehouse/"),
        ("SEAWEEDFS_CATALOG", "uri", "/tables/t"),
    ] {
        let proxy = Proxy::of(name, &["--status", "503", "--on", on]);
        run(async {
            let options = Lake::Seaweedfs.options().with(key, &proxy.address());
            let session = Session::attach(&options).await.unwrap();
            let (error, took) = session.error(&query).await;
            let asked = proxy.requests("503 ").len();
            println!("{name} after {took:?} and {asked} requests: {error}");
            assert!(
                took < BOUND && asked < 40,
                "{asked} requests in {took:?}: {error}"
            );
            assert!(error.contains("503"), "{error}");
        });
    }
}

#[test]
fn refusals_are_told_at_once() {
    if !are_up() {
        return;
    }
    let (query, _) = table(&Lake::Seaweedfs, "refused");
    for status in ["401", "403", "404", "409", "418"] {
        let proxy = Proxy::of(
            "SEAWEEDFS_CATALOG",
            &["--status", status, "--on", "/tables/t"],
        );
        run(async {
            let options = Lake::Seaweedfs.options().with("uri", &proxy.address());
            let session = Session::attach(&options).await.unwrap();
            let (error, took) = session.error(&query).await;
            let asked = proxy.requests(&format!("{status} ")).len();
            println!("{status} after {took:?} and {asked} requests: {error}");
            assert!(
                took < Duration::from_secs(10) && asked < 6,
                "{asked} in {took:?}"
            );
            let said = match status {
                "404" => "lake",
                _ => status,
            };
            assert!(error.contains("lake") && error.contains(said), "{error}");
        });
    }
}

/// The same of the store; what it refuses, it is not asked for many times.
#[test]
fn refusals_of_a_store_are_told_at_once() {
    if !are_up() {
        return;
    }
    let (query, _) = table(&Lake::Seaweedfs, "refused_store");
    for (status, said) in [
        ("401", "denied (401"),
        ("403", "denied (403"),
        ("404", "does not exist"),
    ] {
        for on in ["/metadata/", "/data/"] {
            let proxy = Proxy::of("SEAWEEDFS_S3", &["--status", status, "--on", on]);
            run(async {
                let options = Lake::Seaweedfs
                    .options()
                    .with("s3.endpoint", &proxy.address());
                let session = Session::attach(&options).await.unwrap();
                let (error, took) = session.error(&query).await;
                let asked = proxy.requests(&format!("{status} ")).len();
                println!("{status} after {took:?} and {asked} requests: {error}");
                assert!(
                    asked > 0 && asked < 40 && took < BOUND,
                    "{asked} in {took:?}"
                );
                assert!(error.contains("s3://warehouse/"), "{error}");
                assert!(error.contains(said), "{error}");
            });
        }
    }
}

/// A token that is refused is got anew, once; one that is refused again is told.
#[test]
fn a_token_that_has_ended_is_got_anew() {
    if !are_up() {
        return;
    }
    let (query, rows) = table(&Lake::Seaweedfs, "token");
    for (times, works) in [("1", true), ("-1", false)] {
        let faults = ["--status", "401", "--times", times, "--on", "/tables/t"];
        let proxy = Proxy::of("SEAWEEDFS_CATALOG", &faults);
        run(async {
            let options = Lake::Seaweedfs.options().with("uri", &proxy.address());
            let session = Session::attach(&options).await.unwrap();
            let before = proxy.requests("/oauth/tokens").len();
            match session.rows(&query).await {
                Ok(found) => assert_eq!((found, works), (rows.clone(), true)),
                Err(error) => assert!(!works && error.to_string().contains("401"), "{error}"),
            }
            assert_eq!(proxy.requests("/oauth/tokens").len() - before, 1);
        });
    }
}

#[test]
fn answers_that_are_cut_off_lose_no_row() {
    if !are_up() {
        return;
    }
    let (query, rows) = table(&Lake::Seaweedfs, "cut");
    for on in ["metadata", "data/", ""] {
        for times in ["1", "-1"] {
            let faults = ["--cut", "--times", times, "--on", on];
            let store = Proxy::of("SEAWEEDFS_S3", &faults);
            run(async {
                let options = Lake::Seaweedfs
                    .options()
                    .with("s3.endpoint", &store.address());
                let session = Session::attach(&options).await.unwrap();
                match session.rows(&query).await {
                    Ok(found) => assert_eq!(found, rows, "{on} {times}"),
                    Err(error) => println!("{on} {times}: {error}"),
                }
            });
        }
    }
}
