// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `SELECT * FROM feast_pit_join(…)` and `SELECT * FROM feast_snapshot_at(…)`.

use std::fmt;

use super::text::{list, string};

/// The features of a call.
#[derive(Debug, Clone)]
pub enum Features {
    /// References `view:feature`.
    References(Vec<String>),
    /// A feature service's name.
    Service(String),
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::References(references) => f.write_str(&list(references)),
            Self::Service(service) => f.write_str(&string(service)),
        }
    }
}

/// A call of `feast_snapshot_at`. What is `None` is left out.
#[derive(Debug, Clone)]
pub struct SnapshotCall {
    /// What is asked for.
    pub features: Features,
    /// The instant, as SQL text.
    pub at: Option<String>,
    /// `full_feature_names`
    pub full_feature_names: Option<bool>,
    /// `filter_by_created_timestamp`
    pub filter_by_created_timestamp: Option<bool>,
}

impl fmt::Display for SnapshotCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SELECT * FROM feast_snapshot_at(features => {}",
            self.features
        )?;
        if let Some(at) = &self.at {
            write!(f, ", at => {at}")?;
        }
        if let Some(full) = self.full_feature_names {
            write!(f, ", full_feature_names => {full}")?;
        }
        if let Some(cutoff) = self.filter_by_created_timestamp {
            write!(f, ", filter_by_created_timestamp => {cutoff}")?;
        }
        f.write_str(")")
    }
}

/// A call of `feast_pit_join`. What is `None` is left out.
#[derive(Debug, Clone)]
pub struct JoinCall {
    /// The entity rows, as SQL text: a subquery in parentheses, a table name, a path in quotes.
    pub entities: String,
    /// What is asked for.
    pub features: Features,
    /// `full_feature_names`
    pub full_feature_names: Option<bool>,
    /// `event_timestamp`
    pub event_timestamp: Option<String>,
    /// `filter_by_created_timestamp`
    pub filter_by_created_timestamp: Option<bool>,
    /// Further arguments, their values as SQL text.
    pub further: Vec<(String, String)>,
}

impl fmt::Display for JoinCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SELECT * FROM feast_pit_join(entities => {}, features => ",
            self.entities
        )?;
        write!(f, "{}", self.features)?;
        if let Some(full) = self.full_feature_names {
            write!(f, ", full_feature_names => {full}")?;
        }
        if let Some(column) = &self.event_timestamp {
            write!(f, ", event_timestamp => {}", string(column))?;
        }
        if let Some(cutoff) = self.filter_by_created_timestamp {
            write!(f, ", filter_by_created_timestamp => {cutoff}")?;
        }
        for (argument, value) in &self.further {
            write!(f, ", {argument} => {value}")?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_given_arguments_are_written() {
        let call = JoinCall {
            entities: "(SELECT * FROM e)".into(),
            features: Features::References(vec!["v:f".into()]),
            full_feature_names: Some(true),
            event_timestamp: None,
            filter_by_created_timestamp: None,
            further: vec![],
        };
        assert_eq!(
            call.to_string(),
            "SELECT * FROM feast_pit_join(entities => (SELECT * FROM e), features => ['v:f'], \
             full_feature_names => true)"
        );
    }
}
