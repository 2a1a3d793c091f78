// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `CREATE FEATURE VIEW`: its clauses may come in any order.

use std::time::Duration;

use arrow::compute::kernels::cast_utils::{
    IntervalParseConfig, IntervalUnit, parse_interval_month_day_nano_config,
};
use datafusion::common::Result;
use datafusion::sql::TableReference;
use sqlparser::tokenizer::{Location, Token};

use super::cursor::{Cursor, alternatives};
use super::parse::PropertyClauses;
use super::{CreateFeatureView, CreateMode, FeatureColumn, SourceClause, Statement, types};

const KEYWORDS: [&str; 12] = [
    "ENTITIES",
    "FEATURES",
    "FROM",
    "TIMESTAMP",
    "CREATED TIMESTAMP",
    "TIE BREAK",
    "FIELD MAPPING",
    "TTL",
    "ONLINE",
    "OFFLINE ONLY",
    "COMMENT",
    "OWNER",
];

#[derive(Debug, Default)]
struct Clauses {
    entities: Option<Vec<String>>,
    features: Option<Vec<FeatureColumn>>,
    source: Option<SourceClause>,
    timestamp: Option<String>,
    created: Option<String>,
    tie_break: Option<Vec<String>>,
    field_mapping: Option<Vec<(String, String)>>,
    ttl: Option<Duration>,
    online: Option<bool>,
    properties: PropertyClauses,
}

/// Reads what follows `CREATE FEATURE VIEW [IF NOT EXISTS]`.
pub(super) fn parse(cursor: &mut Cursor, mode: CreateMode) -> Result<Statement> {
    let name = cursor.name("the name of the feature view")?;
    let mut clauses = Clauses::default();
    while !cursor.at_end() {
        let at = cursor.location();
        let read = clauses.columns(cursor, at)?
            || clauses.source(cursor, at)?
            || clauses.properties.read(cursor)?;
        if !read {
            let mut keywords = KEYWORDS.to_vec();
            keywords.push("TAGS");
            return cursor.expected(&alternatives(KEYWORDS[0], &keywords[1..]), &keywords);
        }
    }
    let Some(source) = clauses.source else {
        return cursor.expected("FROM table, FROM 'path.parquet' or FROM (SELECT …)", &[]);
    };
    cursor.finish(&[])?;
    let stated = clauses.timestamp.is_some();
    Ok(Statement::CreateFeatureView(CreateFeatureView {
        mode,
        name,
        // With the event time stated, no list of entities and an empty one are the same.
        entities: clauses
            .entities
            .filter(|names| !stated || !names.is_empty()),
        features: clauses.features,
        source,
        timestamp: clauses.timestamp,
        created: clauses.created,
        tie_break: clauses.tie_break.unwrap_or_default(),
        field_mapping: clauses.field_mapping.unwrap_or_default(),
        ttl: clauses.ttl.filter(|ttl| !ttl.is_zero()),
        online: clauses.online.unwrap_or(true),
        properties: clauses.properties.finish(),
        written: cursor.written(),
    }))
}

impl Clauses {
    fn columns(&mut self, cursor: &mut Cursor, at: Location) -> Result<bool> {
        if cursor.eat("ENTITIES") {
            let names = cursor.list_or_none(|cursor| cursor.name("the name of an entity"))?;
            cursor.once(&mut self.entities, "ENTITIES", at, names)?;
        } else if cursor.eat("FEATURES") {
            let features = cursor.list(feature)?;
            cursor.once(&mut self.features, "FEATURES", at, features)?;
        } else if cursor.eat("TIE") {
            cursor.expect("BREAK")?;
            let names = cursor.list(|cursor| cursor.name("the name of a tie-break column"))?;
            cursor.once(&mut self.tie_break, "TIE BREAK", at, names)?;
        } else if cursor.eat("FIELD") {
            cursor.expect("MAPPING")?;
            let names = cursor.list(|cursor| {
                let column = cursor.name("the name of a source column")?;
                cursor.expect("AS")?;
                Ok((column, cursor.name("the name that the column gets")?))
            })?;
            cursor.once(&mut self.field_mapping, "FIELD MAPPING", at, names)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn source(&mut self, cursor: &mut Cursor, at: Location) -> Result<bool> {
        if cursor.eat("FROM") {
            let source = source(cursor)?;
            cursor.once(&mut self.source, "FROM", at, source)?;
        } else if cursor.eat("TIMESTAMP") {
            let name = cursor.name("the name of the event time column")?;
            cursor.once(&mut self.timestamp, "TIMESTAMP", at, name)?;
        } else if cursor.eat("CREATED") {
            cursor.expect("TIMESTAMP")?;
            let name = cursor.name("the name of the created time column")?;
            cursor.once(&mut self.created, "CREATED TIMESTAMP", at, name)?;
        } else if cursor.eat("TTL") {
            let ttl = ttl(cursor)?;
            cursor.once(&mut self.ttl, "TTL", at, ttl)?;
        } else if cursor.eat("ONLINE") {
            cursor.once(&mut self.online, "ONLINE or OFFLINE ONLY", at, true)?;
        } else if cursor.eat("OFFLINE") {
            cursor.expect("ONLY")?;
            cursor.once(&mut self.online, "ONLINE or OFFLINE ONLY", at, false)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

/// `name type [COMMENT '…']`
pub(super) fn feature(cursor: &mut Cursor) -> Result<FeatureColumn> {
    let name = cursor.name("the name of a feature")?;
    let value_type = types::parse(cursor)?;
    let comment = match cursor.eat("COMMENT") {
        true => Some(cursor.string("a text in quotes after COMMENT")?),
        false => None,
    };
    let comment = comment.filter(|text| !text.is_empty());
    Ok(FeatureColumn {
        name,
        value_type,
        comment,
    })
}

fn source(cursor: &mut Cursor) -> Result<SourceClause> {
    let at = cursor.location();
    if let Some(path) = cursor.string_here() {
        cursor.skip(1);
        if path.is_empty() {
            return cursor.fail_at(at, "expected the path of a Parquet file, found ''");
        }
        return Ok(SourceClause::Path(path));
    }
    if *cursor.peek(0) == Token::LParen {
        return query(cursor).map(SourceClause::Query);
    }
    let mut parts = vec![
        cursor.name("a table, the path of a Parquet file in quotes or a query in parentheses")?,
    ];
    while cursor.eat_token(&Token::Period) {
        parts.push(cursor.name("the next part of the table's name")?);
    }
    let mut parts = parts.into_iter();
    let table = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(table), None, ..) => TableReference::bare(table),
        (Some(schema), Some(table), None, _) => TableReference::partial(schema, table),
        (Some(catalog), Some(schema), Some(table), None) => {
            TableReference::full(catalog, schema, table)
        }
        _ => {
            return cursor.fail_at(
                at,
                "expected catalog.schema.table, found more parts; quote a schema with dots in its \
                 name: catalog.\"a.b\".table",
            );
        }
    };
    Ok(SourceClause::Table(table))
}

/// `(SELECT …)`
fn query(cursor: &mut Cursor) -> Result<String> {
    const BEGINNINGS: [&str; 3] = ["SELECT", "WITH", "VALUES"];
    let begins = BEGINNINGS.iter().any(|word| cursor.at(1, word));
    if !begins && *cursor.peek(1) != Token::LParen {
        cursor.skip(1);
        return cursor.expected(&alternatives(BEGINNINGS[0], &BEGINNINGS[1..]), &BEGINNINGS);
    }
    cursor.parenthesized()
}

const UNITS: [&str; 6] = ["WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND"];

/// `INTERVAL '…'`
pub(super) fn ttl(cursor: &mut Cursor) -> Result<Duration> {
    cursor.expect("INTERVAL")?;
    let at = cursor.location();
    let mut text = match cursor.peek(0) {
        Token::Number(number, _) => {
            let number = number.clone();
            cursor.skip(1);
            number
        }
        _ => cursor.string("an interval in quotes, as in INTERVAL '7 days'")?,
    };
    if let Some(unit) = cursor.word(0) {
        let unit = unit.to_ascii_uppercase();
        let singular = unit.strip_suffix('S').unwrap_or(&unit);
        if UNITS.contains(&singular) || ["MONTH", "YEAR"].contains(&singular) {
            text = format!("{text} {unit}");
            cursor.skip(1);
        }
    }
    parse_ttl(&text).or_else(|message| cursor.fail_at(at, &message))
}

/// A TTL from an interval's text, `7 days`; the message of the error when it is none.
pub(crate) fn parse_ttl(text: &str) -> Result<Duration, String> {
    const NANOS: i128 = 1_000_000_000;
    let config = IntervalParseConfig::new(IntervalUnit::Second);
    let interval = parse_interval_month_day_nano_config(text, config)
        .map_err(|_| format!("expected an interval such as '7 days', found '{text}'"))?;
    if interval.months != 0 {
        return Err(format!(
            "TTL '{text}' has no fixed length; give it in days or smaller units"
        ));
    }
    let nanos = i128::from(interval.days) * 86_400 * NANOS + i128::from(interval.nanoseconds);
    let seconds = u64::try_from(nanos.div_euclid(NANOS))
        .map_err(|_| format!("TTL '{text}' is negative; give a length, or 0 for no limit"))?;
    let rest = u32::try_from(nanos.rem_euclid(NANOS)).unwrap_or_default();
    Ok(Duration::new(seconds, rest))
}
