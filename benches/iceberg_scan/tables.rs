// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The tables that are measured: one set of data files, and metadata that adds deletes to it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use feast_iceberg::append::{append, create_table};
use feast_iceberg::{CatalogOptions, SqlCatalog, connect};
use iceberg::spec::{
    DataContentType, DataFile, DataFileBuilder, DataFileFormat, FormatVersion, MAIN_BRANCH,
    ManifestListWriter, ManifestWriter, ManifestWriterBuilder, Operation, Snapshot, Summary,
    TableMetadata,
};
use iceberg::table::Table;
use iceberg::{NamespaceIdent, TableIdent};
use parquet::arrow::ArrowWriter;
use rand::rngs::StdRng;
use rand::seq::index::sample;
use rand::{Rng, SeedableRng};
use roaring::RoaringTreemap;

pub const FEATURES: usize = 8;
const FILES: usize = 16;
const BATCH: usize = 65_536;
const SNAPSHOT: i64 = 4_611_686_018_427_387_904;

/// What a table's snapshot deletes.
#[derive(Debug, Clone, Copy)]
pub enum Deletes {
    /// Position deletes: so many of a thousand rows, a delete file for each data file.
    Positions(usize),
    /// Deletion vectors of format version 3: so many of a thousand rows.
    Vectors(usize),
    /// One file of equality deletes by a unique key, so many rows.
    Equality(usize),
}

/// The clean table of `rows` rows under `dir`, made if it is not there.
pub async fn clean(dir: &Path, rows: usize) -> Table {
    let options = CatalogOptions::parse(&format!(
        "bench=type=sql,uri=sqlite:///{0}/catalog.db,warehouse={0}/warehouse",
        dir.display()
    ))
    .unwrap();
    let database = dir.join("catalog.db");
    if !database.exists() {
        std::fs::create_dir_all(dir).unwrap();
        let warehouse = dir.join("warehouse").display().to_string();
        drop(SqlCatalog::create(&database, "bench", &warehouse).unwrap());
    }
    let catalog = connect(&options).await.unwrap();
    let namespace = NamespaceIdent::new("scan".to_owned());
    let ident = TableIdent::new(namespace.clone(), "clean".to_owned());
    if !catalog.namespace_exists(&namespace).await.unwrap() {
        catalog
            .create_namespace(&namespace, HashMap::new())
            .await
            .unwrap();
    }
    if !catalog.table_exists(&ident).await.unwrap() {
        create_table(catalog.as_ref(), &namespace, "clean", &schema(), &[])
            .await
            .unwrap();
        for file in 0..FILES {
            let batches = batches(file * rows / FILES, (file + 1) * rows / FILES);
            append(catalog.as_ref(), &ident, batches).await.unwrap();
        }
    }
    catalog.load_table(&ident).await.unwrap()
}

fn schema() -> Schema {
    let mut fields = vec![Field::new("id", DataType::Int64, true)];
    fields.extend((0..FEATURES).map(|n| Field::new(format!("f{n}"), DataType::Float64, true)));
    Schema::new(fields)
}

fn batches(from: usize, to: usize) -> Vec<RecordBatch> {
    let schema = Arc::new(schema());
    let mut random = StdRng::seed_from_u64(from as u64);
    (from..to)
        .step_by(BATCH)
        .map(|first| {
            let rows = BATCH.min(to - first);
            let ids = (first..first + rows).map(|id| id as i64);
            let mut columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from_iter_values(ids))];
            for _ in 0..FEATURES {
                let values = (0..rows).map(|_| random.random::<f64>());
                columns.push(Arc::new(Float64Array::from_iter_values(values)));
            }
            RecordBatch::try_new(Arc::clone(&schema), columns).unwrap()
        })
        .collect()
}

/// The metadata file of a table with the files of `clean` and deletes; made if it is not there.
pub async fn with_deletes(dir: &Path, clean: &Table, name: &str, deletes: Deletes) -> PathBuf {
    let folder = dir.join(name);
    let metadata_file = folder.join("metadata/v2.metadata.json");
    if !metadata_file.exists() {
        std::fs::create_dir_all(folder.join("metadata")).unwrap();
        std::fs::create_dir_all(folder.join("data")).unwrap();
        let made = Made { clean, folder };
        made.commit(deletes).await;
    }
    metadata_file
}

struct Made<'a> {
    clean: &'a Table,
    folder: PathBuf,
}

impl Made<'_> {
    async fn commit(&self, deletes: Deletes) {
        let metadata = self.clean.metadata();
        let parent = metadata.current_snapshot().unwrap();
        let io = self.clean.file_io();
        let list = self
            .clean
            .manifest_list_reader(parent)
            .load()
            .await
            .unwrap();
        let older = list.entries().to_vec();
        let mut data = Vec::new();
        for manifest in &older {
            let manifest = manifest.load_manifest(io).await.unwrap();
            data.extend(manifest.entries().iter().map(|e| e.data_file().clone()));
        }
        let made = self.delete_files(&data, deletes);
        let version = match deletes {
            Deletes::Vectors(_) => FormatVersion::V3,
            _ => FormatVersion::V2,
        };
        let sequence = metadata.last_sequence_number() + 1;
        let output = io.new_output(self.at("metadata/m0.avro")).unwrap();
        let spec = metadata.default_partition_spec().as_ref().clone();
        let schema = Arc::clone(metadata.current_schema());
        let writer = ManifestWriterBuilder::new(output, Some(SNAPSHOT), schema, spec);
        let mut writer: ManifestWriter = match version {
            FormatVersion::V3 => writer.build_v3_deletes(),
            _ => writer.build_v2_deletes(),
        };
        for file in made {
            writer.add_file(file, sequence).unwrap();
        }
        let manifest = writer.write_manifest_file().await.unwrap();
        let list = self.at("metadata/snap.avro");
        let writer = io.new_output(&list).unwrap().writer().await.unwrap();
        let parent_id = Some(parent.snapshot_id());
        let mut writer = match version {
            FormatVersion::V3 => {
                ManifestListWriter::v3(writer, SNAPSHOT, parent_id, sequence, Some(0))
            }
            _ => ManifestListWriter::v2(writer, SNAPSHOT, parent_id, sequence),
        };
        writer
            .add_manifests(older.into_iter().chain([manifest]))
            .unwrap();
        let rows = writer.next_row_id();
        writer.close().await.unwrap();
        let metadata = self.metadata(list, parent_id, sequence, version, rows);
        let json = serde_json::to_vec_pretty(&metadata).unwrap();
        std::fs::write(self.folder.join("metadata/v2.metadata.json"), json).unwrap();
    }

    fn metadata(
        &self,
        list: String,
        parent: Option<i64>,
        sequence: i64,
        version: FormatVersion,
        rows: Option<u64>,
    ) -> TableMetadata {
        let metadata = self.clean.metadata();
        let summary = Summary {
            operation: Operation::Delete,
            additional_properties: HashMap::new(),
        };
        let snapshot = Snapshot::builder()
            .with_snapshot_id(SNAPSHOT)
            .with_parent_snapshot_id(parent)
            .with_sequence_number(sequence)
            .with_timestamp_ms(metadata.last_updated_ms())
            .with_manifest_list(list)
            .with_summary(summary)
            .with_schema_id(metadata.current_schema_id());
        let snapshot = match version {
            FormatVersion::V3 => snapshot.with_row_range(0, rows.unwrap_or(0)).build(),
            _ => snapshot.build(),
        };
        let builder = metadata.clone().into_builder(None);
        let builder = builder.upgrade_format_version(version).unwrap();
        let builder = builder.set_branch_snapshot(snapshot, MAIN_BRANCH).unwrap();
        builder.build().unwrap().metadata
    }

    fn at(&self, path: &str) -> String {
        self.folder.join(path).display().to_string()
    }

    fn delete_files(&self, data: &[DataFile], deletes: Deletes) -> Vec<DataFile> {
        let mut random = StdRng::seed_from_u64(17);
        let mut positions = |file: &DataFile, thousandth: usize| {
            let rows = file.record_count() as usize;
            let mut found = sample(&mut random, rows, rows * thousandth / 1000).into_vec();
            found.sort_unstable();
            found.into_iter().map(|p| p as i64).collect::<Vec<_>>()
        };
        match deletes {
            Deletes::Positions(thousandth) => data
                .iter()
                .enumerate()
                .map(|(n, file)| self.position_deletes(n, file, &positions(file, thousandth)))
                .collect(),
            Deletes::Vectors(thousandth) => data
                .iter()
                .enumerate()
                .map(|(n, file)| self.vector(n, file, &positions(file, thousandth)))
                .collect(),
            Deletes::Equality(count) => {
                let rows: u64 = data.iter().map(DataFile::record_count).sum();
                let ids = sample(&mut random, rows as usize, count).into_vec();
                let ids = Int64Array::from_iter_values(ids.into_iter().map(|id| id as i64));
                let (path, size) = self.parquet(
                    "data/eq.parquet",
                    vec![("id", 1, Arc::new(ids) as ArrayRef)],
                );
                let mut file = described(DataContentType::EqualityDeletes, path, count, size);
                vec![file.equality_ids(Some(vec![1])).build().unwrap()]
            }
        }
    }

    fn position_deletes(&self, n: usize, file: &DataFile, positions: &[i64]) -> DataFile {
        let paths = StringArray::from_iter_values(positions.iter().map(|_| file.file_path()));
        let columns: Vec<(&str, i32, ArrayRef)> = vec![
            ("file_path", 2_147_483_546, Arc::new(paths)),
            (
                "pos",
                2_147_483_545,
                Arc::new(Int64Array::from(positions.to_vec())),
            ),
        ];
        let (path, size) = self.parquet(&format!("data/{n}-deletes.parquet"), columns);
        let file_path = Some(file.file_path().to_owned());
        let described = &mut described(
            DataContentType::PositionDeletes,
            path,
            positions.len(),
            size,
        );
        described.referenced_data_file(file_path).build().unwrap()
    }

    fn vector(&self, n: usize, file: &DataFile, positions: &[i64]) -> DataFile {
        let vector: RoaringTreemap = positions.iter().map(|p| *p as u64).collect();
        let mut content = vec![0xd1, 0xd3, 0x39, 0x64];
        vector.serialize_into(&mut content).unwrap();
        let mut blob = (content.len() as u32).to_be_bytes().to_vec();
        blob.extend_from_slice(&content);
        blob.extend_from_slice(&crc32fast::hash(&content).to_be_bytes());
        let path = self.at(&format!("data/{n}.puffin"));
        let mut bytes = b"PFA1".to_vec();
        bytes.extend_from_slice(&blob);
        let footer = serde_json::json!({"blobs": [{"type": "deletion-vector-v1", "fields": [2_147_483_645],
            "snapshot-id": -1, "sequence-number": -1, "offset": 4, "length": blob.len(),
            "properties": {"referenced-data-file": file.file_path(), "cardinality": positions.len().to_string()}}]});
        let footer = footer.to_string();
        bytes.extend_from_slice(b"PFA1");
        bytes.extend_from_slice(footer.as_bytes());
        bytes.extend_from_slice(&(footer.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(b"PFA1");
        std::fs::write(&path, &bytes).unwrap();
        let size = bytes.len() as u64;
        let described = &mut described(
            DataContentType::PositionDeletes,
            path,
            positions.len(),
            size,
        );
        described
            .file_format(DataFileFormat::Puffin)
            .referenced_data_file(Some(file.file_path().to_owned()))
            .content_offset(Some(4))
            .content_size_in_bytes(Some(blob.len() as i64))
            .build()
            .unwrap()
    }

    fn parquet(&self, name: &str, columns: Vec<(&str, i32, ArrayRef)>) -> (String, u64) {
        let fields = columns.iter().map(|(name, id, array)| {
            let id = HashMap::from([("PARQUET:field_id".to_owned(), id.to_string())]);
            Field::new(*name, array.data_type().clone(), false).with_metadata(id)
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let arrays = columns.into_iter().map(|(.., array)| array).collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).unwrap();
        let path = self.folder.join(name);
        let file = std::fs::File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, schema, None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let size = path.metadata().unwrap().len();
        (path.display().to_string(), size)
    }
}

fn described(content: DataContentType, path: String, rows: usize, size: u64) -> DataFileBuilder {
    let mut builder = DataFileBuilder::default();
    builder
        .content(content)
        .file_path(path)
        .file_format(DataFileFormat::Parquet)
        .record_count(rows as u64)
        .file_size_in_bytes(size)
        .partition_spec_id(0);
    builder
}
