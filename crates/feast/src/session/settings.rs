// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The settings `feast.*`, for `SET` and `SHOW`.

use std::any::Any;

use datafusion::common::{Result, plan_err};
use datafusion::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};
use feast_iceberg::ScanMode;
use feast_pit::PayloadMode;

use super::online::{ONLINE, OnlineSettings};
use crate::ddl::did_you_mean;

/// What follows `feast.` in the name of the scan mode.
const ICEBERG_SCAN: &str = "iceberg.scan";
/// The same of how payload is read.
const PIT_PAYLOAD: &str = "pit.payload";

/// The feature store's settings, an extension of DataFusion's configuration under the prefix `feast`.
///
/// `feast.iceberg.scan` is `'auto'` (the default: files without deletes are read by plain Parquet scans, the others are merged
/// on read) or `'merge_on_read'` (every file takes the second way). Both give the same rows.
///
/// `feast.pit.payload` says when `feast_pit_join` reads features: `'one_pass'` with the keys and times of all rows, `'late'`
/// afterwards and only those of the rows that won, `'auto'` (the default) late where it is expected to be faster: rows are
/// wide and winners are few. Only the scans of Iceberg tables and Parquet files can be read late; others are read in one pass. All
/// give the same answer; EXPLAIN ANALYZE tells how each view was read.
///
/// `feast.online.catalog` and `feast.online.namespace` say where online tables are, `feast.online.partition_strategy` and
/// `feast.online.partition_count` how new ones are laid out, `feast.online.read_timeout_ms` how long a lookup may take,
/// `feast.online.max_staleness_ms` how old what it reads may be while a catalog does not answer.
#[derive(Debug, Clone, Default)]
pub struct FeastSettings {
    scan: ScanMode,
    payload: PayloadMode,
    online: OnlineSettings,
}

impl FeastSettings {
    /// How Iceberg tables are read in a session with these options.
    pub(super) fn scan_mode(options: &ConfigOptions) -> ScanMode {
        let settings = options.extensions.get::<Self>();
        settings.map_or(ScanMode::Auto, |settings| settings.scan)
    }

    /// How joins read features in a session with these options.
    pub(super) fn payload_mode(options: &ConfigOptions) -> PayloadMode {
        let settings = options.extensions.get::<Self>();
        settings.map_or(PayloadMode::Auto, |settings| settings.payload)
    }

    /// Those of the online store.
    pub(super) fn online(&self) -> &OnlineSettings {
        &self.online
    }

    /// The same, to change.
    pub(super) fn online_mut(&mut self) -> &mut OnlineSettings {
        &mut self.online
    }

    fn set_scan(&mut self, value: &str) -> Result<()> {
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

    fn set_payload(&mut self, value: &str) -> Result<()> {
        self.payload = match value.to_ascii_lowercase().as_str() {
            "auto" => PayloadMode::Auto,
            "late" => PayloadMode::Late,
            "one_pass" => PayloadMode::OnePass,
            _ => {
                return plan_err!(
                    "feast.{PIT_PAYLOAD} expects 'auto', 'late' or 'one_pass', found '{value}'"
                );
            }
        };
        Ok(())
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
        match key {
            ICEBERG_SCAN => self.set_scan(value),
            PIT_PAYLOAD => self.set_payload(value),
            _ if self.online.set(key, value)? => Ok(()),
            _ => {
                let all = [ICEBERG_SCAN, PIT_PAYLOAD].into_iter().chain(ONLINE);
                let near = did_you_mean(key, all.clone());
                let all: Vec<String> = all.map(|name| format!("feast.{name}")).collect();
                plan_err!(
                    "there is no setting feast.{key}{near}; there are {}",
                    all.join(", ")
                )
            }
        }
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        let scan = match self.scan {
            ScanMode::Auto => "auto",
            ScanMode::MergeOnRead => "merge_on_read",
        };
        let payload = match self.payload {
            PayloadMode::Auto => "auto",
            PayloadMode::Late => "late",
            PayloadMode::OnePass => "one_pass",
        };
        let mut entries = vec![
            ConfigEntry {
                key: format!("feast.{ICEBERG_SCAN}"),
                value: Some(scan.to_owned()),
                description: "How Iceberg tables are read: 'auto' reads files without deletes by plain Parquet scans, \
                              'merge_on_read' sends every file the way of those with deletes",
            },
            ConfigEntry {
                key: format!("feast.{PIT_PAYLOAD}"),
                value: Some(payload.to_owned()),
                description: "When feast_pit_join reads features: 'one_pass' with keys and times, 'late' only those of the rows \
                              that won, 'auto' late where rows are wide and winners few",
            },
        ];
        entries.extend(self.online.entries());
        entries
    }
}
