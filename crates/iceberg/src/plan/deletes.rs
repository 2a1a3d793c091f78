// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Tables that are refused: those with delete files that apply, with data files of another format,
//! or encrypted.

use std::collections::HashSet;

use iceberg::spec::{DataContentType, DataFileFormat, ManifestEntry, PrimitiveLiteral, Struct};

use super::manifests::LoadedManifest;
use crate::error::{Error, ErrorKind, Result};

/// The id of the path column of position delete files.
const DELETE_FILE_PATH: i32 = 2_147_483_546;

/// A live entry and the id of its partition spec.
type Live<'a> = (i32, &'a ManifestEntry);

/// The live entries of manifests.
pub(crate) fn live(manifests: &[LoadedManifest]) -> impl Iterator<Item = Live<'_>> {
    manifests.iter().flat_map(|loaded| {
        let entries = loaded.manifest.entries().iter().filter(|e| e.is_alive());
        entries.map(|entry| (loaded.file.partition_spec_id, entry.as_ref()))
    })
}

/// Refuses a table whose delete files could apply to one of its data files. `global` tells whether
/// a spec is unpartitioned, so that its equality deletes apply to every partition.
pub(crate) fn refuse_deletes(
    name: &str,
    snapshot_id: i64,
    data: &[LoadedManifest],
    deletes: &[LoadedManifest],
    global: impl Fn(i32) -> bool,
) -> Result<()> {
    let files: Vec<Live<'_>> = live(data).collect();
    let applied: Vec<_> = live(deletes)
        .chain(files.iter().copied())
        .filter(|(_, entry)| entry.content_type() != DataContentType::Data)
        .filter(|delete| applies(*delete, &files, &global))
        .collect();
    let Some((_, first)) = applied.first() else {
        return Ok(());
    };
    let kind = match (first.content_type(), first.file_format()) {
        (DataContentType::EqualityDeletes, _) => "equality delete files",
        (_, DataFileFormat::Puffin) => "deletion vectors",
        _ => "position delete files",
    };
    let count = applied.len();
    Err(unsupported(format!(
        "table {name} has {count} delete file(s) at snapshot {snapshot_id}, the first is '{}': \
         {kind} are not supported yet; compact the table (rewrite its data files) or read a \
         snapshot from before the deletes",
        first.file_path()
    )))
}

fn applies((spec, delete): Live<'_>, files: &[Live<'_>], global: &impl Fn(i32) -> bool) -> bool {
    let equality = delete.content_type() == DataContentType::EqualityDeletes;
    let sequence = delete.sequence_number().unwrap_or(0);
    let everywhere = equality && global(spec);
    let target = deleted_file_name(delete);
    files
        .iter()
        .filter(|(_, file)| file.content_type() == DataContentType::Data)
        .any(|(file_spec, file)| {
            let written = file.sequence_number().unwrap_or(0);
            let later = if equality {
                written < sequence
            } else {
                written <= sequence
            };
            let same_partition =
                everywhere || (*file_spec == spec && partition(file) == partition(delete));
            let named = target
                .as_deref()
                .is_none_or(|t| t == last_segment(file.file_path()));
            later && same_partition && named
        })
}

fn partition(entry: &ManifestEntry) -> &Struct {
    entry.data_file().partition()
}

/// The name of the only data file that a delete file speaks of, without its folder: folders may be
/// written in several ways, names are unique.
fn deleted_file_name(delete: &ManifestEntry) -> Option<String> {
    let file = delete.data_file();
    if let Some(path) = file.referenced_data_file() {
        return Some(last_segment(&path).to_string());
    }
    if delete.content_type() != DataContentType::PositionDeletes {
        return None;
    }
    let lower = file.lower_bounds().get(&DELETE_FILE_PATH)?;
    let upper = file.upper_bounds().get(&DELETE_FILE_PATH)?;
    match (lower.literal(), upper.literal()) {
        // A cut bound does not end in a file's extension.
        (PrimitiveLiteral::String(lower), PrimitiveLiteral::String(upper))
            if lower == upper && lower.ends_with(".parquet") =>
        {
            Some(last_segment(lower).to_string())
        }
        _ => None,
    }
}

fn last_segment(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Refuses data files that are not plain Parquet.
pub(crate) fn refuse_formats(
    name: &str,
    snapshot_id: i64,
    manifests: &[LoadedManifest],
) -> Result<()> {
    let mut formats = HashSet::new();
    for (_, entry) in live(manifests) {
        if entry.data_file().key_metadata().is_some() {
            return Err(encrypted(name, snapshot_id, entry.file_path()));
        }
        let format = entry.file_format();
        if format != DataFileFormat::Parquet && formats.insert(format.to_string()) {
            return Err(unsupported(format!(
                "table {name} has data files in the format {format} at snapshot {snapshot_id}, the \
                 first is '{}': they are not supported; rewrite them as Parquet",
                entry.file_path()
            )));
        }
    }
    Ok(())
}

/// The error for encrypted files.
pub(crate) fn encrypted(name: &str, snapshot_id: i64, path: &str) -> Error {
    unsupported(format!(
        "table {name} is encrypted at snapshot {snapshot_id} ('{path}' has a key): encrypted \
         tables are not supported"
    ))
}

fn unsupported(message: String) -> Error {
    Error::new(ErrorKind::Unsupported, message)
}
