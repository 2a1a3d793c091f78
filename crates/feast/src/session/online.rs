// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Where a statement finds the online store: its settings, and the catalogs that tables are made in.

use std::time::Duration;

use chrono::{DateTime, Utc};
use datafusion::common::{Result, TableReference, plan_err};
use datafusion::config::{ConfigEntry, ConfigOptions};
use feast_iceberg::{IcebergCatalogProvider, Staleness};
use feast_online::{PartitionStrategy, TableLayout};
use feast_registry::{DataSource, OnlineTables, Source};

use super::scope::FeastScope;
use super::settings::FeastSettings;

/// The names of the settings, without `feast.`.
pub(super) const CATALOG: &str = "online.catalog";
pub(super) const NAMESPACE: &str = "online.namespace";
pub(super) const STRATEGY: &str = "online.partition_strategy";
pub(super) const COUNT: &str = "online.partition_count";
pub(super) const TIMEOUT: &str = "online.read_timeout_ms";
pub(super) const STALENESS: &str = "online.max_staleness_ms";
/// All of them.
pub(super) const ONLINE: [&str; 6] = [CATALOG, NAMESPACE, STRATEGY, COUNT, TIMEOUT, STALENESS];

/// Of the time for a lookup, a catalog is waited for at most this part.
const PATIENCE: u32 = 4;

/// The settings `feast.online.*`.
#[derive(Debug, Clone)]
pub(crate) struct OnlineSettings {
    catalog: Option<String>,
    namespace: Option<String>,
    layout: TableLayout,
    /// How long a lookup may take.
    pub(crate) read_timeout: Duration,
    /// How old what a lookup sees may be while the catalog does not answer.
    pub(crate) max_staleness: Duration,
}

impl Default for OnlineSettings {
    fn default() -> Self {
        Self {
            catalog: None,
            namespace: None,
            layout: TableLayout::default(),
            read_timeout: Duration::from_millis(2_000),
            max_staleness: Duration::ZERO,
        }
    }
}

impl OnlineSettings {
    /// Sets one; false if there is none of that name.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<bool> {
        let named = || Some(value.to_owned()).filter(|name| !name.is_empty());
        let number = || -> Result<u32> {
            match value.trim().parse() {
                Ok(number) if number > 0 => Ok(number),
                _ => plan_err!("feast.{key} expects a whole number above 0, found '{value}'"),
            }
        };
        match key {
            CATALOG => self.catalog = named(),
            NAMESPACE => self.namespace = named(),
            STRATEGY => {
                let strategy = value.parse::<PartitionStrategy>();
                self.layout.strategy =
                    strategy.map_err(|error| error.context(format!("feast.{key}")))?;
            }
            COUNT => self.layout.partition_count = number()?,
            TIMEOUT => self.read_timeout = Duration::from_millis(u64::from(number()?)),
            STALENESS => match value.trim().parse() {
                Ok(millis) => self.max_staleness = Duration::from_millis(millis),
                Err(_) => return plan_err!("feast.{key} expects a whole number, found '{value}'"),
            },
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What a repository's online store says, where nothing else was set. `catalog` is the name under which
    /// its catalog is attached.
    pub(super) fn adopt(&mut self, tables: &OnlineTables, catalog: Option<String>) -> Result<()> {
        let usual = Self::default();
        if self.catalog.is_none() {
            self.catalog = catalog;
        }
        if self.namespace.is_none() {
            self.namespace = tables.namespace.clone();
        }
        if self.layout.strategy == usual.layout.strategy {
            self.set(STRATEGY, &tables.partition_strategy)?;
        }
        if self.layout.partition_count == usual.layout.partition_count {
            self.layout.partition_count = tables.partition_count;
        }
        if let Some(millis) = tables.read_timeout_ms
            && self.read_timeout == usual.read_timeout
        {
            self.read_timeout = Duration::from_millis(millis);
        }
        Ok(())
    }

    /// How old what a lookup at `now` sees may be; None where its catalogs have to answer.
    pub(super) fn staleness(&self, now: DateTime<Utc>) -> Option<Staleness> {
        (!self.max_staleness.is_zero()).then(|| Staleness {
            now,
            max: self.max_staleness,
            patience: self.read_timeout / PATIENCE,
        })
    }

    /// What SHOW tells.
    pub(super) fn entries(&self) -> Vec<ConfigEntry> {
        let entry = |key: &str, value: Option<String>, description| ConfigEntry {
            key: format!("feast.{key}"),
            value,
            description,
        };
        vec![
            entry(
                CATALOG,
                self.catalog.clone(),
                "The Iceberg catalog of online tables; not set: that of the view's source",
            ),
            entry(
                NAMESPACE,
                self.namespace.clone(),
                "The namespace of online tables; not set: feast_online",
            ),
            entry(
                STRATEGY,
                Some(self.layout.strategy.to_string()),
                "How new online tables are partitioned: 'entity_hash', 'timestamp' or 'hybrid'",
            ),
            entry(
                COUNT,
                Some(self.layout.partition_count.to_string()),
                "Into how many parts keys of new online tables are hashed",
            ),
            entry(
                TIMEOUT,
                Some(self.read_timeout.as_millis().to_string()),
                "How many milliseconds a lookup may take",
            ),
            entry(
                STALENESS,
                Some(self.max_staleness.as_millis().to_string()),
                "While a catalog does not answer, lookups read the versions of tables that it gave to a lookup at most so many milliseconds \
                 ago; 0: they fail",
            ),
        ]
    }
}

/// Where a view's online table is.
#[derive(Debug, Clone)]
pub(crate) struct OnlinePlace {
    /// As the statement sees it.
    pub(crate) catalog: IcebergCatalogProvider,
    pub(crate) namespace: String,
    pub(crate) layout: TableLayout,
}

impl FeastScope {
    /// The settings `feast.online.*`.
    pub(crate) fn online_settings(&self) -> OnlineSettings {
        let options: &ConfigOptions = self.config().options();
        let settings = options.extensions.get::<FeastSettings>();
        settings
            .map(|settings| settings.online().clone())
            .unwrap_or_default()
    }

    /// Where the online table of a view over `source` is; none if no catalog is set and the source is
    /// in none.
    pub(crate) fn online_place(&self, source: &DataSource) -> Result<Option<OnlinePlace>> {
        let settings = self.online_settings();
        // Keys of another version are refused, wherever tables are.
        let of_repository = match self.repository() {
            Some(repository) => repository.online_tables()?.map(|_| repository),
            None => None,
        };
        let named = match (&settings.catalog, of_repository) {
            (Some(name), _) => Some(name.clone()),
            (None, Some(repository)) => match repository.online_catalog()? {
                Some(name) => Some(name),
                None => self.source_catalog(source)?,
            },
            (None, None) => self.source_catalog(source)?,
        };
        let Some(name) = named else {
            return Ok(None);
        };
        let Some(catalog) = self.catalogs().catalog(&name) else {
            return plan_err!(
                "feast.online.catalog is '{name}', but no catalog of that name is attached; attach it with CREATE EXTERNAL CATALOG"
            );
        };
        match catalog.as_any().downcast_ref::<IcebergCatalogProvider>() {
            Some(iceberg) => Ok(Some(OnlinePlace {
                catalog: iceberg.clone(),
                namespace: settings
                    .namespace
                    .unwrap_or_else(|| "feast_online".to_owned()),
                layout: settings.layout,
            })),
            None if settings.catalog.is_some() => plan_err!(
                "feast.online.catalog is '{name}', which is no Iceberg catalog; name one that was attached with CREATE EXTERNAL CATALOG … \
                 STORED AS ICEBERG"
            ),
            None => Ok(None),
        }
    }

    /// The catalog that a source is a table of.
    fn source_catalog(&self, source: &DataSource) -> Result<Option<String>> {
        Ok(match &source.source {
            Source::Iceberg(iceberg) => {
                let brought = match self.repository() {
                    Some(repository) => repository.catalog_of(self, source, iceberg)?,
                    None => None,
                };
                Some(brought.unwrap_or_else(|| iceberg.catalog_name.clone()))
            }
            Source::Table(table) => {
                let name = self.resolve(TableReference::parse_str(&table.table));
                Some(name.catalog.to_string())
            }
            _ => None,
        })
    }
}
