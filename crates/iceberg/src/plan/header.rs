// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What the headers of manifests and manifest lists tell: which version they have, and which schema
//! and partition spec a manifest was written with.

use iceberg::spec::{FormatVersion, ManifestList, ManifestMetadata, PartitionSpec, Schema};

use super::avro::{Container, Header};
use super::entry_columns::ColumnTypes;
use crate::error::{Error, ErrorKind, Result};

/// Reads a manifest list of version 1 in a table of a later version. None when it is none.
pub(crate) fn first_version_list(bytes: &[u8]) -> Result<Option<ManifestList>> {
    match Container::open(bytes) {
        Ok(container) if !has_sequence_numbers(&container.header) => Ok(Some(
            ManifestList::parse_with_version(bytes, FormatVersion::V1)?,
        )),
        _ => Ok(None),
    }
}

/// The id of the partition spec that a manifest was written with, if it says.
pub(super) fn header_spec_id(bytes: &[u8]) -> Result<Option<i32>> {
    let header = Container::open(bytes)?.header;
    let id = header.get(b"partition-spec-id".as_slice());
    Ok(id.and_then(|id| std::str::from_utf8(id).ok()?.parse().ok()))
}

/// The partition spec that a manifest was written with, for a table whose metadata lost it.
pub(super) fn header_spec(bytes: &[u8], spec_id: i32) -> Result<PartitionSpec> {
    let header = Container::open(bytes)?.header.into_iter();
    let header = header.map(|(key, value)| (String::from_utf8_lossy(&key).into_owned(), value));
    match ManifestMetadata::parse(&header.collect()) {
        Ok(written) => Ok(written.partition_spec),
        Err(e) => {
            let message = format!(
                "the table's metadata has no partition spec {spec_id}, nor has the manifest"
            );
            Err(Error::new(ErrorKind::Damaged, message).with_source(e))
        }
    }
}

/// The types of the columns in the schema that a manifest was written with; none if it has no such
/// schema.
pub(super) fn header_types(bytes: &[u8]) -> Result<ColumnTypes> {
    let header = Container::open(bytes)?.header;
    let schema = header.get(b"schema".as_slice());
    let schema = schema.and_then(|schema| serde_json::from_slice::<Schema>(schema).ok());
    let mut types = ColumnTypes::new();
    if let Some(schema) = schema {
        for (id, field) in schema.field_id_to_fields() {
            let primitive = field.field_type.as_primitive_type();
            types.extend(primitive.map(|primitive| (*id, primitive.clone())));
        }
    }
    Ok(types)
}

/// Since version 2 the Avro schemas have sequence numbers.
fn has_sequence_numbers(header: &Header) -> bool {
    const NAME: &[u8] = b"\"sequence_number\"";
    let schema = header.get(b"avro.schema".as_slice());
    schema.is_some_and(|schema| schema.windows(NAME.len()).any(|window| window == NAME))
}
