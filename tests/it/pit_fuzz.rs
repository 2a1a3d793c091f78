// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Arbitrary bytes as a point-in-time join: a clean error, or the oracle's answer; never a panic, never memory that stays.
//!
//! `FEAST_FUZZ_SECONDS` runs for so long on all cores in place of a fixed number of inputs; `FEAST_FUZZ_SEED` says where to begin
//! (0). Input `i` has seed `first + i`.

mod arrays;
mod bytes;
mod question;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arrow::error::ArrowError;
use datafusion::common::DataFusionError;
use datafusion::common::runtime::SpawnedTask;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::{SessionConfig, SessionContext};
use feast_pit::{KeepEntityOrder, PitJoinExec, PitJoinMode};
use feast_testkit::compare::{RowOrder, compare, rows_of};
use futures::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::seeds::{number, runtime};
use crate::tables::text;
use question::{Question, Rows};

/// So many inputs are tried where no time is given.
const INPUTS: u64 = 800;
/// The longest input.
const BYTES: usize = 1_200;
/// How long tasks that were aborted may hold memory.
const RELEASE: Duration = Duration::from_secs(20);

/// What became of an input that shows no fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// The oracle's answer.
    Agrees,
    /// An answer of types that the oracle does not read.
    Unread,
    /// Refused when it was planned.
    Refused,
    /// More memory was needed than there was.
    Exhausted,
}

#[test]
fn any_bytes_give_an_error_or_the_right_answer() {
    let first = number("FEAST_FUZZ_SEED", 0);
    let seconds = number("FEAST_FUZZ_SECONDS", 0);
    let until = (seconds > 0).then(|| Instant::now() + Duration::from_secs(seconds));
    let runtime = runtime();
    let next = Arc::new(AtomicU64::new(0));
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let worker = || {
        let next = Arc::clone(&next);
        async move {
            let mut found = Vec::new();
            let mut outcomes = BTreeMap::new();
            loop {
                let input = next.fetch_add(1, Ordering::Relaxed);
                let over = until.map_or(input >= INPUTS, |until| Instant::now() > until);
                if over {
                    return (outcomes, found);
                }
                match guarded(first.wrapping_add(input)).await {
                    Ok(outcome) => *outcomes.entry(outcome).or_insert(0_u64) += 1,
                    Err(fault) => found.push(fault),
                }
            }
        }
    };
    let (mut outcomes, mut found) = (BTreeMap::new(), Vec::new());
    runtime.block_on(async {
        let workers: Vec<_> = (0..workers).map(|_| SpawnedTask::spawn(worker())).collect();
        for done in join_all(workers.into_iter().map(SpawnedTask::join)).await {
            let (counts, faults) = done.unwrap();
            for (outcome, count) in counts {
                *outcomes.entry(outcome).or_insert(0) += count;
            }
            found.extend(faults);
        }
    });
    println!(
        "inputs from seed {first}: {outcomes:?}, {} faults",
        found.len()
    );
    found.sort();
    found.truncate(20);
    assert!(found.is_empty(), "{}", found.join("\n\n"));
    let agreed = outcomes.get(&Outcome::Agrees).copied().unwrap_or(0);
    assert!(agreed > 100, "only {agreed} answers were compared");
}

/// An input in a task of its own, so that a panic is a fault like any other.
async fn guarded(seed: u64) -> Result<Outcome, String> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut bytes = vec![0; random.random_range(0..BYTES)];
    random.fill(bytes.as_mut_slice());
    let task = SpawnedTask::spawn(async move { target(&bytes).await });
    match task.join().await {
        Ok(Ok(outcome)) => Ok(outcome),
        Ok(Err(fault)) => Err(format!("seed {seed}: {fault}")),
        Err(panic) => Err(format!("seed {seed}: it panicked: {panic}")),
    }
}

/// What is fuzzed.
async fn target(bytes: &[u8]) -> Result<Outcome, String> {
    let question = Question::draw(bytes);
    let mut runtime = RuntimeEnvBuilder::new();
    if let Some(limit) = question.memory {
        runtime = runtime.with_memory_limit(limit, 1.0);
    }
    let config = SessionConfig::new()
        .with_target_partitions(question.target_partitions)
        .with_batch_size(question.batch_size);
    let runtime = runtime.build_arc().map_err(text)?;
    let context = SessionContext::new_with_config_rt(config.clone(), runtime);
    let join = match join(&question) {
        Ok(join) => join,
        Err(error) if matches!(error.find_root(), DataFusionError::Plan(_)) => {
            return Ok(Outcome::Refused);
        }
        Err(other) => return Err(format!("planning gave {other}\n{question:?}")),
    };
    let schema = join.schema();
    let mut plan = join;
    for rule in rules() {
        let optimized = rule.optimize(plan, config.options());
        plan = optimized.map_err(|e| format!("{}: {e}\n{question:?}", rule.name()))?;
    }
    let answer = collect(plan, context.task_ctx()).await;
    let pool = &context.runtime_env().memory_pool;
    let released = tokio::time::timeout(RELEASE, async {
        while pool.reserved() > 0 {
            tokio::task::yield_now().await;
        }
    });
    if released.await.is_err() {
        return Err(format!("{} bytes stay\n{question:?}", pool.reserved()));
    }
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            return match error.find_root() {
                DataFusionError::ResourcesExhausted(_) if question.memory.is_some() => {
                    Ok(Outcome::Exhausted)
                }
                // A time beyond the calendar, as a key that meets one with a zone.
                DataFusionError::ArrowError(error, _)
                    if matches!(error.as_ref(), ArrowError::CastError(_)) =>
                {
                    Ok(Outcome::Refused)
                }
                _ => Err(format!("it gave {error}\n{question:?}")),
            };
        }
    };
    let expected = match question.expected() {
        Ok(expected) if rows_of(std::slice::from_ref(&expected)).is_ok() => expected,
        _ => return Ok(Outcome::Unread),
    };
    let kept = question.without_provenance();
    let schema = schema.project(&kept).map_err(text)?;
    let answer: Result<Vec<_>, _> = answer.iter().map(|batch| batch.project(&kept)).collect();
    let in_order = question.mode == PitJoinMode::Collected && question.entity.partitions.len() == 1;
    let order = match in_order {
        true => RowOrder::Exact,
        false => RowOrder::Any,
    };
    match compare(&expected, &schema, &answer.map_err(text)?, order) {
        Ok(()) => Ok(Outcome::Agrees),
        Err(difference) => Err(format!("{difference}\n{question:?}")),
    }
}

/// DataFusion's rules, with ours around the one that would shuffle the entity side.
fn rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    let distribution = rules.iter().position(|r| r.name() == "EnforceDistribution");
    let at = distribution.unwrap();
    rules.insert(at + 1, Arc::new(KeepEntityOrder::unseal()));
    rules.insert(at, Arc::new(KeepEntityOrder::seal()));
    rules
}

fn join(question: &Question) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
    let scan = |rows: &Rows| -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let schema = Arc::clone(&rows.schema);
        Ok(MemorySourceConfig::try_new_exec(
            &rows.partitions,
            schema,
            None,
        )?)
    };
    let views = question.views.iter().map(scan).collect::<Result<_, _>>()?;
    let spec = Arc::new(question.spec.clone());
    let entity = scan(&question.entity)?;
    let join = PitJoinExec::try_new_with_mode(entity, views, spec, question.mode)?;
    Ok(Arc::new(join))
}
