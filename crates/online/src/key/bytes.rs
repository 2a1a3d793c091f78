// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Entity keys as bytes, in version 3 of Feast's layout.
//!
//! ```text
//!   count │ for each key, by name: 2, length, name │ for each value in the same order: type, length, bytes
//! ```
//!
//! All numbers are 32 bits, little-endian; 2 is Feast's number of the type string.

use arrow::array::{
    Array, ArrayRef, AsArray, Int32Array, Int64Array, LargeBinaryArray, StringArray,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use datafusion::common::{Result, exec_datafusion_err, exec_err};

use super::KeyType;

/// The key that Feast gives to views without entities: one empty string.
const NO_ENTITY: &str = "__dummy_id";

/// Encodes the join keys of rows.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{ArrayRef, Int64Array};
/// use feast_online::{EntityKeyEncoder, KeyType};
///
/// let encoder = EntityKeyEncoder::new(vec![("driver_id".to_owned(), KeyType::Int64)]);
/// let keys: ArrayRef = Arc::new(Int64Array::from(vec![Some(1001), None]));
/// let bytes = encoder.encode(&[keys], 2)?;
/// assert_eq!(bytes[0].as_ref().map(Vec::len), Some(37));
/// assert!(bytes[1].is_none());
/// # Ok::<(), datafusion::error::DataFusionError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EntityKeyEncoder {
    keys: Vec<(String, KeyType)>,
    /// The places of the keys, by their names.
    by_name: Vec<usize>,
    /// What all keys begin with.
    names: Vec<u8>,
}

impl EntityKeyEncoder {
    /// An encoder of columns of these names and types, in this order; without any, all rows have the
    /// key of views without entities.
    pub fn new(keys: Vec<(String, KeyType)>) -> Self {
        let mut by_name: Vec<usize> = (0..keys.len()).collect();
        by_name.sort_by(|a, b| keys[*a].0.cmp(&keys[*b].0));
        let mut sorted: Vec<&str> = by_name.iter().map(|at| keys[*at].0.as_str()).collect();
        if sorted.is_empty() {
            sorted.push(NO_ENTITY);
        }
        let mut names = Vec::new();
        put_length(&mut names, sorted.len());
        for name in sorted {
            put(&mut names, KeyType::String, name.as_bytes());
        }
        if keys.is_empty() {
            put(&mut names, KeyType::String, b"");
        }
        Self {
            keys,
            by_name,
            names,
        }
    }

    /// The bytes of each of `rows` rows, none where a key is NULL. Columns are cast to the declared
    /// types; one that does not fit is an error that names it.
    pub fn encode(&self, columns: &[ArrayRef], rows: usize) -> Result<Vec<Option<Vec<u8>>>> {
        if columns.len() != self.keys.len() {
            return exec_err!(
                "an entity key has {} parts, {} columns were given",
                self.keys.len(),
                columns.len()
            );
        }
        let values = self.keys.iter().zip(columns);
        let values = values
            .map(|((name, key), column)| Values::try_new(name, *key, column))
            .collect::<Result<Vec<_>>>()?;
        Ok((0..rows)
            .map(|row| {
                let mut bytes = self.names.clone();
                for at in &self.by_name {
                    values[*at].put(row, &mut bytes)?;
                }
                Some(bytes)
            })
            .collect())
    }
}

fn put_length(bytes: &mut Vec<u8>, length: usize) {
    // Arrow's arrays of strings end far below 2^32 bytes a value.
    bytes.extend_from_slice(&(length as u32).to_le_bytes());
}

fn put(bytes: &mut Vec<u8>, key: KeyType, value: &[u8]) {
    bytes.extend_from_slice(&key.number().to_le_bytes());
    put_length(bytes, value.len());
    bytes.extend_from_slice(value);
}

/// A column of keys in the declared type.
enum Values {
    Bytes(LargeBinaryArray),
    String(StringArray),
    Int32(Int32Array),
    Int64(Int64Array),
    /// Whole seconds.
    UnixTimestamp(Int64Array),
}

impl Values {
    fn try_new(name: &str, key: KeyType, column: &ArrayRef) -> Result<Self> {
        if !key.takes(column.data_type()) {
            return exec_err!(
                "join key {name} is {key:?}, found a column of type {}; cast it",
                column.data_type()
            );
        }
        let options = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        let cast = cast_with_options(column, &key.arrow(), &options).map_err(|cause| {
            exec_datafusion_err!("join key {name} does not fit {key:?}: {cause}")
        })?;
        Ok(match key {
            KeyType::Bytes => Self::Bytes(cast.as_binary().clone()),
            KeyType::String => Self::String(cast.as_string().clone()),
            KeyType::Int32 => Self::Int32(cast.as_primitive::<Int32Type>().clone()),
            KeyType::Int64 => Self::Int64(cast.as_primitive::<Int64Type>().clone()),
            KeyType::UnixTimestamp => {
                let micros = cast.as_primitive::<TimestampMicrosecondType>();
                Self::UnixTimestamp(micros.unary(|micros| micros.div_euclid(1_000_000)))
            }
        })
    }

    /// Puts the value of a row; none if it is NULL.
    fn put(&self, row: usize, bytes: &mut Vec<u8>) -> Option<()> {
        let null = match self {
            Self::Bytes(array) => array.is_null(row),
            Self::String(array) => array.is_null(row),
            Self::Int32(array) => array.is_null(row),
            Self::Int64(array) | Self::UnixTimestamp(array) => array.is_null(row),
        };
        if null {
            return None;
        }
        match self {
            Self::Bytes(array) => put(bytes, KeyType::Bytes, array.value(row)),
            Self::String(array) => put(bytes, KeyType::String, array.value(row).as_bytes()),
            Self::Int32(array) => put(bytes, KeyType::Int32, &array.value(row).to_le_bytes()),
            Self::Int64(array) => put(bytes, KeyType::Int64, &array.value(row).to_le_bytes()),
            Self::UnixTimestamp(array) => {
                put(
                    bytes,
                    KeyType::UnixTimestamp,
                    &array.value(row).to_le_bytes(),
                );
            }
        }
        Some(())
    }
}
