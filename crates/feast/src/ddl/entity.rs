// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `CREATE ENTITY name [JOIN KEY (column [type])] [COMMENT '…'] [OWNER '…'] [TAGS (…)]`

use datafusion::common::Result;
use sqlparser::tokenizer::Token;

use super::cursor::{Cursor, alternatives};
use super::parse::{PROPERTIES, PropertyClauses};
use super::{CreateEntity, CreateMode, JoinKey, Statement, types};

/// Reads what follows `CREATE ENTITY [IF NOT EXISTS]`.
pub(super) fn parse(cursor: &mut Cursor, mode: CreateMode) -> Result<Statement> {
    let name = cursor.name("the name of the entity")?;
    let mut join_key = None;
    let mut properties = PropertyClauses::default();
    while !cursor.at_end() {
        let at = cursor.location();
        if cursor.eat("JOIN") {
            cursor.expect("KEY")?;
            let key = key(cursor)?;
            cursor.once(&mut join_key, "JOIN KEY", at, key)?;
        } else if !properties.read(cursor)? {
            let keywords = ["JOIN KEY", "COMMENT", "OWNER", "TAGS"];
            return cursor.expected(&alternatives("JOIN KEY", &PROPERTIES), &keywords);
        }
    }
    cursor.finish(&[])?;
    let properties = properties.finish();
    Ok(Statement::CreateEntity(CreateEntity {
        mode,
        name,
        join_key,
        properties,
        written: cursor.written(),
    }))
}

fn key(cursor: &mut Cursor) -> Result<JoinKey> {
    cursor.expect_token(&Token::LParen)?;
    let column = cursor.name("the name of the join key column")?;
    let value_type = match cursor.peek(0) {
        Token::RParen => None,
        _ => Some(types::parse(cursor)?),
    };
    if *cursor.peek(0) == Token::Comma {
        return cursor.fail(
            "an entity has one join key; make an entity for each key and name them all in the \
             feature view's ENTITIES",
        );
    }
    cursor.expect_token(&Token::RParen)?;
    Ok(JoinKey { column, value_type })
}
