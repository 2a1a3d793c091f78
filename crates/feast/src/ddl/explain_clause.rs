// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `EXPLAIN [ANALYZE] [VERBOSE] [FORMAT format]`

use super::cursor::Cursor;

/// The clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExplainClause {
    /// Run it and show what it did.
    pub(crate) analyze: bool,
    /// Show every step.
    pub(crate) verbose: bool,
    /// How to show it.
    pub(crate) format: Option<String>,
}

impl ExplainClause {
    /// The clause if it stands here, and how many words it is.
    pub(super) fn read(cursor: &Cursor) -> Option<(Self, usize)> {
        if !cursor.at(0, "EXPLAIN") {
            return None;
        }
        let mut words = 1;
        let analyze = cursor.at(words, "ANALYZE");
        words += usize::from(analyze);
        let verbose = cursor.at(words, "VERBOSE");
        words += usize::from(verbose);
        let format = cursor
            .at(words, "FORMAT")
            .then(|| cursor.word(words + 1))
            .flatten();
        words += if format.is_some() { 2 } else { 0 };
        let format = format.map(str::to_owned);
        Some((
            Self {
                analyze,
                verbose,
                format,
            },
            words,
        ))
    }
}
