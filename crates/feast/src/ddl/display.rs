// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Statements as canonical SQL.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use super::{
    CreateCatalog, CreateEntity, CreateFeatureService, CreateFeatureView, CreateMode, Describe,
    Drop, Explain, FeatureColumn, Properties, ServiceItem, Show, ShowCreate, SourceClause,
    Statement, sql_type_name,
};

/// Words that open a clause somewhere, which a name needs quotes for.
const RESERVED: [&str; 23] = [
    "array",
    "as",
    "comment",
    "created",
    "describe",
    "entities",
    "exists",
    "features",
    "field",
    "from",
    "if",
    "join",
    "not",
    "offline",
    "on",
    "online",
    "owner",
    "select",
    "tags",
    "tie",
    "timestamp",
    "ttl",
    "where",
];

/// A name as it must be written: quoted unless it is plain lower case and no keyword.
pub(crate) fn quoted_name(name: &str) -> String {
    let mut letters = name.chars();
    let plain = letters
        .next()
        .is_some_and(|first| first.is_ascii_lowercase() || first == '_')
        && letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !RESERVED.contains(&name);
    if plain {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// A string literal.
pub(crate) fn quoted_string(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A TTL as an interval's text: `1 day 2 hours 0.5 seconds`.
pub(crate) fn ttl_text(ttl: Duration) -> String {
    let seconds = ttl.as_secs();
    let units = [
        (seconds / 86_400, "day"),
        (seconds % 86_400 / 3_600, "hour"),
        (seconds % 3_600 / 60, "minute"),
    ];
    let mut parts: Vec<String> = units
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}{}", if count == 1 { "" } else { "s" }))
        .collect();
    let (rest, nanos) = (seconds % 60, ttl.subsec_nanos());
    if nanos > 0 {
        let fraction = format!("{nanos:09}");
        parts.push(format!("{rest}.{} seconds", fraction.trim_end_matches('0')));
    } else if rest > 0 || parts.is_empty() {
        parts.push(format!("{rest} second{}", if rest == 1 { "" } else { "s" }));
    }
    parts.join(" ")
}

fn list<T>(items: &[T], item: impl Fn(&T) -> String) -> String {
    items.iter().map(item).collect::<Vec<_>>().join(", ")
}

fn names(items: &[String]) -> String {
    list(items, |name| quoted_name(name))
}

fn create(f: &mut Formatter<'_>, kind: &str, mode: CreateMode, name: &str) -> fmt::Result {
    let (replace, condition) = match mode {
        CreateMode::New => ("", ""),
        CreateMode::IfNotExists => ("", "IF NOT EXISTS "),
        CreateMode::OrReplace => ("OR REPLACE ", ""),
    };
    write!(f, "CREATE {replace}{kind} {condition}{}", quoted_name(name))
}

impl Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Statement::CreateCatalog(statement) => statement.fmt(f),
            Statement::CreateEntity(statement) => statement.fmt(f),
            Statement::CreateFeatureView(statement) => statement.fmt(f),
            Statement::CreateFeatureService(statement) => statement.fmt(f),
            Statement::Alter(statement) => statement.fmt(f),
            Statement::Drop(Drop {
                kind,
                if_exists,
                name,
            }) => {
                let condition = if *if_exists { "IF EXISTS " } else { "" };
                write!(f, "DROP {} {condition}{}", kind.sql(), quoted_name(name))
            }
            Statement::Show(Show { kind, like }) => {
                write!(f, "SHOW {}", kind.sql())?;
                match like {
                    Some(pattern) => write!(f, " LIKE {}", quoted_string(pattern)),
                    None => Ok(()),
                }
            }
            Statement::Describe(Describe { kind, name }) => {
                write!(f, "DESCRIBE {} {}", kind.sql(), quoted_name(name))
            }
            Statement::ShowCreate(ShowCreate { kind, name }) => {
                write!(f, "SHOW CREATE {} {}", kind.sql(), quoted_name(name))
            }
            Statement::Materialize(statement) => statement.fmt(f),
            Statement::Explain(statement) => statement.fmt(f),
        }
    }
}

impl Display for Explain {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("EXPLAIN ")?;
        if self.analyze {
            f.write_str("ANALYZE ")?;
        }
        if self.verbose {
            f.write_str("VERBOSE ")?;
        }
        if let Some(format) = &self.format {
            write!(f, "FORMAT {format} ")?;
        }
        self.statement.fmt(f)
    }
}

impl Display for CreateCatalog {
    /// The options as they were written; a variable is not expanded.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let condition = if self.if_not_exists {
            "IF NOT EXISTS "
        } else {
            ""
        };
        let options = list(&self.options, |(key, value)| {
            format!("{} {}", quoted_string(key), quoted_string(value))
        });
        let name = quoted_name(&self.name);
        write!(
            f,
            "CREATE EXTERNAL CATALOG {condition}{name} STORED AS ICEBERG OPTIONS ({options})"
        )
    }
}

impl Display for CreateEntity {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        create(f, "ENTITY", self.mode, &self.name)?;
        if let Some(key) = &self.join_key {
            write!(f, " JOIN KEY ({}", quoted_name(&key.column))?;
            if let Some(value_type) = key.value_type {
                write!(f, " {}", sql_type_name(value_type))?;
            }
            f.write_str(")")?;
        }
        self.properties.fmt(f)
    }
}

impl Display for SourceClause {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            SourceClause::Path(path) => f.write_str(&quoted_string(path)),
            // The last line may be a comment, which a parenthesis behind it would be a part of.
            SourceClause::Query(text) if text.contains("--") => write!(f, "({text}\n)"),
            SourceClause::Query(text) => write!(f, "({text})"),
            SourceClause::Table(table) => {
                let parts = [table.catalog(), table.schema(), Some(table.table())];
                let parts: Vec<String> = parts.into_iter().flatten().map(quoted_name).collect();
                f.write_str(&parts.join("."))
            }
        }
    }
}

impl Display for CreateFeatureView {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        create(f, "FEATURE VIEW", self.mode, &self.name)?;
        if let Some(entities) = &self.entities {
            write!(f, "\n  ENTITIES ({})", names(entities))?;
        }
        if let Some(features) = &self.features {
            let features = list(features, ToString::to_string);
            write!(f, "\n  FEATURES ({features})")?;
        }
        write!(f, "\n  FROM {}", self.source)?;
        if let Some(timestamp) = &self.timestamp {
            write!(f, " TIMESTAMP {}", quoted_name(timestamp))?;
        }
        if let Some(created) = &self.created {
            write!(f, " CREATED TIMESTAMP {}", quoted_name(created))?;
        }
        if !self.tie_break.is_empty() {
            write!(f, "\n  TIE BREAK ({})", names(&self.tie_break))?;
        }
        if !self.field_mapping.is_empty() {
            let mapping = list(&self.field_mapping, |(column, name)| {
                format!("{} AS {}", quoted_name(column), quoted_name(name))
            });
            write!(f, "\n  FIELD MAPPING ({mapping})")?;
        }
        if let Some(ttl) = self.ttl {
            write!(f, "\n  TTL INTERVAL '{}'", ttl_text(ttl))?;
        }
        f.write_str(if self.online {
            "\n  ONLINE"
        } else {
            "\n  OFFLINE ONLY"
        })?;
        self.properties.fmt(f)
    }
}

impl Display for FeatureColumn {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (name, value_type) = (quoted_name(&self.name), sql_type_name(self.value_type));
        write!(f, "{name} {value_type}")?;
        match &self.comment {
            Some(comment) => write!(f, " COMMENT {}", quoted_string(comment)),
            None => Ok(()),
        }
    }
}

impl Display for CreateFeatureService {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        create(f, "FEATURE SERVICE", self.mode, &self.name)?;
        let items: Vec<String> = self.items.iter().map(ToString::to_string).collect();
        write!(f, " AS (\n  {}\n)", items.join(",\n  "))?;
        self.properties.fmt(f)
    }
}

impl Display for ServiceItem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&quoted_name(&self.view))?;
        if let Some(features) = &self.features {
            write!(f, " ({})", names(features))?;
        }
        if let Some(alias) = &self.alias {
            write!(f, " AS {}", quoted_name(alias))?;
        }
        if !self.join_keys.is_empty() {
            let keys = list(&self.join_keys, |(key, column)| {
                format!("{} = {}", quoted_name(key), quoted_name(column))
            });
            write!(f, " ON ({keys})")?;
        }
        Ok(())
    }
}

impl Display for Properties {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(comment) = &self.comment {
            write!(f, "\n  COMMENT {}", quoted_string(comment))?;
        }
        if let Some(owner) = &self.owner {
            write!(f, "\n  OWNER {}", quoted_string(owner))?;
        }
        if !self.tags.is_empty() {
            let tags: Vec<(&String, &String)> = self.tags.iter().collect();
            let tags = list(&tags, |(key, value)| {
                format!("{} {}", quoted_name(key), quoted_string(value))
            });
            write!(f, "\n  TAGS ({tags})")?;
        }
        Ok(())
    }
}
