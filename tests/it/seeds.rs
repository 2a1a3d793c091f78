// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Tests over many seeds: their runtime, their numbers, and what they tell.

use tokio::runtime::{Builder, Runtime};

/// A runtime whose threads have room for the deep plans of unoptimised builds.
pub(crate) fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(16 << 20)
        .build()
        .unwrap()
}

/// A number that the environment gives.
pub(crate) fn number(variable: &str, otherwise: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is no number")),
        Err(_) => otherwise,
    }
}

/// Asks every seed below `end`. Fails with all that went wrong, or where there was nothing to compare.
pub(crate) fn each_seed<F>(end: u64, compared: &str, agrees: impl Fn(u64) -> F)
where
    F: Future<Output = Result<usize, String>>,
{
    let runtime = runtime();
    let mut wrong = Vec::new();
    let mut count = 0;
    for seed in 0..end {
        match runtime.block_on(Box::pin(agrees(seed))) {
            Ok(here) => count += here,
            Err(reason) => wrong.push(format!("seed {seed}: {reason}")),
        }
    }
    println!("{count} {compared} of {end} seeds");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(count > 0, "no {compared} to compare");
}
