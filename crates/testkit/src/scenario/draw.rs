// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A whole scenario: keys, clock, views, entity rows, call.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, TimeUnit};
use arrow::error::ArrowError;

use super::dice::Dice;
use super::keys::Domain;
use super::request::{self, Request};
use super::table::{Column, Table};
use super::times::{Clock, time_type, times};
use super::values;
use super::view;
use super::{Scenario, Storage};
use crate::define::EntityDefinition;
use crate::oracle::Value;

pub(super) fn scenario(seed: u64) -> Result<Scenario, ArrowError> {
    let mut dice = Dice::new(seed);
    let dice = &mut dice;
    let clock = Clock::draw(dice);
    let domains: Vec<Domain> = (0..dice.within(1..=4))
        .map(|number| Domain::draw(dice, number))
        .collect();
    let view_count = dice.weighted(&[(50, 1), (25, 2), (15, 3), (10, 4)]);
    let views = (0..view_count)
        .map(|number| view::draw(dice, &clock, &domains, number))
        .collect::<Result<Vec<_>, _>>()?;
    let entities = domains.iter().map(|domain| EntityDefinition {
        name: domain.entity.clone(),
        join_key: domain.name.clone(),
        sql_type: domain.sql_type(dice),
    });
    let entities = entities.collect();
    let aliases = dice.percent(25);
    let table = entity_table(dice, &clock, &domains, aliases)?;
    let Request {
        projections,
        by_service,
        full_feature_names,
    } = request::draw(dice, &views, aliases);
    Ok(Scenario {
        seed,
        entity: table.table,
        entity_time: table.time,
        names_time: table.named,
        entities,
        views,
        projections,
        by_service,
        full_feature_names,
        created_cutoff: dice.percent(35),
        storage: storage(dice),
    })
}

fn storage(dice: &mut Dice) -> Storage {
    if !dice.percent(30) {
        return Storage::default();
    }
    Storage {
        entity_in_file: dice.percent(40),
        sources_in_files: dice.percent(85),
        rows_a_group: dice.within(1..=12),
    }
}

struct EntityTable {
    table: Table,
    time: String,
    named: bool,
}

fn entity_table(
    dice: &mut Dice,
    clock: &Clock,
    domains: &[Domain],
    aliases: bool,
) -> Result<EntityTable, ArrowError> {
    let some = dice.within(2..=40);
    let rows = dice.weighted(&[(8, 0), (12, 1), (75, some), (5, 200)]);
    let mut columns = Vec::new();
    for domain in domains {
        let data_type = domain.column_type(dice);
        let cells = domain.cells(dice, &data_type, rows);
        columns.push(Column::new(&domain.name, data_type, cells));
        if aliases {
            let data_type = domain.column_type(dice);
            let cells = domain.cells(dice, &data_type, rows);
            columns.push(Column::new(
                request::other_column(&domain.name),
                data_type,
                cells,
            ));
        }
    }
    columns.extend(extras(dice, clock, rows));
    // A time column that is not called `event_timestamp` is found when no other column could be it.
    let time_like = |c: &Column| matches!(c.data_type, DataType::Timestamp(..) | DataType::Date32);
    let only = !columns.iter().any(time_like);
    let conventional = dice.percent(60);
    let named = (!conventional && !only) || dice.percent(25);
    let time = if conventional {
        "event_timestamp"
    } else {
        "Asked At"
    };
    let data_type = time_type(dice, named);
    let cells = times(dice, clock, &data_type, rows);
    columns.push(Column::new(time, data_type, cells));
    repeat_rows(dice, &mut columns, rows);
    dice.shuffle(&mut columns);
    let partitions = dice.weighted(&[(70, 1), (15, 2), (15, 3)]);
    let table = Table::cut(dice, &columns, rows, partitions)?;
    Ok(EntityTable {
        table,
        time: time.into(),
        named,
    })
}

/// Columns that the join only carries along.
fn extras(dice: &mut Dice, clock: &Clock, rows: usize) -> Vec<Column> {
    let mut columns = Vec::new();
    if dice.percent(60) {
        let numbers = (0..rows as i128).map(Value::Int).collect();
        columns.push(Column::new("row_number", DataType::Int64, numbers));
    }
    let list = DataType::List(Arc::new(Field::new("item", DataType::Int64, true)));
    let kinds = [
        ("label", DataType::Boolean),
        ("weight", DataType::Float64),
        ("Note", DataType::Utf8),
        ("tags", list),
    ];
    for (name, data_type) in dice.some(&kinds, 0) {
        let cells = values::cells(dice, &data_type, rows);
        columns.push(Column::new(name, data_type, cells));
    }
    if dice.percent(20) {
        let data_type = DataType::Timestamp(TimeUnit::Millisecond, super::times::zone(dice));
        let cells = times(dice, clock, &data_type, rows);
        columns.push(Column::new("paid_at", data_type, cells));
    }
    columns
}

/// Makes some rows copies of others.
pub(super) fn repeat_rows(dice: &mut Dice, columns: &mut [Column], rows: usize) {
    let share = dice.weighted(&[(50, 0), (40, 15), (10, 60)]);
    for row in 1..rows {
        if dice.percent(share) {
            let from = dice.within(0..=row - 1);
            for column in columns.iter_mut() {
                column.cells[row] = column.cells[from].clone();
            }
        }
    }
}
