// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The addresses of a REST catalog's resources.

use std::collections::HashSet;

use iceberg::{NamespaceIdent, TableIdent};
use url::form_urlencoded;

use crate::error::{Error, ErrorKind, Result};
use crate::storage::Properties;

/// Parts the levels of a namespace in an address, if the server does not say otherwise.
const SEPARATOR: &str = "%1F";

/// The addresses of a REST catalog's resources.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    base: String,
    separator: String,
    /// What the server can do, as in `HEAD /v1/{prefix}/namespaces/{namespace}`; none if it does
    /// not say.
    endpoints: Option<HashSet<String>>,
}

impl Paths {
    pub(super) fn new(uri: &str, properties: &Properties, endpoints: Option<Vec<String>>) -> Self {
        let prefix = properties
            .get("prefix")
            .map(|prefix| prefix.trim_matches('/'));
        let base = match prefix {
            Some(prefix) if !prefix.is_empty() => format!("{uri}/v1/{prefix}"),
            _ => format!("{uri}/v1"),
        };
        let separator = properties.get("namespace-separator").unwrap_or(SEPARATOR);
        Self {
            base,
            separator: separator.to_string(),
            endpoints: endpoints.map(|all| all.into_iter().collect()),
        }
    }

    /// Whether the server says that it cannot do `endpoint`.
    pub(super) fn lacks(&self, endpoint: &str) -> bool {
        self.endpoints
            .as_ref()
            .is_some_and(|known| !known.contains(endpoint))
    }

    pub(super) fn namespaces(&self) -> String {
        format!("{}/namespaces", self.base)
    }

    pub(super) fn namespace(&self, namespace: &NamespaceIdent) -> Result<String> {
        let levels: Result<Vec<_>> = namespace.iter().map(|level| encoded(level)).collect();
        Ok(format!(
            "{}/{}",
            self.namespaces(),
            levels?.join(&self.separator)
        ))
    }

    /// A namespace as the value of a query.
    pub(super) fn parent(&self, namespace: &NamespaceIdent) -> String {
        let pair = format!("k={}", self.separator);
        let mut decoded = form_urlencoded::parse(pair.as_bytes());
        let separator = decoded.next().map(|(_, value)| value.into_owned());
        let levels: Vec<&str> = namespace.iter().map(String::as_str).collect();
        levels.join(&separator.unwrap_or_default())
    }

    pub(super) fn tables(&self, namespace: &NamespaceIdent) -> Result<String> {
        Ok(format!("{}/tables", self.namespace(namespace)?))
    }

    pub(super) fn table(&self, table: &TableIdent) -> Result<String> {
        let tables = self.tables(table.namespace())?;
        Ok(format!("{tables}/{}", encoded(table.name())?))
    }

    pub(super) fn register(&self, namespace: &NamespaceIdent) -> Result<String> {
        Ok(format!("{}/register", self.namespace(namespace)?))
    }

    pub(super) fn rename(&self) -> String {
        format!("{}/tables/rename", self.base)
    }
}

/// A name as one part of an address.
fn encoded(name: &str) -> Result<String> {
    if matches!(name, "" | "." | "..") {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!("'{name}' is no name that a REST catalog can be asked for"),
        ));
    }
    let mut part = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                part.push(char::from(byte));
            }
            other => part.push_str(&format!("%{other:02X}")),
        }
    }
    Ok(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parts_of_addresses() {
        let properties = [("prefix".to_string(), "a/b/".to_string())];
        let paths = Paths::new("http://h/api", &properties.into_iter().collect(), None);
        let table = TableIdent::from_strs(["raw", "no/tes", "ü t"]).unwrap();
        assert_eq!(
            paths.table(&table).unwrap(),
            "http://h/api/v1/a/b/namespaces/raw%1Fno%2Ftes/tables/%C3%BC%20t"
        );
        assert_eq!(paths.parent(table.namespace()), "raw\u{1f}no/tes");
        assert_eq!(paths.rename(), "http://h/api/v1/a/b/tables/rename");
        let dots = TableIdent::from_strs(["raw", ".."]).unwrap();
        assert!(paths.table(&dots).is_err());
        assert!(!paths.lacks("HEAD x"));
    }

    #[test]
    fn the_server_says_what_parts_levels() {
        let properties = [("namespace-separator".to_string(), "%2E".to_string())];
        let endpoints = Some(vec!["GET x".to_string()]);
        let paths = Paths::new("http://h", &properties.into_iter().collect(), endpoints);
        let namespace = NamespaceIdent::from_strs(["a", "b"]).unwrap();
        assert!(paths.namespace(&namespace).unwrap().ends_with("/a%2Eb"));
        assert_eq!(paths.parent(&namespace), "a.b");
        assert!(paths.lacks("HEAD x") && !paths.lacks("GET x"));
    }
}
