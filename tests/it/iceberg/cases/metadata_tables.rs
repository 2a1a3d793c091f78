// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Metadata tables of tables with partitions of every type, in each way that writers have to write
//! their values.

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use feast_testkit::tables::{ManifestStyle, PartitionField, Transform};

use super::*;
use crate::iceberg::files::files_agree;

/// A table of `id` and `x`, partitioned by `x`, a file for each of its values and for NULL.
fn by_value(version: u8, ty: &Type, values: &[Datum], manifests: ManifestStyle) -> TableMaker {
    let spec = PartitionSpec {
        id: 0,
        fields: vec![PartitionField {
            source_id: 2,
            source: ty.clone(),
            id: 1000,
            name: "x_part".to_owned(),
            transform: Transform::Identity,
        }],
    };
    let schema = Schema {
        id: 0,
        fields: vec![
            Field::optional(1, "id", Type::Int),
            Field::optional(2, "x", ty.clone()),
        ],
    };
    let mut table = TableMaker::new("s3://bucket/values", version, schema, spec);
    table.manifests = manifests;
    for value in values.iter().chain(&[Datum::Null]) {
        let new = NewData {
            partition: vec![value.clone()],
            // Only partitions say what is in a file.
            metrics: MetricsMode::None,
            ..new_data(&table, vec![vec![int(1), value.clone()]])
        };
        append_file(&mut table, &new);
    }
    table
}

async fn count(feast: &FeastContext, sql: &str) -> i64 {
    let found = answer(feast, sql).await.unwrap();
    found[0].column(0).as_primitive::<Int64Type>().value(0)
}

async fn answers(table: &TableMaker, values: i64, of: &str) {
    let made = table.finish();
    let feast = context().await.unwrap();
    let opened = open(&made, in_memory(&made).await.unwrap()).await.unwrap();
    register(&feast, &opened, SnapshotSelector::Current).unwrap();
    let current = table.current().map(AsRef::as_ref);
    let agree = files_agree(&feast, &opened, &SnapshotSelector::Current, current).await;
    agree.unwrap_or_else(|reason| panic!("{of}: {reason}"));
    // Each partition is that of its rows, and each value is in one partition.
    for found in [
        "SELECT count(*) FROM t_partitions p JOIN t ON p.partition['x_part'] IS NOT DISTINCT FROM t.x",
        "SELECT count(*) FROM t_files f JOIN t ON f.partition['x_part'] IS NOT DISTINCT FROM t.x",
        "SELECT count(*) FROM t_entries e JOIN t \
         ON e.data_file['partition']['x_part'] IS NOT DISTINCT FROM t.x",
        "SELECT count(DISTINCT partition) FROM t_partitions",
        "SELECT count(*) FROM t_manifests WHERE cardinality(partition_summaries) = 1",
    ] {
        assert_eq!(count(&feast, found).await, values + 1, "{of}: {found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn partition_values_are_shown_however_they_are_written() {
    let uuids = [[7; 16], *b"\x20bytes of a uuid", [0xff; 16]].map(|v| Datum::Bytes(v.to_vec()));
    let decimals = [-12_345, 0, 999].map(Datum::Decimal);
    let large = [-1, i128::from(i64::MAX) * 10, 1].map(Datum::Decimal);
    let cases: [(Type, [Datum; 3]); 9] = [
        (Type::Uuid, uuids),
        (Type::Decimal(5, 2), decimals.clone()),
        (Type::Decimal(12, 0), decimals),
        (Type::Decimal(25, 4), large),
        (
            Type::Fixed(3),
            [[0; 3], [1; 3], [255; 3]].map(|v| Datum::Bytes(v.to_vec())),
        ),
        (
            Type::Binary,
            [&b""[..], b"a", b"\xff\x00"].map(|v| Datum::Bytes(v.to_vec())),
        ),
        (Type::Timestamptz, [-1, 0, 86_400_000_000].map(int)),
        (Type::Text, ["", "a", "ü"].map(text)),
        (Type::Boolean, [true, false, true].map(Datum::Bool)),
    ];
    for (ty, values) in cases {
        // Each value once.
        let values = if ty == Type::Boolean {
            &values[..2]
        } else {
            &values[..]
        };
        for (version, unfixed, no_header) in [
            (1, false, false),
            (2, false, false),
            (2, true, false),
            (3, true, true),
        ] {
            let manifests = ManifestStyle {
                unfixed,
                no_header,
                ..ManifestStyle::default()
            };
            let table = by_value(version, &ty, values, manifests);
            let of = format!("{ty}, version {version}, {manifests:?}");
            answers(&table, values.len() as i64, &of).await;
        }
    }
}

/// Filters on such partitions keep every row, and leave out the files of other partitions.
#[tokio::test(flavor = "multi_thread")]
async fn partitions_prune_however_they_are_written() {
    let uuids = [[7; 16], [8; 16], [0xff; 16]].map(|v| Datum::Bytes(v.to_vec()));
    let decimals = [-12_345, 0, 999].map(Datum::Decimal);
    let decimal = "arrow_cast('9.99', 'Decimal128(12, 2)')";
    let uuid = format!("arrow_cast(X'{}', 'FixedSizeBinary(16)')", "08".repeat(16));
    for (ty, values, value) in [
        (Type::Uuid, uuids, uuid.as_str()),
        (Type::Decimal(12, 2), decimals, decimal),
    ] {
        for unfixed in [false, true] {
            let manifests = ManifestStyle {
                unfixed,
                ..ManifestStyle::default()
            };
            let table = by_value(2, &ty, &values, manifests);
            let equal = format!("SELECT id, x FROM $t WHERE x = {value}");
            let other = format!("SELECT id, x FROM $t WHERE x <> {value}");
            let above = format!("SELECT id, x FROM $t WHERE x >= {value}");
            check(
                &table,
                4,
                &[&equal, &other, &above, "SELECT id FROM $t WHERE x IS NULL"],
            )
            .await;
            let made = table.finish();
            let feast = context().await.unwrap();
            let opened = open(&made, in_memory(&made).await.unwrap()).await.unwrap();
            register(&feast, &opened, SnapshotSelector::Current).unwrap();
            let plan = answer(&feast, &format!("EXPLAIN {}", equal.replace("$t", "t"))).await;
            let plan = arrow::util::pretty::pretty_format_batches(&plan.unwrap()).unwrap();
            assert!(
                plan.to_string().contains("files=1/"),
                "{ty}, unfixed {unfixed}: {plan}"
            );
        }
    }
}

/// A field that is removed from a spec of version 1 stays as one without values.
#[tokio::test(flavor = "multi_thread")]
async fn a_removed_partition_may_be_called_like_its_column() {
    let mut table = by_value(1, &Type::Int, &[int(7)], ManifestStyle::default());
    table.set_spec(vec![PartitionField {
        source_id: 2,
        source: Type::Int,
        id: 1000,
        name: "x".to_owned(),
        transform: Transform::Void,
    }]);
    let new = NewData {
        spec_id: table.current_spec().id,
        partition: vec![Datum::Null],
        ..new_data(&table, vec![vec![int(2), int(8)]])
    };
    append_file(&mut table, &new);
    check(&table, 3, &["SELECT id FROM $t WHERE x = 8"]).await;
    let made = table.finish();
    let feast = context().await.unwrap();
    let opened = open(&made, in_memory(&made).await.unwrap()).await.unwrap();
    let current = table.current().map(AsRef::as_ref);
    let agree = files_agree(&feast, &opened, &SnapshotSelector::Current, current).await;
    agree.unwrap();
}
