// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The types that entity keys may have.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Result, plan_err};
use feast_registry::ValueType;

/// The type of a join key of an online view: what Feast's key bytes can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// Feast's `BYTES`.
    Bytes,
    /// Feast's `STRING`.
    String,
    /// Feast's `INT32`.
    Int32,
    /// Feast's `INT64`.
    Int64,
    /// Feast's `UNIX_TIMESTAMP`: an instant, of which the key bytes have the whole seconds.
    UnixTimestamp,
}

impl KeyType {
    /// The type of join key `key` of `view`: the one declared, else that of its column.
    pub fn try_new(view: &str, key: &str, declared: ValueType, column: &DataType) -> Result<Self> {
        let found = match declared {
            ValueType::Bytes => Some(Self::Bytes),
            ValueType::String => Some(Self::String),
            ValueType::Int32 => Some(Self::Int32),
            ValueType::Int64 => Some(Self::Int64),
            ValueType::UnixTimestamp => Some(Self::UnixTimestamp),
            ValueType::Unknown => Self::of_column(column),
            _ => None,
        };
        let Some(key_type) = found else {
            let found = match declared {
                ValueType::Unknown => column.to_string(),
                declared => declared.name().to_owned(),
            };
            return plan_err!(
                "join key {key} of feature view {view} is {found}, which cannot be a key online: expected a string, bytes, a 32-bit or \
                 64-bit integer or a timestamp; declare the entity's join key as one of them"
            );
        };
        if !key_type.takes(column) {
            return plan_err!(
                "join key {key} of feature view {view} is declared {key_type:?}, but its column is {column}; cast the column, or declare the \
                 entity anew"
            );
        }
        Ok(key_type)
    }

    fn of_column(column: &DataType) -> Option<Self> {
        Some(match column {
            DataType::Dictionary(_, value) => return Self::of_column(value),
            DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::UInt8
            | DataType::UInt16 => Self::Int32,
            DataType::Int64 | DataType::UInt32 | DataType::UInt64 => Self::Int64,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::String,
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => Self::Bytes,
            DataType::Timestamp(_, _) | DataType::Date32 | DataType::Date64 => Self::UnixTimestamp,
            _ => return None,
        })
    }

    /// Whether values of this Arrow type can be cast to the key's type; one that does not fit fails then.
    pub fn takes(self, column: &DataType) -> bool {
        let integer = |key: Self| matches!(key, Self::Int32 | Self::Int64);
        match Self::of_column(column) {
            _ if column.is_null() => true,
            Some(other) => other == self || (integer(other) && integer(self)),
            None => false,
        }
    }

    /// The Arrow type that a table keeps such keys in.
    pub fn arrow(self) -> DataType {
        match self {
            Self::Bytes => DataType::LargeBinary,
            Self::String => DataType::Utf8,
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::UnixTimestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }

    /// Feast's number of the type.
    pub(super) fn number(self) -> u32 {
        match self {
            Self::Bytes => 1,
            Self::String => 2,
            Self::Int32 => 3,
            Self::Int64 => 4,
            Self::UnixTimestamp => 8,
        }
    }
}
