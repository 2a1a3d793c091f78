// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Several sessions and processes that write one view at once, and processes that are killed.

use std::collections::HashMap;
use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use datafusion::prelude::SessionConfig;
use datafusion_feast::{FeastContext, RegistryLocation};
use iceberg::{Catalog, NamespaceIdent};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{OnlineLake, catalog_in, lines, rows, try_rows};
use crate::seeds::runtime;

/// Where a child works, and from which round on.
const CHILD: &str = "FEAST_ONLINE_CHILD";
/// Stands before the number of a round that is done.
const DONE: &str = "round done: ";

const DEFINITIONS: [&str; 4] = [
    "CREATE TABLE lake.shop.h (k BIGINT, ts TIMESTAMP, v BIGINT)",
    "INSERT INTO lake.shop.h VALUES (0, '2025-01-01T00:00:00', 0)",
    "CREATE ENTITY k JOIN KEY (k BIGINT)",
    "CREATE FEATURE VIEW h ENTITIES (k) FEATURES (v BIGINT) FROM lake.shop.h TIMESTAMP ts",
];

fn push(key: i64, value: i64) -> String {
    format!(
        "SELECT * FROM feast_write_online('h', (SELECT CAST({key} AS BIGINT) AS k, TIMESTAMP '2025-06-01T00:00:00' AS ts,
            CAST({value} AS BIGINT) AS v))"
    )
}

async fn found(feast: &FeastContext, keys: std::ops::Range<i64>) -> Vec<String> {
    let keys: Vec<String> = keys.map(|key| key.to_string()).collect();
    let keys = keys.join(", ");
    let lookup =
        format!("SELECT v FROM feast_online_lookup(['h:v'], [{keys}], source => 'online')");
    lines(feast, &lookup).await
}

/// As often as commits of others allow: a writer that lost a race may say so.
async fn insistently(feast: &FeastContext, statement: &str) {
    for _ in 0..20 {
        match try_rows(feast, statement).await {
            Ok(_) => return,
            Err(error) if error.contains("locked") || error.contains("meanwhile") => {}
            Err(error) if error.contains("first") || error.contains("changed") => {}
            Err(error) => panic!("{statement}\n  {error}"),
        }
    }
    panic!("{statement}: no luck in 20 tries");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pushes_and_materializations_of_two_sessions_all_count() {
    let lake = OnlineLake::new().await;
    let first = lake.session().await;
    for statement in DEFINITIONS {
        rows(&first, statement).await;
    }
    rows(&first, "MATERIALIZE FEATURE VIEW h").await;
    // Another definition, so that a full materialization hides what was there.
    rows(
        &first,
        "CREATE OR REPLACE FEATURE VIEW h ENTITIES (k) FEATURES (v BIGINT) FROM lake.shop.h TIMESTAMP ts TIE BREAK (v)",
    )
    .await;
    let second = lake.session().await;
    let pushes = async {
        for key in 10..18 {
            insistently(&first, &push(key, key)).await;
        }
    };
    let others = async {
        insistently(&second, "MATERIALIZE FEATURE VIEW h FULL").await;
        insistently(
            &second,
            "INSERT INTO lake.shop.h VALUES (1, '2025-01-02T00:00:00', 1)",
        )
        .await;
        insistently(&second, "MATERIALIZE FEATURE VIEW h").await;
        insistently(
            &second,
            "SELECT * FROM feast_delete_online('h', (SELECT CAST(0 AS BIGINT) AS k))",
        )
        .await;
    };
    futures::join!(pushes, others);
    let feast = lake.session().await;
    let expected: Vec<String> = (10..18).map(|key| key.to_string()).collect();
    assert_eq!(found(&feast, 10..18).await, expected);
    assert_eq!(found(&feast, 0..2).await, ["", "1"]);
}

/// The same work of two sessions is done once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_materialization_of_two_sessions_is_one() {
    let lake = OnlineLake::new().await;
    let first = lake.session().await;
    for statement in DEFINITIONS {
        rows(&first, statement).await;
    }
    let second = lake.session().await;
    for statement in [
        "MATERIALIZE FEATURE VIEW h FULL",
        "INSERT INTO lake.shop.h VALUES (0, '2025-01-02T00:00:00', 5)",
        "MATERIALIZE FEATURE VIEW h",
    ] {
        if statement.starts_with("INSERT") {
            rows(&first, statement).await;
            continue;
        }
        futures::join!(
            insistently(&first, statement),
            insistently(&second, statement)
        );
    }
    let table = "SELECT v FROM lake.feast_online.rides__h ORDER BY 1";
    assert_eq!(lines(&first, table).await, ["0", "5"]);
}

/// A session on a folder: a catalog, and a registry in a file.
async fn session(dir: &str) -> FeastContext {
    let config = SessionConfig::new().with_target_partitions(2);
    let location = RegistryLocation::parse("registry.db", std::path::Path::new(dir)).unwrap();
    let feast = FeastContext::builder()
        .with_session_config(config)
        .with_registry_location(location)
        .with_project("rides")
        .build()
        .await
        .unwrap();
    let attach = format!(
        "CREATE EXTERNAL CATALOG lake STORED AS ICEBERG OPTIONS (type 'sql', uri 'sqlite:///{dir}/c.db', warehouse '{dir}/wh')"
    );
    rows(&feast, &attach).await;
    for setting in [
        "catalog = 'lake'",
        "partition_count = 2",
        "read_timeout_ms = 600000",
    ] {
        rows(&feast, &format!("SET feast.online.{setting}")).await;
    }
    feast
}

/// One round of a process: a row of the source, materialized, and a pushed row.
async fn round(feast: &FeastContext, number: i64) {
    let (key, month) = (number % 5, 1 + number % 4);
    let insert =
        format!("INSERT INTO lake.shop.h VALUES ({key}, '2025-0{month}-01T00:00:00', {number})");
    insistently(feast, &insert).await;
    insistently(feast, "MATERIALIZE FEATURE VIEW h").await;
    insistently(feast, &push(100 + number, number)).await;
}

/// Not a test but the child's side; as a test it does nothing.
#[test]
fn rounds_of_a_child() {
    let Ok(given) = env::var(CHILD) else {
        return;
    };
    let mut given = given.splitn(3, ' ');
    let mut number = || given.next().unwrap().parse::<i64>().unwrap();
    let (first, last) = (number(), number());
    let dir = given.next().unwrap().to_owned();
    runtime().block_on(async {
        let feast = session(&dir).await;
        for number in first..last {
            round(&feast, number).await;
            println!("\n{DONE}{number}");
        }
    });
}

fn child(dir: &str, first: i64, last: i64) -> Child {
    Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "online::together::rounds_of_a_child",
            "--nocapture",
        ])
        .env(CHILD, format!("{first} {last} {dir}"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// The rounds that a child has said to be done, after it ended.
fn done(child: &mut Child) -> Option<i64> {
    let said = BufReader::new(child.stdout.take().unwrap()).lines();
    let numbers = said.map_while(Result::ok).filter_map(|line| {
        let number = line.strip_prefix(DONE)?;
        number.parse().ok()
    });
    let last = numbers.last();
    child.wait().unwrap();
    last
}

async fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = dir.path().join("wh");
    std::fs::create_dir(&warehouse).unwrap();
    let warehouse = warehouse.display().to_string();
    feast_iceberg::SqlCatalog::create(dir.path().join("c.db"), "lake", &warehouse).unwrap();
    let feast = session(&dir.path().display().to_string()).await;
    rows(&feast, "CREATE SCHEMA lake.shop").await;
    for statement in DEFINITIONS {
        rows(&feast, statement).await;
    }
    dir
}

async fn agrees(dir: &str, rounds: i64) {
    let feast = session(dir).await;
    rows(&feast, "MATERIALIZE FEATURE VIEW h").await;
    let pushed: Vec<String> = (0..rounds).map(|number| number.to_string()).collect();
    assert_eq!(found(&feast, 100..100 + rounds).await, pushed);
    let keys = "[0, 1, 2, 3, 4]";
    let lookup = |source: &str| {
        format!("SELECT * FROM feast_online_lookup(['h:v'], {keys}, source => '{source}')")
    };
    assert_eq!(
        lines(&feast, &lookup("online")).await,
        lines(&feast, &lookup("offline")).await
    );
}

#[test]
fn processes_that_are_killed_lose_nothing_that_they_said_was_done() {
    let runtime = runtime();
    let dir = runtime.block_on(folder());
    let place = dir.path().display().to_string();
    let seed = crate::seeds::number("FEAST_ONLINE_SEED", 5);
    println!("seed {seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let mut first = 0;
    let catalog = runtime.block_on(catalog_in(dir.path()));
    for number in 0..crate::seeds::number("FEAST_ONLINE_KILLS", 4) {
        let mut child = child(&place, first, i64::MAX);
        std::thread::sleep(Duration::from_millis(dice.random_range(300..2_500)));
        child.kill().unwrap();
        if let Some(last) = done(&mut child) {
            first = last + 1;
        }
        // Who is killed within a commit of SQLite's leaves a journal, which a writer rolls back.
        let name = NamespaceIdent::new(format!("after_{number}"));
        let made = catalog.create_namespace(&name, HashMap::new());
        runtime.block_on(made).unwrap();
        runtime.block_on(Box::pin(agrees(&place, first)));
    }
    println!("{first} rounds");
}

#[test]
fn two_processes_write_one_view() {
    let runtime = runtime();
    let dir = runtime.block_on(folder());
    let place = dir.path().display().to_string();
    let mut first = child(&place, 0, 6);
    let mut second = child(&place, 6, 12);
    assert_eq!(done(&mut first), Some(5));
    assert_eq!(done(&mut second), Some(11));
    runtime.block_on(Box::pin(agrees(&place, 12)));
    let feast = runtime.block_on(session(&place));
    let kept = runtime.block_on(lines(&feast, "SELECT count(*) FROM lake.shop.h"));
    assert_eq!(kept, ["13"]);
}
