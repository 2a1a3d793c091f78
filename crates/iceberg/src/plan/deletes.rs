// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Tables that are refused: those with delete files that apply, with data files of another format,
//! or encrypted.

use std::collections::HashSet;

use iceberg::spec::{
    DataContentType, DataFileFormat, Literal, ManifestEntry, PrimitiveLiteral, Struct,
};

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
    // One that does not say when it was written may be newer than every file.
    let sequence = delete.sequence_number().unwrap_or(i64::MAX);
    let target = deleted_file_name(delete);
    // A delete that names its file needs no partition to find it.
    let everywhere = target.is_some() || (equality && global(spec));
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
            let same_partition = everywhere
                || (*file_spec == spec && may_be_same(partition(file), partition(delete)));
            let named = target
                .as_deref()
                .is_none_or(|t| t == last_segment(file.file_path()));
            later && same_partition && named
        })
}

fn partition(entry: &ManifestEntry) -> &Struct {
    entry.data_file().partition()
}

/// Whether two partition tuples of one spec may be the same partition. Manifests type them by the
/// schema of their time, so one may have an int where the other, written after the column was
/// promoted, has a long. What does not compare may be the same.
fn may_be_same(one: &Struct, other: &Struct) -> bool {
    let (one, other) = (one.fields(), other.fields());
    one.len() != other.len()
        || one.iter().zip(other).all(|pair| match pair {
            (Some(one), Some(other)) => may_be_equal(one, other),
            (one, other) => one.is_none() == other.is_none(),
        })
}

fn may_be_equal(one: &Literal, other: &Literal) -> bool {
    let (Literal::Primitive(one), Literal::Primitive(other)) = (one, other) else {
        return true;
    };
    if let (Some(one), Some(other)) = (integer(one), integer(other)) {
        return one == other;
    }
    if let (Some(one), Some(other)) = (float(one), float(other)) {
        return one == other || (one.is_nan() && other.is_nan());
    }
    std::mem::discriminant(one) != std::mem::discriminant(other) || one == other
}

fn integer(value: &PrimitiveLiteral) -> Option<i64> {
    match value {
        PrimitiveLiteral::Int(value) => Some(i64::from(*value)),
        PrimitiveLiteral::Long(value) => Some(*value),
        _ => None,
    }
}

fn float(value: &PrimitiveLiteral) -> Option<f64> {
    match value {
        PrimitiveLiteral::Float(value) => Some(f64::from(value.0)),
        PrimitiveLiteral::Double(value) => Some(value.0),
        _ => None,
    }
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

#[cfg(test)]
mod tests {
    use iceberg::spec::{DataFileBuilder, ManifestStatus};

    use super::*;

    fn entry(content: DataContentType, partition: Literal, sequence: Option<i64>) -> ManifestEntry {
        named(content, partition, sequence, None)
    }

    fn named(
        content: DataContentType,
        partition: Literal,
        sequence: Option<i64>,
        target: Option<&str>,
    ) -> ManifestEntry {
        let file = DataFileBuilder::default()
            .content(content)
            .file_path("s3://b/t/f.parquet".to_string())
            .file_format(DataFileFormat::Parquet)
            .partition(Struct::from_iter([Some(partition)]))
            .record_count(1)
            .file_size_in_bytes(1)
            .partition_spec_id(0)
            .referenced_data_file(target.map(str::to_string))
            .build()
            .unwrap();
        ManifestEntry::builder()
            .status(ManifestStatus::Existing)
            .sequence_number_opt(sequence)
            .data_file(file)
            .build()
    }

    fn applies_to(delete: &ManifestEntry, partition: Literal) -> bool {
        let file = entry(DataContentType::Data, partition, Some(3));
        applies((0, delete), &[(0, &file)], &|_| false)
    }

    #[test]
    fn deletes_apply_after_the_partition_column_was_promoted() {
        for content in [
            DataContentType::EqualityDeletes,
            DataContentType::PositionDeletes,
        ] {
            let delete = |partition| entry(content, partition, Some(4));
            assert!(applies_to(&delete(Literal::long(5)), Literal::int(5)));
            assert!(!applies_to(&delete(Literal::long(6)), Literal::int(5)));
            assert!(applies_to(
                &delete(Literal::double(0.5)),
                Literal::float(0.5)
            ));
            assert!(!applies_to(
                &delete(Literal::double(0.25)),
                Literal::float(0.5)
            ));
            // What cannot be compared may be the same.
            assert!(applies_to(&delete(Literal::string("5")), Literal::int(5)));
            assert!(!applies_to(
                &delete(Literal::string("5")),
                Literal::string("6")
            ));
        }
        let of = |values: Vec<Option<Literal>>| Struct::from_iter(values);
        let five = || Some(Literal::int(5));
        assert!(may_be_same(&of(vec![five()]), &of(vec![five(), None])));
        assert!(!may_be_same(&of(vec![five()]), &of(vec![None])));
        assert!(may_be_same(&of(vec![None]), &of(vec![None])));
    }

    #[test]
    fn a_delete_that_names_its_file_finds_it_in_any_partition() {
        let position = DataContentType::PositionDeletes;
        let delete = |target| named(position, Literal::int(6), Some(3), Some(target));
        assert!(applies_to(&delete("s3a://b/t/f.parquet"), Literal::int(5)));
        assert!(!applies_to(&delete("s3://b/t/g.parquet"), Literal::int(5)));
        let older = named(
            position,
            Literal::int(5),
            Some(2),
            Some("s3://b/t/f.parquet"),
        );
        assert!(!applies_to(&older, Literal::int(5)));
    }

    #[test]
    fn a_delete_without_a_sequence_number_is_the_newest() {
        for content in [
            DataContentType::EqualityDeletes,
            DataContentType::PositionDeletes,
        ] {
            let delete = entry(content, Literal::int(5), None);
            assert!(applies_to(&delete, Literal::int(5)));
        }
    }
}
