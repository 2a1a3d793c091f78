// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors
//! Places Iceberg fixtures where a test can read them.
//!
//! Iceberg records absolute locations everywhere, so a committed warehouse cannot be read in place.
//! [`relocate`] copies one and rewrites what it recorded:
//!
//! ```text
//! catalog.db              metadata_location, previous_metadata_location
//! *.metadata.json         every string below a known location
//! manifest list (Avro)    manifest_path, manifest_length
//! manifest (Avro)         file_path, referenced_data_file, bounds of file_path, sizes of delete files
//! position deletes        the file_path column (Parquet), the footer (Puffin)
//! ```
//!
//! Data files, Avro headers and codecs stay as they were written.

mod avro;
mod catalog;
mod deletes;
mod locations;
mod manifest;

#[cfg(test)]
mod tests;

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

pub use catalog::register_table;
use locations::Locations;

/// A folder below `tests/data` of this repository, `"pyiceberg/v0_12"` for example.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/data")
        .join(name)
}

/// Copies the fixture folder `src_dir` to `dest_dir` and rewrites the locations recorded in it, so
/// that it reads as if it had been written below `new_root`.
///
/// `new_root` is the location of `dest_dir` itself, `file:///data/x` for `/data/x`. A table whose
/// locations are paths without a scheme keeps that form. The locations to replace are found in the
/// table metadata: a folder may hold one table, or a warehouse beside its `catalog.db`.
///
/// # Errors
///
/// When a file cannot be read, decoded or written; the message begins with its path.
pub fn relocate(src_dir: &Path, dest_dir: &Path, new_root: &str) -> io::Result<()> {
    let files = copy_folder(src_dir, dest_dir)?;
    let metadata: Vec<_> = files
        .iter()
        .filter(|f| has_suffix(f, ".metadata.json") || has_suffix(f, ".metadata.json.gz"))
        .collect();
    let mut locations = Locations::discover(dest_dir, new_root, &metadata)?;
    locations.remember(dest_dir, new_root, &files);

    let is_manifest = |f: &&PathBuf| has_suffix(f, ".avro") && parent_is(f, "metadata");
    manifest::rewrite(files.iter().filter(is_manifest), &locations)?;
    for file in metadata {
        rewrite_json(file, &locations)?;
    }
    for file in files.iter().filter(|f| has_suffix(f, "catalog.db")) {
        catalog::rewrite(file, &locations)?;
    }
    Ok(())
}

/// Copies a fixture with [`relocate`] to a folder, recorded as `file://` and the folder's path.
///
/// # Errors
///
/// As [`relocate`].
pub fn place(src_dir: &Path, dest_dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dest_dir)?;
    let root = dest_dir.canonicalize()?;
    relocate(src_dir, &root, &format!("file://{}", root.display()))
}

/// Copies every file below `src` and lists the copies; modes are not copied, so that they can be
/// rewritten.
fn copy_folder(src: &Path, dest: &Path) -> io::Result<Vec<PathBuf>> {
    let mut copied = Vec::new();
    let mut folders = vec![(src.to_path_buf(), dest.to_path_buf())];
    while let Some((from, to)) = folders.pop() {
        fs::create_dir_all(&to).map_err(|e| at(&to, e))?;
        for entry in fs::read_dir(&from).map_err(|e| at(&from, e))? {
            let entry = entry?;
            let target = to.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push((entry.path(), target));
            } else {
                fs::write(&target, fs::read(entry.path())?).map_err(|e| at(&target, e))?;
                copied.push(target);
            }
        }
    }
    copied.sort();
    Ok(copied)
}

fn rewrite_json(file: &Path, locations: &Locations) -> io::Result<()> {
    let mut json = read_json(file)?;
    map_strings(&mut json, locations);
    let mut text = serde_json::to_vec_pretty(&json)?;
    if is_compressed(&fs::read(file).map_err(|e| at(file, e))?) {
        text = gzip(&text)?;
    }
    fs::write(file, text).map_err(|e| at(file, e))
}

fn map_strings(json: &mut serde_json::Value, locations: &Locations) {
    match json {
        serde_json::Value::String(text) => {
            if let Some(place) = locations.map(text) {
                *text = place.location;
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(|v| map_strings(v, locations)),
        serde_json::Value::Object(fields) => {
            fields.values_mut().for_each(|v| map_strings(v, locations));
        }
        _ => {}
    }
}

fn read_json(file: &Path) -> io::Result<serde_json::Value> {
    let mut bytes = fs::read(file).map_err(|e| at(file, e))?;
    if is_compressed(&bytes) {
        let mut text = Vec::new();
        let read = flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut text);
        read.map_err(|e| at(file, e))?;
        bytes = text;
    }
    serde_json::from_slice(&bytes).map_err(|e| at(file, e))
}

fn is_compressed(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Compresses as engines do with `write.metadata.compression-codec=gzip`.
pub(crate) fn gzip(text: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text)?;
    encoder.finish()
}

fn has_suffix(file: &Path, suffix: &str) -> bool {
    file.to_string_lossy().ends_with(suffix)
}

fn parent_is(file: &Path, name: &str) -> bool {
    file.parent()
        .and_then(Path::file_name)
        .is_some_and(|parent| parent == name)
}

/// Puts the path of the file before an error's message.
fn at(file: &Path, error: impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("{}: {error}", file.display()))
}
