// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Feast's own IcebergSource: an Iceberg table by its catalog, kept as JSON.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::python_json;
use crate::secrets::{is_secret_key, open_properties, without_secrets};
use crate::wire::WireError;

/// An Iceberg table by its catalog. It never holds secrets; they come from the session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IcebergSource {
    /// The name of the catalog.
    pub catalog_name: String,
    /// The type of the catalog: `sql`, `rest`, `hive`, `glue`, `dynamodb`.
    pub catalog_type: String,
    /// The namespace, its levels joined by dots.
    pub namespace: String,
    /// The table's name.
    pub table: String,
    /// The catalog's address.
    pub endpoint: Option<String>,
    /// Where the catalog keeps its tables.
    pub warehouse: Option<String>,
    /// Further properties of the catalog.
    pub catalog_properties: BTreeMap<String, String>,
}

impl IcebergSource {
    /// The catalog's name where a configuration gives none.
    pub(crate) const CATALOG_NAME: &str = "feast_iceberg";
    /// The catalog's type where a configuration gives none.
    pub(crate) const CATALOG_TYPE: &str = "rest";

    /// The name Feast gives a source of this table: `warehouse.namespace.table`.
    pub fn default_name(&self) -> String {
        let warehouse = self.warehouse.as_deref().unwrap_or_default();
        format!(
            "{}.{}.{}",
            without_secrets(warehouse),
            self.namespace,
            self.table
        )
    }

    /// The same source without anything that looks like a secret.
    pub(crate) fn without_secrets(&self) -> Self {
        Self {
            endpoint: self.endpoint.as_deref().map(without_secrets),
            warehouse: self.warehouse.as_deref().map(without_secrets),
            catalog_properties: open_properties(&self.catalog_properties),
            ..self.clone()
        }
    }

    /// Reads a configuration; nothing if it is not one.
    pub(crate) fn from_configuration(configuration: &[u8]) -> Option<Self> {
        let Value::Object(map) = serde_json::from_slice(configuration).ok()? else {
            return None;
        };
        let text = |key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
        let given = |key: &str| text(key).filter(|text| !text.is_empty());
        let properties = match map.get("catalog_properties") {
            Some(Value::Object(properties)) => properties
                .iter()
                .map(|(key, value)| (key.clone(), property(value)))
                .collect(),
            _ => BTreeMap::new(),
        };
        let source = Self {
            catalog_name: given("catalog_name").unwrap_or_else(|| Self::CATALOG_NAME.to_owned()),
            catalog_type: given("catalog_type").unwrap_or_else(|| Self::CATALOG_TYPE.to_owned()),
            namespace: text("namespace")?,
            table: text("table")?,
            endpoint: given("endpoint"),
            warehouse: given("warehouse"),
            catalog_properties: properties,
        };
        Some(source.without_secrets())
    }

    /// Writes a configuration over an existing one, whose other keys stay.
    pub(crate) fn to_configuration(&self, existing: &[u8]) -> Result<Vec<u8>, WireError> {
        let mut map = match serde_json::from_slice(existing) {
            Ok(Value::Object(map)) => map,
            _ => Map::new(),
        };
        let open = self.without_secrets();
        let text = |text: Option<String>| Value::String(text.unwrap_or_default());
        map.insert("catalog_type".to_owned(), Value::String(open.catalog_type));
        map.insert("catalog_name".to_owned(), Value::String(open.catalog_name));
        map.insert("endpoint".to_owned(), text(open.endpoint));
        map.insert("warehouse".to_owned(), text(open.warehouse));
        map.insert("namespace".to_owned(), Value::String(open.namespace));
        map.insert("table".to_owned(), Value::String(open.table));
        map.entry("token_env_var").or_insert(Value::Null);
        map.entry("credential_vending").or_insert(Value::Bool(true));
        let mut properties = match map.remove("catalog_properties") {
            Some(Value::Object(properties)) => properties,
            _ => Map::new(),
        };
        properties.retain(|key, _| open.catalog_properties.contains_key(key));
        for (key, value) in open.catalog_properties {
            // A property that stays keeps its JSON type.
            if properties.get(&key).map(property).as_deref() != Some(&value) {
                properties.insert(key, Value::String(value));
            }
        }
        debug_assert!(!properties.keys().any(|key| is_secret_key(key)));
        map.insert("catalog_properties".to_owned(), Value::Object(properties));
        python_json::dumps(&Value::Object(map))
            .map_err(|error| WireError::new(format!("the configuration is no JSON: {error}")))
    }
}

/// A property's text; what is no string in the JSON is given as JSON.
pub(crate) fn property(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_configuration_is_as_feast_writes_it() {
        let source = IcebergSource {
            catalog_name: "lake".into(),
            catalog_type: "sql".into(),
            namespace: "rides".into(),
            table: "stats".into(),
            endpoint: Some("postgresql://me:pw@host/db".into()),
            warehouse: Some("s3://b/wh".into()),
            catalog_properties: [("s3.region", "eu"), ("s3.secret-access-key", "hidden")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
        };
        let expected = r#"{"catalog_type": "sql", "catalog_name": "lake", "endpoint": "postgresql://me@host/db", "warehouse": "s3://b/wh", "namespace": "rides", "table": "stats", "token_env_var": null, "credential_vending": true, "catalog_properties": {"s3.region": "eu"}}"#;
        let written = source.to_configuration(b"").unwrap();
        assert_eq!(String::from_utf8(written.clone()).unwrap(), expected);
        assert_eq!(
            IcebergSource::from_configuration(&written),
            Some(source.without_secrets())
        );
        assert_eq!(source.default_name(), "s3://b/wh.rides.stats");
    }

    #[test]
    fn other_keys_of_a_configuration_stay() {
        let existing = br#"{"later": [1], "namespace": "a", "table": "t", "warehouse": "w",
            "token_env_var": "T", "catalog_properties": {"n": 1, "gone": "x", "token": "hidden"}}"#;
        let mut source = IcebergSource::from_configuration(existing).unwrap();
        assert_eq!(source.catalog_name, "feast_iceberg");
        assert_eq!(source.catalog_properties.len(), 2);
        source.table = "u".into();
        source.catalog_properties.remove("gone");
        let written = String::from_utf8(source.to_configuration(existing).unwrap()).unwrap();
        let value: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(value["later"], serde_json::json!([1]));
        assert_eq!(value["token_env_var"], "T");
        assert_eq!(value["table"], "u");
        assert_eq!(value["catalog_properties"], serde_json::json!({"n": 1}));
    }

    #[test]
    fn what_is_no_configuration_is_none() {
        for text in [
            "",
            "[]",
            "{",
            r#"{"table": "t"}"#,
            r#"{"namespace": 1, "table": "t"}"#,
        ] {
            assert_eq!(
                IcebergSource::from_configuration(text.as_bytes()),
                None,
                "{text}"
            );
        }
    }
}
