// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Instants that a call names, compared exactly with time columns of any unit.

use std::time::Duration;

use arrow::datatypes::{DataType, TimeUnit};
use chrono::{DateTime, SecondsFormat, Utc};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::{Expr, lit};

use super::Call;

/// Nanoseconds of a day.
const DAY: i128 = 86_400_000_000_000;

/// An instant and the unit it was given in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instant {
    value: i64,
    unit: TimeUnit,
}

impl Instant {
    /// The instant an argument names; NULL is none.
    pub(crate) fn read(call: Call, name: &str, value: &ScalarValue) -> Result<Option<Self>> {
        if value.is_null() {
            return Ok(None);
        }
        let found = match value {
            ScalarValue::TimestampSecond(Some(value), _) => Some((*value, TimeUnit::Second)),
            ScalarValue::TimestampMillisecond(Some(value), _) => {
                Some((*value, TimeUnit::Millisecond))
            }
            ScalarValue::TimestampMicrosecond(Some(value), _) => {
                Some((*value, TimeUnit::Microsecond))
            }
            ScalarValue::TimestampNanosecond(Some(value), _) => {
                Some((*value, TimeUnit::Nanosecond))
            }
            ScalarValue::Date32(Some(days)) => in_nanoseconds(i128::from(*days) * DAY),
            ScalarValue::Date64(Some(millis)) => Some((*millis, TimeUnit::Millisecond)),
            text => text.try_as_str().flatten().and_then(parse),
        };
        let found = found.map(|(value, unit)| Self { value, unit });
        match found {
            Some(instant) => Ok(Some(instant)),
            None => plan_err!(
                "{}: {name} expects an instant such as TIMESTAMP '2025-01-31T00:00:00Z', found {value} of type {}",
                call.name(),
                value.data_type()
            ),
        }
    }

    /// An instant of the clock.
    pub(crate) fn at(now: DateTime<Utc>) -> Self {
        match now.timestamp_nanos_opt() {
            Some(value) => Self {
                value,
                unit: TimeUnit::Nanosecond,
            },
            None => Self {
                value: now.timestamp_micros(),
                unit: TimeUnit::Microsecond,
            },
        }
    }

    /// Nanoseconds since 1970.
    fn nanos(self) -> i128 {
        i128::from(self.value) * nanos_of(self.unit)
    }

    /// The instant as a value in UTC.
    pub(crate) fn scalar(self) -> ScalarValue {
        timestamp(self.unit, self.value, Some("UTC".into()))
    }
}

/// Instants from one to another, both included; an end that is left open bounds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    start: Option<i128>,
    end: Option<i128>,
}

impl Window {
    /// From `start` to `end`, an error when they are the wrong way round.
    pub(crate) fn between(
        call: Call,
        start: Option<Instant>,
        end: Option<Instant>,
    ) -> Result<Self> {
        if let (Some(from), Some(to)) = (start, end)
            && from.nanos() > to.nanos()
        {
            return plan_err!(
                "{}: start {} is after end {}; expected start => the earlier one",
                call.name(),
                shown(from),
                shown(to)
            );
        }
        Ok(Self {
            start: start.map(Instant::nanos),
            end: end.map(Instant::nanos),
        })
    }

    /// The times of rows that count at an instant: not after it, and no older than the TTL.
    pub(crate) fn as_of(at: Instant, ttl: Option<Duration>) -> Self {
        let ttl = ttl.and_then(|ttl| i128::try_from(ttl.as_nanos()).ok());
        Self {
            start: ttl.map(|ttl| at.nanos() - ttl),
            end: Some(at.nanos()),
        }
    }

    /// Whether a time column lies in the window; NULL does not. A column of another type is an error of the join's checks.
    pub(crate) fn holds(self, column: &Expr, data_type: &DataType) -> Expr {
        let mut condition = None;
        let mut and = |expr: Expr| {
            condition = Some(match condition.take() {
                None => expr,
                Some(other) => Expr::and(other, expr),
            });
        };
        let (least, greatest) = range(data_type);
        let tick = tick(data_type);
        if let Some(start) = self.start {
            let first = -(-start).div_euclid(tick);
            match bound(data_type, first) {
                Some(bound) => and(column.clone().gt_eq(lit(bound))),
                None if first > greatest => and(lit(false)),
                None => {}
            }
        }
        if let Some(end) = self.end {
            let end = end.div_euclid(tick);
            match bound(data_type, end) {
                Some(bound) => and(column.clone().lt_eq(lit(bound))),
                None if end < least => and(lit(false)),
                None => {}
            }
        }
        condition.unwrap_or_else(|| column.clone().is_not_null())
    }
}

/// An instant of a text, as DataFusion reads it in `TIMESTAMP '…'`; what lies beyond the range of that, in microseconds.
fn parse(text: &str) -> Option<(i64, TimeUnit)> {
    [TimeUnit::Nanosecond, TimeUnit::Microsecond]
        .into_iter()
        .find_map(|unit| {
            let utc = DataType::Timestamp(unit, Some("UTC".into()));
            match ScalarValue::from(text).cast_to(&utc).ok()? {
                ScalarValue::TimestampMicrosecond(Some(value), _)
                | ScalarValue::TimestampNanosecond(Some(value), _) => Some((value, unit)),
                _ => None,
            }
        })
}

/// Nanoseconds since 1970, in microseconds where they do not fit.
fn in_nanoseconds(nanos: i128) -> Option<(i64, TimeUnit)> {
    match i64::try_from(nanos) {
        Ok(nanos) => Some((nanos, TimeUnit::Nanosecond)),
        Err(_) => Some((
            i64::try_from(nanos.div_euclid(1_000)).ok()?,
            TimeUnit::Microsecond,
        )),
    }
}

/// The instant as people write it.
fn shown(instant: Instant) -> String {
    const SECOND: i128 = 1_000_000_000;
    let nanos = instant.nanos();
    let seconds = i64::try_from(nanos.div_euclid(SECOND));
    let rest = u32::try_from(nanos.rem_euclid(SECOND));
    let moment = seconds.ok().zip(rest.ok());
    match moment.and_then(|(seconds, rest)| DateTime::from_timestamp(seconds, rest)) {
        Some(moment) => moment.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        None => instant.scalar().to_string(),
    }
}

/// Nanoseconds of one step of a time column.
fn tick(data_type: &DataType) -> i128 {
    match data_type {
        DataType::Date32 => DAY,
        DataType::Date64 => 1_000_000,
        DataType::Timestamp(unit, _) => nanos_of(*unit),
        _ => 1,
    }
}

/// The least and greatest step that a time column can hold.
fn range(data_type: &DataType) -> (i128, i128) {
    match data_type {
        DataType::Date32 => (i128::from(i32::MIN), i128::from(i32::MAX)),
        _ => (i128::from(i64::MIN), i128::from(i64::MAX)),
    }
}

/// A time of a column's own type; none beyond its range.
fn bound(data_type: &DataType, steps: i128) -> Option<ScalarValue> {
    let wide = i64::try_from(steps).ok()?;
    match data_type {
        DataType::Timestamp(unit, zone) => Some(timestamp(*unit, wide, zone.clone())),
        DataType::Date32 => Some(ScalarValue::Date32(Some(i32::try_from(wide).ok()?))),
        DataType::Date64 => Some(ScalarValue::Date64(Some(wide))),
        _ => None,
    }
}

fn timestamp(unit: TimeUnit, value: i64, zone: Option<std::sync::Arc<str>>) -> ScalarValue {
    match unit {
        TimeUnit::Second => ScalarValue::TimestampSecond(Some(value), zone),
        TimeUnit::Millisecond => ScalarValue::TimestampMillisecond(Some(value), zone),
        TimeUnit::Microsecond => ScalarValue::TimestampMicrosecond(Some(value), zone),
        TimeUnit::Nanosecond => ScalarValue::TimestampNanosecond(Some(value), zone),
    }
}

fn nanos_of(unit: TimeUnit) -> i128 {
    match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::col;

    use super::*;

    fn instant(nanos: i64) -> Instant {
        Instant {
            value: nanos,
            unit: TimeUnit::Nanosecond,
        }
    }

    fn condition(start: Option<i64>, end: Option<i64>, data_type: &DataType) -> String {
        let window = Window::between(Call::AllVersions, start.map(instant), end.map(instant));
        window.unwrap().holds(&col("t"), data_type).to_string()
    }

    #[test]
    fn bounds_are_rounded_inwards_to_the_column() {
        let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
        assert_eq!(
            condition(Some(1_001), Some(2_999), &micros),
            "t >= TimestampMicrosecond(2, None) AND t <= TimestampMicrosecond(2, None)"
        );
        assert_eq!(
            condition(Some(-1_999), Some(-1), &micros),
            "t >= TimestampMicrosecond(-1, None) AND t <= TimestampMicrosecond(-1, None)"
        );
        assert_eq!(
            condition(Some(2_000), None, &micros),
            "t >= TimestampMicrosecond(2, None)"
        );
        assert_eq!(
            condition(Some(1), Some(86_400_000_000_000), &DataType::Date32),
            "t >= Date32(\"1970-01-02\") AND t <= Date32(\"1970-01-02\")"
        );
        assert_eq!(condition(None, None, &micros), "t IS NOT NULL");
    }

    #[test]
    fn instants_beyond_a_column_bound_nothing_or_everything() {
        let nanos = DataType::Timestamp(TimeUnit::Nanosecond, None);
        let far = Instant {
            value: i64::MAX,
            unit: TimeUnit::Second,
        };
        let window = |start, end| Window::between(Call::AllVersions, start, end).unwrap();
        let text = |w: Window| w.holds(&col("t"), &nanos).to_string();
        assert_eq!(text(window(Some(far), None)), "Boolean(false)");
        assert_eq!(text(window(None, Some(far))), "t IS NOT NULL");
    }

    #[test]
    fn a_window_the_wrong_way_round_is_refused() {
        let refused = Window::between(Call::ObservedTimes, Some(instant(2)), Some(instant(1)));
        let message = refused.unwrap_err().to_string();
        assert!(message.contains("feast_observed_times: start"), "{message}");
        assert!(Window::between(Call::AllVersions, Some(instant(2)), Some(instant(2))).is_ok());
    }

    #[test]
    fn what_is_no_instant_is_refused_by_name() {
        let read = |value| Instant::read(Call::SnapshotAt, "at", &value);
        assert_eq!(read(ScalarValue::Null).unwrap(), None);
        let text = read(ScalarValue::from("1970-01-01T00:00:00.000000007Z")).unwrap();
        assert_eq!(text, Some(instant(7)));
        let far = read(ScalarValue::from("9999-12-31T00:00:00"))
            .unwrap()
            .unwrap();
        assert_eq!(far.unit, TimeUnit::Microsecond);
        for wrong in [ScalarValue::from("yesterday"), ScalarValue::from(7_i64)] {
            let message = read(wrong).unwrap_err().to_string();
            assert!(
                message.contains("feast_snapshot_at: at expects an instant"),
                "{message}"
            );
        }
    }
}
