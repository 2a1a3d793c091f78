// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The entries of manifests of delete files.
//!
//! The `iceberg` crate finds partition values by the names of their fields. A name that Avro does
//! not allow is written in another way, and the value is taken for NULL: the deletes would go to
//! another partition. So tuples are taken from this crate's own decoder, which goes by field ids.

use std::sync::Arc;

use iceberg::spec::{DataContentType, DataFileBuilder, ManifestEntry, ManifestEntryRef, Struct};

use super::entry_columns::ColumnTypes;
use super::manifests::{DataManifest, LoadedManifest};
use crate::error::{Error, ErrorKind, Result};

/// The live delete files of a manifest, which was read in both forms.
pub(super) fn delete_entries(
    loaded: &LoadedManifest,
    decoded: &DataManifest,
    types: &ColumnTypes,
) -> Result<Vec<ManifestEntryRef>> {
    let damaged = |found: &str| {
        let message = format!("manifest '{}' {found}", loaded.file.manifest_path);
        Error::new(ErrorKind::Damaged, message)
    };
    let live: Vec<u32> = decoded.manifest.live().collect();
    let entries = loaded.manifest.entries().iter().filter(|e| e.is_alive());
    let entries: Vec<_> = entries.collect();
    if entries.len() != live.len() {
        return Err(damaged("has not the entries that it seems to have"));
    }
    let mut deletes = Vec::with_capacity(entries.len());
    for (entry, index) in entries.into_iter().zip(live) {
        if entry.content_type() == DataContentType::Data {
            continue;
        }
        let decoded = decoded.manifest.entry(index, types)?;
        if decoded.file_path() != entry.file_path() {
            return Err(damaged(
                "has its entries in another order than it seems to have",
            ));
        }
        let partition = decoded.data_file().partition();
        let spec_id = loaded.file.partition_spec_id;
        deletes.push(with_partition(entry, partition, spec_id)?);
    }
    Ok(deletes)
}

/// `entry` with another partition tuple.
fn with_partition(
    entry: &ManifestEntryRef,
    partition: &Struct,
    spec_id: i32,
) -> Result<ManifestEntryRef> {
    let file = entry.data_file();
    if file.partition() == partition {
        return Ok(Arc::clone(entry));
    }
    let mut builder = DataFileBuilder::default();
    builder
        .content(file.content_type())
        .file_path(file.file_path().to_string())
        .file_format(file.file_format())
        .partition(partition.clone())
        .partition_spec_id(spec_id)
        .record_count(file.record_count())
        .file_size_in_bytes(file.file_size_in_bytes())
        .column_sizes(file.column_sizes().clone())
        .value_counts(file.value_counts().clone())
        .null_value_counts(file.null_value_counts().clone())
        .nan_value_counts(file.nan_value_counts().clone())
        .lower_bounds(file.lower_bounds().clone())
        .upper_bounds(file.upper_bounds().clone())
        .key_metadata(file.key_metadata().map(<[u8]>::to_vec))
        .split_offsets(file.split_offsets().map(<[i64]>::to_vec))
        .equality_ids(file.equality_ids())
        .first_row_id(file.first_row_id())
        .referenced_data_file(file.referenced_data_file())
        .content_offset(file.content_offset())
        .content_size_in_bytes(file.content_size_in_bytes());
    if let Some(order) = file.sort_order_id() {
        builder.sort_order_id(order);
    }
    let file = builder.build().map_err(|e| {
        let message = format!("the entry of delete file '{}'", entry.file_path());
        Error::new(ErrorKind::Damaged, message).with_source(e)
    })?;
    let entry = ManifestEntry::builder()
        .status(entry.status())
        .snapshot_id_opt(entry.snapshot_id())
        .sequence_number_opt(entry.sequence_number())
        .file_sequence_number_opt(entry.file_sequence_number)
        .data_file(file);
    Ok(Arc::new(entry.build()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use iceberg::spec::{DataFileFormat, Datum, Literal, ManifestStatus};

    use super::*;

    #[test]
    fn everything_but_the_partition_stays() {
        let build = |partition: Option<Literal>| {
            let file = DataFileBuilder::default()
                .content(DataContentType::PositionDeletes)
                .file_path("s3://b/d.puffin".to_string())
                .file_format(DataFileFormat::Puffin)
                .partition(Struct::from_iter([partition]))
                .partition_spec_id(3)
                .record_count(5)
                .file_size_in_bytes(6)
                .column_sizes(HashMap::from([(1, 2)]))
                .value_counts(HashMap::from([(1, 3)]))
                .null_value_counts(HashMap::from([(1, 4)]))
                .nan_value_counts(HashMap::from([(1, 5)]))
                .lower_bounds(HashMap::from([(1, Datum::long(1))]))
                .upper_bounds(HashMap::from([(1, Datum::long(2))]))
                .key_metadata(Some(vec![7]))
                .split_offsets(Some(vec![4]))
                .equality_ids(Some(vec![1, 2]))
                .first_row_id(Some(8))
                .referenced_data_file(Some("s3://b/f.parquet".to_string()))
                .content_offset(Some(9))
                .content_size_in_bytes(Some(10))
                .sort_order_id(11)
                .build();
            let entry = ManifestEntry::builder()
                .status(ManifestStatus::Existing)
                .snapshot_id(12)
                .sequence_number(13)
                .file_sequence_number(14)
                .data_file(file.unwrap());
            Arc::new(entry.build())
        };
        let partition = Struct::from_iter([Some(Literal::long(1))]);
        let mended = with_partition(&build(None), &partition, 3).unwrap();
        assert_eq!(mended, build(Some(Literal::long(1))));
    }
}
