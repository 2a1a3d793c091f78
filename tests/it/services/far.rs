// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! How long a lookup takes when its catalog and its store are far away. A measure, not a test:
//!
//! ```sh
//! tests/services/run cargo test --release --test it -- services::far --ignored --nocapture
//! ```

use std::env;
use std::time::{Duration, Instant};

use super::lake::{Lake, are_up};
use super::proxy::Proxy;
use super::session::{Session, run};

/// A number that may be set.
fn number(name: &str, usual: usize) -> usize {
    env::var(name).map_or(usual, |text| text.parse().unwrap())
}

#[test]
#[ignore = "a measure: see tests/services/README.md"]
fn lookups_of_one_key() {
    if !are_up() {
        return;
    }
    let keys = number("FEAST_FAR_KEYS", 100_000);
    let lookups = number("FEAST_FAR_LOOKUPS", 100);
    let rtt = number("FEAST_FAR_RTT_MS", 20).to_string();
    let lake = Lake::Seaweedfs;
    let namespace = lake.namespace("far_lookup");
    let store = Proxy::of("SEAWEEDFS_S3", &["--rtt", &rtt]);
    let catalog = Proxy::of("SEAWEEDFS_CATALOG", &["--rtt", &rtt]);
    let far = lake
        .options()
        .with("uri", &catalog.address())
        .with("s3.endpoint", &store.address());
    run(async {
        let near = Session::of(&lake).await;
        for statement in setup(&namespace).into_iter().chain([
            source(&namespace, keys),
            define(&namespace),
            "MATERIALIZE FEATURE VIEW far FULL".to_owned(),
        ]) {
            near.read(&statement).await;
        }
        let session = Session::attach(&far).await.unwrap();
        for statement in setup(&namespace).into_iter().skip(1) {
            session.read(&statement).await;
        }
        session.read(&define(&namespace)).await;
        for batch in [1, 100] {
            // The first one reads what is kept afterwards.
            let first = lookup(&session, keys, batch, 0).await;
            let before = (catalog.requests("").len(), store.requests("").len());
            let mut times = Vec::new();
            for number in 1..=lookups {
                times.push(lookup(&session, keys, batch, number).await);
            }
            let asked = |all: usize, before: usize| (all - before) as f64 / lookups as f64;
            times.sort_unstable();
            let at = |part: usize| millis(times[(times.len() - 1) * part / 100]);
            println!(
                "{keys} keys of 8 doubles, {batch} a lookup, {rtt} ms a round trip: p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms; \
                 the first {:.1} ms; requests a lookup: {:.1} to the catalog, {:.1} to the store",
                at(50),
                at(95),
                at(99),
                millis(first),
                asked(catalog.requests("").len(), before.0),
                asked(store.requests("").len(), before.1),
            );
        }
    });
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn setup(namespace: &str) -> Vec<String> {
    vec![
        format!("CREATE SCHEMA lake.{namespace}"),
        "SET feast.online.catalog = 'lake'".to_owned(),
        format!("SET feast.online.namespace = '{namespace}'"),
        "SET feast.online.partition_count = 16".to_owned(),
        "SET feast.online.read_timeout_ms = 60000".to_owned(),
        "CREATE ENTITY k JOIN KEY (k BIGINT)".to_owned(),
    ]
}

fn source(namespace: &str, keys: usize) -> String {
    let features: Vec<String> = (1..=8)
        .map(|feature| format!("arrow_cast(value * {feature}, 'Float64') AS f{feature}"))
        .collect();
    format!(
        "CREATE TABLE lake.{namespace}.source AS
         SELECT value AS k, arrow_cast(to_timestamp_micros((1735689600 + value) * 1000000),
                                       'Timestamp(Microsecond, Some(\"UTC\"))') AS ts, {}
         FROM generate_series(1, {keys})",
        features.join(", ")
    )
}

fn define(namespace: &str) -> String {
    let features: Vec<String> = (1..=8)
        .map(|feature| format!("f{feature} DOUBLE"))
        .collect();
    format!(
        "CREATE FEATURE VIEW far ENTITIES (k) FEATURES ({}) FROM lake.{namespace}.source TIMESTAMP ts",
        features.join(", ")
    )
}

/// Looks `batch` keys up, others for each number, and says how long it took.
async fn lookup(session: &Session, keys: usize, batch: usize, number: usize) -> Duration {
    let all: Vec<String> = (0..batch)
        .map(|at| (1 + (number * 7919 + at * 104_729) % keys).to_string())
        .collect();
    let query = format!(
        "SELECT * FROM feast_online_lookup(['far:*'], [{}])",
        all.join(", ")
    );
    let begun = Instant::now();
    let rows = session.read(&query).await;
    let took = begun.elapsed();
    assert_eq!(rows.len(), batch);
    assert!(!rows.column("f8").contains(&"NULL"));
    took
}
