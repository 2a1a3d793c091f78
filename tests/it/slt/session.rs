// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The session that runs a file's statements.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::common::{DataFusionError, Result};
use datafusion::dataframe::DataFrame;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_feast::FeastContext;
use sqllogictest::{AsyncDB, DBOutput};

use super::cells::{Kind, kinds, rows};
use super::{Setting, is_bare};
use crate::bare::bare_session;
use crate::place::Place;

enum Session {
    Feast(Box<FeastContext>),
    /// A plain session with only our table functions.
    Bare(SessionContext),
}

/// A session and the names that its file uses.
pub(super) struct SltSession {
    session: Session,
    place: Arc<Place>,
}

/// An error as the files show it: without a backtrace, without the folders of one run.
#[derive(Debug)]
pub(super) struct SltError(String);

impl std::fmt::Display for SltError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SltError {}

impl SltSession {
    /// The session for a file.
    pub(super) async fn open(
        file: &Path,
        text: &str,
        place: Arc<Place>,
        setting: Setting,
    ) -> Result<Self, SltError> {
        let told = |error: DataFusionError| SltError(place.conceal(&told(&error)));
        let config = SessionConfig::new()
            .with_target_partitions(setting.partitions)
            .with_batch_size(setting.batch_size)
            .with_information_schema(true);
        if is_bare(file) {
            let session = bare_session(config).map_err(told)?;
            return Ok(Self {
                session: Session::Bare(session),
                place,
            });
        }
        let mut builder = FeastContext::builder().with_session_config(config);
        for line in text.lines().take_while(|line| line.starts_with('#')) {
            if let Some(path) = line.strip_prefix("# registry ") {
                builder = builder.with_registry_path(place.expand(path));
            } else if let Some(project) = line.strip_prefix("# project ") {
                builder = builder.with_project(project);
            }
        }
        let feast = Box::pin(builder.build()).await.map_err(told)?;
        if setting.merged {
            let forced = "SET feast.iceberg.scan = 'merge_on_read'";
            Box::pin(feast.sql(forced)).await.map_err(told)?;
        }
        Ok(Self {
            session: Session::Feast(Box::new(feast)),
            place,
        })
    }

    async fn frame(&self, sql: &str) -> Result<DataFrame> {
        match &self.session {
            Session::Feast(feast) => Box::pin(feast.sql(sql)).await,
            Session::Bare(session) => Box::pin(session.sql(sql)).await,
        }
    }

    async fn output(&self, sql: &str) -> Result<DBOutput<Kind>> {
        let frame = self.frame(sql).await?;
        let schema = Arc::clone(frame.schema().inner());
        let batches = frame.collect().await?;
        if schema.fields().is_empty() {
            return Ok(DBOutput::StatementComplete(0));
        }
        Ok(DBOutput::Rows {
            types: kinds(&schema),
            rows: rows(&batches)?,
        })
    }
}

fn told(error: &DataFusionError) -> String {
    error.strip_backtrace()
}

#[async_trait]
impl AsyncDB for SltSession {
    type Error = SltError;
    type ColumnType = Kind;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<Kind>, SltError> {
        match self.output(&self.place.expand(sql)).await {
            Ok(DBOutput::Rows { types, rows }) => {
                let conceal =
                    |row: Vec<String>| row.iter().map(|cell| self.place.conceal(cell)).collect();
                Ok(DBOutput::Rows {
                    types,
                    rows: rows.into_iter().map(conceal).collect(),
                })
            }
            Ok(done) => Ok(done),
            Err(error) => Err(SltError(self.place.conceal(&told(&error)))),
        }
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &str {
        "feast"
    }
}
