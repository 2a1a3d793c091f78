// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `CREATE EXTERNAL CATALOG [IF NOT EXISTS] name STORED AS ICEBERG OPTIONS (key 'value', …)`

use datafusion::common::Result;
use sqlparser::tokenizer::Token;

use super::cursor::{Cursor, alternatives};
use super::{CreateCatalog, Statement};

/// Reads what follows `CREATE EXTERNAL CATALOG`.
pub(super) fn parse(cursor: &mut Cursor) -> Result<Statement> {
    let if_not_exists = cursor.eat("IF");
    if if_not_exists {
        cursor.expect("NOT EXISTS")?;
    }
    let name = cursor.name("the name of the catalog")?;
    let mut stored = None;
    let mut options = None;
    while !cursor.at_end() {
        let at = cursor.location();
        if cursor.eat("STORED") {
            cursor.expect("AS ICEBERG")?;
            cursor.once(&mut stored, "STORED AS", at, ())?;
        } else if cursor.eat("OPTIONS") {
            let list = option_list(cursor)?;
            cursor.once(&mut options, "OPTIONS", at, list)?;
        } else {
            let keywords = ["STORED AS ICEBERG", "OPTIONS"];
            return cursor.expected(&alternatives("STORED AS ICEBERG", &["OPTIONS"]), &keywords);
        }
    }
    if stored.is_none() {
        return cursor.expected("STORED AS ICEBERG", &[]);
    }
    let Some(options) = options else {
        return cursor.expected("OPTIONS (type 'sql', uri '…')", &[]);
    };
    cursor.finish(&[])?;
    Ok(Statement::CreateCatalog(CreateCatalog {
        if_not_exists,
        name,
        options,
    }))
}

fn option_list(cursor: &mut Cursor) -> Result<Vec<(String, String)>> {
    let list = cursor.list(|cursor| {
        let at = cursor.location();
        let key = cursor.key("the name of an option", false)?;
        Ok((at, key, value(cursor)?))
    })?;
    for (index, (at, key, _)) in list.iter().enumerate() {
        if list
            .iter()
            .take(index)
            .any(|(_, other, _)| other.eq_ignore_ascii_case(key))
        {
            return cursor.fail_at(*at, &format!("option {key} is given twice; keep one"));
        }
    }
    Ok(list
        .into_iter()
        .map(|(_, key, value)| (key, value))
        .collect())
}

/// A string, a number or a bare word such as `true`.
fn value(cursor: &mut Cursor) -> Result<String> {
    let value = match cursor.peek(0) {
        Token::Number(number, _) => number.clone(),
        Token::Word(word) if word.quote_style.is_none() => word.value.clone(),
        _ => return cursor.string("the value of the option in quotes"),
    };
    cursor.skip(1);
    Ok(value)
}
