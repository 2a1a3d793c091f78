// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Which statement is it: the first words decide, and whether it is ours at all.

use datafusion::common::Result;

use super::cursor::{Cursor, alternatives};
use super::explain_clause::ExplainClause;
use super::nearest::nearest;
use super::{
    CreateMode, Describe, Drop, Explain, ObjectKind, Properties, Show, ShowCreate, ShowKind,
    Statement, alter, catalog, entity, feature_service, feature_view, materialize,
};

/// Reads one statement. `None`: it is not one of ours, DataFusion should have it.
pub(crate) fn parse(text: &str) -> Result<Option<Statement>> {
    let Some(mut cursor) = Cursor::new(text) else {
        return Ok(None);
    };
    let Some((explain, words)) = ExplainClause::read(&cursor) else {
        return statement(&mut cursor);
    };
    cursor.skip(words);
    Ok(statement(&mut cursor)?.map(|statement| {
        Statement::Explain(Explain {
            analyze: explain.analyze,
            verbose: explain.verbose,
            format: explain.format,
            statement: Box::new(statement),
        })
    }))
}

fn statement(cursor: &mut Cursor) -> Result<Option<Statement>> {
    let first = cursor.word(0).unwrap_or_default().to_ascii_uppercase();
    match first.as_str() {
        "CREATE" => create(cursor),
        "DROP" => drop_object(cursor),
        "SHOW" => show(cursor),
        "DESCRIBE" | "DESC" => describe(cursor),
        "ALTER" => {
            let Some(kind) = ours(cursor, 1)? else {
                return Ok(None);
            };
            cursor.skip(1);
            cursor.expect(kind.sql())?;
            alter::parse(cursor, kind).map(Some)
        }
        "MATERIALIZE" => {
            cursor.skip(1);
            materialize::parse(cursor).map(|it| Some(Statement::Materialize(it)))
        }
        _ => Ok(None),
    }
}

fn create(cursor: &mut Cursor) -> Result<Option<Statement>> {
    let replace = cursor.at(1, "OR REPLACE");
    let verb = if replace { 3 } else { 1 };
    if cursor.at(verb, "EXTERNAL CATALOG") {
        if replace {
            cursor.skip(1);
            return cursor.fail("CREATE EXTERNAL CATALOG takes no OR REPLACE; use IF NOT EXISTS");
        }
        cursor.skip(3);
        return catalog::parse(cursor).map(Some);
    }
    let Some(kind) = ours(cursor, verb)? else {
        return Ok(None);
    };
    cursor.skip(verb);
    cursor.expect(kind.sql())?;
    let mode = create_mode(cursor, replace)?;
    match kind {
        ObjectKind::Entity => entity::parse(cursor, mode),
        ObjectKind::FeatureView => feature_view::parse(cursor, mode),
        ObjectKind::FeatureService => feature_service::parse(cursor, mode),
    }
    .map(Some)
}

/// The kind of object named `ahead` places from here; a near miss that no other statement can be
/// is an error, everything else is not ours.
fn ours(cursor: &Cursor, ahead: usize) -> Result<Option<ObjectKind>> {
    if let Some(kind) = ObjectKind::ALL
        .into_iter()
        .find(|kind| cursor.at(ahead, kind.sql()))
    {
        return Ok(Some(kind));
    }
    let keywords = ObjectKind::ALL.map(ObjectKind::sql);
    let near = match cursor.word(ahead) {
        Some(word) if word.eq_ignore_ascii_case("FEATURE") => true,
        Some(word) => nearest(word, ["ENTITY", "ENTITIES", "FEATURE", "FEATURES"]).is_some(),
        None => false,
    };
    if !near {
        return Ok(None);
    }
    let mut here = cursor.clone();
    here.skip(ahead);
    let two: String = [here.word(0), here.word(1)]
        .map(Option::unwrap_or_default)
        .join(" ");
    let hint = nearest(&two, keywords)
        .or_else(|| nearest(here.word(0).unwrap_or_default(), keywords))
        .map_or_else(String::new, |keyword| format!("; did you mean {keyword}?"));
    here.fail(&format!(
        "expected {}, found {}{hint}",
        alternatives_of(&keywords),
        two.trim()
    ))
}

fn alternatives_of(words: &[&str]) -> String {
    words
        .split_first()
        .map_or_else(String::new, |(first, rest)| alternatives(first, rest))
}

fn create_mode(cursor: &mut Cursor, replace: bool) -> Result<CreateMode> {
    let at = cursor.location();
    let if_not_exists = cursor.eat("IF");
    if if_not_exists {
        cursor.expect("NOT EXISTS")?;
    }
    match (replace, if_not_exists) {
        (true, true) => cursor.fail_at(at, "OR REPLACE and IF NOT EXISTS exclude each other"),
        (true, false) => Ok(CreateMode::OrReplace),
        (false, true) => Ok(CreateMode::IfNotExists),
        (false, false) => Ok(CreateMode::New),
    }
}

fn drop_object(cursor: &mut Cursor) -> Result<Option<Statement>> {
    let Some(kind) = ours(cursor, 1)? else {
        return Ok(None);
    };
    cursor.skip(1);
    cursor.expect(kind.sql())?;
    let if_exists = cursor.eat("IF");
    if if_exists {
        cursor.expect("EXISTS")?;
    }
    let name = cursor.name(&format!("the name of the {kind}"))?;
    cursor.finish(&[])?;
    Ok(Some(Statement::Drop(Drop {
        kind,
        if_exists,
        name,
    })))
}

fn show(cursor: &mut Cursor) -> Result<Option<Statement>> {
    if cursor.at(1, "CREATE") {
        let Some(kind) = ours(cursor, 2)? else {
            return Ok(None);
        };
        cursor.skip(2);
        cursor.expect(kind.sql())?;
        let name = cursor.name(&format!("the name of the {kind}"))?;
        cursor.finish(&[])?;
        return Ok(Some(Statement::ShowCreate(ShowCreate { kind, name })));
    }
    let kinds = [
        ShowKind::Entities,
        ShowKind::FeatureViews,
        ShowKind::FeatureServices,
        ShowKind::DataSources,
    ];
    let Some(kind) = kinds.into_iter().find(|kind| cursor.at(1, kind.sql())) else {
        if cursor.at(1, "FEATURE") || cursor.at(1, "DATA") {
            cursor.skip(2);
            return cursor.expected(
                "FEATURE VIEWS, FEATURE SERVICES or DATA SOURCES",
                &["VIEWS", "SERVICES", "SOURCES"],
            );
        }
        return Ok(None);
    };
    cursor.skip(1);
    cursor.expect(kind.sql())?;
    let like = match cursor.eat("LIKE") {
        true => Some(cursor.string("a pattern in quotes after LIKE")?),
        false => None,
    };
    let further: &[&str] = if like.is_none() { &["LIKE"] } else { &[] };
    cursor.finish(further)?;
    Ok(Some(Statement::Show(Show { kind, like })))
}

fn describe(cursor: &mut Cursor) -> Result<Option<Statement>> {
    let Some(kind) = ObjectKind::ALL
        .into_iter()
        .find(|kind| cursor.at(1, kind.sql()))
    else {
        return Ok(None);
    };
    cursor.skip(1);
    let words = kind.sql().split(' ').count();
    // A table may be called entity: `DESCRIBE entity`, `DESCRIBE entity.t`.
    if !matches!(cursor.peek(words), sqlparser::tokenizer::Token::Word(_)) && words == 1 {
        return Ok(None);
    }
    cursor.skip(words);
    let name = cursor.name(&format!("the name of the {kind}"))?;
    cursor.finish(&[])?;
    Ok(Some(Statement::Describe(Describe { kind, name })))
}

/// The keywords of [`property`].
pub(super) const PROPERTIES: [&str; 3] = ["COMMENT", "OWNER", "TAGS"];

/// The clauses every object may have, while they are read.
#[derive(Debug, Default)]
pub(super) struct PropertyClauses {
    comment: Option<String>,
    owner: Option<String>,
    tags: Option<Vec<(String, String)>>,
}

impl PropertyClauses {
    /// Reads one of `COMMENT '…'`, `OWNER '…'`, `TAGS (…)` if it stands here.
    pub(super) fn read(&mut self, cursor: &mut Cursor) -> Result<bool> {
        let at = cursor.location();
        if cursor.eat("COMMENT") {
            let text = cursor.string("a text in quotes after COMMENT")?;
            cursor.once(&mut self.comment, "COMMENT", at, text)?;
        } else if cursor.eat("OWNER") {
            let text = cursor.string("a text in quotes after OWNER")?;
            cursor.once(&mut self.owner, "OWNER", at, text)?;
        } else if cursor.eat("TAGS") {
            let tags = cursor.tags()?;
            cursor.once(&mut self.tags, "TAGS", at, tags)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// What was read.
    pub(super) fn finish(self) -> Properties {
        Properties {
            comment: self.comment.filter(|text| !text.is_empty()),
            owner: self.owner.filter(|text| !text.is_empty()),
            tags: self.tags.unwrap_or_default().into_iter().collect(),
        }
    }
}
