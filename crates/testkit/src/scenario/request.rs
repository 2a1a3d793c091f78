// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a call asks for.

use std::collections::HashSet;

use super::dice::Dice;
use super::{Projection, ScenarioView};

pub(super) struct Request {
    pub(super) projections: Vec<Projection>,
    pub(super) by_service: bool,
    pub(super) full_feature_names: bool,
}

/// The entity column that an alias joins a key to.
pub(super) fn other_column(key: &str) -> String {
    format!("other {key}")
}

/// Draws a call. Names that would clash are avoided: by full names, or by asking for less.
pub(super) fn draw(dice: &mut Dice, views: &[ScenarioView], aliases: bool) -> Request {
    let by_service = aliases || dice.percent(20);
    let mut order: Vec<usize> = (0..views.len()).collect();
    dice.shuffle(&mut order);
    if order.len() > 1 && dice.percent(15) {
        order.pop();
    }
    let mut projections = Vec::new();
    for view in order {
        let alias = (by_service && dice.percent(30)).then(|| format!("as {view}"));
        let elsewhere = aliases && dice.percent(50);
        projections.push(projection(dice, views, view, alias, elsewhere));
        if aliases && dice.percent(40) {
            let alias = Some(format!("again_{view}"));
            projections.push(projection(dice, views, view, alias, true));
        }
    }
    let mut names = HashSet::new();
    let unique = projections.iter().all(|projection| {
        let view = &views[projection.view];
        let requested = projection.requested.as_ref().unwrap_or(&view.features);
        requested
            .iter()
            .all(|feature| names.insert(feature.clone()))
    });
    Request {
        projections,
        by_service,
        full_feature_names: !unique || dice.percent(40),
    }
}

fn projection(
    dice: &mut Dice,
    views: &[ScenarioView],
    view: usize,
    alias: Option<String>,
    elsewhere: bool,
) -> Projection {
    let source = &views[view];
    let requested = (!dice.percent(15)).then(|| dice.some(&source.features, 1));
    let mut join_keys = Vec::new();
    if elsewhere {
        for key in &source.keys {
            if dice.percent(70) {
                join_keys.push((key.clone(), other_column(key)));
            }
        }
    }
    Projection {
        view,
        alias,
        requested,
        join_keys,
    }
}
