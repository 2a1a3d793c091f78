// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Which data file an error is about.

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use object_store::path::Path;

use crate::error::{Error, ErrorKind};

/// `error` with the data file's name if it comes of reading the file; what comes of the query's own
/// expressions stays as it is.
pub(super) fn of_file(error: DataFusionError, table: &str, path: &Path) -> DataFusionError {
    let of_reading = match &error {
        DataFusionError::ParquetError(_) | DataFusionError::ObjectStore(_) => true,
        DataFusionError::ArrowError(error, _) => matches!(**error, ArrowError::ParquetError(_)),
        _ => false,
    };
    if !of_reading {
        return error;
    }
    let message = format!("cannot read data file '{path}' of table {table}");
    Error::new(ErrorKind::Io, message).with_source(error).into()
}
