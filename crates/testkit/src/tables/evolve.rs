// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Versions, schemas and partition specs of a table, and how they change.

use std::sync::Arc;

use super::maker::TableMaker;
use super::spec::{PartitionField, PartitionSpec};
use super::types::{Field, Schema};

impl TableMaker {
    /// The format version.
    pub fn version(&self) -> u8 {
        self.version
    }

    /// Raises the format version.
    pub fn upgrade(&mut self, version: u8) {
        self.version = self.version.max(version);
    }

    /// The current schema.
    pub fn current_schema(&self) -> &Schema {
        self.schema(self.schema_id)
    }

    /// The schema of an id; the first one if there is none.
    pub fn schema(&self, id: i32) -> &Schema {
        let found = self.schemas.iter().find(|schema| schema.id == id);
        found.unwrap_or(&self.schemas[0])
    }

    /// Makes columns current, in a schema of their own if there is none like it.
    pub fn set_columns(&mut self, fields: Vec<Field>) {
        let highest = fields.iter().map(highest_id).max().unwrap_or(0);
        self.last_column_id = self.last_column_id.max(highest);
        self.widen_specs(&fields);
        if let Some(known) = self.schemas.iter().find(|schema| schema.fields == fields) {
            self.schema_id = known.id;
            return;
        }
        let id = self
            .schemas
            .iter()
            .map(|schema| schema.id)
            .max()
            .unwrap_or(0)
            + 1;
        self.schemas.push(Schema { id, fields });
        self.schema_id = id;
    }

    /// Partition fields have the types that their columns were promoted to. Manifests that are there keep
    /// those of their time.
    fn widen_specs(&mut self, fields: &[Field]) {
        let now = |f: &PartitionField| fields.iter().find(|column| column.id == f.source_id);
        for spec in &mut self.specs {
            let stale = |f: &PartitionField| now(f).is_some_and(|column| column.ty != f.source);
            if !spec.fields.iter().any(stale) {
                continue;
            }
            for field in &mut Arc::make_mut(spec).fields {
                if let Some(column) = now(field) {
                    field.source = column.ty.clone();
                }
            }
        }
    }

    /// An id for a field that is added.
    pub fn new_column_id(&mut self) -> i32 {
        self.last_column_id += 1;
        self.last_column_id
    }

    /// The spec of an id.
    pub fn spec(&self, id: i32) -> Option<&PartitionSpec> {
        let found = self.specs.iter().find(|spec| spec.id == id);
        found.map(Arc::as_ref)
    }

    /// The spec that new files are written under.
    pub fn current_spec(&self) -> &Arc<PartitionSpec> {
        let found = self.specs.iter().find(|spec| spec.id == self.spec_id);
        found.unwrap_or(&self.specs[0])
    }

    /// Makes a partition spec current.
    pub fn set_spec(&mut self, fields: Vec<PartitionField>) {
        let id = self.specs.iter().map(|spec| spec.id).max().unwrap_or(0) + 1;
        self.specs.push(Arc::new(PartitionSpec { id, fields }));
        self.spec_id = id;
    }

    /// An id for a partition field that is added.
    pub fn new_partition_id(&self) -> i32 {
        let ids = self
            .specs
            .iter()
            .flat_map(|spec| spec.fields.iter().map(|f| f.id));
        ids.max().unwrap_or(999) + 1
    }
}

/// The highest id of a field and those below it.
pub(super) fn highest_id(field: &Field) -> i32 {
    let below = field.children().into_iter().map(highest_id).max();
    below.unwrap_or(0).max(field.id)
}
