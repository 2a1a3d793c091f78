// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The online store through SQL: what is written, what is found, and that it is what a training set
//! would have.

mod asked;
mod changes;
mod churn;
mod evolution;
mod failing;
mod get;
mod get_in_host;
mod kill;
mod kinds;
mod lookup;
mod model;
mod points;
mod status;
mod stories;
mod together;
mod trips;
mod widening;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::SessionConfig;
use datafusion_feast::FeastContext;
use feast_iceberg::{CatalogOptions, SqlCatalog};
use feast_registry::{InMemoryRegistryStore, RegistryStore};
use tempfile::TempDir;

/// A catalog `lake` with a namespace `shop`, definitions, and sessions on them.
pub(crate) struct OnlineLake {
    pub(crate) dir: TempDir,
    pub(crate) store: Arc<InMemoryRegistryStore>,
}

impl OnlineLake {
    pub(crate) async fn new() -> Self {
        let lake = Self {
            dir: tempfile::tempdir().unwrap(),
            store: Arc::default(),
        };
        let warehouse = lake.dir.path().join("wh");
        std::fs::create_dir(&warehouse).unwrap();
        let warehouse = warehouse.display().to_string();
        SqlCatalog::create(lake.dir.path().join("c.db"), "lake", &warehouse).unwrap();
        let feast = lake.session().await;
        rows(&feast, "CREATE SCHEMA lake.shop").await;
        lake
    }

    /// Its catalog.
    pub(crate) async fn catalog(&self) -> SqlCatalog {
        catalog_in(self.dir.path()).await
    }

    /// A new session on what is there, as after a restart.
    pub(crate) async fn session(&self) -> FeastContext {
        let config = SessionConfig::new().with_target_partitions(2);
        let feast = FeastContext::builder()
            .with_session_config(config)
            .with_registry(Arc::clone(&self.store) as Arc<dyn RegistryStore>)
            .with_project("rides")
            .build()
            .await
            .unwrap();
        let path = self.dir.path().display();
        let attach = format!(
            "CREATE EXTERNAL CATALOG lake STORED AS ICEBERG OPTIONS (type 'sql', uri 'sqlite:///{path}/c.db', warehouse '{path}/wh')"
        );
        rows(&feast, &attach).await;
        for setting in [
            "catalog = 'lake'",
            "partition_count = 4",
            "read_timeout_ms = 600000",
        ] {
            rows(&feast, &format!("SET feast.online.{setting}")).await;
        }
        feast
    }
}

/// The catalog in a folder.
pub(crate) async fn catalog_in(dir: &std::path::Path) -> SqlCatalog {
    let dir = dir.display();
    let pairs = [
        ("type", "sql".to_owned()),
        ("uri", format!("sqlite:///{dir}/c.db")),
        ("warehouse", format!("{dir}/wh")),
    ];
    let pairs = pairs.map(|(key, value)| (key.to_owned(), value));
    let options = CatalogOptions::from_pairs("lake", pairs).unwrap();
    SqlCatalog::open(&options).await.unwrap()
}

pub(crate) async fn try_rows(feast: &FeastContext, sql: &str) -> Result<Vec<RecordBatch>, String> {
    let ran = async { Box::pin(feast.sql(sql)).await?.collect().await };
    ran.await.map_err(|error| error.strip_backtrace())
}

pub(crate) async fn rows(feast: &FeastContext, sql: &str) -> Vec<RecordBatch> {
    match try_rows(feast, sql).await {
        Ok(rows) => rows,
        Err(error) => panic!("{sql}\n  {error}"),
    }
}

/// The result as lines, a row a line, cells separated by one space.
pub(crate) async fn lines(feast: &FeastContext, sql: &str) -> Vec<String> {
    shown(&rows(feast, sql).await)
}

pub(crate) fn shown(batches: &[RecordBatch]) -> Vec<String> {
    let shown = pretty_format_batches(batches).unwrap().to_string();
    let cells = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        cells.join(" ")
    };
    shown
        .lines()
        .filter(|line| line.starts_with('|'))
        .skip(1)
        .map(cells)
        .collect()
}

pub(crate) async fn refusal(feast: &FeastContext, sql: &str) -> String {
    match try_rows(feast, sql).await {
        Ok(_) => panic!("{sql}\n  was not refused"),
        Err(error) => error,
    }
}
