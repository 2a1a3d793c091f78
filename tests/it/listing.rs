// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A catalog that cannot be listed says why.

use datafusion_feast::{CatalogOptions, FeastContext};
use feast_testkit::lock::DatabaseLock;
use feast_testkit::relocate::{fixture, place};

#[tokio::test]
async fn a_database_locked_after_it_was_attached_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap().join("lake");
    place(&fixture("pyiceberg/v0_12"), &root).unwrap();
    let options = format!("lake=type=sql,uri=sqlite:///{}/catalog.db", root.display());
    let feast = FeastContext::builder()
        .with_catalog(CatalogOptions::parse(&options).unwrap())
        .build()
        .await
        .unwrap();
    let tables = feast.sql("SHOW TABLES").await.unwrap();
    assert!(tables.count().await.unwrap() > 0);

    let lock = DatabaseLock::exclusive(&root.join("catalog.db")).unwrap();
    for statement in ["SHOW TABLES", "SELECT * FROM lake.features.driver_stats"] {
        let error = match feast.sql(statement).await {
            Ok(frame) => frame.collect().await.unwrap_err(),
            Err(error) => error,
        };
        assert!(
            error.to_string().contains("is locked"),
            "{statement}: {error}"
        );
    }
    drop(lock);
    let rows = feast
        .sql("SELECT * FROM lake.features.driver_stats")
        .await
        .unwrap();
    assert!(rows.count().await.unwrap() > 0);
}
