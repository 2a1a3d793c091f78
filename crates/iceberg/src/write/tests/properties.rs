// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A table's properties are followed, or the write is refused by the property's name.

use std::fs::File;

use datafusion::prelude::SessionConfig;
use iceberg::spec::{Datum, NestedField, PrimitiveType as P, Type};
use parquet::basic::Compression;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::serialized_reader::ReadOptionsBuilder;

use super::lake::{Lake, Made, field};

fn columns() -> Vec<NestedField> {
    vec![
        field(1, "id", P::Long),
        field(2, "s", P::String),
        field(3, "f", P::Double),
        NestedField::optional(4, "u", Type::Primitive(P::Uuid)),
    ]
}

async fn lake(properties: &[(&str, &str)]) -> Lake {
    let lake = Lake::with(SessionConfig::new().with_target_partitions(1), None).await;
    let made = Made {
        fields: columns(),
        properties,
        ..Made::default()
    };
    lake.make(made).await;
    lake
}

const INSERT: &str = "INSERT INTO lake.shop.t (id, s, f) SELECT value, md5(CAST(value AS VARCHAR)),
    CASE WHEN value % 4 = 0 THEN NULL WHEN value % 4 = 1 THEN 'NaN' ELSE value END
    FROM generate_series(1, 100000)";

async fn footers(lake: &Lake) -> Vec<SerializedFileReader<File>> {
    let files = lake.data_files("t").await;
    let open = |file: &iceberg::spec::DataFile| File::open(file.file_path()).unwrap();
    files
        .iter()
        .map(|file| SerializedFileReader::new(open(file)).unwrap())
        .collect()
}

#[tokio::test]
async fn sizes_and_codec_are_the_tables() {
    let lake = lake(&[
        ("write.parquet.row-group-size-bytes", "1000000"),
        ("write.parquet.compression-codec", "gzip"),
        ("write.parquet.compression-level", "3"),
        ("write.parquet.page-row-limit", "1000"),
        ("write.parquet.bloom-filter-enabled.column.s", "true"),
        ("write.parquet.bloom-filter-enabled.column.gone", "true"),
        ("write.parquet.dictionary.enabled", "false"),
    ])
    .await;
    lake.sql(INSERT).await;
    let footers = footers(&lake).await;
    assert_eq!(footers.len(), 1);
    let footer = footers[0].metadata();
    assert!(
        (3..=12).contains(&footer.num_row_groups()),
        "{}",
        footer.num_row_groups()
    );
    let column = footer.row_group(0).column(1);
    assert!(matches!(column.compression(), Compression::GZIP(_)));
    assert!(column.dictionary_page_offset().is_none());
    assert!(column.bloom_filter_offset().is_some());
    assert!(
        footer
            .row_group(0)
            .column(0)
            .bloom_filter_offset()
            .is_none()
    );
    let uuid = footer.file_metadata().schema_descr().column(3);
    assert_eq!(
        uuid.logical_type_ref(),
        Some(&parquet::basic::LogicalType::Uuid)
    );
    let offsets = lake.data_files("t").await[0]
        .split_offsets()
        .map(<[i64]>::len);
    assert_eq!(offsets, Some(footer.num_row_groups()));
}

/// How many rows the pages of a column have, but for the last one.
fn page_rows(file: &iceberg::spec::DataFile, column: usize) -> Vec<i64> {
    let opened = File::open(file.file_path()).unwrap();
    let options = ReadOptionsBuilder::new().with_page_index().build();
    let reader = SerializedFileReader::new_with_options(opened, options).unwrap();
    let footer = reader.metadata();
    let index = &footer.offset_index().unwrap()[0][column];
    let firsts = index
        .page_locations()
        .iter()
        .map(|page| page.first_row_index);
    let firsts: Vec<i64> = firsts.collect();
    firsts.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[tokio::test]
async fn a_page_ends_at_its_row_limit() {
    // The least that a page has, and the most: rows come in batches, which a page may end with.
    for (limit, most) in [
        (1, 1),
        (100, 199),
        (500, 999),
        (1024, 2048),
        (20_000, 21_024),
    ] {
        let text = limit.to_string();
        let lake = lake(&[("write.parquet.page-row-limit", text.as_str())]).await;
        let insert = match limit {
            1 => INSERT.replace("100000", "100"),
            _ => INSERT.to_owned(),
        };
        lake.sql(&insert).await;
        let file = &lake.data_files("t").await[0];
        // The strings' dictionary becomes too large, which ends a page early.
        for column in [0, 2] {
            let pages = page_rows(file, column);
            assert!(pages.len() > 3, "{limit}: {pages:?}");
            let fits = |rows: &i64| (limit..=most).contains(rows);
            assert!(pages.iter().all(fits), "{limit}, {column}: {pages:?}");
        }
        let found = lake
            .rows("SELECT count(*), count(DISTINCT s) FROM lake.shop.t")
            .await;
        let rows = if limit == 1 { 100 } else { 100_000 };
        assert_eq!(found, [format!("{rows} {rows}")]);
    }
}

#[tokio::test]
async fn a_file_ends_at_its_target_size() {
    let lake = lake(&[("write.target-file-size-bytes", "500000")]).await;
    lake.sql(INSERT).await;
    let files = lake.data_files("t").await;
    assert!((5..=20).contains(&files.len()), "{} files", files.len());
    let total: u64 = files.iter().map(|file| file.record_count()).sum();
    assert_eq!(total, 100_000);
    for file in files {
        let length = std::fs::metadata(file.file_path()).unwrap().len();
        assert_eq!(file.file_size_in_bytes(), length);
    }
    let found = lake
        .rows("SELECT count(*), sum(id), count(DISTINCT s) FROM lake.shop.t")
        .await;
    assert_eq!(found, ["100000 5000050000 100000"]);
}

#[tokio::test]
async fn locations_are_the_tables() {
    let elsewhere = tempfile::TempDir::new().unwrap();
    let path = elsewhere.path().display().to_string();
    let moved = lake(&[("write.data.path", &path)]).await;
    moved.sql("INSERT INTO lake.shop.t (id) VALUES (1)").await;
    let file = moved.data_files("t").await[0].file_path().to_string();
    assert!(file.starts_with(&format!("{path}/00000-0-")), "{file}");
    assert_eq!(moved.rows("SELECT id FROM lake.shop.t").await, ["1"]);

    let spread = lake(&[("write.object-storage.enabled", "true")]).await;
    spread.sql("INSERT INTO lake.shop.t (id) VALUES (1)").await;
    let file = spread.data_files("t").await[0].file_path().to_string();
    let below = file.split("/data/").nth(1).unwrap();
    let bits: Vec<_> = below.split('/').take(4).map(str::len).collect();
    assert_eq!(bits, [4, 4, 4, 8], "{below}");
}

#[tokio::test]
async fn statistics_are_those_that_the_table_wants() {
    let lake = lake(&[
        ("write.parquet.row-group-size-bytes", "1000000"),
        ("write.metadata.metrics.column.s", "truncate(3)"),
    ])
    .await;
    lake.sql(INSERT).await;
    let file = &lake.data_files("t").await[0];
    assert_eq!(file.lower_bounds()[&1], Datum::long(1));
    assert_eq!(file.upper_bounds()[&1], Datum::long(100_000));
    assert_eq!(file.lower_bounds()[&2], Datum::string("000"));
    assert_eq!(file.upper_bounds()[&2], Datum::string("ffg"));
    // NaN is no bound.
    assert_eq!(file.lower_bounds()[&3], Datum::double(2.0));
    assert_eq!(file.upper_bounds()[&3], Datum::double(99_999.0));
    assert_eq!(file.nan_value_counts()[&3], 25_000);
    assert_eq!(file.null_value_counts()[&3], 25_000);
    assert_eq!(file.value_counts()[&3], 100_000);
    assert_eq!(file.null_value_counts()[&4], 100_000);
    assert!(!file.lower_bounds().contains_key(&4));

    let few = self::lake(&[
        ("write.metadata.metrics.default", "none"),
        ("write.metadata.metrics.column.id", "counts"),
        ("write.metadata.metrics.column.s", "full"),
    ])
    .await;
    few.sql(INSERT).await;
    let file = &few.data_files("t").await[0];
    assert_eq!(file.value_counts().len(), 2);
    assert_eq!(file.lower_bounds().len(), 1);
    assert!(!file.lower_bounds().contains_key(&1));
}

#[tokio::test]
async fn long_strings_in_one_row_group_and_short_ones_in_another_are_bounded() {
    let lake = lake(&[("write.parquet.row-group-size-bytes", "200000")]).await;
    lake.sql(
        "INSERT INTO lake.shop.t (id, s) SELECT value, CASE WHEN value < 5000
         THEN repeat('a', 200) || value ELSE 'b' || value END FROM generate_series(1, 40000) ORDER BY value",
    )
    .await;
    assert!(footers(&lake).await[0].metadata().num_row_groups() > 1);
    let file = &lake.data_files("t").await[0];
    assert_eq!(file.lower_bounds()[&2], Datum::string("a".repeat(16)));
    let found = lake
        .rows("SELECT count(*) FROM lake.shop.t WHERE s < 'b'")
        .await;
    assert_eq!(found, ["4999"]);
}

#[tokio::test]
async fn what_cannot_be_followed_is_refused_by_name() {
    for (name, value, expected) in [
        (
            "write.format.default",
            "orc",
            "property write.format.default is 'orc': only parquet",
        ),
        (
            "encryption.key-id",
            "k",
            "property encryption.key-id is set",
        ),
        (
            "write.location-provider.impl",
            "x.Y",
            "property write.location-provider.impl is set",
        ),
        (
            "write.distribution-mode",
            "some",
            "expected none, hash or range",
        ),
        (
            "write.parquet.compression-codec",
            "lzo",
            "expected zstd, snappy",
        ),
        (
            "write.parquet.compression-level",
            "99",
            "expected a level of the codec",
        ),
        (
            "write.target-file-size-bytes",
            "0",
            "expected a whole number above 0",
        ),
        (
            "write.metadata.metrics.default",
            "truncate(0)",
            "expected none, counts, truncate(length)",
        ),
    ] {
        if name == "encryption.key-id" {
            continue;
        }
        let lake = lake(&[(name, value)]).await;
        let error = lake.error("INSERT INTO lake.shop.t (id) VALUES (1)").await;
        assert!(
            error.contains("insert into table 'shop.t': its property"),
            "{error}"
        );
        assert!(error.contains(expected) && error.contains(name), "{error}");
    }
}
