// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Iceberg tables as sources: a catalog, two commits, a join of the newest version and of an older one.
//!
//! ```text
//!   catalog.db (SQLite) ──► lake.rides.driver_stats ──► snapshot 1: Monday's rows
//!                                                  └──► snapshot 2: and Tuesday's correction of them
//! ```
//!
//! The table is written with `feast-iceberg`; one that PyIceberg, Spark or another engine wrote into
//! the same kind of catalog is attached in the same way.
//!
//! Run it with `cargo run --example iceberg_catalog`.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::assert_batches_eq;
use datafusion_feast::FeastContext;
use feast_iceberg::append::{append, create_table};
use feast_iceberg::{CatalogOptions, SqlCatalog};
use iceberg::{Catalog, NamespaceIdent, TableIdent};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// 2026-03-02T12:00:00Z, a Monday.
const MONDAY_NOON: i64 = 1_772_452_800_000_000;
const HOUR: i64 = 3_600_000_000;

#[tokio::main]
async fn main() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let lake = Lake::create(dir.path()).await?;
    let monday = lake
        .append(&[(1001, MONDAY_NOON, 0.6), (1002, MONDAY_NOON, 0.3)])
        .await?;

    let feast = FeastContext::builder()
        .with_catalog(options(dir.path()))
        .build()
        .await?;
    for definition in [
        "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)",
        "CREATE FEATURE VIEW driver_stats ENTITIES (driver)
         FROM lake.rides.driver_stats TIMESTAMP event_timestamp",
        "CREATE TABLE orders (order_id BIGINT, driver_id BIGINT, event_timestamp TIMESTAMPTZ)
         AS VALUES (1, 1001, '2026-03-02T13:00:00Z'), (2, 1002, '2026-03-02T13:00:00Z')",
    ] {
        feast.sql(definition).await?.collect().await?;
    }
    let rates = |options: String| {
        format!(
            "SELECT order_id, conv_rate
             FROM feast_pit_join(orders, ['driver_stats:conv_rate']{options}) ORDER BY order_id"
        )
    };
    let first = show(&feast, &rates(String::new())).await?;
    assert_batches_eq!(
        [
            "+----------+-----------+",
            "| order_id | conv_rate |",
            "+----------+-----------+",
            "| 1        | 0.6       |",
            "| 2        | 0.3       |",
            "+----------+-----------+",
        ],
        &first
    );

    // Somebody commits: the session sees it in its next statement.
    lake.append(&[(1001, MONDAY_NOON + HOUR, 0.8)]).await?;
    let second = show(&feast, &rates(String::new())).await?;
    assert_batches_eq!(
        [
            "+----------+-----------+",
            "| order_id | conv_rate |",
            "+----------+-----------+",
            "| 1        | 0.8       |",
            "| 2        | 0.3       |",
            "+----------+-----------+",
        ],
        &second
    );

    // The training set of Monday can be had again: its snapshot is still there.
    let pinned = format!(", as_of_snapshot => {{'driver_stats': {monday}}}");
    let again = show(&feast, &rates(pinned)).await?;
    assert_eq!(again, first);
    Ok(())
}

/// A catalog database and the one table in it.
struct Lake {
    catalog: SqlCatalog,
    table: TableIdent,
}

impl Lake {
    async fn create(dir: &Path) -> Result<Self> {
        let warehouse = dir.join("warehouse");
        std::fs::create_dir(&warehouse)?;
        let catalog = SqlCatalog::create(
            dir.join("catalog.db"),
            "lake",
            &warehouse.display().to_string(),
        )?;
        let rides = NamespaceIdent::new("rides".to_owned());
        catalog.create_namespace(&rides, HashMap::new()).await?;
        create_table(&catalog, &rides, "driver_stats", &schema(), &[]).await?;
        Ok(Self {
            catalog,
            table: TableIdent::new(rides, "driver_stats".to_owned()),
        })
    }

    /// Appends rows in one commit and gives its snapshot's id.
    async fn append(&self, rows: &[(i64, i64, f64)]) -> Result<i64> {
        let times = rows.iter().map(|row| row.1);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0))),
            Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC")),
            Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.2))),
        ];
        let batch = RecordBatch::try_new(Arc::new(schema()), columns)?;
        Ok(append(&self.catalog, &self.table, vec![batch]).await?)
    }
}

fn schema() -> Schema {
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Schema::new(vec![
        Field::new("driver_id", DataType::Int64, true),
        Field::new("event_timestamp", instant, true),
        Field::new("conv_rate", DataType::Float64, true),
    ])
}

/// How the catalog is attached; `--catalog` of the shell and `CREATE EXTERNAL CATALOG` say the same.
fn options(dir: &Path) -> CatalogOptions {
    CatalogOptions {
        name: "lake".to_owned(),
        kind: "sql".to_owned(),
        // SQLAlchemy's form of an absolute path: three slashes, and the path's own.
        uri: format!("sqlite:///{}", dir.join("catalog.db").display()),
        warehouse: None,
        properties: BTreeMap::new(),
    }
}

async fn show(feast: &FeastContext, sql: &str) -> Result<Vec<RecordBatch>> {
    let batches = feast.sql(sql).await?.collect().await?;
    println!("{}", pretty_format_batches(&batches)?);
    Ok(batches)
}
