// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `feast_write_online` and `feast_delete_online`: rows and deletions without a source.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::common::{DFSchema, Result, plan_err};
use datafusion::logical_expr::LogicalPlan;
use feast_online::{LookupView, SourceColumns, Written, delete_online, write_online};

use super::Effect;
use super::online_view::{about, store, whole_view};
use crate::session::FeastScope;

/// What is done with the rows of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Push {
    /// They are written.
    Write,
    /// They are keys that are deleted.
    Delete,
}

impl Push {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Write, Self::Delete];

    /// The function's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Write => "feast_write_online",
            Self::Delete => "feast_delete_online",
        }
    }

    /// The arguments, in order.
    pub(crate) fn parameters(self) -> [&'static str; 2] {
        match self {
            Self::Write => ["view", "rows"],
            Self::Delete => ["view", "keys"],
        }
    }

    fn doing(self) -> &'static str {
        match self {
            Self::Write => "write online to",
            Self::Delete => "delete online from",
        }
    }
}

/// A push that is ready to run.
#[derive(Debug)]
pub(crate) struct PushOnline {
    pub(crate) push: Push,
    pub(crate) view: String,
    pub(crate) rows: Box<LogicalPlan>,
    pub(crate) scope: FeastScope,
}

#[async_trait]
impl Effect for PushOnline {
    fn label(&self) -> String {
        format!("{} feature view {}", self.push.doing(), self.view)
    }

    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("rows", DataType::Int64, false),
            Field::new("snapshot_id", DataType::Int64, true),
        ]))
    }

    async fn run(&self) -> Result<RecordBatch> {
        let written = Box::pin(self.push()).await;
        let written = written.map_err(|error| about(error, self.push.doing(), &self.view))?;
        let rows = i64::try_from(written.rows).unwrap_or(i64::MAX);
        let columns = [Some(rows), written.snapshot_id];
        let columns = columns.map(|value| Arc::new(Int64Array::from(vec![value])) as _);
        Ok(RecordBatch::try_new(self.schema(), columns.to_vec())?)
    }
}

impl PushOnline {
    async fn push(&self) -> Result<Written> {
        let state = self.scope.state();
        let found = whole_view(&self.scope, &self.view).await?;
        let rows = self.rows.as_ref().clone();
        let store = store(&found)?;
        match self.push {
            Push::Write => {
                let columns = pushed_columns(&self.scope, &found, rows.schema())?;
                write_online(&state, store, &found.view, rows, &columns).await
            }
            Push::Delete => delete_online(&state, store, &found.view, rows).await,
        }
    }
}

/// The columns of rows that are pushed: by the names that the view has for them.
fn pushed_columns(
    scope: &FeastScope,
    found: &LookupView,
    rows: &DFSchema,
) -> Result<SourceColumns> {
    let registry = scope.registry().read()?;
    let view = registry
        .feature_view(scope.project(), &found.view.name)
        .map_err(super::from_registry)?;
    let Some(view) = view else {
        return plan_err!("there is no feature view {}", found.view.name);
    };
    let mut missing = Vec::new();
    let mut column = |name: &str| {
        if !rows.has_column_with_unqualified_name(name) {
            missing.push(name.to_owned());
        }
        name.to_owned()
    };
    let created = view.source.created_timestamp_column.as_deref();
    let columns = SourceColumns {
        keys: found
            .view
            .keys
            .iter()
            .map(|key| column(&key.name))
            .collect(),
        event_time: column(&view.source.timestamp_field),
        created_time: created.filter(|name| !name.is_empty()).map(&mut column),
        tie_break: view.tie_break.iter().map(|name| column(name)).collect(),
        features: found
            .view
            .features
            .iter()
            .map(|name| column(name))
            .collect(),
    };
    if !missing.is_empty() {
        let given: Vec<_> = rows
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        return plan_err!(
            "the rows have no column {}; they have {}; give every column of the view by its name in the view",
            missing.join(", "),
            given.join(", ")
        );
    }
    // Types are those of the source; what could lose something in a cast is refused here.
    let wanted = found.source.schema();
    let pairs = columns
        .keys
        .iter()
        .chain(&columns.tie_break)
        .chain(&columns.features);
    let from = &found.columns;
    let from = from
        .keys
        .iter()
        .chain(&from.tie_break)
        .chain(&from.features);
    for (given, column) in pairs.zip(from) {
        let given_type = rows.field_with_unqualified_name(given)?.data_type();
        let wanted_type = wanted.field_with_name(column)?.data_type();
        if !fits(given_type, wanted_type) {
            return plan_err!(
                "column {given} is {given_type}, the view has {wanted_type} there; cast it"
            );
        }
    }
    Ok(columns)
}

/// Whether a cast between the types keeps values, or fails.
fn fits(given: &DataType, wanted: &DataType) -> bool {
    use DataType::{Binary, BinaryView, LargeBinary, LargeUtf8, Timestamp, Utf8, Utf8View};
    let text = |of: &DataType| matches!(of, Utf8 | LargeUtf8 | Utf8View);
    let bytes = |of: &DataType| matches!(of, Binary | LargeBinary | BinaryView);
    match (given, wanted) {
        (DataType::Null, _) => true,
        (DataType::Dictionary(_, given), wanted) => fits(given, wanted),
        (given, DataType::Dictionary(_, wanted)) => fits(given, wanted),
        (Timestamp(_, _), Timestamp(_, _)) => true,
        (given, wanted) if given.is_integer() && wanted.is_integer() => true,
        (given, wanted) if given.is_floating() && wanted.is_floating() => true,
        (given, wanted) if given.is_integer() && wanted.is_floating() => true,
        (given, wanted) if text(given) && text(wanted) => true,
        (given, wanted) if bytes(given) && bytes(wanted) => true,
        (given, wanted) => given == wanted || given.is_nested() && wanted.is_nested(),
    }
}
