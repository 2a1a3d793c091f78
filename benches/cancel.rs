// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! How long a join takes to be gone once nobody wants its answer: at twenty moments of each of four joins the query is dropped, and
//! the time is taken until its last task has ended and its last byte is given back.
//!
//! ```text
//!   in memory      2 M entity rows, 40 M feature rows: build, probe, gather
//!   short          the same with a quarter of the memory: temporary files, several parts
//!   one pass       20 k entity rows, 3 M wide rows in Parquet files
//!   late           the same, payload fetched by reference
//! ```
//!
//! `cargo bench --workspace --bench cancel`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray};
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::datasource::MemTable;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion_feast::FeastContext;
use futures::StreamExt;
use tokio::runtime::{Builder, Runtime};

const MOMENTS: u32 = 20;
const BATCH: i64 = 8_192;
const KEYS: i64 = 200_000;

const WIDE: &str = "COPY (SELECT value % 50000 AS driver_id, arrow_cast(to_timestamp(value), 'Timestamp(Microsecond, None)') AS event_timestamp,
        concat('a text that takes some room ', value) AS a, concat('and another one of that kind ', value * 7) AS b
     FROM generate_series(1, 3000000)) TO '{}' STORED AS PARQUET";

const DEFINITIONS: [&str; 3] = [
    "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)",
    "CREATE FEATURE VIEW stats ENTITIES (driver) FROM history TIMESTAMP event_timestamp",
    "CREATE FEATURE VIEW wide ENTITIES (driver) FROM wide_rows TIMESTAMP event_timestamp",
];

const JOIN: &str =
    "SELECT * FROM feast_pit_join((SELECT driver_id, event_timestamp FROM orders), ['stats:v'])";
const WIDE_JOIN: &str = "SELECT * FROM feast_pit_join((SELECT driver_id, event_timestamp FROM few), ['wide:a', 'wide:b'])";

fn main() -> Result<()> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let folder = std::env::temp_dir().join(format!("feast-cancel-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let told = all(&runtime, &folder.join("wide").display().to_string());
    std::fs::remove_dir_all(&folder)?;
    told
}

fn all(runtime: &Runtime, wide: &str) -> Result<()> {
    let ample = Arc::new(RuntimeEnv::default());
    let feast = runtime.block_on(session(&ample, wide, true))?;
    let whole = cancelled(runtime, &feast, &ample, "in memory", JOIN)?;
    let short = RuntimeEnvBuilder::new().with_memory_limit(whole / 4, 1.0);
    let short = short.build_arc()?;
    let poor = runtime.block_on(session(&short, wide, false))?;
    cancelled(runtime, &poor, &short, "short", JOIN)?;
    for payload in ["one_pass", "late"] {
        let set = format!("SET feast.pit.payload = '{payload}'");
        runtime.block_on(done(&feast, &set))?;
        cancelled(runtime, &feast, &ample, payload, WIDE_JOIN)?;
    }
    Ok(())
}

/// Drops the query at each moment and tells the times; how many bytes were reserved at most.
fn cancelled(
    runtime: &Runtime,
    feast: &FeastContext,
    env: &Arc<RuntimeEnv>,
    name: &str,
    sql: &str,
) -> Result<usize> {
    let begun = Instant::now();
    runtime.block_on(done(feast, sql))?;
    let total = begun.elapsed();
    let (mut times, mut most) = (Vec::new(), 0);
    for moment in 1..=MOMENTS {
        let frame = runtime.block_on(feast.sql(sql))?;
        let task = runtime.spawn(async move {
            let mut rows = frame.execute_stream().await?;
            while let Some(batch) = rows.next().await {
                batch?;
            }
            Ok::<_, datafusion::common::DataFusionError>(())
        });
        std::thread::sleep(total * moment / (MOMENTS + 1));
        most = most.max(env.memory_pool.reserved());
        task.abort();
        let dropped = Instant::now();
        while runtime.metrics().num_alive_tasks() > 0 || env.memory_pool.reserved() > 0 {
            if dropped.elapsed() > Duration::from_secs(60) {
                return Err(exec_datafusion_err!("{name}: something stays"));
            }
            std::thread::sleep(Duration::from_micros(100));
        }
        times.push(dropped.elapsed());
    }
    times.sort();
    println!(
        "{name:10} of {total:7.0?}: gone after {:5.1?} in the middle, {:5.1?} at most",
        times[times.len() / 2],
        times[times.len() - 1]
    );
    Ok(most)
}

async fn session(env: &Arc<RuntimeEnv>, wide: &str, write: bool) -> Result<FeastContext> {
    let feast = FeastContext::builder().with_runtime_env(Arc::clone(env));
    let feast = feast.build().await?;
    let rows = |name: &str, batches: Vec<RecordBatch>| -> Result<()> {
        let quarter = batches.len().div_ceil(4);
        let partitions = batches.chunks(quarter).map(<[_]>::to_vec).collect();
        let table = MemTable::try_new(batches[0].schema(), partitions)?;
        feast.session().register_table(name, Arc::new(table))?;
        Ok(())
    };
    rows("orders", (0..245).map(batch).collect::<Result<_>>()?)?;
    rows("few", (0..2).map(batch).collect::<Result<_>>()?)?;
    // Batches that are read again and again take room once.
    let once: Vec<RecordBatch> = (0..245).map(batch).collect::<Result<_>>()?;
    rows("history", (0..20).flat_map(|_| once.clone()).collect())?;
    if write {
        done(&feast, &WIDE.replace("{}", wide)).await?;
    }
    let external = format!("CREATE EXTERNAL TABLE wide_rows STORED AS PARQUET LOCATION '{wide}'");
    done(&feast, &external).await?;
    for definition in DEFINITIONS {
        done(&feast, definition).await?;
    }
    Ok(feast)
}

fn batch(number: i64) -> Result<RecordBatch> {
    let rows = number * BATCH..(number + 1) * BATCH;
    let mixed = |row: i64| row.wrapping_mul(6_364_136_223_846_793_005) >> 33;
    let column = |of: &dyn Fn(i64) -> i64| rows.clone().map(of).collect::<Vec<_>>();
    let columns: [(&str, ArrayRef); 3] = [
        (
            "driver_id",
            Arc::new(Int64Array::from(column(&|row| mixed(row).abs() % KEYS))),
        ),
        (
            "event_timestamp",
            Arc::new(TimestampMicrosecondArray::from(column(&|row| {
                mixed(row + 1).abs() * 1_000
            }))),
        ),
        ("v", Arc::new(Int64Array::from(column(&|row| row)))),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}

async fn done(feast: &FeastContext, sql: &str) -> Result<()> {
    let mut rows = feast.sql(sql).await?.execute_stream().await?;
    while let Some(batch) = rows.next().await {
        batch?;
    }
    Ok(())
}
