// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

mod instants;
mod leases;
mod memory;
mod partitioned;
mod pruning;
mod sorts;
mod streams;
mod ties;
mod told;
mod turns;
mod twice;

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{
    ArrayRef, Float64Array, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow::record_batch::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use datafusion::common::ScalarValue;
use datafusion::datasource::MemTable;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::{SessionConfig, SessionContext};

use super::PitJoinExec;
use crate::spec::{PitFeature, PitKey, PitProvenance, PitSpec, PitView};

fn times(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values.to_vec()).with_timezone("UTC"))
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true)))
        .unwrap()
}

fn view(ttl: Option<Duration>) -> PitView {
    let name = |n: &str| n.to_owned();
    PitView {
        name: name("stats"),
        keys: vec![PitKey {
            entity: name("driver"),
            view: name("driver"),
        }],
        event_time: name("at"),
        created_time: Some(name("created")),
        tie_break: vec![name("v")],
        ttl,
        created_cutoff: false,
        features: vec![PitFeature {
            column: name("v"),
            output: name("v"),
        }],
        provenance: None,
    }
}

async fn scan(
    context: &SessionContext,
    partitions: Vec<Vec<RecordBatch>>,
) -> Arc<dyn ExecutionPlan> {
    let schema = partitions[0][0].schema();
    let table = MemTable::try_new(schema, partitions).unwrap();
    context
        .read_table(Arc::new(table))
        .unwrap()
        .create_physical_plan()
        .await
        .unwrap()
}

async fn join(
    entities: RecordBatch,
    views: Vec<(PitView, Vec<Vec<RecordBatch>>)>,
) -> Vec<RecordBatch> {
    let context = SessionContext::new_with_config(SessionConfig::new().with_batch_size(2));
    let entity = scan(&context, vec![vec![entities]]).await;
    let mut inputs = Vec::new();
    let mut specs = Vec::new();
    for (spec, partitions) in views {
        specs.push(spec);
        inputs.push(scan(&context, partitions).await);
    }
    let spec = PitSpec {
        event_time: "time".to_owned(),
        views: specs,
    };
    let join = PitJoinExec::try_new(entity, inputs, Arc::new(spec)).unwrap();
    collect(Arc::new(join), context.task_ctx()).await.unwrap()
}

fn column(batches: &[RecordBatch], name: &str) -> Vec<Option<i64>> {
    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;
    batches
        .iter()
        .flat_map(|b| {
            b.column_by_name(name)
                .unwrap()
                .as_primitive::<Int64Type>()
                .iter()
                .collect::<Vec<_>>()
        })
        .collect()
}

fn entities() -> RecordBatch {
    batch(vec![
        (
            "driver",
            Arc::new(Int64Array::from(vec![
                Some(1),
                Some(1),
                Some(2),
                None,
                Some(1),
                Some(1),
            ])) as ArrayRef,
        ),
        (
            "time",
            times(&[Some(5), Some(9), Some(2), Some(5), None, Some(5)]),
        ),
    ])
}

fn history() -> Vec<RecordBatch> {
    let rows = |driver: Vec<i64>, at: Vec<i64>, created: Vec<Option<i64>>, v: Vec<Option<i64>>| {
        let at = at.into_iter().map(Some).collect::<Vec<_>>();
        batch(vec![
            ("driver", Arc::new(Int64Array::from(driver)) as ArrayRef),
            ("at", times(&at)),
            ("created", times(&created)),
            ("v", Arc::new(Int64Array::from(v))),
        ])
    };
    vec![
        rows(
            vec![1, 1, 1],
            vec![1, 4, 6],
            vec![Some(1), Some(4), Some(6)],
            vec![Some(10), Some(40), Some(60)],
        ),
        rows(
            vec![1, 3],
            vec![4, 1],
            vec![None, Some(1)],
            vec![Some(99), Some(7)],
        ),
    ]
}

#[tokio::test]
async fn newest_row_not_after_the_entity_row_wins_in_input_order() {
    let answer = join(entities(), vec![(view(None), vec![history()])]).await;
    assert_eq!(
        column(&answer, "v"),
        [Some(40), Some(60), None, None, None, Some(40)]
    );
    assert_eq!(
        column(&answer, "driver"),
        [Some(1), Some(1), Some(2), None, Some(1), Some(1)]
    );
}

#[tokio::test]
async fn provenance_follows_the_features() {
    let told = PitView {
        provenance: Some(PitProvenance {
            event_time: "stats__at".to_owned(),
            created_time: "stats__created".to_owned(),
            constants: vec![("stats__version".to_owned(), ScalarValue::from(7_i64))],
        }),
        ..view(None)
    };
    let untold = PitView {
        created_time: None,
        ..told.clone()
    };
    let answer = join(entities(), vec![(told, vec![history()])]).await;
    let names = answer[0].schema();
    let names: Vec<_> = names.fields().iter().map(|f| f.name().as_str()).collect();
    let expected = [
        "driver",
        "time",
        "v",
        "stats__at",
        "stats__created",
        "stats__version",
    ];
    assert_eq!(names, expected);
    let shown = |name: &str, answer: &[RecordBatch]| {
        let zoned = arrow::compute::concat_batches(&answer[0].schema(), answer).unwrap();
        let column = zoned.column_by_name(name).unwrap();
        assert_eq!(column.data_type(), times(&[]).data_type(), "{name}");
        let micros = arrow::compute::cast(column, &arrow::datatypes::DataType::Int64).unwrap();
        use arrow::array::AsArray;
        use arrow::datatypes::Int64Type;
        micros
            .as_primitive::<Int64Type>()
            .iter()
            .collect::<Vec<_>>()
    };
    let won = [Some(4), Some(6), None, None, None, Some(4)];
    assert_eq!(shown("stats__at", &answer), won);
    assert_eq!(shown("stats__created", &answer), won);
    assert_eq!(column(&answer, "stats__version"), [Some(7); 6]);
    let answer = join(entities(), vec![(untold, vec![history()])]).await;
    assert_eq!(shown("stats__at", &answer), won);
    assert_eq!(shown("stats__created", &answer), [None; 6]);
}

#[tokio::test]
async fn ttl_is_inclusive() {
    let ttl = |micros| Some(Duration::from_micros(micros));
    let three = join(entities(), vec![(view(ttl(3)), vec![history()])]).await;
    assert_eq!(column(&three, "v")[1], Some(60));
    let two = join(entities(), vec![(view(ttl(2)), vec![history()])]).await;
    assert_eq!(column(&two, "v")[1], None);
}

#[tokio::test]
async fn partitions_and_batch_borders_do_not_matter() {
    let whole = join(entities(), vec![(view(None), vec![history()])]).await;
    let rows = history()
        .iter()
        .flat_map(|b| (0..b.num_rows()).map(|r| b.slice(r, 1)))
        .collect::<Vec<_>>();
    let split = rows.into_iter().rev().map(|r| vec![r]).collect();
    let split = join(entities(), vec![(view(None), split)]).await;
    let text = |b: &[RecordBatch]| pretty_format_batches(b).unwrap().to_string();
    assert_eq!(text(&whole), text(&split));
}

#[tokio::test]
async fn created_cutoff_hides_what_was_not_known() {
    let mut cutoff = view(None);
    cutoff.created_cutoff = true;
    let late = batch(vec![
        ("driver", Arc::new(Int64Array::from(vec![1, 1])) as ArrayRef),
        ("at", times(&[Some(1), Some(4)])),
        ("created", times(&[Some(2), Some(8)])),
        ("v", Arc::new(Int64Array::from(vec![10, 40]))),
    ]);
    let answer = join(entities(), vec![(cutoff, vec![vec![late]])]).await;
    assert_eq!(column(&answer, "v")[..2], [Some(10), Some(40)]);
}

#[tokio::test]
async fn exact_ties_go_to_the_greatest_value() {
    let tied = |values: Vec<Option<i64>>| {
        let n = values.len();
        batch(vec![
            ("driver", Arc::new(Int64Array::from(vec![1; n])) as ArrayRef),
            ("at", times(&vec![Some(4); n])),
            ("created", times(&vec![None; n])),
            ("v", Arc::new(Int64Array::from(values))),
        ])
    };
    for values in [
        vec![Some(3), None, Some(5), Some(4)],
        vec![Some(5), Some(4), Some(3), None],
    ] {
        let answer = join(entities(), vec![(view(None), vec![vec![tied(values)]])]).await;
        assert_eq!(column(&answer, "v")[0], Some(5));
    }
}

#[tokio::test]
async fn composite_keys_widen_and_do_not_mix() {
    let entities = batch(vec![
        (
            "a",
            Arc::new(StringArray::from(vec!["1", "11"])) as ArrayRef,
        ),
        ("b", Arc::new(Int32Array::from(vec![11, 1]))),
        ("time", times(&[Some(5), Some(5)])),
    ]);
    let rows = batch(vec![
        (
            "a",
            Arc::new(StringArray::from(vec!["1", "11"])) as ArrayRef,
        ),
        ("b", Arc::new(Int64Array::from(vec![11, 1]))),
        ("at", times(&[Some(5), Some(4)])),
        ("v", Arc::new(Int64Array::from(vec![1, 2]))),
    ]);
    let key = |n: &str| PitKey {
        entity: n.to_owned(),
        view: n.to_owned(),
    };
    let composite = PitView {
        keys: vec![key("b"), key("a")],
        created_time: None,
        ..view(None)
    };
    let answer = join(entities, vec![(composite, vec![vec![rows]])]).await;
    assert_eq!(column(&answer, "v"), [Some(1), Some(2)]);
}

#[tokio::test]
async fn many_replaced_winners_are_compacted() {
    let n = 300_000_i64;
    let rows = (0..n)
        .step_by(1_000)
        .map(|first| {
            let at = (first..first + 1_000).map(Some).collect::<Vec<_>>();
            batch(vec![
                (
                    "driver",
                    Arc::new(Int64Array::from(vec![1; 1_000])) as ArrayRef,
                ),
                ("at", times(&at)),
                ("created", times(&at)),
                ("v", Arc::new(Int64Array::from(at.clone()))),
            ])
        })
        .collect::<Vec<_>>();
    let all = batch(vec![
        (
            "driver",
            Arc::new(Int64Array::from(vec![1; 100_000])) as ArrayRef,
        ),
        (
            "time",
            times(&(0..100_000).map(|t| Some(t * 3)).collect::<Vec<_>>()),
        ),
    ]);
    let answer = join(all, vec![(view(None), vec![rows])]).await;
    let expected = (0..100_000).map(|t| Some(t * 3)).collect::<Vec<_>>();
    assert_eq!(column(&answer, "v"), expected);
}

#[tokio::test]
async fn entityless_view_gives_its_latest_row_to_every_entity_row() {
    let global = PitView {
        keys: vec![],
        ..view(None)
    };
    let answer = join(entities(), vec![(global, vec![history()])]).await;
    assert_eq!(
        column(&answer, "v"),
        [Some(40), Some(60), Some(10), Some(40), None, Some(40)]
    );
}

#[tokio::test]
async fn illegal_keys_are_refused_by_name() {
    let context = SessionContext::new();
    let floats = batch(vec![
        (
            "driver",
            Arc::new(Float64Array::from(vec![1.0])) as ArrayRef,
        ),
        ("time", times(&[Some(5)])),
    ]);
    let entity = scan(&context, vec![vec![floats]]).await;
    let input = scan(&context, vec![history()]).await;
    let spec = PitSpec {
        event_time: "time".to_owned(),
        views: vec![view(None)],
    };
    let error = PitJoinExec::try_new(entity, vec![input], Arc::new(spec))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("join key driver of the entity side has type Float64"),
        "{error}"
    );
}

#[tokio::test]
async fn a_fetch_answers_the_first_entity_rows() {
    let context = SessionContext::new();
    let halves = (0..2).map(|h| vec![entities().slice(h * 3, 3)]).collect();
    let entity = scan(&context, halves).await;
    let input = scan(&context, vec![history()]).await;
    let spec = PitSpec {
        event_time: "time".to_owned(),
        views: vec![view(None)],
    };
    let join = PitJoinExec::try_new(entity, vec![input], Arc::new(spec)).unwrap();
    let join = join.with_fetch(Some(4)).unwrap();
    let answer = collect(join, context.task_ctx()).await.unwrap();
    assert_eq!(column(&answer, "v"), [Some(40), Some(60), None, None]);
}
