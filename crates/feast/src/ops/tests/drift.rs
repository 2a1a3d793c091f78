// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Sources that changed since a view was defined.

use super::definitions::{DRIVER, VIEW};
use super::*;

/// The table `rides` anew, with these columns.
fn changed(feast: &FeastContext, columns: Vec<(&str, DataType)>) {
    feast.session().deregister_table("rides").unwrap();
    register(feast, "rides", columns);
}

fn columns() -> Vec<(&'static str, DataType)> {
    let utc = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    vec![
        ("driver_id", DataType::Int64),
        ("event_timestamp", utc()),
        ("created", utc()),
        ("seq", DataType::Int64),
        ("conv_rate", DataType::Float64),
        ("trips", DataType::Int32),
        ("Rating", DataType::Float32),
    ]
}

async fn join(feast: &FeastContext, features: &str) -> Result<Vec<RecordBatch>> {
    let sql = format!(
        "SELECT * FROM feast_pit_join((SELECT CAST(1 AS BIGINT) AS driver_id, \
         TIMESTAMP '2025-01-03T00:00:00' AS event_timestamp), [{features}])"
    );
    rows(feast, &sql).await
}

async fn problems(feast: &FeastContext) -> usize {
    let found = rows(feast, "SELECT * FROM feast_validate()").await.unwrap();
    found.iter().map(RecordBatch::num_rows).sum()
}

#[tokio::test]
async fn renamed_dropped_and_widened_columns_are_reported() {
    let feast = session().await;
    run(
        &feast,
        &[
            DRIVER,
            VIEW,
            "CREATE FEATURE SERVICE ranking AS (driver_stats)",
        ],
    )
    .await;
    assert_eq!(problems(&feast).await, 0);
    let mut now = columns();
    now.retain(|(name, _)| *name != "Rating");
    for (name, data_type) in &mut now {
        match *name {
            "conv_rate" => *name = "convrate",
            "trips" => *data_type = DataType::Int64,
            _ => {}
        }
    }
    changed(&feast, now);
    assert_eq!(
        table(&feast, "SELECT * FROM feast_validate()").await,
        "\
+--------------+---------+---------------------------------------------------------------------------------------------+----------------------------------------------------------------------------------------------------------------------------------------+
| object       | feature | problem                                                                                     | fix                                                                                                                                    |
+--------------+---------+---------------------------------------------------------------------------------------------+----------------------------------------------------------------------------------------------------------------------------------------+
| driver_stats | rate    | column conv_rate is not in datafusion.public.rides                                          | if convrate is it, define the view anew with FIELD MAPPING (convrate AS rate), or ALTER FEATURE VIEW driver_stats DROP FEATURES (rate) |
| driver_stats | trips   | column trips of datafusion.public.rides was widened to INT64 (Int64), the view declares INT | ALTER FEATURE VIEW driver_stats ALTER FEATURE trips TYPE BIGINT                                                                        |
| driver_stats | Rating  | column \"Rating\" is not in datafusion.public.rides                                           | define the view anew with CREATE OR REPLACE FEATURE VIEW driver_stats, or ALTER FEATURE VIEW driver_stats DROP FEATURES (\"Rating\")     |
+--------------+---------+---------------------------------------------------------------------------------------------+----------------------------------------------------------------------------------------------------------------------------------------+"
    );
    let described = table(
        &feast,
        "SELECT column_name, source_type, problem FROM feast_describe('feature view', 'driver_stats') \
         WHERE role = 'feature'",
    )
    .await;
    assert!(
        described.contains("| trips       | Int64       | column trips of"),
        "{described}"
    );
    // A query that needs what is gone names it; others work.
    assert!(join(&feast, "'driver_stats:trips'").await.is_ok());
    let message = join(&feast, "'driver_stats:trips', 'driver_stats:rate'")
        .await
        .unwrap_err();
    assert!(
        message
            .to_string()
            .contains("feature rate is not in its source"),
        "{message}"
    );
    // The fixes that are told fix it.
    run(
        &feast,
        &[
            "DROP FEATURE SERVICE ranking",
            "ALTER FEATURE VIEW driver_stats ALTER FEATURE trips TYPE BIGINT",
            "ALTER FEATURE VIEW driver_stats DROP FEATURES (rate, \"Rating\")",
        ],
    )
    .await;
    assert_eq!(problems(&feast).await, 0);
}

#[tokio::test]
async fn keys_times_and_whole_sources_are_checked() {
    let feast = session().await;
    run(&feast, &[DRIVER, VIEW]).await;
    let mut now = columns();
    for (name, data_type) in &mut now {
        match *name {
            "driver_id" => *data_type = DataType::Utf8,
            "event_timestamp" => *data_type = DataType::Int64,
            "created" | "seq" => *name = "other",
            _ => {}
        }
    }
    now.remove(3);
    changed(&feast, now);
    let problems = table(&feast, "SELECT feature, problem FROM feast_validate()").await;
    for expected in [
        "join key: column driver_id of datafusion.public.rides is now STRING (Utf8), the view declares BIGINT",
        "event time: column event_timestamp of datafusion.public.rides is INT64 (Int64), no timestamp or date",
        "created time: column \"created\" is not in datafusion.public.rides",
        "tie-break: column seq is not in datafusion.public.rides",
    ] {
        assert!(problems.contains(expected), "{expected}\n{problems}");
    }
    feast.session().deregister_table("rides").unwrap();
    let problems = table(&feast, "SELECT feature, problem, fix FROM feast_validate()").await;
    assert!(problems.contains("its source cannot be read"), "{problems}");
    let described = table(
        &feast,
        "SELECT problem FROM feast_describe('feature view', 'driver_stats') WHERE role = 'source'",
    )
    .await;
    assert!(
        described.contains("its source cannot be read"),
        "{described}"
    );
    // What needs no source works without it.
    run(&feast, &["ALTER FEATURE VIEW driver_stats SET OWNER 'o'"]).await;
}

#[tokio::test]
async fn services_that_name_what_is_gone_are_reported() {
    let feast = session().await;
    run(
        &feast,
        &[
            DRIVER,
            VIEW,
            "CREATE FEATURE SERVICE ranking AS (driver_stats AS d)",
            "CREATE OR REPLACE FEATURE VIEW driver_stats ENTITIES (driver) FEATURES (trips INT) \
             FROM rides TIMESTAMP event_timestamp",
        ],
    )
    .await;
    let problems = table(
        &feast,
        "SELECT object, feature, problem FROM feast_validate()",
    )
    .await;
    assert!(
        problems
            .contains("| ranking | d:rate   | feature view driver_stats has no feature rate   |"),
        "{problems}"
    );
    let described = table(&feast, "DESCRIBE FEATURE SERVICE ranking").await;
    assert!(
        described.contains("feature view driver_stats no longer has it"),
        "{described}"
    );
}
