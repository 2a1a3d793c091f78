// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors
//! Delete files that name the data files whose rows they delete.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::locations::Locations;
use super::{at, map_strings};

/// Rewrites one file of position deletes or deletion vectors.
pub(super) fn rewrite(file: &Path, format: &str, locations: &Locations) -> io::Result<()> {
    match format {
        "PARQUET" => rewrite_parquet(file, locations),
        "PUFFIN" => rewrite_puffin(file, locations),
        other => Err(at(
            file,
            format!("position deletes in {other} are not rewritten"),
        )),
    }
}

fn rewrite_parquet(file: &Path, locations: &Locations) -> io::Result<()> {
    let source = File::open(file).map_err(|e| at(file, e))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(source).map_err(|e| at(file, e))?;
    let schema = Arc::clone(reader.schema());
    let path_index = schema.index_of("file_path").map_err(|e| at(file, e))?;
    let batches = reader
        .build()
        .and_then(|batches| Ok(batches.collect::<Result<Vec<_>, _>>()?))
        .map_err(|e| at(file, e))?;

    let mut bytes = Vec::new();
    let mut writer =
        ArrowWriter::try_new(&mut bytes, Arc::clone(&schema), None).map_err(|e| at(file, e))?;
    for batch in batches {
        let mut columns = batch.columns().to_vec();
        columns[path_index] =
            map_paths(&columns[path_index], locations).map_err(|e| at(file, e))?;
        let mapped = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(|e| at(file, e))?;
        writer.write(&mapped).map_err(|e| at(file, e))?;
    }
    writer.close().map_err(|e| at(file, e))?;
    fs::write(file, bytes).map_err(|e| at(file, e))
}

fn map_paths(
    paths: &ArrayRef,
    locations: &Locations,
) -> Result<ArrayRef, arrow::error::ArrowError> {
    let texts = cast(paths, &DataType::Utf8)?;
    let mapped: StringArray = texts
        .as_string::<i32>()
        .iter()
        .map(|path| {
            path.map(|path| {
                locations
                    .map(path)
                    .map_or_else(|| path.to_owned(), |place| place.location)
            })
        })
        .collect();
    cast(&(Arc::new(mapped) as ArrayRef), paths.data_type())
}

/// Rewrites the JSON footer of a Puffin file; the blobs before it hold no locations.
///
/// ```text
/// PFA1 blob… PFA1 footer length(4) flags(4) PFA1
/// ```
fn rewrite_puffin(file: &Path, locations: &Locations) -> io::Result<()> {
    const MAGIC: &[u8] = b"PFA1";
    let bytes = fs::read(file).map_err(|e| at(file, e))?;
    if !bytes.starts_with(MAGIC) {
        // A deletion vector without a container names nothing.
        return Ok(());
    }
    let damaged = || at(file, "expected a Puffin footer");
    let tail = bytes.len().checked_sub(12).ok_or_else(damaged)?;
    let (length, flags) = bytes[tail..tail + 8].split_at(4);
    if flags[0] & 1 != 0 {
        return Err(at(file, "a compressed Puffin footer is not rewritten"));
    }
    let length = u32::from_le_bytes(length.try_into().map_err(|_| damaged())?);
    let start = tail.checked_sub(length as usize).ok_or_else(damaged)?;

    let mut footer = serde_json::from_slice(&bytes[start..tail]).map_err(|e| at(file, e))?;
    map_strings(&mut footer, locations);
    let footer = serde_json::to_vec(&footer)?;
    let length = u32::try_from(footer.len()).map_err(|e| at(file, e))?;
    let mut rewritten = bytes[..start].to_vec();
    rewritten.extend_from_slice(&footer);
    rewritten.extend_from_slice(&length.to_le_bytes());
    rewritten.extend_from_slice(flags);
    rewritten.extend_from_slice(MAGIC);
    fs::write(file, rewritten).map_err(|e| at(file, e))
}
