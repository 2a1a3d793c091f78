// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Every type of Feast beside its Arrow and Iceberg types: `feast_value_types`.

use std::sync::{Arc, LazyLock};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Fields, SchemaRef, TimeUnit};
use datafusion::common::Result;
use feast_registry::ValueType;
use iceberg::arrow::type_to_arrow_type;
use iceberg::spec::{ListType, MapType, NestedField, PrimitiveType, StructType, Type};

use super::columns::ColumnType::{Bool, OptionalText, Text, Texts};
use super::columns::{bools, lists, optional_texts, schema, texts};
use super::value_types::{accepts, declared_key_class, element_of};
use crate::ddl::sql_type_name;

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema(&[
        ("value_type", Text),
        ("sql_type", Text),
        ("arrow_type", OptionalText),
        ("iceberg_type", OptionalText),
        ("from_arrow", Texts),
        ("from_iceberg", Texts),
        ("join_key", Bool),
    ])
});

/// The columns of the result: Feast's name, SQL's, the Arrow and the Iceberg type of a column made for
/// it (NULL where a column of its own type is needed), the Arrow and Iceberg types whose columns it
/// takes (of a list, those of its elements), and whether it can be a join key.
pub(super) fn result_schema() -> SchemaRef {
    SchemaRef::clone(&SCHEMA)
}

/// The Arrow type of a column made for the type. `None`: it depends on the value (a struct's fields), or
/// there is no such value.
pub(crate) fn arrow_type(value_type: ValueType) -> Option<DataType> {
    use ValueType::*;
    Some(match value_type {
        Bytes | PdfBytes | ImageBytes => DataType::Binary,
        // As in Feast, text: a decimal of any precision, a UUID in its usual form.
        String | Json | Uuid | TimeUuid | Decimal => DataType::Utf8,
        Int32 => DataType::Int32,
        Int64 => DataType::Int64,
        Double => DataType::Float64,
        Float => DataType::Float32,
        Bool => DataType::Boolean,
        UnixTimestamp | ZonedTimestamp => {
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
        }
        Map | ScalarMap => text_map(),
        ValueList | ValueSet => list(list(DataType::Utf8)),
        other => list(arrow_type(element_of(other)?)?),
    })
}

fn list(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(element, true)))
}

fn text_map() -> DataType {
    let entries = Fields::from(vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("value", DataType::Utf8, true),
    ]);
    DataType::Map(
        Arc::new(Field::new("entries", DataType::Struct(entries), false)),
        false,
    )
}

/// The Iceberg type of a column made for the type, as Iceberg's specification writes it.
pub(crate) fn iceberg_type(value_type: ValueType) -> Option<String> {
    arrow_type(value_type).map(|data_type| written(&data_type))
}

fn written(data_type: &DataType) -> String {
    match data_type {
        DataType::Binary => "binary".to_owned(),
        DataType::Utf8 => "string".to_owned(),
        DataType::Int32 => "int".to_owned(),
        DataType::Int64 => "long".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Float32 => "float".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Timestamp(..) => "timestamptz".to_owned(),
        DataType::List(element) => format!("list<{}>", written(element.data_type())),
        // Of texts, see above.
        _ => "map<string, string>".to_owned(),
    }
}

/// The Arrow types that a source's column may have, apart from lists.
fn arrow_types() -> Vec<DataType> {
    use DataType::*;
    let struct_of = Struct(Fields::from(vec![Field::new("a", Int64, true)]));
    let mut types = vec![
        Boolean,
        Int8,
        Int16,
        Int32,
        Int64,
        UInt8,
        UInt16,
        UInt32,
        UInt64,
        Float16,
        Float32,
        Float64,
        Utf8,
        LargeUtf8,
        Utf8View,
        Binary,
        LargeBinary,
        BinaryView,
        Date32,
        Date64,
    ];
    types.extend([
        FixedSizeBinary(16),
        Timestamp(TimeUnit::Microsecond, None),
        Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Decimal128(38, 9),
        text_map(),
        struct_of,
        list(list(Int64)),
    ]);
    types
}

/// An Arrow type without the parts that do not matter here.
fn called(data_type: &DataType) -> String {
    match data_type {
        DataType::Timestamp(_, Some(_)) => "Timestamp with zone".to_owned(),
        DataType::Timestamp(..) => "Timestamp".to_owned(),
        DataType::Decimal128(..) => "Decimal".to_owned(),
        DataType::Map(..) => "Map".to_owned(),
        DataType::Struct(_) => "Struct".to_owned(),
        DataType::List(_) => "List of lists".to_owned(),
        DataType::FixedSizeBinary(width) => format!("FixedSizeBinary({width})"),
        other => other.to_string(),
    }
}

/// Iceberg's types, apart from lists.
fn iceberg_types() -> Vec<Type> {
    use PrimitiveType::*;
    let primitive = [
        Boolean,
        Int,
        Long,
        Float,
        Double,
        Date,
        Time,
        Timestamp,
        Timestamptz,
        TimestampNs,
        TimestamptzNs,
        String,
        Uuid,
        Binary,
    ];
    let mut types: Vec<Type> = primitive.into_iter().map(Type::Primitive).collect();
    types.push(Type::Primitive(Fixed(16)));
    types.push(Type::Primitive(Decimal {
        precision: 38,
        scale: 9,
    }));
    types.extend(nested_types());
    types
}

/// A map of texts, a struct and a list of lists.
fn nested_types() -> [Type; 3] {
    let (text, long) = (
        || Type::Primitive(PrimitiveType::String),
        || Type::Primitive(PrimitiveType::Long),
    );
    let list = |element| {
        Type::List(ListType {
            element_field: NestedField::list_element(1, element, false).into(),
        })
    };
    let map = MapType {
        key_field: NestedField::map_key_element(2, text()).into(),
        value_field: NestedField::map_value_element(3, text(), false).into(),
    };
    let field = NestedField::optional(4, "a", long());
    let struct_of = StructType::new(vec![field.into()]);
    [Type::Map(map), Type::Struct(struct_of), list(list(long()))]
}

fn iceberg_called(iceberg: &Type) -> String {
    match iceberg {
        Type::Primitive(PrimitiveType::Decimal { .. }) => "decimal".to_owned(),
        Type::Map(_) => "map".to_owned(),
        Type::Struct(_) => "struct".to_owned(),
        Type::List(_) => "list of lists".to_owned(),
        other => other.to_string(),
    }
}

/// Iceberg's type as the table hands it out, inside of a list if asked for.
fn read(iceberg: &Type, in_list: bool) -> Result<DataType> {
    let wanted = match in_list {
        false => iceberg.clone(),
        true => Type::List(ListType {
            element_field: NestedField::list_element(1, iceberg.clone(), false).into(),
        }),
    };
    type_to_arrow_type(&wanted)
        .map_err(|error| datafusion::common::DataFusionError::External(Box::new(error)))
}

/// A row a type of Feast.
pub(super) fn rows() -> Result<RecordBatch> {
    let all = ValueType::ALL;
    let mut from_iceberg = Vec::with_capacity(all.len());
    for &value_type in all {
        let in_list = element_of(value_type).is_some();
        let mut taken = Vec::new();
        for iceberg in iceberg_types() {
            if takes(value_type, &read(&iceberg, in_list)?) {
                taken.push(iceberg_called(&iceberg));
            }
        }
        from_iceberg.push(taken);
    }
    let from_arrow = |value_type: ValueType| -> Vec<String> {
        let in_list = element_of(value_type).is_some();
        let of = |data_type: &DataType| match in_list {
            true => list(data_type.clone()),
            false => data_type.clone(),
        };
        let types = arrow_types();
        let taken = types
            .iter()
            .filter(|data_type| takes(value_type, &of(data_type)));
        taken.map(called).collect()
    };
    let types = || all.iter().copied();
    let columns = vec![
        texts(types().map(|it| it.name().to_owned())),
        texts(types().map(sql_type_name)),
        optional_texts(types().map(|it| arrow_type(it).map(|data_type| data_type.to_string()))),
        optional_texts(types().map(iceberg_type)),
        lists(types().map(from_arrow)),
        lists(from_iceberg),
        bools(types().map(|it| declared_key_class(it).is_some())),
    ];
    Ok(RecordBatch::try_new(result_schema(), columns)?)
}

/// Whether a feature of the type may come from a column of the other; that of an unknown type would
/// come from any.
fn takes(value_type: ValueType, data_type: &DataType) -> bool {
    value_type != ValueType::Unknown && accepts(value_type, data_type)
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Schema;
    use feast_iceberg::without_field_ids;
    use iceberg::arrow::arrow_schema_to_schema_auto_assign_ids;

    use super::*;
    use crate::ops::value_types::feast_type;

    /// Feast to Arrow to Iceberg and back: a column made for a type holds it again.
    #[test]
    fn every_type_survives_the_way_to_iceberg_and_back() {
        let mut without = Vec::new();
        for &value_type in ValueType::ALL {
            let Some(made) = arrow_type(value_type) else {
                without.push(value_type);
                continue;
            };
            assert!(accepts(value_type, &made), "{value_type}: {made}");
            let column = Field::new("f", made.clone(), true);
            let table = arrow_schema_to_schema_auto_assign_ids(&Schema::new(vec![column])).unwrap();
            let iceberg = table.field_by_name("f").unwrap().field_type.as_ref();
            let text = iceberg_type(value_type).unwrap();
            assert_eq!(shown(iceberg), text, "{value_type}");
            let back = without_field_ids(&type_to_arrow_type(iceberg).unwrap());
            assert!(
                accepts(value_type, &back),
                "{value_type}: {text} reads as {back}"
            );
            assert_eq!(feast_type(&back), feast_type(&made), "{value_type}");
        }
        use ValueType::*;
        assert_eq!(without, [Unknown, Null, Struct, StructList]);
    }

    /// Arrow to Feast: what is inferred for a column takes that column.
    #[test]
    fn the_inferred_type_takes_its_column() {
        for data_type in arrow_types() {
            for data_type in [list(data_type.clone()), data_type] {
                let inferred = feast_type(&data_type).unwrap();
                assert!(accepts(inferred, &data_type), "{data_type}: {inferred}");
            }
        }
    }

    /// Iceberg to Feast: every type but the time of day is one of Feast's.
    #[test]
    fn every_iceberg_type_is_one_of_feasts() {
        for iceberg in iceberg_types() {
            for in_list in [false, true] {
                let data_type = read(&iceberg, in_list).unwrap();
                let known = feast_type(&data_type).is_some();
                let time = iceberg == Type::Primitive(PrimitiveType::Time);
                assert_eq!(known, !time, "{iceberg}");
            }
        }
    }

    #[test]
    fn the_list_has_every_type() {
        let rows = rows().unwrap();
        assert_eq!(rows.num_rows(), ValueType::ALL.len());
    }

    fn shown(iceberg: &Type) -> String {
        match iceberg {
            Type::List(inner) => format!("list<{}>", shown(&inner.element_field.field_type)),
            Type::Map(inner) => format!(
                "map<{}, {}>",
                shown(&inner.key_field.field_type),
                shown(&inner.value_field.field_type)
            ),
            other => other.to_string(),
        }
    }
}
