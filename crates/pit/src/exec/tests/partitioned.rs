// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The hash-partitioned form: the same rows at any number of partitions, and the ways in which DataFusion could lose some.

use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::Distribution;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::{ExecutionPlanProperties, Partitioning};

use super::*;
use crate::exec::PitJoinMode;

fn key(name: &str) -> PitKey {
    PitKey {
        entity: name.to_owned(),
        view: name.to_owned(),
    }
}

/// Keys of other types on each side: strings and views of strings, 32 and 64 bits.
pub(super) async fn sides(
    context: &SessionContext,
) -> (Arc<dyn ExecutionPlan>, Arc<dyn ExecutionPlan>) {
    let n = 200_i64;
    let a = (0..n)
        .map(|r| format!("key {}", r % 13))
        .collect::<Vec<_>>();
    let b = (0..n).map(|r| r % 3).collect::<Vec<_>>();
    let at = (0..n).map(|r| Some(r % 17)).collect::<Vec<_>>();
    let views = arrow::array::StringViewArray::from_iter_values(&a);
    let narrow = Int32Array::from_iter_values(b.iter().map(|b| *b as i32));
    let entities = batch(vec![
        ("a", Arc::new(views) as ArrayRef),
        ("b", Arc::new(narrow)),
        ("row", Arc::new(Int64Array::from_iter_values(0..n))),
        ("time", times(&at)),
    ]);
    let rows = batch(vec![
        ("a", Arc::new(StringArray::from(a)) as ArrayRef),
        ("b", Arc::new(Int64Array::from(b))),
        ("at", times(&at)),
        ("v", Arc::new(Int64Array::from_iter_values(0..n))),
    ]);
    let halves = |b: &RecordBatch| vec![vec![b.slice(0, 100)], vec![b.slice(100, 100)]];
    (
        scan(context, halves(&entities)).await,
        scan(context, halves(&rows)).await,
    )
}

pub(super) fn spec() -> Arc<PitSpec> {
    let composite = PitView {
        keys: vec![key("b"), key("a")],
        created_time: None,
        ..view(None)
    };
    Arc::new(PitSpec {
        event_time: "time".to_owned(),
        views: vec![composite],
    })
}

pub(super) fn sorted(answer: &[RecordBatch]) -> Vec<(Option<i64>, Option<i64>)> {
    let mut rows: Vec<_> = column(answer, "row")
        .into_iter()
        .zip(column(answer, "v"))
        .collect();
    rows.sort_unstable();
    rows
}

pub(super) fn optimized(
    plan: Arc<dyn ExecutionPlan>,
    config: &SessionConfig,
) -> Arc<dyn ExecutionPlan> {
    PhysicalOptimizer::new()
        .rules
        .iter()
        .fold(plan, |plan, rule| {
            rule.optimize(plan, config.options()).unwrap()
        })
}

#[tokio::test]
async fn the_same_rows_at_any_number_of_partitions() {
    let context = SessionContext::new();
    let (entity, input) = sides(&context).await;
    let collected = PitJoinExec::try_new(entity, vec![input], spec()).unwrap();
    let expected = sorted(
        &collect(Arc::new(collected), context.task_ctx())
            .await
            .unwrap(),
    );
    assert!(expected.iter().any(|(_, v)| v.is_some()));
    for partitions in [1, 2, 7] {
        let config = SessionConfig::new()
            .with_target_partitions(partitions)
            .with_batch_size(8);
        let context = SessionContext::new_with_config(config.clone());
        let (entity, input) = sides(&context).await;
        let mode = PitJoinMode::Partitioned;
        let join = PitJoinExec::try_new_with_mode(entity, vec![input], spec(), mode).unwrap();
        let plan = optimized(Arc::new(join), &config);
        let answer = collect(plan, context.task_ctx()).await.unwrap();
        assert_eq!(sorted(&answer), expected, "{partitions} partitions");
    }
}

#[tokio::test]
async fn a_side_partitioned_by_some_of_the_keys_is_partitioned_again() {
    let config = SessionConfig::new().with_target_partitions(7);
    let context = SessionContext::new_with_config(config.clone());
    let (entity, input) = sides(&context).await;
    let a = datafusion::physical_expr::expressions::col("a", &entity.schema()).unwrap();
    let by_a = RepartitionExec::try_new(entity, Partitioning::Hash(vec![a], 7)).unwrap();
    let mode = PitJoinMode::Partitioned;
    let join = PitJoinExec::try_new_with_mode(Arc::new(by_a), vec![input], spec(), mode).unwrap();
    let required = join.required_input_distribution();
    for distribution in &required {
        let Distribution::HashPartitioned(keys) = distribution else {
            panic!("{distribution:?}");
        };
        // Several could be taken for satisfied by a partitioning on some of them.
        assert_eq!(keys.len(), 1);
    }
    // Both sides are hashed as one type.
    let types = join.children().into_iter().zip(&required).map(|(c, d)| {
        let Distribution::HashPartitioned(keys) = d else {
            panic!("{d:?}");
        };
        keys[0].data_type(&c.schema()).unwrap().to_string()
    });
    let types = types.collect::<Vec<_>>();
    assert_eq!(types[0], types[1]);
    let plan = optimized(Arc::new(join), &config);
    let answer = collect(plan, context.task_ctx()).await.unwrap();
    let whole = SessionContext::new();
    let (entity, input) = sides(&whole).await;
    let collected = PitJoinExec::try_new(entity, vec![input], spec()).unwrap();
    let expected = collect(Arc::new(collected), whole.task_ctx())
        .await
        .unwrap();
    assert_eq!(sorted(&answer), sorted(&expected));
}

#[tokio::test]
async fn unequal_numbers_of_partitions_are_refused() {
    let context = SessionContext::new();
    let (entity, input) = sides(&context).await;
    let a = datafusion::physical_expr::expressions::col("a", &entity.schema()).unwrap();
    let three = RepartitionExec::try_new(entity, Partitioning::Hash(vec![a], 3)).unwrap();
    assert_ne!(input.output_partitioning().partition_count(), 3);
    let mode = PitJoinMode::Partitioned;
    let join = PitJoinExec::try_new_with_mode(Arc::new(three), vec![input], spec(), mode).unwrap();
    let error = join
        .execute(0, context.task_ctx())
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("3 partitions, its input 1 has"), "{error}");
}

#[tokio::test]
async fn views_that_cannot_be_partitioned_together_are_named() {
    let context = SessionContext::new();
    let (entity, input) = sides(&context).await;
    let mut other = spec().views[0].clone();
    other.name = "other".to_owned();
    other.keys.pop();
    other.features[0].output = "w".to_owned();
    let two = Arc::new(PitSpec {
        event_time: "time".to_owned(),
        views: vec![spec().views[0].clone(), other],
    });
    let inputs = vec![Arc::clone(&input), input];
    let mode = PitJoinMode::Partitioned;
    let error = PitJoinExec::try_new_with_mode(entity, inputs, two, mode);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("views stats and other"), "{error}");
}
