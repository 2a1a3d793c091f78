// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `feast.online.status`: the online tables of a project, from their metadata.
//!
//! | column | meaning |
//! |---|---|
//! | project, view | the feature view |
//! | online_table | its online table, there or not; NULL where no catalog is set for it |
//! | strategy, parts | how the table is partitioned, and into how many parts keys are hashed |
//! | rows | the rows in the table, hidden ones and marks of deletions included |
//! | keys | the keys; NULL where only a scan could tell |
//! | files, bytes | its data files |
//! | pushed_rows | the rows that `feast_write_online` added |
//! | snapshot_id, committed_at | the current snapshot |
//! | source_snapshot | the snapshot of the source that was materialized last |
//! | materialized_start, materialized_end | the window of event times of the last materialization |
//! | newest_event_timestamp | the newest event time of all rows |
//! | lag_seconds | for how long the source has had what is not online |
//! | error | why the table, or for the lag the source, cannot be read |

use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use datafusion::common::{Result, plan_err};
use feast_online::{OnlineStatus, Recorded, online_table_name};
use feast_registry::FeatureView;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use iceberg::spec::TableMetadata;

use super::error::from_registry;
use super::provider::Effect;
use super::source_state::{SourceState, message};
use crate::session::FeastScope;

/// So many tables are looked at side by side.
const AT_ONCE: usize = 8;

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let text = |name| Field::new(name, DataType::Utf8, true);
    let count = |name| Field::new(name, DataType::Int64, true);
    let instant = |name| {
        let data_type = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        Field::new(name, data_type, true)
    };
    Arc::new(Schema::new(vec![
        Field::new("project", DataType::Utf8, false),
        Field::new("view", DataType::Utf8, false),
        text("online_table"),
        text("strategy"),
        count("parts"),
        count("rows"),
        count("keys"),
        count("files"),
        count("bytes"),
        count("pushed_rows"),
        count("snapshot_id"),
        instant("committed_at"),
        count("source_snapshot"),
        instant("materialized_start"),
        instant("materialized_end"),
        instant("newest_event_timestamp"),
        Field::new("lag_seconds", DataType::Float64, true),
        text("error"),
    ]))
});

/// The rows, as the tables are when they are asked for.
#[derive(Debug)]
pub(crate) struct OnlineStatusRows {
    pub(crate) scope: FeastScope,
    pub(crate) now: DateTime<Utc>,
}

/// What is known of a view.
#[derive(Debug, Default)]
struct Row {
    view: String,
    table: Option<String>,
    status: Option<OnlineStatus>,
    lag_seconds: Option<f64>,
    error: Option<String>,
}

impl OnlineStatusRows {
    /// The columns.
    pub(crate) fn result_schema() -> SchemaRef {
        Arc::clone(&SCHEMA)
    }

    async fn row(&self, view: &FeatureView) -> Row {
        let mut row = Row {
            view: view.name.clone(),
            ..Row::default()
        };
        if let Err(error) = Box::pin(self.look(view, &mut row)).await {
            row.error = Some(message(&error));
        }
        row
    }

    async fn look(&self, view: &FeatureView, row: &mut Row) -> Result<()> {
        let Some(place) = self.scope.online_place(&view.source)? else {
            return plan_err!(
                "there is no place for its online table: its source is in no Iceberg catalog; attach one and SET feast.online.catalog"
            );
        };
        let name = online_table_name(self.scope.project(), &view.name);
        let (catalog, namespace) = (place.catalog.name(), &place.namespace);
        row.table = Some(format!("{catalog}.{namespace}.{name}"));
        let Some(table) = place.catalog.table(namespace, &name).await? else {
            return Ok(());
        };
        let status = OnlineStatus::of(&self.scope.state(), &table).await?;
        if let Some(last) = status.materialized() {
            let source = SourceState::of(&self.scope, view).await;
            row.error = source
                .unreadable()
                .map(|why| format!("its source cannot be read: {why}"));
            let metadata = source.iceberg().map(|table| table.table().metadata());
            row.lag_seconds = self.lag(last, &status.history, metadata);
        }
        row.status = Some(status);
        Ok(())
    }

    /// The time since the source had the first commit that is not online; where that cannot be told, since
    /// the end of the last window.
    fn lag(
        &self,
        last: &Recorded,
        history: &[Recorded],
        source: Option<&TableMetadata>,
    ) -> Option<f64> {
        // A window says nothing of what else the source had.
        let whole =
            |it: &&Recorded| it.source_snapshot.is_some() && it.mode.as_deref() != Some("window");
        let known = history.iter().find(whole).and_then(|it| it.source_snapshot);
        let missing = source
            .zip(known)
            .and_then(|(source, id)| first_after(source, id));
        let since = match missing {
            Some(None) => return Some(0.0),
            Some(Some(millis)) => i128::from(millis) * 1_000,
            None => last.interval?.1.div_euclid(1_000),
        };
        let lag = i128::from(self.now.timestamp_micros()) - since;
        Some(lag as f64 / 1e6)
    }
}

/// When the first snapshot after `id` was committed, in milliseconds since the epoch: `Some(None)` when `id`
/// is the current one, None when the current one does not come from it, as far as is kept.
fn first_after(table: &TableMetadata, id: i64) -> Option<Option<i64>> {
    let mut after = None;
    let mut at = table.current_snapshot()?;
    while at.snapshot_id() != id {
        after = Some(at.timestamp_ms());
        at = table.snapshot_by_id(at.parent_snapshot_id()?)?;
    }
    Some(after)
}

#[async_trait]
impl Effect for OnlineStatusRows {
    fn label(&self) -> String {
        "online status".to_owned()
    }

    fn schema(&self) -> SchemaRef {
        Self::result_schema()
    }

    async fn run(&self) -> Result<RecordBatch> {
        let project = self.scope.project();
        let mut views = {
            let registry = self.scope.registry().read()?;
            registry.feature_views(project).map_err(from_registry)?
        };
        views.retain(|view| view.online && view.refusal().is_none());
        views.sort_by(|a, b| a.name.cmp(&b.name));
        let looks: Vec<BoxFuture<'_, Row>> =
            views.iter().map(|view| self.row(view).boxed()).collect();
        let rows: Vec<Row> = stream::iter(looks).buffered(AT_ONCE).collect().await;
        Ok(RecordBatch::try_new(
            Self::result_schema(),
            columns(project, &rows),
        )?)
    }
}

fn columns(project: &str, rows: &[Row]) -> Vec<ArrayRef> {
    let status = || rows.iter().map(|row| row.status.as_ref());
    let last = || status().map(|it| it.and_then(OnlineStatus::materialized));
    let counts = |of: fn(&OnlineStatus) -> Option<u64>| -> ArrayRef {
        let counts = status().map(|it| it.and_then(of));
        let counts = counts.map(|it| it.map(|count| i64::try_from(count).unwrap_or(i64::MAX)));
        Arc::new(counts.collect::<Int64Array>())
    };
    let texts = |values: Vec<Option<String>>| -> ArrayRef { Arc::new(StringArray::from(values)) };
    vec![
        texts(vec![Some(project.to_owned()); rows.len()]),
        texts(rows.iter().map(|row| Some(row.view.clone())).collect()),
        texts(rows.iter().map(|row| row.table.clone()).collect()),
        texts(status().map(|it| Some(it?.strategy?.to_string())).collect()),
        counts(|it| it.parts.map(u64::from)),
        counts(|it| it.rows),
        counts(|it| it.keys),
        counts(|it| it.files),
        counts(|it| it.bytes),
        counts(|it| it.pushed_rows),
        Arc::new(status().map(|it| it?.snapshot_id).collect::<Int64Array>()),
        instants(status().map(|it| it?.committed_at)),
        Arc::new(last().map(|it| it?.source_snapshot).collect::<Int64Array>()),
        instants(last().map(|it| Some(it?.interval?.0))),
        instants(last().map(|it| Some(it?.interval?.1))),
        instants(status().map(|it| it?.newest_event_time)),
        Arc::new(
            rows.iter()
                .map(|row| row.lag_seconds)
                .collect::<Float64Array>(),
        ),
        texts(rows.iter().map(|row| row.error.clone()).collect()),
    ]
}

/// Nanoseconds since 1970 as instants; beyond what these can tell, their end.
fn instants(nanos: impl Iterator<Item = Option<i128>>) -> ArrayRef {
    let micros = |nanos: i128| {
        let micros = nanos.div_euclid(1_000);
        micros.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    };
    let instants = nanos.map(|nanos| nanos.map(micros));
    let instants: TimestampMicrosecondArray = instants.collect();
    Arc::new(instants.with_timezone("UTC"))
}
