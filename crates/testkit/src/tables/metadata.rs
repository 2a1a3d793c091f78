// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Table metadata as JSON, and the finished table.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::maker::{MAIN, Snapshot, TableMaker};
use super::spec::PartitionSpec;

/// A table with all its files.
#[derive(Debug, Clone)]
pub struct MadeTable {
    /// The table, which knows its rows.
    pub table: TableMaker,
    /// Where the metadata file is.
    pub metadata: String,
    /// Every file by its location.
    pub files: BTreeMap<String, Bytes>,
}

impl TableMaker {
    /// Writes the metadata file.
    pub fn finish(&self) -> MadeTable {
        let json = self.metadata_json();
        let metadata = format!(
            "{}/metadata/v{}.metadata.json",
            self.location,
            self.names + 1
        );
        let mut files = self.files.clone();
        files.insert(metadata.clone(), json.to_string().into());
        MadeTable {
            table: self.clone(),
            metadata,
            files,
        }
    }

    /// The table's metadata.
    pub fn metadata_json(&self) -> Json {
        let schemas: Json = self.schemas.iter().map(|schema| schema.json()).collect();
        let specs: Json = self.specs.iter().map(|spec| spec.json()).collect();
        let snapshots: Json = self
            .snapshots
            .iter()
            .map(|s| self.snapshot_json(s))
            .collect();
        let log = self.log.iter();
        let log = log.map(|(time, id)| json!({"timestamp-ms": time, "snapshot-id": id}));
        let mut json = json!({
            "format-version": self.version,
            "table-uuid": self.uuid(),
            "location": self.location,
            "last-updated-ms": self.clock,
            "last-column-id": self.last_column_id,
            "schemas": schemas,
            "current-schema-id": self.schema_id,
            "partition-specs": specs,
            "default-spec-id": self.spec_id,
            "last-partition-id": self.new_partition_id() - 1,
            "properties": self.properties,
            "current-snapshot-id": self.refs.get(MAIN).map_or(-1, |main| main.snapshot_id),
            "snapshots": snapshots,
            "snapshot-log": log.collect::<Vec<_>>(),
            "metadata-log": [],
            "sort-orders": [{"order-id": 0, "fields": []}],
            "default-sort-order-id": 0,
        });
        if self.version == 1 {
            json["schema"] = self.current_schema().json();
            json["partition-spec"] = self.current_spec().fields_json();
        } else {
            json["last-sequence-number"] = json!(self.sequence);
        }
        let refs = self.refs.iter().map(|(name, reference)| {
            let kind = if reference.is_branch { "branch" } else { "tag" };
            (
                name.clone(),
                json!({"snapshot-id": reference.snapshot_id, "type": kind}),
            )
        });
        json["refs"] = Json::Object(refs.collect());
        if self.version > 2 {
            json["next-row-id"] = json!(self.next_row_id);
        }
        json
    }

    /// Each location has a table of its own.
    fn uuid(&self) -> String {
        let hash = super::single::murmur3(self.location.as_bytes());
        format!("{hash:08x}-0000-4000-8000-00000000f00d")
    }

    fn snapshot_json(&self, snapshot: &Snapshot) -> Json {
        let mut json = json!({
            "snapshot-id": snapshot.id,
            "timestamp-ms": snapshot.time,
            "manifest-list": snapshot.list,
            "schema-id": snapshot.schema_id,
            "summary": {"operation": snapshot.operation},
        });
        if let Some(parent) = snapshot.parent {
            json["parent-snapshot-id"] = json!(parent);
        }
        if self.version > 1 {
            json["sequence-number"] = json!(snapshot.sequence);
        }
        if let Some((first, rows)) = snapshot.row_range {
            json["first-row-id"] = json!(first);
            json["added-rows"] = json!(rows);
        }
        json
    }

    /// A mapping of the current columns' names to their ids, for files without ids.
    pub fn name_mapping(&self) -> Json {
        fn mapped(field: &super::types::Field) -> Json {
            let mut json = json!({"field-id": field.id, "names": [field.name]});
            let below = field.children();
            if !below.is_empty() {
                json["fields"] = below.into_iter().map(mapped).collect();
            }
            json
        }
        self.current_schema().fields.iter().map(mapped).collect()
    }
}

impl MadeTable {
    /// Compresses the metadata file and names it so.
    ///
    /// # Errors
    ///
    /// When it cannot be compressed.
    pub fn compress_metadata(&mut self) -> io::Result<()> {
        if let Some(json) = self.files.remove(&self.metadata) {
            self.metadata = self.metadata.replace(".metadata.json", ".gz.metadata.json");
            let compressed = crate::relocate::gzip(&json)?;
            self.files.insert(self.metadata.clone(), compressed.into());
        }
        Ok(())
    }

    /// Writes every file whose location is a path or begins with `file:`.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    pub fn write(&self) -> io::Result<()> {
        for (location, bytes) in &self.files {
            let path = location.strip_prefix("file:").unwrap_or(location);
            let path = Path::new("/").join(path.trim_start_matches('/'));
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(path, bytes)?;
        }
        Ok(())
    }
}

/// A spec without fields.
pub fn unpartitioned() -> PartitionSpec {
    PartitionSpec {
        id: 0,
        fields: Vec::new(),
    }
}
