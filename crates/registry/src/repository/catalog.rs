// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Iceberg catalogs as a repository describes them, in its YAML file or in its sources.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::iceberg_source::{IcebergSource, property};
use crate::secrets::{open_properties, without_secrets};

/// An Iceberg catalog with everything needed to open it, secrets included.
///
/// `Debug` shows neither secrets nor values that may hold one.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceCatalog {
    /// The name of the catalog, as Feast gives it to PyIceberg.
    pub name: String,
    /// The type: `sql`, `rest`, or one that this library cannot open.
    pub kind: String,
    /// The catalog's address.
    pub uri: Option<String>,
    /// Where the catalog keeps its tables, or its warehouse's name.
    pub warehouse: Option<String>,
    /// Further properties, with Iceberg's keys.
    pub properties: BTreeMap<String, String>,
    /// The environment variable that holds the token.
    pub token_variable: Option<String>,
}

/// What tells catalogs apart: everything that is no secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CatalogKey {
    name: String,
    kind: String,
    uri: String,
    warehouse: String,
    properties: BTreeMap<String, String>,
}

impl CatalogKey {
    /// Whether the catalog is the same one, opened with every property that the other asks for.
    pub fn serves(&self, other: &Self) -> bool {
        let has = |(key, value): (&String, &String)| self.properties.get(key) == Some(value);
        self.name == other.name
            && self.kind == other.kind
            && self.uri == other.uri
            && self.warehouse == other.warehouse
            && other.properties.iter().all(has)
    }

    /// Where the catalog is, for people.
    pub fn address(&self) -> &str {
        if self.uri.is_empty() {
            &self.warehouse
        } else {
            &self.uri
        }
    }
}

impl SourceCatalog {
    /// The catalog that an IcebergSource of Feast describes by its JSON; nothing if it is none.
    pub(crate) fn from_configuration(configuration: &[u8]) -> Option<Self> {
        let Value::Object(map) = serde_json::from_slice(configuration).ok()? else {
            return None;
        };
        let given = |key: &str| {
            let text = map.get(key).and_then(Value::as_str);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        given("namespace").zip(given("table"))?;
        let properties = match map.get("catalog_properties") {
            Some(Value::Object(properties)) => properties
                .iter()
                .map(|(key, value)| (key.clone(), property(value)))
                .collect(),
            _ => BTreeMap::new(),
        };
        Some(Self {
            name: given("catalog_name").unwrap_or_else(|| IcebergSource::CATALOG_NAME.to_owned()),
            kind: given("catalog_type").unwrap_or_else(|| IcebergSource::CATALOG_TYPE.to_owned()),
            uri: given("endpoint"),
            warehouse: given("warehouse"),
            properties,
            token_variable: given("token_env_var"),
        })
    }

    /// What tells it from other catalogs.
    pub fn key(&self) -> CatalogKey {
        let open = |text: &Option<String>| text.as_deref().map(without_secrets).unwrap_or_default();
        CatalogKey {
            name: self.name.clone(),
            kind: self.kind.clone(),
            uri: open(&self.uri),
            warehouse: open(&self.warehouse),
            properties: open_properties(&self.properties),
        }
    }

    /// A table of this catalog as a source.
    pub fn source(&self, namespace: impl Into<String>, table: impl Into<String>) -> IcebergSource {
        IcebergSource {
            catalog_name: self.name.clone(),
            catalog_type: self.kind.clone(),
            namespace: namespace.into(),
            table: table.into(),
            endpoint: self.uri.clone(),
            warehouse: self.warehouse.clone(),
            catalog_properties: self.properties.clone(),
        }
        .without_secrets()
    }
}

impl IcebergSource {
    /// What tells its catalog from others.
    pub fn catalog_key(&self) -> CatalogKey {
        let open = self.without_secrets();
        CatalogKey {
            name: open.catalog_name,
            kind: open.catalog_type,
            uri: open.endpoint.unwrap_or_default(),
            warehouse: open.warehouse.unwrap_or_default(),
            properties: open.catalog_properties,
        }
    }
}

impl fmt::Debug for SourceCatalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceCatalog")
            .field("key", &self.key())
            .field("token_variable", &self.token_variable)
            .finish_non_exhaustive()
    }
}
