// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The retrievals without entities, by the values of their arguments.

use std::sync::Arc;

use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::{Extension, LogicalPlan};
use feast_pit::PitJoinNode;

use super::all_versions::all_versions;
use super::observed_times::observed_times;
use super::pit_join::{Call, Instant, PitJoinRequest, Window};
use super::snapshot_at::snapshot_at;
use crate::session::FeastScope;

/// What a retrieval is planned as.
#[derive(Debug)]
pub(crate) enum Retrieved {
    /// A join of keys and times that the views themselves tell.
    Join(Box<PitJoinNode>),
    /// Rows of the views.
    Rows(Box<LogicalPlan>),
}

impl Retrieved {
    /// The plan, the join as a node of it.
    pub(crate) fn into_plan(self) -> LogicalPlan {
        match self {
            Self::Join(join) => LogicalPlan::Extension(Extension {
                node: Arc::new(*join),
            }),
            Self::Rows(plan) => *plan,
        }
    }
}

/// When a retrieval is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct When {
    /// `at`; the start of the statement where it is left out.
    pub(crate) at: Option<Instant>,
    /// `start`
    pub(crate) start: Option<Instant>,
    /// `end`
    pub(crate) end: Option<Instant>,
}

/// Plans a retrieval from its arguments, each by its name.
pub(crate) async fn retrieve_named(
    scope: &FeastScope,
    call: Call,
    arguments: Vec<(String, ScalarValue)>,
) -> Result<Retrieved> {
    let function = call.name();
    let mut features: Option<ScalarValue> = None;
    let mut when = When::default();
    let mut options: Vec<(String, ScalarValue)> = Vec::new();
    let mut given: Vec<&'static str> = Vec::new();
    for (name, value) in arguments {
        let Some(parameter) = call.parameters().iter().find(|known| **known == name) else {
            options.push((name, value));
            continue;
        };
        if given.contains(parameter) {
            return plan_err!("{function}: argument {parameter} is given twice");
        }
        given.push(*parameter);
        match *parameter {
            "features" => features = Some(value),
            "at" => when.at = Instant::read(call, parameter, &value)?,
            "start" => when.start = Instant::read(call, parameter, &value)?,
            _ => when.end = Instant::read(call, parameter, &value)?,
        }
    }
    let needed = call.parameters().iter().filter(|name| **name != "at");
    let missing: Vec<_> = needed.filter(|name| !given.contains(*name)).collect();
    let (Some(features), []) = (&features, missing.as_slice()) else {
        return plan_err!(
            "{function} needs {}: {}",
            missing
                .iter()
                .map(|name| **name)
                .collect::<Vec<_>>()
                .join(" and "),
            example(call)
        );
    };
    let request = PitJoinRequest::try_new(call, features, &options)?;
    retrieve(scope, call, when, &request).await
}

/// Plans a retrieval.
pub(crate) async fn retrieve(
    scope: &FeastScope,
    call: Call,
    when: When,
    request: &PitJoinRequest,
) -> Result<Retrieved> {
    if let Some(column) = &request.event_timestamp {
        return plan_err!(
            "{}: event_timestamp names column {column} of the entities, but it takes no entities; leave it out",
            call.name()
        );
    }
    let window = Window::between(call, when.start, when.end)?;
    Ok(match call {
        Call::AllVersions => Retrieved::Rows(Box::new(all_versions(scope, window, request).await?)),
        Call::ObservedTimes => {
            Retrieved::Join(Box::new(observed_times(scope, window, request).await?))
        }
        Call::PitJoin | Call::SnapshotAt | Call::OnlineLookup => {
            Retrieved::Join(Box::new(snapshot_at(scope, when.at, request).await?))
        }
    })
}

/// A call as it is written.
fn example(call: Call) -> String {
    let rest = call.parameters().iter().skip(1);
    let times: String = rest
        .map(|name| format!(", {name} => TIMESTAMP '2025-01-31T00:00:00Z'"))
        .collect();
    format!("{}(features => ['view:feature']{times})", call.name())
}
