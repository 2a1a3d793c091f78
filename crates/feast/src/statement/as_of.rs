// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `FOR VERSION AS OF` and `FOR TIMESTAMP AS OF` after a table's name.
//!
//! Few SQL dialects know them, and none all of their forms. So they become arguments of the table before the statement is
//! parsed: `t FOR VERSION AS OF 'audit'` is `t(version_as_of => 'audit')`, which every dialect parses and the relation planner
//! understands.

use datafusion::common::{DataFusionError, Result, plan_err};
use datafusion::sql::sqlparser::ast::Ident;
use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

/// The argument that holds a snapshot id, or the name of a branch or tag.
pub(crate) const VERSION_AS_OF: &str = "version_as_of";
/// The argument that holds an instant.
pub(crate) const TIMESTAMP_AS_OF: &str = "timestamp_as_of";

/// The tokens of a statement, with versions of tables as arguments.
///
/// # Errors
///
/// When the text has no tokens in the dialect, or no value follows `AS OF`.
pub(crate) fn tokens(text: &str, dialect: &dyn Dialect) -> Result<Vec<TokenWithSpan>> {
    let mut found = Tokenizer::new(dialect, text)
        .tokenize_with_location()
        .map_err(|error| DataFusionError::from(ParserError::from(error)))?;
    let mut at = 0;
    while at < found.len() {
        match clause(&found, at) {
            Some((argument, value)) => {
                let end = end_of_value(&found, argument, value, dialect)?;
                let replaced = as_argument(&found, argument, value..end, at);
                let length = replaced.len();
                found.splice(at..end, replaced);
                at += length;
            }
            None => at += 1,
        }
    }
    Ok(found)
}

/// Where a clause starts at `at`: its argument, and where its value starts.
fn clause(tokens: &[TokenWithSpan], at: usize) -> Option<(&'static str, usize)> {
    let named = tokens[..at].iter().rev().find(|t| !is_blank(t))?;
    if !matches!(named.token, Token::Word(_)) {
        return None;
    }
    let mut words = tokens
        .iter()
        .enumerate()
        .skip(at)
        .filter(|(_, token)| !is_blank(token));
    let mut next = || words.next().and_then(|(_, token)| keyword(token));
    if tokens.get(at).is_none_or(is_blank) || next()? != "FOR" {
        return None;
    }
    let argument = match next()?.as_str() {
        "VERSION" | "SYSTEM_VERSION" => VERSION_AS_OF,
        "TIMESTAMP" | "SYSTEM_TIME" => TIMESTAMP_AS_OF,
        _ => return None,
    };
    if next()? != "AS" || next()? != "OF" {
        return None;
    }
    let value = words.next().map_or(tokens.len(), |(at, _)| at);
    Some((argument, value))
}

fn keyword(token: &TokenWithSpan) -> Option<String> {
    match &token.token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_ascii_uppercase()),
        _ => None,
    }
}

fn is_blank(token: &TokenWithSpan) -> bool {
    matches!(token.token, Token::Whitespace(_))
}

/// Where the value ends: a version is one number or string, an instant is an expression.
fn end_of_value(
    tokens: &[TokenWithSpan],
    argument: &str,
    value: usize,
    dialect: &dyn Dialect,
) -> Result<usize> {
    let first = tokens.get(value).map(|t| &t.token);
    if argument == VERSION_AS_OF {
        return match first {
            Some(Token::Number(..) | Token::SingleQuotedString(_) | Token::Placeholder(_)) => {
                Ok(value + 1)
            }
            other => plan_err!(
                "FOR VERSION AS OF expects a snapshot id, or the name of a branch or tag in single quotes; found {}",
                other.map_or("the end of the statement".to_owned(), Token::to_string)
            ),
        };
    }
    let mut parser = Parser::new(dialect).with_tokens_with_locations(tokens[value..].to_vec());
    match parser.parse_expr() {
        Ok(_) => Ok(value + parser.index()),
        Err(error) => plan_err!("FOR TIMESTAMP AS OF expects an instant: {error}"),
    }
}

/// `(argument => value)` in the place of the clause.
fn as_argument(
    tokens: &[TokenWithSpan],
    argument: &str,
    value: std::ops::Range<usize>,
    at: usize,
) -> Vec<TokenWithSpan> {
    let span = tokens[at].span;
    let sign = |token| TokenWithSpan::new(token, span);
    let name = Token::make_word(&Ident::new(argument).value, None);
    let mut replaced = vec![sign(Token::LParen), sign(name), sign(Token::RArrow)];
    replaced.extend_from_slice(&tokens[value]);
    replaced.push(sign(Token::RParen));
    replaced
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::{GenericDialect, PostgreSqlDialect};

    use super::*;

    fn rewritten(text: &str) -> String {
        let tokens = tokens(text, &GenericDialect {}).unwrap();
        tokens.iter().map(|t| t.token.to_string()).collect()
    }

    #[test]
    fn a_version_becomes_an_argument() {
        for (text, expected) in [
            (
                "SELECT * FROM lake.ns.t FOR VERSION AS OF 12 AS x",
                "SELECT * FROM lake.ns.t (version_as_of=>12) AS x",
            ),
            (
                "FROM \"T\" for /* c */ system_version\n as of 'a b' x JOIN u FOR VERSION AS OF 2",
                "FROM \"T\" (version_as_of=>'a b') x JOIN u (version_as_of=>2)",
            ),
            (
                "FROM t FOR TIMESTAMP AS OF now() - INTERVAL '1 day' WHERE a = 1",
                "FROM t (timestamp_as_of=>now() - INTERVAL '1 day') WHERE a = 1",
            ),
            (
                "FROM t FOR SYSTEM_TIME AS OF TIMESTAMP '2024-01-01' x",
                "FROM t (timestamp_as_of=>TIMESTAMP '2024-01-01') x",
            ),
        ] {
            assert_eq!(rewritten(text), expected);
        }
    }

    #[test]
    fn other_text_stays() {
        for text in [
            "SELECT 'FOR VERSION AS OF 1', \"FOR\" -- FOR VERSION AS OF 1\n FROM t",
            "SELECT version AS of FROM t",
            "SELECT * FROM t FOR UPDATE",
            "SELECT timestamp AS of FROM (SELECT 1) FOR VERSION AS OF 1",
            "",
        ] {
            assert_eq!(rewritten(text), text);
        }
    }

    #[test]
    fn a_value_has_to_follow() {
        for text in [
            "FROM t FOR VERSION AS OF",
            "FROM t FOR VERSION AS OF audit",
            "FROM t FOR TIMESTAMP AS OF",
        ] {
            let error = tokens(text, &PostgreSqlDialect {}).unwrap_err().to_string();
            assert!(error.contains("AS OF expects"), "{error}");
        }
    }
}
