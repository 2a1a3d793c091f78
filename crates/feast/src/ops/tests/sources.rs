// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What is recorded of a view's source: Iceberg tables by their catalog, files by their path.

use std::path::Path;

use feast_iceberg::{SqlCatalog, append::create_table};
use iceberg::{Catalog, NamespaceIdent};

use super::*;

async fn lake(folder: &Path) -> String {
    let (file, warehouse) = (folder.join("lake.db"), folder.join("warehouse"));
    let catalog = SqlCatalog::create(&file, "lake", &warehouse.display().to_string()).unwrap();
    let namespace = NamespaceIdent::new("rides".to_owned());
    catalog
        .create_namespace(&namespace, Default::default())
        .await
        .unwrap();
    let schema = Schema::new(vec![
        Field::new("driver_id", DataType::Int64, true),
        Field::new(
            "at",
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            true,
        ),
        Field::new("rate", DataType::Float64, true),
    ]);
    create_table(&catalog, &namespace, "stats", &schema, &[])
        .await
        .unwrap();
    format!(
        "type 'sql', uri 'sqlite:///{}', warehouse '{}', \"s3.secret-access-key\" 'hush', \
         s3.region 'eu'",
        file.display(),
        warehouse.display()
    )
}

#[tokio::test]
async fn an_iceberg_table_is_recorded_by_its_catalog_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let options = lake(folder.path()).await;
    let store = Arc::new(InMemoryRegistryStore::new());
    let feast = session_on(Arc::clone(&store) as Arc<dyn RegistryStore>).await;
    let view = "CREATE FEATURE VIEW stats FROM lake.rides.stats TIMESTAMP at";
    let missing = error(&feast, view).await;
    assert!(
        missing.contains("lake") && missing.contains("CREATE EXTERNAL CATALOG"),
        "{missing}"
    );
    run(
        &feast,
        &[
            &format!("CREATE EXTERNAL CATALOG lake STORED AS ICEBERG OPTIONS ({options})"),
            &format!(
                "CREATE EXTERNAL CATALOG IF NOT EXISTS lake STORED AS ICEBERG OPTIONS ({options})"
            ),
            "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)",
            &view.replace(" FROM", " ENTITIES (driver) FROM"),
        ],
    )
    .await;
    assert_eq!(
        table(
            &feast,
            "SELECT name, kind, source FROM feast.registry.data_sources"
        )
        .await,
        "\
+-------+---------+------------------+
| name  | kind    | source           |
+-------+---------+------------------+
| stats | iceberg | lake.rides.stats |
+-------+---------+------------------+"
    );
    assert_eq!(
        text(&feast, "SHOW CREATE FEATURE VIEW stats", "statement").await,
        "CREATE FEATURE VIEW stats\n  ENTITIES (driver)\n  FEATURES (rate DOUBLE)\n  \
         FROM lake.rides.stats TIMESTAMP at\n  ONLINE"
    );
    let bytes = store.read().unwrap().unwrap().bytes;
    let stored = String::from_utf8_lossy(&bytes).into_owned();
    assert!(stored.contains("s3.region") && !stored.contains("hush"));
    // The same definition again, although the session knows the secret and the registry does not.
    run(
        &feast,
        &[&view
            .replace("CREATE", "CREATE OR REPLACE")
            .replace(" FROM", " ENTITIES (driver) FROM")],
    )
    .await;
    assert_eq!(store.read().unwrap().unwrap().bytes, bytes);
}

#[tokio::test]
async fn a_file_is_recorded_by_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder
        .path()
        .join("it's.parquet")
        .display()
        .to_string()
        .replace('\'', "''");
    let feast = session().await;
    run(
        &feast,
        &[
            &format!(
                "COPY (SELECT 1 AS driver_id, now() AS at, 0.5 AS rate) TO '{path}' \
                 STORED AS PARQUET"
            ),
            "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)",
            &format!(
                "CREATE FEATURE VIEW stats ENTITIES (driver) FROM '{path}' TIMESTAMP at \
                 TTL INTERVAL '0.5 seconds'"
            ),
        ],
    )
    .await;
    let create = text(&feast, "SHOW CREATE FEATURE VIEW stats", "statement").await;
    assert!(create.contains(&format!(
        "FROM '{path}' TIMESTAMP at\n  TTL INTERVAL '0.5 seconds'"
    )));
    run(&feast, &["DROP FEATURE VIEW stats", &create]).await;
    assert_eq!(text(&feast, "SHOW DATA SOURCES", "kind").await, "file");
}
