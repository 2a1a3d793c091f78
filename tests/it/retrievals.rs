// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Provenance and the retrievals without entity rows against the oracle, over random views.
//!
//! What the oracle is asked: the features as of the keys and times that a reading of the rows one by one gives.
//! Provenance is asked of it as two more features.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion_feast::FeastContext;
use feast_testkit::cases::canonical;
use feast_testkit::compare::{RowOrder, compare_rows, rows_of};
use feast_testkit::oracle::{
    PitQuery, PitView, Value, answer, array_from_values, column_values, instant_at, winners,
};
use feast_testkit::scenario::{ENTITY_TABLE, Scenario, Table};

use crate::seeds::each_seed;
use crate::tables::{register, text};

const SCENARIOS: u64 = 40;
/// So many instants are asked of each scenario.
const INSTANTS: usize = 3;

type Rows = Vec<Vec<Value>>;

#[test]
fn retrievals_agree_with_oracle() {
    each_seed(SCENARIOS, "answers", agrees);
}

async fn agrees(seed: u64) -> Result<usize, String> {
    let scenario = Scenario::draw(seed).map_err(text)?;
    let feast = FeastContext::builder().build().await.map_err(text)?;
    let give = |table: &str, rows: &Table| {
        let schema = Arc::clone(&rows.schema);
        register(&feast, table, schema, rows.partitions.clone())
    };
    give(ENTITY_TABLE, &scenario.entity)?;
    for view in &scenario.views {
        give(&view.source_name(), &view.source)?;
    }
    for definition in scenario.definitions() {
        run(&feast, &definition).await?;
    }
    provenance_is_right(&feast, &scenario).await?;
    let mut compared = 1;
    let query = scenario.query().map_err(text)?;
    for (projection, view) in scenario.projections.iter().zip(&query.views) {
        let known = &scenario.views[projection.view];
        let one = One {
            feast: &feast,
            reference: known.definition.name.clone(),
            view: PitView {
                keys: view
                    .keys
                    .iter()
                    .map(|(k, _)| (k.clone(), k.clone()))
                    .collect(),
                requested: known.features.clone(),
                ..view.clone()
            },
            cutoff: query.created_cutoff,
        };
        if one.view.keys.iter().any(|(key, _)| key == TIME) {
            continue;
        }
        for at in instants(&one.view, &query, seed)? {
            one.snapshot_is_right(at).await?;
            one.windows_are_right(at).await?;
            compared += 3;
        }
    }
    Ok(compared)
}

const TIME: &str = "event_timestamp";

/// A view of which everything is asked.
struct One<'a> {
    feast: &'a FeastContext,
    reference: String,
    view: PitView,
    cutoff: bool,
}

impl One<'_> {
    /// Of all keys at an instant those that have a winner.
    async fn snapshot_is_right(&self, at: i128) -> Result<(), String> {
        let keys: Vec<Vec<Value>> = self.keys()?;
        let mut asked = Vec::new();
        for key in keys {
            let mut row = key;
            row.push(Value::Instant(at));
            asked.push(row);
        }
        let asked = unique(asked);
        let query = self.query(&asked)?;
        let won = winners(&query, &query.views[0]).map_err(text)?;
        let all = self.answered(&query)?;
        let expected = all.into_iter().zip(won).filter(|(_, won)| won.is_some());
        let cutoff = match self.cutoff {
            true => ", filter_by_created_timestamp => true",
            false => "",
        };
        let sql = format!(
            "SELECT * FROM feast_snapshot_at([{}], {}, full_feature_names => true{cutoff})",
            self.features(),
            literal(at)
        );
        self.is_right(&sql, expected.map(|(row, _)| row).collect())
            .await
    }

    /// Every row from an instant on, and every key and time up to it.
    async fn windows_are_right(&self, at: i128) -> Result<(), String> {
        let mut columns: Vec<&str> = self.view.keys.iter().map(|(k, _)| k.as_str()).collect();
        columns.push(&self.view.time);
        let observed = columns.len();
        columns.extend(self.view.requested.iter().map(String::as_str));
        let rows = self.rows(&columns)?;
        let time = |row: &Vec<Value>| match canonical(row[observed - 1].clone()) {
            Value::Instant(time) => Some(time),
            _ => None,
        };
        let from = rows
            .iter()
            .filter(|row| time(row).is_some_and(|time| time >= at));
        let sql = format!(
            "SELECT * FROM feast_all_versions([{}], {}, NULL, full_feature_names => true)",
            self.features(),
            literal(at)
        );
        self.is_right(&sql, from.cloned().collect()).await?;

        let until = rows
            .iter()
            .filter(|row| time(row).is_some_and(|time| time <= at))
            .map(|row| row[..observed].to_vec())
            .filter(|row| !row.iter().any(Value::is_null));
        let query = self.query(&unique(until.collect()))?;
        let sql = format!(
            "SELECT * FROM feast_observed_times([{}], NULL, {}, full_feature_names => true{})",
            self.features(),
            literal(at),
            if self.cutoff {
                ", filter_by_created_timestamp => true"
            } else {
                ""
            }
        );
        self.is_right(&sql, self.answered(&query)?).await
    }

    fn features(&self) -> String {
        format!("'{}:*'", self.reference.replace('\'', "''"))
    }

    async fn is_right(&self, sql: &str, expected: Rows) -> Result<(), String> {
        let (names, rows) = run(self.feast, sql).await?;
        compare_rows(&names, plain(expected), plain(rows), RowOrder::Any)
            .map_err(|difference| format!("{sql}\n{difference}"))
    }

    /// The keys that any row has, none of them NULL.
    fn keys(&self) -> Result<Rows, String> {
        let keys: Vec<&str> = self.view.keys.iter().map(|(k, _)| k.as_str()).collect();
        let mut rows = self.rows(&keys)?;
        rows.retain(|key| !key.iter().any(Value::is_null));
        if keys.is_empty() {
            rows = vec![vec![]];
        }
        Ok(unique(rows))
    }

    fn rows(&self, columns: &[&str]) -> Result<Rows, String> {
        let mut rows = vec![Vec::with_capacity(columns.len()); self.view.rows.num_rows()];
        for column in columns {
            let array = self.view.rows.column_by_name(column).ok_or("no column")?;
            let cells = column_values(array.as_ref()).map_err(text)?;
            rows.iter_mut()
                .zip(cells)
                .for_each(|(row, cell)| row.push(cell));
        }
        Ok(rows)
    }

    /// The question for these keys and times.
    fn query(&self, asked: &Rows) -> Result<PitQuery, String> {
        let mut fields = Vec::new();
        let mut columns = Vec::new();
        for (at, (key, _)) in self.view.keys.iter().enumerate() {
            let array = self.view.rows.column_by_name(key).ok_or("no key")?;
            let cells: Vec<_> = asked.iter().map(|row| row[at].clone()).collect();
            columns.push(array_from_values(array.data_type(), &cells).map_err(text)?);
            fields.push(Field::new(key, array.data_type().clone(), true));
        }
        let last = |row: &Vec<Value>| canonical(row[row.len() - 1].clone());
        let times = times(&asked.iter().map(last).collect::<Vec<_>>())?;
        fields.push(Field::new(TIME, times.data_type().clone(), true));
        columns.push(times);
        let entity = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(text)?;
        Ok(PitQuery {
            entity,
            entity_time: TIME.into(),
            views: vec![self.view.clone()],
            created_cutoff: self.cutoff,
            full_feature_names: true,
        })
    }

    fn answered(&self, query: &PitQuery) -> Result<Rows, String> {
        rows_of(&[answer(query).map_err(text)?]).map_err(text)
    }
}

/// Times in the finest unit that holds them all.
fn times(cells: &[Value]) -> Result<ArrayRef, String> {
    let units = [
        TimeUnit::Nanosecond,
        TimeUnit::Microsecond,
        TimeUnit::Millisecond,
        TimeUnit::Second,
    ];
    let in_unit = |unit| {
        let utc = DataType::Timestamp(unit, Some("UTC".into()));
        array_from_values(&utc, cells).ok()
    };
    let times = units.into_iter().find_map(in_unit);
    times.ok_or_else(|| format!("no unit holds {cells:?}"))
}

/// The winner's times are in the answer, after the features of its view.
async fn provenance_is_right(feast: &FeastContext, scenario: &Scenario) -> Result<(), String> {
    let call = scenario.call();
    let call = call.strip_suffix(')').ok_or("no call")?;
    let sql = format!("{call}, provenance => true)");
    let (names, rows) = run(feast, &sql).await?;
    let mut query = scenario.query().map_err(text)?;
    // Under full names, times asked for as features of several views do not clash.
    query.full_feature_names = true;
    let mut nulls = Vec::new();
    let mut width = query.entity.num_columns();
    for view in &mut query.views {
        view.requested.push(view.time.clone());
        width += view.requested.len();
        match &view.created {
            Some(created) => {
                view.requested.push(created.clone());
                width += 1;
            }
            None => {
                nulls.push(width);
                width += 1;
            }
        }
        nulls.push(width);
        width += 1;
    }
    let mut expected = rows_of(&[answer(&query).map_err(text)?]).map_err(text)?;
    for row in &mut expected {
        for at in &nulls {
            row.insert(*at, Value::Null);
        }
    }
    compare_rows(&names, plain(expected), plain(rows), RowOrder::Any)
        .map_err(|difference| format!("{sql}\n{difference}"))
}

/// Instants at which something may happen: times of rows, and a step beside them.
fn instants(view: &PitView, query: &PitQuery, seed: u64) -> Result<Vec<i128>, String> {
    let mut found = Vec::new();
    let columns = [
        view.rows.column_by_name(&view.time),
        query.entity.column_by_name(&query.entity_time),
    ];
    for column in columns.into_iter().flatten() {
        for row in 0..column.len() {
            found.extend(instant_at(column.as_ref(), row).map_err(text)?);
        }
    }
    // As far as nanoseconds of a literal reach.
    let reach = i128::from(i64::MAX) - 1;
    found.retain(|at| (-reach..reach).contains(at));
    found.sort_unstable();
    found.dedup();
    let step = (found.len() / INSTANTS).max(1);
    let first = usize::try_from(seed).map_err(text)? % step;
    let picked = found.into_iter().skip(first).step_by(step).take(INSTANTS);
    Ok(picked
        .zip([0, 1, -1, 0].into_iter().cycle())
        .map(|(at, by)| at + by)
        .collect())
}

fn literal(at: i128) -> String {
    format!("arrow_cast({at}, 'Timestamp(Nanosecond, Some(\"UTC\"))')")
}

fn plain(rows: Rows) -> Rows {
    rows.into_iter()
        .map(|row| row.into_iter().map(canonical).collect())
        .collect()
}

/// Every row once.
fn unique(mut rows: Rows) -> Rows {
    let order = |a: &Vec<Value>, b: &Vec<Value>| {
        let mut cells = a.iter().zip(b).map(|(a, b)| a.order(b));
        cells.find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
    };
    rows.sort_by(order);
    rows.dedup_by(|a, b| order(a, b).is_eq());
    rows
}

async fn run(feast: &FeastContext, sql: &str) -> Result<(Vec<String>, Rows), String> {
    let failed = |error: datafusion::error::DataFusionError| format!("{sql}\n  {error}");
    let frame = Box::pin(feast.sql(sql)).await.map_err(failed)?;
    let names = frame.schema().fields().iter().map(|f| f.name().clone());
    let names = names.collect();
    let rows = frame.collect().await.map_err(failed)?;
    Ok((names, rows_of(&rows).map_err(text)?))
}
