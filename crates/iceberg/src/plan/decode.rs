// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Decodes a manifest straight from its Avro blocks.
//!
//! Fields are found by id, so that a header that lacks keys or has two fields of one name, a source
//! column that was dropped and a writer with an order of its own do not matter.

use std::collections::HashMap;
use std::sync::Arc;

use iceberg::spec::{
    DataContentType, DataFileFormat, ManifestFile, ManifestStatus, PartitionSpec, Struct,
};

use super::avro::{Container, Cursor, damaged};
use super::avro_type::AvroType;
use super::entry_columns::{ColumnMetrics, ColumnTypes, EntryColumns, EntryDetails, Head, Slice};
use super::entry_layout::{Detail, Layout, METRICS, Metric, Part};
use crate::error::{Error, ErrorKind, Result};

/// Decodes a manifest as far as `detail` says. `types` are those of the columns.
pub(super) fn decode(
    bytes: &[u8],
    file: &ManifestFile,
    spec: &Arc<PartitionSpec>,
    types: &ColumnTypes,
    detail: Detail,
) -> Result<EntryColumns> {
    let container = Container::open(bytes)?;
    let schema = container.header.get(b"avro.schema".as_slice());
    let schema = schema.ok_or_else(|| damaged("the Avro file has no schema"))?;
    let schema = AvroType::parse(schema)?;
    let layout = Layout::of(&schema, spec, types, detail)?;
    let mut decoder = Decoder {
        columns: EntryColumns::new(Arc::clone(spec)),
        layout,
        known_tuples: HashMap::new(),
        order: Default::default(),
        file,
        next_row_id: file.first_row_id.and_then(|id| i64::try_from(id).ok()),
    };
    container.each_block(|count, values| {
        for _ in 0..count {
            decoder.entry(values)?;
        }
        Ok(())
    })?;
    Ok(decoder.finish())
}

/// Where the last entry's maps had their columns: most entries have the same ones.
type Order = Vec<(i32, u32)>;

struct Decoder<'f> {
    columns: EntryColumns,
    layout: Layout,
    /// Tuples by their bytes.
    known_tuples: HashMap<Vec<u8>, u32>,
    order: [Order; METRICS],
    file: &'f ManifestFile,
    next_row_id: Option<i64>,
}

impl Decoder<'_> {
    fn entry(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        let parts = std::mem::take(&mut self.layout.entry);
        let mut head = Head {
            status: ManifestStatus::Added,
            content: DataContentType::Data,
            format: DataFileFormat::Parquet,
            snapshot_id: None,
            sequence: None,
            file_sequence: None,
            first_row_id: None,
            sort_order_id: None,
            records: 0,
            size: 0,
            path: Slice::NONE,
            tuple: u32::MAX,
        };
        for (part, avro_type) in &parts {
            match part {
                Part::Status => {
                    let status = avro_type.long(cursor, "status")?;
                    head.status = known(status, "status", ManifestStatus::try_from)?;
                }
                Part::SnapshotId => head.snapshot_id = avro_type.long(cursor, "snapshot_id")?,
                Part::Sequence => head.sequence = avro_type.long(cursor, "sequence_number")?,
                Part::FileSequence => {
                    head.file_sequence = avro_type.long(cursor, "file_sequence_number")?;
                }
                Part::File => match avro_type.written(cursor)? {
                    Some(AvroType::Record(_)) => self.data_file(&mut head, cursor)?,
                    _ => return Err(damaged("an entry of the manifest has no data_file")),
                },
                _ => avro_type.skip(cursor)?,
            }
        }
        self.layout.entry = parts;
        self.inherit(&mut head);
        self.columns.heads.push(head);
        Ok(())
    }

    fn data_file(&mut self, head: &mut Head, cursor: &mut Cursor<'_>) -> Result<()> {
        let parts = std::mem::take(&mut self.layout.file);
        for (part, avro_type) in &parts {
            self.file_part(*part, avro_type, head, cursor)?;
        }
        self.layout.file = parts;
        if head.tuple == u32::MAX {
            head.tuple = self.tuple(&[], Struct::empty());
        }
        Ok(())
    }

    fn file_part(
        &mut self,
        part: Part,
        avro_type: &AvroType,
        head: &mut Head,
        cursor: &mut Cursor<'_>,
    ) -> Result<()> {
        match part {
            Part::Content => {
                let content = avro_type.long(cursor, "content")?.or(Some(0));
                head.content = known(content, "content", DataContentType::try_from)?;
            }
            Part::Path => {
                let path = avro_type.bytes(cursor, "file_path")?.unwrap_or_default();
                head.path = self.columns.keep(path)?;
            }
            Part::Format => {
                let format = avro_type.bytes(cursor, "file_format")?.unwrap_or_default();
                head.format = file_format(format)?;
            }
            Part::Records => head.records = count(avro_type, cursor, "record_count")?,
            Part::Size => head.size = count(avro_type, cursor, "file_size_in_bytes")?,
            Part::Partition => {
                let before = *cursor;
                avro_type.skip(cursor)?;
                let bytes = &before.rest[..before.rest.len() - cursor.rest.len()];
                head.tuple = match self.known_tuples.get(bytes) {
                    Some(known) => *known,
                    None => {
                        let tuple = self.layout.tuple.read(avro_type, &mut { before })?;
                        self.tuple(bytes, tuple)
                    }
                };
            }
            Part::Map(metric) => self.metrics(metric, avro_type, cursor)?,
            Part::SplitOffsets => self.split_offsets(avro_type, cursor)?,
            Part::Key => {
                if let Some(key) = avro_type.bytes(cursor, "key_metadata")? {
                    let entry = self.columns.heads.len() as u32;
                    self.columns.keys.insert(entry, key.to_vec());
                }
            }
            Part::SortOrder => {
                let order = avro_type.long(cursor, "sort_order_id")?;
                head.sort_order_id = order.and_then(|order| i32::try_from(order).ok());
            }
            Part::FirstRowId => head.first_row_id = avro_type.long(cursor, "first_row_id")?,
            Part::EqualityIds | Part::Referenced | Part::ContentOffset | Part::ContentSize => {
                self.delete_part(part, avro_type, cursor)?;
            }
            _ => avro_type.skip(cursor)?,
        }
        Ok(())
    }

    /// What only delete files have; NULL for data files.
    fn delete_part(
        &mut self,
        part: Part,
        avro_type: &AvroType,
        cursor: &mut Cursor<'_>,
    ) -> Result<()> {
        let Some(avro_type) = avro_type.written(cursor)? else {
            return Ok(());
        };
        let entry = self.columns.heads.len() as u32;
        let delete = self.columns.deletes.entry(entry).or_default();
        match part {
            Part::EqualityIds => {
                let ids = delete.equality_ids.insert(Vec::new());
                let what = "equality_ids";
                avro_type.items(cursor, what, |item, cursor| {
                    let id = item.long(cursor, what)?;
                    let id = id.and_then(|id| i32::try_from(id).ok());
                    ids.push(id.ok_or_else(|| damaged("equality_ids has an id that is none"))?);
                    Ok(())
                })?;
            }
            Part::Referenced => {
                let path = avro_type.bytes(cursor, "referenced_data_file")?;
                let path = path
                    .map(|path| String::from_utf8(path.to_vec()))
                    .transpose();
                delete.referenced =
                    path.map_err(|e| damaged("referenced_data_file is no text").with_source(e))?;
            }
            Part::ContentOffset => {
                delete.content_offset = avro_type.long(cursor, "content_offset")?;
            }
            _ => delete.content_size = avro_type.long(cursor, "content_size_in_bytes")?,
        }
        Ok(())
    }

    fn tuple(&mut self, bytes: &[u8], tuple: Struct) -> u32 {
        let number = self.columns.tuples.len() as u32;
        self.columns.tuples.push(tuple);
        self.known_tuples.insert(bytes.to_vec(), number);
        number
    }

    /// Reads a map from column ids: an array of pairs.
    fn metrics(
        &mut self,
        metric: Metric,
        avro_type: &AvroType,
        cursor: &mut Cursor<'_>,
    ) -> Result<()> {
        let mut position = 0;
        let what = "a map from column ids";
        avro_type.items(cursor, what, |pair, cursor| {
            let Some(AvroType::Record(fields)) = pair.written(cursor)? else {
                return Err(damaged(format!(
                    "{what} is expected to have pairs, found {pair:?}"
                )));
            };
            let (mut id, mut number, mut bound) = (None, None, None);
            for field in fields {
                match (field.name.as_str(), metric) {
                    ("key", _) => id = field.avro_type.long(cursor, what)?,
                    ("value", Metric::Lower | Metric::Upper) => {
                        bound = field.avro_type.bytes(cursor, what)?;
                    }
                    ("value", _) => number = field.avro_type.long(cursor, what)?,
                    _ => field.avro_type.skip(cursor)?,
                }
            }
            let id = id.and_then(|id| i32::try_from(id).ok());
            let id = id.ok_or_else(|| damaged(format!("{what} has a key that is none")))?;
            if let Metric::Sizes | Metric::Values = metric {
                self.count_detail(metric, id, number);
                return Ok(());
            }
            let column = self.column(metric, position, id);
            position += 1;
            self.put(metric, column, number, bound)
        })
    }

    fn details(&mut self) -> &mut EntryDetails {
        let entry = self.columns.heads.len() as u32;
        self.columns.details.entry(entry).or_default()
    }

    fn count_detail(&mut self, metric: Metric, id: i32, number: Option<i64>) {
        let number = number.and_then(|number| u64::try_from(number).ok());
        let details = self.details();
        let counts = match metric {
            Metric::Sizes => &mut details.sizes,
            _ => &mut details.values,
        };
        counts.extend(number.map(|number| (id, number)));
    }

    fn split_offsets(&mut self, avro_type: &AvroType, cursor: &mut Cursor<'_>) -> Result<()> {
        let Some(avro_type) = avro_type.written(cursor)? else {
            return Ok(());
        };
        let offsets = self.details().split_offsets.insert(Vec::new());
        let what = "split_offsets";
        avro_type.items(cursor, what, |item, cursor| {
            offsets.extend(item.long(cursor, what)?);
            Ok(())
        })
    }

    fn column(&mut self, metric: Metric, position: usize, id: i32) -> u32 {
        let order = &mut self.order[metric as usize];
        if let Some((known, column)) = order.get(position)
            && *known == id
        {
            return *column;
        }
        let columns = &mut self.columns;
        let column = *columns.column_by_id.entry(id).or_insert_with(|| {
            columns.columns.push(ColumnMetrics::default());
            (columns.columns.len() - 1) as u32
        });
        order.truncate(position);
        order.push((id, column));
        column
    }

    fn put(
        &mut self,
        metric: Metric,
        column: u32,
        number: Option<i64>,
        bound: Option<&[u8]>,
    ) -> Result<()> {
        let entry = self.columns.heads.len();
        match metric {
            Metric::Lower | Metric::Upper => {
                let slice = match bound {
                    Some(bound) => self.columns.keep(bound)?,
                    None => Slice::NONE,
                };
                let column = &mut self.columns.columns[column as usize];
                let bounds = match metric {
                    Metric::Lower => &mut column.lower,
                    _ => &mut column.upper,
                };
                bounds.resize(entry, Slice::NONE);
                bounds.push(slice);
            }
            _ => {
                let column = &mut self.columns.columns[column as usize];
                let counts = match metric {
                    Metric::Nulls => &mut column.nulls,
                    _ => &mut column.nans,
                };
                counts.resize(entry, -1);
                counts.push(number.unwrap_or(-1));
            }
        }
        Ok(())
    }

    /// What is not written in the entry is taken from the manifest list.
    fn inherit(&mut self, head: &mut Head) {
        let file = self.file;
        head.snapshot_id.get_or_insert(file.added_snapshot_id);
        if head.status == ManifestStatus::Added || file.sequence_number == 0 {
            head.sequence.get_or_insert(file.sequence_number);
            head.file_sequence.get_or_insert(file.sequence_number);
        }
        if head.status == ManifestStatus::Deleted {
            return;
        }
        match self.next_row_id {
            None => head.first_row_id = None,
            Some(next) if head.first_row_id.is_none() => {
                head.first_row_id = Some(next);
                self.next_row_id = next.checked_add_unsigned(head.records);
            }
            Some(_) => {}
        }
    }

    fn finish(self) -> EntryColumns {
        let mut columns = self.columns;
        columns.heads.shrink_to_fit();
        columns.arena.shrink_to_fit();
        for column in &mut columns.columns {
            column.nulls.shrink_to_fit();
            column.nans.shrink_to_fit();
            column.lower.shrink_to_fit();
            column.upper.shrink_to_fit();
        }
        columns
    }
}

fn count(avro_type: &AvroType, cursor: &mut Cursor<'_>, what: &str) -> Result<u64> {
    let count = avro_type.long(cursor, what)?;
    let count = count.and_then(|count| u64::try_from(count).ok());
    count.ok_or_else(|| damaged(format!("{what} of an entry is no count")))
}

fn known<T>(
    code: Option<i64>,
    what: &str,
    of: impl FnOnce(i32) -> std::result::Result<T, iceberg::Error>,
) -> Result<T> {
    let code = code.and_then(|code| i32::try_from(code).ok());
    let code = code.ok_or_else(|| damaged(format!("{what} of an entry is missing")))?;
    Ok(of(code)?)
}

fn file_format(name: &[u8]) -> Result<DataFileFormat> {
    let name = String::from_utf8_lossy(name);
    name.parse().map_err(|_| {
        let message = format!("files of the format '{name}' are not supported");
        Error::new(ErrorKind::Unsupported, message)
    })
}
