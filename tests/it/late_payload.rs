// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Features read late and in one pass: the same answers, and EXPLAIN ANALYZE tells which it was.

use std::collections::HashMap;

use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use datafusion_feast::FeastContext;
use feast_iceberg::SqlCatalog;
use feast_testkit::compare::{RowOrder, compare_rows, rows_of};
use iceberg::{Catalog, NamespaceIdent};

const CALL: &str = "SELECT * FROM feast_pit_join(
    (SELECT value AS row_id, value % 40 AS driver_id, to_timestamp(value * 61 % 9000) AS event_timestamp
     FROM generate_series(0, 60)),
    ['stats:a', 'stats:c', 'stats:name'])";

async fn answer(feast: &FeastContext, sql: &str) -> Vec<RecordBatch> {
    let frame = feast.sql(sql).await;
    let frame = frame.unwrap_or_else(|e| panic!("{sql}\n{e}"));
    frame
        .collect()
        .await
        .unwrap_or_else(|e| panic!("{sql}\n{e}"))
}

/// A history of so many rows: 30 drivers, a row of one of them each second, ties among the rows of some seconds.
fn history(rows: usize) -> String {
    format!(
        "SELECT value % 30 AS driver_id, to_timestamp(value / 31 * 31)::TIMESTAMP(6) AS event_timestamp, value * 0.5 AS a,
                CASE WHEN value % 7 > 0 THEN value END AS b, -value AS c, 'name ' || value AS name
         FROM generate_series(1, {rows})"
    )
}

async fn lake(folder: &tempfile::TempDir) -> FeastContext {
    let feast = FeastContext::builder().build().await.unwrap();
    let at = folder.path().display();
    let database = folder.path().join("catalog.db");
    std::fs::create_dir(folder.path().join("warehouse")).unwrap();
    let catalog = SqlCatalog::create(database, "lake", &format!("{at}/warehouse")).unwrap();
    let namespace = NamespaceIdent::new("ns".to_owned());
    let created = catalog.create_namespace(&namespace, HashMap::new()).await;
    created.unwrap();
    for sql in [
        format!(
            "CREATE EXTERNAL CATALOG lake STORED AS ICEBERG \
             OPTIONS (type 'sql', uri 'sqlite:///{at}/catalog.db', warehouse '{at}/warehouse')"
        ),
        format!("CREATE TABLE lake.ns.history AS {}", history(5_000)),
        format!("INSERT INTO lake.ns.history {}", history(9_000)),
        "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)".to_owned(),
        "CREATE FEATURE VIEW stats ENTITIES (driver) FROM lake.ns.history TIMESTAMP event_timestamp \
         TTL INTERVAL '20 minutes'"
            .to_owned(),
    ] {
        answer(&feast, &sql).await;
    }
    feast
}

/// The number after `name` in the join's line of EXPLAIN ANALYZE.
async fn count(feast: &FeastContext, name: &str) -> String {
    let told = answer(feast, &format!("EXPLAIN ANALYZE {CALL}")).await;
    let told = pretty_format_batches(&told).unwrap().to_string();
    let start = told.find(&format!("{name}="));
    let start = start.unwrap_or_else(|| panic!("no {name} in\n{told}")) + name.len() + 1;
    let digits = told[start..].chars().take_while(char::is_ascii_digit);
    digits.collect()
}

#[tokio::test]
async fn late_payload_is_told_and_gives_the_same_answer() {
    let folder = tempfile::tempdir().unwrap();
    let feast = lake(&folder).await;
    answer(&feast, "SET feast.pit.payload = 'one_pass'").await;
    let wanted = answer(&feast, CALL).await;
    assert_eq!(count(&feast, "stats.late_payload").await, "0");
    let found = wanted
        .iter()
        .map(|b| b.num_rows() - b.column(3).null_count());
    assert!(found.sum::<usize>() > 20, "features are found");
    for (partitions, batch_size) in [(1, 8192), (3, 7)] {
        for (name, value) in [
            ("target_partitions", partitions),
            ("batch_size", batch_size),
        ] {
            answer(
                &feast,
                &format!("SET datafusion.execution.{name} = {value}"),
            )
            .await;
        }
        answer(&feast, "SET feast.pit.payload = 'late'").await;
        let late = answer(&feast, CALL).await;
        assert_eq!(count(&feast, "stats.late_payload").await, "1");
        assert_ne!(count(&feast, "stats.slots_tied").await, "0");
        let names: Vec<String> = (0..10).map(|at| format!("column {at}")).collect();
        let (wanted, late) = (rows_of(&wanted).unwrap(), rows_of(&late).unwrap());
        compare_rows(&names, wanted, late, RowOrder::Exact).unwrap();
    }
    // So few rows are not worth a second pass.
    answer(&feast, "SET feast.pit.payload = 'auto'").await;
    assert_eq!(count(&feast, "stats.late_payload").await, "0");
}

#[tokio::test]
async fn an_unknown_way_is_refused() {
    let feast = FeastContext::builder().build().await.unwrap();
    let error = feast.sql("SET feast.pit.payload = 'lazy'").await;
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("feast.pit.payload expects 'auto', 'late' or 'one_pass', found 'lazy'"),
        "{error}"
    );
}
