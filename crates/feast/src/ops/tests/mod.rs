// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The verbs over a registry in memory and tables in memory.

mod alter;
mod apply;
mod checks;
mod definitions;
mod drift;
mod effects;
mod inference;
mod queries;
mod registry;
mod round_trip;
mod sources;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::util::pretty::pretty_format_batches;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::MemTable;
use feast_registry::{InMemoryRegistryStore, RegistryStore};

use crate::session::FeastContext;

/// A session with a table `rides` of many types and an empty registry.
async fn session() -> FeastContext {
    session_on(Arc::new(InMemoryRegistryStore::new())).await
}

async fn session_on(store: Arc<dyn RegistryStore>) -> FeastContext {
    let feast = FeastContext::builder()
        .with_registry(store)
        .build()
        .await
        .unwrap();
    let utc = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let rides = [
        ("driver_id", DataType::Int64),
        ("event_timestamp", utc()),
        ("created", utc()),
        ("seq", DataType::Int64),
        ("conv_rate", DataType::Float64),
        ("trips", DataType::Int32),
        ("Rating", DataType::Float32),
        ("__row", DataType::Time64(TimeUnit::Nanosecond)),
    ];
    register(&feast, "rides", rides.to_vec());
    let odd = [
        ("id", DataType::Utf8),
        ("rate", DataType::Float64),
        ("day", DataType::Date32),
        ("at", DataType::Time64(TimeUnit::Nanosecond)),
    ];
    register(&feast, "odd", odd.to_vec());
    feast
}

fn register(feast: &FeastContext, name: &str, columns: Vec<(&str, DataType)>) {
    let fields: Vec<Field> = columns
        .into_iter()
        .map(|(name, kind)| Field::new(name, kind, true))
        .collect();
    let table = MemTable::try_new(Arc::new(Schema::new(fields)), vec![vec![]]).unwrap();
    feast
        .session()
        .register_table(name, Arc::new(table))
        .unwrap();
}

async fn rows(feast: &FeastContext, sql: &str) -> Result<Vec<RecordBatch>> {
    feast.sql(sql).await?.collect().await
}

/// Runs statements that must succeed.
async fn run(feast: &FeastContext, statements: &[&str]) {
    for sql in statements {
        rows(feast, sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

/// The result, drawn.
async fn table(feast: &FeastContext, sql: &str) -> String {
    let batches = rows(feast, sql)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    pretty_format_batches(&batches).unwrap().to_string()
}

/// The first text of the result.
async fn text(feast: &FeastContext, sql: &str, column: &str) -> String {
    let batches = rows(feast, sql)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    let column = batches[0].column_by_name(column).unwrap();
    datafusion::common::cast::as_string_array(column)
        .unwrap()
        .value(0)
        .to_owned()
}

/// The error's message, with the place that it points at.
async fn told(feast: &FeastContext, sql: &str) -> String {
    match rows(feast, sql).await {
        Ok(_) => panic!("{sql} succeeded"),
        Err(error) => match error.find_root() {
            DataFusionError::External(error) => error.to_string(),
            DataFusionError::Plan(message) => message.clone(),
            other => other.strip_backtrace(),
        },
    }
}

/// The error's message without the place.
async fn error(feast: &FeastContext, sql: &str) -> String {
    let told = told(feast, sql).await;
    let message = told.lines().next().unwrap_or_default();
    match message.split_once(": ") {
        Some((place, message)) if place.starts_with("line ") => message.to_owned(),
        _ => message.to_owned(),
    }
}
