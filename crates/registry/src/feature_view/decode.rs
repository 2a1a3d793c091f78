// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A view from its bytes, of any kind.

use crate::entity::{DUMMY_ENTITY, DUMMY_JOIN_KEY};
use crate::feature_view::{FeatureView, ViewKind};
use crate::field::decode_fields;
use crate::message::Message;
use crate::source::DataSource;
use crate::tags;
use crate::time::{Timestamp, Ttl};
use crate::wire::WireError;

/// The batch source inside a push or stream source.
pub(crate) const BEHIND_STREAM: u32 = 26;

impl FeatureView {
    pub(crate) fn decode(kind: ViewKind, bytes: &[u8]) -> Result<Self, WireError> {
        let at = kind.layout();
        let message = Message::read(bytes)?;
        let spec = message.message(1)?.unwrap_or_default();
        let spec = Message::read(&spec)?;
        let meta = message.message(2)?.unwrap_or_default();
        let meta = Message::read(&meta)?;

        let source = match spec.message(at.source)? {
            Some(source) => source_of_rows(&source).map_err(|error| error.within("its source"))?,
            None => DataSource::none(kind.name()),
        };
        let ttl = spec
            .message(at.ttl)?
            .as_deref()
            .map(Ttl::decode)
            .transpose()?;
        let stored = spec.map(at.tags)?;
        let mut entities = spec.strings(at.entities)?;
        entities.retain(|name| name != DUMMY_ENTITY);
        let mut entity_columns = decode_fields(&spec, at.entity_columns)?;
        entity_columns.retain(|column| column.name != DUMMY_JOIN_KEY);
        let mut features = decode_fields(&spec, at.features)?;
        if kind == ViewKind::Stream {
            // Feast lists the join keys of these among the features as well.
            features.retain(|feature| entity_columns.iter().all(|key| key.name != feature.name));
        }
        let mut transformed = false;
        for &number in at.transformations {
            transformed |= !spec.repeated(number)?.is_empty();
        }
        Ok(Self {
            name: spec.string(1)?,
            entities,
            entity_columns,
            features,
            source,
            ttl: ttl.filter(|ttl| !ttl.is_zero()),
            online: spec.flag(at.online)?,
            description: spec.string(at.description)?,
            owner: spec.string(at.owner)?,
            tie_break: tie_break(stored.get(tags::TIE_BREAK))?,
            tags: tags::users(&stored),
            kind,
            materialization_intervals: intervals(&meta, at.intervals)?,
            transformed,
        })
    }
}

/// The source of a view's history: for a stream, the batch source that stands behind it.
fn source_of_rows(bytes: &[u8]) -> Result<DataSource, WireError> {
    match Message::read(bytes)?.message(BEHIND_STREAM)? {
        Some(behind) => DataSource::decode(&behind),
        None => DataSource::decode(bytes),
    }
}

fn tie_break(tag: Option<&String>) -> Result<Vec<String>, WireError> {
    let Some(tag) = tag else {
        return Ok(Vec::new());
    };
    serde_json::from_str(tag).map_err(|error| {
        WireError::new(format!(
            "its tag '{}' is no JSON list of column names: {error}",
            tags::TIE_BREAK
        ))
    })
}

fn intervals(meta: &Message<'_>, number: u32) -> Result<Vec<(Timestamp, Timestamp)>, WireError> {
    if number == 0 {
        return Ok(Vec::new());
    }
    let instant = |interval: &Message<'_>, number| match interval.message(number)? {
        Some(bytes) => Timestamp::decode(&bytes),
        None => Ok(Timestamp::default()),
    };
    meta.repeated(number)?
        .into_iter()
        .map(|bytes| {
            let interval = Message::read(bytes)?;
            Ok((instant(&interval, 1)?, instant(&interval, 2)?))
        })
        .collect()
}

/// The name and the project of an object that keeps them in its spec.
pub(crate) fn names_and_project(bytes: &[u8], project: u32) -> Result<(String, String), WireError> {
    let message = Message::read(bytes)?;
    let spec = message.message(1)?.unwrap_or_default();
    let spec = Message::read(&spec)?;
    Ok((spec.string(1)?, spec.string(project)?))
}
