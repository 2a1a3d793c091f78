// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Writes of an online table that are cut off at every step, and done again by a new session: the table can be read at any
//! time, nothing is lost and nothing is there twice.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion_feast::FeastContext;
use feast_iceberg::IcebergCatalogProvider;
use feast_registry::{InMemoryRegistryStore, RegistryStore, Version};

use super::failing::{Failing, How, Steps};
use super::{OnlineLake, lines, rows, try_rows};

const LOOKUP: &str =
    "SELECT * FROM feast_online_lookup(['stats:trips'], keys => [1, 2, 3, 4], status => true)";
const TABLE: &str = "SELECT * FROM lake.feast_online.rides__stats ORDER BY driver_id, event_timestamp, trips, is_deleted, is_pushed";

/// A lake as it is before a statement, which can be had again.
struct Saved {
    lake: OnlineLake,
    copy: tempfile::TempDir,
    registry: Vec<u8>,
}

impl Saved {
    fn new(lake: OnlineLake) -> Self {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(lake.dir.path(), copy.path());
        let registry = lake.store.read().unwrap().unwrap().bytes;
        Self {
            lake,
            copy,
            registry,
        }
    }

    /// Everything is as it was.
    fn restore(&mut self) {
        for entry in std::fs::read_dir(self.lake.dir.path()).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => std::fs::remove_dir_all(path).unwrap(),
                false => std::fs::remove_file(path).unwrap(),
            }
        }
        copy_folder(self.copy.path(), self.lake.dir.path());
        let store = InMemoryRegistryStore::new();
        store.write(&self.registry, &Version::absent()).unwrap();
        self.lake.store = Arc::new(store);
    }

    /// A session whose catalog fails as the steps say.
    async fn failing(&self, steps: &Arc<Steps>) -> FeastContext {
        let feast = self.lake.session().await;
        let inner = self.lake.catalog().await;
        let failing = Failing {
            inner,
            steps: Arc::clone(steps),
        };
        let provider = IcebergCatalogProvider::new(Arc::new(failing), "lake");
        feast.session().register_catalog("lake", Arc::new(provider));
        feast
    }
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy_folder(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// A source of two drivers, and what is done before.
async fn lake(before: &[&str]) -> Saved {
    let lake = OnlineLake::new().await;
    let feast = lake.session().await;
    let made = [
        "CREATE TABLE lake.shop.stats (driver_id BIGINT, ts TIMESTAMP, created TIMESTAMP, trips BIGINT)",
        "INSERT INTO lake.shop.stats VALUES (1, '2025-01-01T00:00:00', NULL, 10), (1, '2025-01-02T00:00:00', NULL, 11),
           (2, '2025-01-01T00:00:00', NULL, 20), (3, '2200-01-01T00:00:00', NULL, 30), (NULL, '2025-01-01T00:00:00', NULL, 99)",
        "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)",
        "CREATE FEATURE VIEW stats ENTITIES (driver) FEATURES (trips BIGINT) FROM lake.shop.stats TIMESTAMP ts CREATED TIMESTAMP created",
    ];
    for statement in made.iter().chain(before) {
        rows(&feast, statement).await;
    }
    Saved::new(lake)
}

/// What a session sees: the answers, the table's rows, the intervals that the registry has.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    found: Vec<String>,
    table: Vec<String>,
    intervals: usize,
}

async fn seen(lake: &OnlineLake) -> Seen {
    let feast = lake.session().await;
    let known =
        "SELECT table_name FROM information_schema.tables WHERE table_name = 'rides__stats'";
    let table = match lines(&feast, known).await.is_empty() {
        true => vec![],
        false => lines(&feast, TABLE).await,
    };
    let bytes = lake.store.read().unwrap().unwrap().bytes;
    let registry = feast_registry::Registry::parse(&bytes).unwrap();
    let view = registry.feature_view("rides", "stats").unwrap().unwrap();
    Seen {
        found: lines(&feast, LOOKUP).await,
        table,
        intervals: view.materialization_intervals.len(),
    }
}

/// Cuts a statement off at every step in these ways.
async fn at_every_step(name: &str, before: &[&str], statement: &str, ways: &[How]) {
    let mut saved = lake(before).await;
    let first = seen(&saved.lake).await;
    rows(&saved.lake.session().await, statement).await;
    let wanted = seen(&saved.lake).await;
    let mut cuts = 0;
    for how in ways.iter().copied() {
        for step in 0.. {
            saved.restore();
            let steps = Steps::new(step, how);
            let feast = saved.failing(&steps).await;
            let cut = tokio::select! {
                ended = try_rows(&feast, statement) => ended.err().unwrap_or_default(),
                () = steps.waits.notified() => "given up".to_owned(),
            };
            drop(feast);
            if !steps.failed() {
                assert_eq!(cut, "", "{name}, {how:?}");
                assert!(step > 3, "{name} has {step} steps");
                break;
            }
            cuts += 1;
            let told = format!("{name}, step {step}, {how:?}: {cut}");
            let between = seen(&saved.lake).await;
            assert!(
                between.found == first.found || between.found == wanted.found,
                "{told}\n{between:#?}"
            );
            rows(&saved.lake.session().await, statement).await;
            let after = seen(&saved.lake).await;
            assert_eq!(after.found, wanted.found, "{told}");
            assert_eq!(after.table, wanted.table, "{told}");
            assert_eq!(after.intervals, wanted.intervals, "{told}");
        }
    }
    println!("{name}: cut off {cuts} times");
}

const FULL: &str = "MATERIALIZE FEATURE VIEW stats FULL";
const WINDOW: &str =
    "MATERIALIZE FEATURE VIEW stats FROM '2025-01-01T00:00:00Z' TO '2025-01-01T12:00:00Z'";
const MORE: &str = "INSERT INTO lake.shop.stats VALUES (2, '2025-03-01T00:00:00', NULL, 21), (4, '2024-01-01T00:00:00', NULL, 40)";
const PUSH: &str = "SELECT * FROM feast_write_online('stats', (SELECT 2 AS driver_id, TIMESTAMP '2025-05-01T00:00:00' AS ts,
    CAST(NULL AS TIMESTAMP) AS created, 22 AS trips))";

#[tokio::test(flavor = "multi_thread")]
async fn a_first_materialization_is_done_once() {
    let ways = [How::Gone, How::DoneThenGone];
    at_every_step("full", &[], FULL, &ways).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_is_done_once() {
    at_every_step("window", &[FULL, MORE], WINDOW, &[How::Unheard]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incremental_materialization_is_done_once() {
    at_every_step(
        "incremental",
        &[FULL, MORE],
        "MATERIALIZE FEATURE VIEW stats",
        &[How::Gone, How::Once, How::Hangs],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_is_done_once_and_keeps_what_was_pushed() {
    let before = [
        FULL,
        PUSH,
        "DROP TABLE lake.shop.stats",
        "CREATE TABLE lake.shop.stats (driver_id BIGINT, ts TIMESTAMP, created TIMESTAMP, trips BIGINT, rate DOUBLE)",
        "INSERT INTO lake.shop.stats VALUES (1, '2024-01-01T00:00:00', NULL, 1, 0.5)",
        "CREATE OR REPLACE FEATURE VIEW stats ENTITIES (driver) FEATURES (trips BIGINT, rate DOUBLE) FROM lake.shop.stats TIMESTAMP ts
         CREATED TIMESTAMP created",
    ];
    let ways = [How::DoneThenGone, How::Once];
    at_every_step(
        "replacement",
        &before,
        "MATERIALIZE FEATURE VIEW stats",
        &ways,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_done_once() {
    let ways = [How::Unheard, How::Hangs];
    at_every_step("push", &[FULL], PUSH, &ways).await;
    at_every_step("first push", &[], PUSH, &[How::Gone]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_is_done_once() {
    let delete = "SELECT * FROM feast_delete_online('stats', (SELECT 1 AS driver_id))";
    let ways = [How::DoneThenGone, How::Once];
    at_every_step("delete", &[FULL, PUSH], delete, &ways).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feature_is_widened_once() {
    let table = "CREATE TABLE lake.shop.stats (driver_id BIGINT, ts TIMESTAMP, created TIMESTAMP";
    let narrow = format!("{table}, rate REAL, trips INT)");
    let wide = format!("{table}, rate DOUBLE, trips BIGINT)");
    let view = |features: &str| {
        format!(
            "CREATE OR REPLACE FEATURE VIEW stats ENTITIES (driver) FEATURES ({features}) FROM lake.shop.stats TIMESTAMP ts
             CREATED TIMESTAMP created"
        )
    };
    let (narrow_view, wide_view) = (
        view("rate REAL, trips INT"),
        view("rate DOUBLE, trips BIGINT"),
    );
    let before = [
        "DROP TABLE lake.shop.stats",
        &narrow,
        "INSERT INTO lake.shop.stats VALUES (1, '2024-01-01T00:00:00', NULL, 0.5, 1), (2, '2024-01-01T00:00:00', NULL, NULL, 2)",
        &narrow_view,
        FULL,
        "DROP TABLE lake.shop.stats",
        &wide,
        "INSERT INTO lake.shop.stats VALUES (1, '2024-01-01T00:00:00', NULL, 0.5, 1), (3, '2024-01-01T00:00:00', NULL, 1e300, 5000000000)",
        &wide_view,
    ];
    let ways = [How::DoneThenGone, How::Once, How::Unheard];
    at_every_step("widening", &before, "MATERIALIZE FEATURE VIEW stats", &ways).await;
}
