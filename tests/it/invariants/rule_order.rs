// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The order of every rule list once `with_feast` was called.
//!
//! When a new DataFusion changes its rules, these tests fail: look at where ours stand, and why, before
//! the lists are copied here.

use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion_feast::{FeastOptions, SessionStateBuilderExt};

fn state() -> SessionState {
    SessionStateBuilder::new()
        .with_default_features()
        .with_feast(FeastOptions::default())
        .unwrap()
        .build()
}

/// The lists with a star at what DataFusion does not have itself.
fn shown<'a>(names: impl Iterator<Item = &'a str>, stock: &[String]) -> String {
    let mark = |name: &str| {
        if stock.iter().any(|other| other == name) {
            "  "
        } else {
            "* "
        }
    };
    names
        .map(|name| format!("{}{name}\n", mark(name)))
        .collect()
}

fn stock() -> SessionState {
    SessionStateBuilder::new().with_default_features().build()
}

#[test]
fn analyzer_rules() {
    let names = |state: &SessionState| -> Vec<String> {
        state
            .analyzer()
            .rules
            .iter()
            .map(|rule| rule.name().to_owned())
            .collect()
    };
    // First, since those after it ask calls for their types many times.
    let mut expected = vec!["bind_online_get".to_owned()];
    expected.extend(names(&stock()));
    // After the others, which leave what a statement gives and what it is cast to apart.
    expected.push("check_iceberg_insert".to_owned());
    assert_eq!(names(&state()), expected);
}

/// - `push_filter_through_pit_join` before `push_down_filter`: DataFusion's rule stops at a node it does not
///   know, so what may pass the join has to be below it when it comes. The optimizer runs the whole list
///   several times, so what the one moves down the other can take further.
/// - `push_limit_through_pit_join` after `push_down_limit`, which gives sorts their limits and brings limits
///   to the join.
/// - `prune_pit_join_features` before `optimize_projections`, which then reads no column for a feature that
///   was left out.
#[test]
fn logical_rules() {
    let stock: Vec<String> = stock()
        .optimizer()
        .rules
        .iter()
        .map(|rule| rule.name().to_owned())
        .collect();
    let state = state();
    let rules = state.optimizer().rules.iter().map(|rule| rule.name());
    assert_eq!(shown(rules, &stock), LOGICAL);
}

const LOGICAL: &str = "  rewrite_set_comparison
  optimize_unions
  simplify_expressions
  replace_distinct_aggregate
  eliminate_join
  decorrelate_predicate_subquery
  scalar_subquery_to_join
  decorrelate_lateral_join
  extract_equijoin_predicate
  eliminate_duplicated_expr
  eliminate_filter
  eliminate_cross_join
  eliminate_limit
  propagate_empty_relation
  filter_null_join_keys
  eliminate_outer_join
  push_down_limit
* push_limit_through_pit_join
* push_filter_through_pit_join
  push_down_filter
  single_distinct_aggregation_to_group_by
  eliminate_group_by_constant
  common_sub_expression_eliminate
  extract_leaf_expressions
  push_down_leaf_projections
* prune_pit_join_features
  optimize_projections
";

/// - `ChooseIcebergScan` first: it puts plain Parquet scans in the place of Iceberg scans, and every rule
///   after it (repartitioning, filter and limit pushdown, sorting, statistics) then treats them as such.
/// - `keep_entity_order` around `EnforceDistribution`: that rule adds round-robin repartitioning wherever
///   it may help, also deep inside the entity side, and rows would come back in another order than they
///   were read in. The first half hides the entity side from it, the second takes the cover off.
#[test]
fn physical_rules() {
    let stock: Vec<String> = stock()
        .physical_optimizers()
        .iter()
        .map(|rule| rule.name().to_owned())
        .collect();
    let state = state();
    let rules = state.physical_optimizers().iter().map(|rule| rule.name());
    assert_eq!(shown(rules, &stock), PHYSICAL);
}

const PHYSICAL: &str = "* ChooseIcebergScan
  OutputRequirements
  aggregate_statistics
  join_selection
  LimitedDistinctAggregation
  FilterPushdown
* keep_entity_order (seal)
  EnforceDistribution
* keep_entity_order (unseal)
  CombinePartialFinalAggregate
  EnforceSorting
  OptimizeAggregateOrder
  ProjectionPushdown
  OutputRequirements
  LimitAggregation
  LimitPushPastWindows
  LimitPushdown
  ProjectionPushdown
  PushdownSort
  EnsureCooperative
  FilterPushdown(Post)
  SanityCheckPlan
";
