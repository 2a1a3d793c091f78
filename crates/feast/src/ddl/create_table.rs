// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `CREATE TABLE [IF NOT EXISTS] name [(column type [NOT NULL], …)] [PARTITIONED BY (transform, …)] [WITH (key 'value', …)]
//! [AS query]`
//!
//! Columns and query stay as they are written: DataFusion reads them.

use datafusion::common::{Result, TableReference};
use feast_iceberg::append::{PartitionBy, Transform};
use sqlparser::tokenizer::{Location, Token};

use super::cursor::{Cursor, alternatives};
use super::explain_clause::ExplainClause;

/// A `CREATE TABLE` as far as it is read before it is known whose it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NamedTable {
    /// The table to be made.
    pub(crate) name: TableReference,
    /// It has partitions.
    pub(crate) partitioned: bool,
}

/// `CREATE TABLE` for a table of an Iceberg catalog.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateTable {
    /// `EXPLAIN` in front of it.
    pub(crate) explain: Option<ExplainClause>,
    /// Leave a table of that name as it is.
    pub(crate) if_not_exists: bool,
    /// `(column type, …)` as a statement of DataFusion's.
    pub(crate) columns: Option<String>,
    /// The partition spec.
    pub(crate) partition_by: Vec<PartitionBy>,
    /// The table's properties.
    pub(crate) properties: Vec<(String, String)>,
    /// The query after `AS` as a statement of DataFusion's.
    pub(crate) query: Option<String>,
}

/// The table that a statement makes; none if it is another statement.
pub(crate) fn named_table(text: &str) -> Option<NamedTable> {
    let mut cursor = Cursor::new(text)?;
    if let Some((_, words)) = ExplainClause::read(&cursor) {
        cursor.skip(words);
    }
    let mut words = 1;
    for form in ["OR REPLACE", "TEMPORARY", "TEMP"] {
        if cursor.at(words, form) {
            words += form.split(' ').count();
        }
    }
    if !cursor.at(0, "CREATE") || !cursor.at(words, "TABLE") {
        return None;
    }
    cursor.skip(words + 1);
    cursor.eat("IF NOT EXISTS");
    let name = name(&mut cursor).ok()?;
    let mut depth = 0_usize;
    while !cursor.at_end() && (depth > 0 || !cursor.at(0, "AS")) {
        if depth == 0 && cursor.at(0, "PARTITIONED BY") {
            let partitioned = true;
            return Some(NamedTable { name, partitioned });
        }
        match cursor.peek(0) {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        cursor.skip(1);
    }
    let partitioned = false;
    Some(NamedTable { name, partitioned })
}

/// Reads the whole statement.
pub(crate) fn parse_create_table(text: &str) -> Result<Option<CreateTable>> {
    let Some(mut cursor) = Cursor::new(text) else {
        return Ok(None);
    };
    let explain = ExplainClause::read(&cursor);
    cursor.skip(explain.as_ref().map_or(0, |(_, words)| *words));
    let begin = cursor.location();
    cursor.expect("CREATE")?;
    if !cursor.at(0, "TABLE") {
        return cursor.fail(
            "a table of an Iceberg catalog is neither temporary nor replaced: expected CREATE TABLE; DROP TABLE the old one first",
        );
    }
    cursor.expect("TABLE")?;
    let if_not_exists = cursor.eat("IF");
    if if_not_exists {
        cursor.expect("NOT EXISTS")?;
    }
    name(&mut cursor)?;
    let mut columns = None;
    if *cursor.peek(0) == Token::LParen {
        step_over(&mut cursor)?;
        columns = Some(between(text, begin, cursor.location()));
    }
    let clauses = Clauses::read(&mut cursor, text)?;
    if columns.is_none() && clauses.query.is_none() {
        return cursor.expected("columns in parentheses or AS query", &[]);
    }
    Ok(Some(CreateTable {
        explain: explain.map(|(explain, _)| explain),
        if_not_exists,
        columns,
        partition_by: clauses.partition_by.unwrap_or_default(),
        properties: clauses.properties.unwrap_or_default(),
        query: clauses.query,
    }))
}

/// What follows the columns.
#[derive(Default)]
struct Clauses {
    partition_by: Option<Vec<PartitionBy>>,
    properties: Option<Vec<(String, String)>>,
    query: Option<String>,
}

impl Clauses {
    fn read(cursor: &mut Cursor, text: &str) -> Result<Self> {
        let mut clauses = Self::default();
        while !cursor.at_end() && clauses.query.is_none() {
            let at = cursor.location();
            if cursor.eat("PARTITIONED") {
                cursor.expect("BY")?;
                let list = cursor.list(partition)?;
                cursor.once(&mut clauses.partition_by, "PARTITIONED BY", at, list)?;
            } else if cursor.eat("WITH") || cursor.eat("OPTIONS") {
                let list = property_list(cursor)?;
                cursor.once(&mut clauses.properties, "WITH", at, list)?;
            } else if cursor.eat("AS") {
                if cursor.at_end() {
                    return cursor.expected("a query after AS", &[]);
                }
                let end = Location::new(u64::MAX, u64::MAX);
                clauses.query = Some(between(text, cursor.location(), end));
            } else {
                let keywords = ["PARTITIONED BY", "WITH", "AS"];
                let expected = alternatives("PARTITIONED BY (…)", &["WITH (…)", "AS query"]);
                return cursor.expected(&expected, &keywords);
            }
        }
        Ok(clauses)
    }
}

fn name(cursor: &mut Cursor) -> Result<TableReference> {
    let what = "the name of the table";
    let mut parts = vec![cursor.name(what)?];
    while cursor.eat_token(&Token::Period) {
        parts.push(cursor.name(what)?);
    }
    match <[String; 3]>::try_from(parts) {
        Ok([catalog, schema, table]) => Ok(TableReference::full(catalog, schema, table)),
        Err(parts) => match parts.as_slice() {
            [table] => Ok(TableReference::bare(table.as_str())),
            [schema, table] => Ok(TableReference::partial(schema.as_str(), table.as_str())),
            _ => cursor.fail(
                "a table's name has at most three parts: catalog, schema and table; quote a namespace of several levels, as in \
                 lake.\"a.b\".t",
            ),
        },
    }
}

/// Steps over what is in the parentheses that begin here.
fn step_over(cursor: &mut Cursor) -> Result<()> {
    let mut depth = 0_usize;
    loop {
        match cursor.peek(0) {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            Token::EOF => return cursor.expected("')'", &[]),
            _ => {}
        }
        cursor.skip(1);
        if depth == 0 {
            return Ok(());
        }
    }
}

/// A field of a partition spec: a column, or one of Iceberg's transforms of one.
fn partition(cursor: &mut Cursor) -> Result<PartitionBy> {
    if *cursor.peek(1) != Token::LParen {
        return Ok(PartitionBy::new(column(cursor)?, Transform::Identity));
    }
    let at = cursor.location();
    let named = cursor.name("a transform")?;
    cursor.expect_token(&Token::LParen)?;
    let transform = match named.as_str() {
        "bucket" | "truncate" => {
            let first = width(cursor)?;
            if first.is_some() {
                cursor.expect_token(&Token::Comma)?;
            }
            let column = column(cursor)?;
            let width = match first {
                Some(width) => width,
                None => {
                    cursor.expect_token(&Token::Comma)?;
                    match width(cursor)? {
                        Some(width) => width,
                        None => return cursor.expected("a whole number above 0", &[]),
                    }
                }
            };
            cursor.expect_token(&Token::RParen)?;
            let transform = match named.as_str() {
                "bucket" => Transform::Bucket(width),
                _ => Transform::Truncate(width),
            };
            return Ok(PartitionBy::new(column, transform));
        }
        "identity" => Transform::Identity,
        "year" | "years" => Transform::Year,
        "month" | "months" => Transform::Month,
        "day" | "days" => Transform::Day,
        "hour" | "hours" => Transform::Hour,
        _ => {
            let known = ["truncate", "year", "month", "day", "hour", "identity"];
            let known = alternatives("bucket", &known);
            return cursor.fail_at(at, &format!("{named} is no transform: expected {known}"));
        }
    };
    let column = column(cursor)?;
    cursor.expect_token(&Token::RParen)?;
    Ok(PartitionBy::new(column, transform))
}

/// A column, or a field inside of structs.
fn column(cursor: &mut Cursor) -> Result<String> {
    let mut column = cursor.name("a column")?;
    while cursor.eat_token(&Token::Period) {
        column.push('.');
        column.push_str(&cursor.name("a field of the column")?);
    }
    Ok(column)
}

fn width(cursor: &mut Cursor) -> Result<Option<u32>> {
    let Token::Number(text, _) = cursor.peek(0) else {
        return Ok(None);
    };
    match text.parse::<u32>() {
        Ok(width) if width > 0 && i32::try_from(width).is_ok() => {
            cursor.skip(1);
            Ok(Some(width))
        }
        _ => cursor.expected("a whole number above 0", &[]),
    }
}

/// `(key 'value', …)`, with or without `=` between them.
fn property_list(cursor: &mut Cursor) -> Result<Vec<(String, String)>> {
    let list = cursor.list(|cursor| {
        let at = cursor.location();
        let key = cursor.key("the name of a property", false)?;
        cursor.eat_token(&Token::Eq);
        let value = match cursor.peek(0) {
            Token::Number(number, _) => Some(number.clone()),
            Token::Word(word) if word.quote_style.is_none() => Some(word.value.clone()),
            _ => None,
        };
        match value {
            Some(value) => {
                cursor.skip(1);
                Ok((at, key, value))
            }
            None => Ok((
                at,
                key,
                cursor.string("the value of the property in quotes")?,
            )),
        }
    })?;
    for (index, (at, key, _)) in list.iter().enumerate() {
        if list.iter().take(index).any(|(_, other, _)| other == key) {
            return cursor.fail_at(*at, &format!("property {key} is given twice; keep one"));
        }
    }
    Ok(list
        .into_iter()
        .map(|(_, key, value)| (key, value))
        .collect())
}

/// The text between two places, with blanks for what is before it, so that errors point at the right place.
fn between(text: &str, from: Location, to: Location) -> String {
    let (from, to) = (offset(text, from), offset(text, to));
    let mut alone = blanks(&text[..from]);
    alone.push_str(&text[from..to.max(from)]);
    alone
}

fn blanks(of: &str) -> String {
    of.chars()
        .map(|c| if c == '\n' { c } else { ' ' })
        .collect()
}

/// The byte that a location points at.
fn offset(text: &str, at: Location) -> usize {
    let (mut line, mut column) = (1, 1);
    for (index, c) in text.char_indices() {
        if (line, column) >= (at.line, at.column) {
            return index;
        }
        if c == '\n' {
            (line, column) = (line + 1, 1);
        } else {
            column += 1;
        }
    }
    text.len()
}
