// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `ALTER {ENTITY | FEATURE VIEW | FEATURE SERVICE} [IF EXISTS] name action [, action …]`

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use datafusion::common::Result;
use sqlparser::tokenizer::Token;

use super::cursor::{Cursor, alternatives};
use super::display::{quoted_string, ttl_text};
use super::{
    FeatureColumn, ObjectKind, ServiceItem, Statement, Written, feature_service, feature_view,
    quoted_name, sql_type_name, types,
};

/// `ALTER … [IF EXISTS] name action, …`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Alter {
    /// What is changed.
    pub(crate) kind: ObjectKind,
    /// Do nothing when it does not exist.
    pub(crate) if_exists: bool,
    /// Its name.
    pub(crate) name: String,
    /// What is changed in it, in this order.
    pub(crate) actions: Vec<AlterAction>,
    /// Where it was read from.
    pub(crate) written: Written,
}

/// One change of an object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AlterAction {
    /// `ADD FEATURES (name type, …)`
    AddFeatures(Vec<FeatureColumn>),
    /// `DROP FEATURES (name, …)`
    DropFeatures(Vec<String>),
    /// `ALTER FEATURE name TYPE type`
    SetType(String, feast_registry::ValueType),
    /// `ALTER FEATURE name COMMENT '…'`
    DescribeFeature(String, String),
    /// `ADD (view [(feature, …)] …, …)`, in a service
    AddItems(Vec<ServiceItem>),
    /// `DROP (view, …)`, in a service
    DropItems(Vec<String>),
    /// `SET TTL INTERVAL '…'`, `UNSET TTL`
    SetTtl(Option<Duration>),
    /// `SET ONLINE`, `SET OFFLINE ONLY`
    SetOnline(bool),
    /// `SET TAGS (key 'value', …)`; other tags stay
    SetTags(Vec<(String, String)>),
    /// `UNSET TAGS (key, …)`
    UnsetTags(Vec<String>),
    /// `SET COMMENT '…'`, `UNSET COMMENT`
    SetComment(Option<String>),
    /// `SET OWNER '…'`, `UNSET OWNER`
    SetOwner(Option<String>),
}

/// Reads what follows `ALTER` and the kind.
pub(super) fn parse(cursor: &mut Cursor, kind: ObjectKind) -> Result<Statement> {
    let if_exists = cursor.eat("IF");
    if if_exists {
        cursor.expect("EXISTS")?;
    }
    let name = cursor.name(&format!("the name of the {kind}"))?;
    let mut actions = vec![action(cursor, kind)?];
    while cursor.eat_token(&Token::Comma) || !cursor.at_end() {
        actions.push(action(cursor, kind)?);
    }
    cursor.finish(&[])?;
    Ok(Statement::Alter(Alter {
        kind,
        if_exists,
        name,
        actions,
        written: cursor.written(),
    }))
}

fn action(cursor: &mut Cursor, kind: ObjectKind) -> Result<AlterAction> {
    let contents = kind != ObjectKind::Entity;
    if contents && cursor.eat("ADD") {
        return add(cursor, kind);
    }
    if contents && cursor.eat("DROP") {
        return remove(cursor, kind);
    }
    if kind == ObjectKind::FeatureView && cursor.eat("ALTER") {
        return feature(cursor);
    }
    if cursor.eat("UNSET") {
        return unset(cursor, kind);
    }
    let said = cursor.eat("SET");
    match set(cursor, kind)? {
        Some(action) => Ok(action),
        None if said => expected(cursor, &[], properties(kind)),
        None => {
            let first: &[&str] = match kind {
                ObjectKind::Entity => &["SET", "UNSET"],
                ObjectKind::FeatureView => &["ADD", "DROP", "ALTER FEATURE", "SET", "UNSET"],
                ObjectKind::FeatureService => &["ADD", "DROP", "SET", "UNSET"],
            };
            expected(cursor, first, &[])
        }
    }
}

fn expected<T>(cursor: &Cursor, first: &[&str], then: &[&str]) -> Result<T> {
    let words: Vec<&str> = first.iter().chain(then).copied().collect();
    let text = words
        .split_first()
        .map(|(first, rest)| alternatives(first, rest));
    cursor.expected(&text.unwrap_or_default(), &words)
}

fn properties(kind: ObjectKind) -> &'static [&'static str] {
    match kind {
        ObjectKind::FeatureView => &["TTL", "ONLINE", "OFFLINE ONLY", "TAGS", "COMMENT", "OWNER"],
        _ => &["TAGS", "COMMENT", "OWNER"],
    }
}

/// `(item, …)`, or one item without parentheses.
fn one_or_list<T>(cursor: &mut Cursor, item: impl Fn(&mut Cursor) -> Result<T>) -> Result<Vec<T>> {
    match cursor.peek(0) {
        Token::LParen => cursor.list(item),
        _ => Ok(vec![item(cursor)?]),
    }
}

fn add(cursor: &mut Cursor, kind: ObjectKind) -> Result<AlterAction> {
    if kind == ObjectKind::FeatureService {
        return cursor
            .list(feature_service::item)
            .map(AlterAction::AddItems);
    }
    if !cursor.eat("FEATURES") {
        cursor.eat("FEATURE");
    }
    one_or_list(cursor, feature_view::feature).map(AlterAction::AddFeatures)
}

fn remove(cursor: &mut Cursor, kind: ObjectKind) -> Result<AlterAction> {
    if kind == ObjectKind::FeatureService {
        let name = |cursor: &mut Cursor| cursor.name("the name of a feature view or its alias");
        return cursor.list(name).map(AlterAction::DropItems);
    }
    if !cursor.eat("FEATURES") {
        cursor.eat("FEATURE");
    }
    let name = |cursor: &mut Cursor| cursor.name("the name of a feature");
    one_or_list(cursor, name).map(AlterAction::DropFeatures)
}

fn feature(cursor: &mut Cursor) -> Result<AlterAction> {
    cursor.expect("FEATURE")?;
    let name = cursor.name("the name of a feature")?;
    if cursor.eat("TYPE") {
        return Ok(AlterAction::SetType(name, types::parse(cursor)?));
    }
    if cursor.eat("COMMENT") {
        let text = cursor.string("a text in quotes after COMMENT")?;
        return Ok(AlterAction::DescribeFeature(name, text));
    }
    expected(cursor, &["TYPE", "COMMENT"], &[])
}

fn set(cursor: &mut Cursor, kind: ObjectKind) -> Result<Option<AlterAction>> {
    let view = kind == ObjectKind::FeatureView;
    Ok(Some(if view && cursor.eat("TTL") {
        let ttl = feature_view::ttl(cursor)?;
        AlterAction::SetTtl(Some(ttl).filter(|ttl| !ttl.is_zero()))
    } else if view && cursor.eat("ONLINE") {
        AlterAction::SetOnline(true)
    } else if view && cursor.eat("OFFLINE") {
        cursor.expect("ONLY")?;
        AlterAction::SetOnline(false)
    } else if cursor.eat("TAGS") {
        AlterAction::SetTags(cursor.tags()?)
    } else if cursor.eat("COMMENT") {
        let text = cursor.string("a text in quotes after COMMENT")?;
        AlterAction::SetComment(Some(text).filter(|text| !text.is_empty()))
    } else if cursor.eat("OWNER") {
        let text = cursor.string("a text in quotes after OWNER")?;
        AlterAction::SetOwner(Some(text).filter(|text| !text.is_empty()))
    } else {
        return Ok(None);
    }))
}

fn unset(cursor: &mut Cursor, kind: ObjectKind) -> Result<AlterAction> {
    let view = kind == ObjectKind::FeatureView;
    if view && cursor.eat("TTL") {
        Ok(AlterAction::SetTtl(None))
    } else if cursor.eat("TAGS") {
        let keys = cursor.list(|cursor| cursor.key("the name of a tag", true))?;
        Ok(AlterAction::UnsetTags(keys))
    } else if cursor.eat("COMMENT") {
        Ok(AlterAction::SetComment(None))
    } else if cursor.eat("OWNER") {
        Ok(AlterAction::SetOwner(None))
    } else if view {
        expected(cursor, &["TTL", "TAGS", "COMMENT", "OWNER"], &[])
    } else {
        expected(cursor, &["TAGS", "COMMENT", "OWNER"], &[])
    }
}

impl Display for Alter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let condition = if self.if_exists { "IF EXISTS " } else { "" };
        let name = quoted_name(&self.name);
        write!(f, "ALTER {} {condition}{name}", self.kind.sql())?;
        for (index, action) in self.actions.iter().enumerate() {
            let separator = if index > 0 { "," } else { "" };
            write!(f, "{separator} {action}")?;
        }
        Ok(())
    }
}

impl Display for AlterAction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddFeatures(features) => write!(f, "ADD FEATURES ({})", joined(features)),
            Self::DropFeatures(names) => write!(f, "DROP FEATURES ({})", quoted(names)),
            Self::SetType(name, value_type) => {
                let (name, value_type) = (quoted_name(name), sql_type_name(*value_type));
                write!(f, "ALTER FEATURE {name} TYPE {value_type}")
            }
            Self::DescribeFeature(name, text) => {
                let (name, text) = (quoted_name(name), quoted_string(text));
                write!(f, "ALTER FEATURE {name} COMMENT {text}")
            }
            Self::AddItems(items) => write!(f, "ADD ({})", joined(items)),
            Self::DropItems(names) => write!(f, "DROP ({})", quoted(names)),
            Self::SetTtl(Some(ttl)) => write!(f, "SET TTL INTERVAL '{}'", ttl_text(*ttl)),
            Self::SetTtl(None) => f.write_str("UNSET TTL"),
            Self::SetOnline(true) => f.write_str("SET ONLINE"),
            Self::SetOnline(false) => f.write_str("SET OFFLINE ONLY"),
            Self::SetTags(tags) => {
                let tag = |(key, value): &(String, String)| {
                    format!("{} {}", quoted_name(key), quoted_string(value))
                };
                let tags: Vec<String> = tags.iter().map(tag).collect();
                write!(f, "SET TAGS ({})", tags.join(", "))
            }
            Self::UnsetTags(keys) => write!(f, "UNSET TAGS ({})", quoted(keys)),
            Self::SetComment(Some(text)) => write!(f, "SET COMMENT {}", quoted_string(text)),
            Self::SetComment(None) => f.write_str("UNSET COMMENT"),
            Self::SetOwner(Some(text)) => write!(f, "SET OWNER {}", quoted_string(text)),
            Self::SetOwner(None) => f.write_str("UNSET OWNER"),
        }
    }
}

fn joined<T: Display>(items: &[T]) -> String {
    items
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

fn quoted(names: &[String]) -> String {
    names
        .iter()
        .map(|name| quoted_name(name))
        .collect::<Vec<_>>()
        .join(", ")
}
