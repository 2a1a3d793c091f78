// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Which snapshot of a table a read sees, and with which schema.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::DateTime;
use datafusion::common::utils::datafusion_strsim::levenshtein;
use iceberg::spec::{
    FormatVersion, MAIN_BRANCH, PartitionSpec, SchemaRef as IcebergSchemaRef, SnapshotRef,
    SnapshotReference, SnapshotRetention, TableMetadata,
};
use serde_json::{Value, json};

use super::written::written;
use crate::error::{Error, ErrorKind, Result};

/// How many names or ids a message lists.
const SHOWN: usize = 10;

/// Which snapshot of a table is read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum SnapshotSelector {
    /// The current one, with the table's current schema.
    #[default]
    Current,
    /// The one with this id, with its own schema.
    SnapshotId(i64),
    /// The head of the branch of this name, with the table's current schema; or the snapshot that
    /// the tag of this name marks, with its own schema.
    Ref(String),
    /// The one that was current at this instant (milliseconds since 1970), with its own schema.
    Timestamp(i64),
}

/// A snapshot and the schema it is read with.
#[derive(Debug)]
pub(crate) struct Selected {
    /// None for a table that nobody has written to.
    pub(crate) snapshot: Option<SnapshotRef>,
    pub(crate) schema: IcebergSchemaRef,
}

/// What `at` selects in the table called `name`.
pub(crate) fn select(
    name: &str,
    metadata: &TableMetadata,
    at: &SnapshotSelector,
) -> Result<Selected> {
    match at {
        SnapshotSelector::Current => Ok(current(metadata)),
        SnapshotSelector::SnapshotId(id) => with_its_schema(name, metadata, *id),
        SnapshotSelector::Ref(reference) => named(name, metadata, reference),
        SnapshotSelector::Timestamp(instant) => {
            let id = current_at(name, metadata, *instant)?;
            with_its_schema(name, metadata, id).map_err(|error| {
                error.context(format!(
                    "as of {}, snapshot {id} was current",
                    text(*instant)
                ))
            })
        }
    }
}

fn current(metadata: &TableMetadata) -> Selected {
    Selected {
        snapshot: metadata.current_snapshot().cloned(),
        schema: Arc::clone(metadata.current_schema()),
    }
}

fn with_its_schema(name: &str, metadata: &TableMetadata, id: i64) -> Result<Selected> {
    let Some(snapshot) = metadata.snapshot_by_id(id) else {
        return Err(not_found(format!(
            "table {name} has no snapshot {id}: {}",
            known_snapshots(metadata, id)
        )));
    };
    Ok(Selected {
        snapshot: Some(Arc::clone(snapshot)),
        schema: snapshot_schema(name, metadata, snapshot)?,
    })
}

fn named(name: &str, metadata: &TableMetadata, reference: &str) -> Result<Selected> {
    // The main branch of a table that nobody has written to is not recorded.
    if reference == MAIN_BRANCH {
        return Ok(current(metadata));
    }
    let refs = references(name, metadata)?;
    match refs.get(reference) {
        Some(found) if found.is_branch() => Ok(Selected {
            snapshot: metadata.snapshot_by_id(found.snapshot_id).cloned(),
            schema: Arc::clone(metadata.current_schema()),
        }),
        Some(tag) => with_its_schema(name, metadata, tag.snapshot_id),
        None => {
            let mut known: Vec<&str> = refs.keys().map(String::as_str).collect();
            if known.is_empty() {
                known.push(MAIN_BRANCH);
            }
            Err(not_found(format!(
                "table {name} has no branch or tag '{reference}': {}",
                known_names(known, reference)
            )))
        }
    }
}

/// The branches and tags of a table, by name.
pub(crate) fn references(
    name: &str,
    metadata: &TableMetadata,
) -> Result<BTreeMap<String, SnapshotReference>> {
    // The core crate shows them nowhere but in the written form, and that only since version 2.
    let second = match metadata.format_version() {
        FormatVersion::V1 => {
            let builder = metadata.clone().into_builder(None);
            let builder = builder.upgrade_format_version(FormatVersion::V2)?;
            // It refuses the specs of version 1 in which a removed field is called like its column.
            let no_spec = PartitionSpec::unpartition_spec().into_unbound();
            let builder = builder.add_default_partition_spec(no_spec)?;
            Some(builder.build()?.metadata)
        }
        _ => None,
    };
    let message = format!("the branches and tags of table {name} cannot be told");
    let mut written = written(second.as_ref().unwrap_or(metadata))
        .map_err(|error| error.context(message.clone()))?;
    let refs = written.get_mut("refs").map(Value::take);
    let refs = serde_json::from_value(refs.unwrap_or_else(|| json!({})));
    let mut refs: BTreeMap<String, SnapshotReference> =
        refs.map_err(|cause| Error::new(ErrorKind::Damaged, message).with_source(cause))?;
    if let (true, Some(current)) = (refs.is_empty(), metadata.current_snapshot_id()) {
        let main = SnapshotRetention::Branch {
            min_snapshots_to_keep: None,
            max_snapshot_age_ms: None,
            max_ref_age_ms: None,
        };
        refs.insert(
            MAIN_BRANCH.to_string(),
            SnapshotReference::new(current, main),
        );
    }
    Ok(refs)
}

fn known_names(mut known: Vec<&str>, wanted: &str) -> String {
    known.sort_unstable();
    let nearest = nearest(known.iter().copied(), wanted);
    let more = known.len().saturating_sub(SHOWN);
    known.truncate(SHOWN);
    let mut shown = format!("it has '{}'", known.join("', '"));
    if more > 0 {
        shown = format!("{shown} and {more} more");
    }
    match nearest {
        Some(nearest) => format!("{shown}; the nearest is '{nearest}'"),
        None => shown,
    }
}

/// The name that takes the fewest edits, if it takes less than half of the letters.
fn nearest<'a>(known: impl Iterator<Item = &'a str>, wanted: &str) -> Option<&'a str> {
    let fold = wanted.to_lowercase();
    let close = |name: &&str| levenshtein(&name.to_lowercase(), &fold);
    let found = known.min_by_key(close)?;
    let letters = found.chars().count().max(wanted.chars().count());
    (close(&found) * 2 < letters.max(2)).then_some(found)
}

/// The snapshot that was current at an instant, by the table's log.
fn current_at(name: &str, metadata: &TableMetadata, instant: i64) -> Result<i64> {
    let mut log: Vec<(i64, i64)> = metadata
        .history()
        .iter()
        .map(|e| (e.timestamp_ms(), e.snapshot_id))
        .collect();
    if log.is_empty() {
        log = lineage(metadata);
    }
    if let Some((_, id)) = log.iter().rev().find(|(since, _)| *since <= instant) {
        return Ok(*id);
    }
    let earliest = match log.first() {
        Some((since, id)) => format!("its earliest known snapshot is {id} of {}", text(*since)),
        None => "it has no snapshot".to_string(),
    };
    Err(not_found(format!(
        "table {name} has no snapshot at or before {}: {earliest}",
        text(instant)
    )))
}

/// The current snapshot and its ancestors, oldest first: when each was made, and its id.
pub(crate) fn lineage(metadata: &TableMetadata) -> Vec<(i64, i64)> {
    let mut found = Vec::new();
    let mut next = metadata.current_snapshot();
    while let Some(snapshot) = next {
        found.push((snapshot.timestamp_ms(), snapshot.snapshot_id()));
        let parent = snapshot
            .parent_snapshot_id()
            .and_then(|id| metadata.snapshot_by_id(id));
        next = parent.filter(|_| found.len() <= metadata.snapshots().len());
    }
    found.reverse();
    found
}

fn known_snapshots(metadata: &TableMetadata, wanted: i64) -> String {
    let mut known: Vec<_> = metadata
        .snapshots()
        .map(|s| (s.timestamp_ms(), s.snapshot_id()))
        .collect();
    known.sort_unstable();
    let shown = match known.as_slice() {
        [] => return "it has none".to_string(),
        [(since, id)] => format!("it has only {id} of {}", text(*since)),
        few if few.len() <= SHOWN => {
            let ids: Vec<_> = few.iter().map(|(_, id)| id.to_string()).collect();
            format!("it has {}, oldest first", ids.join(", "))
        }
        [(since, first), .., (until, last)] => format!(
            "it has {} of them, from {first} of {} to {last} of {}",
            known.len(),
            text(*since),
            text(*until)
        ),
    };
    let ids: Vec<_> = known.iter().map(|(_, id)| id.to_string()).collect();
    match nearest(ids.iter().map(String::as_str), &wanted.to_string()) {
        Some(nearest) if known.len() > 1 => format!("{shown}; the nearest is {nearest}"),
        _ => shown,
    }
}

fn snapshot_schema(
    name: &str,
    metadata: &TableMetadata,
    snapshot: &SnapshotRef,
) -> Result<IcebergSchemaRef> {
    let Some(id) = snapshot.schema_id() else {
        return Ok(Arc::clone(metadata.current_schema()));
    };
    metadata.schema_by_id(id).cloned().ok_or_else(|| {
        let snapshot = snapshot.snapshot_id();
        let message = format!(
            "snapshot {snapshot} of table {name} was written with schema {id}, which the table's \
             metadata does not have or which has types that cannot be read; read another snapshot"
        );
        Error::new(ErrorKind::Unsupported, message)
    })
}

fn not_found(message: String) -> Error {
    Error::new(ErrorKind::NotFound, message)
}

/// An instant as people write it.
fn text(milliseconds: i64) -> String {
    match DateTime::from_timestamp_millis(milliseconds) {
        Some(instant) => instant.to_rfc3339(),
        None => format!("{milliseconds} ms since 1970"),
    }
}
