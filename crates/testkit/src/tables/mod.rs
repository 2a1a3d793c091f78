// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Iceberg tables that a test makes, and what a reader has to find in them.
//!
//! A [`TableMaker`] writes the files of a table step by step — metadata, manifest lists, manifests,
//! data, position deletes, equality deletes, deletion vectors — and keeps every row and every delete
//! in memory. [`TableMaker::rows`] answers what a snapshot holds by asking every delete file about
//! every row, as the specification's text does. Nothing here is written or read by the code under
//! test, nor by the Iceberg crate below it: Avro and JSON are put together by hand, so that what
//! engines write and that crate does not can be written too.
//!
//! [`RandomTable`] makes one from a seed.

mod arrays;
mod avro;
mod commit;
mod datum;
mod draw;
mod evolve;
mod file;
mod make;
mod maker;
mod manifest;
mod manifest_list;
mod metadata;
mod metrics;
mod model;
mod parquet;
mod puffin;
mod single;
mod spec;
#[cfg(test)]
mod tests;
mod types;

pub use arrays::{batch, holds};
pub use datum::Datum;
pub use draw::RandomTable;
pub use file::{DeleteKind, FileRow, TableFile};
pub use make::{NewData, NewEquality, NewPositions};
pub use maker::{Change, MAIN, Reference, Snapshot, TableMaker};
pub use manifest::ManifestStyle;
pub use metadata::{MadeTable, unpartitioned};
pub use metrics::MetricsMode;
pub use parquet::{KeptRow, Layout};
pub use spec::{PartitionField, PartitionSpec, Transform};
pub use types::{Field, Schema, Type};
