// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A filter never excludes what anybody who reads under it needs.

use datafusion::physical_expr::expressions::{Column, DynamicFilterPhysicalExpr, lit};
use datafusion::physical_plan::PhysicalExpr;

use super::*;

async fn two_partitions() -> PitJoinExec {
    let context = SessionContext::new();
    let entity = scan(&context, vec![vec![entities()]]).await;
    let input = scan(&context, vec![history()]).await;
    let spec = PitSpec {
        event_time: "time".to_owned(),
        views: vec![view(None)],
    };
    PitJoinExec::try_new(entity, vec![input], Arc::new(spec)).unwrap()
}

/// What the view's filter says now.
fn now(join: &PitJoinExec) -> String {
    let filter = join.filters.get(0).unwrap().expr();
    let filter = filter.as_any().downcast_ref::<DynamicFilterPhysicalExpr>();
    filter.unwrap().current().unwrap().to_string()
}

fn needs(name: &str) -> Arc<dyn PhysicalExpr> {
    let index = ["driver", "at", "created"].iter().position(|n| *n == name);
    Arc::new(Column::new(name, index.unwrap()))
}

#[tokio::test]
async fn a_filter_of_partitions_waits_for_all_of_them() {
    let join = two_partitions().await;
    let first = join.filters.enter(0, 2).unwrap();
    first.publish(0, needs("driver")).unwrap();
    assert_eq!(now(&join), "true");
    let second = join.filters.enter(1, 2).unwrap();
    assert_eq!(now(&join), "true");
    second.publish(0, needs("at")).unwrap();
    assert_eq!(now(&join), "driver@0 OR at@1");
    // What one needs may change; what the other does stays.
    first.publish(0, needs("created")).unwrap();
    assert_eq!(now(&join), "created@2 OR at@1");
    drop(first);
    assert_eq!(now(&join), "created@2 OR at@1");
    drop(second);
    // The next execution begins with nothing known.
    let _again = join.filters.enter(1, 2).unwrap();
    assert_eq!(now(&join), "true");
}

#[tokio::test]
async fn a_partition_executed_twice_opens_the_filter() {
    let join = two_partitions().await;
    let first = join.filters.enter(0, 2).unwrap();
    let second = join.filters.enter(1, 2).unwrap();
    first.publish(0, needs("driver")).unwrap();
    second.publish(0, needs("at")).unwrap();
    let again = join.filters.enter(0, 2).unwrap();
    assert_eq!(now(&join), "true");
    again.publish(0, lit(false)).unwrap();
    second.publish(0, lit(false)).unwrap();
    assert_eq!(now(&join), "true");
}

#[tokio::test]
async fn a_single_partition_says_what_it_needs_at_once() {
    let join = two_partitions().await;
    let only = join.filters.enter(0, 1).unwrap();
    only.publish(0, needs("driver")).unwrap();
    assert_eq!(now(&join), "driver@0");
    let other = join.filters.enter(0, 1).unwrap();
    assert_eq!(now(&join), "true");
    other.publish(0, needs("driver")).unwrap();
    assert_eq!(now(&join), "true");
}
