// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors
//! Manifest lists and manifests.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use apache_avro::types::Value;

use super::avro::{AvroFile, field, field_mut, text};
use super::locations::Locations;
use super::{at, deletes};

/// The reserved field ids of a position delete's `file_path` and of `_file`, which DuckDB uses in
/// the bounds of a deletion vector.
const PATH_FIELDS: [i32; 2] = [2_147_483_546, 2_147_483_646];

/// Rewrites the manifests, the delete files they name, then the manifest lists: each step changes
/// the length of a file that the next one records.
pub(super) fn rewrite<'a>(
    files: impl Iterator<Item = &'a PathBuf>,
    locations: &Locations,
) -> io::Result<()> {
    let mut lists = Vec::new();
    let mut rewritten = HashMap::new();
    for file in files {
        let avro = AvroFile::read(file)?;
        if avro
            .records
            .iter()
            .any(|record| field(record, "manifest_path").is_some())
        {
            lists.push((file, avro));
        } else {
            rewrite_manifest(file, avro, locations, &mut rewritten)?;
        }
    }
    for (file, mut avro) in lists {
        for entry in &mut avro.records {
            if let Some(manifest) = map_text(entry, "manifest_path", locations) {
                set_length(entry, "manifest_length", file_length(&manifest)?);
            }
        }
        avro.write(file)?;
    }
    Ok(())
}

fn rewrite_manifest(
    file: &Path,
    mut avro: AvroFile,
    locations: &Locations,
    rewritten: &mut HashMap<PathBuf, u64>,
) -> io::Result<()> {
    for entry in &mut avro.records {
        let Some(data_file) = field_mut(entry, "data_file") else {
            continue;
        };
        let format = text(data_file, "file_format")
            .unwrap_or("PARQUET")
            .to_ascii_uppercase();
        let is_position_delete = matches!(field(data_file, "content"), Some(Value::Int(1)));
        let is_data = matches!(field(data_file, "content"), None | Some(Value::Int(0)));
        if is_data {
            map_stray(data_file, locations);
        }
        let Some(named) = map_text(data_file, "file_path", locations) else {
            continue;
        };
        map_text(data_file, "referenced_data_file", locations);
        if !is_position_delete {
            continue;
        }
        map_path_bounds(data_file, locations);
        // A file that no live snapshot needs may be gone.
        if !named.exists() {
            continue;
        }
        if !rewritten.contains_key(&named) {
            deletes::rewrite(&named, &format, locations)?;
            rewritten.insert(named.clone(), file_length(&named)?);
        }
        if let Some(length) = rewritten.get(&named) {
            set_length(data_file, "file_size_in_bytes", *length);
        }
    }
    avro.write(file)
}

/// Maps the path of a data file that is below no known location. Position deletes that name such a
/// path stay as they are: whether they mean that file is for a reader to decide.
fn map_stray(data_file: &mut Value, locations: &Locations) {
    if let Some(Value::String(recorded)) = field_mut(data_file, "file_path")
        && locations.map(recorded).is_none()
        && let Some(place) = locations.map_name(recorded)
    {
        *recorded = place.location;
    }
}

/// Maps a location in a record and says which copied file it names.
fn map_text(record: &mut Value, name: &str, locations: &Locations) -> Option<PathBuf> {
    let Some(Value::String(recorded)) = field_mut(record, name) else {
        return None;
    };
    let place = locations.map(recorded)?;
    *recorded = place.location;
    Some(place.file)
}

/// Maps the bounds of `file_path`; a truncated bound cannot be mapped, so then both go.
fn map_path_bounds(data_file: &mut Value, locations: &Locations) {
    let mut complete = true;
    for name in ["lower_bounds", "upper_bounds"] {
        for bound in bounds(data_file, name) {
            if !is_path_bound(bound) {
                continue;
            }
            let Some(Value::Bytes(bytes)) = field_mut(bound, "value") else {
                continue;
            };
            match std::str::from_utf8(bytes)
                .ok()
                .and_then(|path| locations.map(path))
            {
                Some(place) => *bytes = place.location.into_bytes(),
                None => complete = false,
            }
        }
    }
    if !complete {
        for name in ["lower_bounds", "upper_bounds"] {
            if let Some(Value::Array(items)) = field_mut(data_file, name) {
                items.retain(|bound| !is_path_bound(bound));
            }
        }
    }
}

fn bounds<'a>(data_file: &'a mut Value, name: &str) -> impl Iterator<Item = &'a mut Value> {
    let items = match field_mut(data_file, name) {
        Some(Value::Array(items)) => items.as_mut_slice(),
        _ => &mut [],
    };
    items.iter_mut()
}

fn is_path_bound(bound: &Value) -> bool {
    matches!(field(bound, "key"), Some(Value::Int(id)) if PATH_FIELDS.contains(id))
}

fn set_length(record: &mut Value, name: &str, length: u64) {
    if let Some(Value::Long(recorded)) = field_mut(record, name) {
        *recorded = i64::try_from(length).unwrap_or(i64::MAX);
    }
}

fn file_length(file: &Path) -> io::Result<u64> {
    Ok(fs::metadata(file).map_err(|e| at(file, e))?.len())
}
