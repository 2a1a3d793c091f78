// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Files that cannot be read, and so the tables that are refused: data and delete files of other
//! formats than Parquet, and encrypted ones.

use std::collections::HashSet;
use std::sync::Arc;

use iceberg::spec::{DataContentType, DataFileFormat, ManifestEntry};

use super::delete_file::{DeleteFile, FileDeletes};
use super::files::PlannedFile;
use crate::error::{Error, ErrorKind, Result};

/// Refuses a read that has to open a file which is not plain Parquet. Delete files count where they
/// apply to a file that is read.
pub(super) fn refuse_files(name: &str, snapshot_id: i64, files: &[PlannedFile]) -> Result<()> {
    let mut lists: HashSet<*const FileDeletes> = HashSet::new();
    let mut deletes: HashSet<*const DeleteFile> = HashSet::new();
    for file in files {
        refuse(name, snapshot_id, &file.entry)?;
        if !lists.insert(Arc::as_ptr(&file.deletes)) {
            continue;
        }
        for delete in file.deletes.files() {
            if deletes.insert(Arc::as_ptr(delete)) {
                refuse(name, snapshot_id, &delete.entry)?;
            }
        }
    }
    Ok(())
}

/// Refuses a file that is not plain Parquet.
pub(super) fn refuse(name: &str, snapshot_id: i64, entry: &ManifestEntry) -> Result<()> {
    let path = entry.file_path();
    if entry.data_file().key_metadata().is_some() {
        return Err(encrypted(name, snapshot_id, path));
    }
    let format = entry.file_format();
    let (kind, repair) = match (entry.content_type(), format) {
        (_, DataFileFormat::Parquet)
        | (DataContentType::PositionDeletes, DataFileFormat::Puffin) => return Ok(()),
        (DataContentType::Data, _) => ("data", "rewrite them as Parquet"),
        (_, _) => ("delete", "rewrite the table's data files"),
    };
    Err(unsupported(format!(
        "table {name} has {kind} files in the format {format} at snapshot {snapshot_id}, the first \
         is '{path}': they are not supported; {repair}"
    )))
}

/// The error for encrypted files.
pub(super) fn encrypted(name: &str, snapshot_id: i64, path: &str) -> Error {
    unsupported(format!(
        "table {name} is encrypted at snapshot {snapshot_id} ('{path}' has a key): encrypted \
         tables are not supported"
    ))
}

fn unsupported(message: String) -> Error {
    Error::new(ErrorKind::Unsupported, message)
}
