// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The columns of a view's source, by the names they have in the view.

use arrow::datatypes::{DataType, Schema};
use datafusion::common::Result;
use feast_registry::ErrorKind;

use super::error::{about, fail};
use super::value_types::feast_type;
use crate::ddl::{quoted_name, suggestion};

/// The columns of a source after the field mapping.
#[derive(Debug, Clone)]
pub(crate) struct SourceColumns {
    view: String,
    source: String,
    columns: Vec<(String, DataType)>,
}

impl SourceColumns {
    /// Applies the mapping, source column and the name it gets, to the source's schema.
    pub(crate) fn new(
        view: &str,
        source: &str,
        schema: &Schema,
        mapping: &[(String, String)],
    ) -> Result<Self> {
        let mut columns = Self {
            view: view.to_owned(),
            source: source.to_owned(),
            columns: vec![],
        };
        for field in schema.fields() {
            columns
                .columns
                .push((field.name().clone(), field.data_type().clone()));
        }
        for (index, (from, _)) in mapping.iter().enumerate() {
            columns.get("FIELD MAPPING", from)?;
            if mapping.iter().take(index).any(|(other, _)| other == from) {
                return columns.invalid(&format!(
                    "FIELD MAPPING names column {from} twice; keep one"
                ));
            }
        }
        for (name, _) in &mut columns.columns {
            if let Some((_, to)) = mapping.iter().find(|(from, _)| from == name) {
                name.clone_from(to);
            }
        }
        for (index, (name, _)) in columns.columns.iter().enumerate() {
            if columns
                .columns
                .iter()
                .take(index)
                .any(|(other, _)| other == name)
            {
                return columns.invalid(&format!(
                    "two columns of {source} are called {name} after FIELD MAPPING; give each its \
                     own name"
                ));
            }
        }
        Ok(columns)
    }

    /// Where the rows are, for messages.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Every column with its type.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &DataType)> {
        self.columns
            .iter()
            .map(|(name, data_type)| (name.as_str(), data_type))
    }

    /// The type of a column; `role` says in the error what it was wanted for.
    pub(crate) fn get(&self, role: &str, name: &str) -> Result<&DataType> {
        if let Some((_, data_type)) = self.columns.iter().find(|(column, _)| column == name) {
            return Ok(data_type);
        }
        let names: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        let hint = suggestion(name, &names, "columns");
        let shown = quoted_name(name);
        Err(about(
            name,
            ErrorKind::NotFound,
            format!(
                "feature view {}: {role} column {shown} is not in {}; {hint}",
                self.view, self.source
            ),
        ))
    }

    /// The type of a column that must be a timestamp or a date.
    pub(crate) fn time(&self, role: &str, name: &str) -> Result<&DataType> {
        let data_type = self.get(role, name)?;
        match data_type {
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => Ok(data_type),
            _ => self.invalid_about(
                name,
                &format!(
                    "{role} column {name} of {} is {}; it must be a timestamp or a date",
                    self.source,
                    described(data_type)
                ),
            ),
        }
    }

    /// An error about a name in the view's definition.
    pub(crate) fn invalid_about<T>(&self, name: &str, message: &str) -> Result<T> {
        let message = format!("feature view {}: {message}", self.view);
        Err(about(name, ErrorKind::InvalidDefinition, message))
    }

    /// An error about the view.
    pub(crate) fn invalid<T>(&self, message: &str) -> Result<T> {
        let message = format!("feature view {}: {message}", self.view);
        Err(fail(ErrorKind::InvalidDefinition, message))
    }
}

/// An Arrow type with the name a definition would give it.
pub(crate) fn described(data_type: &DataType) -> String {
    match feast_type(data_type) {
        Some(value_type) => format!("{value_type} ({data_type})"),
        None => data_type.to_string(),
    }
}
