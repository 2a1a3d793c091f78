// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Predicates that must prune, so that pruning cannot die unnoticed, and some that must not.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::SessionContext;
use iceberg::spec::{DataFile, Datum, NestedField, PrimitiveType as T, Schema, Type};

use super::super::bounds::bound_facts;
use super::super::containers::{Containers, may_match};
use super::file;
use crate::schema::TableColumns;

/// Columns and their bounds.
fn bounded() -> Vec<(&'static str, Datum, Datum)> {
    let uuid = |text: &str| Datum::uuid_from_str(text).unwrap();
    let decimal = |unscaled: i128| {
        let decimal = T::Decimal {
            precision: 9,
            scale: 2,
        };
        Datum::try_from_bytes(&unscaled.to_be_bytes(), decimal).unwrap()
    };
    let nanos = |v: i64| Datum::try_from_bytes(&v.to_le_bytes(), T::TimestampNs).unwrap();
    let day = 86_400_000_000;
    vec![
        ("flag", Datum::bool(false), Datum::bool(false)),
        ("i", Datum::int(10), Datum::int(20)),
        ("l", Datum::long(10), Datum::long(20)),
        ("f", Datum::float(1.0), Datum::float(2.0)),
        ("d", Datum::double(1.0), Datum::double(2.0)),
        ("dec", decimal(1_000), decimal(2_000)),
        ("day", Datum::date(100), Datum::date(200)),
        (
            "t",
            Datum::time_micros(10).unwrap(),
            Datum::time_micros(20).unwrap(),
        ),
        (
            "ts",
            Datum::timestamp_micros(100 * day),
            Datum::timestamp_micros(200 * day),
        ),
        (
            "tz",
            Datum::timestamptz_micros(100 * day),
            Datum::timestamptz_micros(200 * day),
        ),
        ("ns", nanos(100_000 * day), nanos(200_000 * day)),
        ("s", Datum::string("gamma"), Datum::string("kappa")),
        ("cut", Datum::string("日本"), Datum::string("日本")),
        ("b", Datum::binary([10, 1]), Datum::binary([20])),
        ("x", Datum::fixed([10, 1]), Datum::fixed([20, 2])),
        (
            "u",
            uuid("10000000-0000-0000-0000-000000000000"),
            uuid("20000000-0000-0000-0000-000000000000"),
        ),
    ]
}

/// A table with one file, whose bounds are those of the columns here.
fn world() -> (TableColumns, DataFile) {
    let (mut fields, mut lower, mut upper) = (Vec::new(), HashMap::new(), HashMap::new());
    for (id, (name, from, to)) in (1..).zip(bounded()) {
        let primitive = Type::Primitive(from.data_type().clone());
        fields.push(Arc::new(NestedField::optional(id, name, primitive)));
        lower.insert(id, from);
        upper.insert(id, to);
    }
    let last = fields.len() as i32;
    fields.push(Arc::new(NestedField::optional(
        last + 1,
        "empty",
        Type::Primitive(T::Long),
    )));
    fields.push(Arc::new(NestedField::optional(
        last + 2,
        "unknown",
        Type::Primitive(T::Long),
    )));
    let mut nulls: HashMap<_, _> = (1..=last).map(|id| (id, 0)).collect();
    nulls.insert(last + 1, 10);
    let nans = fields
        .iter()
        .filter(|f| matches!(f.name.as_str(), "f" | "d"));
    let file = file()
        .nan_value_counts(nans.map(|f| (f.id, 0)).collect())
        .lower_bounds(lower)
        .upper_bounds(upper)
        .null_value_counts(nulls)
        .build()
        .unwrap();
    let schema = Arc::new(Schema::builder().with_fields(fields).build().unwrap());
    (TableColumns::try_new("ns.t", &schema).unwrap(), file)
}

fn may(filter: &str) -> bool {
    let (columns, file) = world();
    let schema = DFSchema::try_from(columns.arrow().as_ref().clone()).unwrap();
    let state = SessionContext::new().state();
    let expr = state.create_logical_expr(filter, &schema).unwrap();
    let context = SimplifyContext::default().with_schema(Arc::new(schema.clone()));
    let simplifier = ExprSimplifier::new(context);
    let expr = simplifier.coerce(expr, &schema).unwrap();
    let expr = simplifier.simplify(expr).unwrap();
    let predicate: Arc<dyn PhysicalExpr> = state.create_physical_expr(expr, &schema).unwrap();
    let facts = |file: &DataFile, column: &_| bound_facts(file, column);
    let rows = |file: &DataFile| Some(file.record_count());
    let files = Containers::collect(&[file], &predicate, &columns, rows, facts);
    may_match(&predicate, columns.arrow(), &files)[0]
}

/// Where the file has no row.
const PRUNED: &[&str] = &[
    "flag",
    "flag = true",
    "flag IS TRUE",
    "i = 9",
    "i = 21",
    "i < 10",
    "i <= 9",
    "i > 20",
    "30 < i",
    "NOT (i <= 20)",
    "i BETWEEN 21 AND 30",
    "i NOT BETWEEN 5 AND 25",
    "i IN (1, 2, 30)",
    "i = 5 OR i = 50",
    "i = 15 AND l = 5",
    "(i = 5 OR l = 5) AND d > 0",
    "i IS NULL",
    "i IS NULL OR l > 20",
    "empty IS NOT NULL",
    "empty = 3",
    "l = CAST(9 AS INT)",
    "CAST(i AS BIGINT) > 20",
    "CAST(l AS DOUBLE) > 20.5",
    "CAST(l AS DECIMAL(20, 3)) > 20.5",
    "TRY_CAST(l AS INT) > 20",
    "f > 2.5",
    "d < 1",
    "d = 0.5",
    "dec > 20.00",
    "dec = 9.99",
    "dec < CAST(10 AS DECIMAL(20, 5))",
    "day = DATE '1970-01-01'",
    "day > DATE '1970-12-31'",
    "CAST(day AS TIMESTAMP) > TIMESTAMP '1970-12-31'",
    "ts < TIMESTAMP '1970-04-01'",
    "ts >= '1971-01-01'",
    "CAST(ts AS DATE) = DATE '1971-01-01'",
    "tz < TIMESTAMP '1970-04-01T00:00:00Z'",
    "tz > arrow_cast('1971-01-01T00:00:00', 'Timestamp(Microsecond, Some(\"UTC\"))')",
    "ns < TIMESTAMP '1970-04-01'",
    "s = 'delta'",
    "s > 'l'",
    "s < 'g'",
    "s LIKE 'delta%'",
    "s LIKE 'a_b'",
    "s LIKE 'zeta'",
    "starts_with(s, 'delta')",
    "s IN ('a', 'z')",
    "cut < '日'",
    "cut > '日札'",
    "b = arrow_cast(X'0900', 'LargeBinary')",
    "b > arrow_cast(X'15', 'LargeBinary')",
    "x = arrow_cast(X'0900', 'FixedSizeBinary(2)')",
    "u = arrow_cast(X'30000000000000000000000000000000', 'FixedSizeBinary(16)')",
    "t > arrow_cast(30, 'Time64(Microsecond)')",
];

#[test]
fn predicates_that_prune() {
    let items: Vec<_> = (30..70).map(|v| v.to_string()).collect();
    let list = items.join(", ");
    let lists = [
        format!("i IN ({list})"),
        format!("i IN ({list}) OR l = 3"),
        format!("CAST(i AS BIGINT) IN ({list})"),
    ];
    let filters = PRUNED
        .iter()
        .copied()
        .chain(lists.iter().map(String::as_str));
    let kept: Vec<_> = filters.filter(|filter| may(filter)).collect();
    assert!(kept.is_empty(), "these prune nothing: {kept:#?}");
}

#[test]
fn predicates_that_may_hold() {
    let filters = [
        "i = 10",
        "i = 20",
        "i <> 15",
        "i IS NOT NULL",
        "unknown IS NULL",
        "unknown = 1",
        "flag = false",
        "NOT flag",
        "s LIKE '%delta'",
        "s LIKE 'h%'",
        "s = 'kappa and more'",
        "cut = '日本語'",
        "b = arrow_cast(X'14FF', 'LargeBinary')",
        "u = arrow_cast(X'20000000000000000000000000000001', 'FixedSizeBinary(16)')",
        "date_trunc('year', ts) = TIMESTAMP '2000-01-01'",
        "abs(i) = 3",
        "i + 1 = 3",
        "CAST(i AS VARCHAR) LIKE '3%'",
        "CAST(i AS BOOLEAN) = false",
        "CAST(ts AS TIME) = '00:00:01'",
        "-i > 5",
        "i = 5 OR random() > 2",
    ];
    let pruned: Vec<_> = filters.iter().filter(|filter| !may(filter)).collect();
    assert!(pruned.is_empty(), "these must not prune: {pruned:#?}");
}

#[test]
fn an_escaped_pattern_loses_no_row() {
    let mut file = file();
    let text = "foo%a";
    file.lower_bounds(HashMap::from([(2, Datum::string(text))]));
    file.upper_bounds(HashMap::from([(2, Datum::string(text))]));
    let pattern = datafusion::prelude::lit(ScalarValue::Utf8(Some("foo\\%%".to_string())));
    let like = datafusion::prelude::col("name").like(pattern);
    assert!(super::file_may(&file.build().unwrap(), like));
}
