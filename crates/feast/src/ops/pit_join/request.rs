// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a call asks for: of the join, and of the retrievals without entities.

use std::collections::BTreeMap;

use feast_iceberg::SnapshotSelector;

/// Which features: a list of references or a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Features {
    References(Vec<String>),
    Service(String),
}

/// Which version of the sources a join reads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum AsOf {
    /// The newest, as of the statement.
    #[default]
    Current,
    /// Every source as it was at an instant, in milliseconds since the epoch.
    Instant(i64),
    /// Snapshot ids by view or alias; other views as they are.
    Views(BTreeMap<String, i64>),
}

impl AsOf {
    pub(crate) fn selector(&self, view: &str) -> SnapshotSelector {
        match self {
            Self::Current => SnapshotSelector::Current,
            Self::Instant(millis) => SnapshotSelector::Timestamp(*millis),
            Self::Views(views) => views.get(view).map_or(SnapshotSelector::Current, |id| {
                SnapshotSelector::SnapshotId(*id)
            }),
        }
    }
}

/// What a point-in-time join is asked for, apart from its entities; a retrieval without entities takes the same.
///
/// ```
/// use datafusion_feast::PitJoinRequest;
///
/// let request = PitJoinRequest::features(["driver_stats:conv_rate", "customer:*"])
///     .with_full_feature_names()
///     .with_created_cutoff();
/// # let _ = request;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PitJoinRequest {
    pub(crate) features: Features,
    pub(crate) full_feature_names: bool,
    pub(crate) event_timestamp: Option<String>,
    pub(crate) filter_by_created_timestamp: bool,
    pub(crate) provenance: bool,
    pub(crate) as_of: AsOf,
}

impl PitJoinRequest {
    /// Asks for features by reference: `view:feature`, or `view:*` for all of a view.
    pub fn features<S: Into<String>>(references: impl IntoIterator<Item = S>) -> Self {
        Self::of(Features::References(
            references.into_iter().map(Into::into).collect(),
        ))
    }

    /// Asks for the features of a feature service.
    pub fn service(name: impl Into<String>) -> Self {
        Self::of(Features::Service(name.into()))
    }

    pub(super) fn of(features: Features) -> Self {
        Self {
            features,
            full_feature_names: false,
            event_timestamp: None,
            filter_by_created_timestamp: false,
            provenance: false,
            as_of: AsOf::Current,
        }
    }

    /// Names features `view__feature`.
    #[must_use]
    pub fn with_full_feature_names(mut self) -> Self {
        self.full_feature_names = true;
        self
    }

    /// Takes this column of the entities for their time; else it is inferred.
    #[must_use]
    pub fn with_event_timestamp(mut self, column: impl Into<String>) -> Self {
        self.event_timestamp = Some(column.into());
        self
    }

    /// Leaves out rows created after an entity row's time, in views that have a created timestamp.
    #[must_use]
    pub fn with_created_cutoff(mut self) -> Self {
        self.filter_by_created_timestamp = true;
        self
    }

    /// Adds, after each view's features, the winner's event and created time and the snapshot that was read:
    /// `{view}__event_timestamp`, `{view}__created_timestamp`, `{view}__snapshot_id`.
    #[must_use]
    pub fn with_provenance(mut self) -> Self {
        self.provenance = true;
        self
    }

    /// Reads the sources as of a snapshot.
    #[must_use]
    pub fn with_as_of(mut self, as_of: AsOf) -> Self {
        self.as_of = as_of;
        self
    }
}
