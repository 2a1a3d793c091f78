// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The entries of manifests as we decode them are those that the core crate decodes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use apache_avro::{Codec, DeflateSettings, ZstandardSettings};
use feast_testkit::manifests::ManyFiles;
use feast_testkit::relocate::fixture;
use iceberg::spec::{
    DataContentType, Datum, Manifest, ManifestContentType, ManifestEntry, ManifestFile,
    ManifestStatus, PartitionSpec,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::super::avro::{Container, Header};
use super::super::decode::decode;
use super::super::entry_columns::{ColumnTypes, EntryColumns};
use super::super::entry_layout::Detail;
use super::super::manifests::column_types;
use super::avro_files::{file, put_long};
use crate::error::{ErrorKind, Result};

/// How a manifest list might name a manifest.
fn listed(sequence_number: i64, first_row_id: Option<u64>) -> ManifestFile {
    ManifestFile {
        manifest_path: "m.avro".to_string(),
        manifest_length: 1,
        partition_spec_id: 0,
        content: ManifestContentType::Data,
        sequence_number,
        min_sequence_number: 0,
        added_snapshot_id: 77,
        added_files_count: None,
        existing_files_count: None,
        deleted_files_count: None,
        added_rows_count: None,
        existing_rows_count: None,
        deleted_rows_count: None,
        partitions: None,
        key_metadata: None,
        first_row_id,
    }
}

fn types(manifest: &Manifest) -> ColumnTypes {
    let fields = manifest.metadata().schema().field_id_to_fields();
    let primitive = |(id, field): (&i32, &Arc<iceberg::spec::NestedField>)| {
        Some((*id, field.field_type.as_primitive_type()?.clone()))
    };
    fields.iter().filter_map(primitive).collect()
}

fn avro_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            avro_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "avro") {
            found.push(path);
        }
    }
}

/// An entry of a manifest as the manifest list completes it.
fn completed(entry: &ManifestEntry, listed: &ManifestFile) -> ManifestEntry {
    let mut entry = entry.clone();
    entry.snapshot_id.get_or_insert(listed.added_snapshot_id);
    if entry.status == ManifestStatus::Added || listed.sequence_number == 0 {
        entry.sequence_number.get_or_insert(listed.sequence_number);
        entry
            .file_sequence_number
            .get_or_insert(listed.sequence_number);
    }
    entry
}

fn assert_same(ours: &ManifestEntry, core: &ManifestEntry, of: &str) {
    assert_eq!(ours.status, core.status, "{of}");
    assert_eq!(ours.snapshot_id, core.snapshot_id, "{of}");
    assert_eq!(ours.sequence_number, core.sequence_number, "{of}");
    assert_eq!(ours.file_sequence_number, core.file_sequence_number, "{of}");
    let (ours, core) = (ours.data_file(), core.data_file());
    assert_eq!(ours.content_type(), core.content_type(), "{of}");
    assert_eq!(ours.file_path(), core.file_path(), "{of}");
    assert_eq!(ours.file_format(), core.file_format(), "{of}");
    assert_eq!(ours.record_count(), core.record_count(), "{of}");
    assert_eq!(ours.file_size_in_bytes(), core.file_size_in_bytes(), "{of}");
    assert_eq!(ours.partition(), core.partition(), "{of}");
    assert_eq!(ours.column_sizes(), core.column_sizes(), "{of}");
    assert_eq!(ours.value_counts(), core.value_counts(), "{of}");
    assert_eq!(ours.split_offsets(), core.split_offsets(), "{of}");
    assert_eq!(ours.null_value_counts(), core.null_value_counts(), "{of}");
    assert_eq!(ours.nan_value_counts(), core.nan_value_counts(), "{of}");
    assert_eq!(ours.lower_bounds(), &known(core.lower_bounds()), "{of}");
    assert_eq!(ours.upper_bounds(), &known(core.upper_bounds()), "{of}");
    assert_eq!(ours.sort_order_id(), core.sort_order_id(), "{of}");
    assert_eq!(ours.key_metadata(), core.key_metadata(), "{of}");
    assert_eq!(ours.equality_ids(), core.equality_ids(), "{of}");
    let target = core.referenced_data_file();
    assert_eq!(ours.referenced_data_file(), target, "{of}");
    assert_eq!(ours.content_offset(), core.content_offset(), "{of}");
    let size = core.content_size_in_bytes();
    assert_eq!(ours.content_size_in_bytes(), size, "{of}");
}

/// Without the columns of delete files, which the core crate knows.
fn known(bounds: &HashMap<i32, Datum>) -> HashMap<i32, Datum> {
    let bounds = bounds.iter().filter(|(id, _)| **id < 2_147_483_000);
    bounds.map(|(id, datum)| (*id, datum.clone())).collect()
}

fn live(manifest: &EntryColumns, types: &ColumnTypes) -> Vec<Arc<ManifestEntry>> {
    let entries = manifest.live().map(|i| manifest.entry(i, types).unwrap());
    entries.collect()
}

#[test]
fn manifests_of_other_engines_are_decoded_as_the_core_crate_does() {
    let mut files = Vec::new();
    avro_files(&fixture(""), &mut files);
    for folder in std::env::var("ICEBERG_TABLES")
        .iter()
        .flat_map(|v| v.split(':'))
    {
        avro_files(Path::new(folder), &mut files);
    }
    let (mut manifests, mut entries) = (0, 0);
    for path in files {
        let bytes = std::fs::read(&path).unwrap();
        let Ok(core) = Manifest::parse_avro(&bytes) else {
            continue;
        };
        manifests += 1;
        let (of, types) = (path.display().to_string(), types(&core));
        let spec = Arc::new(core.metadata().partition_spec().clone());
        for sequence in [0, 9] {
            let listed = listed(sequence, None);
            let ours = decode(&bytes, &listed, &spec, &types, Detail::All).expect(&of);
            let ours = ours.all().map(|i| ours.entry(i, &types).unwrap());
            let ours: Vec<_> = ours.collect();
            let core: Vec<_> = core
                .entries()
                .iter()
                .map(|e| completed(e, &listed))
                .collect();
            assert_eq!(ours.len(), core.len(), "{of}");
            for (ours, core) in ours.iter().zip(&core) {
                // A manifest of version 1 has no sequence numbers; the core crate says 0.
                let mut ours = ours.as_ref().clone();
                if core.sequence_number == Some(0) && ours.sequence_number != Some(0) {
                    assert_eq!(ours.sequence_number.unwrap_or(sequence), sequence, "{of}");
                    ours.sequence_number = Some(0);
                    ours.file_sequence_number = Some(0);
                }
                assert_same(&ours, core, &of);
                entries += 1;
            }
        }
    }
    println!("{manifests} manifests, {entries} entries");
    assert!(manifests > 50 && entries > 100);
}

/// A manifest of a table that testkit makes.
struct Made {
    bytes: Vec<u8>,
    spec: Arc<PartitionSpec>,
    types: ColumnTypes,
    core: Manifest,
}

async fn made(files: usize) -> Made {
    let many = ManyFiles {
        manifests: 1,
        files,
        days: 3,
        columns: 3,
        scattered: true,
    };
    let table = many.write().await.unwrap();
    let metadata = table.metadata();
    let snapshot = metadata.current_snapshot().unwrap();
    let list = table.manifest_list_reader(snapshot).load().await.unwrap();
    let path = &list.entries()[0].manifest_path;
    let bytes = table
        .file_io()
        .new_input(path)
        .unwrap()
        .read()
        .await
        .unwrap();
    Made {
        spec: Arc::clone(metadata.default_partition_spec()),
        types: column_types(metadata),
        core: Manifest::parse_avro(&bytes).unwrap(),
        bytes: bytes.to_vec(),
    }
}

impl Made {
    fn decode(&self, bytes: &[u8]) -> Result<EntryColumns> {
        self.decode_as_far_as(bytes, Detail::All)
    }

    fn decode_as_far_as(&self, bytes: &[u8], detail: Detail) -> Result<EntryColumns> {
        decode(bytes, &listed(4, None), &self.spec, &self.types, detail)
    }

    fn assert_same(&self, ours: &EntryColumns) {
        let ours = live(ours, &self.types);
        assert_eq!(ours.len(), self.core.entries().len());
        for (ours, core) in ours.iter().zip(self.core.entries()) {
            assert_same(ours, &completed(core, &listed(4, None)), core.file_path());
        }
    }

    /// The manifest with another header.
    fn with_header(&self, change: impl FnOnce(&mut Header)) -> Vec<u8> {
        let container = Container::open(&self.bytes).unwrap();
        let mut header = container.header.clone();
        change(&mut header);
        file(&header, container.rest)
    }
}

#[tokio::test]
async fn headers_are_needed_for_the_layout_only() {
    let made = made(5).await;
    let bare = made.with_header(|header| header.retain(|key, _| key == b"avro.schema"));
    made.assert_same(&made.decode(&bare).unwrap());
    // Names say nothing where there are ids.
    let renamed = made.with_header(|header| {
        let schema = header.get_mut(b"avro.schema".as_slice()).unwrap();
        let text = String::from_utf8(schema.clone()).unwrap();
        let text = text
            .replace("\"ts_day\"", "\"ts\"")
            .replace("\"file_path\"", "\"x\"");
        *schema = text.into_bytes();
    });
    made.assert_same(&made.decode(&renamed).unwrap());
    // And where there are no ids, names do.
    let named = made.with_header(|header| {
        let schema = header.get_mut(b"avro.schema".as_slice()).unwrap();
        let text = String::from_utf8(schema.clone()).unwrap();
        *schema = text.replace("\"field-id\"", "\"no-id\"").into_bytes();
    });
    made.assert_same(&made.decode(&named).unwrap());
}

#[tokio::test]
async fn a_dropped_source_column_does_not_matter() {
    let mut made = made(3).await;
    made.types.remove(&2);
    let ours = made.decode(&made.bytes).unwrap();
    let partitions: Vec<_> = live(&ours, &made.types)
        .iter()
        .map(|e| e.data_file().partition().clone())
        .collect();
    let core = made.core.entries().iter();
    let core: Vec<_> = core.map(|e| e.data_file().partition().clone()).collect();
    assert_eq!(partitions, core);
}

#[tokio::test]
async fn a_partition_field_without_values_is_named() {
    let made = made(1).await;
    let other = made.with_header(|header| {
        let schema = header.get_mut(b"avro.schema".as_slice()).unwrap();
        let text = String::from_utf8(schema.clone()).unwrap();
        *schema = text
            .replace("\"field-id\":1000", "\"field-id\":1007")
            .into_bytes();
    });
    let error = made.decode(&other).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(
        error
            .to_string()
            .contains("partition field ts_day (id 1000)"),
        "{error}"
    );
}

#[tokio::test]
async fn every_codec_is_read() {
    let made = made(20).await;
    let container = Container::open(&made.bytes).unwrap();
    let codecs = [
        ("deflate", Codec::Deflate(DeflateSettings::default())),
        ("snappy", Codec::Snappy),
        ("zstandard", Codec::Zstandard(ZstandardSettings::default())),
    ];
    for (name, codec) in codecs {
        let mut header = container.header.clone();
        header.insert(b"avro.codec".to_vec(), name.as_bytes().to_vec());
        let (sync, blocks) = container.rest.split_at(16);
        let mut rest = sync.to_vec();
        let mut cursor = super::super::avro::Cursor { rest: blocks };
        while !cursor.rest.is_empty() {
            let count = cursor.long().unwrap();
            let mut block = cursor.bytes().unwrap().to_vec();
            codec.compress(&mut block).unwrap();
            put_long(&mut rest, usize::try_from(count).unwrap());
            put_long(&mut rest, block.len());
            rest.extend_from_slice(&block);
            rest.extend_from_slice(cursor.take(16).unwrap());
        }
        made.assert_same(&made.decode(&file(&header, &rest)).unwrap());
    }
    let unknown = made.with_header(|header| {
        header.insert(b"avro.codec".to_vec(), b"lzma".to_vec());
    });
    let error = made.decode(&unknown).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("'lzma'"), "{error}");
}

#[tokio::test]
async fn damage_is_an_error_and_never_a_panic() {
    let made = made(4).await;
    for length in (0..made.bytes.len()).step_by(7) {
        let whole = Container::open(&made.bytes).unwrap().rest.len() - 16;
        match made.decode(&made.bytes[..length]) {
            Ok(_) => assert_eq!(length, made.bytes.len() - whole, "cut at a block"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Damaged, "{error}"),
        }
    }
    let mut random = StdRng::seed_from_u64(1);
    for _ in 0..3_000 {
        let mut bytes = made.bytes.clone();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..bytes.len());
            bytes[at] = random.random();
        }
        if let Ok(decoded) = made.decode(&bytes) {
            for entry in decoded.live() {
                let _ = decoded.entry(entry, &made.types);
            }
        }
    }
}

#[tokio::test]
async fn first_row_ids_are_handed_out_in_order() {
    let made = made(3).await;
    let ids = |first| -> Vec<_> {
        let listed = listed(4, first);
        let (spec, types) = (&made.spec, &made.types);
        let decoded = decode(&made.bytes, &listed, spec, types, Detail::Planning);
        let entries = live(&decoded.unwrap(), types);
        entries
            .iter()
            .map(|e| e.data_file().first_row_id())
            .collect()
    };
    assert_eq!(ids(None), [None; 3]);
    assert_eq!(ids(Some(5)), [Some(5), Some(10_005), Some(20_005)]);
}

#[tokio::test]
async fn a_delete_file_among_data_files_is_told() {
    let made = made(1).await;
    let mut columns = made.decode(&made.bytes).unwrap();
    assert!(columns.first_of_other_content().is_none());
    columns.heads[0].content = DataContentType::EqualityDeletes;
    let (path, content) = columns.first_of_other_content().unwrap();
    assert!(path.ends_with(".parquet"));
    assert_eq!(content, DataContentType::EqualityDeletes);
}

/// The weight counts what the vectors hold.
#[tokio::test]
async fn weights_are_honest() {
    use crate::cache::Weigh;
    let made = made(200).await;
    let columns = made.decode_as_far_as(&made.bytes, Detail::Planning);
    let columns = columns.unwrap();
    let weight = columns.weight();
    let paths: usize = made
        .core
        .entries()
        .iter()
        .map(|e| e.file_path().len())
        .sum();
    // Paths, heads, and for each of six columns two counts and two bounds of 8 bytes and more.
    let least = paths + 200 * (80 + 6 * 2 * (8 + 8 + 8));
    assert!(weight > least, "{weight} of at least {least}");
    assert!(weight < least * 2, "{weight} of about {least}");
}
