// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What must stay true of the whole, whoever changes a part: see `docs/architecture.md`.

mod bare_session;
mod direction;
mod host_session;
mod rule_order;
mod snapshots;
mod twins;
mod writers;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use datafusion::common::Result;
use datafusion::prelude::SessionContext;
use datafusion_feast::FeastContext;

/// Something that runs SQL.
enum Session<'a> {
    Feast(&'a FeastContext),
    Plain(&'a SessionContext),
}

impl<'a> From<&'a FeastContext> for Session<'a> {
    fn from(feast: &'a FeastContext) -> Self {
        Self::Feast(feast)
    }
}

impl<'a> From<&'a SessionContext> for Session<'a> {
    fn from(session: &'a SessionContext) -> Self {
        Self::Plain(session)
    }
}

async fn try_rows(session: impl Into<Session<'_>>, sql: &str) -> Result<Vec<RecordBatch>> {
    let frame = match session.into() {
        Session::Feast(feast) => Box::pin(feast.sql(sql)).await?,
        Session::Plain(session) => Box::pin(session.sql(sql)).await?,
    };
    frame.collect().await
}

/// The result of a statement that must work.
async fn rows(session: impl Into<Session<'_>>, sql: &str) -> Vec<RecordBatch> {
    match try_rows(session, sql).await {
        Ok(rows) => rows,
        Err(error) => panic!("{sql}\n  {}", error.strip_backtrace()),
    }
}

/// The result as a table, its rows in the order they came.
async fn table(session: impl Into<Session<'_>>, sql: &str) -> String {
    pretty_format_batches(&rows(session, sql).await)
        .unwrap()
        .to_string()
}

/// The only value of a result.
async fn number(session: impl Into<Session<'_>>, sql: &str) -> i64 {
    let rows = rows(session, sql).await;
    let column = Arc::clone(rows.first().unwrap().column(0));
    arrow::array::cast::as_primitive_array::<arrow::datatypes::Int64Type>(&column).value(0)
}

/// The error of a statement that must not work.
async fn refusal(session: impl Into<Session<'_>>, sql: &str) -> String {
    match try_rows(session, sql).await {
        Ok(_) => panic!("{sql}\n  was not refused"),
        Err(error) => error.strip_backtrace(),
    }
}
