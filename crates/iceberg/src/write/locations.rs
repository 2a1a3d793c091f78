// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Where a table's new data files go.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::types::Int32Type;
use arrow::array::{ArrayRef, AsArray, StringArray};
use chrono::{DateTime, Datelike, TimeDelta};
use iceberg::spec::{Literal, PartitionSpec, PrimitiveLiteral, Struct, TableMetadata, Transform};
use iceberg::transform::create_transform_function;
use uuid::Uuid;

use super::properties::Properties;
use crate::error::Result;

/// Gives each data file of one write a location of its own.
#[derive(Debug)]
pub(super) struct Locations {
    directory: String,
    /// Spread over many prefixes, for stores that limit the requests to one.
    spread: bool,
    /// Name the partition in the path.
    partitioned_paths: bool,
    write: Uuid,
    files: AtomicU64,
}

impl Locations {
    pub(super) fn try_new(metadata: &TableMetadata, properties: Properties<'_>) -> Result<Self> {
        let boolean = "true or false";
        let spread = properties.value("write.object-storage.enabled", false, boolean)?;
        let mut names = vec!["write.data.path", "write.folder-storage.path"];
        if spread {
            names.insert(1, "write.object-storage.path");
        }
        let given = names.into_iter().find_map(|name| properties.text(name));
        let directory = match given {
            Some(directory) => directory.trim_end_matches('/').to_string(),
            None => format!("{}/data", metadata.location().trim_end_matches('/')),
        };
        let name = "write.object-storage.partitioned-paths";
        let partitioned_paths = properties.value(name, true, boolean)?;
        Ok(Self {
            directory,
            spread,
            partitioned_paths: partitioned_paths || !spread,
            write: Uuid::now_v7(),
            files: AtomicU64::new(0),
        })
    }

    /// The location of the next file of a task, with rows of one partition.
    pub(super) fn next(
        &self,
        task: usize,
        spec: &PartitionSpec,
        partition: &Struct,
    ) -> Result<String> {
        let number = self.files.fetch_add(1, Ordering::Relaxed) + 1;
        let mut name = format!("{task:05}-0-{}-{number:05}.parquet", self.write);
        if self.partitioned_paths && !spec.fields().is_empty() {
            name = format!("{}/{name}", partition_path(spec, partition));
        }
        if self.spread {
            name = format!("{}/{name}", entropy(&name)?);
        }
        Ok(format!("{}/{name}", self.directory))
    }
}

/// Directories from the name's hash, as other Iceberg writers make them.
fn entropy(name: &str) -> Result<String> {
    const BITS: u32 = 20;
    let name: ArrayRef = Arc::new(StringArray::from(vec![name]));
    let hashed = create_transform_function(&Transform::Bucket(1 << BITS))?.transform(name)?;
    let hash = format!("{:020b}", hashed.as_primitive::<Int32Type>().value(0));
    Ok(format!(
        "{}/{}/{}/{}",
        &hash[..4],
        &hash[4..8],
        &hash[8..12],
        &hash[12..]
    ))
}

/// `field=value/…`; nothing reads it back.
fn partition_path(spec: &PartitionSpec, partition: &Struct) -> String {
    let mut path = String::new();
    for (field, value) in spec.fields().iter().zip(partition.iter()) {
        if !path.is_empty() {
            path.push('/');
        }
        let text = match value {
            Some(value) => text(field.transform, value),
            None => "null".to_string(),
        };
        escape(shortened(&field.name), &mut path);
        path.push('=');
        escape(shortened(&text), &mut path);
    }
    path
}

/// A partition's value as people write it, as far as that is easy.
fn text(transform: Transform, value: &Literal) -> String {
    if let Some(text) = time_text(transform, value) {
        return text;
    }
    let Literal::Primitive(value) = value else {
        return "value".to_string();
    };
    match value {
        PrimitiveLiteral::Boolean(value) => value.to_string(),
        PrimitiveLiteral::Int(value) => value.to_string(),
        PrimitiveLiteral::Long(value) => value.to_string(),
        PrimitiveLiteral::Float(value) => value.to_string(),
        PrimitiveLiteral::Double(value) => value.to_string(),
        PrimitiveLiteral::String(value) => value.clone(),
        PrimitiveLiteral::Int128(value) => value.to_string(),
        PrimitiveLiteral::UInt128(value) => Uuid::from_u128(*value).to_string(),
        PrimitiveLiteral::Binary(value) => value.iter().map(|byte| format!("{byte:02x}")).collect(),
        PrimitiveLiteral::AboveMax | PrimitiveLiteral::BelowMin => "value".to_string(),
    }
}

/// A year, month, day or hour as people write it.
fn time_text(transform: Transform, value: &Literal) -> Option<String> {
    let Literal::Primitive(PrimitiveLiteral::Int(value)) = value else {
        return None;
    };
    match transform {
        Transform::Year => Some((1970 + i64::from(*value)).to_string()),
        Transform::Month => {
            let year = 1970 + i64::from(value.div_euclid(12));
            Some(format!("{year:04}-{:02}", value.rem_euclid(12) + 1))
        }
        Transform::Day => {
            let at = DateTime::from_timestamp(i64::from(*value) * 86_400, 0)?;
            Some(at.format("%Y-%m-%d").to_string())
        }
        Transform::Hour => {
            let hour = TimeDelta::try_hours(i64::from(*value))?;
            let at = DateTime::UNIX_EPOCH.checked_add_signed(hour)?;
            let (month, day) = (at.month(), at.day());
            Some(format!(
                "{:04}-{month:02}-{day:02}-{:02}",
                at.year(),
                value.rem_euclid(24)
            ))
        }
        _ => None,
    }
}

/// As much of a text as still makes a file name.
fn shortened(text: &str) -> &str {
    // Twice so many bytes, each escaped, fit into the 255 that file systems allow.
    const BYTES: usize = 40;
    &text[..text.floor_char_boundary(BYTES)]
}

/// Only letters, digits and a few signs stay as they are: a value must not lead out of its
/// directory.
fn escape(text: &str, path: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => {
                path.push(char::from(byte));
            }
            // Writing to a string cannot fail.
            _ => drop(write!(path, "%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_people_do() {
        let text = |transform, value| time_text(transform, &Literal::int(value)).unwrap();
        assert_eq!(text(Transform::Year, -1), "1969");
        assert_eq!(text(Transform::Month, -1), "1969-12");
        assert_eq!(text(Transform::Month, 600), "2020-01");
        assert_eq!(text(Transform::Day, -1), "1969-12-31");
        assert_eq!(text(Transform::Hour, -1), "1969-12-31-23");
    }

    #[test]
    fn a_value_stays_in_its_directory() {
        let mut path = String::new();
        escape("../a b=ü/", &mut path);
        assert_eq!(path, "..%2Fa%20b%3D%C3%BC%2F");
    }

    #[test]
    fn entropy_is_twenty_bits_in_four_directories() {
        let directories = entropy("a.parquet").unwrap();
        let lengths: Vec<_> = directories.split('/').map(str::len).collect();
        assert_eq!(lengths, [4, 4, 4, 8]);
    }
}
