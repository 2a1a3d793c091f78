// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Data and delete files as the model knows them.

use roaring::RoaringTreemap;

use super::datum::Datum;
use super::metrics::Metrics;

/// A row as a file holds it: values by the ids of its columns.
pub type FileRow = Vec<(i32, Datum)>;

/// A data or delete file of a table.
#[derive(Debug, Clone)]
pub struct TableFile {
    /// Where it is.
    pub path: String,
    /// The partition spec it was written under.
    pub spec_id: i32,
    /// Its partition, a value for each field of the spec.
    pub partition: Vec<Datum>,
    /// The number that decides which deletes hold for which rows.
    pub sequence: i64,
    /// The number of the commit that added it.
    pub file_sequence: i64,
    /// The rows of a data file.
    pub rows: Vec<FileRow>,
    /// What a delete file deletes.
    pub deletes: Option<DeleteKind>,
    /// The format that the manifest says, where it is another than the file's own.
    pub said_format: Option<&'static str>,
    /// What the manifest says of the file's key; only encrypted files have one.
    pub key_metadata: Option<Vec<u8>>,
    pub(super) record_count: i64,
    pub(super) recorded_size: i64,
    pub(super) splits: Vec<i64>,
    pub(super) metrics: Metrics,
    pub(super) first_row_id: Option<i64>,
}

/// What a delete file deletes.
#[derive(Debug, Clone)]
pub enum DeleteKind {
    /// Rows by file and position.
    Positions {
        /// The rows, each file as the table names it.
        rows: Vec<(String, i64)>,
        /// The one data file that the manifest says it refers to.
        referenced: Option<String>,
    },
    /// Rows of one file, as a deletion vector.
    Vector {
        /// The data file.
        target: String,
        /// The rows.
        positions: RoaringTreemap,
        /// Where the vector begins in its file.
        offset: i64,
        /// How long it is.
        length: i64,
    },
    /// Rows by the values of columns.
    Equality {
        /// The columns' ids.
        ids: Vec<i32>,
        /// Values in the order of the ids.
        keys: Vec<Vec<Datum>>,
    },
}

impl TableFile {
    /// What it is known by: vectors of several data files may be in one file.
    pub fn key(&self) -> String {
        match self.vector() {
            Some((target, _)) => format!("{}#{target}", self.path),
            None => self.path.clone(),
        }
    }

    /// Whether it is a data file.
    pub fn is_data(&self) -> bool {
        self.deletes.is_none()
    }

    /// The deletion vector's target and positions, if it is one.
    pub fn vector(&self) -> Option<(&str, &RoaringTreemap)> {
        match &self.deletes {
            Some(DeleteKind::Vector {
                target, positions, ..
            }) => Some((target, positions)),
            _ => None,
        }
    }

    pub(super) fn content(&self) -> i32 {
        match &self.deletes {
            None => 0,
            Some(DeleteKind::Positions { .. } | DeleteKind::Vector { .. }) => 1,
            Some(DeleteKind::Equality { .. }) => 2,
        }
    }

    pub(super) fn format(&self) -> &'static str {
        match (&self.deletes, self.said_format) {
            (_, Some(said)) => said,
            (Some(DeleteKind::Vector { .. }), None) => "PUFFIN",
            (_, None) => "PARQUET",
        }
    }
}

/// A location spelled in one way: what is one place to Iceberg's engines compares equal.
pub(super) fn plain(location: &str) -> String {
    for scheme in ["s3a://", "s3n://", "s3://"] {
        if let Some(rest) = location.strip_prefix(scheme) {
            return format!("s3://{rest}");
        }
    }
    match location.strip_prefix("file:") {
        Some(path) => format!("/{}", path.trim_start_matches('/')),
        None => location.to_owned(),
    }
}
