// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Which Feast type an Arrow column has, and which columns a declared type accepts.

use arrow::datatypes::DataType;
use feast_registry::ValueType;

use crate::ddl::list_of;

/// The Feast type of a column; `None` where Feast has none.
///
/// As Feast's own inference, except that decimals stay decimals and dates are instants (midnight UTC).
pub(crate) fn feast_type(data_type: &DataType) -> Option<ValueType> {
    use DataType::*;
    Some(match data_type {
        Int8 | Int16 | Int32 | UInt8 | UInt16 => ValueType::Int32,
        Int64 | UInt32 | UInt64 => ValueType::Int64,
        Float16 | Float32 => ValueType::Float,
        Float64 => ValueType::Double,
        Boolean => ValueType::Bool,
        Utf8 | LargeUtf8 | Utf8View => ValueType::String,
        Binary | LargeBinary | BinaryView | FixedSizeBinary(_) => ValueType::Bytes,
        Timestamp(..) | Date32 | Date64 => ValueType::UnixTimestamp,
        Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => ValueType::Decimal,
        Map(..) => ValueType::Map,
        Struct(_) => ValueType::Struct,
        Dictionary(_, value) => return feast_type(value),
        RunEndEncoded(_, value) => return feast_type(value.data_type()),
        other => {
            let element = element(other)?;
            return match list_of(feast_type(element)?) {
                Some(list) => Some(list),
                None => Some(ValueType::ValueList),
            };
        }
    })
}

/// The element type of a list.
fn element(data_type: &DataType) -> Option<&DataType> {
    match data_type {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _) => Some(field.data_type()),
        _ => None,
    }
}

/// Whether a feature declared so may come from a column of that type: the same kind of value, and
/// a number that is not narrowed.
pub(crate) fn accepts(declared: ValueType, found: &DataType) -> bool {
    let Some(inferred) = feast_type(found) else {
        return false;
    };
    if declared == inferred || declared == ValueType::Unknown {
        return true;
    }
    if let Some(scalar) = element_of(declared) {
        return match element(found) {
            Some(element) => accepts(scalar, element),
            None => false,
        };
    }
    match declared {
        ValueType::Int64 => inferred == ValueType::Int32,
        ValueType::Double => matches!(
            inferred,
            ValueType::Int32 | ValueType::Int64 | ValueType::Float | ValueType::Decimal
        ),
        ValueType::Decimal => matches!(
            inferred,
            ValueType::Int32 | ValueType::Int64 | ValueType::String
        ),
        ValueType::Json | ValueType::TimeUuid => inferred == ValueType::String,
        ValueType::Uuid => inferred == ValueType::String || *found == DataType::FixedSizeBinary(16),
        ValueType::PdfBytes | ValueType::ImageBytes => inferred == ValueType::Bytes,
        ValueType::ZonedTimestamp => inferred == ValueType::UnixTimestamp,
        ValueType::ScalarMap => inferred == ValueType::Map,
        ValueType::ValueSet => inferred == ValueType::ValueList,
        _ => false,
    }
}

/// Sets, each with the type of its elements.
const SETS: [(ValueType, ValueType); 11] = [
    (ValueType::BytesSet, ValueType::Bytes),
    (ValueType::StringSet, ValueType::String),
    (ValueType::Int32Set, ValueType::Int32),
    (ValueType::Int64Set, ValueType::Int64),
    (ValueType::DoubleSet, ValueType::Double),
    (ValueType::FloatSet, ValueType::Float),
    (ValueType::BoolSet, ValueType::Bool),
    (ValueType::UnixTimestampSet, ValueType::UnixTimestamp),
    (ValueType::UuidSet, ValueType::Uuid),
    (ValueType::TimeUuidSet, ValueType::TimeUuid),
    (ValueType::DecimalSet, ValueType::Decimal),
];

/// Whether the type is a set of scalars.
pub(crate) fn is_set(value_type: ValueType) -> bool {
    SETS.iter().any(|(set, _)| *set == value_type)
}

/// The scalar of which the type is a list or a set.
pub(crate) fn element_of(value_type: ValueType) -> Option<ValueType> {
    let set = SETS.iter().find(|(set, _)| *set == value_type);
    set.map(|(_, element)| *element).or_else(|| {
        let mut scalars = ValueType::ALL.iter().copied();
        scalars.find(|scalar| list_of(*scalar) == Some(value_type))
    })
}

/// What a join key may be; keys of one class can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyClass {
    /// Any integer; the narrower side widens.
    Integer,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// A timestamp or a date.
    Instant,
    /// A decimal.
    Decimal,
    /// A UUID as text or as 16 bytes.
    Uuid,
}

/// The types that may be join keys, for messages.
pub(crate) const KEY_TYPES: &str =
    "an integer, string, binary, date, timestamp, decimal or UUID type";

/// The class of a key column; `None` where the type cannot be a key: floats, booleans, nested types.
pub(crate) fn key_class(data_type: &DataType) -> Option<KeyClass> {
    declared_key_class(feast_type(data_type)?)
}

/// The class of a declared key type; `None` where it cannot be a key.
pub(crate) fn declared_key_class(value_type: ValueType) -> Option<KeyClass> {
    Some(match value_type {
        ValueType::Int32 | ValueType::Int64 => KeyClass::Integer,
        ValueType::String => KeyClass::Text,
        ValueType::Bytes => KeyClass::Bytes,
        ValueType::UnixTimestamp | ValueType::ZonedTimestamp => KeyClass::Instant,
        ValueType::Decimal => KeyClass::Decimal,
        ValueType::Uuid | ValueType::TimeUuid => KeyClass::Uuid,
        _ => return None,
    })
}

/// Whether a key declared so may come from a column of that type.
pub(crate) fn key_accepts(declared: ValueType, found: &DataType) -> bool {
    let (Some(declared_class), Some(found_class)) =
        (declared_key_class(declared), key_class(found))
    else {
        return declared == ValueType::Unknown;
    };
    declared_class == found_class
        || declared_class == KeyClass::Uuid
            && (found_class == KeyClass::Text || *found == DataType::FixedSizeBinary(16))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{Field, TimeUnit};

    use super::*;

    fn list(element: DataType) -> DataType {
        DataType::List(Arc::new(Field::new("item", element, true)))
    }

    #[test]
    fn types_are_inferred_as_feast_does() {
        for (data_type, expected) in [
            (DataType::Int16, Some(ValueType::Int32)),
            (DataType::UInt32, Some(ValueType::Int64)),
            (DataType::Utf8View, Some(ValueType::String)),
            (DataType::LargeBinary, Some(ValueType::Bytes)),
            (
                DataType::Timestamp(TimeUnit::Nanosecond, None),
                Some(ValueType::UnixTimestamp),
            ),
            (list(DataType::Float64), Some(ValueType::DoubleList)),
            (list(list(DataType::Int64)), Some(ValueType::ValueList)),
            (DataType::Time32(TimeUnit::Second), None),
            (list(DataType::Null), None),
            (
                DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8)),
                Some(ValueType::String),
            ),
        ] {
            assert_eq!(feast_type(&data_type), expected, "{data_type}");
        }
    }

    #[test]
    fn declared_types_widen_and_never_narrow() {
        assert!(accepts(ValueType::Int64, &DataType::Int32));
        assert!(!accepts(ValueType::Int32, &DataType::Int64));
        assert!(accepts(ValueType::Double, &DataType::Float32));
        assert!(!accepts(ValueType::Float, &DataType::Float64));
        assert!(!accepts(ValueType::String, &DataType::Int64));
        assert!(accepts(ValueType::Int64List, &list(DataType::Int32)));
        assert!(accepts(ValueType::StringSet, &list(DataType::Utf8)));
        assert!(!accepts(ValueType::StringSet, &DataType::Utf8));
        assert!(accepts(ValueType::Uuid, &DataType::FixedSizeBinary(16)));
    }

    #[test]
    fn keys_compare_within_their_class() {
        assert!(key_accepts(ValueType::Int32, &DataType::Int64));
        assert!(!key_accepts(ValueType::Int64, &DataType::Utf8));
        assert!(key_accepts(ValueType::Uuid, &DataType::Utf8));
        assert!(key_accepts(ValueType::Unknown, &DataType::Utf8));
        for refused in [DataType::Float64, DataType::Boolean, list(DataType::Int64)] {
            assert_eq!(key_class(&refused), None);
        }
    }
}
