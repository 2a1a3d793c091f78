// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a catalog is opened with, and the shell's one-line spelling of it.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::{Error, ErrorKind, Result};
use crate::storage::{Properties, without_user_info};

/// What a catalog is opened with.
///
/// `Debug` shows no value of a property whose key says that it is a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct CatalogOptions {
    /// The name of the catalog in SQL.
    pub name: String,
    /// The type: `sql` or `rest`.
    pub kind: String,
    /// Where the catalog is: `sqlite:///file`, or a REST catalog's URL.
    pub uri: String,
    /// Where new tables go (SQL), or the warehouse's name (REST).
    pub warehouse: Option<String>,
    /// Everything else, with Iceberg's keys: `s3.endpoint`, `token`, `catalog-name`, …
    pub properties: BTreeMap<String, String>,
}

/// The kinds of catalogs this version can open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Sql,
    Rest,
}

/// Catalog types that exist but are not built in.
const NOT_BUILT_IN: [&str; 7] = [
    "glue", "hive", "hms", "s3tables", "dynamodb", "nessie", "bigquery",
];

impl CatalogOptions {
    /// Reads the form `NAME=type=sql,uri=…,warehouse=…,KEY=VALUE`. A value may stand in `"…"` and
    /// then contain commas (`""` is one quote). `${VAR}` is replaced by that environment variable,
    /// which must be set.
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_with(text, &environment)
    }

    /// [`CatalogOptions::parse`] with the variables from `lookup` instead of the environment.
    pub fn parse_with(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let Some((name, rest)) = text.split_once('=') else {
            return Err(malformed(text, "it has no '='"));
        };
        let name = name.trim();
        if name.is_empty() || name.contains([',', '"']) {
            return Err(malformed(text, "it does not begin with a name"));
        }
        let mut options = Vec::new();
        for (key, value) in pairs(rest).map_err(|what| malformed(text, &what))? {
            options.push((key, value));
        }
        Self::from_pairs_with(name, options, lookup)
    }

    /// From the options of `CREATE EXTERNAL CATALOG`: `type`, `uri`, `warehouse` and properties.
    /// `${VAR}` in values is replaced by that environment variable, which must be set.
    pub fn from_pairs(
        name: &str,
        pairs: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self> {
        Self::from_pairs_with(name, pairs, &environment)
    }

    /// [`CatalogOptions::from_pairs`] with the variables from `lookup` instead of the environment.
    pub fn from_pairs_with(
        name: &str,
        pairs: impl IntoIterator<Item = (String, String)>,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let mut properties = BTreeMap::new();
        for (key, value) in pairs {
            let value = expand(&value, lookup).map_err(|what| {
                Error::new(
                    ErrorKind::Invalid,
                    format!("catalog '{name}', option '{key}': {what}"),
                )
            })?;
            let key = match key.to_ascii_lowercase().as_str() {
                known @ ("type" | "uri" | "warehouse" | "create") => known.to_string(),
                _ => key,
            };
            if properties.insert(key.clone(), value).is_some() {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!("catalog '{name}', option '{key}' is given twice"),
                ));
            }
        }
        let options = Self {
            name: name.to_string(),
            kind: properties.remove("type").unwrap_or_default(),
            uri: properties.remove("uri").unwrap_or_default(),
            warehouse: properties
                .remove("warehouse")
                .filter(|value| !value.is_empty()),
            properties,
        };
        options.check()?;
        Ok(options)
    }

    /// The kind, if it is one that can be opened, and the other options are complete.
    pub(super) fn check(&self) -> Result<Kind> {
        let name = &self.name;
        let kind = match self.kind.to_ascii_lowercase().as_str() {
            "sql" => Kind::Sql,
            "rest" => Kind::Rest,
            "" => {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!("catalog '{name}' has no option 'type': expected one of sql, rest"),
                ));
            }
            known if NOT_BUILT_IN.contains(&known) => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    format!(
                        "catalog '{name}': catalog type '{known}' is not built into this \
                         version: expected one of sql, rest"
                    ),
                ));
            }
            _ => {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!(
                        "catalog '{name}' has the unknown type '{}': expected one of sql, rest",
                        self.kind
                    ),
                ));
            }
        };
        if self.uri.is_empty() {
            let example = match kind {
                Kind::Sql => "sqlite:///path/to/catalog.db",
                Kind::Rest => "http://host:8181",
            };
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("catalog '{name}' has no option 'uri': expected one like {example}"),
            ));
        }
        Ok(kind)
    }
}

impl fmt::Debug for CatalogOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let properties: Properties = self
            .properties
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        f.debug_struct("CatalogOptions")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("uri", &without_user_info(&self.uri))
            .field("warehouse", &self.warehouse)
            .field("properties", &properties)
            .finish()
    }
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The text is not repeated, as it may hold a secret; its name is.
fn malformed(text: &str, what: &str) -> Error {
    let name = text.split(['=', ',']).next().unwrap_or_default();
    Error::new(
        ErrorKind::Invalid,
        format!(
            "catalog '{name}' cannot be read, {what}: expected \
             NAME=type=sql,uri=sqlite:///FILE,warehouse=DIR,KEY=VALUE, values with commas in \"…\""
        ),
    )
}

/// `key=value,key="value"` apart.
fn pairs(text: &str) -> std::result::Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        let Some((key, after)) = rest.split_once('=') else {
            return match rest.trim() {
                "" if !found.is_empty() => Err("it ends with a comma".to_string()),
                "" => Err("it has no options".to_string()),
                key => Err(format!("'{key}' is not KEY=VALUE")),
            };
        };
        let key = key.trim();
        if key.is_empty() || key.contains([',', '"']) {
            return Err(format!("'{key}' is not KEY=VALUE"));
        }
        let (value, tail) = match after.strip_prefix('"') {
            Some(quoted) => quoted_value(key, quoted)?,
            None => {
                let end = after.find(',').unwrap_or(after.len());
                (after[..end].trim().to_string(), &after[end..])
            }
        };
        found.push((key.to_string(), value));
        match tail.strip_prefix(',') {
            Some(next) => rest = next,
            None => return Ok(found),
        }
    }
}

/// The value up to its closing quote, and what follows.
fn quoted_value<'a>(key: &str, text: &'a str) -> std::result::Result<(String, &'a str), String> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let Some((before, after)) = rest.split_once('"') else {
            return Err(format!("the value of '{key}' has no closing quote"));
        };
        value.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                value.push('"');
                rest = more;
            }
            None if after.is_empty() || after.starts_with(',') => return Ok((value, after)),
            None => {
                return Err(format!(
                    "the value of '{key}' goes on after its closing quote"
                ));
            }
        }
    }
}

/// `text` with each `${VAR}` replaced.
fn expand(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> std::result::Result<String, String> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        expanded.push_str(before);
        let Some((variable, tail)) = after.split_once('}') else {
            return Err("'${' has no closing '}'".to_string());
        };
        match lookup(variable) {
            Some(value) => expanded.push_str(&value),
            None => {
                return Err(format!(
                    "the environment variable '{variable}' is not set: set it, or write the value"
                ));
            }
        }
        rest = tail;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<CatalogOptions> {
        CatalogOptions::parse_with(text, &|name| {
            (name == "DATA_DIR").then(|| "/data/lake".to_string())
        })
    }

    #[test]
    fn the_shells_form() {
        let options = parse(
            "lake=type=sql,uri=sqlite:///${DATA_DIR}/c.db,warehouse=\"/w,1\",s3.region=eu,x=\"a\"\"b\"",
        )
        .unwrap();
        assert_eq!(options.name, "lake");
        assert_eq!(options.kind, "sql");
        assert_eq!(options.uri, "sqlite:////data/lake/c.db");
        assert_eq!(options.warehouse.as_deref(), Some("/w,1"));
        assert_eq!(options.properties["s3.region"], "eu");
        assert_eq!(options.properties["x"], "a\"b");
    }

    #[test]
    fn a_value_may_contain_equal_signs() {
        let options = parse("l=type=rest,uri=http://h/?a=b,token=abc==").unwrap();
        assert_eq!(options.uri, "http://h/?a=b");
        assert_eq!(options.properties["token"], "abc==");
        assert!(!format!("{options:?}").contains("abc"));
    }

    #[test]
    fn refusals_say_what_is_wrong() {
        for (text, what) in [
            ("lake", "it has no '='"),
            ("=type=sql", "does not begin with a name"),
            ("lake=sql", "'sql' is not KEY=VALUE"),
            ("lake=", "it has no options"),
            ("lake=type=sql,uri=x,", "ends with a comma"),
            ("lake=type=sql,uri=\"x", "'uri' has no closing quote"),
            (
                "lake=type=sql,uri=\"x\"y",
                "goes on after its closing quote",
            ),
            ("lake=type=sql,uri=x,uri=y", "'uri' is given twice"),
            ("lake=type=sql,uri=${NOPE}/x", "variable 'NOPE' is not set"),
            ("lake=type=sql,uri=${NOPE", "no closing '}'"),
            ("lake=uri=x", "no option 'type': expected one of sql, rest"),
            ("lake=type=sql", "no option 'uri'"),
            (
                "lake=type=sqll,uri=x",
                "unknown type 'sqll': expected one of sql, rest",
            ),
            (
                "lake=type=glue,uri=x",
                "catalog type 'glue' is not built into this version",
            ),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(what), "{text}: {error}");
            assert!(error.contains("catalog"), "{error}");
        }
    }

    #[test]
    fn a_malformed_text_is_not_repeated() {
        let error = parse("lake=type=rest,token=hush,uri=\"x")
            .unwrap_err()
            .to_string();
        assert!(!error.contains("hush"), "{error}");
    }
}
