// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Feast's observed answers.
//!
//! A cases file holds, for each case, source tables, definitions, entity rows, a request and what
//! Feast's stores answered. [`read_cases`] reads it, [`Case::definitions`] writes the case as
//! SQL, [`Case::query`] as a question to the oracle, and [`Case::check`] compares an answer with the
//! observed one by value, as the file's conventions ask.

mod case;
mod cell;
mod definitions;
mod expected;
mod find;
mod query;
mod types;

#[cfg(test)]
mod tests;

pub use case::{Case, CaseEntity, CaseItem, CaseService, CaseTable, CaseView, EntityRows, Wanted};
pub use cell::value_from_json;
pub use definitions::{CaseSql, Sources};
pub use expected::{Expected, canonical};
pub use find::{case_files, read_cases};
pub use types::arrow_type;

use std::error::Error;
use std::fmt;

/// Why a case cannot be read or turned into a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseError(pub(crate) String);

impl CaseError {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for CaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for CaseError {}

impl From<arrow::error::ArrowError> for CaseError {
    fn from(error: arrow::error::ArrowError) -> Self {
        Self(error.to_string())
    }
}
