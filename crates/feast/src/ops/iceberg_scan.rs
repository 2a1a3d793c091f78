// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Iceberg tables without a catalog: by the metadata file, or the directory of the table.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::catalog::TableProvider;
use datafusion::common::{Result, ScalarValue, plan_err};
use feast_iceberg::{OpenOptions, SnapshotSelector};

use crate::session::FeastScope;

/// A call of `iceberg_scan`.
#[derive(Debug)]
pub(crate) struct IcebergScan {
    pub(crate) location: String,
    pub(crate) snapshot_id: ScalarValue,
    pub(crate) reference: ScalarValue,
    pub(crate) as_of: ScalarValue,
    pub(crate) allow_moved_paths: bool,
    pub(crate) path: bool,
}

/// The table that a call names.
pub(crate) async fn iceberg_scan(
    scope: &FeastScope,
    scan: &IcebergScan,
) -> Result<Arc<dyn TableProvider>> {
    let options = OpenOptions {
        at: scan.selector()?,
        allow_moved_paths: scan.allow_moved_paths,
        path_column: scan.path,
        ..OpenOptions::default()
    };
    scope.open_iceberg(&scan.location, options).await
}

impl IcebergScan {
    fn selector(&self) -> Result<SnapshotSelector> {
        let of = "iceberg_scan";
        match [&self.snapshot_id, &self.reference, &self.as_of].map(|given| !given.is_null()) {
            [false, false, false] => Ok(SnapshotSelector::Current),
            [true, false, false] => snapshot_id(of, &self.snapshot_id),
            [false, true, false] => reference(of, &self.reference),
            [false, false, true] => Ok(SnapshotSelector::Timestamp(milliseconds(of, &self.as_of)?)),
            _ => plan_err!("{of} takes one of snapshot_id, ref and as_of, not several"),
        }
    }
}

/// The snapshot with an id.
fn snapshot_id(of: &str, value: &ScalarValue) -> Result<SnapshotSelector> {
    match value.cast_to(&DataType::Int64) {
        Ok(ScalarValue::Int64(Some(id))) if value.data_type().is_integer() => {
            Ok(SnapshotSelector::SnapshotId(id))
        }
        _ => plan_err!("{of}: expected a snapshot id, a whole number; found {value}"),
    }
}

/// The branch or tag with a name.
fn reference(of: &str, value: &ScalarValue) -> Result<SnapshotSelector> {
    match value.try_as_str() {
        Some(Some(name)) => Ok(SnapshotSelector::Ref(name.to_owned())),
        _ => plan_err!("{of}: expected the name of a branch or tag; found {value}"),
    }
}

/// A snapshot id, or the name of a branch or tag.
pub(crate) fn version(of: &str, value: &ScalarValue) -> Result<SnapshotSelector> {
    match value.try_as_str() {
        Some(Some(_)) => reference(of, value),
        _ => snapshot_id(of, value),
    }
}

/// An instant in milliseconds since 1970; without a zone it is UTC.
pub(crate) fn milliseconds(of: &str, value: &ScalarValue) -> Result<i64> {
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let is_instant = matches!(
        value.data_type(),
        DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Timestamp(..)
            | DataType::Date32
            | DataType::Date64
    );
    match value.cast_to(&utc) {
        Ok(ScalarValue::TimestampMicrosecond(Some(micros), _)) if is_instant => {
            Ok(micros.div_euclid(1_000))
        }
        _ => plan_err!(
            "{of}: expected an instant such as TIMESTAMP '2024-01-31T00:00:00Z', found {value}"
        ),
    }
}
