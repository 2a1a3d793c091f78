// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Too little memory: the same answer in parts, and nothing left behind.

use std::path::{Path, PathBuf};

use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use futures::StreamExt;

use super::*;

const ENTITIES: i64 = 4_000;

/// A session with so many bytes, whose temporary files go to `folder`.
fn limited(bytes: usize, folder: &Path) -> SessionContext {
    let mode = DiskManagerMode::Directories(vec![folder.to_path_buf()]);
    limited_with(bytes, DiskManagerBuilder::default().with_mode(mode))
}

fn limited_with(bytes: usize, disk: DiskManagerBuilder) -> SessionContext {
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_limit(bytes, 1.0)
        .with_disk_manager_builder(disk)
        .build_arc()
        .unwrap();
    SessionContext::new_with_config_rt(SessionConfig::new().with_batch_size(100), runtime)
}

/// A folder of this test's own.
pub(super) fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("feast-pit-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path());
    entries
        .map(|path| if path.is_dir() { files(&path) } else { 1 })
        .sum()
}

fn many_entities() -> Vec<Vec<RecordBatch>> {
    let part = |first: i64| {
        let rows = first..first + ENTITIES / 2;
        let driver = rows.clone().map(|r| (r * 7) % 300).collect::<Vec<_>>();
        let time = rows.map(|r| Some(r % 50)).collect::<Vec<_>>();
        let part = batch(vec![
            ("driver", Arc::new(Int64Array::from(driver)) as ArrayRef),
            ("time", times(&time)),
        ]);
        (0..part.num_rows())
            .step_by(500)
            .map(|r| part.slice(r, 500))
            .collect::<Vec<_>>()
    };
    vec![part(0), part(ENTITIES / 2)]
}

/// Rows with strings long enough to matter.
fn long_history() -> Vec<Vec<RecordBatch>> {
    let part = |p: i64| {
        let rows = 0..3_000_i64;
        let driver = rows.clone().map(|r| (r * 11 + p) % 300).collect::<Vec<_>>();
        let at = rows.clone().map(|r| Some(r % 40)).collect::<Vec<_>>();
        let text = rows.map(|r| format!("{p} {r} {}", "x".repeat(40)));
        vec![batch(vec![
            ("driver", Arc::new(Int64Array::from(driver)) as ArrayRef),
            ("at", times(&at)),
            ("created", times(&at)),
            (
                "v",
                Arc::new(StringArray::from_iter_values(text)) as ArrayRef,
            ),
        ])]
    };
    vec![part(0), part(1)]
}

async fn joined(context: &SessionContext) -> Arc<PitJoinExec> {
    let entity = scan(context, many_entities()).await;
    let input = scan(context, long_history()).await;
    let spec = PitSpec {
        event_time: "time".to_owned(),
        views: vec![view(None)],
    };
    Arc::new(PitJoinExec::try_new(entity, vec![input], Arc::new(spec)).unwrap())
}

fn metric(join: &PitJoinExec, name: &str) -> usize {
    let metrics = join.metrics().unwrap();
    metrics
        .sum_by_name(name)
        .map_or(0, |value| value.as_usize())
}

fn spilled(join: &PitJoinExec) -> usize {
    join.metrics().unwrap().spilled_rows().unwrap_or(0)
}

fn text(batches: &[RecordBatch]) -> String {
    pretty_format_batches(batches).unwrap().to_string()
}

#[tokio::test]
async fn a_tenth_of_the_memory_gives_the_same_answer() {
    let folder = folder("tenth");
    let context = limited(usize::MAX / 2, &folder);
    let join = joined(&context).await;
    let whole = collect(Arc::clone(&join) as _, context.task_ctx())
        .await
        .unwrap();
    assert_eq!(metric(&join, "parts"), 1);
    assert_eq!(spilled(&join), 0);
    let wanted = metric(&join, "peak_mem_used");
    for part in [2, 10] {
        let context = limited(wanted / part, &folder);
        let join = joined(&context).await;
        let answer = collect(Arc::clone(&join) as _, context.task_ctx())
            .await
            .unwrap();
        assert_eq!(text(&answer), text(&whole));
        assert!(metric(&join, "parts") > 1);
        assert_eq!(spilled(&join), ENTITIES as usize);
        assert_eq!(context.runtime_env().memory_pool.reserved(), 0);
        assert_eq!(files(&folder), 0);
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn an_error_leaves_no_file_and_no_memory() {
    let folder = folder("error");
    let context = limited(20_000, &folder);
    let entity = scan(&context, many_entities()).await;
    let input = streams::failing(batch(vec![
        ("driver", Arc::new(Int64Array::from(vec![1])) as ArrayRef),
        ("at", times(&[Some(1)])),
        ("created", times(&[Some(1)])),
        ("v", Arc::new(StringArray::from(vec!["a"])) as ArrayRef),
    ]));
    let spec = PitSpec {
        event_time: "time".to_owned(),
        views: vec![view(None)],
    };
    let join = Arc::new(PitJoinExec::try_new(entity, vec![input], Arc::new(spec)).unwrap());
    let error = collect(Arc::clone(&join) as _, context.task_ctx()).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("feature view stats"), "{error}");
    assert_eq!(spilled(&join), ENTITIES as usize);
    assert_eq!(context.runtime_env().memory_pool.reserved(), 0);
    assert_eq!(files(&folder), 0);
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn dropping_the_answer_leaves_no_file_and_no_memory() {
    let folder = folder("drop");
    let context = limited(60_000, &folder);
    let join = joined(&context).await;
    let mut answer = join.execute(0, context.task_ctx()).unwrap();
    assert_eq!(answer.next().await.unwrap().unwrap().num_rows(), 100);
    assert!(files(&folder) > 0);
    drop(answer);
    assert_eq!(context.runtime_env().memory_pool.reserved(), 0);
    assert_eq!(files(&folder), 0);
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn temporary_files_keep_to_their_limit() {
    let folder = folder("limit");
    let mode = DiskManagerMode::Directories(vec![folder.clone()]);
    let disk = DiskManagerBuilder::default()
        .with_mode(mode)
        .with_max_temp_directory_size(10_000);
    let context = limited_with(60_000, disk);
    let join = joined(&context).await;
    let error = collect(join, context.task_ctx()).await.unwrap_err();
    let error = error.to_string();
    assert!(error.contains("max_temp_directory_size"), "{error}");
    assert_eq!(context.runtime_env().memory_pool.reserved(), 0);
    assert_eq!(files(&folder), 0);
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn without_temporary_files_parts_are_taken_from_memory() {
    let disk = || DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
    let context = limited_with(usize::MAX / 2, disk());
    let join = joined(&context).await;
    let whole = collect(Arc::clone(&join) as _, context.task_ctx())
        .await
        .unwrap();
    let wanted = metric(&join, "peak_mem_used");
    let context = limited_with(wanted / 2, disk());
    let join = joined(&context).await;
    let answer = collect(Arc::clone(&join) as _, context.task_ctx())
        .await
        .unwrap();
    assert_eq!(text(&answer), text(&whole));
    assert!(metric(&join, "parts") > 1);
    assert_eq!(spilled(&join), 0);
    assert_eq!(context.runtime_env().memory_pool.reserved(), 0);
}

#[tokio::test]
async fn slices_of_one_batch_count_for_their_own_rows() {
    let n = 300_000_i64;
    let entities = batch(vec![
        (
            "driver",
            Arc::new(Int64Array::from((0..n).collect::<Vec<_>>())) as ArrayRef,
        ),
        ("time", times(&(0..n).map(|_| Some(5)).collect::<Vec<_>>())),
    ]);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_limit(80 << 20, 1.0)
        .build_arc()
        .unwrap();
    let context = SessionContext::new_with_config_rt(SessionConfig::new(), runtime);
    let entity = scan(&context, vec![vec![entities]]).await;
    let input = scan(&context, vec![history()]).await;
    let spec = PitSpec {
        event_time: "time".to_owned(),
        views: vec![view(None)],
    };
    let join = Arc::new(PitJoinExec::try_new(entity, vec![input], Arc::new(spec)).unwrap());
    let answer = collect(join, context.task_ctx()).await.unwrap();
    assert_eq!(column(&answer, "v")[..4], [None, Some(40), None, Some(7)]);
    assert_eq!(context.runtime_env().memory_pool.reserved(), 0);
}

#[tokio::test]
async fn a_join_over_its_memory_limit_says_so_and_gives_it_back() {
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_limit(100, 1.0)
        .build_arc()
        .unwrap();
    let context = SessionContext::new_with_config_rt(SessionConfig::new(), runtime);
    let entity = scan(&context, vec![vec![entities()]]).await;
    let input = scan(&context, vec![history()]).await;
    let spec = PitSpec {
        event_time: "time".to_owned(),
        views: vec![view(None)],
    };
    let join = Arc::new(PitJoinExec::try_new(entity, vec![input], Arc::new(spec)).unwrap());
    let error = collect(join, context.task_ctx())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("PitJoin"), "{error}");
    assert_eq!(context.runtime_env().memory_pool.reserved(), 0);
}
