// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Instants as values of a time column, exact in any unit.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;

/// Nanoseconds since 1970 as the latest value of a column of `data_type` that is not after them.
pub(crate) fn not_after(data_type: &DataType, nanos: i128) -> ScalarValue {
    let tick = tick(data_type);
    timestamp(tick, nanos.div_euclid(tick))
}

/// Nanoseconds since 1970 as the earliest value of a column of `data_type` that is not before them.
pub(crate) fn not_before(data_type: &DataType, nanos: i128) -> ScalarValue {
    let tick = tick(data_type);
    timestamp(tick, -(-nanos).div_euclid(tick))
}

fn tick(data_type: &DataType) -> i128 {
    match data_type {
        DataType::Timestamp(TimeUnit::Nanosecond, _) => 1,
        _ => 1_000,
    }
}

/// A value beyond what the type can tell is its end.
fn timestamp(tick: i128, value: i128) -> ScalarValue {
    let value = value.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64;
    let utc = Some("UTC".into());
    match tick {
        1 => ScalarValue::TimestampNanosecond(Some(value), utc),
        _ => ScalarValue::TimestampMicrosecond(Some(value), utc),
    }
}

/// An instant for messages.
pub(crate) fn shown(nanos: i128) -> String {
    not_after(&DataType::Timestamp(TimeUnit::Microsecond, None), nanos)
        .to_array()
        .and_then(|array| Ok(arrow::util::display::array_value_to_string(&array, 0)?))
        .unwrap_or_else(|_| format!("{nanos} ns after 1970"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_between_two_ticks_go_to_the_side_asked_for() {
        let micros = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let at = |value| ScalarValue::TimestampMicrosecond(Some(value), Some("UTC".into()));
        assert_eq!(not_after(&micros, 1_999), at(1));
        assert_eq!(not_before(&micros, 1_001), at(2));
        assert_eq!(not_before(&micros, 2_000), at(2));
        assert_eq!(not_after(&micros, -1), at(-1));
        assert_eq!(not_before(&micros, -1), at(0));
        assert_eq!(not_after(&micros, i128::MAX), at(i64::MAX));
        assert_eq!(shown(1_000_000), "1970-01-01T00:00:00.001Z");
    }
}
