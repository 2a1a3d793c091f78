// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A place in a statement's text, shown as the line with a caret under it.

use std::fmt;
use std::sync::Arc;

use sqlparser::tokenizer::Location;

use super::cursor::Cursor;

/// How much of a long line is shown on each side of the place.
const SHOWN: usize = 60;

/// The text that a statement was read from, for errors that are found later. Statements are equal
/// whatever they were read from.
#[derive(Clone, Default)]
pub(crate) struct Written(Option<Arc<str>>);

impl PartialEq for Written {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Written")
    }
}

impl Written {
    /// Read from this text.
    pub(super) fn new(text: Arc<str>) -> Self {
        Self(Some(text))
    }

    /// Where a name stands in the definition of `object`: a text to put before a message and one to
    /// put behind it; `None` where it does not.
    pub(crate) fn place_of(&self, name: &str, object: &str) -> Option<(String, String)> {
        let text = self.0.as_ref()?;
        let cursor = Cursor::new(text)?;
        // The first mention of the object is its name.
        let own = usize::from(name == object);
        let at = cursor.mentions(name).nth(own)?;
        let before = format!("line {}, column {}: ", at.line, at.column);
        Some((before, pointer(text, at)))
    }
}

/// The line of the text that the place is in, and a caret below it; two lines, each begun by a
/// line break. Of a long line, what is around the place. Nothing where the text has no such line.
pub(super) fn pointer(text: &str, at: Location) -> String {
    let index = |number: u64| {
        usize::try_from(number)
            .unwrap_or(usize::MAX)
            .saturating_sub(1)
    };
    let Some(line) = text.split('\n').nth(index(at.line)) else {
        return String::new();
    };
    let letters: Vec<char> = line
        .trim_end()
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    let column = index(at.column).min(letters.len());
    let long = letters.len() > 2 * SHOWN;
    let start = if long {
        column.saturating_sub(SHOWN)
    } else {
        0
    };
    let end = match long {
        true => letters.len().min(column.saturating_add(SHOWN)),
        false => letters.len(),
    };
    let (before, after) = (
        if start > 0 { "…" } else { "" },
        if end < letters.len() { "…" } else { "" },
    );
    let shown: String = letters.get(start..end).unwrap_or_default().iter().collect();
    let indent = " ".repeat(column - start + before.chars().count());
    format!("\n  {before}{shown}{after}\n  {indent}^")
}

/// The place's position in the text, in bytes; the end for places behind it.
pub(super) fn byte_at(text: &str, at: Location) -> usize {
    let (mut line, mut column) = (1, 1);
    for (offset, letter) in text.char_indices() {
        if (line, column) == (at.line, at.column) {
            return offset;
        }
        if letter == '\n' {
            line += 1;
            column = 1;
        } else {
            column += 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_place() {
        let text = "CREATE\n\tENTITY größe x";
        assert_eq!(
            pointer(
                text,
                Location {
                    line: 2,
                    column: 15
                }
            ),
            "\n   ENTITY größe x\n                ^"
        );
        assert_eq!(
            pointer(text, Location { line: 1, column: 7 }),
            "\n  CREATE\n        ^"
        );
        assert_eq!(pointer(text, Location { line: 9, column: 1 }), "");
    }

    #[test]
    fn of_a_long_line_the_part_around_the_place_is_shown() {
        let text = format!("{}!{}", "a".repeat(500), "b".repeat(500));
        let shown = pointer(
            &text,
            Location {
                line: 1,
                column: 501,
            },
        );
        let lines: Vec<&str> = shown.split('\n').collect();
        assert_eq!(lines[1].chars().count(), 2 + 1 + 120 + 1);
        let caret = lines[2].chars().position(|c| c == '^').unwrap();
        assert_eq!(lines[1].chars().nth(caret), Some('!'));
    }

    #[test]
    fn places_are_bytes_of_the_text() {
        let text = "a\ngrößer";
        assert_eq!(byte_at(text, Location { line: 1, column: 1 }), 0);
        assert_eq!(byte_at(text, Location { line: 2, column: 4 }), 6);
        assert_eq!(byte_at(text, Location { line: 7, column: 1 }), text.len());
    }
}
