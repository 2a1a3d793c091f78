// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Servers that are far away, or never answer.

use std::time::{Duration, Instant};

use super::lake::{Lake, are_up};
use super::peers::make;
use super::proxy::Proxy;
use super::session::{Session, run};

#[test]
fn far_servers_give_the_same_rows() {
    if !are_up() {
        return;
    }
    let lake = Lake::Seaweedfs;
    let namespace = lake.namespace("far");
    let made = make(&lake, "many", &namespace, &["t", "16"]);
    let query = format!("SELECT * FROM lake.{namespace}.t");
    let store = Proxy::of("SEAWEEDFS_S3", &["--rtt", "40", "--mbit", "50"]);
    let catalog = Proxy::of("SEAWEEDFS_CATALOG", &["--rtt", "40"]);
    run(async {
        let options = lake
            .options()
            .with("uri", &catalog.address())
            .with("s3.endpoint", &store.address());
        let session = Session::attach(&options).await.unwrap();
        for run in ["first", "second"] {
            let begun = Instant::now();
            assert_eq!(session.read(&query).await, made[0].1);
            println!(
                "16 files at 40 ms, {run} time: {:?}, {} requests so far",
                begun.elapsed(),
                store.requests("").len() + catalog.requests("").len()
            );
        }
    });
}

/// The statement is given up within the time that the options allow.
#[test]
fn a_store_that_never_answers_is_given_up() {
    if !are_up() {
        return;
    }
    let lake = Lake::Seaweedfs;
    let namespace = lake.namespace("never");
    make(&lake, "one", &namespace, &["t"]);
    let store = Proxy::of("SEAWEEDFS_S3", &["--stall", "--on", "GET "]);
    run(async {
        let options = lake
            .options()
            .with("s3.endpoint", &store.address())
            .with("s3.request-timeout", "1")
            .with("s3.retry.num-retries", "1");
        let session = Session::attach(&options).await.unwrap();
        let (error, took) = session
            .error(&format!("SELECT * FROM lake.{namespace}.t"))
            .await;
        println!("after {took:?}: {error}");
        assert!(took < Duration::from_secs(20), "{took:?}");
        assert!(error.contains("s3://warehouse/"), "{error}");
    });
}

#[test]
fn a_catalog_that_never_answers_is_given_up() {
    if !are_up() {
        return;
    }
    let lake = Lake::Seaweedfs;
    let namespace = lake.namespace("silent");
    make(&lake, "one", &namespace, &["t"]);
    let catalog = Proxy::of("SEAWEEDFS_CATALOG", &["--stall", "--on", "/tables/t"]);
    run(async {
        let options = lake
            .options()
            .with("uri", &catalog.address())
            .with("rest.timeout-ms", "1500");
        let session = Session::attach(&options).await.unwrap();
        let (error, took) = session
            .error(&format!("SELECT * FROM lake.{namespace}.t"))
            .await;
        println!("after {took:?}: {error}");
        assert!(took < Duration::from_secs(20), "{took:?}");
    });
}

/// A statement that is dropped asks for nothing more.
#[test]
fn a_dropped_statement_stops_asking() {
    if !are_up() {
        return;
    }
    let lake = Lake::Seaweedfs;
    let namespace = lake.namespace("dropped");
    make(&lake, "many", &namespace, &["t", "24"]);
    let query = format!("SELECT * FROM lake.{namespace}.t");
    let store = Proxy::of("SEAWEEDFS_S3", &["--rtt", "300"]);
    run(async {
        let options = lake.options().with("s3.endpoint", &store.address());
        let session = Session::attach(&options).await.unwrap();
        session
            .read("SET datafusion.execution.target_partitions = 1")
            .await;
        let short = Duration::from_millis(1500);
        let cut = tokio::time::timeout(short, session.rows(&query)).await;
        assert!(cut.is_err(), "it was done within {short:?}");
        tokio::time::sleep(Duration::from_secs(1)).await;
        let asked = store.requests("").len();
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(store.requests("").len(), asked);
    });
}
