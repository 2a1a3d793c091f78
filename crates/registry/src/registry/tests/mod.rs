// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The book as a whole, on files that Feast made (`tests/data/make_registries.py`).

mod copies;
mod damaged;
mod edits;
mod feast_files;
mod rules;
mod versions;
mod written;

use std::collections::BTreeMap;

use crate::{
    DataSource, Entity, FeatureView, Field, FileSource, IcebergSource, Registry, Source,
    TableSource, Timestamp, Ttl, ValueType,
};

/// A registry that Feast made.
fn feast_file(name: &str) -> Vec<u8> {
    let folder = env!("CARGO_MANIFEST_DIR");
    std::fs::read(format!("{folder}/tests/data/{name}.db")).unwrap()
}

fn feast_registry(name: &str) -> Registry {
    Registry::parse(&feast_file(name)).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::new(1_800_000_000 + seconds, 123_456_000)
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn driver() -> Entity {
    Entity {
        description: "A driver".into(),
        owner: "ops".into(),
        tags: map(&[("team", "rides")]),
        ..Entity::new("driver", "driver_id", ValueType::Int64)
    }
}

fn iceberg_source() -> DataSource {
    let source = IcebergSource {
        catalog_name: "lake".into(),
        catalog_type: "sql".into(),
        namespace: "rides".into(),
        table: "driver_stats".into(),
        endpoint: Some("postgresql://me:hunter2@host/db".into()),
        warehouse: Some("s3://bucket/wh".into()),
        catalog_properties: map(&[("s3.region", "eu"), ("s3.secret-access-key", "hunter2")]),
    };
    DataSource {
        created_timestamp_column: Some("created".into()),
        field_mapping: map(&[("cr", "conv_rate")]),
        tags: map(&[("origin", "spark")]),
        description: "By the hour".into(),
        owner: "data".into(),
        ..DataSource::new(
            "lake.rides.driver_stats",
            Source::Iceberg(source),
            "event_timestamp",
        )
    }
}

fn file_source() -> DataSource {
    let source = FileSource {
        uri: "data/world.parquet".into(),
    };
    DataSource::new("world_source", Source::File(source), "ts")
}

fn table_source() -> DataSource {
    let source = TableSource {
        table: "lake.rides.\"Odd name\"".into(),
    };
    DataSource::new("odd", Source::Table(source), "ts")
}

fn driver_stats() -> FeatureView {
    let rate = Field {
        description: "rate".into(),
        tags: map(&[("unit", "1")]),
        ..Field::new("conv_rate", ValueType::Double)
    };
    FeatureView {
        entities: vec!["driver".into()],
        entity_columns: vec![Field::new("driver_id", ValueType::Int64)],
        features: vec![rate, Field::new("trips", ValueType::Int64)],
        ttl: Some(Ttl::new(86_400, 500_000_000)),
        description: "Stats by the hour".into(),
        owner: "ops".into(),
        tags: map(&[("team", "rides")]),
        tie_break: vec!["seq".into(), "größe".into()],
        ..FeatureView::new("driver_stats", iceberg_source())
    }
}

fn world() -> FeatureView {
    FeatureView {
        features: vec![Field::new("temperature", ValueType::Double)],
        online: false,
        ..FeatureView::new("world", file_source())
    }
}
