// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! How two results differ, for a reader.

use std::error::Error;
use std::fmt::{self, Write};

use super::rows::row_order;
use crate::oracle::Value;

/// So many differing rows are shown.
const SHOWN: usize = 8;

/// What differs between an expected and an actual result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference(String);

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Difference {}

impl Difference {
    /// A difference in words.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn unreadable(error: impl fmt::Display) -> Self {
        Self(format!("a result cannot be read: {error}"))
    }

    pub(super) fn columns(expected: &[String], actual: &[String]) -> Self {
        let (expected, actual) = (expected.join(", "), actual.join(", "));
        Self(format!(
            "columns differ\n  expected: {expected}\n  actual:   {actual}"
        ))
    }

    pub(super) fn in_order(
        names: &[String],
        expected: &[Vec<Value>],
        actual: &[Vec<Value>],
    ) -> Self {
        let mut lines = Lines::new(expected.len(), actual.len());
        for (at, row) in expected.iter().enumerate() {
            match actual.get(at) {
                Some(found) if found == row => {}
                Some(found) => {
                    lines.add(format!(
                        "row {at}:\n{}",
                        cells_that_differ(names, row, found)
                    ));
                }
                None => lines.add(format!("row {at} is missing: {}", whole(names, row))),
            }
        }
        for (at, row) in actual.iter().enumerate().skip(expected.len()) {
            lines.add(format!("row {at} is too many: {}", whole(names, row)));
        }
        lines.finish()
    }

    /// Both sides are sorted.
    pub(super) fn as_multiset(
        names: &[String],
        expected: &[Vec<Value>],
        actual: &[Vec<Value>],
    ) -> Self {
        let mut lines = Lines::new(expected.len(), actual.len());
        let (mut left, mut right) = (expected.iter().peekable(), actual.iter().peekable());
        loop {
            let side = match (left.peek(), right.peek()) {
                (Some(a), Some(b)) => row_order(a, b),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (None, None) => return lines.finish(),
            };
            if side.is_le() {
                let row = left.next();
                if side.is_lt() {
                    lines.add(format!(
                        "missing:  {}",
                        row.map_or_else(String::new, |r| whole(names, r))
                    ));
                }
            }
            if side.is_ge() {
                let row = right.next();
                if side.is_gt() {
                    lines.add(format!(
                        "too many: {}",
                        row.map_or_else(String::new, |r| whole(names, r))
                    ));
                }
            }
        }
    }
}

struct Lines {
    text: String,
    differing: usize,
}

impl Lines {
    fn new(expected: usize, actual: usize) -> Self {
        Self {
            text: format!("expected {expected} rows, got {actual}"),
            differing: 0,
        }
    }

    fn add(&mut self, line: String) {
        self.differing += 1;
        if self.differing <= SHOWN {
            self.text.push_str("\n  ");
            self.text.push_str(&line);
        }
    }

    fn finish(mut self) -> Difference {
        if self.differing > SHOWN {
            let _ = write!(self.text, "\n  and {} more", self.differing - SHOWN);
        }
        Difference(self.text)
    }
}

fn whole(names: &[String], row: &[Value]) -> String {
    let cells: Vec<_> = names
        .iter()
        .zip(row)
        .map(|(n, v)| format!("{n} = {v}"))
        .collect();
    cells.join(", ")
}

fn cells_that_differ(names: &[String], expected: &[Value], actual: &[Value]) -> String {
    let mut text = format!("    expected row: {}", whole(names, expected));
    for ((name, a), b) in names.iter().zip(expected).zip(actual) {
        if a != b {
            let _ = write!(text, "\n    {name}: expected {a}, got {b}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::{RowOrder, compare_rows};
    use super::*;

    fn rows(cells: &[i128]) -> Vec<Vec<Value>> {
        cells.iter().map(|cell| vec![Value::Int(*cell)]).collect()
    }

    #[test]
    fn multiset_counts_rows() {
        let names = ["v".to_string()];
        let compare =
            |a: &[i128], b: &[i128]| compare_rows(&names, rows(a), rows(b), RowOrder::Any);
        assert_eq!(compare(&[1, 2, 2], &[2, 1, 2]), Ok(()));
        let text = compare(&[1, 2, 2], &[2, 1, 1]).unwrap_err().to_string();
        assert_eq!(
            text,
            "expected 3 rows, got 3\n  too many: v = 1\n  missing:  v = 2"
        );
    }

    #[test]
    fn order_is_compared_when_asked() {
        let names = ["v".to_string()];
        let text = compare_rows(&names, rows(&[1, 2]), rows(&[1, 3, 4]), RowOrder::Exact);
        let text = text.unwrap_err().to_string();
        assert!(
            text.contains("row 1:\n    expected row: v = 2\n    v: expected 2, got 3"),
            "{text}"
        );
        assert!(text.contains("row 2 is too many: v = 4"), "{text}");
    }
}
