// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `CREATE FEATURE SERVICE name AS (view [(feature, …)] [AS alias] [ON (key = column, …)], …) [opts]`

use datafusion::common::Result;
use sqlparser::tokenizer::Token;

use super::cursor::{Cursor, alternatives};
use super::parse::{PROPERTIES, PropertyClauses};
use super::{CreateFeatureService, CreateMode, ServiceItem, Statement};

/// Reads what follows `CREATE FEATURE SERVICE [IF NOT EXISTS]`.
pub(super) fn parse(cursor: &mut Cursor, mode: CreateMode) -> Result<Statement> {
    let name = cursor.name("the name of the feature service")?;
    let mut items = None;
    let mut properties = PropertyClauses::default();
    while !cursor.at_end() {
        let at = cursor.location();
        if cursor.eat("AS") {
            let list = cursor.list(item)?;
            cursor.once(&mut items, "AS", at, list)?;
        } else if !properties.read(cursor)? {
            let keywords = ["AS", "COMMENT", "OWNER", "TAGS"];
            return cursor.expected(&alternatives("AS", &PROPERTIES), &keywords);
        }
    }
    let Some(items) = items else {
        return cursor.expected("AS (view, …)", &[]);
    };
    cursor.finish(&[])?;
    let properties = properties.finish();
    Ok(Statement::CreateFeatureService(CreateFeatureService {
        mode,
        name,
        items,
        properties,
        written: cursor.written(),
    }))
}

/// `view [(feature, …)] [AS alias] [ON (key = column, …)]`
pub(super) fn item(cursor: &mut Cursor) -> Result<ServiceItem> {
    let view = cursor.name("the name of a feature view")?;
    let features = match cursor.peek(0) {
        Token::LParen => Some(cursor.list(|cursor| cursor.name("the name of a feature"))?),
        _ => None,
    };
    let alias = match cursor.eat("AS") {
        true => Some(cursor.name("the alias of the feature view")?),
        false => None,
    };
    let join_keys = match cursor.eat("ON") {
        true => cursor.list(|cursor| {
            let key = cursor.name("a join key of the feature view")?;
            cursor.expect_token(&Token::Eq)?;
            Ok((key, cursor.name("a column of the entity table")?))
        })?,
        false => Vec::new(),
    };
    if !matches!(cursor.peek(0), Token::Comma | Token::RParen) {
        let mut rest = vec!["ON"];
        rest.extend(["',' or ')'"]);
        return cursor.expected(&alternatives("AS", &rest), &["AS", "ON"]);
    }
    Ok(ServiceItem {
        view,
        features,
        alias,
        join_keys,
    })
}
