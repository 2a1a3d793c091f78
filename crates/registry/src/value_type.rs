// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Feast's value types, by name and number.

use std::fmt;

use crate::error::{Error, Result};

macro_rules! value_types {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal;)*) => {
        /// The type of a feature or a join key, as Feast numbers them.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        #[repr(i32)]
        pub enum ValueType { $($(#[$doc])* $variant = $number,)* }

        impl ValueType {
            /// Every type, by number.
            pub const ALL: &[ValueType] = &[$(ValueType::$variant,)*];

            /// Feast's name of the type, such as `INT64`.
            pub fn name(self) -> &'static str {
                match self { $(ValueType::$variant => $name,)* }
            }
        }

        impl TryFrom<i32> for ValueType {
            type Error = Error;

            fn try_from(number: i32) -> Result<Self> {
                match number {
                    $($number => Ok(ValueType::$variant),)*
                    _ => Err(Error::unsupported(format!(
                        "value type {number} is not one of Feast's that this version knows"
                    ))),
                }
            }
        }
    };
}

value_types! {
    /// Not given, or a type that this library does not know.
    #[default]
    Unknown = 0, "UNKNOWN";
    /// Feast's `BYTES`.
    Bytes = 1, "BYTES";
    /// Feast's `STRING`.
    String = 2, "STRING";
    /// Feast's `INT32`.
    Int32 = 3, "INT32";
    /// Feast's `INT64`.
    Int64 = 4, "INT64";
    /// Feast's `DOUBLE`.
    Double = 5, "DOUBLE";
    /// Feast's `FLOAT`.
    Float = 6, "FLOAT";
    /// Feast's `BOOL`.
    Bool = 7, "BOOL";
    /// An instant.
    UnixTimestamp = 8, "UNIX_TIMESTAMP";
    /// A list of `BYTES`.
    BytesList = 11, "BYTES_LIST";
    /// A list of `STRING`.
    StringList = 12, "STRING_LIST";
    /// A list of `INT32`.
    Int32List = 13, "INT32_LIST";
    /// A list of `INT64`.
    Int64List = 14, "INT64_LIST";
    /// A list of `DOUBLE`.
    DoubleList = 15, "DOUBLE_LIST";
    /// A list of `FLOAT`.
    FloatList = 16, "FLOAT_LIST";
    /// A list of `BOOL`.
    BoolList = 17, "BOOL_LIST";
    /// A list of `UNIX_TIMESTAMP`.
    UnixTimestampList = 18, "UNIX_TIMESTAMP_LIST";
    /// No value.
    Null = 19, "NULL";
    /// A map with text keys.
    Map = 20, "MAP";
    /// A list of `MAP`.
    MapList = 21, "MAP_LIST";
    /// A set of `BYTES`.
    BytesSet = 22, "BYTES_SET";
    /// A set of `STRING`.
    StringSet = 23, "STRING_SET";
    /// A set of `INT32`.
    Int32Set = 24, "INT32_SET";
    /// A set of `INT64`.
    Int64Set = 25, "INT64_SET";
    /// A set of `DOUBLE`.
    DoubleSet = 26, "DOUBLE_SET";
    /// A set of `FLOAT`.
    FloatSet = 27, "FLOAT_SET";
    /// A set of `BOOL`.
    BoolSet = 28, "BOOL_SET";
    /// A set of `UNIX_TIMESTAMP`.
    UnixTimestampSet = 29, "UNIX_TIMESTAMP_SET";
    /// A PDF file.
    PdfBytes = 30, "PDF_BYTES";
    /// A picture.
    ImageBytes = 31, "IMAGE_BYTES";
    /// Feast's `JSON`.
    Json = 32, "JSON";
    /// A list of `JSON`.
    JsonList = 33, "JSON_LIST";
    /// Feast's `STRUCT`.
    Struct = 34, "STRUCT";
    /// A list of `STRUCT`.
    StructList = 35, "STRUCT_LIST";
    /// Feast's `UUID`.
    Uuid = 36, "UUID";
    /// Feast's `TIME_UUID`.
    TimeUuid = 37, "TIME_UUID";
    /// A list of `UUID`.
    UuidList = 38, "UUID_LIST";
    /// A list of `TIME_UUID`.
    TimeUuidList = 39, "TIME_UUID_LIST";
    /// A set of `UUID`.
    UuidSet = 40, "UUID_SET";
    /// A set of `TIME_UUID`.
    TimeUuidSet = 41, "TIME_UUID_SET";
    /// A list of lists.
    ValueList = 42, "VALUE_LIST";
    /// A set of lists.
    ValueSet = 43, "VALUE_SET";
    /// Feast's `DECIMAL`.
    Decimal = 44, "DECIMAL";
    /// A list of `DECIMAL`.
    DecimalList = 45, "DECIMAL_LIST";
    /// A set of `DECIMAL`.
    DecimalSet = 46, "DECIMAL_SET";
    /// A map with keys of any scalar type.
    ScalarMap = 47, "SCALAR_MAP";
    /// An instant with its zone.
    ZonedTimestamp = 48, "ZONED_TIMESTAMP";
}

impl ValueType {
    /// The type of that name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|known| known.name().eq_ignore_ascii_case(name))
    }

    /// Feast's number of the type.
    pub fn number(self) -> i32 {
        self as i32
    }

    /// The type of a number as stored; what this library does not know is [`ValueType::Unknown`].
    pub(crate) fn stored(number: i32) -> Self {
        Self::try_from(number).unwrap_or_default()
    }

    /// Whether Feast allows it as the type of a join key.
    pub fn is_key(self) -> bool {
        matches!(
            self,
            Self::Bytes | Self::String | Self::Int32 | Self::Int64 | Self::UnixTimestamp
        )
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_and_name_round_trips() {
        assert_eq!(ValueType::ALL.len(), 47);
        for &known in ValueType::ALL {
            assert_eq!(ValueType::try_from(known.number()).unwrap(), known);
            assert_eq!(
                ValueType::from_name(&known.name().to_lowercase()),
                Some(known)
            );
        }
        for number in [-1, 9, 10, 49, i32::MAX] {
            assert!(
                ValueType::try_from(number)
                    .unwrap_err()
                    .to_string()
                    .contains("value type")
            );
            assert_eq!(ValueType::stored(number), ValueType::Unknown);
        }
    }
}
