// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The small pieces of SQL text.

/// A quoted identifier.
pub fn name(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// Quoted identifiers, separated by commas.
pub fn names<S: AsRef<str>>(texts: &[S]) -> String {
    texts
        .iter()
        .map(|text| name(text.as_ref()))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A string literal.
pub fn string(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A list of string literals.
pub fn list<S: AsRef<str>>(texts: &[S]) -> String {
    let items: Vec<_> = texts.iter().map(|text| string(text.as_ref())).collect();
    format!("[{}]", items.join(", "))
}

/// An interval of exactly so many nanoseconds. Days are written as days, so that lengths past what
/// 64-bit nanoseconds hold can be written at all.
pub fn interval(nanos: i128) -> String {
    const SECOND: i128 = 1_000_000_000;
    const DAY: i128 = 86_400 * SECOND;
    let parts = [
        (nanos / DAY, "days"),
        (nanos % DAY / SECOND, "seconds"),
        (nanos % SECOND, "nanoseconds"),
    ];
    let written: Vec<_> = parts
        .iter()
        .filter(|(count, _)| *count != 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    match written.is_empty() {
        true => "INTERVAL '0 seconds'".into(),
        false => format!("INTERVAL '{}'", written.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(name("a\"b"), "\"a\"\"b\"");
        assert_eq!(list(&["a", "b'c"]), "['a', 'b''c']");
    }

    #[test]
    fn intervals_are_exact() {
        assert_eq!(interval(0), "INTERVAL '0 seconds'");
        assert_eq!(interval(500_000_000), "INTERVAL '500000000 nanoseconds'");
        assert_eq!(
            interval(90_061_000_000_001),
            "INTERVAL '1 days 3661 seconds 1 nanoseconds'"
        );
    }
}
