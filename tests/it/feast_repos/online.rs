// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `online_store` of a repository: where its online tables are.

use std::path::Path;

use datafusion::prelude::SessionConfig;
use datafusion_feast::{FeastContext, FeastSettings, FeatureRepository};
use feast_iceberg::SqlCatalog;
use tempfile::TempDir;

use super::{error, lines, rows};

const SERVING: &str = "online_store:
  type: iceberg
  catalog_type: sql
  catalog_name: serving
  uri: sqlite:///serving.db
  warehouse: served
  namespace: online
  partition_strategy: hybrid
  partition_count: 3
  read_timeout_ms: 60000
";

/// A repository with this `online_store`, a catalog `serving` beside it.
fn repository(online_store: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let yaml = format!(
        "project: rides\nregistry: registry.db\noffline_store: {{type: duckdb}}\n{online_store}"
    );
    std::fs::write(folder.path().join("feature_store.yaml"), yaml).unwrap();
    let served = folder.path().join("served");
    std::fs::create_dir(&served).unwrap();
    SqlCatalog::create(
        folder.path().join("serving.db"),
        "serving",
        &served.display().to_string(),
    )
    .unwrap();
    folder
}

async fn open(folder: &Path) -> FeastContext {
    Box::pin(FeastContext::open(folder)).await.unwrap()
}

/// A view over a file of the repository, which is in no catalog.
async fn define(feast: &FeastContext, folder: &Path) {
    let file = folder.join("rates.parquet");
    for sql in [
        &*format!(
            "COPY (SELECT 1 AS driver_id, TIMESTAMP '2025-01-01T00:00:00Z' AS ts, 0.5 AS rate) TO '{}'",
            file.display()
        ),
        "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)",
        "CREATE FEATURE VIEW rates ENTITIES (driver) FROM 'rates.parquet' TIMESTAMP ts",
    ] {
        rows(feast, sql).await.unwrap();
    }
}

const LOOKUP: &str =
    "SELECT * FROM feast_online_lookup(['rates:rate'], keys => [1], source => 'online')";

#[tokio::test]
async fn online_tables_are_where_the_repository_says() {
    let folder = repository(SERVING);
    let feast = open(folder.path()).await;
    assert!(
        !feast
            .notices()
            .unwrap()
            .iter()
            .any(|it| it.contains("online"))
    );
    let settings = "SELECT name, value FROM information_schema.df_settings WHERE name LIKE 'feast.online.%' AND name NOT LIKE '%staleness%' ORDER BY 1";
    assert_eq!(
        lines(&feast, settings).await,
        [
            "feast.online.catalog | serving",
            "feast.online.namespace | online",
            "feast.online.partition_count | 3",
            "feast.online.partition_strategy | hybrid",
            "feast.online.read_timeout_ms | 60000",
        ]
    );
    define(&feast, folder.path()).await;
    rows(&feast, "MATERIALIZE FEATURE VIEW rates")
        .await
        .unwrap();
    let status = "SELECT online_table, strategy, parts, rows FROM feast.online.status";
    let shown = ["serving.online.rides__rates | hybrid | 3 | 1"];
    assert_eq!(lines(&feast, status).await, shown);
    assert_eq!(lines(&feast, LOOKUP).await, ["1 | 0.5"]);

    let again = open(folder.path()).await;
    assert_eq!(lines(&again, LOOKUP).await, ["1 | 0.5"]);
    assert_eq!(lines(&again, status).await, shown);
    let table = "SELECT driver_id, rate FROM serving.online.rides__rates";
    assert_eq!(lines(&again, table).await, ["1 | 0.5"]);
    // What is said in the session counts more.
    rows(&again, "SET feast.online.namespace = 'elsewhere'")
        .await
        .unwrap();
    let refused = error(&again, LOOKUP).await;
    assert!(
        refused.contains("serving.elsewhere.rides__rates"),
        "{refused}"
    );
}

#[tokio::test]
async fn what_a_program_sets_stays() {
    let folder = repository(SERVING);
    let mut config = SessionConfig::new();
    let options = config.options_mut();
    options.extensions.insert(FeastSettings::default());
    options.set("feast.online.namespace", "mine").unwrap();
    options.set("feast.online.partition_count", "8").unwrap();
    let builder = FeastContext::builder()
        .with_session_config(config)
        .with_repository(FeatureRepository::open(folder.path()).unwrap());
    let feast = Box::pin(builder.build()).await.unwrap();
    define(&feast, folder.path()).await;
    rows(&feast, "MATERIALIZE FEATURE VIEW rates")
        .await
        .unwrap();
    let status = "SELECT online_table, strategy, parts FROM feast.online.status";
    assert_eq!(
        lines(&feast, status).await,
        ["serving.mine.rides__rates | hybrid | 8"]
    );
}

#[tokio::test]
async fn a_catalog_that_is_not_there_is_no_reason_to_take_another() {
    let folder = repository(&SERVING.replace("serving.db", "missing.db"));
    let feast = open(folder.path()).await;
    let notices = feast.notices().unwrap().join("\n");
    assert!(
        notices.contains("the catalog serving is not attached"),
        "{notices}"
    );
    define(&feast, folder.path()).await;
    for sql in [
        "MATERIALIZE FEATURE VIEW rates",
        LOOKUP,
        "SELECT feast_online_get('rates:rate', 1)",
    ] {
        let refused = error(&feast, sql).await;
        assert!(
            refused
                .contains("online_store of feature_store.yaml is in the Iceberg catalog serving"),
            "{refused}"
        );
    }
    let status = lines(&feast, "SELECT view, error FROM feast.online.status").await;
    assert!(
        status[0].starts_with("rates | online_store of feature_store.yaml"),
        "{status:?}"
    );
    let there = folder.path().join("serving.db");
    let attach = format!(
        "CREATE EXTERNAL CATALOG other STORED AS ICEBERG OPTIONS (type 'sql', uri 'sqlite:///{}', warehouse '{}', \"catalog-name\" 'serving')",
        there.display(),
        folder.path().join("served").display()
    );
    rows(&feast, &attach).await.unwrap();
    rows(&feast, "SET feast.online.catalog = 'other'")
        .await
        .unwrap();
    rows(&feast, "MATERIALIZE FEATURE VIEW rates")
        .await
        .unwrap();
    assert_eq!(lines(&feast, LOOKUP).await, ["1 | 0.5"]);
}

#[tokio::test]
async fn keys_of_older_versions_are_refused_online() {
    let folder = repository(&format!("{SERVING}entity_key_serialization_version: 2\n"));
    let feast = open(folder.path()).await;
    let notices = feast.notices().unwrap().join("\n");
    assert!(
        notices.contains("entity_key_serialization_version is 2"),
        "{notices}"
    );
    define(&feast, folder.path()).await;
    for sql in [
        "MATERIALIZE FEATURE VIEW rates",
        LOOKUP,
        "SELECT feast_online_get('rates:rate', 1)",
        "SELECT * FROM feast_write_online('rates', (SELECT 1 AS driver_id, TIMESTAMP '2025-01-01T00:00:00Z' AS ts, 0.5 AS rate))",
    ] {
        let refused = error(&feast, sql).await;
        assert!(
            refused.contains("entity_key_serialization_version is 2, online features need 3"),
            "{refused}"
        );
    }
    let joined = "SELECT rate FROM feast_pit_join(entities => (SELECT 1 AS driver_id,
        TIMESTAMP '2025-01-02T00:00:00Z' AS event_timestamp), features => ['rates:rate'])";
    assert_eq!(lines(&feast, joined).await, ["0.5"]);
}

#[tokio::test]
async fn a_store_of_feasts_own_is_noted_and_left_alone() {
    for store in ["redis", "{type: sqlite, path: online.db}"] {
        let folder = repository(&format!("online_store: {store}\n"));
        let feast = open(folder.path()).await;
        let notices = feast.notices().unwrap();
        assert!(
            notices
                .iter()
                .any(|it| it.contains("namespace feast_online")),
            "{notices:?}"
        );
        define(&feast, folder.path()).await;
        let refused = error(&feast, "MATERIALIZE FEATURE VIEW rates").await;
        assert!(refused.contains("SET feast.online.catalog"), "{refused}");
        let attach = format!(
            "CREATE EXTERNAL CATALOG serving STORED AS ICEBERG OPTIONS (type 'sql', uri 'sqlite:///{}', warehouse '{}')",
            folder.path().join("serving.db").display(),
            folder.path().join("served").display()
        );
        rows(&feast, &attach).await.unwrap();
        rows(&feast, "SET feast.online.catalog = 'serving'")
            .await
            .unwrap();
        rows(&feast, "MATERIALIZE FEATURE VIEW rates")
            .await
            .unwrap();
        assert_eq!(lines(&feast, LOOKUP).await, ["1 | 0.5"]);
        assert!(!folder.path().join("online.db").exists());
    }
}
