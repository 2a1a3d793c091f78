// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The same call on pinned snapshots gives the same bytes: today at any number of threads and either way of reading, and as those
//! of `tests/data/pinned`, which were written once.
//!
//! `FEAST_GOLDEN_UPDATE=1` writes the files anew, to be read before they are committed.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::Schema;
use arrow::json::WriterBuilder;
use arrow::json::writer::LineDelimited;
use datafusion_feast::FeastContext;
use feast_testkit::relocate::fixture;
use parquet::arrow::ArrowWriter;

use crate::place::Place;

const DEFINITIONS: [&str; 5] = [
    "CREATE EXTERNAL CATALOG lake STORED AS ICEBERG
     OPTIONS (type 'sql', uri 'sqlite:///${LAKE}/catalog.db', warehouse '${LAKE}/warehouse')",
    "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)",
    "CREATE ENTITY thing JOIN KEY (entity_id BIGINT)",
    "CREATE FEATURE VIEW stats ENTITIES (driver) FROM lake.features.driver_stats
     TIMESTAMP event_timestamp CREATED TIMESTAMP created TTL INTERVAL '7 days'",
    "CREATE FEATURE VIEW events ENTITIES (thing) FROM lake.spark.spark_feature_events_mor
     TIMESTAMP event_ts CREATED TIMESTAMP created_ts",
];

/// Name of the file and call. Rows of `events` are deleted and replaced from snapshot to snapshot.
const CALLS: [(&str, &str); 4] = [
    (
        "stats_first",
        "feast_pit_join('${LAKE}/entities.parquet', ['stats:conv_rate'], provenance => true,
           as_of_snapshot => {'stats': ${driver_stats@1}})",
    ),
    (
        "stats_third",
        "feast_pit_join('${LAKE}/entities.parquet', ['stats:*'], provenance => true,
           filter_by_created_timestamp => true, as_of_snapshot => {'stats': ${driver_stats@3}})",
    ),
    (
        "events_second",
        "feast_pit_join((SELECT value % 19 AS entity_id, to_timestamp(1714521600 + value * 5400)::TIMESTAMP AS event_timestamp
           FROM generate_series(0, 99) ORDER BY value),
           ['events:f_int', 'events:f_str', 'events:f_arr'], provenance => true,
           as_of_snapshot => {'events': ${spark_feature_events_mor@2}})",
    ),
    (
        "events_fourth",
        "feast_pit_join((SELECT value % 19 AS entity_id, to_timestamp(1714521600 + value * 5400)::TIMESTAMP AS event_timestamp
           FROM generate_series(0, 99) ORDER BY value),
           ['events:*'], provenance => true, as_of_snapshot => {'events': ${spark_feature_events_mor@4}})",
    ),
];

/// Partitions, batch size and way of reading.
const SETTINGS: [(usize, usize, &str); 4] = [
    (1, 8192, "one_pass"),
    (4, 3, "one_pass"),
    (1, 1, "late"),
    (7, 8192, "late"),
];

async fn run(feast: &FeastContext, sql: &str) -> (Schema, Vec<RecordBatch>) {
    let frame = feast.sql(sql).await;
    let frame = frame.unwrap_or_else(|e| panic!("{sql}\n{e}"));
    let schema = frame.schema().as_arrow().clone();
    let rows = frame.collect().await;
    (schema, rows.unwrap_or_else(|e| panic!("{sql}\n{e}")))
}

/// The answer as a Parquet file: what stands below a NULL and how texts are laid out is no part of it.
fn file_of(rows: &RecordBatch) -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), None).unwrap();
    writer.write(rows).unwrap();
    writer.into_inner().unwrap()
}

fn lines(batch: &RecordBatch) -> String {
    let builder = WriterBuilder::new().with_explicit_nulls(true);
    let mut writer = builder.build::<_, LineDelimited>(Vec::new());
    writer.write(batch).unwrap();
    writer.finish().unwrap();
    String::from_utf8(writer.into_inner()).unwrap()
}

#[tokio::test]
async fn pinned_snapshots_give_the_same_bytes_for_ever() {
    let texts: String = DEFINITIONS.concat();
    let place = Place::of(&texts);
    let feast = FeastContext::builder().build().await.unwrap();
    for definition in DEFINITIONS {
        run(&feast, &place.expand(definition)).await;
    }
    let update = std::env::var_os("FEAST_GOLDEN_UPDATE").is_some();
    for (name, call) in CALLS {
        let sql = format!("SELECT * FROM {}", place.expand(call));
        let mut first = None;
        for (partitions, batch_size, payload) in SETTINGS {
            for (setting, value) in [
                (
                    "datafusion.execution.target_partitions",
                    partitions.to_string(),
                ),
                ("datafusion.execution.batch_size", batch_size.to_string()),
                ("feast.pit.payload", payload.to_owned()),
            ] {
                run(&feast, &format!("SET {setting} = '{value}'")).await;
            }
            let (schema, rows) = run(&feast, &sql).await;
            let answer = concat_batches(&Arc::new(schema), &rows).unwrap();
            let file = fixture("pinned").join(format!("{name}.json"));
            if update && first.is_none() {
                std::fs::create_dir_all(fixture("pinned")).unwrap();
                std::fs::write(&file, lines(&answer)).unwrap();
            }
            let kept = std::fs::read_to_string(&file);
            let kept = kept.unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            assert_eq!(lines(&answer), kept, "{name}, {payload}, {partitions}");
            let bytes = file_of(&answer);
            let same = *first.get_or_insert_with(|| bytes.clone()) == bytes;
            assert!(same, "{name}, {payload}, {partitions}: other bytes");
        }
    }
}
