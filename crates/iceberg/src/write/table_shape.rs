// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a table to be made looks like.

use std::collections::BTreeMap;

use iceberg::TableCreation;
use iceberg::spec::{
    FormatVersion, Schema as IcebergSchema, SortOrder, TableMetadata, TableMetadataBuilder,
    UnboundPartitionSpec,
};

use super::properties::{Properties, invalid};
use crate::error::{Error, ErrorKind, Result};

/// The property that is the format's version and no property of the table.
const FORMAT_VERSION: &str = "format-version";

/// A table but for its name and place.
#[derive(Debug, Clone)]
pub(super) struct TableShape {
    pub(super) schema: IcebergSchema,
    pub(super) spec: UnboundPartitionSpec,
    pub(super) order: SortOrder,
    pub(super) properties: BTreeMap<String, String>,
    pub(super) version: FormatVersion,
}

impl TableShape {
    /// What the catalog is asked for.
    pub(super) fn creation(&self, name: &str) -> TableCreation {
        TableCreation::builder()
            .name(name.to_string())
            .schema(self.schema.clone())
            .partition_spec(self.spec.clone())
            .sort_order(self.order.clone())
            .properties(self.properties.clone())
            .format_version(self.version)
            .build()
    }

    /// The metadata as far as it is known before the table has a place.
    pub(super) fn metadata(&self) -> Result<TableMetadata> {
        let mut creation = self.creation("table");
        creation.location = Some("memory:/table".to_string());
        let built = TableMetadataBuilder::from_table_creation(creation)?.build()?;
        Ok(built.metadata)
    }
}

/// Takes the version out of a table's properties.
pub(super) fn take_version(properties: &mut BTreeMap<String, String>) -> Result<FormatVersion> {
    let Some(text) = properties.remove(FORMAT_VERSION) else {
        return Ok(FormatVersion::V2);
    };
    match text.trim() {
        "1" => Ok(FormatVersion::V1),
        "2" => Ok(FormatVersion::V2),
        "3" => Ok(FormatVersion::V3),
        _ => Err(invalid(FORMAT_VERSION, &text, "1, 2 or 3")),
    }
}

/// Fails for properties that a table cannot have or that say something about writing which cannot
/// be followed.
pub(super) fn check_properties(properties: &BTreeMap<String, String>) -> Result<()> {
    use iceberg::spec::TableProperties;
    for reserved in TableProperties::RESERVED_PROPERTIES {
        if properties.contains_key(reserved) {
            let text = format!("its property {reserved} is the catalog's own: leave it out");
            return Err(Error::new(ErrorKind::Invalid, text));
        }
    }
    let all = properties.clone().into_iter().collect();
    Properties::try_new(&all).map(drop)
}
