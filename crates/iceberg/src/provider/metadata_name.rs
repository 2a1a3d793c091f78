// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The names of metadata tables: `t$snapshots` is one of table `t`.

use crate::error::{Error, ErrorKind};
use crate::metadata_tables::MetadataTableKind;

/// Parts a table's name from what is asked about it.
const SEPARATOR: char = '$';
/// What follows the separator for a table's rows with the files that they are in.
const ROWS: &str = "rows";

/// What a name with a known suffix means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The rows, with the column `$path`.
    Rows,
    /// A metadata table.
    Metadata(MetadataTableKind),
}

/// A name with a separator in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Suffixed<'a> {
    /// The table's name.
    pub(super) table: &'a str,
    pub(super) suffix: &'a str,
    /// None if there is nothing of that name.
    pub(super) meaning: Option<Meaning>,
}

/// The parts of `name`, if it may be that of a metadata table.
pub(super) fn suffixed(name: &str) -> Option<Suffixed<'_>> {
    let (table, suffix) = name.rsplit_once(SEPARATOR)?;
    let meaning = match suffix {
        ROWS => Some(Meaning::Rows),
        other => MetadataTableKind::from_suffix(other).map(Meaning::Metadata),
    };
    (!table.is_empty()).then_some(Suffixed {
        table,
        suffix,
        meaning,
    })
}

/// An error for a suffix that means nothing.
pub(super) fn unknown(table: &str, suffix: &str) -> Error {
    let kinds = MetadataTableKind::ALL.iter().map(|kind| kind.suffix());
    let known: Vec<String> = kinds.chain([ROWS]).map(|s| format!("${s}")).collect();
    Error::new(
        ErrorKind::NotFound,
        format!(
            "table '{table}' has no metadata table '{SEPARATOR}{suffix}': expected one of {}",
            known.join(", ")
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_separator_counts() {
        let found = suffixed("a$b$files").unwrap();
        let files = Meaning::Metadata(MetadataTableKind::Files);
        assert_eq!((found.table, found.meaning), ("a$b", Some(files)));
        assert_eq!(suffixed("t$rows").unwrap().meaning, Some(Meaning::Rows));
        assert_eq!(suffixed("t$Files").unwrap().meaning, None);
        assert!(suffixed("t").is_none() && suffixed("$files").is_none());
    }
}
