// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Writes the demo's tables: a SQLite catalog, Parquet files, several snapshots.

use std::collections::HashMap;
use std::fs::{self, File};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::error::{DataFusionError, Result};
use datafusion::parquet::arrow::ArrowWriter;
use feast_iceberg::SqlCatalog;
use feast_iceberg::append::{add_column, append, create_table};
use iceberg::{Catalog, NamespaceIdent, TableIdent};

use super::data;
use super::place::DemoDir;
use crate::failure::Failure;

/// Builds the catalog, its tables and the file of trips.
pub(super) async fn build(demo: &DemoDir) -> std::result::Result<(), Failure> {
    fs::create_dir_all(demo.warehouse()).map_err(|error| demo.failed(&error))?;
    Box::pin(build_all(demo))
        .await
        .map_err(|error| Failure::of_engine(format!("demo {}", demo.path().display()), &error))
}

async fn build_all(demo: &DemoDir) -> Result<()> {
    let warehouse = demo.warehouse().display().to_string();
    let catalog = SqlCatalog::create(demo.catalog_file(), "lake", &warehouse)?;
    let rides = NamespaceIdent::new("rides".to_owned());
    catalog
        .create_namespace(&rides, HashMap::new())
        .await
        .map_err(feast_iceberg::Error::from)?;
    let lake = Lake { catalog, rides };
    Box::pin(lake.driver_stats()).await?;
    Box::pin(lake.customer_spend()).await?;
    Box::pin(lake.pair_history()).await?;
    write_trips(demo)
}

/// The catalog and the namespace of its tables.
struct Lake {
    catalog: SqlCatalog,
    rides: NamespaceIdent,
}

impl Lake {
    /// Three commits; before the third the table gets a column. The second brings late rows, the
    /// third corrections.
    async fn driver_stats(&self) -> Result<()> {
        let table = self.create("driver_stats", &data::driver_schema()).await?;
        let [first, second, third] = data::driver_commits()?;
        self.append(&table, first).await?;
        self.append(&table, second).await?;
        let rating = data::rating_field();
        add_column(&self.catalog, &table, rating.name(), rating.data_type()).await?;
        self.append(&table, third).await
    }

    async fn customer_spend(&self) -> Result<()> {
        let table = self
            .create("customer_spend", &data::customer_schema())
            .await?;
        for week in data::customer_commits()? {
            self.append(&table, week).await?;
        }
        Ok(())
    }

    async fn pair_history(&self) -> Result<()> {
        let table = self.create("pair_history", &data::pair_schema()).await?;
        self.append(&table, data::pair_rows()?).await
    }

    async fn create(&self, name: &str, schema: &SchemaRef) -> Result<TableIdent> {
        create_table(&self.catalog, &self.rides, name, schema, &[]).await?;
        Ok(TableIdent::new(self.rides.clone(), name.to_owned()))
    }

    async fn append(&self, table: &TableIdent, rows: RecordBatch) -> Result<()> {
        append(&self.catalog, table, vec![rows]).await?;
        Ok(())
    }
}

fn write_trips(demo: &DemoDir) -> Result<()> {
    let trips = data::trips()?;
    let file = File::create(demo.entities_file())?;
    let mut writer =
        ArrowWriter::try_new(file, trips.schema(), None).map_err(DataFusionError::from)?;
    writer.write(&trips)?;
    writer.close()?;
    Ok(())
}
