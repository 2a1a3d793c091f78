// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Columns that change.

use feast_iceberg::SnapshotSelector;

use super::*;

/// A table of three columns of one type, one file.
fn three() -> TableMaker {
    let schema = Schema {
        id: 0,
        fields: vec![
            Field::optional(1, "a", Type::Int),
            Field::optional(2, "b", Type::Int),
            Field::optional(3, "c", Type::Int),
        ],
    };
    let mut table = TableMaker::new("s3://bucket/three", 2, schema, unpartitioned());
    append(&mut table, vec![vec![int(1), int(20), int(300)]]);
    table
}

const QUERIES: [&str; 3] = [
    "SELECT a FROM $t WHERE a < 10",
    "SELECT b, a FROM $t WHERE b >= 20",
    "SELECT max(a), min(b) FROM $t",
];

/// No snapshot is made after any of these: the newest file has the old names.
#[tokio::test(flavor = "multi_thread")]
async fn names_are_swapped_without_a_snapshot() {
    let mut table = three();
    let mut fields = table.current_schema().fields.clone();
    fields[0].name = "b".to_owned();
    fields[1].name = "a".to_owned();
    table.set_columns(fields);
    check(&table, 1, &QUERIES).await;
    append(&mut table, vec![vec![int(2), int(30), int(400)]]);
    check(&table, 2, &QUERIES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_reordered() {
    let mut table = three();
    let mut fields = table.current_schema().fields.clone();
    fields.rotate_left(1);
    table.set_columns(fields.clone());
    check(&table, 1, &QUERIES).await;
    fields.swap(0, 1);
    fields[0].name = "z".to_owned();
    table.set_columns(fields);
    check(
        &table,
        1,
        &["SELECT z FROM $t WHERE z > 1", "SELECT a, z FROM $t"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_columns_are_dropped_and_added_again() {
    let mut table = three();
    let mut fields = table.current_schema().fields.clone();
    for (at, field) in fields.iter_mut().enumerate() {
        field.id = 10 + at as i32;
    }
    table.set_columns(fields);
    check(
        &table,
        1,
        &["SELECT a FROM $t WHERE a IS NULL", "SELECT b FROM $t"],
    )
    .await;
    append(&mut table, vec![vec![int(1), Datum::Null, int(3)]]);
    check(
        &table,
        2,
        &[
            "SELECT count(a), count(b) FROM $t",
            "SELECT c FROM $t WHERE a = 1",
        ],
    )
    .await;
}

/// The snapshot's columns when its id is asked for, the table's for the newest.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_has_its_own_columns() {
    let mut table = three();
    let first = table.current().unwrap().id;
    let mut fields = table.current_schema().fields.clone();
    fields[0].name = "renamed".to_owned();
    fields.remove(2);
    table.set_columns(fields);
    let made = table.finish();
    let feast = context().await.unwrap();
    let opened = open(&made, in_memory(&made).await.unwrap()).await.unwrap();
    for (at, names) in [
        (SnapshotSelector::Current, vec!["renamed", "b"]),
        (SnapshotSelector::SnapshotId(first), vec!["a", "b", "c"]),
    ] {
        let shown = register(&feast, &opened, at).unwrap();
        let found: Vec<&str> = shown.fields().iter().map(|f| f.name().as_str()).collect();
        assert_eq!(found, names);
        let found = answer(&feast, "SELECT * FROM t").await.unwrap();
        assert_eq!(found[0].num_columns(), names.len());
    }
}

fn nested() -> TableMaker {
    let inner = || {
        vec![
            Field::optional(10, "x", Type::Int),
            Field::optional(11, "y", Type::Int),
        ]
    };
    let element = Field::optional(
        20,
        "element",
        Type::Struct(vec![
            Field::optional(21, "x", Type::Int),
            Field::optional(22, "y", Type::Int),
        ]),
    );
    let schema = Schema {
        id: 0,
        fields: vec![
            Field::optional(1, "s", Type::Struct(inner())),
            Field::optional(2, "l", Type::List(Box::new(element))),
        ],
    };
    let mut table = TableMaker::new("s3://bucket/inside", 2, schema, unpartitioned());
    let pair = |a, b, x, y| Datum::Struct(vec![(a, int(x)), (b, int(y))]);
    append(
        &mut table,
        vec![
            vec![
                pair(10, 11, 1, 2),
                Datum::List(vec![pair(21, 22, 3, 4), Datum::Null]),
            ],
            vec![Datum::Null, Datum::List(Vec::new())],
        ],
    );
    table
}

/// Changes the fields inside both columns.
fn inside(table: &mut TableMaker, change: impl Fn(&mut Vec<Field>)) {
    let mut fields = table.current_schema().fields.clone();
    for field in &mut fields {
        match &mut field.ty {
            Type::Struct(inner) => change(inner),
            Type::List(element) => {
                if let Type::Struct(inner) = &mut element.ty {
                    change(inner);
                }
            }
            _ => {}
        }
    }
    table.set_columns(fields);
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_inside_change_like_columns() {
    let queries = ["SELECT s FROM $t", "SELECT l FROM $t WHERE s IS NOT NULL"];
    let mut swapped = nested();
    inside(&mut swapped, |inner| {
        inner[0].name = "y".to_owned();
        inner[1].name = "x".to_owned();
    });
    check(&swapped, 2, &queries).await;
    let mut reordered = nested();
    inside(&mut reordered, |inner| inner.reverse());
    check(&reordered, 2, &queries).await;
    let mut again = nested();
    inside(&mut again, |inner| {
        for field in inner.iter_mut() {
            field.id += 100;
        }
    });
    check(&again, 2, &queries).await;
    let mut more = nested();
    inside(&mut more, |inner| {
        let id = inner[0].id + 200;
        inner.remove(0);
        inner.insert(0, Field::optional(id, "z", Type::Text));
        inner[1].ty = Type::Long;
    });
    check(&more, 2, &queries).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_of_every_type_may_be_missing_in_old_files() {
    let mut table = three();
    let mut fields = table.current_schema().fields.clone();
    let element = Box::new(Field::optional(60, "element", Type::Int));
    let (key, value) = (Field::required(61, "key", Type::Text), element.clone());
    let types = [
        Type::Time,
        Type::Binary,
        Type::Uuid,
        Type::Fixed(3),
        Type::Decimal(30, 4),
        Type::Timestamptz,
        Type::List(element),
        Type::Map(Box::new(key), Box::new(Field { id: 62, ..*value })),
        Type::Struct(vec![Field::optional(63, "x", Type::Int)]),
    ];
    for (at, ty) in types.into_iter().enumerate() {
        fields.push(Field::optional(40 + at as i32, format!("c{at}"), ty));
    }
    table.set_columns(fields);
    check(
        &table,
        1,
        &[
            "SELECT c6, c7, c8 FROM $t",
            "SELECT a FROM $t WHERE c1 IS NULL",
        ],
    )
    .await;
}
