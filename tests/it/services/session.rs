// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A session with a catalog attached as `lake`.

use std::path::Path;
use std::time::{Duration, Instant};

use datafusion::common::Result;
use datafusion::prelude::SessionConfig;
use datafusion_feast::FeastContext;
use feast_registry::RegistryLocation;

use super::lake::{Lake, Options, service};
use super::rows::Rows;

/// Runs a test with a runtime of its own; nothing may take longer than two minutes.
pub(super) fn run<F: Future>(test: F) -> F::Output {
    // Plans of unoptimised builds are deep.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .thread_stack_size(16 << 20)
        .build()
        .unwrap();
    let limited = async { tokio::time::timeout(Duration::from_secs(120), test).await };
    runtime.block_on(limited).unwrap()
}

pub(super) struct Session(FeastContext);

impl Session {
    /// A session without a catalog.
    pub(super) async fn empty() -> Self {
        let config = SessionConfig::new().with_target_partitions(4);
        let builder = FeastContext::builder().with_session_config(config);
        Self(builder.build().await.unwrap())
    }

    /// A session over a registry at a URL, or over a repository in a folder.
    pub(super) async fn over(place: &str, project: Option<String>) -> Result<Self> {
        if !place.contains("://") {
            return Ok(Self(Box::pin(FeastContext::open(place)).await?));
        }
        let location = RegistryLocation::parse(place, Path::new("")).unwrap();
        let mut builder = FeastContext::builder().with_registry_location(location);
        if let Some(project) = project {
            builder = builder.with_project(project);
        }
        Ok(Self(builder.build().await?))
    }

    /// Attached by a statement.
    pub(super) async fn attach(options: &Options) -> Result<Self> {
        let session = Self::empty().await;
        session.rows(&options.statement()).await?;
        Ok(session)
    }

    pub(super) async fn of(lake: &Lake) -> Self {
        Self::attach(&lake.options()).await.unwrap()
    }

    /// Attached while the context is built.
    pub(super) async fn built(options: &Options) -> Result<Self> {
        let builder = FeastContext::builder().with_catalog(options.catalog());
        Ok(Self(builder.build().await?))
    }

    /// The context itself, for calls that are no statements.
    pub(super) fn feast(&self) -> &FeastContext {
        &self.0
    }

    /// The rows of a statement. No text of it may show a secret.
    pub(super) async fn rows(&self, statement: &str) -> Result<Rows> {
        let answer = Box::pin(self.collect(statement)).await;
        if let Err(error) = &answer {
            assert_no_secret(&error.to_string());
            assert_no_secret(&format!("{error:?}"));
        }
        answer
    }

    async fn collect(&self, statement: &str) -> Result<Rows> {
        let frame = self.0.sql(statement).await?;
        let schema = frame.schema().clone();
        let columns = schema.fields().iter().map(|f| f.name().clone()).collect();
        Ok(Rows::of(columns, &frame.collect().await?))
    }

    pub(super) async fn read(&self, statement: &str) -> Rows {
        let answer = self.rows(statement).await;
        answer.unwrap_or_else(|error| panic!("{statement}: {error}"))
    }

    /// The error of a statement, and how long it took to come.
    pub(super) async fn error(&self, statement: &str) -> (String, Duration) {
        let begun = Instant::now();
        match self.rows(statement).await {
            Ok(rows) => panic!("{statement}: expected an error, found {rows:?}"),
            Err(error) => (error.to_string(), begun.elapsed()),
        }
    }

    /// Everything a session shows of its settings and of the plans of `query`.
    pub(super) async fn shown(&self, query: &str) -> String {
        let mut shown = format!("{:?}", self.0);
        for statement in [
            "SHOW ALL".to_owned(),
            "SHOW CATALOGS".to_owned(),
            "SELECT * FROM information_schema.df_settings".to_owned(),
            format!("EXPLAIN FORMAT INDENT {query}"),
            format!("EXPLAIN VERBOSE {query}"),
            format!("EXPLAIN ANALYZE {query}"),
        ] {
            match self.rows(&statement).await {
                Ok(rows) => shown += &format!("{rows:?}"),
                Err(error) => shown += &error.to_string(),
            }
        }
        shown
    }
}

/// What none may see.
pub(super) fn assert_no_secret(text: &str) {
    for secret in [
        service("SEAWEEDFS_SECRET"),
        service("LAKANA_TOKEN"),
        "hush".to_owned(),
    ] {
        assert!(!text.contains(&secret), "a secret is shown: {text}");
    }
}
