// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Data and delete files in Parquet.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field as ArrowField, FieldRef, Schema as ArrowSchema};
use bytes::Bytes;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ArrowWriter, PARQUET_FIELD_ID_META_KEY};
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};

use super::arrays;
use super::datum::Datum;
use super::types::Field;

/// The reserved field ids of position deletes.
const PATH: i32 = 2_147_483_546;
const POSITION: i32 = 2_147_483_545;
const ROW: i32 = 2_147_483_544;

/// How a data file is laid out.
#[derive(Debug, Clone)]
pub struct Layout {
    /// So many rows are in a row group, half as many in a page.
    pub rows_a_group: usize,
    /// Whether columns carry field ids.
    pub ids: bool,
    /// Whether the file says which Arrow types it was written from.
    pub arrow_hint: bool,
    /// Whether text and bytes are written from Arrow's large types, which the hint then names.
    pub large: bool,
    /// Names in the file that differ from those of the schema; only field ids count.
    pub renamed: HashMap<i32, String>,
    /// Whether row groups and pages have statistics.
    pub statistics: bool,
    /// How pages are compressed.
    pub compression: Compression,
    /// Whether values are in dictionaries.
    pub dictionary: bool,
    /// Whether pages are of the second version.
    pub newer_pages: bool,
    /// Whether columns have bloom filters.
    pub bloom_filters: bool,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            rows_a_group: 1 << 20,
            ids: true,
            arrow_hint: true,
            large: false,
            renamed: HashMap::new(),
            statistics: true,
            compression: Compression::UNCOMPRESSED,
            dictionary: true,
            newer_pages: false,
            bloom_filters: false,
        }
    }
}

/// A file, and where its row groups begin.
pub(super) struct Written {
    pub(super) bytes: Bytes,
    pub(super) splits: Vec<i64>,
}

/// Writes rows of `columns`.
pub(super) fn write(
    columns: &[Field],
    rows: &[Vec<Datum>],
    layout: &Layout,
) -> io::Result<Written> {
    let shown = columns.iter().map(|column| {
        let field = column.arrow(layout.ids);
        let field = match layout.renamed.get(&column.id) {
            Some(name) => field.with_name(name),
            None => field,
        };
        match (field.data_type(), layout.large) {
            (DataType::Utf8, true) => field.with_data_type(DataType::LargeUtf8),
            (DataType::Binary, true) => field.with_data_type(DataType::LargeBinary),
            _ => field,
        }
    });
    let schema = Arc::new(ArrowSchema::new(shown.collect::<Vec<_>>()));
    let batch = arrays::batch(&schema, columns, rows).map_err(io::Error::other)?;
    encode(&batch, layout)
}

fn encode(batch: &RecordBatch, layout: &Layout) -> io::Result<Written> {
    let statistics = match layout.statistics {
        true => EnabledStatistics::Page,
        false => EnabledStatistics::None,
    };
    let version = match layout.newer_pages {
        true => WriterVersion::PARQUET_2_0,
        false => WriterVersion::PARQUET_1_0,
    };
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(layout.rows_a_group))
        .set_data_page_row_count_limit(layout.rows_a_group.div_ceil(2))
        .set_write_batch_size(layout.rows_a_group.clamp(1, 1024))
        .set_statistics_enabled(statistics)
        .set_offset_index_disabled(!layout.statistics)
        .set_compression(layout.compression)
        .set_dictionary_enabled(layout.dictionary)
        .set_bloom_filter_enabled(layout.bloom_filters)
        .set_writer_version(version)
        .build();
    let options = ArrowWriterOptions::new()
        .with_properties(properties)
        .with_skip_arrow_metadata(!layout.arrow_hint);
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new_with_options(&mut bytes, batch.schema(), options)?;
    writer.write(batch)?;
    let footer = writer.close()?;
    let splits = footer.row_groups().iter().filter_map(|group| {
        let column = group.columns().first()?;
        let data = column.data_page_offset();
        Some(
            column
                .dictionary_page_offset()
                .map_or(data, |at| at.min(data)),
        )
    });
    let splits = splits.collect();
    Ok(Written {
        bytes: bytes.into(),
        splits,
    })
}

/// A deleted row that is kept with its position; None is a NULL.
pub type KeptRow = Option<Vec<Datum>>;

/// The rows that position deletes name, and whether they are said in full.
pub(super) struct Positions<'a> {
    pub(super) rows: &'a [(String, i64)],
    /// The deleted rows themselves, if they are kept, and their columns; None is a NULL.
    pub(super) kept: Option<(&'a [Field], Vec<KeptRow>)>,
    /// Names of the two columns; only field ids count.
    pub(super) names: [&'a str; 2],
}

/// Writes a file of position deletes.
pub(super) fn write_positions(positions: &Positions<'_>, layout: &Layout) -> io::Result<Written> {
    let paths: StringArray = positions.rows.iter().map(|(path, _)| Some(path)).collect();
    let at: Int64Array = positions.rows.iter().map(|(_, at)| Some(*at)).collect();
    let [path_name, at_name] = positions.names;
    let mut fields = vec![
        with_id(ArrowField::new(path_name, DataType::Utf8, false), PATH),
        with_id(ArrowField::new(at_name, DataType::Int64, false), POSITION),
    ];
    let mut columns: Vec<ArrayRef> = vec![Arc::new(paths), Arc::new(at)];
    if let Some((kept_fields, rows)) = &positions.kept {
        let ty = super::types::Type::Struct(kept_fields.to_vec());
        let structs = rows.iter().map(|row| match row {
            Some(row) => {
                let ids = kept_fields.iter().map(|field| field.id);
                Datum::Struct(ids.zip(row.iter().cloned()).collect())
            }
            None => Datum::Null,
        });
        let structs: Vec<Datum> = structs.collect();
        let arrow = ty.arrow(true);
        let borrowed: Vec<&Datum> = structs.iter().collect();
        columns.push(arrays::array(&borrowed, &ty, &arrow).map_err(io::Error::other)?);
        fields.push(with_id(ArrowField::new("row", arrow, true), ROW));
    }
    let schema = Arc::new(ArrowSchema::new(fields));
    let batch = RecordBatch::try_new(schema, columns).map_err(io::Error::other)?;
    encode(&batch, layout)
}

fn with_id(field: ArrowField, id: i32) -> FieldRef {
    let id = (PARQUET_FIELD_ID_META_KEY.to_owned(), id.to_string());
    Arc::new(field.with_metadata(HashMap::from([id])))
}
