// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Random tables against their row-by-row model: the same queries of our scan and of the rows that
//! the model knows.
//!
//! `FEAST_ICEBERG_TABLES` says how many (500), `FEAST_ICEBERG_SEED` where to begin (0); table `i` has
//! seed `first + i`. What fails is shown after as few steps of its history as still fail. Tables
//! without deletes and changes are read by `iceberg-datafusion` too.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::common::runtime::SpawnedTask;
use datafusion_feast::FeastContext;
use feast_iceberg::SnapshotSelector;
use feast_testkit::compare::{RowOrder, compare, compare_rows, rows_of};
use feast_testkit::tables::{RandomTable, Schema, Snapshot};
use futures::future::join_all;
use iceberg::table::Table;
use iceberg_datafusion::IcebergStaticTableProvider;

use super::files::files_agree;
use super::made::{
    Setting, answer, context, in_memory, known, on_disk, open, register, register_known,
};
use super::queries::{Draw, Query};
use crate::seeds::{number, runtime};
use crate::tables::text;

const TABLES: u64 = 500;
/// So many queries are made of each table.
const QUERIES: usize = 4;
/// So many failures are made small and shown, so many listed.
const SHOWN: usize = 3;
const LISTED: usize = 100;

#[test]
fn random_tables_agree_with_their_model() {
    let first = number("FEAST_ICEBERG_SEED", 0);
    let tables = number("FEAST_ICEBERG_TABLES", TABLES);
    let runtime = runtime();
    let mut failures = runtime.block_on(all(first, tables));
    failures.sort();
    println!("{tables} random tables from seed {first}");
    if failures.is_empty() {
        return;
    }
    let shown = failures.iter().take(SHOWN);
    let shown: Vec<String> = shown
        .map(|(seed, _)| runtime.block_on(smallest(*seed)))
        .collect();
    let line = |(seed, reason): &(u64, String)| {
        let reason: String = reason.split_whitespace().collect::<Vec<_>>().join(" ");
        format!(
            "  seed {seed}: {}",
            reason.chars().take(220).collect::<String>()
        )
    };
    let listed: Vec<String> = failures.iter().take(LISTED).map(line).collect();
    panic!(
        "{} of {tables} tables differ:\n{}\n\n{}",
        failures.len(),
        listed.join("\n"),
        shown.join("\n\n")
    );
}

/// Checks all tables, as many at a time as there are cores.
async fn all(first: u64, tables: u64) -> Vec<(u64, String)> {
    let next = Arc::new(AtomicU64::new(0));
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let worker = || {
        let next = Arc::clone(&next);
        async move {
            let feast = Arc::new(context().await.unwrap());
            let mut failures = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= tables {
                    return failures;
                }
                let seed = first.wrapping_add(number);
                if let Err(reason) = guarded(&feast, seed, usize::MAX).await {
                    failures.push((seed, reason));
                }
            }
        }
    };
    let tasks: Vec<_> = (0..workers).map(|_| SpawnedTask::spawn(worker())).collect();
    let found = join_all(tasks.into_iter().map(SpawnedTask::join)).await;
    found.into_iter().flat_map(Result::unwrap).collect()
}

/// A table in a task of its own, so that a panic or a hang is a failure like any other.
async fn guarded(feast: &Arc<FeastContext>, seed: u64, steps: usize) -> Result<(), String> {
    let feast = Arc::clone(feast);
    let task = SpawnedTask::spawn(async move { agrees(&feast, seed, steps).await }).join();
    match tokio::time::timeout(std::time::Duration::from_secs(60), task).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => Err(format!("it panicked: {panic}")),
        Err(_) => Err("it hangs".to_owned()),
    }
}

/// The table after as few steps as still fail, with the way to see the whole one again.
async fn smallest(seed: u64) -> String {
    let again = format!("FEAST_ICEBERG_SEED={seed} FEAST_ICEBERG_TABLES=1 shows it again");
    let feast = Arc::new(context().await.unwrap());
    for steps in (1..10).chain([usize::MAX]) {
        if let Err(reason) = guarded(&feast, seed, steps).await {
            let table = RandomTable::draw_steps(seed, &location(seed), steps);
            let shown = table.map_or_else(text, |table| table.to_string());
            return format!("{again}; after {steps} steps:\n{reason}\n{shown}");
        }
    }
    format!("{again}; it did not fail a second time")
}

fn location(seed: u64) -> String {
    format!("s3://bucket/t{seed}")
}

async fn agrees(feast: &FeastContext, seed: u64, steps: usize) -> Result<(), String> {
    // Some tables are local files, which are read in another way.
    let folder = tempfile::tempdir().map_err(text)?;
    let local = seed % 4 == 3;
    let random = match local {
        true => {
            let root = folder.path().canonicalize().map_err(text)?;
            RandomTable::draw_steps(seed, &format!("file://{}", root.display()), steps)
        }
        false => RandomTable::draw_steps(seed, &location(seed), steps),
    };
    let random = random.map_err(text)?;
    let io = match local {
        true => {
            random.made.write().map_err(text)?;
            on_disk()
        }
        false => in_memory(&random.made).await?,
    };
    let table = open(&random.made, io).await?;
    let made = &random.made.table;
    let current = made.current().cloned();
    let schema = made.current_schema();
    let version = Version {
        random: &random,
        table: &table,
        at: SnapshotSelector::Current,
        snapshot: current.as_deref(),
        schema,
    };
    version.agrees(feast, QUERIES).await?;
    files_agree(feast, &table, &version.at, version.snapshot)
        .await
        .map_err(|reason| format!("its metadata: {reason}"))?;
    if random.is_plain() {
        plain_agrees(feast, &table).await?;
    }
    older_versions_agree(feast, &random, &table).await
}

/// Other snapshots with their own schemas, branches with the current one.
async fn older_versions_agree(
    feast: &FeastContext,
    random: &RandomTable,
    table: &Table,
) -> Result<(), String> {
    let made = &random.made.table;
    let count = made.snapshots().len().max(1);
    // One that is not the newest, another one in each table.
    let turn = (random.seed / 2) as usize % count;
    let older = made.snapshots().iter().skip(turn);
    let older = older.take(usize::from(random.seed.is_multiple_of(2)));
    for snapshot in older {
        let version = Version {
            random,
            table,
            at: SnapshotSelector::SnapshotId(snapshot.id),
            snapshot: Some(snapshot),
            schema: made.schema(snapshot.schema_id),
        };
        version.agrees(feast, 0).await?;
    }
    for (name, reference) in made.refs() {
        let snapshot = made.snapshot(reference.snapshot_id);
        let schema = match (reference.is_branch, snapshot) {
            (false, Some(snapshot)) => made.schema(snapshot.schema_id),
            _ => made.current_schema(),
        };
        // Version 1 has no references in its metadata.
        if made.version() > 1 {
            let version = Version {
                random,
                table,
                at: SnapshotSelector::Ref(name.clone()),
                snapshot: snapshot.map(AsRef::as_ref),
                schema,
            };
            version.agrees(feast, 1).await?;
        }
    }
    Ok(())
}

/// One version of a table.
struct Version<'a> {
    random: &'a RandomTable,
    table: &'a Table,
    at: SnapshotSelector,
    snapshot: Option<&'a Snapshot>,
    schema: &'a Schema,
}

impl Version<'_> {
    /// All rows, of the newest version in two settings, and so many random queries.
    async fn agrees(&self, feast: &FeastContext, queries: usize) -> Result<(), String> {
        let told = |reason: String| format!("at {:?}: {reason}", self.at);
        let shown = register(feast, self.table, self.at.clone()).map_err(told)?;
        let known = known(&self.random.made, self.snapshot, self.schema, &shown).map_err(told)?;
        register_known(feast, &known)?;
        let both = [Setting::AUTO, Setting::MERGED];
        let settings = match self.at {
            SnapshotSelector::Current => &both[..],
            _ => &both[self.random.seed as usize % 2..][..1],
        };
        for setting in settings {
            let told = |reason: String| told(format!("with {setting:?}: {reason}"));
            setting.apply(feast)?;
            let found = answer(feast, "SELECT * FROM t").await.map_err(told)?;
            compare(&known, &shown, &found, RowOrder::Any)
                .map_err(|difference| told(format!("SELECT *: {difference}")))?;
        }
        let mut draw = Draw::new(self.random.seed, &known);
        for at in 0..queries {
            let query = draw.query();
            let setting = setting(self.random.seed as usize + at);
            setting.apply(feast)?;
            same_answer(feast, &query)
                .await
                .map_err(|reason| told(format!("with {setting:?}: {reason}")))?;
        }
        Ok(())
    }
}

/// Settings in turn.
fn setting(at: usize) -> Setting {
    Setting {
        partitions: [1, 3][at % 2],
        batch_size: [1, 7, 8192][at / 2 % 3],
        merge_on_read: at % 3 == 1,
        pushed: at % 5 < 2,
    }
}

/// Whether a query finds in the table `t` what it finds in the rows `m`. Limits are not put on `m`:
/// DataFusion 53 forgets that of a table in memory when it swaps it with a projection.
async fn same_answer(feast: &FeastContext, query: &Query) -> Result<(), String> {
    // What DataFusion cannot do with rows in memory is no business of a scan.
    let Ok(wanted) = answer(feast, &query.unlimited("m")).await else {
        return Ok(());
    };
    let ours = query.of("t");
    let found = rows_of(&answer(feast, &ours).await?).map_err(text)?;
    let mut wanted = rows_of(&wanted).map_err(text)?;
    let Some(limit) = query.limit else {
        let names: Vec<String> = (0..20).map(|at| format!("column {at}")).collect();
        return compare_rows(&names, wanted, found, RowOrder::Any)
            .map_err(|difference| format!("{ours}: {difference}"));
    };
    let count = limit.min(wanted.len());
    if found.len() != count {
        return Err(format!("{ours}: {} rows instead of {count}", found.len()));
    }
    for row in found {
        let Some(at) = wanted.iter().position(|known| *known == row) else {
            return Err(format!(
                "{ours}: found {row:?}, which is no row, or not so often"
            ));
        };
        wanted.swap_remove(at);
    }
    Ok(())
}

/// A table that iceberg-datafusion reads right too.
async fn plain_agrees(feast: &FeastContext, table: &Table) -> Result<(), String> {
    if table.metadata().current_snapshot().is_none() {
        return Ok(());
    }
    let theirs = IcebergStaticTableProvider::try_new_from_table(table.clone()).await;
    let theirs = theirs.map_err(text)?;
    // Without our rule, which would replace its scan.
    let session = datafusion::prelude::SessionContext::new();
    let frame = session.read_table(Arc::new(theirs)).map_err(text)?;
    let Ok(theirs) = frame.collect().await else {
        return Ok(());
    };
    let ours = answer(feast, "SELECT * FROM t").await?;
    let (theirs, ours) = (
        rows_of(&theirs).map_err(text)?,
        rows_of(&ours).map_err(text)?,
    );
    let names: Vec<String> = (0..20).map(|at| format!("column {at}")).collect();
    compare_rows(&names, theirs, ours, RowOrder::Any)
        .map_err(|difference| format!("iceberg-datafusion: {difference}"))
}
