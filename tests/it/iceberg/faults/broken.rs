// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A table over a store with faults, and what becomes of a query of it.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion_feast::FeastContext;
use feast_iceberg::SnapshotSelector;
use feast_testkit::compare::{RowOrder, compare};
use feast_testkit::faults::{self, Fault, FaultKind, FaultyStore};
use feast_testkit::tables::{
    Change, Datum, Field, Layout, MAIN, MadeTable, MetricsMode, NewData, NewEquality, NewPositions,
    Schema, TableFile, TableMaker, Type, unpartitioned,
};

use crate::iceberg::made::{Setting, answer, context, known, open, register};
use crate::tables::text;

/// The query that runs under a fault.
pub(super) const QUERY: &str = "SELECT * FROM t";
/// How long it may take.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(20);

/// A table with deletes of all kinds that its version has.
pub(super) fn table(version: u8) -> MadeTable {
    let schema = Schema {
        id: 0,
        fields: vec![
            Field::required(1, "id", Type::Int),
            Field::optional(2, "name", Type::Text),
        ],
    };
    let location = format!("s3://bucket/faulty{version}");
    let mut table = TableMaker::new(&location, version, schema, unpartitioned());
    let layout = || Layout {
        rows_a_group: 3,
        ..Layout::default()
    };
    let mut added = Vec::new();
    for first in [0, 10] {
        let row = |id: i64| vec![Datum::Int(id), Datum::Text(format!("name {id}"))];
        let data = NewData {
            columns: table.current_schema().fields.clone(),
            rows: (first..first + 8).map(row).collect(),
            spec_id: 0,
            partition: Vec::new(),
            layout: layout(),
            metrics: MetricsMode::Full,
            oversized: 0,
        };
        added.push(table.data_file(&data).unwrap());
    }
    commit(&mut table, added);
    let first = Arc::clone(&table.current().unwrap().data[0]);
    let deletes = match version {
        2 => {
            let positions = NewPositions {
                rows: vec![(first.path.clone(), 1), (first.path.clone(), 5)],
                spec_id: 0,
                partition: Vec::new(),
                referenced: None,
                bounds: true,
                kept: None,
                names: ["file_path", "pos"],
                layout: layout(),
            };
            vec![table.position_deletes(&positions).unwrap()]
        }
        _ => table
            .deletion_vectors(&[(first, [1, 5].into_iter().collect())])
            .unwrap(),
    };
    commit(&mut table, deletes);
    let keys = NewEquality {
        ids: vec![1],
        keys: vec![vec![Datum::Int(12)], vec![Datum::Int(0)]],
        spec_id: 0,
        partition: Vec::new(),
        layout: layout(),
        metrics: MetricsMode::Full,
    };
    let deletes = table.equality_deletes(&keys).unwrap();
    commit(&mut table, vec![deletes]);
    table.finish()
}

fn commit(table: &mut TableMaker, added: Vec<TableFile>) {
    let change = Change {
        operation: "overwrite",
        added,
        ..Change::default()
    };
    table.commit(MAIN, change).unwrap();
}

/// A table over a store whose faults can be set, and its rows.
pub(super) struct Broken {
    pub(super) store: Arc<FaultyStore>,
    pub(super) feast: FeastContext,
    rows: RecordBatch,
}

impl Broken {
    pub(super) async fn new(made: &MadeTable, setting: Setting) -> Self {
        let inner = faults::memory(&made.files).await.unwrap();
        let store = Arc::new(FaultyStore::new(inner, Vec::new()));
        let io = faults::file_io(Arc::clone(&store) as Arc<_>);
        let feast = context().await.unwrap();
        setting.apply(&feast).unwrap();
        let table = open(made, io).await.unwrap();
        let shown = register(&feast, &table, SnapshotSelector::Current).unwrap();
        let current = made.table.current().map(AsRef::as_ref);
        let rows = known(made, current, made.table.current_schema(), &shown).unwrap();
        Self { store, feast, rows }
    }

    pub(super) fn is_right(&self, found: &[RecordBatch]) -> Result<(), String> {
        compare(&self.rows, &self.rows.schema(), found, RowOrder::Any).map_err(text)
    }

    /// The rows are right with nothing broken, once loads that another query began have ended.
    pub(super) async fn is_well(&self) {
        self.store.set(Vec::new());
        let mut outcome = Err("it was not asked".to_owned());
        for _ in 0..5 {
            outcome = answer(&self.feast, QUERY).await;
            if outcome.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.is_right(&outcome.unwrap()).unwrap();
    }
}

/// Files that a query of the current snapshot reads.
pub(super) async fn files(made: &MadeTable) -> Vec<String> {
    let broken = Broken::new(made, Setting::AUTO).await;
    broken.store.set(vec![Fault::new("none", FaultKind::Error)]);
    let before = broken.store.reads().len();
    broken
        .feast
        .sql(QUERY)
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    let mut read = broken.store.reads().split_off(before);
    read.sort();
    read.dedup();
    assert!(!read.is_empty());
    read
}

/// What became of a query under a fault: an error, or None where the rows were right.
async fn under(made: &MadeTable, setting: Setting, fault: Fault) -> Result<Option<String>, String> {
    let broken = Broken::new(made, setting).await;
    let name = fault.path.rsplit('/').next().unwrap_or_default().to_owned();
    let about = format!("{fault:?} with {setting:?}");
    broken.store.set(vec![fault]);
    let query = tokio::time::timeout(TIME_LIMIT, answer(&broken.feast, QUERY));
    let outcome = match query.await {
        Err(_) => return Err(format!("{about}: it hangs")),
        Ok(Err(error)) if !error.contains(&name) => {
            return Err(format!(
                "{about}: the error does not name the file: {error}"
            ));
        }
        Ok(Err(error)) => Some(error),
        Ok(Ok(found)) => {
            broken
                .is_right(&found)
                .map_err(|wrong| format!("{about}: {wrong}"))?;
            None
        }
    };
    broken.is_well().await;
    Ok(outcome)
}

/// As `under`, in a task of its own, so that a panic is a failure like any other.
pub(super) async fn guarded(
    made: &Arc<MadeTable>,
    setting: Setting,
    fault: Fault,
) -> Result<Option<String>, String> {
    let made = Arc::clone(made);
    let about = format!("{fault:?} with {setting:?}");
    let task = SpawnedTask::spawn(async move { under(&made, setting, fault).await });
    task.join()
        .await
        .unwrap_or_else(|panic| Err(format!("{about}: it panicked: {panic}")))
}
