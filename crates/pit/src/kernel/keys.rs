// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Keys of both sides in one comparable form.
//!
//! ```text
//!   no column                 one key for all rows
//!   one integer               the 64 bits are the key
//!   one string or binary      the value's own bytes, and a hash of them
//!   anything else             row-encoded bytes, and a hash of them
//! ```

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BinaryViewArray, LargeBinaryArray};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use arrow::row::{RowConverter, Rows, SortField};
use datafusion::common::Result;

/// How the key columns of one key set are compared.
#[derive(Debug)]
pub(crate) enum KeyEncoder {
    /// No key columns: every row has the same key.
    Entityless,
    /// One integer column, compared as 64 bits.
    Integer,
    /// One column of strings or bytes, compared as it is.
    Text(DataType),
    /// Anything else, compared as row-encoded bytes of these types.
    Encoded {
        types: Vec<DataType>,
        converter: RowConverter,
    },
}

/// The keys of one batch.
#[derive(Debug)]
pub(crate) enum Keys {
    Entityless {
        rows: usize,
    },
    Integer {
        values: ScalarBuffer<i64>,
        nulls: Option<NullBuffer>,
    },
    Bytes {
        bytes: KeyBytes,
        hashes: Vec<u64>,
        nulls: Option<NullBuffer>,
    },
}

/// The bytes of keys that are more than 64 bits.
#[derive(Debug)]
pub(crate) enum KeyBytes {
    Encoded(Rows),
    Small(BinaryArray),
    Large(LargeBinaryArray),
    View(BinaryViewArray),
}

impl KeyEncoder {
    pub(crate) fn try_new(types: &[DataType]) -> Result<Self> {
        use DataType::{Binary, BinaryView, LargeBinary, LargeUtf8, Utf8, Utf8View};
        Ok(match types {
            [] => Self::Entityless,
            [DataType::Int64] => Self::Integer,
            [text @ (Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView)] => {
                Self::Text(text.clone())
            }
            _ => Self::Encoded {
                types: types.to_vec(),
                converter: RowConverter::new(types.iter().cloned().map(SortField::new).collect())?,
            },
        })
    }

    pub(crate) fn encode(&self, columns: &[ArrayRef], rows: usize) -> Result<Keys> {
        match self {
            Self::Entityless => Ok(Keys::Entityless { rows }),
            Self::Integer => {
                let column = cast(&columns[0], &DataType::Int64)?;
                let column = column.as_primitive::<Int64Type>();
                Ok(Keys::Integer {
                    values: column.values().clone(),
                    nulls: some_nulls(column.nulls().cloned()),
                })
            }
            Self::Text(data_type) => {
                let column = cast(&columns[0], data_type)?;
                Ok(Keys::of_bytes(
                    KeyBytes::of_text(&column),
                    column.logical_nulls(),
                ))
            }
            Self::Encoded { types, converter } => {
                let mut nulls = None;
                let mut cast_columns = Vec::with_capacity(columns.len());
                for (column, data_type) in columns.iter().zip(types) {
                    let column = crate::key_type::as_key(column, data_type)?;
                    nulls = NullBuffer::union(nulls.as_ref(), column.logical_nulls().as_ref());
                    cast_columns.push(column);
                }
                let rows = converter.convert_columns(&cast_columns)?;
                Ok(Keys::of_bytes(KeyBytes::Encoded(rows), nulls))
            }
        }
    }
}

fn some_nulls(nulls: Option<NullBuffer>) -> Option<NullBuffer> {
    nulls.filter(|n| n.null_count() > 0)
}

impl Keys {
    fn of_bytes(bytes: KeyBytes, nulls: Option<NullBuffer>) -> Self {
        let hashes = (0..bytes.len())
            .map(|row| hash_bytes(bytes.get(row)))
            .collect();
        Self::Bytes {
            bytes,
            hashes,
            nulls: some_nulls(nulls),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Entityless { rows } => *rows,
            Self::Integer { values, .. } => values.len(),
            Self::Bytes { hashes, .. } => hashes.len(),
        }
    }

    /// Whether no part of the row's key is NULL.
    #[inline(always)]
    pub(crate) fn is_valid(&self, row: usize) -> bool {
        match self {
            Self::Entityless { .. } => true,
            Self::Integer { nulls, .. } | Self::Bytes { nulls, .. } => {
                nulls.as_ref().is_none_or(|n| n.is_valid(row))
            }
        }
    }

    /// The 64 bits a key is found by: the key itself for integers, a hash otherwise.
    #[inline(always)]
    pub(crate) fn word(&self, row: usize) -> u64 {
        match self {
            Self::Entityless { .. } => 0,
            Self::Integer { values, .. } => values[row].cast_unsigned(),
            Self::Bytes { hashes, .. } => hashes[row],
        }
    }

    /// The key's bytes, where 64 bits are not the whole key.
    #[inline(always)]
    pub(crate) fn bytes(&self, row: usize) -> Option<&[u8]> {
        match self {
            Self::Bytes { bytes, .. } => Some(bytes.get(row)),
            _ => None,
        }
    }
}

impl KeyBytes {
    /// The values of a column of strings or bytes.
    pub(crate) fn of_text(column: &ArrayRef) -> Self {
        match column.data_type() {
            DataType::Utf8 => Self::Small(column.as_string::<i32>().clone().into()),
            DataType::LargeUtf8 => Self::Large(column.as_string::<i64>().clone().into()),
            DataType::Utf8View => Self::View(column.as_string_view().clone().to_binary_view()),
            DataType::Binary => Self::Small(column.as_binary::<i32>().clone()),
            DataType::LargeBinary => Self::Large(column.as_binary::<i64>().clone()),
            _ => Self::View(column.as_binary_view().clone()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Encoded(rows) => rows.num_rows(),
            Self::Small(values) => values.len(),
            Self::Large(values) => values.len(),
            Self::View(values) => values.len(),
        }
    }

    #[inline(always)]
    pub(crate) fn get(&self, row: usize) -> &[u8] {
        match self {
            Self::Encoded(rows) => rows.row(row).data(),
            Self::Small(values) => values.value(row),
            Self::Large(values) => values.value(row),
            Self::View(values) => values.value(row),
        }
    }
}

const K: u64 = 0x9E37_79B9_7F4A_7C15;

/// A 64-bit hash of a key's bytes. Equal hashes are told apart by comparing the bytes.
fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut hash = K ^ (bytes.len() as u64);
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        hash = fold(hash ^ u64::from_le_bytes(word));
    }
    let mut word = [0; 8];
    word[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    fold(hash ^ u64::from_le_bytes(word))
}

#[inline(always)]
fn fold(value: u64) -> u64 {
    let wide = u128::from(value ^ 0xA076_1D64_78BD_642F) * u128::from(K);
    (wide as u64) ^ ((wide >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{LargeStringArray, StringArray, StringViewArray};

    use super::*;

    #[test]
    fn strings_of_any_type_have_the_same_bytes_and_hash() {
        let words = vec![Some("a"), None, Some("longer than twelve bytes")];
        let columns: [ArrayRef; 3] = [
            Arc::new(StringArray::from(words.clone())),
            Arc::new(LargeStringArray::from(words.clone())),
            Arc::new(StringViewArray::from(words.clone())),
        ];
        let encoder = KeyEncoder::try_new(&[DataType::Utf8View]).unwrap();
        for column in columns {
            let keys = encoder.encode(&[column], 3).unwrap();
            assert!(keys.is_valid(0) && !keys.is_valid(1) && keys.is_valid(2));
            assert_eq!(keys.bytes(2), words[2].map(str::as_bytes));
            assert_eq!(keys.word(2), hash_bytes(words[2].unwrap().as_bytes()));
        }
    }
}
