// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The pieces of a SQL text, as far as they matter for finding where a statement ends.

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// White space.
    Blank,
    /// A comment.
    Comment,
    /// A semicolon that ends a statement.
    Semicolon,
    /// A word, a quoted text or a sign.
    Text,
}

/// Walks over a text, piece by piece.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    position: usize,
    line: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            position: 0,
            line: 1,
        }
    }

    /// The byte at which the next piece starts.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// The line on which the next piece starts, counted from 1.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// The next piece, `None` at the end; the error names what is not closed.
    pub(super) fn next_piece(&mut self) -> Result<Option<Piece>, String> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Ok(None);
        };
        let (length, piece) = match first {
            ';' => (1, Piece::Semicolon),
            '-' if rest.starts_with("--") => (line_end(rest), Piece::Comment),
            '/' if rest.starts_with("/*") => (comment(rest)?, Piece::Comment),
            '\'' => (quoted(rest, '\'', false, "the string")?, Piece::Text),
            '"' => (quoted(rest, '"', false, "the quoted name")?, Piece::Text),
            '`' => (quoted(rest, '`', false, "the quoted name")?, Piece::Text),
            '$' => (dollar(rest)?, Piece::Text),
            'e' | 'E' if rest[1..].starts_with('\'') => (
                1 + quoted(&rest[1..], '\'', true, "the string")?,
                Piece::Text,
            ),
            _ if first.is_whitespace() => (first.len_utf8(), Piece::Blank),
            _ if in_word(first) => (word(rest), Piece::Text),
            _ => (first.len_utf8(), Piece::Text),
        };
        let taken = rest.get(..length).unwrap_or(rest);
        self.line += taken.matches('\n').count();
        self.position += taken.len();
        Ok(Some(piece))
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A word may hold `$` after its first letter, which starts no string then.
fn word(rest: &str) -> usize {
    rest.find(|c: char| !in_word(c) && c != '$')
        .unwrap_or(rest.len())
}

fn line_end(rest: &str) -> usize {
    rest.find('\n').unwrap_or(rest.len())
}

/// The length of the comment, with the comments inside it.
fn comment(rest: &str) -> Result<usize, String> {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        if tail.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if tail.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Ok(at);
            }
        } else {
            at += tail.chars().next().map_or(1, char::len_utf8);
        }
    }
    Err("the comment".to_owned())
}

/// The length of the quoted text; a doubled quote does not close it.
fn quoted(rest: &str, quote: char, escapes: bool, what: &str) -> Result<usize, String> {
    let mut letters = rest.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        if escapes && letter == '\\' {
            letters.next();
        } else if letter == quote && letters.next_if(|(_, next)| *next == quote).is_none() {
            return Ok(at + quote.len_utf8());
        }
    }
    Err(what.to_owned())
}

/// The length of a dollar-quoted string, or of the sign alone where none starts.
fn dollar(rest: &str) -> Result<usize, String> {
    let tag_end = rest[1..]
        .find(|c: char| !in_word(c))
        .map_or(rest.len(), |length| 1 + length);
    let tag = rest.get(1..tag_end).unwrap_or_default();
    let opens = rest
        .get(tag_end..)
        .is_some_and(|tail| tail.starts_with('$'))
        && !tag.starts_with(|c: char| c.is_numeric());
    if !opens {
        return Ok(1);
    }
    let delimiter = &rest[..=tag_end];
    let body = &rest[delimiter.len()..];
    match body.find(delimiter) {
        Some(length) => Ok(delimiter.len() + length + delimiter.len()),
        None => Err(format!("the string {delimiter}")),
    }
}
