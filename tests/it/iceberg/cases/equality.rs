// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Equality deletes.

use feast_testkit::tables::{PartitionField, Transform};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn null_is_equal_to_null() {
    let mut table = people(2);
    let mut written = rows(0..3);
    written.push(vec![Datum::Null, text("null")]);
    written.push(vec![int(4), Datum::Null]);
    append(&mut table, written);
    delete_equal(&mut table, &[1], vec![vec![int(2)]]);
    check(&table, 4, &["SELECT name FROM $t WHERE id IS NULL"]).await;
    delete_equal(&mut table, &[1], vec![vec![Datum::Null]]);
    check(&table, 3, &["SELECT name FROM $t WHERE id IS NULL"]).await;
    delete_equal(
        &mut table,
        &[1, 2],
        vec![vec![int(4), Datum::Null], vec![int(0), Datum::Null]],
    );
    check(&table, 2, &["SELECT id FROM $t"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_files_lack_the_key() {
    let mut table = people(2);
    append(&mut table, rows(0..3));
    let mut fields = table.current_schema().fields.clone();
    fields.push(Field::optional(3, "late", Type::Int));
    table.set_columns(fields);
    let with = |id: i64, late: Datum| vec![int(id), text("late"), late];
    append(&mut table, vec![with(3, int(7)), with(4, Datum::Null)]);
    delete_equal(&mut table, &[3], vec![vec![int(7)]]);
    check(&table, 4, &["SELECT late FROM $t"]).await;
    delete_equal(&mut table, &[3], vec![vec![Datum::Null]]);
    check(&table, 0, &["SELECT name FROM $t"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_files_have_the_default_of_the_key() {
    let mut table = people(3);
    append(&mut table, rows(0..3));
    let mut fields = table.current_schema().fields.clone();
    fields.push(Field::required(3, "late", Type::Int).with_default(int(7)));
    table.set_columns(fields);
    append(&mut table, vec![vec![int(3), text("late"), int(8)]]);
    delete_equal(&mut table, &[3], vec![vec![int(9)], vec![int(8)]]);
    check(&table, 3, &["SELECT id, late FROM $t"]).await;
    delete_equal(&mut table, &[3, 1], vec![vec![int(7), int(1)]]);
    check(&table, 2, &["SELECT name FROM $t"]).await;
    delete_equal(&mut table, &[3], vec![vec![int(7)]]);
    check(&table, 0, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_promoted() {
    let mut table = people(2);
    append(&mut table, rows(0..3));
    delete_equal(&mut table, &[1], vec![vec![int(0)]]);
    let mut fields = table.current_schema().fields.clone();
    fields[0].ty = Type::Long;
    table.set_columns(fields);
    append(&mut table, rows([3, i64::MAX]));
    delete_equal(&mut table, &[1], vec![vec![int(1)], vec![int(i64::MAX)]]);
    check(&table, 2, &["SELECT id FROM $t WHERE id < 3"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sets_of_ids_are_apart() {
    let mut table = people(2);
    append(&mut table, rows(0..6));
    delete_equal(&mut table, &[1], vec![vec![int(0)], vec![int(1)]]);
    delete_equal(&mut table, &[2], vec![vec![text("n1")], vec![text("n2")]]);
    delete_equal(
        &mut table,
        &[2, 1],
        vec![vec![text("n3"), int(3)], vec![text("n4"), int(5)]],
    );
    check(
        &table,
        2,
        &[
            "SELECT id FROM $t",
            "SELECT name FROM $t",
            "SELECT 1 FROM $t",
        ],
    )
    .await;
}

/// The key is dropped after the delete; old rows stay deleted by what they hold.
#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_dropped_later() {
    let mut table = people(2);
    append(&mut table, rows(0..4));
    delete_equal(&mut table, &[1], vec![vec![int(1)]]);
    delete_equal(&mut table, &[1, 2], vec![vec![int(2), text("n2")]]);
    let mut fields = table.current_schema().fields.clone();
    fields.remove(0);
    table.set_columns(fields.clone());
    append(&mut table, vec![vec![text("n1")]]);
    check(&table, 3, &["SELECT name FROM $t WHERE name > 'n0'"]).await;
    // A new column of that name is another column.
    fields.push(Field::optional(9, "id", Type::Int));
    table.set_columns(fields);
    append(&mut table, vec![vec![text("n1"), int(1)]]);
    check(&table, 4, &["SELECT id FROM $t"]).await;
}

/// A row that comes back after its delete stays, one of the same commit too.
#[tokio::test(flavor = "multi_thread")]
async fn only_older_rows_are_deleted() {
    let mut table = people(2);
    append(&mut table, rows(0..3));
    let again = new_data(&table, rows([1]));
    let again = table.data_file(&again).unwrap();
    let deletes = table
        .equality_deletes(&new_equality(&[1], vec![vec![int(1)]]))
        .unwrap();
    commit(&mut table, vec![again, deletes]);
    append(&mut table, rows([1]));
    check(&table, 4, &["SELECT count(*) FROM $t WHERE id = 1"]).await;
    delete_equal(&mut table, &[1], vec![vec![int(1)]]);
    check(&table, 2, &["SELECT count(*) FROM $t WHERE id = 1"]).await;
}

fn by_name() -> PartitionSpec {
    PartitionSpec {
        id: 0,
        fields: vec![PartitionField {
            source_id: 2,
            source: Type::Text,
            id: 1000,
            name: "name".to_owned(),
            transform: Transform::Identity,
        }],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deletes_hold_in_their_partition_or_in_the_table() {
    let mut table = partitioned(2, by_name());
    for name in ["a", "b"] {
        let rows = (0..3).map(|id| vec![int(id), text(name)]).collect();
        let new = NewData {
            partition: vec![text(name)],
            ..new_data(&table, rows)
        };
        append_file(&mut table, &new);
    }
    let scoped = NewEquality {
        partition: vec![text("a")],
        ..new_equality(&[1], vec![vec![int(1)]])
    };
    let scoped = table.equality_deletes(&scoped).unwrap();
    commit(&mut table, vec![scoped]);
    check(&table, 5, &["SELECT name FROM $t WHERE id = 1"]).await;
    table.set_spec(Vec::new());
    let spec_id = table.current_spec().id;
    let global = NewEquality {
        spec_id,
        ..new_equality(&[1], vec![vec![int(2)]])
    };
    let global = table.equality_deletes(&global).unwrap();
    commit(&mut table, vec![global]);
    check(&table, 3, &["SELECT name FROM $t WHERE id = 2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_may_be_inside_structs() {
    let schema = Schema {
        id: 0,
        fields: vec![
            Field::optional(1, "id", Type::Int),
            Field::optional(
                2,
                "s",
                Type::Struct(vec![
                    Field::optional(3, "x", Type::Int),
                    Field::optional(4, "y", Type::Text),
                ]),
            ),
        ],
    };
    let mut table = TableMaker::new("s3://bucket/nested", 2, schema, unpartitioned());
    let inside = |x: Datum, y: &str| Datum::Struct(vec![(3, x), (4, text(y))]);
    append(
        &mut table,
        vec![
            vec![int(0), inside(int(0), "a")],
            vec![int(1), inside(int(1), "b")],
            vec![int(2), inside(Datum::Null, "c")],
            vec![int(3), Datum::Null],
        ],
    );
    delete_equal(&mut table, &[3], vec![vec![int(1)]]);
    check(&table, 3, &["SELECT id FROM $t"]).await;
    delete_equal(&mut table, &[3, 1], vec![vec![Datum::Null, int(3)]]);
    check(&table, 2, &["SELECT id FROM $t"]).await;
}

/// Not a number equals itself; the two zeros differ.
#[tokio::test(flavor = "multi_thread")]
async fn floats_are_equal_bit_by_bit() {
    let schema = Schema {
        id: 0,
        fields: vec![Field::optional(1, "x", Type::Double)],
    };
    let mut table = TableMaker::new("s3://bucket/floats", 2, schema, unpartitioned());
    let values = [0.0, -0.0, f64::NAN, 1.0];
    append(
        &mut table,
        values.iter().map(|x| vec![Datum::Double(*x)]).collect(),
    );
    delete_equal(&mut table, &[1], vec![vec![Datum::Double(-0.0)]]);
    check(&table, 3, &[]).await;
    delete_equal(&mut table, &[1], vec![vec![Datum::Double(f64::NAN)]]);
    check(&table, 2, &[]).await;
}
