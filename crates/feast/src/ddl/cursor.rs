// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A position in the tokens of one statement, and the errors that point at it.

use std::sync::Arc;

use datafusion::common::{DataFusionError, Diagnostic, Result, Span};
use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::nearest::nearest;
use super::place::{Written, byte_at, pointer};

/// The tokens of a statement without white space, and how far they are read.
#[derive(Debug, Clone)]
pub(super) struct Cursor {
    text: Arc<str>,
    tokens: Vec<TokenWithSpan>,
    index: usize,
    end: Location,
}

impl Cursor {
    /// Reads the tokens of `text`; `None` when it has no tokens or cannot be cut into them.
    pub(super) fn new(text: &str) -> Option<Self> {
        let tokens = Tokenizer::new(&GenericDialect {}, text)
            .tokenize_with_location()
            .ok()?;
        let tokens: Vec<_> = tokens
            .into_iter()
            .filter(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF))
            .collect();
        let end = tokens.last()?.span.end;
        Some(Self {
            text: text.into(),
            tokens,
            index: 0,
            end,
        })
    }

    /// The token `ahead` places from here.
    pub(super) fn peek(&self, ahead: usize) -> &Token {
        self.tokens
            .get(self.index + ahead)
            .map_or(&Token::EOF, |token| &token.token)
    }

    /// The unquoted word `ahead` places from here.
    pub(super) fn word(&self, ahead: usize) -> Option<&str> {
        match self.peek(ahead) {
            Token::Word(word) if word.quote_style.is_none() => Some(&word.value),
            _ => None,
        }
    }

    /// Whether the words, separated by blanks, stand `ahead` places from here.
    pub(super) fn at(&self, ahead: usize, words: &str) -> bool {
        words.split(' ').enumerate().all(|(index, word)| {
            self.word(ahead + index)
                .is_some_and(|found| found.eq_ignore_ascii_case(word))
        })
    }

    /// Whether the statement ends here.
    pub(super) fn at_end(&self) -> bool {
        matches!(self.peek(0), Token::EOF | Token::SemiColon)
    }

    /// Steps over `count` tokens.
    pub(super) fn skip(&mut self, count: usize) {
        self.index += count;
    }

    /// Steps over the words if they stand here.
    pub(super) fn eat(&mut self, words: &str) -> bool {
        let found = self.at(0, words);
        if found {
            self.index += words.split(' ').count();
        }
        found
    }

    /// Steps over the token if it stands here.
    pub(super) fn eat_token(&mut self, token: &Token) -> bool {
        let found = self.peek(0) == token;
        if found {
            self.index += 1;
        }
        found
    }

    /// Steps over the words, or says that they are missing at the first that is.
    pub(super) fn expect(&mut self, words: &str) -> Result<()> {
        for word in words.split(' ') {
            if !self.eat(word) {
                return self.expected(word, &[word]);
            }
        }
        Ok(())
    }

    /// Steps over the token, or says that it is missing.
    pub(super) fn expect_token(&mut self, token: &Token) -> Result<()> {
        if self.eat_token(token) {
            Ok(())
        } else {
            self.expected(&format!("'{token}'"), &[])
        }
    }

    /// A name: folded to lower case unless quoted.
    pub(super) fn name(&mut self, what: &str) -> Result<String> {
        let Token::Word(word) = self.peek(0) else {
            return self.expected(what, &[]);
        };
        let name = match word.quote_style {
            Some(_) => word.value.clone(),
            None => word.value.to_ascii_lowercase(),
        };
        if name.is_empty() {
            return self.expected(what, &[]);
        }
        self.index += 1;
        Ok(name)
    }

    /// A string literal.
    pub(super) fn string(&mut self, what: &str) -> Result<String> {
        match self.string_here() {
            Some(text) => {
                self.index += 1;
                Ok(text)
            }
            None => self.expected(what, &[]),
        }
    }

    /// The string literal that stands here, not stepping over it.
    pub(super) fn string_here(&self) -> Option<String> {
        match self.peek(0) {
            Token::SingleQuotedString(text)
            | Token::EscapedStringLiteral(text)
            | Token::NationalStringLiteral(text)
            | Token::UnicodeStringLiteral(text) => Some(text.clone()),
            Token::DollarQuotedString(text) => Some(text.value.clone()),
            _ => None,
        }
    }

    /// A key of `OPTIONS` or `TAGS`: a string, or words joined by `.` and `-`.
    pub(super) fn key(&mut self, what: &str, fold: bool) -> Result<String> {
        if let Some(text) = self.string_here() {
            self.index += 1;
            return Ok(text);
        }
        let mut key = String::new();
        loop {
            match self.peek(0) {
                Token::Word(word) if fold && word.quote_style.is_none() => {
                    key.push_str(&word.value.to_ascii_lowercase());
                }
                Token::Word(word) => key.push_str(&word.value),
                _ => return self.expected(what, &[]),
            }
            self.index += 1;
            match self.peek(0) {
                Token::Period => key.push('.'),
                Token::Minus => key.push('-'),
                _ => return Ok(key),
            }
            self.index += 1;
        }
    }

    /// `(key 'value', …)`, each key once.
    pub(super) fn tags(&mut self) -> Result<Vec<(String, String)>> {
        let tags = self.list(|cursor| {
            let at = cursor.location();
            let key = cursor.key("the name of a tag", true)?;
            Ok((at, key, cursor.string("the value of the tag in quotes")?))
        })?;
        for (index, (at, key, _)) in tags.iter().enumerate() {
            if tags.iter().take(index).any(|(_, other, _)| other == key) {
                return self.fail_at(*at, &format!("tag {key} is given twice; keep one"));
            }
        }
        Ok(tags
            .into_iter()
            .map(|(_, key, value)| (key, value))
            .collect())
    }

    /// `(item, …)`, also `()`.
    pub(super) fn list_or_none<T>(
        &mut self,
        item: impl Fn(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        if *self.peek(0) == Token::LParen && *self.peek(1) == Token::RParen {
            self.skip(2);
            return Ok(Vec::new());
        }
        self.list(item)
    }

    /// `(…)` as it is written, without the parentheses around it.
    pub(super) fn parenthesized(&mut self) -> Result<String> {
        let open = self.location();
        self.expect_token(&Token::LParen)?;
        let start = byte_at(&self.text, self.location());
        let mut depth = 1;
        loop {
            match self.peek(0) {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                Token::EOF => return self.fail_at(open, "this '(' has no ')'"),
                _ => {}
            }
            if depth == 0 {
                break;
            }
            self.index += 1;
        }
        let end = byte_at(&self.text, self.location());
        self.index += 1;
        Ok(self
            .text
            .get(start..end)
            .unwrap_or_default()
            .trim()
            .to_owned())
    }

    /// `(item, …)`, with at least one item.
    pub(super) fn list<T>(&mut self, item: impl Fn(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        self.expect_token(&Token::LParen)?;
        let mut items = vec![item(self)?];
        loop {
            if self.eat_token(&Token::RParen) {
                return Ok(items);
            }
            if !self.eat_token(&Token::Comma) {
                return self.expected("',' or ')'", &[]);
            }
            items.push(item(self)?);
        }
    }

    /// The end of the statement, with or without a semicolon.
    pub(super) fn finish(&mut self, keywords: &[&str]) -> Result<()> {
        self.eat_token(&Token::SemiColon);
        if *self.peek(0) == Token::EOF {
            return Ok(());
        }
        self.expected(&alternatives("end of statement", keywords), keywords)
    }

    /// The error for something else than what was expected, here.
    pub(super) fn expected<T>(&self, what: &str, keywords: &[&str]) -> Result<T> {
        let found = match self.peek(0) {
            Token::EOF => "end of statement".to_owned(),
            token => token.to_string(),
        };
        let hint = self
            .word(0)
            .filter(|word| {
                !keywords
                    .iter()
                    .any(|keyword| keyword.eq_ignore_ascii_case(word))
            })
            .and_then(|word| nearest(word, keywords.iter().copied()))
            .map_or_else(String::new, |keyword| format!("; did you mean {keyword}?"));
        self.fail(&format!("expected {what}, found {found}{hint}"))
    }

    /// What is read, for later errors.
    pub(super) fn written(&self) -> Written {
        Written::new(Arc::clone(&self.text))
    }

    /// Where a name or a string stands.
    pub(super) fn mentions(&self, name: &str) -> impl Iterator<Item = Location> {
        self.tokens
            .iter()
            .filter(move |token| match &token.token {
                Token::Word(word) if word.quote_style.is_none() => {
                    word.value.eq_ignore_ascii_case(name)
                }
                Token::Word(word) => word.value == name,
                Token::SingleQuotedString(text) => text == name,
                _ => false,
            })
            .map(|token| token.span.start)
    }

    /// An error that points here.
    pub(super) fn fail<T>(&self, message: &str) -> Result<T> {
        self.fail_at(self.location(), message)
    }

    /// Where the next token starts, or the statement ends.
    pub(super) fn location(&self) -> Location {
        self.tokens
            .get(self.index)
            .map_or(self.end, |token| token.span.start)
    }

    /// An error that points at a place read before.
    pub(super) fn fail_at<T>(&self, at: Location, message: &str) -> Result<T> {
        let message = format!(
            "line {}, column {}: {message}{}",
            at.line,
            at.column,
            pointer(&self.text, at)
        );
        let span = Span::try_from_sqlparser_span(sqlparser::tokenizer::Span::new(at, at));
        let diagnostic = Diagnostic::new_error(message.clone(), span);
        Err(DataFusionError::Plan(message).with_diagnostic(diagnostic))
    }

    /// Stores a clause's value, or says that the clause is there twice.
    pub(super) fn once<T>(
        &self,
        slot: &mut Option<T>,
        clause: &str,
        at: Location,
        value: T,
    ) -> Result<()> {
        if slot.is_some() {
            return self.fail_at(at, &format!("{clause} is given twice; keep one"));
        }
        *slot = Some(value);
        Ok(())
    }
}

/// `A, B or C`.
pub(crate) fn alternatives(first: &str, others: &[&str]) -> String {
    let mut words: Vec<&str> = vec![first];
    words.extend(others);
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => first.to_owned(),
    }
}
