// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! One commit to an online table.
//!
//! A write is decided on by what the table has, and committed only if that still holds: when somebody
//! else did the same or got in the way meanwhile, it is decided on anew. So a write is done once, also
//! when the answer to its first try was lost.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::ipc::writer::StreamWriter;
use datafusion::common::{Column, DataFusionError, Result, ScalarValue, exec_err};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, lit};
use feast_iceberg::{CommitCheck, Error, ErrorKind};
use iceberg::spec::SnapshotRef;

use crate::names::ENTITY_HASH;
use crate::store::{OnlineStore, OnlineTable};
use crate::summary::{Lineage, Operation, Recorded};
use crate::view::OnlineView;

/// How often a write is decided on before it is given up.
const TRIES: usize = 8;

/// What a commit added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Committed {
    pub(crate) rows: u64,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) snapshot_id: i64,
}

/// Which commits of others, made since a write was decided on, are in its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InTheWay {
    /// The same write.
    Same,
    /// Materializations, and what somebody else did to the table.
    Materializations,
    /// All.
    All,
}

impl InTheWay {
    fn has(self, said: Option<&Recorded>, write_id: &str) -> bool {
        let Some(said) = said else {
            return self != Self::Same;
        };
        said.write_id == write_id
            || match self {
                Self::Same => false,
                Self::Materializations => said.operation == Operation::Materialize,
                Self::All => true,
            }
    }

    /// The check of a write that was decided on with this version of the table.
    fn check(self, table: &OnlineTable, write_id: &str) -> CommitCheck {
        let known: HashSet<i64> = snapshot_ids(table).collect();
        let write_id = write_id.to_owned();
        CommitCheck::new(move |metadata| {
            for (snapshot, said) in Lineage::of(metadata).commits {
                let id = snapshot.snapshot_id();
                if known.contains(&id) {
                    break;
                }
                if self.has(said.as_ref(), &write_id) {
                    return Err(format!(
                        "snapshot {id} was committed meanwhile, which changes what is to be written; \
                         do it again"
                    ));
                }
            }
            Ok(())
        })
    }
}

/// The tries of a write.
#[derive(Debug, Default)]
pub(crate) struct Tries(usize);

impl Tries {
    /// What came of the write; None when somebody got in its way, and it is to be decided on anew.
    pub(crate) fn ended<T>(&mut self, outcome: Result<T>) -> Option<Result<T>> {
        self.0 += 1;
        match &outcome {
            Err(error) if self.0 < TRIES && kind(error) == Some(ErrorKind::Conflict) => None,
            _ => Some(outcome),
        }
    }
}

fn kind(error: &DataFusionError) -> Option<ErrorKind> {
    match error.find_root() {
        DataFusionError::External(cause) => cause.downcast_ref::<Error>().map(Error::kind),
        _ => None,
    }
}

/// Appends rows, which have the view's names, `is_deleted` and `is_pushed`, in one commit that says what it is. A
/// commit without rows is made, too. A commit by others that is in the way is an error of the kind
/// [`Conflict`](ErrorKind::Conflict).
pub(crate) async fn append(
    state: &SessionState,
    store: &OnlineStore,
    (view, table): (&OnlineView, &OnlineTable),
    rows: LogicalPlan,
    recorded: &Recorded,
    in_the_way: InTheWay,
) -> Result<Committed> {
    let known: HashSet<i64> = snapshot_ids(table).collect();
    let rows = table_rows(view, table, rows)?;
    let target = table.provider.with_snapshot_summary(recorded.entries());
    let target = target.with_commit_check(in_the_way.check(table, &recorded.write_id));
    let target = provider_as_source(Arc::new(target));
    let plan = LogicalPlanBuilder::insert_into(rows, table.name(), target, InsertOp::Append)?;
    let inserted = DataFrame::new(state.clone(), plan.build()?).collect().await;
    let unknown = match inserted {
        Ok(_) => None,
        Err(error) if kind(&error) == Some(ErrorKind::OutcomeUnknown) => Some(error),
        Err(error) => return Err(error),
    };
    let written = match (store.reopened(view).await, unknown) {
        (Ok(written), None) => written,
        (Err(error), None) | (Err(_), Some(error)) => return Err(error),
        (Ok(written), Some(error)) => match made(&written, &known, recorded) {
            Some(_) => written,
            None => return Err(error),
        },
    };
    let Some(snapshot) = made(&written, &known, recorded) else {
        return exec_err!(
            "the rows for online table {} were committed, but its snapshot is gone: look at the table's snapshots",
            table.name()
        );
    };
    Ok(counts(&snapshot))
}

/// The snapshot that a write made.
fn made(written: &OnlineTable, known: &HashSet<i64>, of: &Recorded) -> Option<SnapshotRef> {
    let mut commits = written.lineage().commits.into_iter();
    let ours = |(snapshot, said): (SnapshotRef, Option<Recorded>)| {
        let new = !known.contains(&snapshot.snapshot_id());
        (new && said?.write_id == of.write_id).then_some(snapshot)
    };
    commits.find_map(ours)
}

fn counts(snapshot: &SnapshotRef) -> Committed {
    let said = &snapshot.summary().additional_properties;
    let count = |name: &str| {
        said.get(name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0)
    };
    Committed {
        rows: count("added-records"),
        files: count("added-data-files"),
        bytes: count("added-files-size"),
        snapshot_id: snapshot.snapshot_id(),
    }
}

fn snapshot_ids(table: &OnlineTable) -> impl Iterator<Item = i64> {
    let snapshots = table.provider.table().metadata().snapshots();
    snapshots.map(|snapshot| snapshot.snapshot_id())
}

/// A name for a write of these rows: the same for the same rows.
pub(crate) fn write_id(operation: Operation, rows: &RecordBatch) -> Result<String> {
    let mut bytes = StreamWriter::try_new(Vec::new(), &rows.schema())?;
    bytes.write(rows)?;
    let hash = blake3::hash(&bytes.into_inner()?);
    Ok(format!("{}:{}", operation.name(), hash.to_hex()))
}

/// The snapshot of a push or deletion that is done already: nothing was committed after it but others
/// of its kind, so that doing it again would change no answer.
pub(crate) fn done_before(table: &OnlineTable, write: &Recorded) -> Option<i64> {
    for (snapshot, said) in table.lineage().commits {
        let said = said?;
        if said.write_id == write.write_id {
            return Some(snapshot.snapshot_id());
        }
        if said.operation != write.operation {
            return None;
        }
    }
    None
}

/// The rows in the table's columns, with the hash of their keys.
fn table_rows(view: &OnlineView, table: &OnlineTable, rows: LogicalPlan) -> Result<LogicalPlan> {
    let schema = Arc::clone(rows.schema());
    let keys = view.keys.iter();
    let keys: Vec<Expr> = keys.map(|key| column(&key.name)).collect();
    let columns = table.columns();
    let values = columns.fields().iter().map(|field| {
        let (name, data_type) = (field.name(), field.data_type());
        let value = match name.as_str() {
            ENTITY_HASH => table.hash.clone().expr(keys.clone()),
            name if schema.has_column_with_unqualified_name(name) => {
                column(name).cast_to(data_type, &schema)?
            }
            _ => lit(ScalarValue::try_from(data_type)?),
        };
        Ok(value.alias(name))
    });
    let values = values.collect::<Result<Vec<_>>>()?;
    LogicalPlanBuilder::from(rows).project(values)?.build()
}

/// A column of a plan by its name alone.
pub(crate) fn column(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}
