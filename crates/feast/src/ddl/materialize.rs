// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `MATERIALIZE {FEATURE VIEW a, b | FEATURE SERVICE s} [FULL | INCREMENTAL | FROM t1 TO t2]`

use std::fmt::{self, Display, Formatter};

use datafusion::common::Result;

use super::cursor::Cursor;
use super::display::{quoted_name, quoted_string};

/// What `MATERIALIZE` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Materialize {
    /// The views, or one service.
    pub(crate) names: Vec<String>,
    /// Whether it is a service.
    pub(crate) service: bool,
    /// Which rows.
    pub(crate) rows: MaterializeRows,
}

/// Which rows are materialized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MaterializeRows {
    /// Those that are new.
    Incremental,
    /// All.
    Full,
    /// Those of a window, as text.
    Window(String, String),
}

/// Reads what follows `MATERIALIZE`.
pub(super) fn parse(cursor: &mut Cursor) -> Result<Materialize> {
    let service = cursor.at(0, "FEATURE SERVICE");
    let mut names = Vec::new();
    if service {
        cursor.skip(2);
        names.push(cursor.name("the name of a feature service")?);
    } else {
        if !cursor.eat("FEATURE VIEW") {
            let kinds = ["FEATURE VIEW", "FEATURE SERVICE"];
            return cursor.expected("FEATURE VIEW or FEATURE SERVICE", &kinds);
        }
        loop {
            names.push(cursor.name("the name of a feature view")?);
            if !cursor.eat_token(&sqlparser::tokenizer::Token::Comma) {
                break;
            }
        }
    }
    let rows = if cursor.eat("FULL") {
        MaterializeRows::Full
    } else if cursor.eat("FROM") {
        cursor.eat("TIMESTAMP");
        let start = cursor.string("the start of a window, such as '2025-01-01T00:00:00Z'")?;
        cursor.expect("TO")?;
        cursor.eat("TIMESTAMP");
        let end = cursor.string("the end of a window, such as '2025-01-31T00:00:00Z'")?;
        MaterializeRows::Window(start, end)
    } else {
        cursor.eat("INCREMENTAL");
        MaterializeRows::Incremental
    };
    cursor.finish(&["FULL", "INCREMENTAL", "FROM"])?;
    Ok(Materialize {
        names,
        service,
        rows,
    })
}

impl Display for Materialize {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let kind = if self.service { "SERVICE" } else { "VIEW" };
        let names: Vec<String> = self.names.iter().map(|name| quoted_name(name)).collect();
        write!(f, "MATERIALIZE FEATURE {kind} {}", names.join(", "))?;
        match &self.rows {
            MaterializeRows::Incremental => write!(f, " INCREMENTAL"),
            MaterializeRows::Full => write!(f, " FULL"),
            MaterializeRows::Window(start, end) => {
                write!(
                    f,
                    " FROM {} TO {}",
                    quoted_string(start),
                    quoted_string(end)
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ddl::parse;

    fn canonical(text: &str) -> String {
        parse(text).unwrap().unwrap().to_string()
    }

    #[test]
    fn every_form_prints_as_it_is_read() {
        for (text, expected) in [
            (
                "materialize feature view a",
                "MATERIALIZE FEATURE VIEW a INCREMENTAL",
            ),
            (
                "MATERIALIZE FEATURE VIEW a, \"B\" FULL",
                "MATERIALIZE FEATURE VIEW a, \"B\" FULL",
            ),
            (
                "MATERIALIZE FEATURE SERVICE s INCREMENTAL",
                "MATERIALIZE FEATURE SERVICE s INCREMENTAL",
            ),
            (
                "MATERIALIZE FEATURE VIEW a FROM TIMESTAMP '2025-01-01' TO '2025-01-02'",
                "MATERIALIZE FEATURE VIEW a FROM '2025-01-01' TO '2025-01-02'",
            ),
        ] {
            assert_eq!(canonical(text), expected);
            assert_eq!(canonical(expected), expected);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (text, expected) in [
            ("MATERIALIZE a", "expected FEATURE VIEW or FEATURE SERVICE"),
            (
                "MATERIALIZE FEATURE VIEW a FROM '2025-01-01'",
                "expected TO",
            ),
            ("MATERIALIZE FEATURE VIEW a FUL", "FULL"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
