// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! How an online table lies on disk.
//!
//! Rows of a key are in one part of the table and one after the other, newest first; small pages and
//! bloom filters let a lookup read little more than them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::common::{DataFusionError, Result, plan_err};
use feast_iceberg::append::PartitionBy;
use feast_iceberg::{IcebergCatalogProvider, NewIcebergTable, TableDefinition};
use iceberg::spec::SortDirection;

use crate::key::EntityHash;
use crate::names::{CREATED_TIME, ENTITY_HASH, EVENT_TIME, IS_DELETED, IS_PUSHED};
use crate::view::OnlineView;

/// The table's property that says into how many parts keys are hashed.
const PARTS: &str = "feast.online.partition-count";

/// How an online table is partitioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PartitionStrategy {
    /// By the hash of the key: best for lookups.
    #[default]
    EntityHash,
    /// By the day of the event time: best for reading a range of time.
    Timestamp,
    /// By both.
    Hybrid,
}

impl fmt::Display for PartitionStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EntityHash => "entity_hash",
            Self::Timestamp => "timestamp",
            Self::Hybrid => "hybrid",
        })
    }
}

impl FromStr for PartitionStrategy {
    type Err = DataFusionError;

    fn from_str(text: &str) -> Result<Self> {
        match text.to_ascii_lowercase().as_str() {
            "entity_hash" => Ok(Self::EntityHash),
            "timestamp" => Ok(Self::Timestamp),
            "hybrid" => Ok(Self::Hybrid),
            _ => plan_err!("expected 'entity_hash', 'timestamp' or 'hybrid', found '{text}'"),
        }
    }
}

/// How new online tables are laid out. A table that exists keeps its own layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableLayout {
    /// How they are partitioned.
    pub strategy: PartitionStrategy,
    /// Into how many parts keys are hashed.
    pub partition_count: u32,
}

impl Default for TableLayout {
    /// 256 parts by the hash of the key.
    fn default() -> Self {
        Self {
            strategy: PartitionStrategy::EntityHash,
            partition_count: 256,
        }
    }
}

impl TableLayout {
    /// The view's table, to be made in a namespace that exists.
    pub(crate) fn table(
        self,
        catalog: &IcebergCatalogProvider,
        namespace: &str,
        view: &OnlineView,
    ) -> Result<NewIcebergTable> {
        let schema = table_schema(view);
        let nanoseconds = schema.fields().iter().any(|field| has_nanoseconds(field));
        let definition = TableDefinition {
            namespace: namespace.split('.').map(str::to_owned).collect(),
            name: view.table_name(),
            schema: Arc::new(schema),
            inferred: false,
            partition_by: self.partition_by(),
            properties: self.properties(view, nanoseconds),
            if_not_exists: true,
        };
        let mut order: Vec<_> = view
            .keys
            .iter()
            .map(|key| (key.name.as_str(), SortDirection::Ascending))
            .collect();
        order.push((EVENT_TIME, SortDirection::Descending));
        Ok(NewIcebergTable::try_new(catalog, definition)?.sorted_by(&order)?)
    }

    fn partition_by(self) -> Vec<PartitionBy> {
        let hash = PartitionBy::identity(ENTITY_HASH);
        let day = PartitionBy::day(EVENT_TIME);
        match self.strategy {
            PartitionStrategy::EntityHash => vec![hash],
            PartitionStrategy::Timestamp => vec![day],
            PartitionStrategy::Hybrid => vec![hash, day],
        }
    }

    fn properties(self, view: &OnlineView, nanoseconds: bool) -> BTreeMap<String, String> {
        let mut properties: BTreeMap<String, String> = [
            ("format-version", if nanoseconds { "3" } else { "2" }),
            // Snappy starts at once; Zstandard sets up its tables for each column that is read.
            ("write.parquet.compression-codec", "snappy"),
            ("write.parquet.page-size-bytes", "16384"),
            // A lookup would read a dictionary whole for a page of one.
            ("write.parquet.dictionary.enabled", "false"),
            ("write.parquet.page-row-limit", "500"),
            ("write.metadata.metrics.default", "truncate(16)"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        properties.insert(PARTS.to_owned(), self.partition_count.max(1).to_string());
        for key in &view.keys {
            let name = format!("write.parquet.bloom-filter-enabled.column.{}", key.name);
            properties.insert(name, "true".to_owned());
        }
        properties
    }
}

/// The hash that a table with these properties has in `entity_hash`.
pub(crate) fn entity_hash(
    view: &OnlineView,
    table: &str,
    properties: &std::collections::HashMap<String, String>,
) -> Result<EntityHash> {
    let parts = partition_count(table, properties)?;
    Ok(EntityHash::new(view.encoder(), parts))
}

/// Into how many parts a table with these properties hashes keys.
pub(crate) fn partition_count(
    table: &str,
    properties: &std::collections::HashMap<String, String>,
) -> Result<u32> {
    let parts = properties.get(PARTS).and_then(|text| text.parse().ok());
    match parts {
        Some(parts) => Ok(parts),
        None => plan_err!(
            "table {table} does not say in its property {PARTS} how its keys are hashed: it was not made as an online table; drop it, or \
             choose another namespace with SET feast.online.namespace"
        ),
    }
}

/// The columns of the view's table.
pub(crate) fn table_schema(view: &OnlineView) -> Schema {
    let keys = view.keys.iter();
    let keys = keys.map(|key| Field::new(&key.name, key.key_type.arrow(), false));
    let own = [
        Field::new(ENTITY_HASH, DataType::Int32, false),
        Field::new(EVENT_TIME, view.event_time.clone(), true),
        Field::new(CREATED_TIME, view.created_time.clone(), true),
        Field::new(IS_DELETED, DataType::Boolean, false),
        Field::new(IS_PUSHED, DataType::Boolean, false),
    ];
    let columns = view.columns.iter();
    let columns = columns.map(|column| Field::new(&column.name, column.data_type.clone(), true));
    Schema::new(keys.chain(own).chain(columns).collect::<Vec<_>>())
}

fn has_nanoseconds(field: &Field) -> bool {
    match field.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, _) => true,
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            has_nanoseconds(item)
        }
        DataType::Struct(fields) => fields.iter().any(|field| has_nanoseconds(field)),
        DataType::Map(entries, _) => has_nanoseconds(entries),
        _ => false,
    }
}
