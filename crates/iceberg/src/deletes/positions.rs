// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Position delete files: for each data file they name, the deleted positions.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, Int64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, Int32Type, Int64Type, Schema};
use futures::TryStreamExt;
use iceberg::spec::DataFile;
use parquet::arrow::ProjectionMask;
use roaring::RoaringTreemap;

use super::location::same_file_key;
use super::parquet_file::ParquetFile;
use crate::cache::Weigh;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::field_id;
use crate::storage::TableStorage;

/// The field ids that the specification reserves, and the names for files without ids.
const FILE_PATH: (i32, &str) = (2_147_483_546, "file_path");
const POS: (i32, &str) = (2_147_483_545, "pos");

/// What a position delete file says.
#[derive(Debug, Default)]
pub(super) struct PositionDeletes {
    /// By [`same_file_key`] of the data file.
    files: HashMap<String, Arc<RoaringTreemap>>,
}

impl PositionDeletes {
    /// The deleted positions of the data file with this key.
    pub(super) fn of(&self, key: &str) -> Option<&Arc<RoaringTreemap>> {
        self.files.get(key)
    }

    /// How many data files are named.
    pub(super) fn files(&self) -> usize {
        self.files.len()
    }
}

impl Weigh for PositionDeletes {
    fn weight(&self) -> usize {
        let files = self.files.iter();
        files
            .map(|(key, positions)| 128 + key.len() + treemap_weight(positions))
            .sum()
    }
}

/// The bytes of a set of positions.
pub(super) fn treemap_weight(positions: &RoaringTreemap) -> usize {
    let containers = positions
        .bitmaps()
        .map(|(_, bitmap)| bitmap.statistics().n_containers as usize);
    positions.serialized_size() + containers.map(|n| 64 + n * 40).sum::<usize>()
}

/// Reads a position delete file.
pub(super) async fn read(storage: &TableStorage, file: &DataFile) -> Result<PositionDeletes> {
    let opened = ParquetFile::open(storage, file).await?;
    let path = column(opened.schema(), FILE_PATH)?;
    let pos = column(opened.schema(), POS)?;
    let opened = paths_as_dictionary(opened, path)?;
    let mask = ProjectionMask::roots(opened.parquet_schema(), [path, pos]);
    // Within the projection columns keep their order.
    let (path, pos) = if path < pos { (0, 1) } else { (1, 0) };
    let mut rows = std::pin::pin!(opened.rows(mask)?);
    let mut deletes = Collected::default();
    while let Some(batch) = rows.try_next().await? {
        deletes.add(&batch, path, pos)?;
    }
    Ok(deletes.finish())
}

/// The column with the reserved id, or with the name in a file without ids.
fn column(schema: &Schema, (id, name): (i32, &str)) -> Result<usize> {
    let fields = schema.fields();
    let by_id = fields.iter().position(|field| field_id(field) == Some(id));
    let without_ids = || fields.iter().all(|field| field_id(field).is_none());
    let by_name = || fields.iter().position(|field| field.name() == name);
    by_id
        .or_else(|| without_ids().then(by_name).flatten())
        .ok_or_else(|| {
            damaged(format!(
                "it has no column {name} (field id {id}); its columns are {}",
                names(fields)
            ))
        })
}

fn names(fields: &Fields) -> String {
    let names: Vec<_> = fields.iter().map(|field| field.name().as_str()).collect();
    names.join(", ")
}

/// A path is repeated in many rows: read it once a page and not once a row.
fn paths_as_dictionary(opened: ParquetFile, path: usize) -> Result<ParquetFile> {
    let schema = opened.schema();
    if schema.field(path).data_type() != &DataType::Utf8 {
        return Ok(opened);
    }
    let mut fields = schema.fields().to_vec();
    let plain = schema.field(path);
    let read = Field::new(plain.name(), dictionary(), plain.is_nullable());
    fields[path] = Arc::new(read.with_metadata(plain.metadata().clone()));
    opened.with_schema(Schema::new(fields))
}

fn dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// The deletes read so far.
#[derive(Default)]
struct Collected {
    /// Of each path as it is spelled, the set it means.
    spelled: HashMap<String, usize>,
    /// Of each file, its set.
    files: HashMap<String, usize>,
    sets: Vec<RoaringTreemap>,
}

impl Collected {
    fn add(&mut self, batch: &RecordBatch, path: usize, pos: usize) -> Result<()> {
        let paths = paths(batch.column(path))?;
        let positions = positions(batch.column(pos))?;
        let targets = self.targets(&paths)?;
        let mut current = None;
        for (row, (key, position)) in paths
            .keys()
            .values()
            .iter()
            .zip(positions.values())
            .enumerate()
        {
            let position = u64::try_from(*position)
                .map_err(|_| damaged(format!("row {row} of a batch has position {position}")))?;
            let target = match current {
                Some((last, target)) if last == *key => target,
                _ => usize::try_from(*key)
                    .ok()
                    .and_then(|key| targets.get(key).copied())
                    .ok_or_else(|| damaged("a path is missing".to_string()))?,
            };
            current = Some((*key, target));
            let deleted = &mut self.sets[target];
            // Rows are sorted, as the specification asks, by most writers.
            if deleted.try_push(position).is_err() {
                deleted.insert(position);
            }
        }
        Ok(())
    }

    /// For each value of the dictionary the set that it stands for.
    fn targets(&mut self, paths: &DictionaryArray<Int32Type>) -> Result<Vec<usize>> {
        let values = paths
            .values()
            .as_string_opt::<i32>()
            .ok_or_else(|| damaged("its paths are no strings".to_string()))?;
        let targets = values
            .iter()
            .map(|path| self.target(path.unwrap_or_default()));
        Ok(targets.collect())
    }

    fn target(&mut self, path: &str) -> usize {
        if let Some(target) = self.spelled.get(path) {
            return *target;
        }
        let new = self.sets.len();
        let target = *self.files.entry(same_file_key(path)).or_insert(new);
        if target == new {
            self.sets.push(RoaringTreemap::new());
        }
        self.spelled.insert(path.to_string(), target);
        target
    }

    fn finish(mut self) -> PositionDeletes {
        let set = |(key, at): (String, usize)| (key, Arc::new(std::mem::take(&mut self.sets[at])));
        let files = self.files.into_iter().map(set);
        // A value of a dictionary may stand in no row.
        PositionDeletes {
            files: files.filter(|(_, set)| !set.is_empty()).collect(),
        }
    }
}

fn paths(column: &ArrayRef) -> Result<DictionaryArray<Int32Type>> {
    let paths = match column.data_type() {
        ours if *ours == dictionary() => Arc::clone(column),
        DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::Dictionary(_, _) => cast(column, &DataType::Utf8)
            .and_then(|paths| cast(&paths, &dictionary()))
            .map_err(|e| damaged(format!("its paths are no strings: {e}")))?,
        other => return Err(damaged(format!("its paths are {other}, expected strings"))),
    };
    if paths.logical_null_count() > 0 {
        return Err(damaged("a path is NULL".to_string()));
    }
    Ok(paths.as_dictionary::<Int32Type>().clone())
}

fn positions(column: &ArrayRef) -> Result<Int64Array> {
    if column.null_count() > 0 {
        return Err(damaged("a position is NULL".to_string()));
    }
    if !column.data_type().is_integer() {
        let message = format!("its positions are {}, expected Int64", column.data_type());
        return Err(damaged(message));
    }
    let positions = cast(column, &DataType::Int64)
        .map_err(|e| damaged(format!("its positions are no numbers of 64 bits: {e}")))?;
    if positions.null_count() > 0 {
        return Err(damaged("a position is beyond 2^63".to_string()));
    }
    Ok(positions.as_primitive::<Int64Type>().clone())
}

fn damaged(message: String) -> Error {
    Error::new(ErrorKind::Damaged, message)
}
