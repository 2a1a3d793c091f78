// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Type names: SQL's (`BIGINT`, `DOUBLE`, `BIGINT[]`) and Feast's (`INT64`, `DOUBLE`, `INT64_LIST`).

use datafusion::common::{Result, plan_err};
use feast_registry::ValueType;
use sqlparser::tokenizer::{Location, Token};

use super::cursor::Cursor;
use super::nearest::nearest;

/// SQL names. The first of a type is the one that is printed.
const SQL_NAMES: [(&str, ValueType); 39] = [
    ("BIGINT", ValueType::Int64),
    ("INT8", ValueType::Int64),
    ("LONG", ValueType::Int64),
    ("INT", ValueType::Int32),
    ("INTEGER", ValueType::Int32),
    ("INT4", ValueType::Int32),
    ("SMALLINT", ValueType::Int32),
    ("INT2", ValueType::Int32),
    ("TINYINT", ValueType::Int32),
    ("VARCHAR", ValueType::String),
    ("TEXT", ValueType::String),
    ("CHAR", ValueType::String),
    ("CHARACTER", ValueType::String),
    ("CHARACTER VARYING", ValueType::String),
    ("CHAR VARYING", ValueType::String),
    ("NVARCHAR", ValueType::String),
    ("DOUBLE", ValueType::Double),
    ("DOUBLE PRECISION", ValueType::Double),
    ("FLOAT8", ValueType::Double),
    ("FLOAT64", ValueType::Double),
    ("FLOAT", ValueType::Float),
    ("REAL", ValueType::Float),
    ("FLOAT4", ValueType::Float),
    ("FLOAT32", ValueType::Float),
    ("BOOLEAN", ValueType::Bool),
    ("BYTEA", ValueType::Bytes),
    ("BINARY", ValueType::Bytes),
    ("VARBINARY", ValueType::Bytes),
    ("BLOB", ValueType::Bytes),
    ("BINARY VARYING", ValueType::Bytes),
    ("TIMESTAMP", ValueType::UnixTimestamp),
    ("TIMESTAMPTZ", ValueType::UnixTimestamp),
    ("TIMESTAMP WITH TIME ZONE", ValueType::UnixTimestamp),
    ("TIMESTAMP WITHOUT TIME ZONE", ValueType::UnixTimestamp),
    ("DATETIME", ValueType::UnixTimestamp),
    ("DATE", ValueType::UnixTimestamp),
    ("DECIMAL", ValueType::Decimal),
    ("NUMERIC", ValueType::Decimal),
    ("DEC", ValueType::Decimal),
];

/// Scalar types, each with the type of a list of it.
const LISTS: [(ValueType, ValueType); 14] = [
    (ValueType::Bytes, ValueType::BytesList),
    (ValueType::String, ValueType::StringList),
    (ValueType::Int32, ValueType::Int32List),
    (ValueType::Int64, ValueType::Int64List),
    (ValueType::Double, ValueType::DoubleList),
    (ValueType::Float, ValueType::FloatList),
    (ValueType::Bool, ValueType::BoolList),
    (ValueType::UnixTimestamp, ValueType::UnixTimestampList),
    (ValueType::Map, ValueType::MapList),
    (ValueType::Json, ValueType::JsonList),
    (ValueType::Struct, ValueType::StructList),
    (ValueType::Uuid, ValueType::UuidList),
    (ValueType::TimeUuid, ValueType::TimeUuidList),
    (ValueType::Decimal, ValueType::DecimalList),
];

/// The list type with elements of the type, if Feast has one.
pub(crate) fn list_of(element: ValueType) -> Option<ValueType> {
    LISTS
        .into_iter()
        .find(|(scalar, _)| *scalar == element)
        .map(|(_, list)| list)
}

/// The name that `SHOW CREATE` prints and the parser reads: SQL's if there is one, else Feast's.
pub(crate) fn sql_type_name(value_type: ValueType) -> String {
    if let Some((name, _)) = SQL_NAMES
        .into_iter()
        .find(|(_, other)| *other == value_type)
    {
        return name.to_owned();
    }
    match LISTS.into_iter().find(|(_, list)| *list == value_type) {
        Some((element, _)) => format!("{}[]", sql_type_name(element)),
        None => value_type.name().to_owned(),
    }
}

/// The type that `text` names.
pub(crate) fn type_from_text(text: &str) -> Result<ValueType> {
    let Some(mut cursor) = Cursor::new(text) else {
        return plan_err!("expected the name of a type, found '{text}'");
    };
    let value_type = parse(&mut cursor)?;
    cursor.finish(&[])?;
    Ok(value_type)
}

/// Reads a type: a name, with `[]` behind it or `ARRAY<` before it for a list.
pub(super) fn parse(cursor: &mut Cursor) -> Result<ValueType> {
    let at = cursor.location();
    if cursor.at(0, "ARRAY") && *cursor.peek(1) == Token::Lt {
        cursor.skip(2);
        let element = parse(cursor)?;
        cursor.expect_token(&Token::Gt)?;
        return list(cursor, at, element);
    }
    let mut value_type = scalar(cursor)?;
    loop {
        if *cursor.peek(0) == Token::LBracket && *cursor.peek(1) == Token::RBracket {
            cursor.skip(2);
        } else if !cursor.eat("ARRAY") {
            return Ok(value_type);
        }
        value_type = list(cursor, at, value_type)?;
    }
}

fn list(cursor: &Cursor, at: Location, element: ValueType) -> Result<ValueType> {
    match list_of(element) {
        Some(list) => Ok(list),
        None => cursor.fail_at(
            at,
            &format!("there is no list of {}", sql_type_name(element)),
        ),
    }
}

fn scalar(cursor: &mut Cursor) -> Result<ValueType> {
    let Some(first) = cursor.word(0).map(str::to_ascii_uppercase) else {
        return cursor.expected("a type such as BIGINT, VARCHAR or DOUBLE", &[]);
    };
    // The longest spelling first: `DOUBLE PRECISION` before `DOUBLE`.
    let longest = SQL_NAMES
        .iter()
        .filter(|(name, _)| cursor.at(0, name))
        .max_by_key(|(name, _)| name.len());
    let value_type = match longest {
        Some((name, value_type)) => {
            let value_type = *value_type;
            cursor.skip(name.split(' ').count());
            value_type
        }
        None => match ValueType::from_name(&first) {
            Some(value_type) => {
                cursor.skip(1);
                value_type
            }
            None => return unknown(cursor),
        },
    };
    parameters(cursor, value_type)
}

/// `VARCHAR(20)`, `DECIMAL(10, 2)`, `TIMESTAMP(6) WITH TIME ZONE`: Feast's types have no parameters,
/// so they are read over.
fn parameters(cursor: &mut Cursor, value_type: ValueType) -> Result<ValueType> {
    let has = [
        ValueType::String,
        ValueType::Decimal,
        ValueType::UnixTimestamp,
        ValueType::Bytes,
    ];
    if *cursor.peek(0) != Token::LParen || !has.contains(&value_type) {
        return Ok(value_type);
    }
    cursor.list(|cursor| match cursor.peek(0) {
        Token::Number(..) => {
            cursor.skip(1);
            Ok(())
        }
        _ => cursor.expected("a number", &[]),
    })?;
    if value_type == ValueType::UnixTimestamp && (cursor.eat("WITH") || cursor.eat("WITHOUT")) {
        cursor.expect("TIME ZONE")?;
    }
    Ok(value_type)
}

fn unknown(cursor: &Cursor) -> Result<ValueType> {
    let mut names: Vec<&str> = SQL_NAMES.iter().map(|(name, _)| *name).collect();
    names.extend(ValueType::ALL.iter().map(|value_type| value_type.name()));
    let word = cursor.word(0).unwrap_or_default();
    let hint = nearest(word, names.iter().copied()).map_or_else(
        || {
            "; types are BIGINT, INT, VARCHAR, DOUBLE, FLOAT, BOOLEAN, TIMESTAMP, BYTEA, lists of \
            them (BIGINT[]) and Feast's own names"
                .to_owned()
        },
        |name| format!("; did you mean {name}?"),
    );
    cursor.fail(&format!("unknown type {word}{hint}"))
}
