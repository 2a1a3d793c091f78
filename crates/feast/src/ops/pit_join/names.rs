// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! No two columns of an answer share a name.

use arrow::datatypes::Schema;
use datafusion::common::{Result, plan_err};
use feast_pit::PitView;

use super::{Call, ResolvedViews};

/// What a column of an answer is, for the error about another one of its name.
#[derive(Debug, PartialEq, Eq)]
enum Role {
    Entity(String),
    Feature(String),
    Provenance(String),
}

impl Role {
    fn text(&self) -> String {
        match self {
            Self::Entity(column) => format!("entity column {column}"),
            Self::Feature(feature) => format!("feature {feature}"),
            Self::Provenance(view) => format!("provenance of feature view {view}"),
        }
    }
}

/// Refuses an answer with two columns of one name; the error names both and the way out.
pub(crate) fn check_names(call: Call, entities: &Schema, views: &ResolvedViews) -> Result<()> {
    let mut seen: Vec<(&str, Role)> = entities
        .fields()
        .iter()
        .map(|f| (f.name().as_str(), Role::Entity(f.name().clone())))
        .collect();
    for view in &views.specs {
        for (name, role) in columns(view) {
            if let Some((_, other)) = seen.iter().find(|(taken, _)| *taken == name) {
                return clash(call, name, other, &role, views.full_feature_names);
            }
            seen.push((name, role));
        }
    }
    Ok(())
}

/// The columns of a view in the answer.
fn columns(view: &PitView) -> Vec<(&str, Role)> {
    let feature = |column: &str| Role::Feature(format!("{}:{column}", view.name));
    let mut columns: Vec<_> = view
        .features
        .iter()
        .map(|f| (f.output.as_str(), feature(&f.column)))
        .collect();
    if let Some(told) = &view.provenance {
        let constants = told.constants.iter().map(|(name, _)| name);
        let names = [&told.event_time, &told.created_time].into_iter();
        columns.extend(
            names
                .chain(constants)
                .map(|name| (name.as_str(), Role::Provenance(view.name.clone()))),
        );
    }
    columns
}

fn clash(call: Call, name: &str, a: &Role, b: &Role, full_feature_names: bool) -> Result<()> {
    let function = call.name();
    if a == b {
        return plan_err!(
            "{function}: {} is asked for twice; ask for it once",
            a.text()
        );
    }
    let way_out = match (a, b) {
        (Role::Provenance(_), _) | (_, Role::Provenance(_)) => {
            "leave provenance out, use an alias in a feature service, or rename the other column"
        }
        _ if full_feature_names => "use an alias in a feature service, or rename the entity column",
        _ => {
            "set full_feature_names => true, use an alias in a feature service, or rename the entity column"
        }
    };
    plan_err!(
        "{function}: {} and {} are both called {name} in the answer; {way_out}",
        a.text(),
        b.text()
    )
}
