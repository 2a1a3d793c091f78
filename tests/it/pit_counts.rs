// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What EXPLAIN ANALYZE counts of a join over an Iceberg table that can be counted by hand, in one pass and late.

use std::collections::HashMap;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::DataType;
use arrow::util::pretty::pretty_format_batches;
use datafusion_feast::FeastContext;
use feast_iceberg::SqlCatalog;
use iceberg::{Catalog, NamespaceIdent};

/// Six slots: key 1 at 5, 9 and 30, key 2 at 29, key 3 at 8, key 5 at 6, which two rows have.
const CALL: &str = "SELECT * FROM feast_pit_join(
    (SELECT column1 AS row_id, column2 AS driver_id, to_timestamp(column3)::TIMESTAMP(6) AS event_timestamp
     FROM (VALUES (0, 1, 5), (1, 1, 9), (2, 1, 30), (3, 2, 29), (4, 3, 8), (5, 5, 6), (6, 5, 6), (7, NULL, 9), (8, 1, NULL))),
    ['stats:name'])";

const NAMES: [&str; 8] = [
    "rows_probed",
    "rows_matched",
    "rows_expired",
    "slots_filled",
    "slots_expired",
    "slots_tied",
    "late_payload",
    "rows_fetched",
];

async fn answer(feast: &FeastContext, sql: &str) -> Vec<RecordBatch> {
    let frame = feast.sql(sql).await;
    let frame = frame.unwrap_or_else(|e| panic!("{sql}\n{e}"));
    let rows = frame.collect().await;
    rows.unwrap_or_else(|e| panic!("{sql}\n{e}"))
}

/// A table of two files and a view of it whose rows count for six seconds.
async fn lake(folder: &tempfile::TempDir) -> FeastContext {
    let feast = FeastContext::builder().build().await.unwrap();
    let at = folder.path().display();
    std::fs::create_dir(folder.path().join("warehouse")).unwrap();
    let database = folder.path().join("catalog.db");
    let catalog = SqlCatalog::create(database, "lake", &format!("{at}/warehouse")).unwrap();
    let namespace = NamespaceIdent::new("ns".to_owned());
    let created = catalog.create_namespace(&namespace, HashMap::new()).await;
    created.unwrap();
    // VALUES below an INSERT take the types of the table, so those rows are in tables of their own first.
    let rows = |table: &str| {
        format!(
            "SELECT column1 AS driver_id, to_timestamp(column2)::TIMESTAMP(6) AS event_timestamp, column3 AS name FROM {table}"
        )
    };
    for sql in [
        format!(
            "CREATE EXTERNAL CATALOG lake STORED AS ICEBERG \
             OPTIONS (type 'sql', uri 'sqlite:///{at}/catalog.db', warehouse '{at}/warehouse')"
        ),
        "CREATE TABLE first AS VALUES (1, 4, 'a'), (1, 12, 'b'), (2, 30, 'c'), (3, 7, 'd')".to_owned(),
        "CREATE TABLE second AS VALUES (3, 7, 'e'), (5, 2, 'f'), (5, 3, 'g')".to_owned(),
        format!("CREATE TABLE lake.ns.history AS {}", rows("first")),
        format!("INSERT INTO lake.ns.history {}", rows("second")),
        "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)".to_owned(),
        "CREATE FEATURE VIEW stats ENTITIES (driver) FROM lake.ns.history TIMESTAMP event_timestamp \
         TTL INTERVAL '6 seconds'"
            .to_owned(),
    ] {
        answer(&feast, &sql).await;
    }
    feast
}

/// The numbers in the join's line of EXPLAIN ANALYZE: entity rows, slots, and those of the view.
async fn counted(feast: &FeastContext) -> Vec<usize> {
    let told = answer(feast, &format!("EXPLAIN ANALYZE {CALL}")).await;
    let told = pretty_format_batches(&told).unwrap().to_string();
    let line = told.lines().find(|line| line.contains("PitJoinExec"));
    let line = line.unwrap_or_else(|| panic!("no join in\n{told}"));
    let number = |name: &str| {
        let name = format!(" {name}=");
        let start = line.find(&name);
        let start = start.unwrap_or_else(|| panic!("no{name} in\n{line}")) + name.len();
        let digits = line[start..].chars().take_while(char::is_ascii_digit);
        digits.collect::<String>().parse().unwrap()
    };
    let of_view = NAMES.map(|name| format!("stats.{name}"));
    let names = ["entity_rows", "slots"].map(str::to_owned);
    names.iter().chain(&of_view).map(|n| number(n)).collect()
}

/// The features in the order of the entity rows.
async fn features(feast: &FeastContext) -> Vec<Option<String>> {
    let rows = answer(feast, &format!("SELECT name FROM ({CALL}) ORDER BY row_id")).await;
    let rows = concat_batches(&rows[0].schema(), &rows).unwrap();
    let names = cast(rows.column(0), &DataType::Utf8).unwrap();
    let names = names.as_string::<i32>().iter();
    names.map(|name| name.map(str::to_owned)).collect()
}

/// Of seven rows five have a slot in time; that of key 1 at 12 is too old at 30, that of key 2 at 30 is too new. The row at 4 answers
/// two slots and not the third, so four slots are filled and one is expired.
#[tokio::test]
async fn one_pass_and_two_tell_what_they_did() {
    let folder = tempfile::tempdir().unwrap();
    let feast = lake(&folder).await;
    let names = ["a", "a", "", "", "e", "g", "g", "", ""];
    let names = names.map(|name| (!name.is_empty()).then(|| name.to_owned()));
    for partitions in [1, 3] {
        let set = format!("SET datafusion.execution.target_partitions = {partitions}");
        answer(&feast, &set).await;
        answer(&feast, "SET feast.pit.payload = 'one_pass'").await;
        assert_eq!(features(&feast).await, names);
        assert_eq!(counted(&feast).await, [9, 6, 7, 5, 1, 4, 1, 0, 0, 0]);
        // Read by keys and times alone, the two rows of key 3 tie: all are read again for that slot, which both match. The winners of
        // the other slots, two rows, are fetched.
        answer(&feast, "SET feast.pit.payload = 'late'").await;
        assert_eq!(features(&feast).await, names);
        assert_eq!(counted(&feast).await, [9, 6, 14, 7, 1, 4, 1, 1, 1, 2]);
    }
}
