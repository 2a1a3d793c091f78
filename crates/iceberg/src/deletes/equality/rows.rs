// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The rows of an equality delete file.

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Fields};
use futures::TryStreamExt;
use iceberg::spec::{DataFile, NameMapping};
use parquet::arrow::ProjectionMask;

use crate::cache::Weigh;
use crate::deletes::parquet_file::ParquetFile;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{KeyColumn, child_of, field_id, has_ids, mapped_ids};
use crate::storage::TableStorage;

/// The keys that an equality delete file names, in the types of the file.
#[derive(Debug)]
pub(in crate::deletes) struct EqualityRows {
    ids: Vec<i32>,
    batches: Vec<Vec<ArrayRef>>,
}

impl EqualityRows {
    /// The field ids of the key's columns.
    pub(in crate::deletes) fn ids(&self) -> &[i32] {
        &self.ids
    }

    /// Batches of keys: for each id, in order, an array.
    pub(super) fn batches(&self) -> &[Vec<ArrayRef>] {
        &self.batches
    }
}

impl Weigh for EqualityRows {
    fn weight(&self) -> usize {
        let arrays = self.batches.iter().flatten();
        arrays.map(|array| 64 + array.get_array_memory_size()).sum()
    }
}

/// Reads the keys of an equality delete file; other columns of it do not matter.
pub(in crate::deletes) async fn read(
    storage: &TableStorage,
    file: &DataFile,
    columns: &[KeyColumn],
    mapping: Option<&NameMapping>,
) -> Result<EqualityRows> {
    let opened = ParquetFile::open(storage, file).await?;
    let fields = opened.schema().fields().clone();
    let places = columns
        .iter()
        .map(|column| place(&fields, column, mapping))
        .collect::<Result<Vec<_>>>()?;
    let mut roots: Vec<usize> = places.iter().filter_map(|p| p.first().copied()).collect();
    roots.sort_unstable();
    roots.dedup();
    let mask = ProjectionMask::roots(opened.parquet_schema(), roots.iter().copied());
    let mut rows = std::pin::pin!(opened.rows(mask)?);
    let mut batches = Vec::new();
    while let Some(batch) = rows.try_next().await? {
        let arrays = places.iter().map(|place| array_at(&batch, &roots, place));
        batches.push(arrays.collect::<Result<Vec<_>>>()?);
    }
    Ok(EqualityRows {
        ids: columns.iter().map(|column| column.id).collect(),
        batches,
    })
}

/// Where in a file the column is: the position at the top level, then in each struct.
fn place(fields: &Fields, column: &KeyColumn, mapping: Option<&NameMapping>) -> Result<Vec<usize>> {
    let place = if has_ids(fields) {
        place_by_id(fields, column.id)
    } else {
        let mapped = mapping.map(|mapping| mapped_ids(fields, mapping));
        mapped
            .and_then(|fields| place_by_id(&fields, column.id))
            .or_else(|| place_by_name(fields, &column.path))
    };
    place.ok_or_else(|| {
        let names: Vec<_> = fields.iter().map(|field| field.name().as_str()).collect();
        let message = format!(
            "it has no column {} (field id {}), which is part of its key; its columns are {}",
            column.path.join("."),
            column.id,
            names.join(", ")
        );
        Error::new(ErrorKind::Damaged, message)
    })
}

fn place_by_id(fields: &Fields, id: i32) -> Option<Vec<usize>> {
    fields.iter().enumerate().find_map(|(at, field)| {
        if field_id(field) == Some(id) {
            return Some(vec![at]);
        }
        let DataType::Struct(children) = field.data_type() else {
            return None;
        };
        let inner = place_by_id(children, id)?;
        Some(std::iter::once(at).chain(inner).collect())
    })
}

fn place_by_name(fields: &Fields, path: &[String]) -> Option<Vec<usize>> {
    let (name, rest) = path.split_first()?;
    let at = fields.iter().position(|field| field.name() == name)?;
    let inner = match (rest, fields[at].data_type()) {
        ([], _) => Vec::new(),
        (rest, DataType::Struct(children)) => place_by_name(children, rest)?,
        _ => return None,
    };
    Some(std::iter::once(at).chain(inner).collect())
}

/// The array at `place`, NULL where a struct around it is. The batch has the columns `roots`.
fn array_at(batch: &RecordBatch, roots: &[usize], place: &[usize]) -> Result<ArrayRef> {
    let missing = || Error::new(ErrorKind::Damaged, "a column of its key is missing");
    let (root, rest) = place.split_first().ok_or_else(missing)?;
    let at = roots.binary_search(root).map_err(|_| missing())?;
    let mut array = batch.columns().get(at).cloned().ok_or_else(missing)?;
    for child in rest {
        array = child_of(&array, *child)
            .map_err(|e| Error::new(ErrorKind::Damaged, "a struct of its key").with_source(e))?;
    }
    Ok(array)
}
