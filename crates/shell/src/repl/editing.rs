// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What the line editor asks about a line: is it complete, how does it look, which file is meant.

use std::borrow::Cow;
use std::fmt;

use datafusion::common::config::Dialect;
use datafusion_cli::highlighter::SyntaxHighlighter;
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper, Result};

/// The editor's view of a statement.
pub(super) struct Editing {
    files: FilenameCompleter,
    highlighter: Option<SyntaxHighlighter>,
}

impl Editing {
    pub(super) fn new(dialect: &Dialect, color: bool) -> Self {
        let highlighter = color.then(|| SyntaxHighlighter::new(dialect));
        Self {
            files: FilenameCompleter::new(),
            highlighter,
        }
    }

    pub(super) fn set_dialect(&mut self, dialect: &Dialect, color: bool) {
        self.highlighter = color.then(|| SyntaxHighlighter::new(dialect));
    }
}

impl fmt::Debug for Editing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Editing")
            .field("highlighter", &self.highlighter)
            .finish_non_exhaustive()
    }
}

impl Helper for Editing {}

impl Hinter for Editing {
    type Hint = String;
}

impl Highlighter for Editing {
    fn highlight<'l>(&self, line: &'l str, pos: usize) -> Cow<'l, str> {
        match &self.highlighter {
            Some(highlighter) => highlighter.highlight(line, pos),
            None => Cow::Borrowed(line),
        }
    }

    fn highlight_char(&self, line: &str, _pos: usize, _kind: CmdKind) -> bool {
        self.highlighter.is_some() && !line.is_empty()
    }
}

impl Completer for Editing {
    type Candidate = Pair;

    /// Inside of quotes, and after `\i`, a file is meant.
    fn complete(&self, line: &str, pos: usize, ctx: &Context<'_>) -> Result<(usize, Vec<Pair>)> {
        let before = &line[..pos];
        if before.starts_with("\\i ") || End::of(before) == End::InString {
            return self.files.complete(line, pos, ctx);
        }
        Ok((pos, Vec::new()))
    }
}

impl Validator for Editing {
    fn validate(&self, ctx: &mut ValidationContext<'_>) -> Result<ValidationResult> {
        Ok(if is_complete(ctx.input()) {
            ValidationResult::Valid(None)
        } else {
            ValidationResult::Incomplete
        })
    }
}

/// Whether what was typed can run: nothing, a `\` command, or statements that end with `;`.
fn is_complete(input: &str) -> bool {
    let start = input.trim_start();
    start.is_empty() || start.starts_with('\\') || End::of(input) == End::Semicolon
}

/// What a text ends with, as far as the prompt cares. White space and comments count for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Nothing,
    InStatement,
    InString,
    InComment,
    Semicolon,
}

impl End {
    fn of(text: &str) -> Self {
        let mut end = Self::Nothing;
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let after = &rest[first.len_utf8()..];
            (end, rest) = match first {
                '\'' | '"' => match after.find(first) {
                    Some(close) => (Self::InStatement, &after[close + 1..]),
                    None if first == '\'' => return Self::InString,
                    None => return Self::InStatement,
                },
                '-' if after.starts_with('-') => {
                    (end, after.find('\n').map_or("", |line| &after[line..]))
                }
                '/' if after.starts_with('*') => match skip_comment(&after[1..]) {
                    Some(rest) => (end, rest),
                    None => return Self::InComment,
                },
                ';' => (Self::Semicolon, after),
                space if space.is_whitespace() => (end, after),
                _ => (Self::InStatement, after),
            };
        }
        end
    }
}

/// What follows a `/* … */` comment, which may hold others, given the text after its opening.
fn skip_comment(text: &str) -> Option<&str> {
    let mut depth = 1;
    let mut rest = text;
    while depth > 0 {
        let next = rest.find(['*', '/'])?;
        rest = &rest[next..];
        let step = match rest.get(..2) {
            Some("*/") => {
                depth -= 1;
                2
            }
            Some("/*") => {
                depth += 1;
                2
            }
            _ => 1,
        };
        rest = &rest[step..];
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_semicolon_completes() {
        for text in [
            "",
            "  ",
            "\\q",
            "SELECT 1;",
            "SELECT 1; -- done",
            "SELECT ';';",
            "SELECT 'it''s';\n",
            "SELECT 1; SELECT 2;",
            "/* a /* b */ ; */ SELECT 1;",
            "SELECT \"a;\";",
            "SELECT é;",
        ] {
            assert!(is_complete(text), "{text}");
        }
    }

    #[test]
    fn anything_open_goes_on() {
        for text in [
            "SELECT 1",
            "SELECT ';",
            "SELECT 1 -- ;",
            "SELECT 1; SELECT",
            "SELECT 1; /* ; ",
            "/* /* */ ;",
            "SELECT \"a;",
            "-- only a comment",
            "é*/",
        ] {
            assert!(!is_complete(text), "{text}");
        }
    }

    #[test]
    fn files_complete_inside_quotes() {
        assert_eq!(End::of("SELECT * FROM 'da"), End::InString);
        assert_eq!(End::of("SELECT * FROM 'da' "), End::InStatement);
    }
}
