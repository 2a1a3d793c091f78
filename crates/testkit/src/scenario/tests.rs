// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

use std::collections::HashSet;

use super::Scenario;

/// What happens in a thousand scenarios, so that no draw quietly stops happening.
#[test]
fn everything_happens() {
    let mut seen: HashSet<&str> = HashSet::new();
    let (mut answered, mut cells) = (0_usize, 0_usize);
    for seed in 0..1_000 {
        let scenario = Scenario::draw(seed).unwrap();
        let expected = scenario.expected().unwrap();
        assert_eq!(expected.num_rows(), scenario.entity.rows());
        let features = &expected.columns()[scenario.entity.schema.fields().len()..];
        answered += features
            .iter()
            .map(|c| c.len() - c.logical_null_count())
            .sum::<usize>();
        cells += features.iter().map(|c| c.len()).sum::<usize>();
        let mut saw = |what, happened: bool| {
            if happened {
                seen.insert(what);
            }
        };
        saw("no entity rows", scenario.entity.rows() == 0);
        saw("several partitions", scenario.entity.partitions.len() > 1);
        saw("service", scenario.by_service);
        saw("entity file", scenario.storage.entity_in_file);
        saw("source files", scenario.storage.sources_in_files);
        saw("full names", scenario.full_feature_names);
        saw("plain names", !scenario.full_feature_names);
        saw("cutoff", scenario.created_cutoff);
        saw("time named", scenario.names_time);
        saw(
            "time inferred",
            !scenario.names_time && scenario.entity_time != "event_timestamp",
        );
        saw(
            "alias",
            scenario.projections.iter().any(|p| p.alias.is_some()),
        );
        saw(
            "join key map",
            scenario.projections.iter().any(|p| !p.join_keys.is_empty()),
        );
        for view in &scenario.views {
            let definition = &view.definition;
            saw("entityless", view.keys.is_empty());
            saw("three keys", view.keys.len() == 3);
            saw("empty source", view.source.rows() == 0);
            saw("inferred features", definition.features.is_none());
            saw("declared features", definition.features.is_some());
            saw("field mapping", !definition.field_mapping.is_empty());
            saw("tie break", !definition.tie_break.is_empty());
            saw("no ttl", definition.ttl.is_none());
            saw("zero ttl", definition.ttl == Some(0));
        }
    }
    assert_eq!(seen.len(), 21, "{seen:?}");
    assert!(
        answered * 5 > cells,
        "only {answered} of {cells} features have an answer"
    );
}

#[test]
fn a_seed_gives_one_scenario() {
    for seed in 0..50 {
        let draw = || Scenario::draw(seed).unwrap().to_string();
        assert_eq!(draw(), draw());
    }
}

#[test]
fn reductions_are_smaller_and_still_have_an_answer() {
    for seed in 0..50 {
        let scenario = Scenario::draw(seed).unwrap();
        for smaller in scenario.reductions().unwrap() {
            smaller.expected().unwrap();
        }
    }
}
