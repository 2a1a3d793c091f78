// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

mod avro_files;
mod decoding;
mod deletes;
mod many;
mod pruned;
mod soundness;
mod spellings;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::{SessionContext, col, in_list, lit};
use iceberg::spec::{
    DataContentType, DataFile, DataFileBuilder, DataFileFormat, Datum, FieldSummary, Literal,
    NestedField, PartitionSpec, PrimitiveLiteral, PrimitiveType, Schema, Struct, Transform, Type,
    UnboundPartitionField,
};

use super::bounds::bound_facts;
use super::containers::{Containers, may_match};
use super::facts::{ColumnFacts, Nulls};
use super::partitions::{summary_facts, tuple_facts};
use super::transforms::{after_prefix, greatest, least};
use crate::schema::TableColumns;

fn schema() -> Arc<Schema> {
    let field =
        |id, name, primitive| Arc::new(NestedField::optional(id, name, Type::Primitive(primitive)));
    let fields = [
        field(1, "id", PrimitiveType::Long),
        field(2, "name", PrimitiveType::String),
        field(3, "ts", PrimitiveType::Timestamptz),
        field(4, "x", PrimitiveType::Double),
        field(5, "day", PrimitiveType::Date),
    ];
    Arc::new(Schema::builder().with_fields(fields).build().unwrap())
}

fn columns() -> TableColumns {
    TableColumns::try_new("ns.t", &schema()).unwrap()
}

fn physical(expr: Expr, columns: &TableColumns) -> Arc<dyn PhysicalExpr> {
    let schema = DFSchema::try_from(columns.arrow().as_ref().clone()).unwrap();
    SessionContext::new()
        .create_physical_expr(expr, &schema)
        .unwrap()
}

fn spec(fields: &[(i32, &str, Transform)]) -> PartitionSpec {
    let field = |(id, name, transform): &(i32, &str, Transform)| UnboundPartitionField {
        source_id: *id,
        field_id: None,
        name: (*name).to_string(),
        transform: *transform,
    };
    let fields = fields.iter().map(field);
    PartitionSpec::builder(schema())
        .add_unbound_fields(fields)
        .unwrap()
        .build()
        .unwrap()
}

/// Whether a file of this partition may have rows for a filter.
fn partition_may(spec: &PartitionSpec, tuple: Vec<Option<Literal>>, filter: Expr) -> bool {
    let columns = columns();
    let predicate = physical(filter, &columns);
    let tuple = Struct::from_iter(tuple);
    let facts = |(): &(), column: &_| tuple_facts(spec, &tuple, column);
    let files = Containers::collect(&[()], &predicate, &columns, |()| Some(10), facts);
    may_match(&predicate, columns.arrow(), &files)[0]
}

fn file() -> DataFileBuilder {
    let mut builder = DataFileBuilder::default();
    builder
        .content(DataContentType::Data)
        .file_path("s3://b/f.parquet".to_string())
        .file_format(DataFileFormat::Parquet)
        .partition(Struct::empty())
        .record_count(10)
        .file_size_in_bytes(1)
        .partition_spec_id(0);
    builder
}

fn bounds(id: i32, lower: Datum, upper: Datum) -> DataFile {
    file()
        .lower_bounds(HashMap::from([(id, lower)]))
        .upper_bounds(HashMap::from([(id, upper)]))
        .build()
        .unwrap()
}

fn file_may(file: &DataFile, filter: Expr) -> bool {
    let columns = columns();
    let predicate = physical(filter, &columns);
    let rows = |file: &&DataFile| Some(file.record_count());
    let facts = |file: &&DataFile, column: &_| bound_facts(file, column);
    let files = Containers::collect(&[file], &predicate, &columns, rows, facts);
    may_match(&predicate, columns.arrow(), &files)[0]
}

fn time(micros: i64) -> Expr {
    lit(ScalarValue::TimestampMicrosecond(
        Some(micros),
        Some("UTC".into()),
    ))
}

const HOUR: i64 = 3_600_000_000;

#[test]
fn identity_partitions_prune_by_value_and_null() {
    let spec = spec(&[(1, "id", Transform::Identity)]);
    let value = || vec![Some(Literal::long(7))];
    assert!(partition_may(&spec, value(), col("id").eq(lit(7_i64))));
    assert!(!partition_may(&spec, value(), col("id").gt(lit(7_i64))));
    assert!(!partition_may(&spec, value(), col("id").is_null()));
    assert!(partition_may(&spec, vec![None], col("id").is_null()));
    assert!(!partition_may(&spec, vec![None], col("id").eq(lit(7_i64))));
    assert!(partition_may(
        &spec,
        value(),
        col("name").eq(lit("other column"))
    ));
}

#[test]
fn time_partitions_keep_every_row_of_their_unit() {
    let day = spec(&[(3, "ts_day", Transform::Day)]);
    let tuple = || vec![Some(Literal::date(10))];
    for (micros, may) in [
        (240 * HOUR, true),
        (264 * HOUR - 1, true),
        (264 * HOUR, false),
        (240 * HOUR - 1, false),
    ] {
        assert_eq!(
            partition_may(&day, tuple(), col("ts").eq(time(micros))),
            may,
            "{micros}"
        );
    }
    // Written by an old version: -1 hour was rounded up to the unit 0.
    let hour = spec(&[(3, "ts_hour", Transform::Hour)]);
    assert!(partition_may(
        &hour,
        vec![Some(Literal::int(0))],
        col("ts").eq(time(-HOUR / 2))
    ));
    let month = spec(&[(5, "day_month", Transform::Month)]);
    let february = || vec![Some(Literal::int(-11))];
    let date = |days| lit(ScalarValue::Date32(Some(days)));
    assert!(partition_may(&month, february(), col("day").eq(date(-310))));
    assert!(!partition_may(
        &month,
        february(),
        col("day").eq(date(-306))
    ));
}

#[test]
fn truncated_and_bucketed_partitions() {
    let width = spec(&[(1, "id_trunc", Transform::Truncate(10))]);
    let tens = || vec![Some(Literal::long(-10))];
    for (id, may) in [(-11, false), (-10, true), (-1, true), (0, false)] {
        assert_eq!(
            partition_may(&width, tens(), col("id").eq(lit(id as i64))),
            may,
            "{id}"
        );
    }
    let prefix = spec(&[(2, "name_trunc", Transform::Truncate(2))]);
    let ab = || vec![Some(Literal::string("ab"))];
    for (name, may) in [
        ("ab", true),
        ("abzz\u{10FFFF}", true),
        ("ac", true),
        ("ad", false),
    ] {
        assert_eq!(
            partition_may(&prefix, ab(), col("name").eq(lit(name))),
            may,
            "{name}"
        );
    }
    let bucket = spec(&[(1, "id_bucket", Transform::Bucket(16))]);
    // The specification's hash of 34 is 2017239379, which is 3 modulo 16.
    let in_bucket = |n| vec![Some(Literal::int(n))];
    assert!(partition_may(
        &bucket,
        in_bucket(3),
        col("id").eq(lit(34_i64))
    ));
    assert!(!partition_may(
        &bucket,
        in_bucket(4),
        col("id").eq(lit(34_i64))
    ));
    assert!(partition_may(
        &bucket,
        in_bucket(4),
        col("id").gt(lit(34_i64))
    ));
    let many = in_list(col("id"), vec![lit(34_i64), lit(35_i64)], false);
    assert!(partition_may(&bucket, in_bucket(3), many));
}

#[test]
fn fields_of_other_or_evolved_specs_do_not_mislead() {
    let void = spec(&[(1, "id_void", Transform::Void)]);
    assert!(partition_may(&void, vec![None], col("id").eq(lit(7_i64))));
    let identity = spec(&[(1, "id", Transform::Identity)]);
    let too_long = vec![Some(Literal::long(7)), Some(Literal::long(8))];
    assert!(partition_may(&identity, too_long, col("id").eq(lit(9_i64))));
    // Written when the column was an int.
    let as_int = || vec![Some(Literal::int(7))];
    assert!(partition_may(&identity, as_int(), col("id").eq(lit(7_i64))));
    assert!(!partition_may(
        &identity,
        as_int(),
        col("id").eq(lit(8_i64))
    ));
}

#[test]
fn manifest_summaries_bound_their_partitions() {
    let (columns, spec) = (columns(), spec(&[(3, "ts_day", Transform::Day)]));
    let bytes = |days: i32| Some(days.to_le_bytes().to_vec().into());
    let summary = FieldSummary {
        contains_null: false,
        contains_nan: None,
        lower_bound: bytes(10),
        upper_bound: bytes(11),
    };
    let column = columns.column("ts").unwrap();
    let facts = summary_facts(&spec, std::slice::from_ref(&summary), column);
    let zoned = |v| {
        Some(ScalarValue::TimestampMicrosecond(
            Some(v),
            Some("UTC".into()),
        ))
    };
    assert_eq!(
        (facts.min, facts.max),
        (zoned(240 * HOUR), zoned(288 * HOUR - 1))
    );
    assert_eq!(facts.nulls, Nulls::Count(0));
    let unknown = summary_facts(&spec, &[summary.clone(), summary], column);
    assert!(unknown.min.is_none() && unknown.nulls == Nulls::Unknown);
}

#[test]
fn cut_string_bounds_lose_no_row() {
    // Both bounds cut after four characters, the upper one not rounded up.
    let file = bounds(2, Datum::string("aaaa"), Datum::string("mmmm"));
    for (name, may) in [
        ("aaaab", true),
        ("mmmmzzz", true),
        ("aaa", false),
        ("n", false),
    ] {
        assert_eq!(file_may(&file, col("name").eq(lit(name))), may, "{name}");
    }
    assert_eq!(after_prefix("a\u{D7FF}").as_deref(), Some("a\u{E000}"));
    assert_eq!(after_prefix("a\u{10FFFF}").as_deref(), Some("b"));
    assert_eq!(after_prefix("\u{10FFFF}"), None);
}

#[test]
fn bounds_that_do_not_bind_prune_nothing() {
    let nan = bounds(4, Datum::double(1.0), Datum::double(2.0));
    assert!(
        file_may(&nan, col("x").gt(lit(5.0))),
        "NaN counts are unknown"
    );
    let mut counted = file();
    counted.lower_bounds(HashMap::from([(4, Datum::double(0.0))]));
    counted.upper_bounds(HashMap::from([(4, Datum::double(2.0))]));
    counted.nan_value_counts(HashMap::from([(4, 0)]));
    let counted = counted.build().unwrap();
    assert!(!file_may(&counted, col("x").gt(lit(5.0))));
    assert!(file_may(&counted, col("x").eq(lit(-0.0))));
    let contradicting = bounds(1, Datum::long(9), Datum::long(1));
    assert!(file_may(&contradicting, col("id").eq(lit(5_i64))));
    let other_type = bounds(1, Datum::string("a"), Datum::string("b"));
    assert!(file_may(&other_type, col("id").eq(lit(5_i64))));
    let promoted = bounds(1, Datum::int(1), Datum::int(3));
    assert!(file_may(&promoted, col("id").eq(lit(3_i64))));
    assert!(!file_may(&promoted, col("id").eq(lit(4_i64))));
    let casted = col("id").eq(lit(4_i64)).or(col("name").is_null());
    assert!(file_may(&promoted, casted), "NULL counts are unknown");
}

#[test]
fn null_counts_prune() {
    let with_nulls = |count| {
        let mut file = file();
        file.null_value_counts(HashMap::from([(1, count)]));
        file.build().unwrap()
    };
    assert!(!file_may(&with_nulls(0), col("id").is_null()));
    assert!(file_may(&with_nulls(1), col("id").is_null()));
    assert!(!file_may(&with_nulls(10), col("id").is_not_null()));
    assert!(
        file_may(&with_nulls(11), col("id").is_not_null()),
        "more NULLs than rows"
    );
}

#[test]
fn long_lists_prune_by_bounds() {
    let file = bounds(1, Datum::long(100), Datum::long(200));
    let list = |from: i64| (from..from + 50).map(lit).collect();
    assert!(!file_may(&file, in_list(col("id"), list(0), false)));
    assert!(file_may(&file, in_list(col("id"), list(80), false)));
}

#[test]
fn facts_combine_to_the_tighter_bound() {
    let int = |v| Some(ScalarValue::Int64(Some(v)));
    let facts = |min, max| ColumnFacts {
        min,
        max,
        ..ColumnFacts::default()
    };
    let both = facts(int(1), int(9)).and(facts(int(3), None));
    assert_eq!((both.min, both.max), (int(3), int(9)));
    let both = facts(None, int(9)).and(facts(int(3), int(5)));
    assert_eq!((both.min, both.max), (int(3), int(5)));
}

#[test]
fn years_before_the_common_era_do_not_overflow() {
    let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
    for year in [i32::MIN, i32::MAX] {
        let value = PrimitiveLiteral::Int(year);
        assert_eq!(least(Transform::Year, &value, &micros), None);
        assert_eq!(greatest(Transform::Year, &value, &micros), None);
    }
}
