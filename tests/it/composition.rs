// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The join inside other SQL gives what the same SQL gives over the join's answer kept as a table.
//!
//! Random joins (see `feast_testkit::scenario`) are put into the shapes of [`SHAPES`] twice: as a call, where
//! rules move filters and limits through it and leave features out, and as a table that holds its answer. The
//! entity rows have a number, so that a limit over an order has one answer.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion_feast::FeastContext;
use feast_testkit::compare::{RowOrder, compare};
use feast_testkit::define::name;
use feast_testkit::scenario::{ENTITY_TABLE, Scenario, Table};

use crate::seeds::each_seed;
use crate::tables::{register, text};

const SCENARIOS: u64 = 20;

/// Partitions and batch size.
const SETTINGS: [(usize, usize); 2] = [(1, 8192), (4, 2)];

/// `{j}`: the join. `{e}`, `{t}`: a column of the entity rows and their time; `{f}`, `{g}`: features; `{n}`: the
/// number of an entity row. What begins with `=` has one order.
const SHAPES: &[&str] = &[
    "SELECT * FROM {j}",
    "SELECT {f} FROM {j}",
    "SELECT {g}, {n}, {f} FROM {j}",
    "SELECT count(*), count({f}) AS f, count({g}) AS g, count({e}) AS e FROM {j}",
    "SELECT {e}, count({f}) AS f, max({n}) AS n FROM {j} GROUP BY {e}",
    "SELECT DISTINCT {e}, {f} IS NULL AS missing FROM {j}",
    "SELECT {n} FROM {j} WHERE {f} IS NOT NULL",
    "SELECT * FROM {j} WHERE {n} % 3 = 1",
    "SELECT {n}, {f} FROM {j} WHERE {n} > 2 AND ({g} IS NULL OR {e} IS NULL)",
    "SELECT * FROM {j} WHERE {t} > (SELECT min({t}) FROM {j})",
    "SELECT * FROM {j} WHERE {n} IN (SELECT {n} FROM {j} WHERE {f} IS NOT NULL)",
    "SELECT {n} FROM {j} AS a WHERE EXISTS (SELECT 1 FROM {j} AS b WHERE b.{n} = a.{n} + 1 AND b.{g} IS NULL)",
    "SELECT a.{n} AS a, b.{n} AS b, a.{f} AS f, b.{g} AS g FROM {j} AS a JOIN {j} AS b ON a.{n} = b.{n} + 1",
    "SELECT a.{n} AS n, b.{f} AS f FROM {j} AS a LEFT JOIN (SELECT * FROM {j} WHERE {f} IS NULL) AS b ON a.{n} = b.{n}",
    "SELECT {n}, {f} FROM {j} UNION ALL SELECT {n} + 100, {f} FROM {j} WHERE {n} < 5",
    "SELECT {n} FROM {j} EXCEPT SELECT {n} FROM {j} WHERE {g} IS NULL",
    "WITH j AS (SELECT * FROM {j}) SELECT x.{n}, x.{f} FROM j AS x, j AS y WHERE x.{n} = y.{n} AND y.{n} > 1",
    "SELECT {n}, count({f}) OVER (PARTITION BY {e} ORDER BY {n}) AS so_far FROM {j}",
    "SELECT n, c FROM (SELECT {n} * 2 AS n, {f} AS c, {t} AS at FROM {j}) WHERE n > 4 AND at IS NOT NULL",
    "SELECT count(*) FROM (SELECT {f} FROM {j} LIMIT 3)",
    "=SELECT * FROM {j} ORDER BY {n} DESC LIMIT 7",
    "=SELECT {f}, {n} FROM {j} AS t ORDER BY t.{n} LIMIT 4 OFFSET 2",
    "=SELECT {n}, {g} FROM {j} ORDER BY {t} DESC NULLS LAST, {n} LIMIT 5 OFFSET 1",
    "=SELECT n, {f} FROM (SELECT {n} + 1 AS n, {f}, {t} FROM {j} WHERE {n} > 1) ORDER BY {t} NULLS FIRST, n DESC LIMIT 6",
    "=SELECT {n}, {f} IS NULL AS missing FROM {j} ORDER BY missing, {n} LIMIT 5",
    "=SELECT {n}, {f} FROM (SELECT * FROM {j} ORDER BY {n} LIMIT 8) WHERE {f} IS NULL ORDER BY {n} DESC",
];

#[test]
fn composition_agrees_with_a_table() {
    each_seed(SCENARIOS, "queries", agrees);
}

async fn agrees(seed: u64) -> Result<usize, String> {
    let scenario = Scenario::draw(seed).map_err(text)?;
    let feast = FeastContext::builder().build().await.map_err(text)?;
    let entity = numbered(&scenario.entity);
    register(
        &feast,
        ENTITY_TABLE,
        Arc::clone(&entity.schema),
        entity.partitions,
    )?;
    for view in &scenario.views {
        let table = &view.source;
        let schema = Arc::clone(&table.schema);
        register(
            &feast,
            &view.source_name(),
            schema,
            table.partitions.clone(),
        )?;
    }
    for definition in scenario.definitions() {
        run(&feast, &definition).await?;
    }
    let call = call(&scenario, seed.is_multiple_of(2));
    let (schema, rows) = run(&feast, &format!("SELECT * FROM {call}")).await?;
    register(&feast, "kept", Arc::clone(&schema), vec![rows])?;
    let mut compared = 0;
    for (partitions, batch_size) in SETTINGS {
        set(&feast, partitions, batch_size);
        for shape in SHAPES {
            let (order, shape) = match shape.strip_prefix('=') {
                Some(shape) => (RowOrder::Exact, shape),
                None => (RowOrder::Any, *shape),
            };
            let shape = filled(shape, &scenario, &schema, seed);
            let asked = shape.replace("{j}", &call);
            same(&feast, &asked, &shape.replace("{j}", "kept"), order)
                .await
                .map_err(|e| format!("{partitions} partitions of {batch_size}: {asked}\n{e}"))?;
            compared += 1;
        }
    }
    Ok(compared)
}

/// Both queries give the same rows, or both are refused.
async fn same(
    feast: &FeastContext,
    asked: &str,
    kept: &str,
    order: RowOrder,
) -> Result<(), String> {
    match (run(feast, asked).await, run(feast, kept).await) {
        (Ok((schema, rows)), Ok((kept, expected))) => {
            let expected = arrow::compute::concat_batches(&kept, &expected).map_err(text)?;
            compare(&expected, &schema, &rows, order).map_err(text)
        }
        (Err(_), Err(_)) => Ok(()),
        (Err(error), Ok(_)) => Err(format!("only the call is refused: {error}")),
        (Ok(_), Err(error)) => Err(format!("only the table is refused: {error}")),
    }
}

/// The entity rows with their number.
fn numbered(entity: &Table) -> Table {
    let mut fields: Vec<_> = entity.schema.fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new(NUMBER, DataType::Int64, true)));
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let mut first = 0;
    let mut number = |batch: &RecordBatch| {
        let rows = i64::try_from(batch.num_rows()).unwrap();
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(first..first + rows));
        first += rows;
        let mut columns = batch.columns().to_vec();
        columns.push(numbers);
        RecordBatch::try_new(Arc::clone(&schema), columns).unwrap()
    };
    let partitions = entity
        .partitions
        .iter()
        .map(|batches| batches.iter().map(&mut number).collect())
        .collect();
    Table { schema, partitions }
}

const NUMBER: &str = "row number";

/// The call, as it stands behind FROM.
fn call(scenario: &Scenario, provenance: bool) -> String {
    let query = scenario.call();
    let call = query.strip_prefix("SELECT * FROM ").unwrap();
    match provenance {
        true => format!("{}, provenance => true)", call.strip_suffix(')').unwrap()),
        false => call.to_owned(),
    }
}

/// A shape with columns of this scenario.
fn filled(shape: &str, scenario: &Scenario, schema: &SchemaRef, seed: u64) -> String {
    let features = scenario.entity.schema.fields().len() + 1;
    let all = schema.fields();
    let feature = |nth: usize| name(all[features + nth % (all.len() - features)].name());
    let seed = usize::try_from(seed).unwrap();
    let entity = all[seed % (features - 1)].name();
    shape
        .replace("{e}", &name(entity))
        .replace("{t}", &name(&scenario.entity_time))
        .replace("{f}", &feature(seed))
        .replace("{g}", &feature(seed / 2 + 1))
        .replace("{n}", &name(NUMBER))
}

async fn run(feast: &FeastContext, sql: &str) -> Result<(SchemaRef, Vec<RecordBatch>), String> {
    let failed = |error: datafusion::error::DataFusionError| format!("{sql}\n  {error}");
    let frame = Box::pin(feast.sql(sql)).await.map_err(failed)?;
    let schema = Arc::clone(frame.schema().inner());
    let rows = frame.collect().await.map_err(failed)?;
    Ok((schema, rows))
}

fn set(feast: &FeastContext, partitions: usize, batch_size: usize) {
    let state = feast.session().state_ref();
    let mut state = state.write();
    let execution = &mut state.config_mut().options_mut().execution;
    execution.target_partitions = partitions;
    execution.batch_size = batch_size;
}
