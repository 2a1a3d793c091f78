// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Files as tables, by path.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{TableProvider, UrlTableFactory};
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableConfigExt, ListingTableUrl,
};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::prelude::SessionConfig;

/// Opens files, directories and globs as tables with the options of one session.
#[derive(Debug, Clone)]
pub(crate) struct PathTables {
    pub(crate) config: SessionConfig,
    pub(crate) runtime: Arc<RuntimeEnv>,
}

impl PathTables {
    /// A session that takes no statistics from files: Parquet's leave NaN out, and DataFusion would put a column's only other
    /// value in the place of every NaN.
    fn state(&self) -> SessionStateBuilder {
        SessionStateBuilder::new()
            .with_config(self.config.clone().with_collect_statistics(false))
            .with_runtime_env(Arc::clone(&self.runtime))
    }

    /// The table at a path or URL; an error names it when there is none.
    pub(crate) async fn open(&self, path: &str) -> Result<Arc<dyn TableProvider>> {
        let url = ListingTableUrl::parse(path)?;
        let state = self.state().with_default_features().build();
        let config = ListingTableConfig::new(url)
            .infer_options(&state)
            .await
            .map_err(|e| missing(path, &e))?;
        let config = config.infer_partitions_from_path(&state).await?;
        let config = config
            .infer_schema(&state)
            .await
            .map_err(|e| missing(path, &e))?;
        if config
            .file_schema
            .as_ref()
            .is_none_or(|s| s.fields().is_empty())
        {
            return Err(missing(path, &DataFusionError::Internal(String::new())));
        }
        Ok(Arc::new(ListingTable::try_new(config)?))
    }

    /// The table of Parquet files, whatever they are called; of a folder those that end in `.parquet`, in every folder below.
    pub(crate) async fn open_parquet(
        &self,
        path: &str,
        urls: Vec<ListingTableUrl>,
    ) -> Result<Arc<dyn TableProvider>> {
        let nothing = || {
            DataFusionError::Plan(format!(
                "there is no Parquet file at {path}; expected a Parquet file, a directory of them or a glob"
            ))
        };
        let folder = urls.iter().any(ListingTableUrl::is_collection);
        if urls.is_empty() {
            return Err(nothing());
        }
        // No file formats are looked up and no functions called; hundreds of them would be put into it for each view.
        let mut state = self.state().build();
        let listing = &mut state.config_mut().options_mut().execution;
        listing.listing_table_ignore_subdirectory = false;
        let format = ParquetFormat::default().with_options(state.default_table_options().parquet);
        let options = ListingOptions::new(Arc::new(format))
            .with_file_extension(if folder { ".parquet" } else { "" })
            .with_session_config_options(state.config());
        let config = ListingTableConfig::new_with_multi_paths(urls).with_listing_options(options);
        let config = config.infer_partitions_from_path(&state).await?;
        let config = config
            .infer_schema(&state)
            .await
            .map_err(|e| missing(path, &e))?;
        match &config.file_schema {
            Some(schema) if !schema.fields().is_empty() => {
                Ok(Arc::new(ListingTable::try_new(config)?))
            }
            _ => Err(nothing()),
        }
    }
}

fn missing(path: &str, cause: &DataFusionError) -> DataFusionError {
    const EXPECTED: &str = "a Parquet, CSV, JSON or Arrow file, a directory of them or a glob";
    DataFusionError::Plan(match cause {
        // What DataFusion says when a path leads nowhere.
        DataFusionError::Internal(_) => format!("there is no file at {path}; expected {EXPECTED}"),
        cause => format!(
            "cannot read {path} as a table: {}; expected {EXPECTED}",
            cause.strip_backtrace()
        ),
    })
}

/// Whether a string names a file rather than a table: it has a slash or ends like a file.
pub(crate) fn is_path(text: &str) -> bool {
    const ENDINGS: [&str; 8] = [
        ".parquet", ".csv", ".tsv", ".json", ".ndjson", ".jsonl", ".arrow", ".avro",
    ];
    let lower = text.to_ascii_lowercase();
    let lower = [".gz", ".zst", ".bz2", ".xz"]
        .iter()
        .find_map(|e| lower.strip_suffix(e))
        .unwrap_or(&lower);
    text.contains('/') || ENDINGS.iter().any(|e| lower.ends_with(e))
}

#[async_trait]
impl UrlTableFactory for PathTables {
    async fn try_new(&self, url: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if is_path(url) {
            self.open(url).await.map(Some)
        } else {
            Ok(None)
        }
    }
}
