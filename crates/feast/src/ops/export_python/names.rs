// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Python names for objects: like the objects' own, each once.

use std::collections::BTreeSet;

/// What a variable cannot be called: Python's words, and what the file imports.
const TAKEN: [&str; 39] = [
    "and",
    "as",
    "assert",
    "async",
    "await",
    "break",
    "class",
    "continue",
    "def",
    "del",
    "elif",
    "else",
    "except",
    "finally",
    "for",
    "from",
    "feast",
    "global",
    "if",
    "import",
    "in",
    "is",
    "lambda",
    "nonlocal",
    "not",
    "or",
    "pass",
    "raise",
    "return",
    "timedelta",
    "try",
    "while",
    "with",
    "yield",
    "print",
    "list",
    "dict",
    "types",
    "datafusion_feast",
];

/// The names given so far.
#[derive(Debug, Default)]
pub(super) struct Names {
    given: BTreeSet<String>,
}

impl Names {
    /// A name that is like `wanted` and not given yet.
    pub(super) fn give(&mut self, wanted: &str) -> String {
        let letter = |c: char| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        };
        let mut base: String = wanted.chars().map(letter).collect();
        if base.is_empty() || base.starts_with(|c: char| c.is_ascii_digit()) {
            base.insert(0, '_');
        }
        let mut name = base.clone();
        let mut number = 2;
        while TAKEN.contains(&name.as_str()) || self.given.contains(&name) {
            name = format!("{base}_{number}");
            number += 1;
        }
        self.given.insert(name.clone());
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_python_and_given_once() {
        let mut names = Names::default();
        for (wanted, given) in [
            ("driver", "driver"),
            ("Driver", "driver_2"),
            ("7 days", "_7_days"),
            ("größe", "gr__e"),
            ("class", "class_2"),
            ("timedelta", "timedelta_2"),
            ("types", "types_2"),
            ("", "_"),
        ] {
            assert_eq!(names.give(wanted), given);
        }
    }
}
