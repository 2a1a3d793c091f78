// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! How a table's properties want its Parquet files.

use std::sync::Arc;

use iceberg::spec::{NestedFieldRef, PrimitiveType, Schema as IcebergSchema, Type};
use parquet::arrow::ArrowSchemaConverter;
use parquet::basic::{
    BrotliLevel, Compression, GzipLevel, LogicalType, Type as PhysicalType, ZstdLevel,
};
use parquet::errors::ParquetError;
use parquet::file::properties::{
    CdcOptions, DEFAULT_WRITE_BATCH_SIZE, WriterProperties, WriterPropertiesBuilder,
};
use parquet::schema::types::{ColumnPath, SchemaDescriptor, Type as ParquetType, TypePtr};

use super::properties::{Properties, invalid};
use crate::error::{Error, ErrorKind, Result};

const CODEC: &str = "write.parquet.compression-codec";
const LEVEL: &str = "write.parquet.compression-level";
const DICTIONARY: &str = "write.parquet.dictionary.enabled";
const BLOOM_ENABLED: &str = "write.parquet.bloom-filter-enabled.column.";
const BLOOM_FPP: &str = "write.parquet.bloom-filter-fpp.column.";
const CHUNKING: &str = "write.parquet.content-defined-chunking";

/// The Parquet schema of a table's files: what the Arrow schema becomes, with UUIDs marked as such.
pub(super) fn parquet_schema(
    schema: &IcebergSchema,
    arrow: &arrow::datatypes::Schema,
) -> Result<SchemaDescriptor> {
    let plain = ArrowSchemaConverter::new().convert(arrow).map_err(unfit)?;
    let root = with_uuids(&plain.root_schema_ptr(), schema).map_err(unfit)?;
    Ok(SchemaDescriptor::new(root))
}

fn with_uuids(of: &TypePtr, schema: &IcebergSchema) -> std::result::Result<TypePtr, ParquetError> {
    let info = of.get_basic_info();
    let id = info.has_id().then(|| info.id());
    if of.is_group() {
        let fields = of.get_fields().iter();
        let fields = fields.map(|field| with_uuids(field, schema));
        let fields = fields.collect::<std::result::Result<Vec<_>, _>>()?;
        let mut group = ParquetType::group_type_builder(of.name())
            .with_fields(fields)
            .with_converted_type(info.converted_type())
            .with_logical_type(info.logical_type_ref().cloned())
            .with_id(id);
        if info.has_repetition() {
            group = group.with_repetition(info.repetition());
        }
        return group.build().map(Arc::new);
    }
    let field = id.and_then(|id| schema.field_by_id(id));
    match field.and_then(|field| field.field_type.as_primitive_type()) {
        Some(PrimitiveType::Uuid) => {
            ParquetType::primitive_type_builder(of.name(), PhysicalType::FIXED_LEN_BYTE_ARRAY)
                .with_length(16)
                .with_repetition(info.repetition())
                .with_logical_type(Some(LogicalType::Uuid))
                .with_id(id)
                .build()
                .map(Arc::new)
        }
        _ => Ok(Arc::clone(of)),
    }
}

/// The writer's settings for files of `parquet`.
pub(super) fn writer_properties(
    properties: Properties<'_>,
    schema: &IcebergSchema,
    parquet: &SchemaDescriptor,
) -> Result<WriterProperties> {
    let row_group = properties.size("write.parquet.row-group-size-bytes", 128 * 1024 * 1024)?;
    let page_rows = properties.size("write.parquet.page-row-limit", 20_000)?;
    let builder = WriterProperties::builder()
        .set_created_by(format!("feast-iceberg {}", env!("CARGO_PKG_VERSION")))
        .set_compression(compression(properties)?)
        .set_max_row_group_bytes(Some(row_group))
        .set_data_page_size_limit(properties.size("write.parquet.page-size-bytes", 1024 * 1024)?)
        .set_data_page_row_count_limit(page_rows)
        // A page ends after so many values at the earliest.
        .set_write_batch_size(page_rows.min(DEFAULT_WRITE_BATCH_SIZE))
        .set_dictionary_enabled(properties.value(DICTIONARY, true, "true or false")?)
        .set_dictionary_page_size_limit(
            properties.size("write.parquet.dict-size-bytes", 2 * 1024 * 1024)?,
        )
        .set_content_defined_chunking(chunking(properties)?);
    Ok(bloom_filters(builder, properties, schema, parquet)?.build())
}

fn compression(properties: Properties<'_>) -> Result<Compression> {
    let codec = properties
        .text(CODEC)
        .unwrap_or("zstd")
        .to_ascii_lowercase();
    let level = match properties.text(LEVEL) {
        Some(text) if !text.eq_ignore_ascii_case("null") => Some(text),
        _ => None,
    };
    let bad_level = || invalid(LEVEL, level.unwrap_or_default(), "a level of the codec");
    Ok(match codec.as_str() {
        "uncompressed" | "none" => Compression::UNCOMPRESSED,
        "snappy" => Compression::SNAPPY,
        "lz4" | "lz4_raw" => Compression::LZ4_RAW,
        "zstd" => Compression::ZSTD(match level {
            None => ZstdLevel::default(),
            Some(text) => {
                let level = text.parse().map_err(|_| bad_level())?;
                ZstdLevel::try_new(level).map_err(|_| bad_level())?
            }
        }),
        "gzip" => Compression::GZIP(match level {
            None => GzipLevel::default(),
            Some(text) => {
                let level = text.parse().map_err(|_| bad_level())?;
                GzipLevel::try_new(level).map_err(|_| bad_level())?
            }
        }),
        "brotli" => Compression::BROTLI(match level {
            None => BrotliLevel::default(),
            Some(text) => {
                let level = text.parse().map_err(|_| bad_level())?;
                BrotliLevel::try_new(level).map_err(|_| bad_level())?
            }
        }),
        other => {
            let expected = "zstd, snappy, gzip, lz4, brotli or uncompressed";
            return Err(invalid(CODEC, other, expected));
        }
    })
}

fn chunking(properties: Properties<'_>) -> Result<Option<CdcOptions>> {
    let name = |of: &str| format!("{CHUNKING}.{of}");
    if !properties.value(&name("enabled"), false, "true or false")? {
        return Ok(None);
    }
    let min_chunk_size = properties.size(&name("min-chunk-size"), 256 * 1024)?;
    let max_chunk_size = properties.size(&name("max-chunk-size"), 1024 * 1024)?;
    if max_chunk_size <= min_chunk_size {
        let found = max_chunk_size.to_string();
        return Err(invalid(
            &name("max-chunk-size"),
            &found,
            "more than the min-chunk-size",
        ));
    }
    Ok(Some(CdcOptions {
        min_chunk_size,
        max_chunk_size,
        norm_level: properties.value(&name("norm-level"), 0, "a whole number")?,
    }))
}

/// Bloom filters of the columns that are to have one; columns that are gone are passed over.
fn bloom_filters(
    mut builder: WriterPropertiesBuilder,
    properties: Properties<'_>,
    schema: &IcebergSchema,
    parquet: &SchemaDescriptor,
) -> Result<WriterPropertiesBuilder> {
    let max_bytes = properties.size("write.parquet.bloom-filter-max-bytes", 1024 * 1024)?;
    for (column, enabled) in properties.under(BLOOM_ENABLED) {
        let name = format!("{BLOOM_ENABLED}{column}");
        let enabled = match enabled.to_ascii_lowercase().as_str() {
            "true" => true,
            "false" => false,
            _ => return Err(invalid(&name, enabled, "true or false")),
        };
        let Some(path) = schema
            .field_by_name(column)
            .and_then(|field| leaf(field, parquet))
            .filter(|_| enabled)
        else {
            continue;
        };
        let name = format!("{BLOOM_FPP}{column}");
        let fpp: f64 = properties.value(&name, 0.01, "a number between 0 and 1")?;
        if !(fpp > 0.0 && fpp < 1.0) {
            let found = fpp.to_string();
            return Err(invalid(&name, &found, "a number between 0 and 1"));
        }
        builder = builder
            .set_column_bloom_filter_enabled(path.clone(), true)
            .set_column_bloom_filter_fpp(path.clone(), fpp)
            .set_column_bloom_filter_ndv(path, distinct_values(max_bytes, fpp));
    }
    Ok(builder)
}

/// How many values a filter of so many bytes may hold at that rate of false positives.
fn distinct_values(bytes: usize, fpp: f64) -> u64 {
    // The writer rounds the size up to a power of two.
    let bits = (1_u64 << bytes.ilog2()) as f64 * 8.0;
    let values = -bits * (1.0 - fpp.powf(1.0 / 8.0)).ln() / 8.0;
    (values * 0.999).max(1.0) as u64
}

/// The Parquet path of a column that holds values itself.
fn leaf(field: &NestedFieldRef, parquet: &SchemaDescriptor) -> Option<ColumnPath> {
    if !matches!(field.field_type.as_ref(), Type::Primitive(_)) {
        return None;
    }
    let mut columns = parquet.columns().iter();
    let found = columns.find(|column| {
        let info = column.self_type().get_basic_info();
        info.has_id() && info.id() == field.id
    })?;
    Some(found.path().clone())
}

fn unfit(cause: ParquetError) -> Error {
    let text = "its schema cannot be written as Parquet";
    Error::new(ErrorKind::Unsupported, text).with_source(cause)
}
