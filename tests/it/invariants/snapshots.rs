// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! One statement sees one version of a table; what another process commits or makes is there in the next.

use std::process::{Command, Stdio};
use std::sync::Arc;

use arrow::array::{Float64Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion_feast::{CatalogOptions, FeastContext};
use feast_iceberg::append::{append, create_table};
use iceberg::{NamespaceIdent, TableIdent};

use super::{number, refusal, rows, table};
use crate::place::Place;

/// In the second process: which catalog, and what to do there.
const WRITE: &str = "FEAST_TEST_WRITE";

/// The second process. Run without its variable it does nothing.
#[test]
#[ignore = "the second process of the other tests"]
fn writer() {
    let Ok(task) = std::env::var(WRITE) else {
        return;
    };
    let (task, options) = task.split_once(' ').unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(write(task, &CatalogOptions::parse(options).unwrap()));
}

async fn write(task: &str, options: &CatalogOptions) {
    let catalog = feast_iceberg::connect(options).await.unwrap();
    let features = NamespaceIdent::new("features".to_owned());
    match task {
        "append" => {
            let stats = TableIdent::new(features, "driver_stats".to_owned());
            append(catalog.as_ref(), &stats, vec![one_row()])
                .await
                .unwrap();
        }
        "create" => {
            let schema = one_row().schema();
            create_table(catalog.as_ref(), &features, "made_later", &schema, &[])
                .await
                .unwrap();
            let made = TableIdent::new(features, "made_later".to_owned());
            append(catalog.as_ref(), &made, vec![one_row()])
                .await
                .unwrap();
        }
        other => panic!("{WRITE} says {other}"),
    }
}

/// Driver 1001 on the second of February 2025.
fn one_row() -> RecordBatch {
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let schema = Schema::new(vec![
        Field::new("driver_id", DataType::Int64, true),
        Field::new("event_timestamp", utc, true),
        Field::new("conv_rate", DataType::Float64, true),
    ]);
    let at = TimestampMicrosecondArray::from(vec![1_738_454_400_000_000]).with_timezone("UTC");
    RecordBatch::try_new(
        Arc::new(schema),
        vec![
            Arc::new(Int64Array::from(vec![1001])),
            Arc::new(at),
            Arc::new(Float64Array::from(vec![0.125])),
        ],
    )
    .unwrap()
}

struct Lake {
    place: Place,
    feast: FeastContext,
}

impl Lake {
    async fn open() -> Self {
        let place = Place::of("${LAKE}");
        let options = CatalogOptions::parse(&Self::text(&place)).unwrap();
        let feast = FeastContext::builder()
            .with_catalog(options)
            .build()
            .await
            .unwrap();
        Self { place, feast }
    }

    fn text(place: &Place) -> String {
        place.expand("lake=type=sql,uri=sqlite:///${LAKE}/catalog.db,warehouse=${LAKE}/warehouse")
    }

    /// Lets another process do it.
    fn elsewhere(&self, task: &str) {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "invariants::snapshots::writer"])
            .env(WRITE, format!("{task} {}", Self::text(&self.place)))
            .stdout(Stdio::piped())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && told.contains("1 passed"),
            "{told}"
        );
    }
}

const COUNT: &str = "SELECT count(*) FROM lake.features.driver_stats";

#[tokio::test]
async fn commits_made_elsewhere_are_in_the_next_statement() {
    let lake = Lake::open().await;
    let feast = &lake.feast;
    rows(feast, "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)").await;
    rows(
        feast,
        "CREATE FEATURE VIEW stats ENTITIES (driver) FEATURES (conv_rate DOUBLE) \
         FROM lake.features.driver_stats TIMESTAMP event_timestamp",
    )
    .await;
    let join = "SELECT * FROM feast_pit_join((SELECT 1001 AS driver_id, \
                TIMESTAMP '2025-03-01T00:00:00' AS event_timestamp), ['stats:conv_rate'])";
    rows(feast, &format!("CREATE VIEW counted AS {COUNT}")).await;
    rows(feast, &format!("CREATE VIEW joined AS {join}")).await;
    rows(feast, &format!("PREPARE counting AS {COUNT}")).await;
    rows(feast, &format!("PREPARE joining AS {join}")).await;

    assert_eq!(number(feast, COUNT).await, 92);
    assert_eq!(number(feast, "SELECT * FROM counted").await, 92);
    assert_eq!(number(feast, "EXECUTE counting").await, 92);
    assert!(!table(feast, join).await.contains("0.125"));

    lake.elsewhere("append");

    assert_eq!(number(feast, COUNT).await, 93);
    assert_eq!(number(feast, "SELECT * FROM counted").await, 93);
    assert_eq!(number(feast, "EXECUTE counting").await, 93);
    for statement in [join, "SELECT * FROM joined", "EXECUTE joining"] {
        assert!(
            table(feast, statement).await.contains("0.125"),
            "{statement}"
        );
    }
}

/// Planned before a commit and run after it, a statement reads what it was planned on, wherever it
/// mentions the table: directly, in a view, as the source of a feature view.
#[tokio::test]
async fn a_statement_sees_one_version() {
    let lake = Lake::open().await;
    let feast = &lake.feast;
    rows(feast, "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)").await;
    rows(
        feast,
        "CREATE FEATURE VIEW stats ENTITIES (driver) FEATURES (conv_rate DOUBLE) \
         FROM lake.features.driver_stats TIMESTAMP event_timestamp",
    )
    .await;
    rows(feast, &format!("CREATE VIEW counted AS {COUNT}")).await;
    let all = format!(
        "SELECT ({COUNT}) AS direct, (SELECT * FROM counted) AS in_view, \
         (SELECT count(*) FROM lake.features.driver_stats WHERE event_timestamp > \
          '2025-02-01T00:00:00Z') AS newest, (SELECT conv_rate FROM feast_pit_join((SELECT 1001 AS \
          driver_id, TIMESTAMP '2025-03-01T00:00:00' AS event_timestamp), ['stats:conv_rate'])) AS \
          joined"
    );
    let planned = Box::pin(feast.sql(&all)).await.unwrap();
    let before = table(feast, &all).await;

    lake.elsewhere("append");

    let late = planned.collect().await.unwrap();
    let late = arrow::util::pretty::pretty_format_batches(&late)
        .unwrap()
        .to_string();
    assert_eq!(late, before);
    let after = table(feast, &all).await;
    assert!(
        after.contains("93     | 93      | 1      | 0.125"),
        "{after}"
    );
}

#[tokio::test]
async fn tables_made_elsewhere_are_in_the_next_statement() {
    let lake = Lake::open().await;
    let feast = &lake.feast;
    let listed = "SELECT count(*) FROM information_schema.tables \
                  WHERE table_catalog = 'lake' AND table_name = 'made_later'";
    assert_eq!(number(feast, listed).await, 0);
    let query = "SELECT count(*) FROM lake.features.made_later";
    assert!(refusal(feast, query).await.contains("made_later"));

    lake.elsewhere("create");

    assert_eq!(number(feast, listed).await, 1);
    assert_eq!(number(feast, query).await, 1);
}

/// Calls that read pinned snapshots give the same bytes after a commit, in this session and in a new one; without the pin
/// they see the commit.
#[tokio::test]
async fn pinned_calls_give_the_same_bytes_for_ever() {
    let lake = Lake::open().await;
    let now = "SELECT * FROM (SELECT 1001 AS driver_id, TIMESTAMP '2025-03-01T00:00:00' AS event_timestamp)";
    let calls = [
        format!("feast_pit_join(({now}), ['stats:conv_rate'], provenance => true{{pin}})"),
        "feast_pit_join('${LAKE}/entities.parquet', ['stats:*']{pin})".to_owned(),
        "feast_snapshot_at(['stats:*'], TIMESTAMP '2025-03-01T00:00:00', provenance => true{pin})"
            .to_owned(),
        "feast_observed_times(['stats:conv_rate'], '2025-01-01', '2025-03-01'{pin})".to_owned(),
        "feast_all_versions(['stats:conv_rate'], '2025-02-02', '2025-02-02'{pin})".to_owned(),
    ];
    let calls = calls.map(|call| lake.place.expand(&format!("SELECT * FROM {call}")));
    define_stats(&lake.feast).await;
    let id = "SELECT snapshot_id FROM lake.features.\"driver_stats$snapshots\" ORDER BY committed_at DESC LIMIT 1";
    let id = number(&lake.feast, id).await;
    let newest = "SELECT max(committed_at)::TIMESTAMP::VARCHAR FROM lake.features.\"driver_stats$snapshots\"";
    let at = rows(&lake.feast, newest).await;
    let at = arrow::util::display::array_value_to_string(at[0].column(0), 0).unwrap();
    let pins = [
        format!(", as_of_snapshot => {{'stats': {id}}}"),
        format!(", as_of_snapshot => TIMESTAMP '{at}'"),
    ];
    let mut before = Vec::new();
    for call in &calls {
        for pin in &pins {
            let pinned = call.replace("{pin}", pin);
            before.push((bytes(&lake.feast, &pinned).await, pinned));
        }
    }
    let mut seen = Vec::new();
    for call in &calls {
        seen.push(bytes(&lake.feast, &call.replace("{pin}", "")).await);
    }

    lake.elsewhere("append");

    let options = CatalogOptions::parse(&Lake::text(&lake.place)).unwrap();
    let fresh = FeastContext::builder()
        .with_catalog(options)
        .build()
        .await
        .unwrap();
    define_stats(&fresh).await;
    for (bytes_before, pinned) in &before {
        assert_eq!(&bytes(&lake.feast, pinned).await, bytes_before, "{pinned}");
        assert_eq!(&bytes(&fresh, pinned).await, bytes_before, "{pinned}");
    }
    // Only the entity rows of the file are all older than the row that was added.
    let differs = [true, false, true, true, true];
    for ((call, before), differs) in calls.iter().zip(seen).zip(differs) {
        let after = bytes(&lake.feast, &call.replace("{pin}", "")).await;
        assert_eq!(after != before, differs, "{call}");
    }
}

async fn define_stats(feast: &FeastContext) {
    rows(feast, "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)").await;
    rows(
        feast,
        "CREATE FEATURE VIEW stats ENTITIES (driver) FEATURES (conv_rate DOUBLE) \
         FROM lake.features.driver_stats TIMESTAMP event_timestamp",
    )
    .await;
}

/// An answer as bytes: its schema and its rows in one batch.
async fn bytes(feast: &FeastContext, sql: &str) -> Vec<u8> {
    let frame = Box::pin(feast.sql(sql)).await.unwrap();
    let schema = frame.schema().inner().clone();
    let batches = frame.collect().await.unwrap();
    let all = arrow::compute::concat_batches(&schema, &batches).unwrap();
    let mut writer = arrow::ipc::writer::StreamWriter::try_new(Vec::new(), &schema).unwrap();
    writer.write(&all).unwrap();
    writer.into_inner().unwrap()
}
