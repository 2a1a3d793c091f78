// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Lookups without a session that knows the join: what is decided before it runs.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use feast_registry::ValueType;

use super::*;
use crate::view::ViewDefinition;

/// A source that does not answer.
#[derive(Debug)]
struct Silent(SchemaRef);

#[async_trait::async_trait]
impl TableProvider for Silent {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        _projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        std::future::pending().await
    }
}

fn view() -> LookupView {
    let time = DataType::Timestamp(TimeUnit::Microsecond, None);
    let schema = Arc::new(Schema::new(vec![
        Field::new("k", DataType::Int64, true),
        Field::new("ts", time, true),
        Field::new("v", DataType::Int64, true),
    ]));
    let definition = ViewDefinition {
        project: "p".to_owned(),
        name: "slow".to_owned(),
        keys: vec![("k".to_owned(), ValueType::Int64)],
        tie_break: vec![],
        features: vec!["v".to_owned()],
        ttl: None,
    };
    let columns = SourceColumns {
        keys: vec!["k".to_owned()],
        event_time: "ts".to_owned(),
        created_time: None,
        tie_break: vec![],
        features: vec!["v".to_owned()],
    };
    LookupView {
        view: OnlineView::try_new(definition, &columns, &schema).unwrap(),
        name: "slow".to_owned(),
        keys: vec!["k".to_owned()],
        features: vec![LookupFeature {
            name: "v".to_owned(),
            output: "v".to_owned(),
        }],
        store: None,
        source: Arc::new(Silent(schema)),
        columns,
    }
}

fn keys(name: &str) -> RecordBatch {
    let keys: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    RecordBatch::try_from_iter([(name, keys)]).unwrap()
}

fn options() -> LookupOptions {
    LookupOptions {
        function: ONLINE_LOOKUP,
        status: false,
        timestamps: false,
        max_age: false,
        as_of: None,
        now: 0,
        source: LookupSource::Auto,
        timeout: Some(Duration::from_millis(1)),
    }
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_an_error_that_says_what_was_slow() {
    let state = SessionContext::new().state();
    let answer = lookup(&state, &[view()], &keys("k"), &options()).await;
    let error = answer.unwrap_err().to_string();
    let expected = "no answer within 1 ms, still reading the source of feature view slow";
    assert!(error.contains(expected), "{error}");
}

#[tokio::test]
async fn two_columns_of_one_name_are_refused() {
    let state = SessionContext::new().state();
    let mut view = view();
    view.keys = vec!["v".to_owned()];
    let answer = lookup(&state, &[view], &keys("v"), &options()).await;
    let error = answer.unwrap_err().to_string();
    assert!(
        error.contains("two columns of the answer are called v"),
        "{error}"
    );
}

#[test]
fn a_column_of_the_tables_own_name_is_refused() {
    let view = view();
    let schema = view.source.schema();
    let definition = ViewDefinition {
        project: "p".to_owned(),
        name: "w".to_owned(),
        keys: vec![],
        tie_break: vec![],
        features: vec!["entity_hash".to_owned()],
        ttl: None,
    };
    let columns = SourceColumns {
        keys: vec![],
        features: vec!["v".to_owned()],
        ..view.columns
    };
    let error = OnlineView::try_new(definition, &columns, &schema).unwrap_err();
    assert!(error.to_string().contains("FIELD MAPPING"), "{error}");
}
