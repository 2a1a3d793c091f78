// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Feature views as the online store has them: from definitions and sources to names and types.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{DataFusionError, Result, ScalarValue, plan_err};
use feast_iceberg::SnapshotSelector;
use feast_online::{
    LookupFeature, LookupView, OnlineStore, OnlineView, SourceColumns, ViewDefinition,
};

use super::pit_join::{Call, Columns, PitJoinRequest, Selection, as_duration, select};
use crate::session::FeastScope;

/// The views and features that a call asks for.
pub(super) fn selected(scope: &FeastScope, request: &PitJoinRequest) -> Result<Vec<Selection>> {
    let registry = scope.registry().read()?;
    select(&registry, scope.project(), Call::OnlineLookup, request)
}

/// A view by its name, with all of its features.
pub(super) async fn whole_view(scope: &FeastScope, name: &str) -> Result<LookupView> {
    let request = PitJoinRequest::features([format!("{name}:*")]);
    match selected(scope, &request)?.as_slice() {
        [selection] => online_view(scope, selection, false).await,
        _ => plan_err!("there is no feature view {name}"),
    }
}

/// The view as it is looked up.
pub(super) async fn online_view(
    scope: &FeastScope,
    selection: &Selection,
    full_feature_names: bool,
) -> Result<LookupView> {
    resolve(scope, selection, full_feature_names)
        .await
        .map_err(|error| error.context(format!("feature view {}", selection.view.name)))
}

async fn resolve(
    scope: &FeastScope,
    selection: &Selection,
    full_feature_names: bool,
) -> Result<LookupView> {
    let (view, source) = (&selection.view, &selection.view.source);
    let table = scope
        .source_table(source, SnapshotSelector::Current)
        .await?;
    let schema = table.schema();
    let found = Columns {
        view: &view.name,
        schema: &schema,
        mapping: &source.field_mapping,
    };
    let all = |what: &str, names: &mut dyn Iterator<Item = &String>| {
        names
            .map(|name| found.find(what, name))
            .collect::<Result<Vec<_>>>()
    };
    let created = source.created_timestamp_column.as_deref();
    let columns = SourceColumns {
        keys: all(
            "join key",
            &mut view.entity_columns.iter().map(|key| &key.name),
        )?,
        event_time: found.find("timestamp column", &source.timestamp_field)?,
        created_time: created
            .filter(|name| !name.is_empty())
            .map(|name| found.find("created timestamp column", name))
            .transpose()?,
        tie_break: all("tie-break column", &mut view.tie_break.iter())?,
        features: all(
            "feature",
            &mut view.features.iter().map(|feature| &feature.name),
        )?,
    };
    let definition = ViewDefinition {
        project: scope.project().to_owned(),
        name: view.name.clone(),
        keys: view
            .entity_columns
            .iter()
            .map(|key| (key.name.clone(), key.value_type))
            .collect(),
        tie_break: view.tie_break.clone(),
        features: view
            .features
            .iter()
            .map(|feature| feature.name.clone())
            .collect(),
        ttl: view.ttl.and_then(as_duration),
    };
    let online = OnlineView::try_new(definition, &columns, &schema)?;
    let keys = view.entity_columns.iter();
    let keys = keys.map(|key| selection.join_key_map.get(&key.name).unwrap_or(&key.name));
    let place = scope.online_place(source)?;
    let features = selection.features.iter().map(|name| LookupFeature {
        name: name.clone(),
        output: match full_feature_names {
            true => format!("{}__{name}", selection.name),
            false => name.clone(),
        },
    });
    Ok(LookupView {
        keys: keys.cloned().collect(),
        features: features.collect(),
        store: place.map(|it| OnlineStore::new(&it.catalog, it.namespace, it.layout)),
        name: selection.name.clone(),
        view: online,
        source: table,
        columns,
    })
}

/// The place of the view's table, which has to be known to write it.
pub(super) fn store(view: &LookupView) -> Result<&OnlineStore> {
    match &view.store {
        Some(store) => Ok(store),
        None => plan_err!(
            "feature view {} has no place online: its source is in no Iceberg catalog; attach one with CREATE EXTERNAL CATALOG and SET \
             feast.online.catalog = 'its name'",
            view.name
        ),
    }
}

/// When the statement started, in nanoseconds since 1970.
pub(super) fn now_nanos(scope: &FeastScope) -> i128 {
    let now = scope.now();
    i128::from(now.timestamp()) * 1_000_000_000 + i128::from(now.timestamp_subsec_nanos())
}

/// The instant that an argument names, in nanoseconds since 1970; NULL is none.
pub(super) fn instant(function: &str, name: &str, value: &ScalarValue) -> Result<Option<i128>> {
    if value.is_null() {
        return Ok(None);
    }
    for (unit, nanos) in [(TimeUnit::Nanosecond, 1), (TimeUnit::Microsecond, 1_000)] {
        let target = DataType::Timestamp(unit, Some("UTC".into()));
        match value.cast_to(&target) {
            Ok(
                ScalarValue::TimestampNanosecond(Some(ticks), _)
                | ScalarValue::TimestampMicrosecond(Some(ticks), _),
            ) if !value.data_type().is_numeric() => return Ok(Some(i128::from(ticks) * nanos)),
            _ => {}
        }
    }
    plan_err!(
        "{function}: {name} expects an instant such as TIMESTAMP '2025-01-31T00:00:00Z', found {value} of type {}",
        value.data_type()
    )
}

/// An error that says what was being done.
pub(super) fn about(error: DataFusionError, doing: &str, view: &str) -> DataFusionError {
    error.context(format!("{doing} feature view {view}"))
}
