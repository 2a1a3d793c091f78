// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The values of a call's arguments. Every error names the function, the argument, what it expects and what it got.

use std::collections::BTreeMap;

use arrow::array::Array;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};

use super::Call;
use super::request::{AsOf, Features, PitJoinRequest};
use crate::ddl::did_you_mean;
use crate::ops::milliseconds;

impl PitJoinRequest {
    /// Reads the values of `features` and of the options that the call knows.
    pub(crate) fn try_new(
        call: Call,
        features: &ScalarValue,
        options: &[(String, ScalarValue)],
    ) -> Result<Self> {
        let function = call.name();
        let mut request = Self::of(read_features(function, features)?);
        for (at, (name, value)) in options.iter().enumerate() {
            if options[..at].iter().any(|(other, _)| other == name) {
                return plan_err!("{function}: argument {name} is given twice");
            }
            call.check_option(name)?;
            match name.as_str() {
                "full_feature_names" => {
                    request.full_feature_names = read_bool(function, name, value)?;
                }
                "filter_by_created_timestamp" => {
                    request.filter_by_created_timestamp = read_bool(function, name, value)?;
                }
                "event_timestamp" => {
                    request.event_timestamp = (!value.is_null())
                        .then(|| read_text(function, name, value))
                        .transpose()?;
                }
                "as_of_snapshot" => request.as_of = read_as_of(function, value)?,
                _ => request.provenance = read_bool(function, name, value)?,
            }
        }
        Ok(request)
    }
}

impl Call {
    /// An error that lists the arguments when there is none of this name among the options.
    pub(crate) fn check_option(self, name: &str) -> Result<()> {
        if self.options().contains(&name) {
            return Ok(());
        }
        let known = self.parameters().iter().chain(self.options()).copied();
        plan_err!(
            "{} has no argument {name}{}; its arguments are {}",
            self.name(),
            did_you_mean(name, known.clone()),
            known.collect::<Vec<_>>().join(", ")
        )
    }
}

fn read_features(function: &str, value: &ScalarValue) -> Result<Features> {
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
                "{function}: features expects {EXPECTED}, found {}",
                described(other)
            );
        }
    };
    if items.is_empty() {
        return plan_err!("{function}: features is empty; expected {EXPECTED}");
    }
    let mut references = Vec::with_capacity(items.len());
    for at in 0..items.len() {
        let item = ScalarValue::try_from_array(&items, at)?;
        match item.try_as_str() {
            Some(Some(text)) => references.push(text.to_owned()),
            _ => {
                return plan_err!(
                    "{function}: features expects {EXPECTED}, found {} in the list",
                    described(&item)
                );
            }
        }
    }
    Ok(Features::References(references))
}

fn read_bool(function: &str, name: &str, value: &ScalarValue) -> Result<bool> {
    match value {
        ScalarValue::Boolean(Some(value)) => Ok(*value),
        other => plan_err!(
            "{function}: {name} expects true or false, found {}",
            described(other)
        ),
    }
}

fn read_text(function: &str, name: &str, value: &ScalarValue) -> Result<String> {
    match value.try_as_str() {
        Some(Some(text)) => Ok(text.to_owned()),
        _ => plan_err!(
            "{function}: {name} expects a name in quotes, found {}",
            described(value)
        ),
    }
}

fn read_as_of(function: &str, value: &ScalarValue) -> Result<AsOf> {
    const EXPECTED: &str =
        "a timestamp, or snapshot ids by view like {'driver_stats': 5781947118336215154}";
    if value.is_null() {
        return Ok(AsOf::Current);
    }
    if !matches!(value, ScalarValue::Struct(_) | ScalarValue::Map(_)) {
        return match milliseconds(function, value) {
            Ok(millis) => Ok(AsOf::Instant(millis)),
            Err(_) => plan_err!(
                "{function}: as_of_snapshot expects {EXPECTED}, found {}",
                described(value)
            ),
        };
    }
    let mut views = BTreeMap::new();
    for (view, id) in entries(value)? {
        match id.cast_to(&DataType::Int64) {
            Ok(ScalarValue::Int64(Some(id_of_view))) if id.data_type().is_integer() => {
                views.insert(view, id_of_view);
            }
            _ => {
                return plan_err!(
                    "{function}: as_of_snapshot expects {EXPECTED}, found {} for view {view}",
                    described(&id)
                );
            }
        }
    }
    Ok(AsOf::Views(views))
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
        let call = |call: Call, name: &str, value: ScalarValue| {
            PitJoinRequest::try_new(call, &list(&["a:b"]), &[(name.to_owned(), value)])
                .unwrap_err()
                .to_string()
        };
        assert!(
            call(Call::PitJoin, "full_feature_names", ScalarValue::from(1))
                .contains("full_feature_names expects true or false")
        );
        assert!(
            call(Call::PitJoin, "as_of_snapshot", ScalarValue::from(true))
                .contains("as_of_snapshot expects a timestamp")
        );
        assert!(
            call(Call::PitJoin, "full_names", ScalarValue::from(true))
                .contains("feast_pit_join has no argument full_names")
        );
        assert!(
            call(
                Call::AllVersions,
                "filter_by_created_timestamp",
                ScalarValue::from(true)
            )
            .contains("feast_all_versions has no argument filter_by_created_timestamp")
        );
    }

    #[test]
    fn features_are_a_list_or_a_service() {
        let read = |value: &ScalarValue| {
            PitJoinRequest::try_new(Call::PitJoin, value, &[]).map(|r| r.features)
        };
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
