// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A table of many manifests and many data files, of which only the metadata exists: for tests and
//! benches of planning.

use std::collections::HashMap;
use std::sync::Arc;

use iceberg::io::FileIO;
use iceberg::spec::{
    DataContentType, DataFile, DataFileBuilder, DataFileFormat, Datum, FormatVersion, Literal,
    MAIN_BRANCH, ManifestFile, ManifestListWriter, ManifestWriterBuilder, NestedField, Operation,
    PartitionSpec, PrimitiveType, Schema, SchemaRef, Snapshot, SortOrder, Struct, Summary,
    TableMetadata, TableMetadataBuilder, Transform, Type,
};
use iceberg::table::Table;
use iceberg::{Error, ErrorKind, Result, Runtime, TableIdent};

const LOCATION: &str = "memory:/warehouse/ns/many";
const SNAPSHOT: i64 = 7_000_000_000_000_000_001;
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// The rows of each file.
pub const ROWS_PER_FILE: u64 = 10_000;

/// How large a table is and how its days lie in its manifests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ManyFiles {
    /// Manifests.
    pub manifests: usize,
    /// Data files of each manifest.
    pub files: usize,
    /// Days, each a partition.
    pub days: usize,
    /// Columns beyond those for partitions, all with counts and bounds.
    pub columns: usize,
    /// Whether each manifest has files of all days, so that manifests cannot be told apart by
    /// their summaries.
    pub scattered: bool,
}

impl Default for ManyFiles {
    fn default() -> Self {
        Self {
            manifests: 1_000,
            files: 100,
            days: 100,
            columns: 8,
            scattered: true,
        }
    }
}

impl ManyFiles {
    /// Writes manifest list and manifests to a memory of their own.
    ///
    /// The table has the columns `id` (long, growing with the file), `ts` (timestamptz, the table
    /// is partitioned by its days from 1970-01-01 on), `name` (string) and `v0`, `v1` … (doubles).
    pub async fn write(&self) -> Result<Table> {
        let io = FileIO::new_with_memory();
        let metadata = self.metadata()?;
        let mut manifests = Vec::with_capacity(self.manifests);
        for number in 0..self.manifests {
            manifests.push(self.manifest(&io, &metadata, number).await?);
        }
        let list = format!("{LOCATION}/metadata/snap.avro");
        let writer = io.new_output(&list)?.writer().await?;
        let mut writer = ManifestListWriter::v2(writer, SNAPSHOT, None, 1);
        writer.add_manifests(manifests.into_iter())?;
        writer.close().await?;
        let summary = Summary {
            operation: Operation::Append,
            additional_properties: HashMap::new(),
        };
        let snapshot = Snapshot::builder()
            .with_snapshot_id(SNAPSHOT)
            .with_sequence_number(1)
            .with_timestamp_ms(metadata.last_updated_ms())
            .with_manifest_list(list)
            .with_summary(summary)
            .with_schema_id(metadata.current_schema_id())
            .build();
        let metadata = metadata
            .into_builder(None)
            .set_branch_snapshot(snapshot, MAIN_BRANCH)?
            .build()?
            .metadata;
        Table::builder()
            .file_io(io)
            .metadata(metadata)
            .metadata_location(format!("{LOCATION}/metadata/v2.metadata.json"))
            .identifier(TableIdent::from_strs(["ns", "many"])?)
            .runtime(Runtime::try_current()?)
            .build()
    }

    fn metadata(&self) -> Result<TableMetadata> {
        let schema = self.schema()?;
        let spec = PartitionSpec::builder(schema.clone())
            .add_partition_field("ts", "ts_day", Transform::Day)?
            .build()?;
        let made = TableMetadataBuilder::new(
            schema,
            spec,
            SortOrder::unsorted_order(),
            LOCATION.to_string(),
            FormatVersion::V2,
            HashMap::new(),
        )?;
        Ok(made.build()?.metadata)
    }

    fn schema(&self) -> Result<Schema> {
        let first = [
            ("id".to_string(), PrimitiveType::Long),
            ("ts".to_string(), PrimitiveType::Timestamptz),
            ("name".to_string(), PrimitiveType::String),
        ];
        let others = (0..self.columns).map(|n| (format!("v{n}"), PrimitiveType::Double));
        let columns = (1..).zip(first.into_iter().chain(others));
        let fields = columns.map(|(id, (name, primitive))| {
            Arc::new(NestedField::optional(id, name, Type::Primitive(primitive)))
        });
        Schema::builder().with_fields(fields).build()
    }

    async fn manifest(
        &self,
        io: &FileIO,
        metadata: &TableMetadata,
        number: usize,
    ) -> Result<ManifestFile> {
        let output = io.new_output(format!("{LOCATION}/metadata/{number:05}-m0.avro"))?;
        let schema: SchemaRef = Arc::clone(metadata.current_schema());
        let spec = metadata.default_partition_spec().as_ref().clone();
        let mut writer =
            ManifestWriterBuilder::new(output, Some(SNAPSHOT), schema, spec).build_v2_data();
        for file in 0..self.files {
            writer.add_file(self.file(number, file)?, 1)?;
        }
        writer.write_manifest_file().await
    }

    /// A data file of the table, which does not exist.
    fn file(&self, manifest: usize, file: usize) -> Result<DataFile> {
        let number = (manifest * self.files + file) as i64;
        let day = match self.scattered {
            true => file % self.days,
            false => manifest % self.days,
        } as i64;
        let first = number * ROWS_PER_FILE as i64;
        let last = first + ROWS_PER_FILE as i64 - 1;
        let mut lower = HashMap::from([
            (1, Datum::long(first)),
            (2, Datum::timestamptz_micros(day * MICROS_PER_DAY)),
            (3, Datum::string(format!("name {number:08}"))),
        ]);
        let mut upper = HashMap::from([
            (1, Datum::long(last)),
            (2, Datum::timestamptz_micros((day + 1) * MICROS_PER_DAY - 1)),
            (3, Datum::string(format!("name {number:08} z"))),
        ]);
        let doubles = 4..4 + self.columns as i32;
        for id in doubles.clone() {
            lower.insert(id, Datum::double(f64::from(id)));
            upper.insert(id, Datum::double(f64::from(id) + number as f64));
        }
        let all = || 1..4 + self.columns as i32;
        let date = chrono::DateTime::from_timestamp_micros(day * MICROS_PER_DAY);
        let date = date.unwrap_or_default().format("%Y-%m-%d");
        DataFileBuilder::default()
            .content(DataContentType::Data)
            .file_path(format!(
                "{LOCATION}/data/ts_day={date}/{number:08}-f3a1c0de-0000-4000-8000-00000000.parquet"
            ))
            .file_format(DataFileFormat::Parquet)
            .partition(Struct::from_iter([Some(Literal::date(day as i32))]))
            .record_count(ROWS_PER_FILE)
            .file_size_in_bytes(1 << 20)
            .column_sizes(all().map(|id| (id, 100_000)).collect())
            .value_counts(all().map(|id| (id, ROWS_PER_FILE)).collect())
            .null_value_counts(all().map(|id| (id, 0)).collect())
            .nan_value_counts(doubles.map(|id| (id, 0)).collect())
            .lower_bounds(lower)
            .upper_bounds(upper)
            .split_offsets(Some(vec![4]))
            .partition_spec_id(0)
            .build()
            .map_err(|e| Error::new(ErrorKind::Unexpected, e.to_string()))
    }
}
