// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Every file has rows of one partition only, whatever the transform.

use iceberg::spec::{
    FormatVersion, Literal, NestedField, PrimitiveType as P, StructType, Transform, Type,
    UnboundPartitionSpec,
};

use super::lake::{Lake, Made, field};

fn spec(fields: &[(i32, &str, Transform)]) -> UnboundPartitionSpec {
    let mut spec = UnboundPartitionSpec::builder();
    for (id, name, transform) in fields {
        spec = spec
            .add_partition_field(*id, name.to_string(), *transform)
            .unwrap();
    }
    spec.build()
}

fn columns() -> Vec<NestedField> {
    vec![
        field(1, "id", P::Long),
        field(2, "s", P::String),
        field(3, "d", P::Date),
        field(4, "at", P::Timestamptz),
        field(
            5,
            "n",
            P::Decimal {
                precision: 9,
                scale: 2,
            },
        ),
        field(6, "b", P::Boolean),
        field(7, "bytes", P::Binary),
        field(8, "f", P::Double),
        field(9, "i", P::Int),
    ]
}

/// Six rows, the last one NULL but for its id.
const ROWS: &str = "VALUES
    (1, 'a/b', DATE '1969-12-31', TIMESTAMP '1969-12-31T23:59:59.999999Z', -0.01, true, x'00ff', -0.5, -1),
    (2, '', DATE '1970-01-01', TIMESTAMP '1970-01-01T00:00:00Z', 0, false, x'', 0, 0),
    (3, 'äöü', DATE '2024-02-29', TIMESTAMP '2024-02-29T12:30:00Z', 12.34, true, x'00ffaa', 'NaN', 17),
    (4, 'äöx', DATE '2024-02-29', TIMESTAMP '2024-02-29T13:00:00Z', 12.34, NULL, x'01', 1e300, 19),
    (5, '..', DATE '9999-12-31', TIMESTAMP '2261-12-31T23:00:00Z', 1000000.99, true, x'ff', 1, -20),
    (6, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)";

async fn roundtrip(spec: UnboundPartitionSpec, version: FormatVersion, files: usize) -> Lake {
    let lake = Lake::new().await;
    let made = Made {
        fields: columns(),
        spec,
        version,
        ..Made::default()
    };
    lake.make(made).await;
    let written = lake.rows(&format!("INSERT INTO lake.shop.t {ROWS}")).await;
    assert_eq!(written, ["6"]);
    let expected = format!(
        "SELECT column1, column2, column3, arrow_cast(column4, 'Timestamp(Microsecond, Some(\"UTC\"))'), CAST(column5 AS DECIMAL(9, 2)), column6, column7,
         CAST(column8 AS DOUBLE), column9 FROM ({}) ORDER BY 1",
        ROWS.replace("'NaN'", "CAST('NaN' AS DOUBLE)")
    );
    let found = lake.rows("SELECT * FROM lake.shop.t ORDER BY id").await;
    assert_eq!(found, lake.rows(&expected).await);
    for filter in [
        "s = 'äöü'",
        "at < '1970-01-01T00:00:00Z'",
        "n = 12.34",
        "d IS NULL",
        "i > 17",
    ] {
        let count = |source: &str| format!("SELECT count(*) FROM ({source}) WHERE {filter}");
        let found = lake.rows(&count("SELECT * FROM lake.shop.t")).await;
        let all = "SELECT s || '' AS s, d, at, n + 0 AS n, i + 0 AS i FROM lake.shop.t";
        assert_eq!(found, lake.rows(&count(all)).await, "{filter}");
    }
    assert_eq!(lake.data_files("t").await.len(), files);
    lake
}

#[tokio::test]
async fn every_transform_parts_rows_as_it_says() {
    let bucket = Transform::Bucket(1_000_000);
    for (id, transform, files) in [
        (2, Transform::Identity, 6),
        (3, Transform::Identity, 5),
        (5, Transform::Identity, 5),
        (6, Transform::Identity, 3),
        (7, Transform::Identity, 6),
        (8, Transform::Identity, 6),
        (2, bucket, 6),
        (3, bucket, 5),
        (4, bucket, 6),
        (5, bucket, 5),
        (7, bucket, 6),
        (9, bucket, 6),
        (2, Transform::Truncate(2), 5),
        (5, Transform::Truncate(100), 5),
        (7, Transform::Truncate(2), 5),
        (9, Transform::Truncate(10), 5),
        (3, Transform::Year, 5),
        (3, Transform::Month, 5),
        (3, Transform::Day, 5),
        (4, Transform::Year, 5),
        (4, Transform::Month, 5),
        (4, Transform::Day, 5),
        (4, Transform::Hour, 6),
        (2, Transform::Void, 1),
    ] {
        let spec = spec(&[(id, "p", transform)]);
        let lake = roundtrip(spec, FormatVersion::V2, files).await;
        let nulls = lake.data_files("t").await.into_iter();
        let nulls = nulls.filter(|file| file.partition()[0].is_none()).count();
        assert_eq!(nulls, 1, "{transform} of {id}");
    }
}

#[tokio::test]
async fn a_value_that_iceberg_cannot_tell_is_refused() {
    let lake = Lake::new().await;
    let made = Made {
        fields: columns(),
        spec: spec(&[(4, "at", Transform::Identity)]),
        ..Made::default()
    };
    lake.make(made).await;
    lake.sql("INSERT INTO lake.shop.t (id, at) VALUES (1, '1969-12-31T23:59:59Z'), (2, '2024-01-01T00:00:00.5Z')").await;
    let before = lake.files();
    let insert = "INSERT INTO lake.shop.t (id, at) VALUES (1, '1969-12-31T23:59:59.5Z')";
    let error = lake.error(insert).await;
    assert!(
        error.contains("partition field 'at' would have the value"),
        "{error}"
    );
    assert_eq!(lake.files(), before);
}

#[tokio::test]
async fn several_fields_and_all_versions() {
    for version in [FormatVersion::V1, FormatVersion::V2, FormatVersion::V3] {
        let spec = spec(&[
            (4, "day", Transform::Day),
            (2, "part_of_s", Transform::Truncate(1)),
            (1, "void", Transform::Void),
        ]);
        let lake = roundtrip(spec, version, 5).await;
        let files = lake.files();
        let day = "shop/t/data/day=2024-02-29/part_of_s=%C3%A4/void=null/";
        assert!(files.iter().any(|file| file.starts_with(day)), "{files:?}");
        let table = lake.table("t").await;
        if version == FormatVersion::V3 {
            assert_eq!(table.metadata().next_row_id(), 6);
            let snapshot = table.metadata().current_snapshot().unwrap();
            assert_eq!(snapshot.row_range(), Some((0, 6)));
        }
        lake.sql("INSERT INTO lake.shop.t (id) VALUES (7)").await;
        assert_eq!(
            lake.rows("SELECT count(*), max(id) FROM lake.shop.t").await,
            ["7 7"]
        );
    }
}

#[tokio::test]
async fn a_field_inside_of_structs_is_a_partition_too() {
    let lake = Lake::new().await;
    let inner = vec![
        field(3, "x", P::Int).into(),
        field(4, "y", P::String).into(),
    ];
    let made = Made {
        fields: vec![
            field(1, "id", P::Long),
            NestedField::optional(2, "s", Type::Struct(StructType::new(inner))),
        ],
        spec: spec(&[(3, "s_x", Transform::Identity)]),
        ..Made::default()
    };
    lake.make(made).await;
    lake.sql(
        "INSERT INTO lake.shop.t SELECT 1, named_struct('x', 7, 'y', 'a') UNION ALL
         SELECT 2, NULL UNION ALL SELECT 3, named_struct('x', NULL, 'y', 'b')",
    )
    .await;
    let files = lake.data_files("t").await;
    let mut partitions: Vec<_> = files
        .iter()
        .map(|file| file.partition()[0].clone())
        .collect();
    partitions.sort_by_key(Option::is_some);
    assert_eq!(partitions, [None, Some(Literal::int(7))]);
    let rows = lake
        .rows("SELECT id, s['y'] FROM lake.shop.t ORDER BY id")
        .await;
    assert_eq!(rows, ["1 a", "2 ", "3 b"]);
}

#[tokio::test]
async fn a_name_that_manifests_cannot_have_is_refused() {
    let lake = Lake::new().await;
    let made = Made {
        fields: columns(),
        spec: spec(&[(2, "größe", Transform::Identity)]),
        ..Made::default()
    };
    lake.make(made).await;
    let error = lake.error("INSERT INTO lake.shop.t (id) VALUES (1)").await;
    assert!(
        error.contains("its partition field 'größe' has a name"),
        "{error}"
    );
}

#[tokio::test]
async fn the_spec_that_is_the_default_now_counts() {
    let lake = Lake::new().await;
    let made = Made {
        fields: columns(),
        spec: spec(&[(2, "s", Transform::Identity)]),
        ..Made::default()
    };
    let table = lake.make(made).await;
    lake.sql(&format!("INSERT INTO lake.shop.t {ROWS}")).await;
    let evolved = spec(&[(9, "i_bucket", Transform::Bucket(2))]);
    lake.evolve("t", |metadata| {
        metadata
            .add_default_partition_spec(evolved.clone())
            .unwrap()
    })
    .await;
    assert_eq!(table.metadata().default_partition_spec_id(), 0);
    lake.sql(&format!("INSERT INTO lake.shop.t {ROWS}")).await;
    let specs = lake.spec_ids("t").await;
    assert_eq!(specs, [0, 1]);
    let counted = lake
        .rows("SELECT count(*), count(DISTINCT id) FROM lake.shop.t")
        .await;
    assert_eq!(counted, ["12 6"]);
}

#[tokio::test]
async fn more_partitions_than_open_files_are_sorted() {
    let lake = Lake::new().await;
    let made = Made {
        fields: vec![field(1, "id", P::Long), field(2, "p", P::Long)],
        spec: spec(&[(2, "p", Transform::Identity)]),
        properties: &[("write.distribution-mode", "none")],
        ..Made::default()
    };
    lake.make(made).await;
    lake.sql(
        "INSERT INTO lake.shop.t SELECT value, value * 7919 % 300 FROM generate_series(1, 30000)",
    )
    .await;
    let rows = "SELECT count(*), sum(id), count(DISTINCT p), sum(p) FROM lake.shop.t";
    let expected =
        "SELECT count(*), sum(value), 300, sum(value * 7919 % 300) FROM generate_series(1, 30000)";
    assert_eq!(lake.rows(rows).await, lake.rows(expected).await);
    let files = lake.data_files("t").await.len();
    // Each of three tasks has a file for each partition, and no more.
    assert!((300..=900).contains(&files), "{files} files");
}

#[tokio::test]
async fn rows_of_a_partition_come_together() {
    let lake = Lake::new().await;
    let made = Made {
        fields: vec![field(1, "id", P::Long), field(2, "p", P::Long)],
        spec: spec(&[(2, "p", Transform::Identity)]),
        ..Made::default()
    };
    lake.make(made).await;
    let insert = "INSERT INTO lake.shop.t SELECT value, value % 100 FROM generate_series(1, 50000)";
    let plan = lake.rows(&format!("EXPLAIN {insert}")).await.join("\n");
    let shown = "IcebergInsertExec: table=shop.t, mode=append, partitioned_by=[p], sorted_by=[], distribution=hash";
    assert!(plan.contains(shown), "{plan}");
    assert!(
        plan.contains("RepartitionExec: partitioning=Hash([partition p@2], 3)"),
        "{plan}"
    );
    assert!(lake.data_files("t").await.is_empty());
    lake.sql(insert).await;
    assert_eq!(lake.data_files("t").await.len(), 100);
}
