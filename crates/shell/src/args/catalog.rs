// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `--catalog 'NAME=type=sql,uri=…,warehouse=…,KEY=VALUE'`.
//!
//! Values may hold secrets, so an error names the catalog and the key, never a value.

use std::collections::BTreeMap;

use crate::stub::CatalogOptions;

const FORM: &str = "'NAME=type=sql,uri=sqlite:///catalog.db,warehouse=DIR'";

/// Reads one `--catalog`; `environment` answers `${VAR}`.
pub(crate) fn parse_catalog(
    text: &str,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<CatalogOptions, String> {
    let Some((name, rest)) = text.split_once('=') else {
        return Err(format!("--catalog has no name and no '=', expected {FORM}"));
    };
    let name = name.trim();
    if name.is_empty() || name.contains(',') {
        return Err(format!(
            "--catalog does not begin with a name, expected {FORM}"
        ));
    }
    let mut options = Reader { name, rest }.options(&environment)?;
    let Some(kind) = options.remove("type") else {
        return Err(format!(
            "--catalog {name}: no type is given, expected {FORM}"
        ));
    };
    let Some(uri) = options.remove("uri") else {
        return Err(format!(
            "--catalog {name}: no uri is given, expected {FORM}"
        ));
    };
    let warehouse = options.remove("warehouse");
    Ok(CatalogOptions {
        name: name.to_owned(),
        kind,
        uri,
        warehouse,
        properties: options,
    })
}

/// Reads `key=value,…` from the front of what is left.
struct Reader<'a> {
    name: &'a str,
    rest: &'a str,
}

impl Reader<'_> {
    fn options(
        &mut self,
        environment: &impl Fn(&str) -> Option<String>,
    ) -> Result<BTreeMap<String, String>, String> {
        let mut options = BTreeMap::new();
        while !self.rest.trim_start().is_empty() {
            let key = self.key()?;
            let value = self.value(&key, environment)?;
            if options.insert(key.clone(), value).is_some() {
                return Err(format!(
                    "--catalog {}: '{key}' is given twice, keep one",
                    self.name
                ));
            }
        }
        Ok(options)
    }

    fn key(&mut self) -> Result<String, String> {
        let (key, rest) = self.rest.split_once('=').unwrap_or(("", ""));
        let key = key.trim();
        if key.is_empty() || key.contains([',', '"']) {
            return Err(format!(
                "--catalog {}: expected KEY=VALUE pairs with commas between them, as in {FORM}; \
                 quote a value that holds a comma with \"…\"",
                self.name
            ));
        }
        self.rest = rest;
        Ok(key.to_owned())
    }

    /// A value ends at a comma outside of quotes; inside them `""` is a quote.
    fn value(
        &mut self,
        key: &str,
        environment: &impl Fn(&str) -> Option<String>,
    ) -> Result<String, String> {
        let mut value = String::new();
        let mut quoted = false;
        loop {
            let Some(first) = self.rest.chars().next() else {
                break;
            };
            if self.rest.starts_with("${") {
                value.push_str(&self.variable(key, environment)?);
                continue;
            }
            self.rest = &self.rest[first.len_utf8()..];
            match first {
                '"' if quoted && self.rest.starts_with('"') => {
                    value.push('"');
                    self.rest = &self.rest[1..];
                }
                '"' => quoted = !quoted,
                ',' if !quoted => return Ok(value),
                other => value.push(other),
            }
        }
        if quoted {
            return Err(format!(
                "--catalog {}: the quote of '{key}' is not closed, end the value with \"",
                self.name
            ));
        }
        Ok(value)
    }

    fn variable(
        &mut self,
        key: &str,
        environment: &impl Fn(&str) -> Option<String>,
    ) -> Result<String, String> {
        let name = self.name;
        let body = &self.rest[2..];
        let Some((variable, rest)) = body.split_once('}') else {
            return Err(format!(
                "--catalog {name}: '${{' in '{key}' has no closing '}}'"
            ));
        };
        self.rest = rest;
        environment(variable).ok_or_else(|| {
            format!(
                "--catalog {name}: the environment variable {variable} of '{key}' is not set, \
                 set it or write the value"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<CatalogOptions, String> {
        parse_catalog(text, |name| (name == "SECRET").then(|| "a,\"b".to_owned()))
    }

    #[test]
    fn keys_become_options() {
        let catalog = parse("lake=type=sql,uri=sqlite:////tmp/c.db?a=1,warehouse=/tmp/w").unwrap();
        assert_eq!(catalog.name, "lake");
        assert_eq!(catalog.kind, "sql");
        assert_eq!(catalog.uri, "sqlite:////tmp/c.db?a=1");
        assert_eq!(catalog.warehouse.as_deref(), Some("/tmp/w"));
        assert!(catalog.properties.is_empty());
    }

    #[test]
    fn quotes_and_variables() {
        let catalog = parse(
            "lake=type=rest,uri=\"http://h/,x\",token=${SECRET},k=\"a\"\"b ${SECRET}\",s3.region=eu",
        )
        .unwrap();
        assert_eq!(catalog.uri, "http://h/,x");
        assert_eq!(catalog.properties["token"], "a,\"b");
        assert_eq!(catalog.properties["k"], "a\"b a,\"b");
        assert_eq!(catalog.properties["s3.region"], "eu");
        assert_eq!(catalog.warehouse, None);
    }

    #[test]
    fn errors_name_the_catalog_and_the_key() {
        for (text, expected) in [
            ("lake", "no name"),
            ("=type=sql", "does not begin with a name"),
            ("lake=uri=x", "no type is given"),
            ("lake=type=sql", "no uri is given"),
            ("lake=type=sql,uri", "expected KEY=VALUE"),
            ("lake=type=sql,type=rest,uri=x", "'type' is given twice"),
            ("lake=type=sql,uri=\"x", "quote of 'uri' is not closed"),
            ("lake=type=sql,uri=${NOPE}", "NOPE of 'uri' is not set"),
            ("lake=type=sql,uri=${NOPE", "no closing"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
