// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a table provider knows of being written to.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::logical_expr::Expr;
use iceberg::spec::{Literal, Schema as IcebergSchema};

use super::commit_note::CommitCheck;
use super::target::WriteCatalog;
use crate::schema::literal_scalar;

/// Where rows of a table go, if it takes any, and what columns are that an insert leaves out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Writable {
    pub(crate) catalog: Option<WriteCatalog>,
    /// The table is read as it was, at a snapshot or a branch.
    pub(crate) past: bool,
    /// The casts of the insert have been looked at.
    pub(crate) checked: bool,
    defaults: Arc<HashMap<String, Expr>>,
}

impl Writable {
    /// A table of `catalog` with these columns.
    pub(crate) fn new(catalog: WriteCatalog, schema: &IcebergSchema, columns: &SchemaRef) -> Self {
        let fields = schema.as_struct().fields().iter().zip(columns.fields());
        let defaults = fields.filter_map(|(field, column)| {
            let Some(Literal::Primitive(value)) = &field.write_default else {
                return None;
            };
            let value = literal_scalar(value, column.data_type())?;
            Some((field.name.clone(), Expr::Literal(value, None)))
        });
        Self {
            catalog: Some(catalog),
            past: false,
            checked: false,
            defaults: Arc::new(defaults.collect()),
        }
    }

    /// The same, whose snapshots say this in their summary.
    pub(crate) fn with_summary(&self, summary: BTreeMap<String, String>) -> Self {
        let mut said = self.clone();
        if let Some(catalog) = &mut said.catalog {
            Arc::make_mut(&mut catalog.note).summary = summary;
        }
        said
    }

    /// The same, whose commits have to pass a check.
    pub(crate) fn with_check(&self, check: CommitCheck) -> Self {
        let mut checked = self.clone();
        if let Some(catalog) = &mut checked.catalog {
            Arc::make_mut(&mut catalog.note).check = Some(check);
        }
        checked
    }

    /// The same for the table as it is now, or as it was.
    pub(crate) fn at(&self, past: bool) -> Self {
        Self {
            past,
            ..self.clone()
        }
    }

    /// The value of a column that an insert leaves out, if that is not NULL.
    pub(crate) fn default_of(&self, column: &str) -> Option<&Expr> {
        self.defaults.get(column)
    }
}
