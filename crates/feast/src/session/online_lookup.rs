// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Lookups of the newest features by key from Rust: no SQL is parsed, no query planned.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::array::RecordBatch;
use chrono::{DateTime, Utc};
use datafusion::common::Result;
use datafusion::prelude::SessionContext;
use feast_online::{
    LookupAnswer, LookupOptions, LookupSource, LookupView, ONLINE_LOOKUP, Origin, lookup_in,
};
use feast_registry::Registry;

use super::context::FeastContext;
use super::online::OnlineSettings;
use super::scope::{FeastScope, FeastShared};
use super::statement_catalogs::StatementCatalogs;
use crate::ops::lookup_views;
use crate::ops::pit_join::PitJoinRequest;

/// What a lookup is asked for, apart from its keys: the arguments of `feast_online_lookup`.
///
/// ```
/// use std::time::Duration;
/// use datafusion_feast::{LookupSource, OnlineLookupRequest};
///
/// let request = OnlineLookupRequest::features(["driver_stats:trips", "customer:*"])
///     .with_status()
///     .with_max_age()
///     .with_source(LookupSource::Online)
///     .with_timeout(Duration::from_millis(50));
/// # let _ = request;
/// ```
#[derive(Debug, Clone)]
pub struct OnlineLookupRequest {
    features: PitJoinRequest,
    status: bool,
    timestamps: bool,
    max_age: bool,
    as_of: Option<DateTime<Utc>>,
    source: LookupSource,
    timeout: Option<Duration>,
}

impl OnlineLookupRequest {
    /// Asks for features by reference: `view:feature`, or `view:*` for all of a view.
    pub fn features<S: Into<String>>(references: impl IntoIterator<Item = S>) -> Self {
        Self::of(PitJoinRequest::features(references))
    }

    /// Asks for the features of a feature service.
    pub fn service(name: impl Into<String>) -> Self {
        Self::of(PitJoinRequest::service(name))
    }

    fn of(features: PitJoinRequest) -> Self {
        Self {
            features,
            status: false,
            timestamps: false,
            max_age: false,
            as_of: None,
            source: LookupSource::Auto,
            timeout: None,
        }
    }

    /// Names features `view__feature`.
    #[must_use]
    pub fn with_full_feature_names(mut self) -> Self {
        self.features = self.features.with_full_feature_names();
        self
    }

    /// Adds `{feature}__status` after each feature: `PRESENT`, `NULL_VALUE`, `NOT_FOUND` or `OUTSIDE_MAX_AGE`.
    #[must_use]
    pub fn with_status(mut self) -> Self {
        self.status = true;
        self
    }

    /// Adds `{feature}__event_timestamp` after each feature.
    #[must_use]
    pub fn with_timestamps(mut self) -> Self {
        self.timestamps = true;
        self
    }

    /// Withholds values that are older than their view's TTL.
    #[must_use]
    pub fn with_max_age(mut self) -> Self {
        self.max_age = true;
        self
    }

    /// Asks what was newest at an instant, in place of now.
    #[must_use]
    pub fn with_as_of(mut self, instant: DateTime<Utc>) -> Self {
        self.as_of = Some(instant);
        self
    }

    /// Reads the online tables, the views' sources, or whichever is there: see [`LookupSource`].
    #[must_use]
    pub fn with_source(mut self, source: LookupSource) -> Self {
        self.source = source;
        self
    }

    /// Gives up with an error after this time, in place of `feast.online.read_timeout_ms`.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    fn options(&self, now: DateTime<Utc>, settings: &OnlineSettings) -> LookupOptions {
        LookupOptions {
            function: ONLINE_LOOKUP,
            status: self.status,
            timestamps: self.timestamps,
            max_age: self.max_age,
            as_of: self.as_of.map(nanoseconds),
            now: nanoseconds(now),
            source: self.source,
            timeout: Some(self.timeout.unwrap_or(settings.read_timeout)),
        }
    }
}

fn nanoseconds(at: DateTime<Utc>) -> i128 {
    i128::from(at.timestamp()) * 1_000_000_000 + i128::from(at.timestamp_subsec_nanos())
}

impl FeastContext {
    /// Looks up the newest features of keys, as `feast_online_lookup` does: the same call from Rust.
    ///
    /// A row of `keys` is a key, its columns are called as the views' join keys, or as the service maps them. The answer has the rows
    /// of `keys` in their order, its columns, then the features; a key that is not there has NULL features.
    ///
    /// ```
    /// # #[tokio::main] async fn main() -> datafusion::common::Result<()> {
    /// use std::sync::Arc;
    /// use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
    /// use arrow::datatypes::Float64Type;
    /// use datafusion_feast::{FeastContext, OnlineLookupRequest};
    ///
    /// let feast = FeastContext::builder().build().await?;
    /// for statement in [
    ///     "CREATE TABLE trips (driver_id BIGINT, at TIMESTAMP, rating DOUBLE) AS VALUES
    ///          (1, '2024-01-01T00:00:00', 4.5), (1, '2024-01-03T00:00:00', 4.9)",
    ///     "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)",
    ///     "CREATE FEATURE VIEW ratings ENTITIES (driver) FROM trips TIMESTAMP at",
    /// ] {
    ///     feast.sql(statement).await?.collect().await?;
    /// }
    /// let drivers: ArrayRef = Arc::new(Int64Array::from(vec![2, 1]));
    /// let keys = RecordBatch::try_from_iter([("driver_id", drivers)])?;
    /// let request = OnlineLookupRequest::features(["ratings:rating"]);
    /// let newest = feast.online_lookup(&keys, &request).await?;
    /// let ratings = newest.column(1).as_primitive::<Float64Type>();
    /// assert_eq!(ratings.iter().collect::<Vec<_>>(), [None, Some(4.9)]);
    /// # Ok(()) }
    /// ```
    ///
    /// Definitions and sources are resolved for each call; to look up many times, [prepare](Self::prepare_online_lookup).
    ///
    /// # Errors
    ///
    /// Unknown views or features; keys of another type, or without a column for a join key; an answer that takes longer than the
    /// timeout, which says what it was waiting for. An answer is whole or an error.
    pub async fn online_lookup(
        &self,
        keys: &RecordBatch,
        request: &OnlineLookupRequest,
    ) -> Result<RecordBatch> {
        let scope = self.statement_catalogs(false).scope();
        let now = scope.now();
        let resolved = Box::pin(Resolved::try_new(scope, request)).await?;
        Ok(Box::pin(resolved.answer(keys, request, now)).await?.rows)
    }

    /// Resolves a lookup once, for many batches of keys.
    ///
    /// ```
    /// # #[tokio::main] async fn main() -> datafusion::common::Result<()> {
    /// # use std::sync::Arc;
    /// # use arrow::array::{ArrayRef, Int64Array, RecordBatch};
    /// use datafusion_feast::{FeastContext, OnlineLookupRequest};
    ///
    /// # let feast = FeastContext::builder().build().await?;
    /// # for statement in [
    /// #     "CREATE TABLE trips (driver_id BIGINT, at TIMESTAMP, rating DOUBLE) AS VALUES (1, '2024-01-01T00:00:00', 4.5)",
    /// #     "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)",
    /// #     "CREATE FEATURE VIEW ratings ENTITIES (driver) FROM trips TIMESTAMP at",
    /// # ] {
    /// #     feast.sql(statement).await?.collect().await?;
    /// # }
    /// let request = OnlineLookupRequest::features(["ratings:rating"]).with_status();
    /// let prepared = feast.prepare_online_lookup(&request).await?;
    /// for driver in [1, 2] {
    ///     let drivers: ArrayRef = Arc::new(Int64Array::from(vec![driver]));
    ///     let keys = RecordBatch::try_from_iter([("driver_id", drivers)])?;
    ///     let newest = prepared.lookup(&keys).await?;
    ///     assert_eq!(newest.num_columns(), 3);
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn prepare_online_lookup(
        &self,
        request: &OnlineLookupRequest,
    ) -> Result<PreparedOnlineLookup> {
        let scope = self.statement_catalogs(false).scope();
        let shared = Arc::clone(scope.shared());
        let resolved = Box::pin(Resolved::try_new(scope, request)).await?;
        Ok(PreparedOnlineLookup {
            session: self.session().clone(),
            shared,
            request: request.clone(),
            resolved: Mutex::new(Arc::new(resolved)),
            offline: AtomicBool::new(false),
        })
    }
}

/// A lookup whose views are resolved; made by [`FeastContext::prepare_online_lookup`].
///
/// Each lookup asks the catalog which version of the online table is current, with one request, so that a commit by anyone is seen by
/// the next lookup. Metadata and file indexes that the session knows are not read again: in a known version only the pages of the
/// keys are. The definitions are resolved anew when the registry has changed. What is taken once, when they are resolved: the
/// session's settings, and the types of the source's columns, which an online table keeps.
///
/// Views that are answered from their sources are resolved for each lookup, which is then no faster than
/// [`FeastContext::online_lookup`].
///
/// Lookups may run at the same time.
pub struct PreparedOnlineLookup {
    session: SessionContext,
    shared: Arc<FeastShared>,
    request: OnlineLookupRequest,
    resolved: Mutex<Arc<Resolved>>,
    /// Whether a view was answered from its source the last time.
    offline: AtomicBool,
}

impl fmt::Debug for PreparedOnlineLookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedOnlineLookup")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

impl PreparedOnlineLookup {
    /// The newest features of these keys, as [`FeastContext::online_lookup`] gives them.
    ///
    /// # Errors
    ///
    /// As of [`FeastContext::online_lookup`].
    pub async fn lookup(&self, keys: &RecordBatch) -> Result<RecordBatch> {
        let now = Utc::now();
        let offline = self.request.source == LookupSource::Offline;
        if !offline && !self.offline.load(Ordering::Relaxed) {
            let resolved = Box::pin(self.resolved(now)).await?;
            let found = resolved.answer(keys, &self.request, now);
            let found = Box::pin(found).await?;
            if !is_offline(&found) {
                return Ok(found.rows);
            }
        }
        // Sources are read as they are now.
        let resolved = Box::pin(self.resolve(now)).await?;
        let found = Box::pin(resolved.answer(keys, &self.request, now)).await?;
        self.offline.store(is_offline(&found), Ordering::Relaxed);
        Ok(found.rows)
    }

    /// The views, resolved anew if the definitions have changed.
    async fn resolved(&self, now: DateTime<Utc>) -> Result<Arc<Resolved>> {
        let registry = self.shared.registry.read()?;
        let known = Arc::clone(&self.resolved.lock().unwrap_or_else(PoisonError::into_inner));
        match Arc::ptr_eq(&known.registry, &registry) {
            true => Ok(known),
            false => self.resolve(now).await,
        }
    }

    async fn resolve(&self, now: DateTime<Utc>) -> Result<Arc<Resolved>> {
        let (session, shared) = (self.session.state(), Arc::clone(&self.shared));
        let scope = StatementCatalogs::new(session, shared, false, now).scope();
        let resolved = Arc::new(Resolved::try_new(scope, &self.request).await?);
        let mut known = self.resolved.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Arc::clone(&resolved);
        Ok(resolved)
    }
}

fn is_offline(found: &LookupAnswer) -> bool {
    found
        .views
        .iter()
        .any(|view| view.origin == Origin::Offline)
}

/// The views of a lookup.
struct Resolved {
    /// The definitions that they were resolved by.
    registry: Arc<Registry>,
    scope: FeastScope,
    settings: OnlineSettings,
    views: Vec<LookupView>,
}

impl Resolved {
    async fn try_new(scope: FeastScope, request: &OnlineLookupRequest) -> Result<Self> {
        let registry = scope.registry().read()?;
        let scope = scope.allowing_staleness();
        let views = lookup_views(&scope, &request.features).await?;
        Ok(Self {
            registry,
            settings: scope.online_settings(),
            scope,
            views,
        })
    }

    async fn answer(
        &self,
        keys: &RecordBatch,
        request: &OnlineLookupRequest,
        now: DateTime<Utc>,
    ) -> Result<LookupAnswer> {
        let options = request.options(now, &self.settings);
        let Some(staleness) = self.settings.staleness(now) else {
            return lookup_in(&self.scope, &self.views, keys, &options).await;
        };
        let mut views = self.views.clone();
        for view in &mut views {
            view.store = view
                .store
                .take()
                .map(|store| store.with_staleness(staleness));
        }
        lookup_in(&self.scope, &views, keys, &options).await
    }
}
