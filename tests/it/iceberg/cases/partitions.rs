// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What partitions give and prune.

use datafusion::common::ScalarValue;
use feast_testkit::tables::{PartitionField, Transform};

use super::*;
use crate::iceberg::queries::literal_of;

fn field(source_id: i32, source: Type, id: i32, transform: Transform) -> PartitionField {
    PartitionField {
        source_id,
        source,
        id,
        name: format!("p{id}"),
        transform,
    }
}

fn by(transform: Transform, source_id: i32, source: Type) -> PartitionSpec {
    PartitionSpec {
        id: 0,
        fields: vec![field(source_id, source, 1000, transform)],
    }
}

/// As a table of Hive: the partition's column is in no file.
#[tokio::test(flavor = "multi_thread")]
async fn an_identity_partition_gives_the_column() {
    let mut table = partitioned(2, by(Transform::Identity, 2, Type::Text));
    let id = table.current_schema().fields[0].clone();
    for (at, name) in [text("a"), text("b"), Datum::Null].into_iter().enumerate() {
        let new = NewData {
            columns: vec![id.clone()],
            rows: vec![vec![int(at as i64)], vec![int(9)]],
            partition: vec![name],
            ..new_data(&table, Vec::new())
        };
        append_file(&mut table, &new);
    }
    let queries = [
        "SELECT id FROM $t WHERE name = 'b'",
        "SELECT id FROM $t WHERE name IS NULL",
        "SELECT name FROM $t WHERE id = 9",
        "SELECT min(name), max(name), count(name) FROM $t",
        "SELECT name, count(*) FROM $t GROUP BY name",
    ];
    check(&table, 6, &queries).await;
    delete_in(&mut table, text("a"), vec![vec![text("a")]]);
    check(&table, 4, &queries).await;
    delete_in(&mut table, Datum::Null, vec![vec![Datum::Null]]);
    check(&table, 2, &queries).await;
}

/// Deletes by name in a partition.
fn delete_in(table: &mut TableMaker, partition: Datum, keys: Vec<Vec<Datum>>) {
    let deletes = NewEquality {
        partition: vec![partition],
        ..new_equality(&[2], keys)
    };
    let deletes = table.equality_deletes(&deletes).unwrap();
    commit(table, vec![deletes]);
}

/// Every transform over values that it sends to several partitions, NULL and NaN among them.
#[tokio::test(flavor = "multi_thread")]
async fn transforms_prune_no_row() {
    let days = [-366, -1, 0, 1, 31, 365, 19_000].map(int);
    let day = 86_400_000_000;
    let times = [-day, -1, 0, 3_600_000_000, day - 1, day, 400 * day].map(int);
    let ints = [-11, -10, -1, 0, 9, 10, 2_000_000_000].map(int);
    let words = ["", "a", "ab", "abc", "b", "ü", "\u{10ffff}a"].map(text);
    let uuids = [0, 1, 2, 3, 4, 5, 255].map(|byte| Datum::Bytes(vec![byte; 16]));
    let bytes: [&[u8]; 7] = [&[], &[0], &[0, 1], &[1, 0, 0], &[255], &[255, 255], &[2]];
    let bytes = bytes.map(|bytes| Datum::Bytes(bytes.to_vec()));
    let decimals = [-101, -100, -1, 0, 1, 99, 1_000].map(Datum::Decimal);
    let doubles = [
        f64::NAN,
        -0.0,
        0.0,
        1.5,
        -1.5,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ];
    let doubles = doubles.map(Datum::Double);
    let all: [(Type, [Datum; 7]); 10] = [
        (Type::Date, days),
        (Type::Timestamp, times.clone()),
        (Type::Timestamptz, times.clone()),
        (Type::Time, [0, 1, 2, 3, 4, 5, day - 1].map(int)),
        (Type::Int, ints),
        (Type::Text, words),
        (Type::Uuid, uuids),
        (Type::Binary, bytes),
        (Type::Decimal(9, 2), decimals),
        (Type::Double, doubles),
    ];
    let transforms = [
        Transform::Identity,
        Transform::Bucket(3),
        Transform::Truncate(2),
        Transform::Year,
        Transform::Month,
        Transform::Day,
        Transform::Hour,
        Transform::Void,
    ];
    let feast = context().await.unwrap();
    for (ty, values) in all {
        let takes = |transform: &Transform| transform.takes(&ty);
        for (at, transform) in transforms.into_iter().filter(takes).enumerate() {
            one_transform(&feast, &ty, &values, (at, transform)).await;
        }
    }
}

async fn one_transform(
    feast: &FeastContext,
    ty: &Type,
    values: &[Datum],
    (turn, transform): (usize, Transform),
) {
    let fields = vec![
        Field::optional(1, "id", Type::Int),
        Field::optional(2, "x", ty.clone()),
    ];
    let schema = Schema { id: 0, fields };
    let name = format!("by_{transform}_{ty}").replace([' ', ','], "");
    let location = format!("s3://bucket/{name}");
    let mut table = TableMaker::new(&location, 2, schema, by(transform, 2, ty.clone()));
    let nulls = [Datum::Null];
    let mut files = Vec::new();
    for (at, value) in values.iter().chain(&nulls).enumerate() {
        let new = NewData {
            partition: vec![transform.apply(value, ty)],
            // Only partitions say what is in a file.
            metrics: MetricsMode::None,
            ..new_data(&table, vec![vec![int(at as i64), value.clone()]])
        };
        files.push(table.data_file(&new).unwrap());
    }
    let change = Change {
        operation: "append",
        added: files,
        apart: true,
        ..Change::default()
    };
    table.commit(MAIN, change).unwrap();
    let made = table.finish();
    let opened = open(&made, in_memory(&made).await.unwrap()).await.unwrap();
    let shown = register(feast, &opened, SnapshotSelector::Current).unwrap();
    let snapshot = table.current().map(AsRef::as_ref);
    let known = known(&made, snapshot, table.current_schema(), &shown).unwrap();
    register_known(feast, &known).unwrap();
    Setting::AUTO.apply(feast).unwrap();
    let mut queries = vec!["SELECT id FROM $t WHERE x IS NULL".to_owned()];
    for row in 0..known.num_rows() {
        let value = ScalarValue::try_from_array(known.column(1), row).unwrap();
        if let Some(value) = literal_of(&value) {
            let operators = ["=", "<", ">=", "<>", "<=", ">"];
            for operator in [operators[(row + turn) % 6], operators[(row + turn + 1) % 6]] {
                queries.push(format!("SELECT id FROM $t WHERE x {operator} {value}"));
            }
        }
    }
    for query in queries {
        same_answer(feast, &query, Setting::AUTO).await;
    }
}

/// A table of `id` and a column that it is partitioned by, with this value or NULL, three rows each.
fn of_one_value(name: &str, ty: &Type, value: &Datum) -> TableMaker {
    let mut spec = by(Transform::Identity, 2, ty.clone());
    spec.fields[0].name = name.to_owned();
    let schema = Schema {
        id: 0,
        fields: vec![
            Field::optional(1, "id", Type::Int),
            Field::optional(2, name, ty.clone()),
        ],
    };
    let mut table = TableMaker::new("s3://bucket/odd", 3, schema, spec);
    for value in [value, &Datum::Null] {
        let rows = (0..3).map(|id| vec![int(id), value.clone()]).collect();
        let new = NewData {
            partition: vec![value.clone()],
            ..new_data(&table, rows)
        };
        append_file(&mut table, &new);
    }
    table
}

/// Whatever their values and names are: Avro has no name such as `event-day`, so writers change it.
#[tokio::test(flavor = "multi_thread")]
async fn delete_files_know_their_partition() {
    for (name, ty, value) in [
        ("x", Type::Uuid, Datum::Bytes(vec![7; 16])),
        ("x", Type::Fixed(3), Datum::Bytes(vec![7; 3])),
        ("x", Type::Binary, Datum::Bytes(vec![7; 2])),
        ("x", Type::TimestamptzNs, int(86_400_000_000_001)),
        ("x", Type::Decimal(20, 2), Datum::Decimal(-12_345)),
        ("event-day", Type::Date, int(19_000)),
        ("größe", Type::Int, int(7)),
    ] {
        let mut table = of_one_value(name, &ty, &value);
        check(&table, 6, &["SELECT id FROM $t"]).await;
        let deletes = NewEquality {
            partition: vec![value.clone()],
            ..new_equality(&[1], vec![vec![int(1)]])
        };
        let deletes = table.equality_deletes(&deletes).unwrap();
        commit(&mut table, vec![deletes]);
        check(&table, 5, &["SELECT id FROM $t"]).await;
    }
}

/// A column that an old spec was on is dropped; manifests of that spec are written again with a
/// schema that lacks it.
#[tokio::test(flavor = "multi_thread")]
async fn the_column_of_an_old_spec_is_dropped() {
    for merged in [false, true] {
        let mut table = partitioned(2, by(Transform::Identity, 2, Type::Text));
        let new = NewData {
            partition: vec![text("a")],
            ..new_data(
                &table,
                vec![vec![int(1), text("a")], vec![int(2), text("a")]],
            )
        };
        append_file(&mut table, &new);
        table.set_spec(Vec::new());
        let mut fields = table.current_schema().fields.clone();
        fields.remove(1);
        table.set_columns(fields);
        let spec_id = table.current_spec().id;
        let new = NewData {
            spec_id,
            ..new_data(&table, vec![vec![int(3)]])
        };
        let file = table.data_file(&new).unwrap();
        let change = Change {
            operation: "append",
            added: vec![file],
            merged,
            ..Change::default()
        };
        table.commit(MAIN, change).unwrap();
        check(&table, 3, &["SELECT id FROM $t WHERE id > 1"]).await;
    }
}

/// A partition of `-0.0` and one of `0.0` are two, and NaN is one.
#[tokio::test(flavor = "multi_thread")]
async fn partitions_of_floats_are_told_apart_by_bits() {
    for ty in [Type::Float, Type::Double] {
        let of = |x: f64| match ty {
            Type::Float => Datum::Float(x as f32),
            _ => Datum::Double(x),
        };
        let schema = Schema {
            id: 0,
            fields: vec![
                Field::optional(1, "id", Type::Int),
                Field::optional(2, "x", ty.clone()),
            ],
        };
        let spec = by(Transform::Identity, 2, ty.clone());
        let mut table = TableMaker::new("s3://bucket/zeros", 2, schema, spec);
        for x in [-0.0, 0.0, f64::NAN] {
            let new = NewData {
                partition: vec![of(x)],
                ..new_data(&table, vec![vec![int(1), of(x)], vec![int(2), of(x)]])
            };
            append_file(&mut table, &new);
        }
        for (x, left) in [(-0.0, 5), (f64::NAN, 4)] {
            let deletes = NewEquality {
                partition: vec![of(x)],
                ..new_equality(&[1], vec![vec![int(1)]])
            };
            let deletes = table.equality_deletes(&deletes).unwrap();
            commit(&mut table, vec![deletes]);
            check(&table, left, &["SELECT id FROM $t WHERE x = 0.0"]).await;
        }
    }
}

/// A snapshot of before a promotion has the values of its type, also where files lack the column.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_snapshot_has_the_type_of_its_time() {
    for (before, after, value, shown) in [
        (Type::Int, Type::Long, int(7), "| 7 "),
        (Type::Float, Type::Double, Datum::Float(0.5), "| 0.5 "),
    ] {
        let schema = Schema {
            id: 0,
            fields: vec![
                Field::optional(1, "id", Type::Int),
                Field::optional(2, "x", before.clone()),
            ],
        };
        let spec = by(Transform::Identity, 2, before);
        let mut table = TableMaker::new("s3://bucket/older", 2, schema, spec);
        let mut fields = table.current_schema().fields.clone();
        let new = NewData {
            columns: fields[..1].to_vec(),
            rows: vec![vec![int(1)]],
            partition: vec![value],
            ..new_data(&table, Vec::new())
        };
        append_file(&mut table, &new);
        let old = table.current().unwrap().id;
        fields[1].ty = after;
        table.set_columns(fields);
        let made = table.finish();
        let feast = context().await.unwrap();
        let opened = open(&made, in_memory(&made).await.unwrap()).await.unwrap();
        for at in [SnapshotSelector::SnapshotId(old), SnapshotSelector::Current] {
            register(&feast, &opened, at).unwrap();
            let found = answer(&feast, "SELECT x FROM t WHERE x IS NOT NULL")
                .await
                .unwrap();
            let found = arrow::util::pretty::pretty_format_batches(&found).unwrap();
            assert!(found.to_string().contains(shown), "{found}");
        }
    }
}
