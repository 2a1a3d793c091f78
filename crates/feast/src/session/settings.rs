// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The settings `feast.*`, for `SET` and `SHOW`.

use std::any::Any;

use datafusion::common::{Result, plan_err};
use datafusion::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};
use feast_iceberg::ScanMode;

use crate::ddl::did_you_mean;

/// What follows `feast.` in the name of the scan mode.
const ICEBERG_SCAN: &str = "iceberg.scan";

/// The feature store's settings, an extension of DataFusion's configuration under the prefix `feast`.
///
/// `feast.iceberg.scan` is `'auto'` (the default: files without deletes are read by plain Parquet scans, the others are merged
/// on read) or `'merge_on_read'` (every file takes the second way). Both give the same rows.
#[derive(Debug, Clone, Default)]
pub struct FeastSettings {
    scan: ScanMode,
}

impl FeastSettings {
    /// How Iceberg tables are read in a session with these options.
    pub(super) fn scan_mode(options: &ConfigOptions) -> ScanMode {
        let settings = options.extensions.get::<Self>();
        settings.map_or(ScanMode::Auto, |settings| settings.scan)
    }
}

impl ConfigExtension for FeastSettings {
    const PREFIX: &'static str = "feast";
}

impl ExtensionOptions for FeastSettings {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        if key != ICEBERG_SCAN {
            let near = did_you_mean(key, [ICEBERG_SCAN]);
            return plan_err!(
                "there is no setting feast.{key}{near}; there is feast.{ICEBERG_SCAN}"
            );
        }
        self.scan = match value.to_ascii_lowercase().as_str() {
            "auto" => ScanMode::Auto,
            "merge_on_read" => ScanMode::MergeOnRead,
            _ => {
                return plan_err!(
                    "feast.{ICEBERG_SCAN} expects 'auto' or 'merge_on_read', found '{value}'"
                );
            }
        };
        Ok(())
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        let scan = match self.scan {
            ScanMode::Auto => "auto",
            ScanMode::MergeOnRead => "merge_on_read",
        };
        vec![ConfigEntry {
            key: format!("feast.{ICEBERG_SCAN}"),
            value: Some(scan.to_owned()),
            description: "How Iceberg tables are read: 'auto' reads files without deletes by plain Parquet scans, \
                          'merge_on_read' sends every file the way of those with deletes",
        }]
    }
}
