// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Dates, times and instants as ISO 8601 text, for every value their types can hold.
//!
//! The arithmetic is done here on plain integers, because calendar libraries stop long before the
//! ends of `i64` seconds do, and a value may never be lost or panic on its way out.

use arrow::datatypes::TimeUnit;

const SECONDS_PER_DAY: i64 = 86_400;

/// How many of a unit make a second, and how many digits its fraction is written with.
const fn resolution(unit: TimeUnit) -> (i64, usize) {
    match unit {
        TimeUnit::Second => (1, 6),
        TimeUnit::Millisecond => (1_000, 6),
        TimeUnit::Microsecond => (1_000_000, 6),
        TimeUnit::Nanosecond => (1_000_000_000, 9),
    }
}

/// `YYYY-MM-DDTHH:MM:SS.ffffff` (nine digits for nanoseconds), with `Z` when `zoned`.
///
/// Zoned Arrow timestamps already count from the UTC epoch, so the zone's name does not matter.
pub(super) fn write_timestamp(out: &mut Vec<u8>, value: i64, unit: TimeUnit, zoned: bool) {
    let (per_second, digits) = resolution(unit);
    let seconds = value.div_euclid(per_second);
    write_date(out, seconds.div_euclid(SECONDS_PER_DAY));
    out.push(b'T');
    write_clock(out, seconds.rem_euclid(SECONDS_PER_DAY));
    write_fraction(out, value.rem_euclid(per_second), per_second, digits);
    if zoned {
        out.push(b'Z');
    }
}

/// `HH:MM:SS.ffffff` (nine digits for nanoseconds).
pub(super) fn write_time(out: &mut Vec<u8>, value: i64, unit: TimeUnit) {
    let (per_second, digits) = resolution(unit);
    write_clock(out, value.div_euclid(per_second));
    write_fraction(out, value.rem_euclid(per_second), per_second, digits);
}

/// `YYYY-MM-DD` of a day counted from 1970-01-01; years outside 0–9999 carry a sign.
pub(super) fn write_date(out: &mut Vec<u8>, days: i64) {
    let (year, month, day) = civil_from_days(days);
    if (0..=9999).contains(&year) {
        write_padded(out, year, 4);
    } else {
        out.push(if year < 0 { b'-' } else { b'+' });
        write_padded(out, year.abs(), 4);
    }
    out.push(b'-');
    write_padded(out, month, 2);
    out.push(b'-');
    write_padded(out, day, 2);
}

/// Day number to (year, month, day) in the proleptic Gregorian calendar, by 400-year eras.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468; // days since 0000-03-01, so that leap days end a year
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

fn write_clock(out: &mut Vec<u8>, second_of_day: i64) {
    write_padded(out, second_of_day / 3_600, 2);
    out.push(b':');
    write_padded(out, second_of_day / 60 % 60, 2);
    out.push(b':');
    write_padded(out, second_of_day % 60, 2);
}

fn write_fraction(out: &mut Vec<u8>, rest: i64, per_second: i64, digits: usize) {
    let mut scale = 1;
    let mut reached = per_second;
    let full = if digits == 9 {
        1_000_000_000
    } else {
        1_000_000
    };
    while reached < full {
        reached *= 10;
        scale *= 10;
    }
    out.push(b'.');
    write_padded(out, rest * scale, digits);
}

/// Appends a number that is not negative with at least `width` digits.
fn write_padded(out: &mut Vec<u8>, value: i64, width: usize) {
    const MOST_DIGITS: usize = 20;
    let mut digits = [b'0'; MOST_DIGITS];
    let mut rest = value.unsigned_abs();
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        if rest == 0 {
            break;
        }
        // The remainder is a digit.
        *digit += (rest % 10) as u8;
        rest /= 10;
        used += 1;
    }
    out.extend_from_slice(&digits[MOST_DIGITS - used.max(width)..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn dates_around_the_epoch_and_leap_days() {
        for (days, expected) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (-719_528, "0000-01-01"),
            (2_932_896, "9999-12-31"),
            (2_932_897, "+10000-01-01"),
            (-719_529, "-0001-12-31"),
        ] {
            assert_eq!(text(|out| write_date(out, days)), expected);
        }
    }

    #[test]
    fn timestamps_of_every_unit() {
        use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
        for (value, unit, zoned, expected) in [
            (0, Second, false, "1970-01-01T00:00:00.000000"),
            (1_500, Millisecond, true, "1970-01-01T00:00:01.500000Z"),
            (-1, Microsecond, true, "1969-12-31T23:59:59.999999Z"),
            (1, Nanosecond, false, "1970-01-01T00:00:00.000000001"),
            (i64::MAX, Nanosecond, true, "2262-04-11T23:47:16.854775807Z"),
            (
                i64::MIN,
                Microsecond,
                false,
                "-290308-12-21T19:59:05.224192",
            ),
        ] {
            assert_eq!(
                text(|out| write_timestamp(out, value, unit, zoned)),
                expected
            );
        }
        // The ends of the widest unit must not overflow.
        assert!(text(|out| write_timestamp(out, i64::MAX, Second, true)).ends_with(":07.000000Z"));
        assert!(text(|out| write_timestamp(out, i64::MIN, Second, true)).starts_with('-'));
    }

    #[test]
    fn times_of_day() {
        assert_eq!(
            text(|out| write_time(out, 86_399, TimeUnit::Second)),
            "23:59:59.000000"
        );
        assert_eq!(
            text(|out| write_time(out, 1, TimeUnit::Nanosecond)),
            "00:00:00.000000001"
        );
    }
}
