// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The functions that take features, and what else they take.

/// A function that takes features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// `feast_pit_join`
    PitJoin,
    /// `feast_snapshot_at`
    SnapshotAt,
    /// `feast_all_versions`
    AllVersions,
    /// `feast_observed_times`
    ObservedTimes,
    /// `feast_online_lookup`
    OnlineLookup,
}

impl Call {
    /// The retrievals without entities.
    pub(crate) const RETRIEVALS: [Self; 3] =
        [Self::SnapshotAt, Self::AllVersions, Self::ObservedTimes];

    /// The function's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PitJoin => "feast_pit_join",
            Self::SnapshotAt => "feast_snapshot_at",
            Self::AllVersions => "feast_all_versions",
            Self::ObservedTimes => "feast_observed_times",
            Self::OnlineLookup => "feast_online_lookup",
        }
    }

    /// The arguments before the options, in order.
    pub(crate) fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::PitJoin => &["entities", "features"],
            Self::SnapshotAt => &["features", "at"],
            Self::OnlineLookup => &["features", "keys"],
            Self::AllVersions | Self::ObservedTimes => &["features", "start", "end"],
        }
    }

    /// The options, in the order of their positions after the other arguments.
    pub(crate) fn options(self) -> &'static [&'static str] {
        match self {
            Self::PitJoin => &[
                "full_feature_names",
                "event_timestamp",
                "filter_by_created_timestamp",
                "provenance",
                "as_of_snapshot",
            ],
            Self::SnapshotAt | Self::ObservedTimes => &[
                "full_feature_names",
                "filter_by_created_timestamp",
                "provenance",
                "as_of_snapshot",
            ],
            Self::AllVersions => &["full_feature_names", "provenance", "as_of_snapshot"],
            Self::OnlineLookup => &[
                "status",
                "timestamps",
                "max_age",
                "as_of",
                "source",
                "timeout_ms",
                "full_feature_names",
            ],
        }
    }
}
