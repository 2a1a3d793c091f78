// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A feature view with its source table.

use arrow::datatypes::DataType;
use arrow::error::ArrowError;

use super::ScenarioView;
use super::dice::Dice;
use super::draw::repeat_rows;
use super::keys::Domain;
use super::table::{Column, Table};
use super::times::{Clock, time_type, times};
use super::values;
use crate::define::{ViewDefinition, name as quoted};

pub(super) fn draw(
    dice: &mut Dice,
    clock: &Clock,
    domains: &[Domain],
    number: usize,
) -> Result<ScenarioView, ArrowError> {
    let name = dice.weighted(&[(80, format!("v{number}")), (20, format!("View {number}"))]);
    let some = dice.within(2..=60);
    let rows = dice.weighted(&[(8, 0), (10, 1), (77, some), (5, 300)]);
    let mut keys = dice.some(domains, 0);
    keys.truncate(3);
    if keys.is_empty() && dice.percent(70) {
        keys.push(dice.pick(domains).clone());
    }
    let mut columns = Vec::new();
    for key in &keys {
        let data_type = key.column_type(dice);
        let cells = key.cells(dice, &data_type, rows);
        columns.push(Column::new(&key.name, data_type, cells));
    }
    let timestamp = dice.weighted(&[(70, "event_timestamp"), (30, "Happened")]);
    columns.push(time_column(dice, clock, timestamp, rows));
    let created = dice.percent(55).then_some("created");
    if let Some(created) = created {
        columns.push(time_column(dice, clock, created, rows));
    }
    let first_of_others = columns.len();
    let tie_break = other_columns(dice, &mut columns, rows);
    repeat_rows(dice, &mut columns, rows);
    blur_rows(dice, &mut columns[first_of_others..], rows);
    let source = Sourced {
        columns,
        first_of_others,
        rows,
    };
    let parts = Parts {
        name,
        keys: &keys,
        timestamp,
        created,
        tie_break,
    };
    source.finish(dice, clock, parts)
}

fn time_column(dice: &mut Dice, clock: &Clock, name: &str, rows: usize) -> Column {
    let data_type = time_type(dice, true);
    let cells = times(dice, clock, &data_type, rows);
    Column::new(name, data_type, cells)
}

/// Appends features, then tie-break columns; gives the names of the tie-break columns, of which one
/// may be a feature.
fn other_columns(dice: &mut Dice, columns: &mut Vec<Column>, rows: usize) -> Vec<String> {
    let mut tie_break = Vec::new();
    for number in 0..dice.within(1..=5) {
        let data_type = values::feature_type(dice);
        let cells = values::cells(dice, &data_type, rows);
        let name = if dice.percent(10) {
            format!("F {number}")
        } else {
            format!("f{number}")
        };
        if dice.percent(5) && data_type == DataType::Int64 {
            tie_break.push(name.clone());
        }
        columns.push(Column::new(name, data_type, cells));
    }
    for number in 0..dice.weighted(&[(60, 0), (30, 1), (10, 2)]) {
        let data_type = values::tie_break_type(dice);
        let cells = values::cells(dice, &data_type, rows);
        let name = format!("order{number}");
        tie_break.push(name.clone());
        columns.push(Column::new(name, data_type, cells));
    }
    tie_break
}

/// Copies one cell of a row to another row, so that rows which tie differ in a few places only.
fn blur_rows(dice: &mut Dice, columns: &mut [Column], rows: usize) {
    if rows < 2 || dice.percent(50) {
        return;
    }
    for _ in 0..rows {
        let (from, to) = (dice.within(0..=rows - 1), dice.within(0..=rows - 1));
        let column = dice.within(0..=columns.len() - 1);
        columns[column].cells[to] = columns[column].cells[from].clone();
    }
}

struct Parts<'a> {
    name: String,
    keys: &'a [Domain],
    timestamp: &'a str,
    created: Option<&'a str>,
    tie_break: Vec<String>,
}

struct Sourced {
    columns: Vec<Column>,
    first_of_others: usize,
    rows: usize,
}

impl Sourced {
    fn finish(
        mut self,
        dice: &mut Dice,
        clock: &Clock,
        parts: Parts<'_>,
    ) -> Result<ScenarioView, ArrowError> {
        let prefix = parts.name.replace(' ', "_");
        let prefixed = dice.percent(75);
        let own_name = |name: &str| match prefixed {
            true => format!("{prefix}_{name}"),
            false => name.to_string(),
        };
        for column in &mut self.columns[self.first_of_others..] {
            column.name = own_name(&column.name);
        }
        let tie_break: Vec<String> = parts.tie_break.iter().map(|name| own_name(name)).collect();
        let features = self.declared_features(dice, &tie_break);
        dice.shuffle(&mut self.columns);
        // Without a declaration the features are the columns that mean nothing else, in the
        // source's order.
        let features = features.unwrap_or_else(|| {
            let own = |c: &&Column| !is_reserved(&c.name, &parts) && !tie_break.contains(&c.name);
            self.columns
                .iter()
                .filter(own)
                .map(|c| (c.name.clone(), None))
                .collect()
        });
        let declared = features
            .iter()
            .map(|(n, t)| Some((n.clone(), t.clone()?)))
            .collect();
        let field_mapping = self.rename_source(dice);
        let partitions = dice.weighted(&[(50, 1), (25, 2), (25, 4)]);
        let definition = ViewDefinition {
            source: quoted(&format!("{}_rows", parts.name)),
            entities: parts.keys.iter().map(|key| key.entity.clone()).collect(),
            features: declared,
            timestamp: parts.timestamp.into(),
            created: parts.created.map(ToString::to_string),
            tie_break,
            field_mapping,
            ttl: clock.ttl(dice),
            name: parts.name,
        };
        Ok(ScenarioView {
            definition,
            keys: parts.keys.iter().map(|key| key.name.clone()).collect(),
            features: features.into_iter().map(|(name, _)| name).collect(),
            source: Table::cut(dice, &self.columns, self.rows, partitions)?,
        })
    }

    /// Features in a random order with their types, where all have a name in SQL.
    fn declared_features(
        &self,
        dice: &mut Dice,
        tie_break: &[String],
    ) -> Option<Vec<(String, Option<String>)>> {
        let others = &self.columns[self.first_of_others..];
        let can_infer = others.iter().any(|c| !tie_break.contains(&c.name));
        if can_infer && dice.percent(25) {
            return None;
        }
        let typed = |c: &Column| Some((c.name.clone(), Some(values::sql_type(&c.data_type)?)));
        let all = others.iter().map(typed).collect::<Option<Vec<_>>>()?;
        Some(dice.some(&all, 1))
    }

    /// Gives some source columns another name, which the field mapping undoes.
    fn rename_source(&mut self, dice: &mut Dice) -> Vec<(String, String)> {
        let share = dice.weighted(&[(70, 0), (20, 20), (10, 100)]);
        let mut mapping = Vec::new();
        for column in &mut self.columns {
            if dice.percent(share) {
                let raw = format!("raw {}", column.name);
                mapping.push((raw.clone(), std::mem::replace(&mut column.name, raw)));
            }
        }
        mapping
    }
}

fn is_reserved(name: &str, parts: &Parts<'_>) -> bool {
    name == parts.timestamp
        || parts.created == Some(name)
        || parts.keys.iter().any(|key| key.name == name)
}
