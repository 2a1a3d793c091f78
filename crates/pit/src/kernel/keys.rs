// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Keys of both sides in one comparable form.

use arrow::array::{Array, ArrayRef, AsArray};
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
    /// Anything else, compared as row-encoded bytes of these types.
    Bytes {
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
        rows: Rows,
        hashes: Vec<u64>,
        nulls: Option<NullBuffer>,
    },
}

impl KeyEncoder {
    pub(crate) fn try_new(types: &[DataType]) -> Result<Self> {
        Ok(match types {
            [] => Self::Entityless,
            [DataType::Int64] => Self::Integer,
            _ => Self::Bytes {
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
                let nulls = column.nulls().filter(|n| n.null_count() > 0).cloned();
                Ok(Keys::Integer {
                    values: column.values().clone(),
                    nulls,
                })
            }
            Self::Bytes { types, converter } => {
                let mut nulls = None;
                let mut cast_columns = Vec::with_capacity(columns.len());
                for (column, data_type) in columns.iter().zip(types) {
                    let column = cast(column, data_type)?;
                    nulls = NullBuffer::union(nulls.as_ref(), column.logical_nulls().as_ref());
                    cast_columns.push(column);
                }
                let rows = converter.convert_columns(&cast_columns)?;
                let hashes = rows.iter().map(|row| hash_bytes(row.data())).collect();
                Ok(Keys::Bytes {
                    rows,
                    hashes,
                    nulls: nulls.filter(|n| n.null_count() > 0),
                })
            }
        }
    }
}

impl Keys {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Entityless { rows } => *rows,
            Self::Integer { values, .. } => values.len(),
            Self::Bytes { rows, .. } => rows.num_rows(),
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
            Self::Bytes { rows, .. } => Some(rows.row(row).data()),
            _ => None,
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
