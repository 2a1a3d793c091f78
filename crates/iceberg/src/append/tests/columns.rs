// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Columns that come and become wider, in one commit.

use arrow::array::{Array, AsArray, Decimal128Array, Float32Array};
use arrow::datatypes::{Decimal128Type, Float64Type, Int64Type};
use iceberg::spec::{PrimitiveType, Type};

use super::*;

fn narrow() -> RecordBatch {
    let decimals = Decimal128Array::from(vec![Some(125), None]);
    let decimals = decimals.with_precision_and_scale(5, 2).unwrap();
    let list = arrow::array::ListArray::from_iter_primitive::<arrow::datatypes::Int32Type, _, _>([
        Some([Some(7), None]),
        None,
    ]);
    RecordBatch::try_from_iter([
        ("i", Arc::new(Int32Array::from(vec![1, -2])) as ArrayRef),
        ("f", Arc::new(Float32Array::from(vec![0.5, f32::NAN]))),
        ("d", Arc::new(decimals)),
        ("v", Arc::new(list)),
    ])
    .unwrap()
}

async fn made(dir: &Path) -> SqlCatalog {
    let catalog = catalog(dir, dir.join("wh").to_str().unwrap()).await;
    let batch = narrow();
    let nullable = batch.schema();
    let fields = nullable.fields().iter();
    let fields = fields.map(|field| field.as_ref().clone().with_nullable(true));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    create_table(&catalog, &shop(), "t", &schema, &[])
        .await
        .unwrap();
    append(&catalog, &ident(), vec![batch]).await.unwrap();
    catalog
}

fn named(columns: &[(&str, DataType)]) -> Vec<(String, DataType)> {
    let columns = columns.iter();
    columns
        .map(|(name, data_type)| ((*name).to_owned(), data_type.clone()))
        .collect()
}

fn list_of(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", item, true)))
}

/// The ids and types of the columns, how many schemas there are, and how many snapshots.
async fn shape(catalog: &SqlCatalog) -> (Vec<(i32, String)>, usize, usize) {
    let table = catalog.load_table(&ident()).await.unwrap();
    let metadata = table.metadata();
    let fields = metadata.current_schema().as_struct().fields().iter();
    let columns = fields.map(|field| (field.id, field.field_type.to_string()));
    let schemas = metadata.schemas_iter().count();
    (columns.collect(), schemas, metadata.snapshots().count())
}

#[tokio::test]
async fn columns_are_added_and_widened_in_one_commit_that_keeps_values() {
    let dir = TempDir::new().unwrap();
    let catalog = made(dir.path()).await;
    let files_before = files(dir.path());
    let wanted = named(&[
        ("late", DataType::Utf8),
        ("i", DataType::Int64),
        ("f", DataType::Float64),
        ("d", DataType::Decimal128(10, 2)),
        ("v", list_of(DataType::Int64)),
    ]);
    update_columns(&catalog, &ident(), &wanted).await.unwrap();
    // One metadata file more, and nothing else.
    assert_eq!(files(dir.path()), files_before + 1);
    let (columns, schemas, snapshots) = shape(&catalog).await;
    let types: Vec<&str> = columns.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(types[..3], ["long", "double", "decimal(10, 2)"]);
    let ids: Vec<i32> = columns.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, [1, 2, 3, 4, 6]);
    assert_eq!((schemas, snapshots), (2, 1));
    let table = catalog.load_table(&ident()).await.unwrap();
    let schema = table.metadata().current_schema();
    let Type::List(list) = schema.field_by_id(4).unwrap().field_type.as_ref() else {
        panic!("no list: {schema}");
    };
    assert_eq!(list.element_field.id, 5);
    assert_eq!(
        *list.element_field.field_type,
        Type::Primitive(PrimitiveType::Long)
    );
    // That scan reads by the schema of the snapshot.
    let more = Arc::new(Int64Array::from(vec![5_000_000_000])) as ArrayRef;
    let more = RecordBatch::try_from_iter([("i", more)]).unwrap();
    append(&catalog, &ident(), vec![more]).await.unwrap();
    let rows = read_columns(&catalog, &["i", "f", "d"]).await;
    let numbers = rows["i"].as_primitive::<Int64Type>();
    let floats = rows["f"].as_primitive::<Float64Type>();
    let decimals = rows["d"].as_primitive::<Decimal128Type>();
    assert_eq!(decimals.data_type(), &DataType::Decimal128(10, 2));
    let row = |number: i64| {
        numbers
            .values()
            .iter()
            .position(|it| *it == number)
            .unwrap()
    };
    let (first, second, third) = (row(1), row(-2), row(5_000_000_000));
    assert_eq!((floats.value(first), decimals.value(first)), (0.5, 125));
    assert!(floats.value(second).is_nan() && decimals.is_null(second));
    assert!(floats.is_null(third) && decimals.is_null(third));

    // Again, and with nothing to do.
    let files_before = files(dir.path());
    update_columns(&catalog, &ident(), &wanted).await.unwrap();
    update_columns(&catalog, &ident(), &[]).await.unwrap();
    assert_eq!(files(dir.path()), files_before);
}

#[tokio::test]
async fn what_iceberg_does_not_widen_is_refused_and_nothing_is_added() {
    let dir = TempDir::new().unwrap();
    let catalog = made(dir.path()).await;
    let before = shape(&catalog).await;
    for (name, data_type) in [
        ("i", DataType::Utf8),
        ("i", DataType::Float64),
        ("f", DataType::Int64),
        ("d", DataType::Decimal128(4, 2)),
        ("d", DataType::Decimal128(10, 3)),
        ("d", DataType::Float64),
        ("v", DataType::Int64),
        ("v", list_of(DataType::Utf8)),
    ] {
        let wanted = named(&[("late", DataType::Int64), (name, data_type.clone())]);
        let error = update_columns(&catalog, &ident(), &wanted).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        let said = format!("table 'shop.t': column '{name}' is ");
        assert!(error.to_string().contains(&said), "{data_type}: {error}");
        assert_eq!(shape(&catalog).await, before, "{name} to {data_type}");
    }
}

/// Each of several who do the same at the same time ends with the columns as they should be.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_change_at_the_same_time_is_made_once() {
    let dir = TempDir::new().unwrap();
    let catalog = made(dir.path()).await;
    let wanted = named(&[("i", DataType::Int64), ("f", DataType::Float64)]);
    let all = (0..4).map(|_| {
        let (catalog, wanted) = (catalog.clone(), wanted.clone());
        async move { update_columns(&catalog, &ident(), &wanted).await }
    });
    for outcome in futures::future::join_all(all).await {
        outcome.unwrap();
    }
    let (columns, schemas, _) = shape(&catalog).await;
    assert_eq!(columns[0], (1, "long".to_owned()));
    assert_eq!(schemas, 2);
}
