// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Reading the rows of keys directly against a scan of the whole table: the same rows, of the same commits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::util::display::array_value_to_string;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::prelude::SessionContext;
use feast_iceberg::{IcebergCatalogProvider, IcebergTableProvider};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use super::{OnlineLake, rows};
use crate::seeds::{each_seed, number};

const PATH: &str = "$path";
/// Keys are smaller than this; greater ones are in no file, odd ones above half of it in none either.
const KEYS: i64 = 700;

/// A row: the commit that wrote it, and its cells by their columns.
type Row = (i64, BTreeMap<String, String>);

/// A history of writes and deletions of a view with two keys, columns of one value among its features.
async fn written(lake: &OnlineLake, strategy: &str, dice: &mut StdRng) {
    let feast = lake.session().await;
    let source = |rows: i64, from: i64| {
        format!(
            "SELECT CASE WHEN value % {KEYS} > {KEYS} / 2 THEN value % {KEYS} / 2 * 2 ELSE value % {KEYS} END AS k,
                    'c' || CAST(value % 3 AS VARCHAR) AS c,
                    arrow_cast(to_timestamp_micros(1704067200000000 + value % 5 * 86400000000), 'Timestamp(Microsecond, None)') AS ts,
                    value AS v, CAST(NULL AS DOUBLE) AS nothing, CAST({from} AS BIGINT) AS same, value % 2 = 0 AS even,
                    CAST(value AS DOUBLE) / 3 AS d
             FROM generate_series({from}, {})",
            from + rows
        )
    };
    for statement in [
        format!("SET feast.online.partition_strategy = '{strategy}'"),
        format!("CREATE TABLE lake.shop.s AS {}", source(4_000, 1)),
        "CREATE ENTITY k JOIN KEY (k BIGINT)".to_owned(),
        "CREATE ENTITY c JOIN KEY (c VARCHAR)".to_owned(),
        "CREATE FEATURE VIEW v ENTITIES (k, c) FROM lake.shop.s TIMESTAMP ts".to_owned(),
        "MATERIALIZE FEATURE VIEW v".to_owned(),
    ] {
        rows(&feast, &statement).await;
    }
    for _ in 0..dice.random_range(1..4) {
        let (count, from) = (dice.random_range(0..300), dice.random_range(0..9_000));
        match dice.random_range(0..3) {
            0 => {
                rows(
                    &feast,
                    &format!("INSERT INTO lake.shop.s {}", source(count, from)),
                )
                .await;
                rows(&feast, "MATERIALIZE FEATURE VIEW v").await;
            }
            1 => {
                let rows_of = source(count, from);
                rows(
                    &feast,
                    &format!("SELECT * FROM feast_write_online('v', ({rows_of}))"),
                )
                .await;
            }
            _ => {
                let gone = format!("SELECT DISTINCT k, c FROM ({})", source(count, from));
                rows(
                    &feast,
                    &format!("SELECT * FROM feast_delete_online('v', ({gone}))"),
                )
                .await;
            }
        }
    }
}

async fn opened(lake: &OnlineLake) -> IcebergTableProvider {
    let catalog = IcebergCatalogProvider::new(Arc::new(lake.catalog().await), "lake");
    let table = catalog.table("feast_online", "rides__v").await.unwrap();
    table.unwrap()
}

fn cells(rows: &RecordBatch) -> Vec<BTreeMap<String, String>> {
    let cell = |row: usize, column: usize| {
        let (schema, values) = (rows.schema(), rows.column(column));
        let text = match values.is_null(row) {
            true => "NULL".to_owned(),
            false => array_value_to_string(values, row).unwrap(),
        };
        (schema.field(column).name().clone(), text)
    };
    let columns = rows.num_columns();
    (0..rows.num_rows())
        .map(|row| (0..columns).map(|column| cell(row, column)).collect())
        .collect()
}

/// All rows, by a scan.
async fn scanned(table: &IcebergTableProvider) -> Vec<Row> {
    let sequences: BTreeMap<String, i64> = table
        .data_file_sequences()
        .await
        .unwrap()
        .into_iter()
        .collect();
    let session = SessionContext::new();
    let with_path = table.clone().with_path_column().unwrap();
    session.register_table("t", Arc::new(with_path)).unwrap();
    let frame = session.sql("SELECT * FROM t").await.unwrap();
    let mut all = Vec::new();
    for batch in frame.collect().await.unwrap() {
        for mut row in cells(&batch) {
            let path = row.remove(PATH).unwrap();
            all.push((sequences[&path], row));
        }
    }
    all
}

/// Keys of rows that are there and of rows that are not, some of them twice, some with a NULL. With the hash as
/// lookups have it, where `hashed`.
fn keys(all: &[Row], hashed: bool, both: bool, dice: &mut StdRng) -> RecordBatch {
    let count = [1, 3, 40, 400][dice.random_range(0..4)];
    let (mut hashes, mut ids, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..count {
        let row = &all[dice.random_range(0..all.len())].1;
        let known = dice.random_range(0..4) > 0;
        let id = match known {
            true => row["k"].parse().unwrap(),
            false => dice.random_range(-5..KEYS * 2),
        };
        hashes.push(Some(match known {
            true => row["entity_hash"].parse().unwrap(),
            false => dice.random_range(0..4),
        }));
        ids.push((dice.random_range(0..20) > 0).then_some(id));
        texts.push(Some(row["c"].clone()));
    }
    let mut columns: Vec<(&str, ArrayRef)> = vec![("k", Arc::new(Int64Array::from(ids)))];
    if both {
        columns.push(("c", Arc::new(StringArray::from(texts))));
    }
    if hashed {
        columns.insert(0, ("entity_hash", Arc::new(Int32Array::from(hashes))));
    }
    let columns = columns
        .into_iter()
        .map(|(name, values)| (name, values, true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

/// Reads the rows of some keys directly and compares them with those of the scan; how many there are.
async fn compared(
    table: &IcebergTableProvider,
    all: &[Row],
    dice: &mut StdRng,
) -> Result<usize, String> {
    let asked = keys(all, dice.random(), dice.random(), dice);
    let asked_rows: Vec<_> = cells(&asked)
        .into_iter()
        .filter(|key| key.values().all(|cell| cell != "NULL"))
        .collect();
    let wanted: BTreeSet<_> = asked_rows.iter().collect();
    let of_key = |row: &Row| -> BTreeMap<String, String> {
        let schema = asked.schema();
        let names = schema.fields().iter().map(|field| field.name());
        names
            .map(|name| (name.clone(), row.1[name].clone()))
            .collect()
    };
    let plan = table.point_plan(&asked).await.unwrap();
    let plan = plan.ok_or("no plan, though nothing was deleted by files")?;
    let schema = datafusion::catalog::TableProvider::schema(table);
    let mut columns: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    columns.shuffle(dice);
    let read = |found: feast_iceberg::PointRows| -> Vec<Row> {
        let batches = found.batches.into_iter();
        batches
            .flat_map(|it| {
                cells(&it.rows)
                    .into_iter()
                    .map(move |row| (it.sequence, row))
            })
            .collect()
    };
    let runtime = RuntimeEnv::default();
    let found = read(plan.read(&runtime, &columns).await.unwrap());
    // A row may combine parts of two keys, no other ones.
    for row in &found {
        for (name, cell) in of_key(row) {
            if !asked_rows.iter().any(|key| key[&name] == cell) {
                return Err(format!("{row:?} was not asked for by {name}"));
            }
        }
    }
    let exact = |rows: &[Row]| {
        let rows = rows.iter().filter(|row| wanted.contains(&of_key(row)));
        let mut rows: Vec<Row> = rows.cloned().collect();
        rows.sort();
        rows
    };
    let (of_points, of_scan) = (exact(&found), exact(all));
    if of_points != of_scan {
        return Err(format!(
            "keys {asked_rows:?}\n  found {of_points:?}\n  expected {of_scan:?}"
        ));
    }
    // The same rows, whichever columns are read of them.
    columns.truncate(dice.random_range(0..4));
    let mut fewer = read(plan.read(&runtime, &columns).await.unwrap());
    let narrowed = found.iter().map(|(sequence, row)| {
        let cells = row
            .iter()
            .filter(|(name, _)| columns.contains(&name.as_str()));
        (
            *sequence,
            cells.map(|(n, c)| (n.clone(), c.clone())).collect(),
        )
    });
    let mut narrowed: Vec<Row> = narrowed.collect();
    fewer.sort();
    narrowed.sort();
    match fewer == narrowed {
        true => Ok(of_scan.len()),
        false => Err(format!(
            "columns {columns:?}: {fewer:?}\n  expected {narrowed:?}"
        )),
    }
}

#[test]
fn rows_of_keys_are_those_of_a_scan() {
    let seeds = number("FEAST_POINT_SEEDS", 3);
    for strategy in ["entity_hash", "timestamp", "hybrid"] {
        each_seed(seeds, "rows found by their keys", async |seed| {
            let mut dice = StdRng::seed_from_u64(seed);
            let lake = OnlineLake::new().await;
            written(&lake, strategy, &mut dice).await;
            let table = opened(&lake).await;
            let all = scanned(&table).await;
            let mut count = 0;
            for _ in 0..12 {
                let found = compared(&table, &all, &mut dice).await;
                count += found.map_err(|reason| format!("{strategy}: {reason}"))?;
            }
            Ok(count)
        });
    }
}
