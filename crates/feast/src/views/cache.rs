// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What the session keeps of files that never change, as tables: `feast.cache.usage`, a row a kind
//! of file, and `feast.cache.files`, a row a file.
//!
//! The footers of data files are in DataFusion's own cache, which counts how often they were found
//! but not how often they were not.

use std::any::Any;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::Result;
use datafusion::execution::cache::cache_manager::FileMetadataCache;
use datafusion::logical_expr::TableType;
use feast_iceberg::IcebergCaches;

use crate::ops::{Effect, OpTableProvider};
use crate::session::FeastShared;

/// What the footers of data files are called.
const FOOTER: &str = "footer";

/// The caches of a session.
#[derive(Clone)]
struct Caches {
    iceberg: Arc<IcebergCaches>,
    footers: Arc<dyn FileMetadataCache>,
}

/// The schema `feast.cache`.
#[derive(Debug)]
pub(super) struct CacheSchema {
    caches: Caches,
}

impl Debug for Caches {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.iceberg.fmt(f)
    }
}

impl CacheSchema {
    pub(super) fn new(shared: &FeastShared) -> Self {
        Self {
            caches: Caches {
                iceberg: Arc::clone(&shared.caches),
                footers: shared.runtime.cache_manager.get_file_metadata_cache(),
            },
        }
    }
}

/// One of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    Files,
    Usage,
}

impl Table {
    const ALL: [Self; 2] = [Self::Files, Self::Usage];

    fn name(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Usage => "usage",
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }
}

#[async_trait]
impl SchemaProvider for CacheSchema {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn table_names(&self) -> Vec<String> {
        Table::ALL.map(|table| table.name().to_owned()).to_vec()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let caches = self.caches.clone();
        let rows = |table| {
            let rows = Arc::new(Rows { table, caches });
            Arc::new(OpTableProvider::new(rows)) as Arc<dyn TableProvider>
        };
        Ok(Table::of_name(name).map(rows))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok(Table::of_name(name).map(|_| TableType::View))
    }

    fn table_exist(&self, name: &str) -> bool {
        Table::of_name(name).is_some()
    }
}

/// The rows of a table, as they are when it is read.
#[derive(Debug)]
struct Rows {
    table: Table,
    caches: Caches,
}

#[async_trait]
impl Effect for Rows {
    fn label(&self) -> String {
        format!("cache {}", self.table.name())
    }

    fn schema(&self) -> SchemaRef {
        let text = |name| Field::new(name, DataType::Utf8, false);
        let number = |name| Field::new(name, DataType::Int64, false);
        let fields: Fields = match self.table {
            Table::Files => vec![text("kind"), text("location"), number("bytes")],
            Table::Usage => vec![
                text("kind"),
                number("entries"),
                number("bytes"),
                number("limit_bytes"),
                number("hits"),
                Field::new("misses", DataType::Int64, true),
                Field::new("evictions", DataType::Int64, true),
            ],
        }
        .into();
        Arc::new(Schema::new(fields))
    }

    async fn run(&self) -> Result<RecordBatch> {
        let columns = match self.table {
            Table::Files => self.caches.files(),
            Table::Usage => self.caches.usage(),
        };
        Ok(RecordBatch::try_new(self.schema(), columns)?)
    }
}

impl Caches {
    fn files(&self) -> Vec<ArrayRef> {
        let kept = self.iceberg.entries().into_iter();
        let mut files: Vec<_> = kept
            .map(|file| (file.kind.name(), file.location, file.bytes))
            .collect();
        let first_footer = files.len();
        for (path, footer) in self.footers.list_entries() {
            files.push((FOOTER, path.to_string(), footer.size_bytes as u64));
        }
        files[first_footer..].sort();
        vec![
            texts(files.iter().map(|(kind, ..)| *kind)),
            texts(files.iter().map(|(_, location, _)| location.as_str())),
            numbers(files.iter().map(|(.., bytes)| Some(*bytes))),
        ]
    }

    fn usage(&self) -> Vec<ArrayRef> {
        let footers = self.footers.list_entries();
        let of_footers = |value: fn(&_) -> usize| footers.values().map(value).sum::<usize>() as u64;
        let mut rows: Vec<(&str, [Option<u64>; 6])> = Vec::new();
        for usage in self.iceberg.usage() {
            let counts = [
                usage.entries,
                usage.bytes,
                usage.limit_bytes,
                usage.hits,
                usage.misses,
                usage.evictions,
            ];
            rows.push((usage.kind.name(), counts.map(Some)));
        }
        rows.push((
            FOOTER,
            [
                Some(footers.len() as u64),
                Some(of_footers(|f| f.size_bytes)),
                Some(self.footers.cache_limit() as u64),
                Some(of_footers(|f| f.hits)),
                None,
                None,
            ],
        ));
        let column = |at: usize| numbers(rows.iter().map(move |(_, counts)| counts[at]));
        let kinds = texts(rows.iter().map(|(kind, _)| *kind));
        let counts = (0..6).map(column);
        std::iter::once(kinds).chain(counts).collect()
    }
}

fn texts<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(values.map(Some).collect::<StringArray>())
}

fn numbers(values: impl Iterator<Item = Option<u64>>) -> ArrayRef {
    let number = |value: Option<u64>| value.map(|v| i64::try_from(v).unwrap_or(i64::MAX));
    Arc::new(values.map(number).collect::<Int64Array>())
}

#[cfg(test)]
mod tests {
    use datafusion::assert_batches_eq;
    use feast_iceberg::CacheLimits;

    use crate::FeastContext;

    #[tokio::test]
    async fn limits_are_those_that_were_given() {
        let limits = CacheLimits {
            manifests: 1_000,
            deletes: 2_000,
            indexes: 2_000,
        };
        let feast = FeastContext::builder().with_cache_limits(limits);
        let feast = Box::pin(feast.build()).await.unwrap();
        let limits =
            "SELECT DISTINCT limit_bytes FROM feast.cache.usage WHERE kind <> 'footer' ORDER BY 1";
        let limits = Box::pin(feast.sql(limits)).await.unwrap();
        let expected = [
            "+-------------+",
            "| limit_bytes |",
            "+-------------+",
            "| 1000        |",
            "| 2000        |",
            "+-------------+",
        ];
        assert_batches_eq!(expected, &limits.collect().await.unwrap());
    }
}
