// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A batch view over its former bytes.

use std::collections::BTreeMap;

use crate::edit::Draft;
use crate::entity::{DUMMY_ENTITY, DUMMY_JOIN_KEY};
use crate::feature_view::{FeatureView, ViewKind};
use crate::field::{Field, set_fields};
use crate::message::Message;
use crate::time::{Timestamp, Ttl, stamp};
use crate::value_type::ValueType;
use crate::wire::WireError;
use crate::{python_json, tags};

const VERSION: u32 = 18;
const META_VERSION_NUMBER: u32 = 4;

/// Writes a view over its former bytes; `base` is what its data source is written over.
pub(crate) fn encode(
    view: &FeatureView,
    project: &str,
    existing: Option<&[u8]>,
    base: Option<&[u8]>,
    now: Timestamp,
) -> Result<Vec<u8>, WireError> {
    let at = ViewKind::Batch.layout();
    let mut draft = Draft::of(existing)?;
    let former = draft.get(1)?.unwrap_or_default();
    let former = Message::read(&former)?;
    let source = view.source.encode(None, base, now)?;
    let mut entities = view.entities.clone();
    let mut entity_columns = view.entity_columns.clone();
    if entities.is_empty() {
        entities.push(DUMMY_ENTITY.to_owned());
        entity_columns = vec![Field::new(DUMMY_JOIN_KEY, ValueType::String)];
    }
    draft.edit(1, |spec| {
        spec.string(1, &view.name)?;
        spec.string(2, project)?;
        spec.strings(at.entities, &entities);
        set_fields(spec, at.features, &view.features, &former)?;
        spec.map(at.tags, &stored_tags(view, &former)?)?;
        set_ttl(spec, at.ttl, view.ttl)?;
        spec.message(at.source, &source)?;
        spec.flag(at.online, view.online)?;
        spec.string(at.description, &view.description)?;
        spec.string(at.owner, &view.owner)?;
        set_fields(spec, at.entity_columns, &entity_columns, &former)?;
        if existing.is_none() {
            spec.string(VERSION, "latest")?;
        }
        Ok(())
    })?;
    draft.edit(2, |meta| {
        stamp(meta, 1, 2, now)?;
        set_intervals(meta, at.intervals, &view.materialization_intervals)
    })?;
    Ok(draft.into_bytes())
}

/// Makes the view the first of a new version; a pin to an older one ends.
pub(crate) fn begin_version(bytes: &[u8], version: i32) -> Result<Vec<u8>, WireError> {
    let mut draft = Draft::of(Some(bytes))?;
    draft.edit(1, |spec| spec.string(VERSION, "latest"))?;
    draft.edit(2, |meta| meta.varint(META_VERSION_NUMBER, version as u64))?;
    Ok(draft.into_bytes())
}

fn stored_tags(
    view: &FeatureView,
    former: &Message<'_>,
) -> Result<BTreeMap<String, String>, WireError> {
    let tie_break = if view.tie_break.is_empty() {
        None
    } else {
        let columns = serde_json::json!(view.tie_break);
        let text = python_json::dumps(&columns).map_err(|e| WireError::new(e.to_string()))?;
        Some(String::from_utf8_lossy(&text).into_owned())
    };
    let stored = former.map(ViewKind::Batch.layout().tags)?;
    Ok(tags::with_ours(
        &view.tags,
        &stored,
        [(tags::TIE_BREAK, tie_break)],
    ))
}

/// Feast writes a limit of 0 for none.
fn set_ttl(spec: &mut Draft, number: u32, ttl: Option<Ttl>) -> Result<(), WireError> {
    let ttl = ttl.unwrap_or_default();
    match spec.get(number)? {
        Some(stored) if Ttl::decode(&stored)? == ttl => Ok(()),
        _ => spec.message(number, &ttl.encode()?),
    }
}

/// Windows given replace those stored; none given leave them, as in Feast.
fn set_intervals(
    meta: &mut Draft,
    number: u32,
    intervals: &[(Timestamp, Timestamp)],
) -> Result<(), WireError> {
    if intervals.is_empty() {
        return Ok(());
    }
    let intervals = intervals
        .iter()
        .map(|(start, end)| {
            let mut interval = Draft::default();
            interval.message(1, &start.encode()?)?;
            interval.message(2, &end.encode()?)?;
            Ok(interval.into_bytes())
        })
        .collect::<Result<_, WireError>>()?;
    meta.messages(number, intervals);
    Ok(())
}
