// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A join that bytes ask for: tables, views, options and how it runs.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use datafusion::scalar::ScalarValue;
use feast_pit::{PitFeature, PitJoinMode, PitKey, PitProvenance, PitSpec, PitView};
use feast_testkit::oracle;

use super::arrays::{column, feature_types, key_types, time_types};
use super::bytes::Bytes;

/// Rows in partitions of batches.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) schema: SchemaRef,
    pub(super) partitions: Vec<Vec<RecordBatch>>,
}

/// What is asked, and how.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) entity: Rows,
    pub(super) views: Vec<Rows>,
    pub(super) spec: PitSpec,
    pub(super) mode: PitJoinMode,
    pub(super) target_partitions: usize,
    pub(super) batch_size: usize,
    pub(super) memory: Option<usize>,
}

const KEYS: [&str; 3] = ["k0", "k1", "k2"];
const FEATURES: [&str; 3] = ["u", "v", "w"];

impl Rows {
    fn draw(b: &mut Bytes<'_>, fields: Vec<(&str, DataType)>, most: usize) -> Self {
        let named =
            |(name, data_type): &(&str, DataType)| Field::new(*name, data_type.clone(), true);
        let schema = Arc::new(Schema::new(fields.iter().map(named).collect::<Vec<_>>()));
        let mut batch = || {
            let rows = match b.chance(30) {
                true => 0,
                false => b.below(most) + 1,
            };
            let columns: Vec<ArrayRef> = fields.iter().map(|(_, t)| column(b, t, rows)).collect();
            let options = RecordBatchOptions::new().with_row_count(Some(rows));
            RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options).unwrap()
        };
        let mut partitions = vec![vec![batch()]];
        for _ in 0..2 {
            let next = batch();
            match next.num_rows() % 3 {
                0 => {}
                1 => partitions.push(vec![next]),
                _ => partitions.last_mut().unwrap().push(next),
            }
        }
        Self { schema, partitions }
    }

    fn batch(&self) -> Result<RecordBatch, ArrowError> {
        concat_batches(&self.schema, self.partitions.iter().flatten())
    }
}

impl Question {
    pub(super) fn draw(bytes: &[u8]) -> Self {
        let b = &mut Bytes::new(bytes);
        let mode = b.pick(&[PitJoinMode::Collected, PitJoinMode::Partitioned]);
        let target_partitions = 1 + b.below(4);
        let batch_size = b.pick(&[8192, 1, 2, 3]);
        let memory = b.chance(60).then(|| 1 << (9 + b.below(10)));
        let types: Vec<DataType> = KEYS.iter().map(|_| b.pick(&key_types())).collect();
        let time = b.pick(&time_types());
        let mut fields: Vec<_> = KEYS.into_iter().zip(types.iter().cloned()).collect();
        fields.push(("time", time));
        fields.push(("x", entity_type(b)));
        let entity = Rows::draw(b, fields, 12);
        let cutoff = b.chance(100);
        let (mut views, mut specs) = (Vec::new(), Vec::new());
        for number in 0..b.below(4) {
            let (rows, spec) = view(b, number, &types, cutoff);
            views.push(rows);
            specs.push(spec);
        }
        Self {
            entity,
            views,
            spec: PitSpec {
                event_time: b
                    .pick(&["time", "time", "time", "time", "x", "nothing"])
                    .to_owned(),
                views: specs,
            },
            mode,
            target_partitions,
            batch_size,
            memory,
        }
    }

    /// The same question to the oracle.
    pub(super) fn expected(&self) -> Result<RecordBatch, ArrowError> {
        let view = |(spec, rows): (&PitView, &Rows)| {
            Ok(oracle::PitView {
                label: spec.name.clone(),
                rows: rows.batch()?,
                keys: spec
                    .keys
                    .iter()
                    .map(|key| (key.view.clone(), key.entity.clone()))
                    .collect(),
                time: spec.event_time.clone(),
                created: spec.created_time.clone(),
                ttl: spec.ttl.map(|ttl| i128::try_from(ttl.as_nanos()).unwrap()),
                tie_break: spec.tie_break.clone(),
                features: Vec::new(),
                requested: spec.features.iter().map(|f| f.column.clone()).collect(),
            })
        };
        oracle::answer(&oracle::PitQuery {
            entity: self.entity.batch()?,
            entity_time: self.spec.event_time.clone(),
            views: self
                .spec
                .views
                .iter()
                .zip(&self.views)
                .map(view)
                .collect::<Result<_, ArrowError>>()?,
            created_cutoff: self.spec.views.iter().any(|view| view.created_cutoff),
            full_feature_names: true,
        })
    }

    /// The columns of the join's answer that the oracle gives too.
    pub(super) fn without_provenance(&self) -> Vec<usize> {
        let mut kept: Vec<usize> = (0..self.entity.schema.fields().len()).collect();
        let mut first = kept.len();
        for view in &self.spec.views {
            kept.extend(first..first + view.features.len());
            let told = view
                .provenance
                .as_ref()
                .map_or(0, |p| 2 + p.constants.len());
            first += view.features.len() + told;
        }
        kept
    }
}

/// A type that keeps its name in an answer.
fn entity_type(b: &mut Bytes<'_>) -> DataType {
    match b.pick(&feature_types()) {
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(unit, Some("UTC".into())),
        other => other,
    }
}

fn view(b: &mut Bytes<'_>, number: usize, types: &[DataType], cutoff: bool) -> (Rows, PitView) {
    let key_type = |b: &mut Bytes<'_>, own: &DataType| match b.chance(50) {
        true => b.pick(&key_types()),
        false => own.clone(),
    };
    let mut fields = Vec::new();
    for (name, own) in KEYS.into_iter().zip(types) {
        fields.push((name, key_type(b, own)));
    }
    fields.push(("at", b.pick(&time_types())));
    fields.push(("created", b.pick(&time_types())));
    for name in FEATURES {
        fields.push((name, b.pick(&feature_types())));
    }
    let name = format!("view{number}");
    let key = |entity: &str| PitKey {
        entity: entity.to_owned(),
        view: entity.to_owned(),
    };
    let mut keys: Vec<PitKey> = b.some(&KEYS).into_iter().map(key).collect();
    if b.chance(10) {
        keys.push(PitKey {
            entity: "time".to_owned(),
            view: "nothing".to_owned(),
        });
    }
    let created = b.chance(150).then(|| "created".to_owned());
    let mut features = b.some(&FEATURES);
    features.extend(b.chance(40).then_some("at"));
    let mut tie_break = b.some(&FEATURES);
    let rest = FEATURES.into_iter().chain(["at"]);
    for feature in rest {
        if !tie_break.contains(&feature) {
            tie_break.push(feature);
        }
    }
    let output = |column: &&str| PitFeature {
        column: (*column).to_owned(),
        output: format!("{name}__{column}"),
    };
    let spec = PitView {
        keys,
        event_time: "at".to_owned(),
        created_cutoff: cutoff && created.is_some(),
        created_time: created,
        tie_break: tie_break.into_iter().map(str::to_owned).collect(),
        ttl: b.pick(&[
            None,
            Some(Duration::ZERO),
            Some(Duration::from_nanos(1)),
            Some(Duration::from_micros(2)),
            Some(Duration::from_secs(3)),
            Some(Duration::from_secs(86_400)),
            Some(Duration::MAX),
        ]),
        features: features.iter().map(output).collect(),
        provenance: b.chance(50).then(|| PitProvenance {
            event_time: format!("{name}__event"),
            created_time: format!("{name}__created"),
            constants: vec![(format!("{name}__id"), ScalarValue::from(7_i64))],
        }),
        name,
    };
    (Rows::draw(b, fields, 16), spec)
}
