// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Parquet files as Spark, Hive, Impala and others write one and the same value.

use parquet::column::writer::ColumnWriter;
use parquet::data_type::{ByteArray, FixedLenByteArray, Int96};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::*;

const DAY: i64 = 86_400_000_000;
/// Beyond what nanoseconds since 1970 in 64 bits reach.
const YEAR_3000: i64 = 32_503_680_000_000_000;

/// Values of a column in the physical type of a file.
enum Written {
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Int96(Vec<i64>),
    Bytes(Vec<&'static [u8]>),
    Fixed(Vec<Vec<u8>>),
}

/// A file with one column, required in the file.
fn file(column: &str, written: &Written) -> Vec<u8> {
    let message = format!("message m {{ {column} }}");
    let schema = Arc::new(parse_message_type(&message).unwrap());
    let mut bytes = Vec::new();
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    match (column.untyped(), written) {
        (ColumnWriter::Int32ColumnWriter(to), Written::Int32(values)) => {
            to.write_batch(values, None, None).unwrap()
        }
        (ColumnWriter::Int64ColumnWriter(to), Written::Int64(values)) => {
            to.write_batch(values, None, None).unwrap()
        }
        (ColumnWriter::Int96ColumnWriter(to), Written::Int96(values)) => {
            let values: Vec<Int96> = values.iter().map(|micros| int96(*micros)).collect();
            to.write_batch(&values, None, None).unwrap()
        }
        (ColumnWriter::ByteArrayColumnWriter(to), Written::Bytes(values)) => {
            let values: Vec<ByteArray> =
                values.iter().map(|v| ByteArray::from(v.to_vec())).collect();
            to.write_batch(&values, None, None).unwrap()
        }
        (ColumnWriter::FixedLenByteArrayColumnWriter(to), Written::Fixed(values)) => {
            let fixed = |value: &Vec<u8>| FixedLenByteArray::from(value.clone());
            let values: Vec<FixedLenByteArray> = values.iter().map(fixed).collect();
            to.write_batch(&values, None, None).unwrap()
        }
        _ => panic!("{message} is not of that type"),
    };
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    bytes
}

/// Nanoseconds of the day, and the Julian day.
fn int96(micros: i64) -> Int96 {
    let nanos = micros.rem_euclid(DAY) * 1000;
    let day = (micros.div_euclid(DAY) + 2_440_588) as u32;
    let mut value = Int96::new();
    value.set_data(nanos as u32, (nanos >> 32) as u32, day);
    value
}

/// A column `x` of `ty`, its file, and the values to find.
async fn reads(ty: Type, column: &str, written: Written, values: Vec<Datum>) {
    let columns = vec![Field::optional(1, "x", ty)];
    let schema = Schema {
        id: 0,
        fields: columns.clone(),
    };
    let mut table = TableMaker::new("s3://bucket/foreign", 3, schema, unpartitioned());
    let rows: Vec<Vec<Datum>> = values.into_iter().map(|value| vec![value]).collect();
    let bytes = file(column, &written);
    let data = table.foreign_data_file(bytes, &columns, &rows);
    commit(&mut table, vec![data]);
    let queries = [
        "SELECT count(*) FROM $t WHERE x IS NULL",
        "SELECT x FROM $t ORDER BY x LIMIT 1",
    ];
    check(&table, rows.len(), &queries).await;
    let last = Arc::clone(&table.current().unwrap().data[0]);
    delete_vector(&mut table, &last, &[0]);
    check(&table, rows.len() - 1, &queries).await;
}

fn ints(values: &[i64]) -> Vec<Datum> {
    values.iter().copied().map(int).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn instants_of_every_layout() {
    let micros = vec![0, 1, -1, 86_399_999_999, -DAY, 1_700_000_000_123_456];
    let mut wide = micros.clone();
    wide.push(YEAR_3000);
    let millis: Vec<i64> = vec![0, 1, -1, 1_700_000_000_123];
    let of_millis = ints(&millis.iter().map(|ms| ms * 1000).collect::<Vec<_>>());
    for ty in [Type::Timestamp, Type::Timestamptz] {
        reads(
            ty.clone(),
            "required int96 x = 1;",
            Written::Int96(wide.clone()),
            ints(&wide),
        )
        .await;
        for annotation in [
            "(TIMESTAMP(MICROS,true))",
            "(TIMESTAMP(MICROS,false))",
            "(TIMESTAMP_MICROS)",
        ] {
            let column = format!("required int64 x {annotation} = 1;");
            reads(
                ty.clone(),
                &column,
                Written::Int64(wide.clone()),
                ints(&wide),
            )
            .await;
        }
        for annotation in ["(TIMESTAMP(MILLIS,true))", "(TIMESTAMP_MILLIS)"] {
            let column = format!("required int64 x {annotation} = 1;");
            reads(
                ty.clone(),
                &column,
                Written::Int64(millis.clone()),
                of_millis.clone(),
            )
            .await;
        }
    }
    for ty in [Type::TimestampNs, Type::TimestamptzNs] {
        let column = "required int64 x (TIMESTAMP(NANOS,false)) = 1;";
        reads(ty, column, Written::Int64(micros.clone()), ints(&micros)).await;
    }
    let times = vec![0, 1, 86_399_999_999];
    let column = "required int64 x (TIME(MICROS,false)) = 1;";
    reads(
        Type::Time,
        column,
        Written::Int64(times.clone()),
        ints(&times),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn decimals_of_every_layout() {
    let values = [0, 1, -1, 12_345, -12_345, 999_999_999];
    let found: Vec<Datum> = values
        .iter()
        .map(|v| Datum::Decimal(i128::from(*v)))
        .collect();
    let ty = || Type::Decimal(9, 2);
    let narrow: Vec<i32> = values.iter().map(|v| *v as i32).collect();
    let wide: Vec<i64> = values.to_vec();
    let column = "required int32 x (DECIMAL(9,2)) = 1;";
    reads(ty(), column, Written::Int32(narrow), found.clone()).await;
    let column = "required int64 x (DECIMAL(9,2)) = 1;";
    reads(ty(), column, Written::Int64(wide.clone()), found.clone()).await;
    for length in [4, 5, 16] {
        let bytes = |v: &i64| i128::from(*v).to_be_bytes()[16 - length..].to_vec();
        let column = format!("required fixed_len_byte_array({length}) x (DECIMAL(9,2)) = 1;");
        let fixed = wide.iter().map(bytes).collect();
        reads(ty(), &column, Written::Fixed(fixed), found.clone()).await;
    }
    let column = "required binary x (DECIMAL(9,2)) = 1;";
    let bytes: Vec<&'static [u8]> = vec![&[0], &[1], &[0xff], &[0x30, 0x39], &[0xcf, 0xc7]];
    reads(ty(), column, Written::Bytes(bytes), found[..5].to_vec()).await;
    // A narrower one, as before a promotion.
    let column = "required int32 x (DECIMAL(5,2)) = 1;";
    let few = Written::Int32(vec![0, -12_345]);
    let found = vec![Datum::Decimal(0), Datum::Decimal(-12_345)];
    reads(Type::Decimal(30, 2), column, few, found).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_and_bytes_of_every_layout() {
    let texts: Vec<&'static [u8]> = vec![b"", b"a", "ü🦀".as_bytes()];
    let found = vec![text(""), text("a"), text("ü🦀")];
    for annotation in ["", "(UTF8)", "(STRING)", "(ENUM)", "(JSON)"] {
        let column = format!("required binary x {annotation} = 1;");
        reads(
            Type::Text,
            &column,
            Written::Bytes(texts.clone()),
            found.clone(),
        )
        .await;
    }
    let bytes: Vec<&'static [u8]> = vec![b"", &[0xff, 0xfe], &[0]];
    let found = bytes.iter().map(|b| Datum::Bytes(b.to_vec())).collect();
    reads(
        Type::Binary,
        "required binary x = 1;",
        Written::Bytes(bytes),
        found,
    )
    .await;
    let found: Vec<Datum> = texts.iter().map(|b| Datum::Bytes(b.to_vec())).collect();
    for annotation in ["(STRING)", "(JSON)", "(BSON)"] {
        let column = format!("required binary x {annotation} = 1;");
        let written = Written::Bytes(texts.clone());
        reads(Type::Binary, &column, written, found.clone()).await;
    }
    let uuids: Vec<Vec<u8>> = vec![vec![0; 16], (0..16).collect()];
    let found: Vec<Datum> = uuids.iter().cloned().map(Datum::Bytes).collect();
    for annotation in ["", "(UUID)"] {
        let column = format!("required fixed_len_byte_array(16) x {annotation} = 1;");
        reads(
            Type::Uuid,
            &column,
            Written::Fixed(uuids.clone()),
            found.clone(),
        )
        .await;
    }
    let fixed = vec![vec![1, 2, 3]];
    let found = vec![Datum::Bytes(vec![1, 2, 3])];
    let column = "required fixed_len_byte_array(3) x = 1;";
    reads(Type::Fixed(3), column, Written::Fixed(fixed), found).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_of_every_layout() {
    let small: Vec<i32> = vec![0, 1, -1, 100];
    let found = ints(&[0, 1, -1, 100]);
    for annotation in ["", "(INT_8)", "(INT_16)", "(INT_32)", "(INTEGER(16,true))"] {
        for ty in [Type::Int, Type::Long] {
            let column = format!("required int32 x {annotation} = 1;");
            reads(ty, &column, Written::Int32(small.clone()), found.clone()).await;
        }
    }
    let column = "required int64 x (INT_64) = 1;";
    let large = vec![i64::MIN, i64::MAX];
    reads(
        Type::Long,
        column,
        Written::Int64(large.clone()),
        ints(&large),
    )
    .await;
    let days = vec![-719_162, 0, 19_000];
    let column = "required int32 x (DATE) = 1;";
    let found = ints(&[-719_162, 0, 19_000]);
    reads(Type::Date, column, Written::Int32(days), found).await;
}
