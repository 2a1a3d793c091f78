// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a call of `feast_pit_join` asks for.

use std::collections::BTreeMap;

use arrow::array::Array;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use feast_iceberg::SnapshotSelector;

use crate::ddl::did_you_mean;

/// The options of `feast_pit_join`, in the order of its positional arguments after entities and features.
pub(crate) const OPTIONS: [&str; 5] = [
    "full_feature_names",
    "event_timestamp",
    "filter_by_created_timestamp",
    "provenance",
    "as_of_snapshot",
];

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

/// What a point-in-time join is asked for, apart from its entities.
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

    fn of(features: Features) -> Self {
        Self {
            features,
            full_feature_names: false,
            event_timestamp: None,
            filter_by_created_timestamp: false,
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

    /// Reads the sources as of a snapshot.
    #[must_use]
    pub fn with_as_of(mut self, as_of: AsOf) -> Self {
        self.as_of = as_of;
        self
    }

    /// Reads the arguments' values; every error names the argument, what it expects and what it got.
    pub(crate) fn try_new(
        features: &ScalarValue,
        options: &[(String, ScalarValue)],
    ) -> Result<Self> {
        let mut request = Self::of(read_features(features)?);
        for (at, (name, value)) in options.iter().enumerate() {
            if options[..at].iter().any(|(other, _)| other == name) {
                return plan_err!("feast_pit_join: argument {name} is given twice");
            }
            match name.as_str() {
                "full_feature_names" => request.full_feature_names = read_bool(name, value)?,
                "filter_by_created_timestamp" => {
                    request.filter_by_created_timestamp = read_bool(name, value)?;
                }
                "event_timestamp" => {
                    request.event_timestamp = (!value.is_null())
                        .then(|| read_text(name, value))
                        .transpose()?;
                }
                "as_of_snapshot" => request.as_of = read_as_of(value)?,
                "provenance" => {
                    if read_bool(name, value)? {
                        return plan_err!(
                            "feast_pit_join: provenance is not supported by this version; leave it out"
                        );
                    }
                }
                other => {
                    return plan_err!(
                        "feast_pit_join has no argument {other}{}; its arguments are entities, features, {}",
                        did_you_mean(other, OPTIONS),
                        OPTIONS.join(", ")
                    );
                }
            }
        }
        Ok(request)
    }
}

fn read_features(value: &ScalarValue) -> Result<Features> {
    const EXPECTED: &str = "a list of references like ['driver_stats:conv_rate', 'driver_stats:*'] or the name of a feature service";
    if let Some(Some(service)) = value.try_as_str() {
        return Ok(Features::Service(service.to_owned()));
    }
    let items = match value {
        ScalarValue::List(list) => list.value(0),
        ScalarValue::LargeList(list) => list.value(0),
        ScalarValue::FixedSizeList(list) => list.value(0),
        other => {
            return plan_err!(
                "feast_pit_join: features expects {EXPECTED}, found {}",
                described(other)
            );
        }
    };
    if items.is_empty() {
        return plan_err!("feast_pit_join: features is empty; expected {EXPECTED}");
    }
    let mut references = Vec::with_capacity(items.len());
    for at in 0..items.len() {
        let item = ScalarValue::try_from_array(&items, at)?;
        match item.try_as_str() {
            Some(Some(text)) => references.push(text.to_owned()),
            _ => {
                return plan_err!(
                    "feast_pit_join: features expects {EXPECTED}, found {} in the list",
                    described(&item)
                );
            }
        }
    }
    Ok(Features::References(references))
}

fn read_bool(name: &str, value: &ScalarValue) -> Result<bool> {
    match value {
        ScalarValue::Boolean(Some(value)) => Ok(*value),
        other => plan_err!(
            "feast_pit_join: {name} expects true or false, found {}",
            described(other)
        ),
    }
}

fn read_text(name: &str, value: &ScalarValue) -> Result<String> {
    match value.try_as_str() {
        Some(Some(text)) => Ok(text.to_owned()),
        _ => plan_err!(
            "feast_pit_join: {name} expects a name in quotes, found {}",
            described(value)
        ),
    }
}

fn read_as_of(value: &ScalarValue) -> Result<AsOf> {
    const EXPECTED: &str =
        "a timestamp, or snapshot ids by view like {'driver_stats': 5781947118336215154}";
    if value.is_null() {
        return Ok(AsOf::Current);
    }
    match value.data_type() {
        DataType::Timestamp(_, _) | DataType::Date32 | DataType::Utf8 | DataType::Utf8View => {
            let millis = DataType::Timestamp(arrow::datatypes::TimeUnit::Millisecond, None);
            match value.cast_to(&millis) {
                Ok(ScalarValue::TimestampMillisecond(Some(millis), _)) => Ok(AsOf::Instant(millis)),
                _ => plan_err!(
                    "feast_pit_join: as_of_snapshot expects {EXPECTED}, found {}",
                    described(value)
                ),
            }
        }
        DataType::Struct(_) | DataType::Map(_, _) => {
            let mut views = BTreeMap::new();
            for (view, id) in entries(value)? {
                match id.cast_to(&DataType::Int64) {
                    Ok(ScalarValue::Int64(Some(id))) => {
                        views.insert(view, id);
                    }
                    _ => {
                        return plan_err!(
                            "feast_pit_join: as_of_snapshot expects {EXPECTED}, found {} for view {view}",
                            described(&id)
                        );
                    }
                }
            }
            Ok(AsOf::Views(views))
        }
        _ => plan_err!(
            "feast_pit_join: as_of_snapshot expects {EXPECTED}, found {}",
            described(value)
        ),
    }
}

/// The entries of a struct or map literal.
pub(crate) fn entries(value: &ScalarValue) -> Result<Vec<(String, ScalarValue)>> {
    match value {
        ScalarValue::Struct(fields) => fields
            .fields()
            .iter()
            .zip(fields.columns())
            .map(|(field, column)| {
                Ok((
                    field.name().clone(),
                    ScalarValue::try_from_array(column, 0)?,
                ))
            })
            .collect(),
        ScalarValue::Map(map) => {
            let entries = map.value(0);
            let (keys, values) = (entries.column(0), entries.column(1));
            (0..entries.len())
                .map(|at| {
                    let key = ScalarValue::try_from_array(keys, at)?;
                    match key.try_as_str() {
                        Some(Some(key)) => {
                            Ok((key.to_owned(), ScalarValue::try_from_array(values, at)?))
                        }
                        _ => plan_err!(
                            "a map of options needs names for keys, found {}",
                            described(&key)
                        ),
                    }
                })
                .collect()
        }
        other => plan_err!(
            "expected a struct or map like {{'name': value}}, found {}",
            described(other)
        ),
    }
}

fn described(value: &ScalarValue) -> String {
    format!("{value} of type {}", value.data_type())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: &[&str]) -> ScalarValue {
        let items = items
            .iter()
            .map(|i| ScalarValue::from(*i))
            .collect::<Vec<_>>();
        ScalarValue::List(ScalarValue::new_list_nullable(&items, &DataType::Utf8))
    }

    #[test]
    fn options_of_a_wrong_type_name_the_option() {
        let call = |name: &str, value: ScalarValue| {
            PitJoinRequest::try_new(&list(&["a:b"]), &[(name.to_owned(), value)])
                .unwrap_err()
                .to_string()
        };
        assert!(
            call("full_feature_names", ScalarValue::from(1))
                .contains("full_feature_names expects true or false")
        );
        assert!(
            call("as_of_snapshot", ScalarValue::from(true))
                .contains("as_of_snapshot expects a timestamp")
        );
        assert!(call("full_names", ScalarValue::from(true)).contains("has no argument full_names"));
    }

    #[test]
    fn features_are_a_list_or_a_service() {
        let read = |value: &ScalarValue| PitJoinRequest::try_new(value, &[]).map(|r| r.features);
        assert_eq!(
            read(&ScalarValue::from("svc")).unwrap(),
            Features::Service("svc".to_owned())
        );
        assert!(
            read(&list(&[]))
                .unwrap_err()
                .to_string()
                .contains("features is empty")
        );
        assert!(
            read(&ScalarValue::from(3))
                .unwrap_err()
                .to_string()
                .contains("features expects a list")
        );
    }
}
