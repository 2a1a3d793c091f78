// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Times: few distinct instants, so that ties and exact edges are frequent.

use arrow::datatypes::{DataType, TimeUnit};

use super::dice::Dice;
use crate::oracle::Value;

const SECOND: i128 = 1_000_000_000;
const DAY: i128 = 86_400 * SECOND;
/// 0001-01-01 and 9999-12-31.
const FIRST_YEAR: i128 = -62_135_596_800 * SECOND;
const LAST_YEAR: i128 = 253_402_214_400 * SECOND;

/// The instants of a scenario.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    base: i128,
    step: i128,
    steps: usize,
    extremes: bool,
}

impl Clock {
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let base = dice.weighted(&[
            (70, 1_704_067_200 * SECOND),
            (15, 0),
            (10, 1_704_067_200 * SECOND + 123_456_789),
            (5, -1_000_000_007),
        ]);
        let step = dice.weighted(&[
            (30, DAY),
            (25, SECOND),
            (15, 1_000),
            (15, 1),
            (15, 3_600 * SECOND),
        ]);
        Self {
            base,
            step,
            steps: dice.within(1..=6),
            extremes: dice.percent(8),
        }
    }

    /// A time to live: none, none by zero, exact steps with a little more or less, or huge.
    pub(super) fn ttl(&self, dice: &mut Dice) -> Option<i128> {
        let steps = self.step * dice.within(1..=4) as i128;
        let near = dice.weighted(&[(60, 0), (10, 1), (10, -1), (10, 1_000), (10, -1_000)]);
        let huge = if self.extremes { 40 } else { 5 };
        if dice.percent(huge) {
            return Some(*dice.pick(&[300 * 365 * DAY, 3_650_000 * DAY]));
        }
        match dice.within(0..=9) {
            0..=2 => None,
            3 => Some(0),
            4 => Some(*dice.pick(&[500_000_000, 1])),
            _ => Some((steps + near).max(1)),
        }
    }

    /// A time of a column's type, rounded down to what the type holds.
    pub(super) fn time(&self, dice: &mut Dice, data_type: &DataType) -> Value {
        if self.extremes && dice.percent(50) {
            return extreme(dice, data_type);
        }
        let jitter = dice.weighted(&[(80, 0), (7, 1), (7, -1), (3, 1_000), (3, -1_000)]);
        let step = self.step * dice.within(0..=self.steps) as i128;
        fit(self.base + step + jitter, data_type)
    }
}

/// A column of times with NULLs.
pub(super) fn times(
    dice: &mut Dice,
    clock: &Clock,
    data_type: &DataType,
    rows: usize,
) -> Vec<Value> {
    let nulls = dice.weighted(&[(60, 0), (30, 10), (8, 30), (2, 100)]);
    let mut cell = |_| match dice.percent(nulls) {
        true => Value::Null,
        false => clock.time(dice, data_type),
    };
    (0..rows).map(&mut cell).collect()
}

/// The type of a time column.
pub(super) fn time_type(dice: &mut Dice, dates: bool) -> DataType {
    if dates && dice.percent(6) {
        return DataType::Date32;
    }
    DataType::Timestamp(unit(dice), zone(dice))
}

pub(super) fn unit(dice: &mut Dice) -> TimeUnit {
    dice.weighted(&[
        (50, TimeUnit::Microsecond),
        (25, TimeUnit::Nanosecond),
        (15, TimeUnit::Millisecond),
        (10, TimeUnit::Second),
    ])
}

pub(super) fn zone(dice: &mut Dice) -> Option<std::sync::Arc<str>> {
    let zones = [
        (40, Some("UTC")),
        (35, None),
        (10, Some("+02:00")),
        (5, Some("+00:00")),
        (5, Some("America/New_York")),
        (5, Some("Asia/Kathmandu")),
    ];
    dice.weighted(&zones).map(Into::into)
}

fn nanos_a_tick(data_type: &DataType) -> i128 {
    match data_type {
        DataType::Date32 => DAY,
        DataType::Timestamp(TimeUnit::Second, _) => SECOND,
        DataType::Timestamp(TimeUnit::Millisecond, _) => 1_000_000,
        DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000,
        _ => 1,
    }
}

fn ends(data_type: &DataType) -> (i128, i128) {
    match data_type {
        DataType::Date32 => (i32::MIN.into(), i32::MAX.into()),
        _ => (i64::MIN.into(), i64::MAX.into()),
    }
}

/// An instant as a value of a type: rounded down, and at the type's ends at most.
pub(super) fn fit(nanos: i128, data_type: &DataType) -> Value {
    let (least, greatest) = ends(data_type);
    of_ticks(
        nanos
            .div_euclid(nanos_a_tick(data_type))
            .clamp(least, greatest),
        data_type,
    )
}

fn of_ticks(ticks: i128, data_type: &DataType) -> Value {
    match data_type {
        DataType::Date32 => Value::Date(ticks as i64),
        _ => Value::Instant(ticks * nanos_a_tick(data_type)),
    }
}

fn extreme(dice: &mut Dice, data_type: &DataType) -> Value {
    let (least, greatest) = ends(data_type);
    match dice.within(0..=8) {
        0 => fit(FIRST_YEAR, data_type),
        1 => fit(LAST_YEAR, data_type),
        2 => fit(i64::MIN.into(), data_type),
        3 => fit(i64::MAX.into(), data_type),
        4 => of_ticks(least, data_type),
        5 => of_ticks(greatest, data_type),
        6 => of_ticks(least + 1, data_type),
        7 => of_ticks(greatest - 1, data_type),
        _ => of_ticks(0, data_type),
    }
}
