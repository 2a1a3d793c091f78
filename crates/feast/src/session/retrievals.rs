// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The retrievals without entities, from Rust.

use datafusion::common::{Result, ScalarValue};
use datafusion::dataframe::DataFrame;

use super::context::FeastContext;
use crate::ops::pit_join::{Call, Instant, PitJoinRequest};
use crate::ops::retrieval::{When, retrieve};

impl FeastContext {
    /// The latest row of each key at an instant, as `feast_snapshot_at` gives it.
    ///
    /// `at` is a timestamp, a date or text; NULL is the time of the call. A key without a row that counts then is not in the answer.
    ///
    /// ```
    /// # #[tokio::main] async fn main() -> datafusion::common::Result<()> {
    /// use datafusion::common::ScalarValue;
    /// use datafusion_feast::{FeastContext, PitJoinRequest};
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
    /// let request = PitJoinRequest::features(["ratings:rating"]);
    /// let at = ScalarValue::from("2024-01-02T00:00:00Z");
    /// let latest = feast.snapshot_at(&at, &request).await?;
    /// assert_eq!(latest.schema().field(2).name(), "rating");
    /// assert_eq!(latest.count().await?, 1);
    /// # Ok(()) }
    /// ```
    pub async fn snapshot_at(
        &self,
        at: &ScalarValue,
        request: &PitJoinRequest,
    ) -> Result<DataFrame> {
        let call = Call::SnapshotAt;
        let when = When {
            at: Instant::read(call, "at", at)?,
            ..When::default()
        };
        self.retrieve(call, when, request).await
    }

    /// Every row of the views with an event time from `start` to `end`, both included, as `feast_all_versions` gives it.
    ///
    /// The ends are timestamps, dates or text; NULL leaves one open.
    pub async fn all_versions(
        &self,
        start: &ScalarValue,
        end: &ScalarValue,
        request: &PitJoinRequest,
    ) -> Result<DataFrame> {
        self.in_window(Call::AllVersions, start, end, request).await
    }

    /// Every key and time of which a view has a row from `start` to `end`, both included, with the features as of it: as
    /// `feast_observed_times` gives it.
    ///
    /// The ends are timestamps, dates or text; NULL leaves one open.
    pub async fn observed_times(
        &self,
        start: &ScalarValue,
        end: &ScalarValue,
        request: &PitJoinRequest,
    ) -> Result<DataFrame> {
        self.in_window(Call::ObservedTimes, start, end, request)
            .await
    }

    async fn in_window(
        &self,
        call: Call,
        start: &ScalarValue,
        end: &ScalarValue,
        request: &PitJoinRequest,
    ) -> Result<DataFrame> {
        let when = When {
            at: None,
            start: Instant::read(call, "start", start)?,
            end: Instant::read(call, "end", end)?,
        };
        self.retrieve(call, when, request).await
    }

    async fn retrieve(
        &self,
        call: Call,
        when: When,
        request: &PitJoinRequest,
    ) -> Result<DataFrame> {
        let (state, scope) = self.statement_catalogs(false).state();
        let plan = retrieve(&scope, call, when, request).await?.into_plan();
        Ok(DataFrame::new(state, plan))
    }
}
