// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Storage that fails, lies, dawdles or hangs: a query ends with an error that names the file, or
//! with the right rows, and the next query is right.
//!
//! Parquet and Avro have no checksums, so that a bit inside a value, a count or a statistic may be
//! another one and nobody can see it. There only panics and hangs are failures.

mod broken;

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use feast_iceberg::{IcebergTableProvider, OpenOptions};
use feast_testkit::faults::{Fault, FaultKind};
use feast_testkit::tables::RandomTable;

use self::broken::{Broken, QUERY, TIME_LIMIT, files, guarded, table};
use super::made::{Setting, answer, context, replace};
use crate::tables::text;

/// Kinds of files that a query of a table reads.
const KINDS: [&str; 4] = ["-snap-", "-m.avro", "/data/", "/deletes/"];

/// Faults that a reader can see, wherever they are.
const SEEN: [FaultKind; 9] = [
    FaultKind::Error,
    FaultKind::NotFound,
    FaultKind::Short(1),
    FaultKind::Short(30),
    FaultKind::Truncated(0.0),
    FaultKind::Truncated(0.4),
    FaultKind::Truncated(0.97),
    FaultKind::Flipped(0.0),
    FaultKind::Slow(Duration::from_millis(20)),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_file_may_break() {
    let mut wrong = Vec::new();
    for version in [2, 3] {
        let made = Arc::new(table(version));
        let files = files(&made).await;
        for kind in KINDS {
            assert!(
                files.iter().any(|file| file.contains(kind)),
                "{kind} in {files:?}"
            );
        }
        for file in &files {
            for kind in SEEN {
                for setting in [Setting::AUTO, Setting::MERGED] {
                    let outcome = guarded(&made, setting, Fault::new(file, kind)).await;
                    let fails = matches!(kind, FaultKind::Error | FaultKind::NotFound);
                    match outcome {
                        Err(reason) => wrong.push(reason),
                        Ok(None) if fails => wrong.push(format!("{kind:?} of {file}: no error")),
                        Ok(Some(error)) if matches!(kind, FaultKind::Slow(_)) => wrong.push(error),
                        Ok(_) => {}
                    }
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} faults:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// A read fails after some went well: in the middle of a file.
#[tokio::test(flavor = "multi_thread")]
async fn reads_may_fail_in_the_middle() {
    let mut wrong = Vec::new();
    for version in [2, 3] {
        let made = Arc::new(table(version));
        for file in files(&made).await {
            for after in 1..4 {
                let fault = Fault {
                    after,
                    ..Fault::new(&file, FaultKind::Error)
                };
                wrong.extend(guarded(&made, Setting::AUTO, fault).await.err());
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Wherever a bit of a deletion vector is another one, its checksum tells.
#[tokio::test(flavor = "multi_thread")]
async fn every_bit_of_a_vector_counts() {
    let made = Arc::new(table(3));
    let vector = made
        .table
        .current()
        .unwrap()
        .deletes
        .iter()
        .find(|d| d.vector().is_some());
    let path = vector.unwrap().path.clone();
    let size = made.files[&path].len();
    let name = path.rsplit('/').next().unwrap().to_owned();
    let mut wrong = Vec::new();
    for at in 0..size {
        let share = (at as f64 + 0.5) / size as f64;
        let fault = Fault::new(&name, FaultKind::Flipped(share));
        wrong.extend(guarded(&made, Setting::AUTO, fault).await.err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A bit anywhere in any file is another one: whatever comes of it, nothing panics or hangs.
#[tokio::test(flavor = "multi_thread")]
async fn no_damaged_file_makes_a_panic() {
    let mut wrong = Vec::new();
    for version in [2, 3] {
        let made = Arc::new(table(version));
        for file in files(&made).await {
            for step in 1..40 {
                let fault = Fault::new(&file, FaultKind::Flipped(f64::from(step) / 40.0));
                let Err(reason) = guarded(&made, Setting::AUTO, fault).await else {
                    continue;
                };
                if ["panicked", "hangs"]
                    .iter()
                    .any(|word| reason.contains(word))
                {
                    wrong.push(reason);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_random_tables_may_break() {
    let mut wrong = Vec::new();
    let mut broken = 0;
    for seed in 0..40 {
        let random = RandomTable::draw(seed, &format!("s3://bucket/f{seed}")).unwrap();
        let made = Arc::new(random.made);
        let current = made.table.current();
        if current.is_none_or(|current| current.data.is_empty() || current.deletes.is_empty()) {
            continue;
        }
        for (at, file) in files(&made).await.into_iter().enumerate() {
            let kind = SEEN[(at + seed as usize) % SEEN.len()];
            let setting = [Setting::AUTO, Setting::MERGED][at % 2];
            let outcome = guarded(&made, setting, Fault::new(&file, kind)).await;
            wrong.extend(outcome.err().map(|reason| format!("seed {seed}: {reason}")));
            broken += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(broken > 100, "{broken}");
}

/// A query that waits for a file is cancelled; its reads end, and the next query is right.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_hangs_can_be_cancelled() {
    for version in [2, 3] {
        let made = table(version);
        for file in files(&made).await {
            for setting in [Setting::AUTO, Setting::MERGED] {
                let broken = Arc::new(Broken::new(&made, setting).await);
                broken.store.set(vec![Fault::new(&file, FaultKind::Hang)]);
                let running = Arc::clone(&broken);
                let query = SpawnedTask::spawn(async move {
                    answer(&running.feast, QUERY).await.map(|found| found.len())
                });
                until(|| broken.store.hanging() > 0, &file).await;
                drop(query);
                until(|| broken.store.hanging() == 0, &file).await;
                broken.is_well().await;
            }
        }
    }
}

/// Waits until something is so, for at most a few seconds.
async fn until(so: impl Fn() -> bool, file: &str) {
    for _ in 0..500 {
        if so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{file}: it does not come");
}

/// Two queries wait for one delete file; one is cancelled, the other gets its rows.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_file_outlives_who_asked_for_it() {
    for version in [2, 3] {
        let made = table(version);
        for file in files(&made)
            .await
            .into_iter()
            .filter(|file| file.contains("/deletes/"))
        {
            let broken = Arc::new(Broken::new(&made, Setting::AUTO).await);
            let slow = FaultKind::Slow(Duration::from_millis(300));
            broken.store.set(vec![Fault::new(&file, slow)]);
            let query = || {
                let running = Arc::clone(&broken);
                SpawnedTask::spawn(async move { answer(&running.feast, QUERY).await })
            };
            let (first, second) = (query(), query());
            tokio::time::sleep(Duration::from_millis(100)).await;
            drop(first);
            let second = tokio::time::timeout(TIME_LIMIT, second.join()).await;
            let found = second.unwrap().unwrap().unwrap();
            broken.is_right(&found).unwrap();
        }
    }
}

/// A metadata file of any length, with any bit another one, gives a table or an error.
#[tokio::test(flavor = "multi_thread")]
async fn metadata_files_may_be_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let mut made = table(3);
    let moved = |at: &str| at.replacen("s3://bucket", &root.display().to_string(), 1);
    let files = std::mem::take(&mut made.files);
    made.files = files
        .into_iter()
        .map(|(at, bytes)| (moved(&at), bytes))
        .collect();
    made.metadata = moved(&made.metadata);
    made.write().unwrap();
    let whole = std::fs::read(&made.metadata).unwrap();
    let mut damaged: Vec<Vec<u8>> = vec![Vec::new(), b"{}".to_vec(), b"[1]".to_vec()];
    damaged.extend((1..60).map(|part| whole[..whole.len() * part / 60].to_vec()));
    damaged.extend((0..120).map(|part| {
        let mut flipped = whole.clone();
        flipped[whole.len() * part / 120] ^= 0x10;
        flipped
    }));
    for (at, bytes) in damaged.into_iter().enumerate() {
        std::fs::write(&made.metadata, bytes).unwrap();
        let metadata = made.metadata.clone();
        let task = SpawnedTask::spawn(async move { opened(&metadata).await });
        let outcome = tokio::time::timeout(TIME_LIMIT, task.join()).await;
        let outcome = outcome
            .unwrap()
            .unwrap_or_else(|panic| panic!("damage {at}: {panic}"));
        if let Err(error) = outcome {
            // A damaged location leads to other files, whose names it then tells.
            assert!(
                error.contains(".json") || error.contains("/"),
                "damage {at}: {error}"
            );
        }
    }
}

async fn opened(metadata: &str) -> Result<usize, String> {
    let options = OpenOptions {
        allow_moved_paths: true,
        ..OpenOptions::default()
    };
    let provider = IcebergTableProvider::open(metadata, options)
        .await
        .map_err(text)?;
    let feast = context().await?;
    replace(&feast, "t", Arc::new(provider))?;
    let found = answer(&feast, QUERY).await?;
    Ok(found.iter().map(RecordBatch::num_rows).sum())
}
