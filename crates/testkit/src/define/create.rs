// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `CREATE ENTITY`, `CREATE FEATURE VIEW`, `CREATE FEATURE SERVICE`.

use std::fmt;

use super::text::{interval, name, names};

/// An entity.
#[derive(Debug, Clone)]
pub struct EntityDefinition {
    /// Its name.
    pub name: String,
    /// Its join key.
    pub join_key: String,
    /// The key's SQL type; `None` leaves it to the source.
    pub sql_type: Option<String>,
}

impl fmt::Display for EntityDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "CREATE ENTITY {} JOIN KEY ({}",
            name(&self.name),
            name(&self.join_key)
        )?;
        match &self.sql_type {
            Some(sql_type) => write!(f, " {sql_type})"),
            None => f.write_str(")"),
        }
    }
}

/// A feature view.
#[derive(Debug, Clone, Default)]
pub struct ViewDefinition {
    /// Its name.
    pub name: String,
    /// The names of its entities.
    pub entities: Vec<String>,
    /// Its features and their SQL types; `None` takes them from the source.
    pub features: Option<Vec<(String, String)>>,
    /// What stands after `FROM`, as SQL text: a quoted table name or a path in quotes.
    pub source: String,
    /// The event time column.
    pub timestamp: String,
    /// The created column.
    pub created: Option<String>,
    /// The tie-break columns.
    pub tie_break: Vec<String>,
    /// Source column and its name in the view.
    pub field_mapping: Vec<(String, String)>,
    /// Time to live in nanoseconds.
    pub ttl: Option<i128>,
}

impl fmt::Display for ViewDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CREATE FEATURE VIEW {}", name(&self.name))?;
        if !self.entities.is_empty() {
            write!(f, " ENTITIES ({})", names(&self.entities))?;
        }
        if let Some(features) = &self.features {
            let features: Vec<_> = features
                .iter()
                .map(|(feature, t)| format!("{} {t}", name(feature)))
                .collect();
            write!(f, " FEATURES ({})", features.join(", "))?;
        }
        write!(
            f,
            " FROM {} TIMESTAMP {}",
            self.source,
            name(&self.timestamp)
        )?;
        if let Some(created) = &self.created {
            write!(f, " CREATED TIMESTAMP {}", name(created))?;
        }
        if !self.tie_break.is_empty() {
            write!(f, " TIE BREAK ({})", names(&self.tie_break))?;
        }
        if !self.field_mapping.is_empty() {
            write!(f, " FIELD MAPPING ({})", pairs(&self.field_mapping, "AS"))?;
        }
        match self.ttl {
            Some(ttl) => write!(f, " TTL {}", interval(ttl)),
            None => Ok(()),
        }
    }
}

/// A feature service.
#[derive(Debug, Clone)]
pub struct ServiceDefinition {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub items: Vec<ServiceItem>,
}

/// A view in a service.
#[derive(Debug, Clone)]
pub struct ServiceItem {
    /// The view.
    pub view: String,
    /// The features taken; `None` takes all.
    pub features: Option<Vec<String>>,
    /// The name the view goes by.
    pub alias: Option<String>,
    /// The view's join key and the entity column it is joined to.
    pub join_keys: Vec<(String, String)>,
}

impl fmt::Display for ServiceDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items: Vec<_> = self.items.iter().map(ToString::to_string).collect();
        write!(
            f,
            "CREATE FEATURE SERVICE {} AS ({})",
            name(&self.name),
            items.join(", ")
        )
    }
}

impl fmt::Display for ServiceItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&name(&self.view))?;
        if let Some(features) = &self.features {
            write!(f, " ({})", names(features))?;
        }
        if let Some(alias) = &self.alias {
            write!(f, " AS {}", name(alias))?;
        }
        match self.join_keys.is_empty() {
            true => Ok(()),
            false => write!(f, " ON ({})", pairs(&self.join_keys, "=")),
        }
    }
}

fn pairs(pairs: &[(String, String)], between: &str) -> String {
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(a, b)| format!("{} {between} {}", name(a), name(b)))
        .collect();
    pairs.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn view_is_written_in_the_order_of_the_grammar() {
        let view = ViewDefinition {
            name: "V".into(),
            entities: vec!["e".into()],
            features: Some(vec![("f".into(), "BIGINT".into())]),
            source: "\"t\"".into(),
            timestamp: "ts".into(),
            created: Some("c".into()),
            tie_break: vec!["b".into()],
            field_mapping: vec![("raw".into(), "f".into())],
            ttl: Some(1_000_000_000),
        };
        assert_eq!(
            view.to_string(),
            "CREATE FEATURE VIEW \"V\" ENTITIES (\"e\") FEATURES (\"f\" BIGINT) FROM \"t\" \
             TIMESTAMP \"ts\" CREATED TIMESTAMP \"c\" TIE BREAK (\"b\") \
             FIELD MAPPING (\"raw\" AS \"f\") TTL INTERVAL '1 seconds'"
        );
    }

    #[test]
    fn service_names_its_parts() {
        let item = ServiceItem {
            view: "v".into(),
            features: Some(vec!["f".into()]),
            alias: Some("a".into()),
            join_keys: vec![("k".into(), "e".into())],
        };
        let service = ServiceDefinition {
            name: "s".into(),
            items: vec![item],
        };
        assert_eq!(
            service.to_string(),
            "CREATE FEATURE SERVICE \"s\" AS (\"v\" (\"f\") AS \"a\" ON (\"k\" = \"e\"))"
        );
    }
}
