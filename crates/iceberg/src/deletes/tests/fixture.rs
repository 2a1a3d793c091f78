// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A table in memory with delete files made by hand.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::execution::memory_pool::{MemoryPool, UnboundedMemoryPool};
use iceberg::TableIdent;
use iceberg::io::FileIOBuilder;
use iceberg::spec::{
    DataContentType, DataFileBuilder, DataFileFormat, Literal, ManifestEntry, ManifestStatus,
    PartitionSpec, Struct, TableMetadataRef,
};
use iceberg::table::Table;
use parquet::arrow::{ArrowWriter, PARQUET_FIELD_ID_META_KEY};
use serde_json::{Value, json};

use super::gated::{Gate, Gated};
use crate::deletes::DeleteLoader;
use crate::plan::{DeleteFile, FileDeletes};
use crate::storage::TableStorage;

pub(super) const SNAPSHOT: i64 = 77;

pub(super) struct Fixture {
    pub(super) storage: Arc<TableStorage>,
    pub(super) metadata: TableMetadataRef,
    pub(super) gate: Arc<Gate>,
    spec: Arc<PartitionSpec>,
}

/// The metadata of a table with these schemas, the last of them current.
pub(super) fn metadata(schemas: &[Value], properties: &Value) -> TableMetadataRef {
    let schemas: Vec<_> = schemas
        .iter()
        .enumerate()
        .map(|(id, fields)| json!({"type": "struct", "schema-id": id, "fields": fields}))
        .collect();
    let metadata = json!({
        "format-version": 2,
        "table-uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1",
        "location": "memory:///t",
        "last-sequence-number": 9,
        "last-updated-ms": 1_600_000_000_000_i64,
        "last-column-id": 99,
        "current-schema-id": schemas.len() - 1,
        "schemas": schemas,
        "default-spec-id": 0,
        "partition-specs": [
            {"spec-id": 0, "fields": []},
            {"spec-id": 1, "fields": [
                {"name": "p", "transform": "identity", "source-id": 1, "field-id": 1000}
            ]},
        ],
        "last-partition-id": 1000,
        "default-sort-order-id": 0,
        "sort-orders": [{"order-id": 0, "fields": []}],
        "properties": properties,
    });
    serde_json::from_value::<iceberg::spec::TableMetadata>(metadata)
        .unwrap()
        .into()
}

pub(super) fn optional(id: i32, name: &str, kind: &str) -> Value {
    json!({"id": id, "name": name, "required": false, "type": kind})
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self::with(metadata(&[json!([optional(1, "id", "long")])], &json!({})))
    }

    pub(super) fn with(metadata: TableMetadataRef) -> Self {
        let storage = Gated::default();
        let gate = Arc::clone(&storage.gate);
        let table = Table::builder()
            .metadata(Arc::clone(&metadata))
            .identifier(TableIdent::from_strs(["ns", "t"]).unwrap())
            .file_io(FileIOBuilder::new(Arc::new(storage)).build())
            .runtime(iceberg::Runtime::current())
            .build()
            .unwrap();
        let spec = metadata.partition_spec_by_id(0).unwrap();
        Self {
            storage: Arc::new(TableStorage::for_table(&table)),
            spec: Arc::clone(spec),
            metadata,
            gate,
        }
    }

    pub(super) fn loader(&self) -> DeleteLoader {
        self.loader_in(Arc::new(UnboundedMemoryPool::default()))
    }

    pub(super) fn loader_in(&self, pool: Arc<dyn MemoryPool>) -> DeleteLoader {
        let (storage, metadata) = (Arc::clone(&self.storage), Arc::clone(&self.metadata));
        DeleteLoader::new("ns.t".into(), SNAPSHOT, storage, metadata, pool)
    }

    pub(super) async fn put(&self, path: &str, bytes: Vec<u8>) {
        let output = self.storage.file_io().new_output(path).unwrap();
        output.write(bytes.into()).await.unwrap();
    }

    /// A delete file of the unpartitioned spec.
    pub(super) fn delete(&self, path: &str, file: DataFileBuilder, sequence: i64) -> DeleteFile {
        let mut file = file;
        let file = file.file_path(path.to_string()).build().unwrap();
        let entry = ManifestEntry::builder()
            .status(ManifestStatus::Added)
            .sequence_number(sequence)
            .data_file(file)
            .build();
        DeleteFile {
            entry: Arc::new(entry),
            spec: Arc::clone(&self.spec),
            spec_id: 0,
            sequence,
        }
    }

    /// The same delete file in the partition of spec 1 that `value` is.
    pub(super) fn in_partition(&self, delete: &DeleteFile, value: i64) -> Arc<DeleteFile> {
        let file = delete.entry.data_file();
        let mut moved = builder(file.content_type(), file.file_format());
        moved
            .partition(Struct::from_iter([Some(Literal::long(value))]))
            .partition_spec_id(1)
            .equality_ids(file.equality_ids())
            .record_count(file.record_count())
            .file_size_in_bytes(file.file_size_in_bytes());
        let moved = self.delete(file.file_path(), moved, delete.sequence);
        Arc::new(DeleteFile {
            spec: Arc::clone(self.metadata.partition_spec_by_id(1).unwrap()),
            spec_id: 1,
            ..moved
        })
    }

    /// Writes a position delete file of these columns.
    pub(super) async fn positions(&self, path: &str, rows: &RecordBatch) -> Arc<DeleteFile> {
        let file = self.parquet(path, rows, DataContentType::PositionDeletes);
        Arc::new(self.delete(path, file.await, 1))
    }

    /// Writes an equality delete file of these columns.
    pub(super) async fn equality(
        &self,
        path: &str,
        rows: &RecordBatch,
        ids: &[i32],
        sequence: i64,
    ) -> Arc<DeleteFile> {
        let file = self.parquet(path, rows, DataContentType::EqualityDeletes);
        let mut file = file.await;
        file.equality_ids(Some(ids.to_vec()));
        Arc::new(self.delete(path, file, sequence))
    }

    async fn parquet(
        &self,
        path: &str,
        rows: &RecordBatch,
        content: DataContentType,
    ) -> DataFileBuilder {
        let bytes = parquet(rows);
        let mut file = builder(content, DataFileFormat::Parquet);
        file.record_count(rows.num_rows() as u64)
            .file_size_in_bytes(bytes.len() as u64);
        self.put(path, bytes).await;
        file
    }
}

pub(super) fn builder(content: DataContentType, format: DataFileFormat) -> DataFileBuilder {
    let mut file = DataFileBuilder::default();
    file.content(content)
        .file_format(format)
        .partition(Struct::empty())
        .partition_spec_id(0)
        .record_count(0)
        .file_size_in_bytes(0);
    file
}

pub(super) fn parquet(rows: &RecordBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, rows.schema(), None).unwrap();
    writer.write(rows).unwrap();
    writer.close().unwrap();
    bytes
}

/// A nullable field with a field id, or none for 0.
pub(super) fn stored(id: i32, name: &str, data_type: DataType) -> Field {
    let id = (id != 0).then(|| (PARQUET_FIELD_ID_META_KEY.to_string(), id.to_string()));
    Field::new(name, data_type, true).with_metadata(id.into_iter().collect::<HashMap<_, _>>())
}

/// Columns by id and name.
pub(super) fn batch<'a>(
    columns: impl IntoIterator<Item = (i32, &'a str, ArrayRef)>,
) -> RecordBatch {
    let columns = columns.into_iter();
    let (fields, arrays): (Vec<_>, Vec<_>) = columns
        .map(|(id, name, array)| (stored(id, name, array.data_type().clone()), array))
        .unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

pub(super) fn by_positions(files: &[&Arc<DeleteFile>]) -> FileDeletes {
    FileDeletes {
        positions: files.iter().map(|file| Arc::clone(file)).collect(),
        ..FileDeletes::default()
    }
}

pub(super) fn by_equality(files: &[&Arc<DeleteFile>]) -> FileDeletes {
    FileDeletes {
        equality: files.iter().map(|file| Arc::clone(file)).collect(),
        ..FileDeletes::default()
    }
}
