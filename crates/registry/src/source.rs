// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Data sources: where a view's rows are.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::edit::Draft;
use crate::error::{Error, Result};
use crate::iceberg_source::IcebergSource;
use crate::message::Message;
use crate::secrets::without_secrets;
use crate::time::{Timestamp, stamp};
use crate::wire::WireError;
use crate::{names, python_json, tags};

const BATCH_FILE: i32 = 1;
const CUSTOM_SOURCE: i32 = 6;
const BATCH_SPARK: i32 = 11;
const BATCH_ICEBERG: i32 = 13;
const FILE_OPTIONS: u32 = 11;
pub(crate) const CUSTOM_OPTIONS: u32 = 16;
const SPARK_OPTIONS: u32 = 27;
/// Everything that describes one kind of source and no other.
const OPTIONS: &[u32] = &[4, 11, 12, 13, 14, 15, 16, 18, 19, 22, 26, 27, 28, 30, 35];

const FILE_CLASS: &str = "feast.infra.offline_stores.file_source.FileSource";
const ICEBERG_CLASS: &str =
    "feast.infra.data_sources.contrib.iceberg_catalog.iceberg_source.IcebergSource";
const SPARK_CLASS: &str =
    "feast.infra.offline_stores.contrib.spark_offline_store.spark_source.SparkSource";
/// A custom source with the configuration of Feast's IcebergSource.
const CUSTOM_ICEBERG_CLASS: &str = "datafusion_feast.IcebergSource";
const TABLE_CLASS: &str = "datafusion_feast.TableSource";
const QUERY_CLASS: &str = "datafusion_feast.QuerySource";

/// Where rows are.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// An Iceberg table, as Feast's own IcebergSource.
    Iceberg(IcebergSource),
    /// A Parquet file or a folder of them.
    File(FileSource),
    /// Any table that the session knows, by its SQL name.
    Table(TableSource),
    /// The rows of a query.
    Query(QuerySource),
    /// A table by the name that Spark knows it by.
    Spark(SparkSource),
    /// A kind that this library keeps and lists, and refuses to query.
    Other {
        /// The kind, such as `BATCH_BIGQUERY`.
        kind: String,
        /// The data source's name.
        name: String,
    },
}

/// A Parquet file or a folder of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileSource {
    /// The path or URI.
    pub uri: String,
}

/// A table by its SQL name. Feast's own tools know it as a custom source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableSource {
    /// The name as in SQL, such as `catalog.schema.table`.
    pub table: String,
}

/// The rows of a query. Feast's own tools know it as a custom source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QuerySource {
    /// The query's text, without the parentheses around it.
    pub query: String,
}

/// A table by the name that Spark knows it by: `catalog.namespace.table`, or a part of that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SparkSource {
    /// The name.
    pub table: String,
}

/// Where a view's rows are, and which columns have a meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSource {
    /// The name.
    pub name: String,
    /// Where the rows are.
    pub source: Source,
    /// The column of event times, after the field mapping.
    pub timestamp_field: String,
    /// The column that says when a row was written, after the field mapping.
    pub created_timestamp_column: Option<String>,
    /// Source column to feature name.
    pub field_mapping: BTreeMap<String, String>,
    /// Free key-value pairs.
    pub tags: BTreeMap<String, String>,
    /// A text for people.
    pub description: String,
    /// Who answers for it.
    pub owner: String,
}

impl DataSource {
    /// A source without description, owner, tags, mapping and created column.
    pub fn new(
        name: impl Into<String>,
        source: Source,
        timestamp_field: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            source,
            timestamp_field: timestamp_field.into(),
            created_timestamp_column: None,
            field_mapping: BTreeMap::new(),
            tags: BTreeMap::new(),
            description: String::new(),
            owner: String::new(),
        }
    }

    pub(crate) fn none(kind: &str) -> Self {
        let source = Source::Other {
            kind: kind.to_owned(),
            name: String::new(),
        };
        Self::new("", source, "")
    }

    pub(crate) fn check(&self) -> Result<()> {
        names::check("data source", &self.name)?;
        let name = &self.name;
        tags::check(&format!("data source '{name}'"), &self.tags)?;
        if self.created_timestamp_column.as_deref() == Some(&self.timestamp_field)
            && !self.timestamp_field.is_empty()
        {
            return Err(Error::invalid(format!(
                "data source '{name}' has '{}' as the event time and as the created time; name \
                 two columns, or leave the created time out",
                self.timestamp_field
            )));
        }
        let lacks = match &self.source {
            Source::Iceberg(source) if source.table.is_empty() => "an Iceberg table",
            Source::Iceberg(source) if source.namespace.is_empty() => "an Iceberg namespace",
            Source::File(source) if source.uri.is_empty() => "a path",
            Source::Table(source) if source.table.is_empty() => "a table",
            Source::Spark(source) if source.table.is_empty() => "a table",
            Source::Query(source) if source.query.trim().is_empty() => "a query",
            _ => return Ok(()),
        };
        Err(Error::invalid(format!(
            "data source '{name}' lacks {lacks}; name it"
        )))
    }

    /// Refuses to write a kind that is only kept, unless it is the one that is stored.
    pub(crate) fn check_writable(&self, stored: Option<&DataSource>) -> Result<()> {
        match &self.source {
            Source::Other { .. } if stored.is_some_and(|stored| stored.source == self.source) => {
                Ok(())
            }
            Source::Other { kind, .. } => Err(Error::unsupported(format!(
                "data source '{}' is of kind {kind}, which cannot be written; use an Iceberg \
                 table, a Parquet file or a table of the session, or define it with Feast",
                self.name
            ))),
            _ => Ok(()),
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let message = Message::read(bytes)?;
        Ok(Self {
            name: message.string(20)?,
            source: decode_source(&message)?,
            timestamp_field: message.string(3)?,
            created_timestamp_column: message.optional_string(5)?,
            field_mapping: message.map(2)?,
            tags: tags::users(&message.map(24)?),
            description: message.string(23)?,
            owner: message.string(25)?,
        })
    }

    /// Writes the source over an existing one; inside a view it names no project.
    pub(crate) fn encode(
        &self,
        project: Option<&str>,
        existing: Option<&[u8]>,
        now: Timestamp,
    ) -> Result<Vec<u8>, WireError> {
        let mut draft = Draft::of(existing)?;
        let old = Message::read(existing.unwrap_or_default())?;
        let stored = decode_source(&old)?;
        let source = match &self.source {
            Source::Iceberg(source) => Source::Iceberg(source.without_secrets()),
            Source::File(source) => Source::File(FileSource {
                uri: without_secrets(&source.uri),
            }),
            other => other.clone(),
        };
        if existing.is_none() || stored != source {
            if std::mem::discriminant(&stored) != std::mem::discriminant(&source) {
                OPTIONS.iter().for_each(|&number| draft.clear(number));
            }
            encode_source(&mut draft, &source)?;
        }
        draft.map(2, &self.field_mapping)?;
        draft.string(3, &self.timestamp_field)?;
        draft.string(
            5,
            self.created_timestamp_column.as_deref().unwrap_or_default(),
        )?;
        draft.string(20, &self.name)?;
        if let Some(project) = project {
            draft.string(21, project)?;
        }
        draft.string(23, &self.description)?;
        draft.map(24, &tags::with_ours(&self.tags, &old.map(24)?, []))?;
        draft.string(25, &self.owner)?;
        if existing != Some(&*draft.clone().into_bytes()) {
            draft.edit(50, |meta| stamp(meta, 3, 4, now))?;
        }
        Ok(draft.into_bytes())
    }
}

fn decode_source(message: &Message<'_>) -> Result<Source, WireError> {
    let options = message.message(CUSTOM_OPTIONS)?.unwrap_or_default();
    let configuration = Message::read(&options)?.bytes(1)?;
    let class = message.string(17)?;
    let kind = match message.int32(1)? {
        BATCH_FILE => {
            let options = message.message(FILE_OPTIONS)?.unwrap_or_default();
            let options = Message::read(&options)?;
            let format = options.message(1)?.unwrap_or_default();
            let uri = options.string(2)?;
            let elsewhere = uri.starts_with("s3") && !options.bytes(3)?.is_empty();
            match Message::read(&format)?.message(2)? {
                Some(_) => "a file in Delta format".to_owned(),
                None if elsewhere => "a file with an S3 endpoint of its own".to_owned(),
                None => return Ok(Source::File(FileSource { uri })),
            }
        }
        BATCH_ICEBERG => match IcebergSource::from_configuration(configuration) {
            Some(source) => return Ok(Source::Iceberg(source)),
            None => "BATCH_ICEBERG with a configuration that cannot be read".to_owned(),
        },
        CUSTOM_SOURCE => {
            if let Some(source) = decode_custom(&class, configuration) {
                return Ok(source);
            }
            format!("CUSTOM_SOURCE {class}")
        }
        BATCH_SPARK => match decode_spark(message)? {
            Ok(source) => return Ok(source),
            Err(form) => format!("BATCH_SPARK with a {form}"),
        },
        number => kind_name(number),
    };
    Ok(Source::Other {
        kind,
        name: message.string(20)?,
    })
}

/// A source of one of our classes, from its configuration.
fn decode_custom(class: &str, configuration: &[u8]) -> Option<Source> {
    let value: Value = serde_json::from_slice(configuration).ok()?;
    let text = |key: &str| value.get(key)?.as_str().map(str::to_owned);
    match class {
        CUSTOM_ICEBERG_CLASS => {
            IcebergSource::from_configuration(configuration).map(Source::Iceberg)
        }
        TABLE_CLASS => text("table").map(|table| Source::Table(TableSource { table })),
        QUERY_CLASS => text("query").map(|query| Source::Query(QuerySource { query })),
        _ => None,
    }
}

/// The table that Spark reads, or what it reads instead of one.
fn decode_spark(message: &Message<'_>) -> Result<Result<Source, &'static str>, WireError> {
    let options = message.message(SPARK_OPTIONS)?.unwrap_or_default();
    let options = Message::read(&options)?;
    let table = options.string(1)?;
    Ok(match table.is_empty() {
        false => Ok(Source::Spark(SparkSource { table })),
        true if options.bytes(2)?.is_empty() => Err("path"),
        true => Err("query"),
    })
}

fn encode_source(draft: &mut Draft, source: &Source) -> Result<(), WireError> {
    let (number, class) = match source {
        Source::File(source) => {
            draft.edit(FILE_OPTIONS, |options| options.string(2, &source.uri))?;
            (BATCH_FILE, FILE_CLASS)
        }
        Source::Iceberg(source) => {
            draft.edit(CUSTOM_OPTIONS, |options| {
                let existing = options.get(1)?.unwrap_or_default();
                options.bytes(1, &source.to_configuration(&existing)?)
            })?;
            (BATCH_ICEBERG, ICEBERG_CLASS)
        }
        Source::Table(source) => {
            set_custom(draft, &serde_json::json!({"table": source.table}))?;
            (CUSTOM_SOURCE, TABLE_CLASS)
        }
        Source::Query(source) => {
            set_custom(draft, &serde_json::json!({"query": source.query}))?;
            (CUSTOM_SOURCE, QUERY_CLASS)
        }
        Source::Spark(source) => {
            draft.edit(SPARK_OPTIONS, |options| options.string(1, &source.table))?;
            (BATCH_SPARK, SPARK_CLASS)
        }
        Source::Other { kind, .. } => {
            return Err(WireError::new(format!(
                "a source of kind {kind} cannot be written"
            )));
        }
    };
    draft.varint(1, number as u64)?;
    draft.string(17, class)
}

fn set_custom(draft: &mut Draft, configuration: &Value) -> Result<(), WireError> {
    let configuration =
        python_json::dumps(configuration).map_err(|error| WireError::new(error.to_string()))?;
    draft.edit(CUSTOM_OPTIONS, |options| options.bytes(1, &configuration))
}

/// Feast's name of a source type.
fn kind_name(number: i32) -> String {
    let name = match number {
        0 => "INVALID",
        2 => "BATCH_BIGQUERY",
        3 => "STREAM_KAFKA",
        4 => "STREAM_KINESIS",
        5 => "BATCH_REDSHIFT",
        7 => "REQUEST_SOURCE",
        8 => "BATCH_SNOWFLAKE",
        9 => "PUSH_SOURCE",
        10 => "BATCH_TRINO",
        11 => "BATCH_SPARK",
        12 => "BATCH_ATHENA",
        other => return format!("source type {other}"),
    };
    name.to_owned()
}
