// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Cutting a text into its statements.
//!
//! A semicolon ends a statement unless it is inside a string (`'…'`, `E'…'`, `$tag$…$tag$`), a quoted
//! identifier (`"…"`, `` `…` ``) or a comment (`-- …`, `/* … */`, which nest). Comments before a
//! statement are left out; those inside it stay.

mod as_of;
mod scanner;

use datafusion::common::{Result, plan_err};

pub(crate) use as_of::{TIMESTAMP_AS_OF, VERSION_AS_OF, tokens};
use scanner::{Piece, Scanner};

/// One statement of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementText {
    /// The statement, without the semicolon that ends it and without blanks around it.
    pub text: String,
    /// The line, counted from 1, on which the statement starts.
    pub line: usize,
    /// Whether a semicolon ends it; only the last statement of a text can lack it.
    pub terminated: bool,
}

/// Cuts a text into its statements. Statements that are empty or only comments are left out.
///
/// # Errors
///
/// When a string, a quoted identifier or a comment is not closed. The message says where it starts.
pub fn split_statements(text: &str) -> Result<Vec<StatementText>> {
    let mut statements = Vec::new();
    let mut scanner = Scanner::new(text);
    // Where the statement being read starts, and its line: set at its first byte that counts.
    let mut start: Option<(usize, usize)> = None;
    let mut end = 0;
    loop {
        let (from, line) = (scanner.position(), scanner.line());
        let piece = match scanner.next_piece() {
            Ok(Some(piece)) => piece,
            Ok(None) => break,
            Err(what) => return plan_err!("line {line}: {what} is not closed"),
        };
        match piece {
            Piece::Blank => {}
            Piece::Comment if start.is_none() => {}
            Piece::Semicolon => {
                if let Some((start, line)) = start.take() {
                    statements.push(statement(text, start, end, line, true));
                }
            }
            Piece::Comment | Piece::Text => {
                start.get_or_insert((from, line));
                end = scanner.position();
            }
        }
    }
    if let Some((start, line)) = start {
        statements.push(statement(text, start, end, line, false));
    }
    Ok(statements)
}

fn statement(text: &str, start: usize, end: usize, line: usize, terminated: bool) -> StatementText {
    let text = text
        .get(start..end)
        .unwrap_or_default()
        .trim_end()
        .to_owned();
    StatementText {
        text,
        line,
        terminated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        split_statements(text)
            .unwrap()
            .into_iter()
            .map(|statement| statement.text)
            .collect()
    }

    #[test]
    fn semicolons_inside_quotes_and_comments_do_not_count() {
        assert_eq!(
            texts("select ';', 'it''s;' ; select \";\" /* ; /* ; */ ; */ ; select 1 -- ;\n;"),
            [
                "select ';', 'it''s;'",
                "select \";\" /* ; /* ; */ ; */",
                "select 1 -- ;"
            ]
        );
        assert_eq!(
            texts("select $$a;b$$; select $t$ $$;$$ $t$; select $1;"),
            ["select $$a;b$$", "select $t$ $$;$$ $t$", "select $1"]
        );
        assert_eq!(
            texts(r"select E'\';', 'a\'; select `;`"),
            [r"select E'\';', 'a\'", "select `;`"]
        );
        assert_eq!(
            texts("select a$b$c; select table'x'"),
            ["select a$b$c", "select table'x'"]
        );
    }

    #[test]
    fn lines_are_those_of_the_first_word() {
        let statements =
            split_statements("-- head\n\n/* a\n b */ select\n 1;\n\n select 'a\nb'; x").unwrap();
        let lines: Vec<_> = statements.iter().map(|s| (s.line, s.terminated)).collect();
        assert_eq!(lines, [(4, true), (7, true), (8, false)]);
        assert_eq!(statements[0].text, "select\n 1");
    }

    #[test]
    fn nothing_gives_nothing() {
        for text in ["", " \n", ";;", "-- only a comment", "/* a */ ; -- b"] {
            assert!(texts(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn what_is_not_closed_is_named_with_its_line() {
        for (text, message) in [
            ("select 1;\nselect 'a;", "line 2: the string is not closed"),
            ("select \"a", "line 1: the quoted name is not closed"),
            ("\n\n/* a /* b */", "line 3: the comment is not closed"),
            ("select $x$ a $y$", "line 1: the string $x$ is not closed"),
        ] {
            let error = split_statements(text).unwrap_err().strip_backtrace();
            assert_eq!(error, format!("Error during planning: {message}"), "{text}");
        }
    }

    #[test]
    fn any_text_is_cut_without_panic() {
        let text = "é'ü;'$ß$;$ß$ \"日\";/*–*/ E'\\é;' `a`-- ö\n;$1$2$";
        for (end, _) in text.char_indices() {
            let _ = split_statements(&text[..end]);
            let _ = split_statements(&text[end..]);
        }
    }
}
