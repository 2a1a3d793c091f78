// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A selected view as the join sees it: an input plan and the columns to read there.

use std::collections::BTreeMap;
use std::time::Duration;

use arrow::datatypes::Schema;
use datafusion::catalog::TableProvider;
use datafusion::common::{Result, ScalarValue, TableReference, plan_err};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use feast_iceberg::IcebergTableProvider;
use feast_pit::{PitFeature, PitKey, PitProvenance, PitView};
use feast_registry::Ttl;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use super::Call;
use super::request::PitJoinRequest;
use super::selection::{Selection, select};
use crate::session::FeastScope;

/// How many sources are opened at the same time.
const SOURCES_AT_ONCE: usize = 16;

/// The views a call asks for, each with the plan its rows come from.
#[derive(Debug)]
pub(crate) struct ResolvedViews {
    pub(crate) specs: Vec<PitView>,
    pub(crate) inputs: Vec<LogicalPlan>,
    /// The call has features named `view__feature`.
    pub(crate) full_feature_names: bool,
}

/// Resolves what a call asks for against the definitions and the sources.
pub(crate) async fn resolve(
    scope: &FeastScope,
    call: Call,
    request: &PitJoinRequest,
) -> Result<ResolvedViews> {
    let selections = {
        let registry = scope.registry().read()?;
        select(&registry, scope.project(), call, request)?
    };
    let mut views = ResolvedViews {
        specs: Vec::with_capacity(selections.len()),
        inputs: Vec::with_capacity(selections.len()),
        full_feature_names: request.full_feature_names,
    };
    // In order, so that of several errors the first view's is told, whichever source answers first.
    let resolving = selections
        .iter()
        .map(|selection| resolve_view(scope, selection, request).boxed())
        .collect::<Vec<_>>();
    let mut resolved = stream::iter(resolving).buffered(SOURCES_AT_ONCE);
    while let Some((spec, input)) = resolved.try_next().await? {
        views.specs.push(spec);
        views.inputs.push(input);
    }
    Ok(views)
}

/// Resolves the view's names to columns of its source and scans that.
async fn resolve_view(
    scope: &FeastScope,
    selection: &Selection,
    request: &PitJoinRequest,
) -> Result<(PitView, LogicalPlan)> {
    let (view, source) = (&selection.view, &selection.view.source);
    let at = match request.as_of.selector(&selection.name) {
        feast_iceberg::SnapshotSelector::Current => request.as_of.selector(&view.name),
        chosen => chosen,
    };
    let table = scope
        .source_table(source, at)
        .await
        .map_err(|e| e.context(format!("feature view {}", view.name)))?;
    let schema = table.schema();
    let columns = Columns {
        view: &view.name,
        schema: &schema,
        mapping: &source.field_mapping,
    };
    let keys = view
        .entity_columns
        .iter()
        .map(|key| {
            let entity = selection.join_key_map.get(&key.name).unwrap_or(&key.name);
            Ok(PitKey {
                entity: entity.clone(),
                view: columns.find("join key", &key.name)?,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let mut features = Vec::with_capacity(selection.features.len());
    for feature in &selection.features {
        let output = if request.full_feature_names {
            format!("{}__{feature}", selection.name)
        } else {
            feature.clone()
        };
        features.push(PitFeature {
            column: columns.find("feature", feature)?,
            output,
        });
    }
    let declared = view.features.iter().filter_map(|f| columns.get(&f.name));
    let mut tie_break = Vec::new();
    for name in &view.tie_break {
        tie_break.push(columns.find("tie-break column", name)?);
    }
    tie_break.extend(declared);
    let spec = PitView {
        name: selection.name.clone(),
        keys,
        event_time: columns.find("timestamp column", &source.timestamp_field)?,
        created_time: match source.created_timestamp_column.as_deref() {
            Some(name) if !name.is_empty() => Some(columns.find("created timestamp column", name)?),
            _ => None,
        },
        tie_break,
        ttl: view.ttl.and_then(as_duration),
        created_cutoff: request.filter_by_created_timestamp,
        features,
        provenance: request
            .provenance
            .then(|| provenance(&selection.name, table.as_ref())),
    };
    let name = TableReference::bare(selection.name.as_str());
    let input = LogicalPlanBuilder::scan(name, provider_as_source(table), None)?.build()?;
    Ok((spec, input))
}

/// The columns that tell where a view's features come from. A source that is no Iceberg table has no snapshot.
fn provenance(view: &str, table: &dyn TableProvider) -> PitProvenance {
    let iceberg = table.as_any().downcast_ref::<IcebergTableProvider>();
    let snapshot = ScalarValue::Int64(iceberg.and_then(IcebergTableProvider::snapshot_id));
    PitProvenance {
        event_time: format!("{view}__event_timestamp"),
        created_time: format!("{view}__created_timestamp"),
        constants: vec![(format!("{view}__snapshot_id"), snapshot)],
    }
}

/// A TTL as a duration; zero and less mean no limit, as in Feast.
pub(in crate::ops) fn as_duration(ttl: Ttl) -> Option<Duration> {
    let nanos = i128::from(ttl.seconds) * 1_000_000_000 + i128::from(ttl.nanos);
    let (seconds, nanos) = (
        nanos.div_euclid(1_000_000_000),
        nanos.rem_euclid(1_000_000_000),
    );
    let duration = Duration::new(u64::try_from(seconds).ok()?, u32::try_from(nanos).ok()?);
    (!duration.is_zero()).then_some(duration)
}

/// A source's columns by the names they have in the view.
pub(in crate::ops) struct Columns<'a> {
    pub(in crate::ops) view: &'a str,
    pub(in crate::ops) schema: &'a Schema,
    /// Source column to the name it has in the view.
    pub(in crate::ops) mapping: &'a BTreeMap<String, String>,
}

impl Columns<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let mapped = self.mapping.iter().find(|(column, to)| {
            to.as_str() == name && self.schema.column_with_name(column).is_some()
        });
        match mapped {
            Some((column, _)) => Some(column.clone()),
            None => self.schema.column_with_name(name).map(|_| name.to_owned()),
        }
    }

    pub(in crate::ops) fn find(&self, what: &str, name: &str) -> Result<String> {
        match self.get(name) {
            Some(column) => Ok(column),
            None => plan_err!(
                "feature view {}: {what} {name} is not in its source; the source has {}; define the view anew, or ask as of a snapshot that has it",
                self.view,
                self.schema
                    .fields()
                    .iter()
                    .map(|f| f.name().as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        }
    }
}
