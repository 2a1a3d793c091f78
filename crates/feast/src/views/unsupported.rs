// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What is defined and cannot be queried, as the table `feast.registry.unsupported`.
//!
//! | column | meaning |
//! |---|---|
//! | kind | what it is, such as `on-demand feature view` |
//! | name | its name |
//! | reason | why it cannot be queried, and what to do instead |

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::common::Result;
use feast_registry::Refusal;

use crate::ops::{Effect, RegistryHandle, from_registry};

/// The name of the table.
pub(super) const UNSUPPORTED: &str = "unsupported";

/// The rows, read from the registry when the table is.
#[derive(Debug)]
pub(super) struct Unsupported {
    pub(super) registry: RegistryHandle,
    pub(super) project: String,
}

#[async_trait]
impl Effect for Unsupported {
    fn label(&self) -> String {
        UNSUPPORTED.to_owned()
    }

    fn schema(&self) -> SchemaRef {
        let text = |name| Field::new(name, DataType::Utf8, false);
        Arc::new(Schema::new(vec![
            text("kind"),
            text("name"),
            text("reason"),
        ]))
    }

    async fn run(&self) -> Result<RecordBatch> {
        let refusals = self.registry.read()?.refusals(&self.project);
        let mut refusals = refusals.map_err(from_registry)?;
        refusals.sort_by(|a, b| (&a.kind, &a.name).cmp(&(&b.kind, &b.name)));
        let column = |value: fn(&Refusal) -> &str| {
            let values = refusals.iter().map(value).map(Some);
            Arc::new(values.collect::<StringArray>()) as ArrayRef
        };
        let columns = vec![
            column(|refusal| &refusal.kind),
            column(|refusal| &refusal.name),
            column(|refusal| &refusal.reason),
        ];
        Ok(RecordBatch::try_new(self.schema(), columns)?)
    }
}
