// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A join as EXPLAIN shows it.

use crate::spec::{PitSpec, PitView};

/// The views as EXPLAIN shows them, in logical and physical plans.
pub(crate) fn describe_views(spec: &PitSpec) -> String {
    let describe = |view: &PitView| {
        let keys = view
            .keys
            .iter()
            .map(|k| {
                if k.entity == k.view {
                    k.view.clone()
                } else {
                    format!("{}={}", k.entity, k.view)
                }
            })
            .collect::<Vec<_>>()
            .join(", ");
        let features = view
            .features
            .iter()
            .map(|f| f.column.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        let ttl = view
            .ttl
            .filter(|t| !t.is_zero())
            .map_or("none".to_owned(), |t| format!("{t:?}"));
        let created = view.created_time.as_ref().map_or(String::new(), |c| {
            format!(
                ", created={c}{}",
                if view.created_cutoff { " (cutoff)" } else { "" }
            )
        });
        let provenance = match view.provenance {
            Some(_) => ", provenance",
            None => "",
        };
        format!(
            "{}: on=[{keys}], time={}{created}, ttl={ttl}, features=[{features}]{provenance}",
            view.name, view.event_time
        )
    };
    spec.views
        .iter()
        .map(describe)
        .collect::<Vec<_>>()
        .join("; ")
}
