// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Two processes define at once in one registry file, and nothing is lost.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use datafusion_feast::FeastContext;
use feast_registry::Registry;

use super::{rows, table};

/// In the other processes: the registry, and what the names begin with.
const DEFINE: &str = "FEAST_TEST_DEFINE";
/// How many statements each process runs.
const EACH: usize = 25;

async fn open(registry: &Path) -> FeastContext {
    FeastContext::builder()
        .with_registry_path(registry)
        .with_project("rides")
        .build()
        .await
        .unwrap()
}

/// One of the other processes. Run without its variable it does nothing.
#[test]
#[ignore = "the other processes of the tests of writers"]
fn definer() {
    let Ok(task) = std::env::var(DEFINE) else {
        return;
    };
    let (name, registry) = task.split_once(' ').unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(16 << 20)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut running = Vec::new();
        // Sessions of one process do not share anything either.
        for number in 0..EACH {
            let (registry, name) = (registry.to_owned(), format!("{name}_{number}"));
            let define = async move {
                let feast = open(Path::new(&registry)).await;
                let statement = match number % 3 {
                    0 => format!("CREATE ENTITY {name} JOIN KEY ({name}_id BIGINT)"),
                    1 => format!("CREATE FEATURE VIEW {name} FROM (SELECT 1 AS x, TIMESTAMP '2025-01-01' AS t) TIMESTAMP t"),
                    _ => format!("ALTER ENTITY shared SET TAGS ({name} 'set')"),
                };
                rows(&feast, &statement).await;
            };
            running.push(datafusion::common::runtime::SpawnedTask::spawn(define));
        }
        for task in running {
            task.join().await.unwrap();
        }
    });
}

fn start(name: &str, registry: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "invariants::writers::definer"])
        .env(DEFINE, format!("{name} {}", registry.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn fifty_statements_of_two_processes_are_all_there() {
    let folder = tempfile::tempdir().unwrap();
    let registry = folder.path().join("registry.db");
    let feast = open(&registry).await;
    rows(&feast, "CREATE ENTITY shared JOIN KEY (id BIGINT)").await;
    let children = ["a", "b"].map(|name| start(name, &registry));
    for child in children {
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && told.contains("1 passed"),
            "{told}"
        );
    }
    let read = Registry::parse(&std::fs::read(&registry).unwrap()).unwrap();
    let shared = read.entity("rides", "shared").unwrap().unwrap();
    let mut found: Vec<String> = shared.tags.into_keys().collect();
    found.extend(
        read.entities("rides")
            .unwrap()
            .into_iter()
            .map(|it| it.name),
    );
    found.extend(
        read.feature_views("rides")
            .unwrap()
            .into_iter()
            .map(|it| it.name),
    );
    found.retain(|name| name != "shared");
    found.sort();
    let mut expected: Vec<String> = ["a", "b"]
        .iter()
        .flat_map(|name| (0..EACH).map(move |number| format!("{name}_{number}")))
        .collect();
    expected.sort();
    assert_eq!(found, expected);
    // The session that was open all along sees them.
    let count = table(&feast, "SELECT count(*) AS n FROM feast_entities()").await;
    assert!(count.contains("| 19 |"), "{count}");
}
