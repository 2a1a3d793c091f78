// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

mod defaults;
mod keys;
mod names;

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, Int32Array, Int64Array, ListArray, RecordBatch,
    StringArray, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields, Int64Type, Schema as ArrowSchema};
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr_adapter::PhysicalExprAdapterFactory;
use iceberg::spec::{
    ListType, Literal, MappedField, NameMapping, NestedField, NestedFieldRef, PrimitiveType,
    Schema, StructType, Type,
};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use super::{FieldIdAdapterFactory, TableColumns};

fn optional(id: i32, name: &str, primitive: PrimitiveType) -> NestedField {
    NestedField::optional(id, name, Type::Primitive(primitive))
}

fn table(fields: Vec<NestedField>) -> Arc<TableColumns> {
    let fields = fields.into_iter().map(NestedFieldRef::new);
    let schema = Arc::new(Schema::builder().with_fields(fields).build().unwrap());
    Arc::new(TableColumns::try_new("ns.t", &schema).unwrap())
}

fn stored(id: Option<i32>, name: &str, data_type: DataType) -> Field {
    let id = id.map(|id| (PARQUET_FIELD_ID_META_KEY.to_string(), id.to_string()));
    Field::new(name, data_type, true).with_metadata(id.into_iter().collect())
}

fn file(columns: Vec<(Field, ArrayRef)>) -> RecordBatch {
    let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), arrays).unwrap()
}

fn read_with(
    columns: &Arc<TableColumns>,
    mapping: Option<NameMapping>,
    file: &RecordBatch,
    name: &str,
) -> Result<ArrayRef> {
    let factory = FieldIdAdapterFactory::new("ns.t".into(), Arc::clone(columns), mapping);
    let adapter = factory.create(Arc::clone(columns.arrow()), file.schema())?;
    let index = columns.index_of(name).unwrap();
    let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(name, index));
    let array = adapter
        .rewrite(column)?
        .evaluate(file)?
        .into_array(file.num_rows())?;
    assert_eq!(array.data_type(), columns.arrow().field(index).data_type());
    Ok(array)
}

fn read(columns: &Arc<TableColumns>, file: &RecordBatch, name: &str) -> ArrayRef {
    read_with(columns, None, file, name).unwrap()
}

fn longs(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

#[test]
fn swapped_renamed_and_readded_columns_are_found_by_id() {
    let columns = table(vec![
        optional(2, "a", PrimitiveType::Long),
        optional(1, "b", PrimitiveType::Long),
        optional(4, "c", PrimitiveType::Long),
    ]);
    let file = file(vec![
        (stored(Some(1), "a", DataType::Int64), longs(&[1, 1])),
        (stored(Some(2), "b", DataType::Int64), longs(&[2, 2])),
        (stored(Some(3), "c", DataType::Int64), longs(&[3, 3])),
    ]);
    assert_eq!(
        read(&columns, &file, "a")
            .as_primitive::<Int64Type>()
            .values(),
        &[2, 2]
    );
    assert_eq!(
        read(&columns, &file, "b")
            .as_primitive::<Int64Type>()
            .values(),
        &[1, 1]
    );
    assert_eq!(
        read(&columns, &file, "c").null_count(),
        2,
        "dropped and added again"
    );
}

#[test]
fn promoted_defaulted_and_missing_columns() {
    let default = optional(2, "d", PrimitiveType::Int).with_initial_default(Literal::int(7));
    let required = NestedField::required(3, "r", Type::Primitive(PrimitiveType::Int));
    let columns = table(vec![
        optional(1, "a", PrimitiveType::Long),
        default,
        required,
    ]);
    let ints: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let file = file(vec![(stored(Some(1), "a", DataType::Int32), ints)]);
    assert_eq!(
        read(&columns, &file, "a")
            .as_primitive::<Int64Type>()
            .values(),
        &[1, 2]
    );
    let default = read(&columns, &file, "d");
    assert_eq!(
        default.as_ref(),
        &Int32Array::from(vec![7, 7]) as &dyn Array
    );
    let error = read_with(&columns, None, &file, "r")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("column r is required") && error.contains("ns.t"),
        "{error}"
    );
}

#[test]
fn a_change_of_type_that_is_none_is_refused() {
    let columns = table(vec![optional(1, "a", PrimitiveType::Long)]);
    let text: ArrayRef = Arc::new(StringArray::from(vec!["1"]));
    let file = file(vec![(stored(Some(1), "a", DataType::Utf8), text)]);
    let error = read_with(&columns, None, &file, "a")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("Int64 in the table and Utf8 in the data file"),
        "{error}"
    );
}

#[test]
fn unannotated_strings_are_strings() {
    let columns = table(vec![optional(1, "a", PrimitiveType::String)]);
    let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![b"x".as_slice()]));
    let file = file(vec![(stored(Some(1), "z", DataType::Binary), bytes)]);
    assert_eq!(read(&columns, &file, "a").as_string::<i32>().value(0), "x");
}

#[test]
fn files_without_ids_go_by_mapping_else_by_position() {
    let columns = table(vec![
        optional(1, "a", PrimitiveType::Long),
        optional(2, "b", PrimitiveType::Long),
    ]);
    let file = file(vec![
        (stored(None, "old_b", DataType::Int64), longs(&[2])),
        (stored(None, "old_a", DataType::Int64), longs(&[1])),
    ]);
    assert_eq!(
        read(&columns, &file, "a")
            .as_primitive::<Int64Type>()
            .values(),
        &[2]
    );
    let mapping = NameMapping::new(vec![
        MappedField::new(Some(1), vec!["a".into(), "old_a".into()], vec![]),
        MappedField::new(Some(2), vec!["b".into()], vec![]),
    ]);
    let mapped = |name| read_with(&columns, Some(mapping.clone()), &file, name).unwrap();
    assert_eq!(mapped("a").as_primitive::<Int64Type>().values(), &[1]);
    assert_eq!(mapped("b").null_count(), 1);
}

#[test]
fn nested_columns_are_read_by_id_at_every_depth() {
    let inner = StructType::new(vec![
        Arc::new(optional(5, "y", PrimitiveType::Long)),
        Arc::new(optional(4, "x", PrimitiveType::Long)),
        Arc::new(optional(6, "new", PrimitiveType::Int).with_initial_default(Literal::int(9))),
    ]);
    let element = NestedField::list_element(3, Type::Struct(inner), false);
    let list = Type::List(ListType {
        element_field: Arc::new(element),
    });
    let columns = table(vec![NestedField::optional(2, "l", list)]);
    let children = Fields::from(vec![
        stored(Some(4), "y", DataType::Int64),
        stored(Some(5), "x", DataType::Int32),
    ]);
    let x: ArrayRef = Arc::new(Int32Array::from(vec![50, 51, 52]));
    let nulls = Some(NullBuffer::from(vec![true, false, true]));
    let values = StructArray::new(children.clone(), vec![longs(&[40, 41, 42]), x], nulls);
    let element = Arc::new(stored(Some(3), "array", DataType::Struct(children)));
    let offsets = OffsetBuffer::from_lengths([2, 1]);
    let list = ListArray::new(Arc::clone(&element), offsets, Arc::new(values), None);
    let file = file(vec![(
        stored(Some(2), "l", DataType::List(element)),
        Arc::new(list),
    )]);
    let read = read(&columns, &file, "l");
    let elements = read.as_list::<i32>().values().as_struct().clone();
    assert_eq!(
        elements.column(0).as_primitive::<Int64Type>().values(),
        &[50, 51, 52]
    );
    assert_eq!(
        elements.column(1).as_primitive::<Int64Type>().values(),
        &[40, 41, 42]
    );
    assert_eq!(
        elements.column(2).as_ref(),
        &Int32Array::from(vec![9, 9, 9]) as &dyn Array
    );
    assert!(elements.is_null(1) && read.as_list::<i32>().value_length(0) == 2);
}
