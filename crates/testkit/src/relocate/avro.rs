// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors
//! Avro files read whole and written back under the header they had.

use std::fs;
use std::io;
use std::path::Path;

use apache_avro::types::Value;
use apache_avro::{Codec, Reader, Schema, Writer, read_marker};

use super::at;

/// An Avro file: the bytes of its header and its records.
pub(super) struct AvroFile {
    header: Vec<u8>,
    schema: Schema,
    codec: Codec,
    marker: [u8; 16],
    /// The records, to be changed in place.
    pub(super) records: Vec<Value>,
}

impl AvroFile {
    /// Reads a whole file.
    pub(super) fn read(file: &Path) -> io::Result<Self> {
        let bytes = fs::read(file).map_err(|e| at(file, e))?;
        if bytes.len() < 32 || !bytes.starts_with(b"Obj\x01") {
            return Err(at(file, "expected an Avro file, found something else"));
        }
        // The header ends with the first sync marker, the file with the last.
        let marker = read_marker(&bytes);
        let start = find(&bytes, &marker).map_or(bytes.len(), |i| i + marker.len());
        let header = bytes[..start].to_vec();
        let reader = Reader::new(bytes.as_slice()).map_err(|e| at(file, e))?;
        let schema = reader.writer_schema().clone();
        let records = reader.collect::<Result<_, _>>().map_err(|e| at(file, e))?;
        let codec = codec(&header).ok_or_else(|| at(file, "expected a known Avro codec"))?;
        Ok(Self {
            header,
            schema,
            codec,
            marker,
            records,
        })
    }

    /// Writes the records back after the old header.
    pub(super) fn write(self, file: &Path) -> io::Result<()> {
        let mut writer =
            Writer::append_to_with_codec(&self.schema, self.header, self.codec, self.marker);
        for record in &self.records {
            writer.append_value_ref(record).map_err(|e| at(file, e))?;
        }
        let bytes = writer.into_inner().map_err(|e| at(file, e))?;
        fs::write(file, bytes).map_err(|e| at(file, e))
    }
}

/// The codec named in a header; a header without one means no compression.
fn codec(header: &[u8]) -> Option<Codec> {
    const KEY: &[u8] = b"avro.codec";
    let Some(position) = find(header, KEY) else {
        return Some(Codec::Null);
    };
    // The value follows as its length, a zigzag varint of one byte, and the name.
    let value = header.get(position + KEY.len()..)?;
    let length = usize::from(*value.first()? / 2);
    std::str::from_utf8(value.get(1..=length)?)
        .ok()?
        .parse()
        .ok()
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes
        .windows(pattern.len())
        .position(|window| window == pattern)
}

/// A field of a record, seen through the union of an optional field.
pub(super) fn field<'a>(record: &'a Value, name: &str) -> Option<&'a Value> {
    let Value::Record(fields) = record else {
        return None;
    };
    match fields.iter().find(|(field, _)| field == name)? {
        (_, Value::Union(_, inner)) => Some(inner),
        (_, value) => Some(value),
    }
}

/// As [`field`], to be changed.
pub(super) fn field_mut<'a>(record: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    let Value::Record(fields) = record else {
        return None;
    };
    match fields.iter_mut().find(|(field, _)| field == name)? {
        (_, Value::Union(_, inner)) => Some(inner),
        (_, value) => Some(value),
    }
}

/// The text of a string field.
pub(super) fn text<'a>(record: &'a Value, name: &str) -> Option<&'a str> {
    match field(record, name)? {
        Value::String(text) => Some(text),
        _ => None,
    }
}
