// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Tables that other engines wrote, each with the rows that independent readers agreed on.
//!
//! They are read from `tests/data/tables`, from `../shared/tables` beside the repository where that is, and from
//! the folders named in `ICEBERG_TABLES` (one or several, parted by `:`). A table may be refused, if the error
//! names a feature that is not supported; anything else than the rows or such an error is a failure.

mod check;
mod reader;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use datafusion::common::runtime::SpawnedTask;
use feast_testkit::relocate::fixture;

use self::check::{Outcome, check};
use self::reader::Lake;
use crate::seeds::runtime;

/// No table is large.
const TIME_LIMIT: Duration = Duration::from_secs(120);

#[test]
fn iceberg_tables() {
    let runtime = runtime();
    let tables = tables();
    let outcomes = runtime.block_on(all(&tables));
    let (mut right, mut notes, mut refused, mut wrong) = (0, Vec::new(), Vec::new(), Vec::new());
    for (name, outcome) in outcomes {
        match outcome {
            Ok(Outcome::Right(told)) => {
                right += 1;
                notes.extend(told.into_iter().map(|note| format!("  {name}: {note}")));
            }
            Ok(Outcome::Refused(reason)) => refused.push(format!("  {name}: {reason}")),
            Err(reason) => wrong.push(format!("  {name}: {reason}")),
        }
    }
    println!(
        "{} tables: {right} read right, {} refused",
        tables.len(),
        refused.len()
    );
    println!(
        "refused:\n{}\nnotes:\n{}",
        refused.join("\n"),
        notes.join("\n")
    );
    assert!(
        wrong.is_empty(),
        "{} tables are read wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// The tables by name; one that is in several folders is read once.
fn tables() -> BTreeMap<String, PathBuf> {
    let mut folders = vec![fixture("tables")];
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tables");
    match shared.is_dir() {
        true => folders.push(shared),
        false => println!("{} is not there: skipped", shared.display()),
    }
    let named = std::env::var("ICEBERG_TABLES").unwrap_or_default();
    for folder in named.split(':').filter(|folder| !folder.is_empty()) {
        assert!(
            Path::new(folder).is_dir(),
            "ICEBERG_TABLES names {folder}, which is no folder"
        );
        folders.push(PathBuf::from(folder));
    }
    let mut found = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for folder in folders {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        entries.sort();
        // The folder may be a table itself.
        entries.insert(0, folder.clone());
        for entry in entries {
            let Ok(expected) = std::fs::read(entry.join("expected.json")) else {
                continue;
            };
            let name = entry.file_name().unwrap().to_string_lossy().into_owned();
            if seen.insert((name.clone(), expected)) {
                let mut unique = name;
                while found.contains_key(&unique) {
                    unique.push('\'');
                }
                found.insert(unique, entry.canonicalize().unwrap());
            }
        }
    }
    found
}

type Checked = Vec<(String, Result<Outcome, String>)>;

/// Checks the tables, as many at a time as there are cores.
async fn all(tables: &BTreeMap<String, PathBuf>) -> Checked {
    let lake = Arc::new(Lake::new());
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let parts = (0..workers).map(|worker| {
        let lake = Arc::clone(&lake);
        let part = tables.iter().skip(worker).step_by(workers);
        let part: Vec<(String, PathBuf)> = part.map(|(n, p)| (n.clone(), p.clone())).collect();
        SpawnedTask::spawn(async move {
            let mut outcomes = Vec::new();
            for (name, folder) in part {
                let outcome = guarded(&lake, &name, folder).await;
                outcomes.push((name, outcome));
            }
            outcomes
        })
    });
    let parts =
        futures::future::join_all(parts.collect::<Vec<_>>().into_iter().map(SpawnedTask::join));
    let mut outcomes: Checked = parts.await.into_iter().flat_map(Result::unwrap).collect();
    outcomes.sort_by(|a, b| a.0.cmp(&b.0));
    outcomes
}

/// A table in a task of its own, so that a panic or a hang is a failure like any other.
async fn guarded(lake: &Arc<Lake>, name: &str, folder: PathBuf) -> Result<Outcome, String> {
    let (lake, name) = (Arc::clone(lake), name.to_owned());
    let task = SpawnedTask::spawn(async move { check(&lake, &name, &folder).await });
    match tokio::time::timeout(TIME_LIMIT, task.join()).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => Err(format!("it panicked: {panic}")),
        Err(_) => Err(format!(
            "it takes more than {} seconds",
            TIME_LIMIT.as_secs()
        )),
    }
}
