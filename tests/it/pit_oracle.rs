// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Random point-in-time joins against the oracle.
//!
//! `FEAST_ORACLE_SCENARIOS` says how many (800), `FEAST_ORACLE_SEED` where to begin (0); scenario `i`
//! has seed `first + i`, so one that failed runs alone with its own seed and a count of 1. What fails
//! is made smaller before it is shown.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arrow::array::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion_feast::FeastContext;
use feast_testkit::compare::{RowOrder, compare};
use feast_testkit::scenario::{ENTITY_TABLE, Scenario, Table};
use futures::future::join_all;

use crate::join_memory::JoinMemory;
use crate::seeds::{number, runtime};
use crate::tables::{register, register_files, text};

const SCENARIOS: u64 = 800;
/// How long tasks that were aborted may hold memory.
const RELEASE: Duration = Duration::from_secs(20);
/// So many scenarios that fail are made small and shown.
const SHOWN: usize = 3;
/// So many scenarios that fail are listed.
const LISTED: usize = 200;
/// So many smaller scenarios are tried before the smallest is shown.
const REDUCTIONS: usize = 400;

#[derive(Debug, Clone, Copy)]
struct Setting {
    partitions: usize,
    batch_size: usize,
    /// When features are read; only views over files can be read late.
    payload: &'static str,
    /// Half of the memory that the join would take.
    short_of_memory: bool,
}

impl Setting {
    const fn new(
        partitions: usize,
        batch_size: usize,
        payload: &'static str,
        short_of_memory: bool,
    ) -> Self {
        Self {
            partitions,
            batch_size,
            payload,
            short_of_memory,
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "target_partitions {}, batch_size {}, payload {}{}",
            self.partitions,
            self.batch_size,
            self.payload,
            match self.short_of_memory {
                true => ", half of the memory",
                false => "",
            }
        )
    }
}

const SETTINGS: [Setting; 8] = [
    Setting::new(1, 8192, "auto", false),
    Setting::new(2, 3, "one_pass", false),
    Setting::new(7, 8192, "late", false),
    Setting::new(1, 1, "late", false),
    Setting::new(7, 1, "one_pass", false),
    Setting::new(2, 8192, "one_pass", true),
    Setting::new(1, 3, "one_pass", true),
    Setting::new(7, 3, "late", true),
];

/// Joins that were done in parts for want of memory.
static IN_PARTS: AtomicU64 = AtomicU64::new(0);

#[test]
fn pit_join_agrees_with_oracle() {
    let first = number("FEAST_ORACLE_SEED", 0);
    let scenarios = number("FEAST_ORACLE_SCENARIOS", SCENARIOS);
    let runtime = runtime();
    let failures = runtime.block_on(all(first, scenarios));
    let in_parts = IN_PARTS.load(Ordering::Relaxed);
    println!(
        "{scenarios} scenarios from seed {first}, each in {} settings; {in_parts} joins in parts",
        SETTINGS.len()
    );
    assert!(
        in_parts > 0 || scenarios < 100,
        "no join was done in parts: nothing was seen of that"
    );
    if failures.is_empty() {
        return;
    }
    let shown: Vec<String> = failures
        .iter()
        .take(SHOWN)
        .map(|failure| runtime.block_on(explain(failure)))
        .collect();
    let listed: Vec<_> = failures.iter().take(LISTED).map(Failure::line).collect();
    panic!(
        "{} of {scenarios} scenarios from seed {first} differ from the oracle:\n{}\n\n{}",
        failures.len(),
        listed.join("\n"),
        shown.join("\n\n")
    );
}

struct Failure {
    scenario: Scenario,
    reason: String,
}

impl Failure {
    /// The scenario's seed and the beginning of the reason.
    fn line(&self) -> String {
        let reason: String = self.reason.split_whitespace().collect::<Vec<_>>().join(" ");
        format!(
            "  seed {}: {}",
            self.scenario.seed,
            reason.chars().take(160).collect::<String>()
        )
    }
}

/// Runs all scenarios, as many at a time as there are cores.
async fn all(first: u64, scenarios: u64) -> Vec<Failure> {
    let next = Arc::new(AtomicU64::new(0));
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let worker = || {
        let next = Arc::clone(&next);
        async move {
            let mut failures = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= scenarios {
                    return failures;
                }
                let scenario = Scenario::draw(first.wrapping_add(number)).unwrap();
                if let Err(reason) = guarded(scenario.clone()).await {
                    failures.push(Failure { scenario, reason });
                }
            }
        }
    };
    let tasks: Vec<_> = (0..workers).map(|_| SpawnedTask::spawn(worker())).collect();
    let found = join_all(tasks.into_iter().map(SpawnedTask::join)).await;
    let mut failures: Vec<Failure> = found.into_iter().flat_map(Result::unwrap).collect();
    failures.sort_by_key(|failure| failure.scenario.seed);
    failures
}

/// A scenario in a task of its own, so that a panic is a failure like any other.
async fn guarded(scenario: Scenario) -> Result<(), String> {
    match SpawnedTask::spawn(async move { agrees(&scenario).await })
        .join()
        .await
    {
        Ok(result) => result,
        Err(panic) => Err(format!("it panicked: {panic}")),
    }
}

async fn agrees(scenario: &Scenario) -> Result<(), String> {
    let expected = scenario.expected().map_err(text)?;
    let memory = Arc::new(JoinMemory::default());
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::clone(&memory) as _)
        .build_arc()
        .map_err(text)?;
    let feast = FeastContext::builder().with_runtime_env(runtime);
    let feast = feast.build().await.map_err(text)?;
    let folder = tempfile::tempdir().map_err(text)?;
    give(&feast, folder.path(), scenario).await?;
    for definition in scenario.definitions() {
        run(&feast, &definition).await?;
    }
    for setting in SETTINGS {
        set(&feast, setting)?;
        memory.unlimited();
        one_setting(&feast, scenario, &expected)
            .await
            .map_err(|reason| format!("with {setting}: {reason}"))?;
        if setting.short_of_memory {
            memory.half();
            match one_setting(&feast, scenario, &expected).await {
                Ok(()) => IN_PARTS.fetch_add(1, Ordering::Relaxed),
                // Half may be too little for the least part.
                Err(reason) if reason.contains("Resources exhausted") => 0,
                Err(reason) => return Err(format!("with {setting}: {reason}")),
            };
        }
        // Tasks that were aborted hold memory until they notice.
        let released = tokio::time::timeout(RELEASE, async {
            while memory.used() > 0 {
                tokio::task::yield_now().await;
            }
        });
        if released.await.is_err() {
            return Err(format!("with {setting}: {} bytes stay", memory.used()));
        }
    }
    Ok(())
}

/// Gives the context the scenario's tables, where the scenario keeps them.
async fn give(feast: &FeastContext, folder: &Path, scenario: &Scenario) -> Result<(), String> {
    let storage = scenario.storage;
    let in_file = storage.entity_in_file && scenario.is_ordered();
    let mut tables = vec![(ENTITY_TABLE.to_string(), &scenario.entity, in_file)];
    for view in &scenario.views {
        tables.push((view.source_name(), &view.source, storage.sources_in_files));
    }
    for (table, Table { schema, partitions }, in_files) in tables {
        let schema = Arc::clone(schema);
        if in_files {
            let rows = storage.rows_a_group;
            register_files(feast, folder, &table, schema, partitions, rows).await?;
        } else {
            register(feast, &table, schema, partitions.clone())?;
        }
    }
    Ok(())
}

async fn one_setting(
    feast: &FeastContext,
    scenario: &Scenario,
    expected: &RecordBatch,
) -> Result<(), String> {
    let frame = feast.sql(&scenario.call()).await.map_err(text)?;
    let schema = Arc::clone(frame.schema().inner());
    let rows = frame.collect().await.map_err(text)?;
    compare(expected, &schema, &rows, RowOrder::Any).map_err(text)?;
    if scenario.is_ordered() {
        compare(expected, &schema, &rows, RowOrder::Exact)
            .map_err(|difference| format!("only the order of rows differs: {difference}"))?;
    }
    Ok(())
}

fn set(feast: &FeastContext, setting: Setting) -> Result<(), String> {
    let state = feast.session().state_ref();
    let mut state = state.write();
    let options = state.config_mut().options_mut();
    options
        .set("feast.pit.payload", setting.payload)
        .map_err(text)?;
    let execution = &mut options.execution;
    execution.target_partitions = setting.partitions;
    execution.batch_size = setting.batch_size;
    // The join's filters prune row groups and pages; in these settings also rows.
    execution.parquet.pushdown_filters = setting.partitions > 1;
    execution.parquet.schema_force_view_types = false;
    Ok(())
}

async fn run(feast: &FeastContext, sql: &str) -> Result<(), String> {
    let failed = |error: datafusion::error::DataFusionError| format!("{sql}\n  {error}");
    feast
        .sql(sql)
        .await
        .map_err(failed)?
        .collect()
        .await
        .map_err(failed)?;
    Ok(())
}

/// The smallest scenario found that still fails, with the way to see the whole one again.
async fn explain(failure: &Failure) -> String {
    let (mut scenario, mut reason) = (failure.scenario.clone(), failure.reason.clone());
    let mut tries = 0;
    'smaller: while tries < REDUCTIONS {
        for candidate in scenario.reductions().unwrap() {
            tries += 1;
            if let Err(still) = guarded(candidate.clone()).await {
                (scenario, reason) = (candidate, still);
                continue 'smaller;
            }
            if tries >= REDUCTIONS {
                break;
            }
        }
        break;
    }
    let seed = scenario.seed;
    format!(
        "FEAST_ORACLE_SEED={seed} FEAST_ORACLE_SCENARIOS=1 shows it again; as small as it gets:\n\
         {reason}\n{scenario}"
    )
}
