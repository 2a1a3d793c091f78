// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A join that nobody waits for any more ends, whatever it is doing: no task, no byte and no file is left.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion_feast::FeastContext;
use futures::StreamExt;
use tokio::runtime::Runtime;

use crate::seeds::runtime;

/// At so many moments of a run the query is dropped.
const MOMENTS: u32 = 12;
/// A test that hangs is worse than one that fails late.
const GIVEN: Duration = Duration::from_secs(60);

const JOIN: &str = "SELECT * FROM feast_pit_join(orders, ['stats:a', 'stats:b'])";

const ORDERS: &str = "CREATE TABLE orders AS
    SELECT value % 4000 AS driver_id, to_timestamp(value * 3)::TIMESTAMP AS event_timestamp FROM generate_series(1, 20000)";

/// A session over files, with so much memory, whose temporary files go to `folder/temporary`.
async fn session(folder: &Path, memory: usize, payload: &str) -> (FeastContext, Arc<RuntimeEnv>) {
    let temporary = folder.join("temporary");
    std::fs::create_dir_all(&temporary).unwrap();
    let mode = DiskManagerMode::Directories(vec![temporary]);
    let env = RuntimeEnvBuilder::new()
        .with_memory_limit(memory, 1.0)
        .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(mode))
        .build_arc()
        .unwrap();
    let feast = FeastContext::builder().with_runtime_env(Arc::clone(&env));
    let feast = feast.build().await.unwrap();
    let rows = folder.join("rows").display().to_string();
    let ample = FeastContext::builder().build().await.unwrap();
    let copy = format!(
        "COPY (SELECT value % 3000 AS driver_id, to_timestamp(value % 50000)::TIMESTAMP AS event_timestamp,
            'a text of some length ' || value AS a, value * 0.5 AS b FROM generate_series(1, 60000))
         TO '{rows}' STORED AS PARQUET"
    );
    done(&ample, &copy).await;
    for sql in [
        &format!("SET feast.pit.payload = '{payload}'"),
        &format!("CREATE EXTERNAL TABLE history STORED AS PARQUET LOCATION '{rows}'"),
        ORDERS,
        "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)",
        "CREATE FEATURE VIEW stats ENTITIES (driver) FROM history TIMESTAMP event_timestamp",
    ] {
        done(&feast, sql).await;
    }
    (feast, env)
}

fn files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .map(|path| if path.is_dir() { files(&path) } else { 1 })
        .sum()
}

async fn done(feast: &FeastContext, sql: &str) {
    let frame = feast.sql(sql).await;
    let frame = frame.unwrap_or_else(|e| panic!("{sql}\n{e}"));
    let mut rows = frame.execute_stream().await.unwrap();
    while let Some(batch) = rows.next().await {
        batch.unwrap_or_else(|e| panic!("{sql}\n{e}"));
    }
}

/// Drops the query at every moment; tells how often temporary files were there then.
fn dropped(runtime: &Runtime, memory: usize, payload: &str) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let (feast, env) = runtime.block_on(session(folder.path(), memory, payload));
    let held = env.memory_pool.reserved();
    let begun = Instant::now();
    runtime.block_on(done(&feast, JOIN));
    let total = begun.elapsed();
    let temporary = folder.path().join("temporary");
    let mut spilled = 0;
    for moment in 0..MOMENTS {
        let frame = runtime.block_on(feast.sql(JOIN)).unwrap();
        let task = runtime.spawn(async move {
            let mut rows = frame.execute_stream().await.unwrap();
            while rows.next().await.is_some_and(|batch| batch.is_ok()) {}
        });
        std::thread::sleep(total * moment / MOMENTS);
        spilled += usize::from(files(&temporary) > 0);
        task.abort();
        let since = Instant::now();
        let left = || {
            let tasks = runtime.metrics().num_alive_tasks();
            let bytes = env.memory_pool.reserved() - held;
            (tasks, bytes, files(&temporary))
        };
        while left() != (0, 0, 0) {
            assert!(since.elapsed() < GIVEN, "{payload}, {moment}: {:?}", left());
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    spilled
}

#[test]
fn a_join_that_is_dropped_leaves_nothing() {
    let runtime = runtime();
    let mut spilled = 0;
    for (memory, payload) in [
        (1 << 30, "one_pass"),
        (1 << 30, "late"),
        (2 << 20, "one_pass"),
        (2 << 20, "late"),
    ] {
        spilled += dropped(&runtime, memory, payload);
    }
    assert!(spilled > 0, "no query was dropped while it had files");
}
