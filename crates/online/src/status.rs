// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What the metadata of an online table tell: no data file is opened.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, ScalarValue, plan_err};
use feast_iceberg::IcebergTableProvider;
use iceberg::spec::{SnapshotRef, TableMetadata, Transform};

use crate::append::column;
use crate::layout::{PartitionStrategy, partition_count};
use crate::names::{ENTITY_HASH, EVENT_TIME};
use crate::summary::{Lineage, Operation, Recorded};

/// What the metadata of an online table tell of it.
///
/// Counts are those of the current snapshot's summary; None where the engine that made it left them out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnlineStatus {
    /// How the table is partitioned; None if another engine partitioned it otherwise.
    pub strategy: Option<PartitionStrategy>,
    /// Into how many parts keys are hashed; None where they are no partitions.
    pub parts: Option<u32>,
    /// The rows in the table: those that others hide, and the marks of deletions, too.
    pub rows: Option<u64>,
    /// The keys; None where only a scan could tell.
    pub keys: Option<u64>,
    /// The data files.
    pub files: Option<u64>,
    /// The size of the data files.
    pub bytes: Option<u64>,
    /// The rows that pushes added; None if the table's first snapshots are expired.
    pub pushed_rows: Option<u64>,
    /// The current snapshot; None for a table that nothing was written to.
    pub snapshot_id: Option<i64>,
    /// When that was committed, in nanoseconds since 1970.
    pub committed_at: Option<i128>,
    /// The newest event time of all rows, in nanoseconds since 1970.
    pub newest_event_time: Option<i128>,
    /// What was committed and says what it is, newest first.
    pub history: Vec<Recorded>,
}

impl OnlineStatus {
    /// The status of a table. One that was not made as an online table is an error.
    pub async fn of(session: &dyn Session, table: &IcebergTableProvider) -> Result<Self> {
        let metadata = table.table().metadata();
        let name = table.table_name();
        let count = partition_count(name, metadata.properties())?;
        let strategy = strategy(metadata);
        let lineage = Lineage::of(metadata);
        let current = metadata.current_snapshot();
        let newest_event_time = newest_event_time(session, table).await?;
        let total = |what: &str| match current {
            Some(snapshot) => counted(snapshot, what),
            None => Some(0),
        };
        Ok(Self {
            parts: strategy
                .is_some_and(|strategy| strategy != PartitionStrategy::Timestamp)
                .then_some(count),
            strategy,
            rows: total("total-records"),
            keys: keys(&lineage, newest_event_time),
            files: total("total-data-files"),
            bytes: total("total-files-size"),
            pushed_rows: pushed(&lineage),
            snapshot_id: current.map(|snapshot| snapshot.snapshot_id()),
            committed_at: current.map(|it| i128::from(it.timestamp_ms()) * 1_000_000),
            newest_event_time,
            history: lineage
                .commits
                .into_iter()
                .filter_map(|(_, said)| said)
                .collect(),
        })
    }

    /// The newest materialization that is kept.
    pub fn materialized(&self) -> Option<&Recorded> {
        let mut history = self.history.iter();
        history.find(|it| it.operation == Operation::Materialize)
    }
}

fn counted(snapshot: &SnapshotRef, what: &str) -> Option<u64> {
    let said = &snapshot.summary().additional_properties;
    said.get(what)?.parse().ok()
}

/// Every row is of another key when all of them are from one materialization, none of them later than it.
fn keys(lineage: &Lineage, newest_event_time: Option<i128>) -> Option<u64> {
    if !lineage.whole {
        return None;
    }
    let mut found = None;
    for (snapshot, said) in &lineage.commits {
        let added = counted(snapshot, "added-records").unwrap_or(0);
        match said {
            Some(said) if added == 0 && !said.deletes => {}
            Some(said)
                if found.is_none()
                    && said.operation == Operation::Materialize
                    && !said.deletes
                    && said.as_of >= newest_event_time =>
            {
                found = Some(added);
            }
            _ => return None,
        }
    }
    Some(found.unwrap_or(0))
}

fn pushed(lineage: &Lineage) -> Option<u64> {
    if !lineage.whole {
        return None;
    }
    let commits = lineage.commits.iter();
    let writes = commits.filter(|(_, said)| {
        said.as_ref()
            .is_some_and(|it| it.operation == Operation::Write)
    });
    writes
        .map(|(snapshot, _)| counted(snapshot, "added-records"))
        .sum()
}

/// The strategy that the table's partitions are those of.
fn strategy(metadata: &TableMetadata) -> Option<PartitionStrategy> {
    let schema = metadata.current_schema();
    let spec = metadata.default_partition_spec();
    let fields: Vec<(&str, Transform)> = spec
        .fields()
        .iter()
        .filter(|field| field.transform != Transform::Void)
        .map(|field| {
            let name = schema.name_by_field_id(field.source_id);
            (name.unwrap_or_default(), field.transform)
        })
        .collect();
    match fields.as_slice() {
        [(ENTITY_HASH, Transform::Identity)] => Some(PartitionStrategy::EntityHash),
        [(EVENT_TIME, Transform::Day)] => Some(PartitionStrategy::Timestamp),
        [
            (ENTITY_HASH, Transform::Identity),
            (EVENT_TIME, Transform::Day),
        ] => Some(PartitionStrategy::Hybrid),
        _ => None,
    }
}

/// The greatest event time that the manifests tell.
async fn newest_event_time(
    session: &dyn Session,
    table: &IcebergTableProvider,
) -> Result<Option<i128>> {
    let schema = table.schema();
    let Some((at, field)) = schema.column_with_name(EVENT_TIME) else {
        return plan_err!(
            "table {} has no column {EVENT_TIME}: it was not made as an online table",
            table.table_name()
        );
    };
    // Files of deletions have no time, and would leave the greatest one unknown.
    let timed = [column(EVENT_TIME).is_not_null()];
    let scan = table.scan(session, Some(&vec![at]), &timed, None).await?;
    let statistics = scan.partition_statistics(None)?;
    let greatest = statistics.column_statistics.first();
    let greatest = greatest.and_then(|times| times.max_value.get_value());
    Ok(match (greatest, field.data_type()) {
        (Some(ScalarValue::TimestampMicrosecond(Some(micros), _)), _) => {
            Some(i128::from(*micros) * 1_000)
        }
        (
            Some(ScalarValue::TimestampNanosecond(Some(nanos), _)),
            DataType::Timestamp(TimeUnit::Nanosecond, _),
        ) => Some(i128::from(*nanos)),
        _ => None,
    })
}
