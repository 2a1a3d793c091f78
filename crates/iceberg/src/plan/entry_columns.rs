// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The live entries of a manifest, column by column: a tenth of the memory of an
//! entry as an object, and quick to ask about one column of all files.

use std::borrow::Cow;
use std::collections::HashMap;
use std::mem::size_of;
use std::sync::Arc;

use iceberg::spec::{
    DataContentType, DataFile, DataFileBuilder, DataFileFormat, Datum, ManifestEntry,
    ManifestEntryRef, ManifestStatus, PartitionSpec, PrimitiveType, Struct,
};

use super::avro::damaged;
use crate::cache::{Weigh, struct_weight};
use crate::error::Result;

/// The types of columns by id: of all columns that the table ever had.
pub(crate) type ColumnTypes = HashMap<i32, PrimitiveType>;

/// Bytes of the arena.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slice {
    start: u32,
    length: u32,
}

impl Slice {
    /// No value, which is not the same as an empty one.
    pub(super) const NONE: Self = Self {
        start: u32::MAX,
        length: 0,
    };
}

/// What every entry has.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) status: ManifestStatus,
    pub(super) content: DataContentType,
    pub(super) format: DataFileFormat,
    pub(super) snapshot_id: Option<i64>,
    pub(super) sequence: Option<i64>,
    pub(super) file_sequence: Option<i64>,
    pub(super) first_row_id: Option<i64>,
    pub(super) sort_order_id: Option<i32>,
    pub(super) records: u64,
    pub(super) size: u64,
    pub(super) path: Slice,
    pub(super) tuple: u32,
}

/// What the entries say about one column; shorter than the entries where the last ones say nothing.
#[derive(Debug, Default)]
pub(super) struct ColumnMetrics {
    /// Negative where unknown.
    pub(super) nulls: Vec<i64>,
    /// Negative where unknown.
    pub(super) nans: Vec<i64>,
    pub(super) lower: Vec<Slice>,
    pub(super) upper: Vec<Slice>,
}

/// What the entry of a delete file has besides.
#[derive(Debug, Clone, Default)]
pub(super) struct DeletePart {
    pub(super) equality_ids: Option<Vec<i32>>,
    pub(super) referenced: Option<String>,
    pub(super) content_offset: Option<i64>,
    pub(super) content_size: Option<i64>,
}

/// What only a decoding of all details keeps.
#[derive(Debug, Default)]
pub(super) struct EntryDetails {
    pub(super) sizes: HashMap<i32, u64>,
    pub(super) values: HashMap<i32, u64>,
    pub(super) split_offsets: Option<Vec<i64>>,
}

/// The entries of a manifest.
#[derive(Debug)]
pub(crate) struct EntryColumns {
    pub(super) spec: Arc<PartitionSpec>,
    pub(super) heads: Vec<Head>,
    /// Paths and bounds.
    pub(super) arena: Vec<u8>,
    /// The distinct partition tuples.
    pub(super) tuples: Vec<Struct>,
    pub(super) columns: Vec<ColumnMetrics>,
    pub(super) column_by_id: HashMap<i32, u32>,
    /// The key metadata of encrypted files.
    pub(super) keys: HashMap<u32, Vec<u8>>,
    /// By entry, of those that are delete files.
    pub(super) deletes: HashMap<u32, DeletePart>,
    /// By entry; empty unless all details were decoded.
    pub(super) details: HashMap<u32, EntryDetails>,
}

/// What one entry says about one column.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Metrics<'a> {
    pub(crate) nulls: Option<u64>,
    pub(crate) nans: Option<u64>,
    pub(crate) lower: Option<&'a [u8]>,
    pub(crate) upper: Option<&'a [u8]>,
}

impl EntryColumns {
    /// No entries yet, with partition tuples of `spec`.
    pub(super) fn new(spec: Arc<PartitionSpec>) -> Self {
        Self {
            spec,
            heads: Vec::new(),
            arena: Vec::new(),
            tuples: Vec::new(),
            columns: Vec::new(),
            column_by_id: HashMap::new(),
            keys: HashMap::new(),
            deletes: HashMap::new(),
            details: HashMap::new(),
        }
    }

    /// The spec of the partition tuples.
    pub(crate) fn spec(&self) -> &Arc<PartitionSpec> {
        &self.spec
    }

    /// The path and content of the first live entry that is no data file.
    pub(crate) fn first_of_other_content(&self) -> Option<(Cow<'_, str>, DataContentType)> {
        let other = |head: &&Head| {
            head.status != ManifestStatus::Deleted && head.content != DataContentType::Data
        };
        let head = self.heads.iter().find(other)?;
        let path = String::from_utf8_lossy(self.bytes(head.path).unwrap_or_default());
        Some((path, head.content))
    }

    /// All entries, by index, those of removed files too.
    pub(super) fn all(&self) -> std::ops::Range<u32> {
        0..self.heads.len() as u32
    }

    /// The live entries, by index.
    pub(crate) fn live(&self) -> impl Iterator<Item = u32> {
        let live = |(_, head): &(u32, &Head)| head.status != ManifestStatus::Deleted;
        (0..).zip(&self.heads).filter(live).map(|(index, _)| index)
    }

    /// The distinct partition tuples.
    pub(crate) fn tuples(&self) -> &[Struct] {
        &self.tuples
    }

    /// Which of the tuples an entry has.
    pub(crate) fn tuple_of(&self, entry: u32) -> usize {
        self.heads[entry as usize].tuple as usize
    }

    /// Whether an entry's file is Parquet and not encrypted.
    pub(crate) fn is_plain(&self, entry: u32) -> bool {
        let format = self.heads[entry as usize].format;
        format == DataFileFormat::Parquet && !self.keys.contains_key(&entry)
    }

    /// Where an entry's file is.
    pub(crate) fn path(&self, entry: u32) -> Result<String> {
        let path = self.bytes(self.heads[entry as usize].path);
        String::from_utf8(path.unwrap_or_default().to_vec())
            .map_err(|e| damaged("the path of a file is no text").with_source(e))
    }

    /// The bytes of an entry's file.
    pub(crate) fn size(&self, entry: u32) -> u64 {
        self.heads[entry as usize].size
    }

    /// The sequence number of the rows of an entry's file; 0 where the manifest does not say.
    pub(crate) fn sequence(&self, entry: u32) -> i64 {
        self.heads[entry as usize].sequence.unwrap_or(0)
    }

    /// The number of rows of an entry's file.
    pub(crate) fn records(&self, entry: u32) -> u64 {
        self.heads[entry as usize].records
    }

    /// Where to ask about a column. None when no entry says anything about it.
    pub(crate) fn column(&self, id: i32) -> Option<u32> {
        self.column_by_id.get(&id).copied()
    }

    /// What an entry says about a column.
    pub(crate) fn metrics(&self, column: u32, entry: u32) -> Metrics<'_> {
        let (column, entry) = (&self.columns[column as usize], entry as usize);
        let count = |counts: &[i64]| u64::try_from(*counts.get(entry)?).ok();
        let bound = |bounds: &[Slice]| self.bytes(*bounds.get(entry)?);
        Metrics {
            nulls: count(&column.nulls),
            nans: count(&column.nans),
            lower: bound(&column.lower),
            upper: bound(&column.upper),
        }
    }

    fn bytes(&self, slice: Slice) -> Option<&[u8]> {
        if slice.start == u32::MAX {
            return None;
        }
        let start = slice.start as usize;
        Some(&self.arena[start..start + slice.length as usize])
    }

    /// Keeps bytes.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> Result<Slice> {
        let start = u32::try_from(self.arena.len());
        let length = u32::try_from(bytes.len());
        let (Ok(start), Ok(length)) = (start, length) else {
            return Err(damaged(
                "a manifest has more than 4 GiB of paths and bounds",
            ));
        };
        self.arena.extend_from_slice(bytes);
        Ok(Slice { start, length })
    }

    /// An entry as the core crate has it; without the sizes and value counts of columns and without
    /// split offsets unless all details were decoded.
    pub(crate) fn entry(&self, index: u32, types: &ColumnTypes) -> Result<ManifestEntryRef> {
        let head = &self.heads[index as usize];
        let entry = ManifestEntry::builder()
            .status(head.status)
            .snapshot_id_opt(head.snapshot_id)
            .sequence_number_opt(head.sequence)
            .file_sequence_number_opt(head.file_sequence)
            .data_file(self.data_file(index, head, types)?);
        Ok(Arc::new(entry.build()))
    }

    fn data_file(&self, index: u32, head: &Head, types: &ColumnTypes) -> Result<DataFile> {
        let mut file = DataFileBuilder::default();
        file.content(head.content)
            .file_path(self.path(index)?)
            .file_format(head.format)
            .partition_spec_id(self.spec.spec_id())
            .partition(self.tuples[head.tuple as usize].clone())
            .record_count(head.records)
            .file_size_in_bytes(head.size)
            .first_row_id(head.first_row_id)
            .key_metadata(self.keys.get(&index).cloned());
        if let Some(order) = head.sort_order_id {
            file.sort_order_id(order);
        }
        if let Some(delete) = self.deletes.get(&index) {
            file.equality_ids(delete.equality_ids.clone())
                .referenced_data_file(delete.referenced.clone())
                .content_offset(delete.content_offset)
                .content_size_in_bytes(delete.content_size);
        }
        if let Some(details) = self.details.get(&index) {
            file.column_sizes(details.sizes.clone())
                .value_counts(details.values.clone())
                .split_offsets(details.split_offsets.clone());
        }
        let mut nulls = HashMap::with_capacity(self.columns.len());
        let mut nans = HashMap::new();
        let mut lower = HashMap::with_capacity(self.columns.len());
        let mut upper = HashMap::with_capacity(self.columns.len());
        for (id, column) in &self.column_by_id {
            let metrics = self.metrics(*column, index);
            nulls.extend(metrics.nulls.map(|count| (*id, count)));
            nans.extend(metrics.nans.map(|count| (*id, count)));
            let Some(primitive) = types.get(id) else {
                continue;
            };
            lower.extend(
                metrics
                    .lower
                    .and_then(|b| datum(b, primitive))
                    .map(|d| (*id, d)),
            );
            upper.extend(
                metrics
                    .upper
                    .and_then(|b| datum(b, primitive))
                    .map(|d| (*id, d)),
            );
        }
        let built = file
            .null_value_counts(nulls)
            .nan_value_counts(nans)
            .lower_bounds(lower)
            .upper_bounds(upper)
            .build();
        built.map_err(|e| damaged("the entry of a manifest is incomplete").with_source(e))
    }
}

/// A bound, of the type that it was written for: it may have been widened since. None when it is
/// not of its length.
pub(crate) fn datum(bytes: &[u8], primitive: &PrimitiveType) -> Option<Datum> {
    let written = match (primitive, bytes.len()) {
        (PrimitiveType::Long, 4) => PrimitiveType::Int,
        (PrimitiveType::Double, 4) => PrimitiveType::Float,
        _ => primitive.clone(),
    };
    Datum::try_from_bytes(bytes, written).ok()
}

impl Weigh for EntryColumns {
    fn weight(&self) -> usize {
        let column = |c: &ColumnMetrics| {
            let counts = (c.nulls.capacity() + c.nans.capacity()) * size_of::<i64>();
            let bounds = (c.lower.capacity() + c.upper.capacity()) * size_of::<Slice>();
            size_of::<ColumnMetrics>() + counts + bounds
        };
        let tuple = |tuple: &Struct| size_of::<Struct>() + struct_weight(tuple);
        let ids = self.column_by_id.capacity() * (size_of::<(i32, u32)>() + 1) * 8 / 7;
        let keys = self.keys.values().map(|key| key.capacity() + 40);
        let delete = |part: &DeletePart| {
            let ids = part.equality_ids.as_ref().map_or(0, Vec::capacity);
            let path = part.referenced.as_ref().map_or(0, String::capacity);
            ids * size_of::<i32>() + path + size_of::<(u32, DeletePart)>() * 8 / 7
        };
        self.heads.capacity() * size_of::<Head>()
            + self.arena.capacity()
            + self.tuples.iter().map(tuple).sum::<usize>()
            + self.columns.iter().map(column).sum::<usize>()
            + ids
            + keys.sum::<usize>()
            + self.deletes.values().map(delete).sum::<usize>()
    }
}
