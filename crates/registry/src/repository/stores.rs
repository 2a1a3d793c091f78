// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `offline_store` and `online_store`: which catalogs they name, and how online tables are laid out.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::catalog::SourceCatalog;
use super::keys::Keys;
use crate::error::{Error, ErrorKind, Result};

/// Keys of a store of type `iceberg` that describe its catalog.
const CATALOG_KEYS: [&str; 7] = [
    "type",
    "catalog_type",
    "catalog_name",
    "uri",
    "warehouse",
    "namespace",
    "storage_options",
];
/// Further keys of an online store of type `iceberg`.
const ONLINE_KEYS: [&str; 3] = ["partition_strategy", "partition_count", "read_timeout_ms"];

/// What to know of an online store that is not ours.
const ELSEWHERE: &str = "online_store is not of type iceberg, so only Feast reads and writes it: MATERIALIZE writes to \
                         Iceberg tables in the catalog of each view's source, namespace feast_online, unless \
                         feast.online.catalog and feast.online.namespace say otherwise";

/// What `offline_store` says. Tables come from the sources of the views, whatever the type is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OfflineStore {
    /// The type, such as `duckdb`, `spark` or `iceberg`; a class path as it is written.
    pub kind: String,
    /// The catalogs that it names: that of type `iceberg`, those of Spark's configuration.
    pub catalogs: Vec<SourceCatalog>,
    /// The namespace of tables that a source names without one.
    pub namespace: Option<String>,
}

/// What `online_store` says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OnlineStore {
    /// The type, such as `sqlite`, `redis` or `iceberg`; a class path as it is written.
    pub kind: String,
    /// Where the tables of type `iceberg` are; none for other types.
    pub iceberg: Option<OnlineTables>,
}

/// Where online tables are kept and how they are laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OnlineTables {
    /// The catalog; none means that of each view's source.
    pub catalog: Option<SourceCatalog>,
    /// The namespace of the tables, `feast_online` if none is given.
    pub namespace: Option<String>,
    /// How the tables are partitioned: `entity_hash`, `timestamp` or `hybrid`.
    pub partition_strategy: String,
    /// How many buckets `entity_hash` and `hybrid` have.
    pub partition_count: u32,
    /// How long a lookup may take, in milliseconds; none leaves it to the session.
    pub read_timeout_ms: Option<u64>,
}

impl OfflineStore {
    pub(super) fn read(value: Option<&Value>, notices: &mut Vec<String>) -> Result<Self> {
        let keys = match Store::of("offline_store", value, "dask")? {
            Store::Named(kind) => return Ok(Self::plain(kind)),
            Store::Configured(keys) => keys,
            Store::None => return Ok(Self::plain("none".to_owned())),
        };
        let kind = keys.text("type")?.unwrap_or_else(|| "dask".to_owned());
        let mut store = Self::plain(kind);
        if is_iceberg(&store.kind) {
            keys.note_unknown(&CATALOG_KEYS, notices);
            store.catalogs.extend(catalog(&keys)?);
            store.namespace = keys.text("namespace")?;
        }
        if let Some(Value::Object(conf)) = keys.get("spark_conf") {
            store.catalogs.extend(spark_catalogs(conf));
        }
        Ok(store)
    }

    fn plain(kind: String) -> Self {
        Self {
            kind,
            catalogs: Vec::new(),
            namespace: None,
        }
    }
}

impl OnlineStore {
    pub(super) fn read(value: Option<&Value>, notices: &mut Vec<String>) -> Result<Option<Self>> {
        let keys = match Store::of("online_store", value, "sqlite")? {
            Store::None => return Ok(None),
            Store::Named(kind) if is_iceberg(&kind) => Keys::new(
                "online_store",
                Map::from_iter([("type".to_owned(), Value::String(kind))]),
            ),
            Store::Named(kind) => {
                notices.extend(value.map(|_| ELSEWHERE.to_owned()));
                return Ok(Some(Self {
                    kind,
                    iceberg: None,
                }));
            }
            Store::Configured(keys) => keys,
        };
        let kind = keys.text("type")?.unwrap_or_else(|| "sqlite".to_owned());
        let mut iceberg = None;
        if is_iceberg(&kind) {
            keys.note_unknown(&[&CATALOG_KEYS[..], &ONLINE_KEYS].concat(), notices);
            iceberg = Some(online_tables(&keys)?);
        } else {
            notices.push(ELSEWHERE.to_owned());
        }
        Ok(Some(Self { kind, iceberg }))
    }
}

fn online_tables(keys: &Keys) -> Result<OnlineTables> {
    const STRATEGIES: [&str; 3] = ["entity_hash", "timestamp", "hybrid"];
    let strategy = keys.text("partition_strategy")?;
    let partition_strategy = strategy.unwrap_or_else(|| STRATEGIES[0].to_owned());
    if !STRATEGIES.contains(&partition_strategy.as_str()) {
        return Err(Error::new(
            ErrorKind::InvalidDefinition,
            format!(
                "online_store.partition_strategy is '{partition_strategy}', expected one of {}",
                STRATEGIES.join(", ")
            ),
        ));
    }
    const COUNT: &str = "partition_count";
    let partition_count = match keys.number(COUNT)? {
        None => 256,
        Some(count) => u32::try_from(count)
            .ok()
            .filter(|count| *count > 0)
            .ok_or_else(|| keys.wrong(COUNT, "a number from 1"))?,
    };
    const TIMEOUT: &str = "read_timeout_ms";
    let read_timeout_ms = match keys.number(TIMEOUT)? {
        None => None,
        Some(millis) => {
            let millis = u64::try_from(millis).ok().filter(|millis| *millis > 0);
            Some(millis.ok_or_else(|| keys.wrong(TIMEOUT, "milliseconds from 1"))?)
        }
    };
    Ok(OnlineTables {
        catalog: catalog(keys)?,
        namespace: keys.text("namespace")?,
        partition_strategy,
        partition_count,
        read_timeout_ms,
    })
}

/// A store's value in one of its spellings.
enum Store {
    None,
    Named(String),
    Configured(Keys),
}

impl Store {
    fn of(name: &'static str, value: Option<&Value>, usual: &str) -> Result<Self> {
        Ok(match value {
            None => Self::Named(usual.to_owned()),
            Some(Value::Null) => Self::None,
            Some(Value::String(text))
                if ["none", "null"].contains(&text.to_ascii_lowercase().as_str()) =>
            {
                Self::None
            }
            Some(Value::String(kind)) => Self::Named(kind.clone()),
            Some(Value::Object(map)) => Self::Configured(Keys::new(name, map.clone())),
            Some(_) => {
                return Err(Error::new(
                    ErrorKind::InvalidDefinition,
                    format!(
                        "{name} is neither a type nor keys; expected such as {{type: iceberg}}"
                    ),
                ));
            }
        })
    }
}

/// `iceberg`, or a class of that kind by its path.
fn is_iceberg(kind: &str) -> bool {
    kind == "iceberg"
        || kind.ends_with(".IcebergOfflineStore")
        || kind.ends_with(".IcebergOnlineStore")
}

/// The catalog of a store of type `iceberg`; none if it gives no address.
fn catalog(keys: &Keys) -> Result<Option<SourceCatalog>> {
    let Some(uri) = keys.text("uri")? else {
        return Ok(None);
    };
    let or = |text: Option<String>, usual: &str| text.unwrap_or_else(|| usual.to_owned());
    Ok(Some(SourceCatalog {
        name: or(keys.text("catalog_name")?, "default"),
        kind: or(keys.text("catalog_type")?, "sql"),
        uri: Some(uri),
        warehouse: Some(or(keys.text("warehouse")?, "warehouse")),
        properties: keys.texts("storage_options")?,
        token_variable: None,
    }))
}

/// The Iceberg catalogs that Spark is configured with: `spark.sql.catalog.NAME` is Iceberg's class
/// and `spark.sql.catalog.NAME.KEY` its properties.
fn spark_catalogs(conf: &Map<String, Value>) -> Vec<SourceCatalog> {
    const PREFIX: &str = "spark.sql.catalog.";
    let mut found: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for (key, value) in conf {
        if let Some(rest) = key.strip_prefix(PREFIX)
            && let Some(value) = value.as_str()
        {
            let (name, property) = rest.split_once('.').unwrap_or((rest, ""));
            found.entry(name).or_default().insert(property, value);
        }
    }
    let iceberg = |properties: &BTreeMap<&str, &str>| {
        properties
            .get("")
            .is_some_and(|class| class.starts_with("org.apache.iceberg.spark."))
    };
    found
        .into_iter()
        .filter(|(_, properties)| iceberg(properties))
        .map(|(name, mut properties)| {
            properties.remove("");
            spark_catalog(name, properties)
        })
        .collect()
}

fn spark_catalog(name: &str, mut properties: BTreeMap<&str, &str>) -> SourceCatalog {
    let kind = properties.remove("type");
    let class = properties.remove("catalog-impl").unwrap_or_default();
    let uri = properties.remove("uri");
    let (kind, uri) = match (kind, class.rsplit('.').next()) {
        (Some("jdbc"), _) | (None, Some("JdbcCatalog")) => (
            "sql",
            // The driver's form, `jdbc:sqlite:file`, in SQLAlchemy's.
            uri.map(|uri| match uri.strip_prefix("jdbc:sqlite:") {
                Some(file) => format!("sqlite:///{}", file.strip_prefix("file:").unwrap_or(file)),
                None => uri.strip_prefix("jdbc:").unwrap_or(uri).to_owned(),
            }),
        ),
        (None, Some("RESTCatalog")) => ("rest", uri.map(str::to_owned)),
        (None, Some("GlueCatalog")) => ("glue", uri.map(str::to_owned)),
        (kind, _) => (kind.unwrap_or("hive"), uri.map(str::to_owned)),
    };
    SourceCatalog {
        name: name.to_owned(),
        kind: kind.to_owned(),
        uri,
        warehouse: properties.remove("warehouse").map(str::to_owned),
        properties: properties
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
        token_variable: None,
    }
}
