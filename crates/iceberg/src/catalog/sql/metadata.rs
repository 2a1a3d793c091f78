// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The next version of a table's metadata, and the file it goes to.

use std::str::FromStr;

use iceberg::spec::{TableMetadata, TableMetadataRef};
use iceberg::{MetadataLocation, TableCommit};
use uuid::Uuid;

/// Metadata that is to become a table's current one.
pub(super) struct Staged {
    pub(super) metadata: TableMetadata,
    pub(super) location: MetadataLocation,
}

/// `commit` applied to `current`, whose file is `file`; `None` if it changes nothing.
pub(super) fn stage(
    current: &TableMetadataRef,
    file: &str,
    mut commit: TableCommit,
) -> iceberg::Result<Option<Staged>> {
    for requirement in commit.take_requirements() {
        requirement.check(Some(current))?;
    }
    let mut builder = TableMetadata::clone(current).into_builder(Some(file.to_string()));
    for update in commit.take_updates() {
        builder = update.apply(builder)?;
    }
    let built = builder.build()?;
    if built.changes.is_empty() {
        return Ok(None);
    }
    let location = next_file(file, &built.metadata);
    Ok(Some(Staged {
        metadata: built.metadata,
        location,
    }))
}

/// The file after `file`: `00003-<uuid>.metadata.json` after `00002-…`, in the same directory.
/// Other engines' names (`v2.metadata.json`) are counted on.
fn next_file(file: &str, metadata: &TableMetadata) -> MetadataLocation {
    if let Ok(location) = MetadataLocation::from_str(file) {
        return location.with_next_version().with_new_metadata(metadata);
    }
    let (directory, name) = file.rsplit_once('/').unwrap_or(("", file));
    let digits: String = name
        .chars()
        .skip_while(|c| !c.is_ascii_digit())
        .take_while(char::is_ascii_digit)
        .collect();
    let version = digits
        .parse::<i32>()
        .map_or(0, |version| version.saturating_add(1));
    let uuid = Uuid::new_v4();
    MetadataLocation::from_str(&format!("{directory}/{version:05}-{uuid}.metadata.json"))
        .map(|location| location.with_new_metadata(metadata))
        .unwrap_or_else(|_| MetadataLocation::new_with_metadata(metadata.location(), metadata))
}
