// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Answers with late payload against those in one pass, over rows in memory.

mod counted;

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{
    Array, ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::Result;
use datafusion::config::ConfigOptions;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::exec::PitJoinExec;
use crate::late::{FetchRows, LatePayload, LatePayloads, LateScan, PayloadMode};
use crate::spec::{PitFeature, PitKey, PitProvenance, PitSpec, PitView};

/// Refers to rows in memory by their number; forgets so many of those it is asked for.
#[derive(Debug)]
struct MemoryRows {
    forgets: usize,
}

#[derive(Debug)]
struct KnownRows {
    rows: RecordBatch,
    forgets: usize,
}

impl LatePayload for MemoryRows {
    fn split(&self, scan: &Arc<dyn ExecutionPlan>, narrow: &[usize]) -> Result<Option<LateScan>> {
        let schema = scan.schema();
        // The join leaves out columns that it reads only where rows tie.
        let projection = scan.as_any().downcast_ref::<ProjectionExec>();
        let below = projection.map_or(scan, ProjectionExec::input);
        let kept: Vec<usize> = match projection {
            Some(projection) => projection
                .expr()
                .iter()
                .map(|expr| expr.expr.as_any().downcast_ref::<Column>().unwrap().index())
                .collect(),
            None => (0..schema.fields().len()).collect(),
        };
        let source = below.as_any().downcast_ref::<DataSourceExec>().unwrap();
        let memory = source.data_source().as_any();
        let memory = memory.downcast_ref::<MemorySourceConfig>().unwrap();
        let columns = schema.project(narrow)?;
        let reference = Arc::new(Field::new("reference", DataType::UInt64, false));
        let fields: Vec<_> = columns
            .fields()
            .iter()
            .cloned()
            .chain([reference])
            .collect();
        let narrow_schema = Arc::new(Schema::new(fields));
        let mut first = 0;
        let mut partitions = Vec::new();
        for partition in memory.partitions() {
            let mut batches = Vec::new();
            for batch in partition {
                let next = first + batch.num_rows() as u64;
                let references = UInt64Array::from_iter_values(first..next);
                first = next;
                let mut columns = batch.project(&kept)?.project(narrow)?.columns().to_vec();
                columns.push(Arc::new(references));
                batches.push(RecordBatch::try_new(Arc::clone(&narrow_schema), columns)?);
            }
            partitions.push(batches);
        }
        let all = memory.partitions().iter().flatten();
        let all: Vec<_> = all
            .map(|batch| batch.project(&kept))
            .collect::<std::result::Result<_, _>>()?;
        Ok(Some(LateScan {
            narrow: MemorySourceConfig::try_new_exec(&partitions, narrow_schema, None)?,
            fetch: Arc::new(KnownRows {
                rows: concat_batches(&schema, &all)?,
                forgets: self.forgets,
            }),
        }))
    }
}

impl FetchRows for KnownRows {
    fn fetch(
        &self,
        references: Arc<[u64]>,
        columns: &[usize],
        _context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        assert!(references.is_sorted_by(|a, b| a < b), "{references:?}");
        let given = references.len().saturating_sub(self.forgets);
        let rows = self.rows.project(columns)?;
        let schema = rows.schema();
        let batches: Vec<_> = references[..given]
            .chunks(2)
            .map(|some| Ok(take_record_batch(&rows, &UInt64Array::from(some.to_vec()))?))
            .collect();
        let batches = futures::stream::iter(batches);
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }
}

/// The high bits of a linear congruence.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        ((self.0 >> 33) % sides) as i64
    }

    fn some(&mut self, sides: u64) -> Option<i64> {
        let value = self.roll(sides + 1);
        (value < sides.cast_signed()).then_some(value)
    }

    fn column(&mut self, rows: usize, sides: u64) -> Vec<Option<i64>> {
        (0..rows).map(|_| self.some(sides)).collect()
    }

    fn times(&mut self, rows: usize, sides: u64) -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(self.column(rows, sides)))
    }

    fn history(&mut self, rows: usize) -> RecordBatch {
        let texts = self.column(rows, 3).into_iter();
        let texts = texts.map(|text| text.map(|text| format!("text {text}, not short")));
        let columns: [(&str, ArrayRef); 5] = [
            ("s", Arc::new(StringArray::from_iter(texts))),
            ("created", self.times(rows, 3)),
            ("driver", Arc::new(Int64Array::from(self.column(rows, 4)))),
            ("v", Arc::new(Int64Array::from(self.column(rows, 3)))),
            ("at", self.times(rows, 12)),
        ];
        let columns = columns
            .into_iter()
            .map(|(name, column)| (name, column, true));
        RecordBatch::try_from_iter_with_nullable(columns).unwrap()
    }

    fn entities(&mut self, rows: usize) -> RecordBatch {
        let columns: [(&str, ArrayRef); 2] = [
            ("driver", Arc::new(Int64Array::from(self.column(rows, 5)))),
            ("time", self.times(rows, 15)),
        ];
        let columns = columns
            .into_iter()
            .map(|(name, column)| (name, column, true));
        RecordBatch::try_from_iter_with_nullable(columns).unwrap()
    }

    fn view(&mut self) -> PitView {
        let keyed = self.roll(5) > 0;
        let key = || PitKey {
            entity: "driver".to_owned(),
            view: "driver".to_owned(),
        };
        let created = self.roll(3) > 0;
        let feature = |name: &str| PitFeature {
            column: name.to_owned(),
            output: name.to_owned(),
        };
        let told = self.roll(3) == 0;
        PitView {
            name: "stats".to_owned(),
            keys: keyed.then(key).into_iter().collect(),
            event_time: "at".to_owned(),
            created_time: created.then(|| "created".to_owned()),
            tie_break: vec!["v".to_owned(), "s".to_owned()],
            ttl: (self.roll(2) > 0).then(|| Duration::from_micros(3)),
            created_cutoff: created && self.roll(2) > 0,
            features: match self.roll(3) {
                0 => vec![feature("v"), feature("s")],
                1 => vec![feature("s")],
                _ => vec![feature("v")],
            },
            provenance: told.then(|| PitProvenance {
                event_time: "won_at".to_owned(),
                created_time: "won_created".to_owned(),
                constants: Vec::new(),
            }),
        }
    }
}

struct Case {
    entities: RecordBatch,
    history: Vec<Vec<RecordBatch>>,
    view: PitView,
}

impl Case {
    fn draw(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let rows = 1 + dice.roll(12) as usize;
        let entities = dice.entities(rows);
        let partitions = 1 + dice.roll(3);
        let batches = 1 + dice.roll(3);
        let history = (0..partitions).map(|_| {
            let batches = (0..batches).map(|_| {
                let rows = 1 + dice.roll(9) as usize;
                dice.history(rows)
            });
            batches.collect()
        });
        Self {
            entities,
            history: history.collect(),
            view: dice.view(),
        }
    }

    fn join(&self) -> Arc<PitJoinExec> {
        let rows = [vec![self.entities.clone()]];
        let entity = MemorySourceConfig::try_new_exec(&rows, self.entities.schema(), None);
        let schema = self.history[0][0].schema();
        let view = MemorySourceConfig::try_new_exec(&self.history, schema, None);
        let spec = PitSpec {
            event_time: "time".to_owned(),
            views: vec![self.view.clone()],
        };
        let join = PitJoinExec::try_new(entity.unwrap(), vec![view.unwrap()], Arc::new(spec));
        Arc::new(join.unwrap())
    }
}

fn session(
    batch_size: usize,
    forgets: usize,
    mode: fn(&ConfigOptions) -> PayloadMode,
) -> Arc<TaskContext> {
    let late = LatePayloads::new(Arc::new(MemoryRows { forgets }), mode);
    let config = SessionConfig::new()
        .with_batch_size(batch_size)
        .with_extension(Arc::new(late));
    SessionContext::new_with_config(config).task_ctx()
}

fn count(join: &PitJoinExec, name: &str) -> usize {
    let metrics = join.metrics().unwrap();
    metrics
        .sum_by_name(name)
        .map_or(0, |value| value.as_usize())
}

#[tokio::test]
async fn late_payload_gives_the_same_answer() {
    let (mut fetched, mut tied) = (0, 0);
    for seed in 0..600 {
        let case = Case::draw(seed);
        let batch_size = [1, 3, 8192][seed as usize % 3];
        let one = case.join();
        let context = session(batch_size, 0, |_| PayloadMode::OnePass);
        let wanted = collect(Arc::clone(&one) as _, context).await.unwrap();
        assert_eq!(count(&one, "stats.late_payload"), 0);
        let late = case.join();
        let context = session(batch_size, 0, |_| PayloadMode::Late);
        let found = collect(Arc::clone(&late) as _, context).await.unwrap();
        assert_eq!(found, wanted, "seed {seed}");
        assert_eq!(count(&late, "stats.late_payload"), 1, "seed {seed}");
        let slots = |join| count(join, "stats.slots_filled");
        if count(&late, "stats.slots_tied") == 0 {
            assert_eq!(slots(&late), slots(&one), "seed {seed}");
        }
        fetched += count(&late, "stats.rows_fetched");
        tied += count(&late, "stats.slots_tied");
    }
    assert!(
        fetched > 1000 && tied > 150,
        "{fetched} fetched, {tied} tied"
    );
}

#[tokio::test]
async fn small_views_are_read_in_one_pass() {
    let join = Case::draw(0).join();
    let context = session(8192, 0, |_| PayloadMode::Auto);
    collect(Arc::clone(&join) as _, context).await.unwrap();
    assert_eq!(count(&join, "stats.late_payload"), 0);
}

#[tokio::test]
async fn rows_that_are_lost_on_the_way_are_an_error() {
    let mut failed = 0;
    for seed in 0..20 {
        let case = Case::draw(seed);
        let complete = case.join();
        let context = session(8192, 0, |_| PayloadMode::Late);
        collect(Arc::clone(&complete) as _, context).await.unwrap();
        let context = session(8192, 1, |_| PayloadMode::Late);
        let lost = collect(case.join() as _, context).await;
        if count(&complete, "stats.rows_fetched") > 0 {
            let error = lost.unwrap_err().to_string();
            assert!(error.contains("feature view stats"), "{error}");
            assert!(error.contains("did not give as many rows"), "{error}");
            failed += 1;
        }
    }
    assert!(failed > 5, "{failed}");
}

#[tokio::test]
async fn fetched_rows_count_as_memory() {
    use datafusion::execution::memory_pool::GreedyMemoryPool;
    use datafusion::execution::runtime_env::RuntimeEnvBuilder;
    let mut case = Case::draw(1);
    case.view.features = vec![PitFeature {
        column: "s".to_owned(),
        output: "s".to_owned(),
    }];
    let text = "x".repeat(1 << 16);
    for batch in case.history.iter_mut().flatten() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![text.as_str(); batch.num_rows()]));
        let mut columns = batch.columns().to_vec();
        columns[0] = texts;
        *batch = RecordBatch::try_new(batch.schema(), columns).unwrap();
    }
    let run = |limit: usize| {
        let join = case.join();
        let pool = Arc::new(GreedyMemoryPool::new(limit));
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc();
        let late = LatePayloads::new(Arc::new(MemoryRows { forgets: 0 }), |_| PayloadMode::Late);
        let config = SessionConfig::new().with_extension(Arc::new(late));
        let context = SessionContext::new_with_config_rt(config, runtime.unwrap());
        async move {
            let answer = collect(Arc::clone(&join) as _, context.task_ctx()).await;
            assert_eq!(context.runtime_env().memory_pool.reserved(), 0);
            answer.map(|rows| (count(&join, "stats.rows_fetched"), rows))
        }
    };
    let (fetched, rows) = run(1 << 30).await.unwrap();
    assert!(fetched > 0, "{fetched}");
    let first = rows[0].column_by_name("s").unwrap();
    assert!(first.len() > first.null_count());
    let error = run(1 << 15).await.unwrap_err();
    let error = error.find_root().to_string();
    assert!(error.contains("Resources exhausted"), "{error}");
}
