// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The parity law, checked: what a view serves online is what a training set would have.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::{Result, plan_err};
use datafusion::dataframe::DataFrame;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use feast_iceberg::{IcebergTableProvider, SnapshotSelector};

use crate::append::column;
use crate::live::live_rows;
use crate::lookup::{LookupOptions, LookupSource, LookupView, lookup, source_rows};
use crate::store::OnlineTable;
use crate::summary::Operation;

/// The columns of [`verify_parity`]: the keys, then the event time and each feature, online and
/// offline.
pub fn parity_schema(wanted: &LookupView) -> SchemaRef {
    let view = &wanted.view;
    let keys = view.keys.iter();
    let mut fields: Vec<Field> = keys
        .map(|key| Field::new(&key.name, key.key_type.arrow(), true))
        .collect();
    let time = [("event_timestamp", &view.event_time)];
    let features = view
        .columns
        .iter()
        .filter(|kept| view.features.contains(&kept.name));
    let features = features.map(|kept| (kept.name.as_str(), &kept.data_type));
    for (name, data_type) in time.into_iter().chain(features) {
        for side in ["online", "offline"] {
            fields.push(Field::new(
                format!("{name}__{side}"),
                data_type.clone(),
                true,
            ));
        }
    }
    Arc::new(Schema::new(fields))
}

/// The keys for which a lookup and the point-in-time join over the source give different rows, TTL
/// applied, with both rows. The source is read at the snapshot that was materialized last.
///
/// `sample` keys are looked at, or all. `now` is the time of the statement, in nanoseconds since 1970.
pub async fn verify_parity(
    state: &SessionState,
    wanted: &LookupView,
    sample: Option<usize>,
    now: i128,
) -> Result<RecordBatch> {
    let table = match &wanted.store {
        Some(store) => store.open(&wanted.view).await?,
        None => None,
    };
    let Some(table) = table else {
        return plan_err!(
            "feature view {} was never written online; MATERIALIZE FEATURE VIEW {} first",
            wanted.name,
            wanted.name
        );
    };
    let wanted = &materialized(wanted, &table)?;
    let keys = keys(state, wanted, &table, sample).await?;
    let horizon = table.lineage().horizon().unwrap_or(now);
    let mut options = LookupOptions {
        function: "feast_verify_parity",
        status: false,
        timestamps: true,
        max_age: true,
        as_of: Some(now.max(horizon)),
        now,
        source: LookupSource::Online,
        timeout: None,
    };
    let views = std::slice::from_ref(wanted);
    let online = lookup(state, views, &keys, &options).await?;
    options.source = LookupSource::Offline;
    let offline = lookup(state, views, &keys, &options).await?;
    differing(wanted, &online, &offline)
}

/// The view over the source as it was materialized last, all of its features by names that are free.
fn materialized(wanted: &LookupView, table: &OnlineTable) -> Result<LookupView> {
    let mut view = wanted.clone();
    let history = table.history();
    let mut commits = history.iter().map(|(_, said)| said);
    let last = commits.find(|said| said.operation == Operation::Materialize);
    let iceberg = view.source.as_any().downcast_ref::<IcebergTableProvider>();
    if let (Some(source), Some(id)) = (iceberg, last.and_then(|said| said.source_snapshot)) {
        view.source = Arc::new(source.at(SnapshotSelector::SnapshotId(id))?);
    }
    for (at, feature) in view.features.iter_mut().enumerate() {
        feature.output = format!("__feast_value_{at}");
    }
    view.keys = view.view.keys.iter().map(|key| key.name.clone()).collect();
    Ok(view)
}

/// The keys of the source and of the table.
async fn keys(
    state: &SessionState,
    wanted: &LookupView,
    table: &OnlineTable,
    sample: Option<usize>,
) -> Result<RecordBatch> {
    let live = live_rows(table, &wanted.view, None).await?;
    let source = source_rows(wanted)?;
    let of = |rows: LogicalPlan| {
        let keys = wanted
            .view
            .keys
            .iter()
            .map(|key| column(&key.name).alias(&key.name));
        LogicalPlanBuilder::from(rows).project(keys.collect::<Vec<_>>())
    };
    if wanted.view.keys.is_empty() {
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(1));
        let schema = Arc::new(Schema::empty());
        return Ok(RecordBatch::try_new_with_options(schema, vec![], &options)?);
    }
    let mut all = of(source)?.union(of(live)?.build()?)?.distinct()?;
    if sample.is_some() {
        all = all.limit(0, sample)?;
    }
    let plan = all.build()?;
    let schema = Arc::clone(plan.schema().inner());
    let found = DataFrame::new(state.clone(), plan).collect().await?;
    Ok(concat_batches(&schema, &found)?)
}

fn differing(
    wanted: &LookupView,
    online: &RecordBatch,
    offline: &RecordBatch,
) -> Result<RecordBatch> {
    let schema = parity_schema(wanted);
    let width = wanted.view.keys.len();
    let mut columns: Vec<ArrayRef> = online.columns()[..width].to_vec();
    let mut differs = vec![false; online.num_rows()];
    let mut pair = |left: &ArrayRef, right: &ArrayRef| {
        if left.to_data() != right.to_data() {
            for (row, differs) in differs.iter_mut().enumerate() {
                // Bit for bit, NaN included.
                *differs |= left.slice(row, 1).to_data() != right.slice(row, 1).to_data();
            }
        }
        columns.extend([Arc::clone(left), Arc::clone(right)]);
    };
    // Each feature has its value and its time, which is the same for all.
    if online.num_columns() > width + 1 {
        pair(online.column(width + 1), offline.column(width + 1));
    }
    for kept in &wanted.view.columns {
        let mut features = wanted.features.iter();
        let Some(at) = features.position(|feature| feature.name == kept.name) else {
            continue;
        };
        pair(
            online.column(width + 2 * at),
            offline.column(width + 2 * at),
        );
    }
    let rows = RecordBatch::try_new(schema, columns)?;
    Ok(filter_record_batch(&rows, &BooleanArray::from(differs))?)
}
