// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! No pruned file has a row that is selected: random rows, metrics as writers write them (exact,
//! cut, widened, missing), random partitions, random predicates.

mod draw;
mod metrics;
mod predicates;
mod values;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::SessionContext;
use iceberg::io::FileIO;
use iceberg::spec::{
    DataContentType, DataFileBuilder, DataFileFormat, Literal, ManifestWriterBuilder,
    PartitionSpec, Struct,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use self::draw::{Column, columns, draw_spec, iceberg_schema};
use super::super::bounds::metrics_facts;
use super::super::containers::{ContainerColumn, Containers, may_match};
use super::super::decode::decode;
use super::super::entry_layout::Detail;
use super::super::facts::ColumnFacts;
use super::super::manifests::LoadedManifest;
use super::super::partitions::summary_facts;
use super::super::select::{file_metrics, select_files};
use crate::schema::TableColumns;

const ROUNDS: u64 = 30;
const PREDICATES: usize = 40;
const FILES: usize = 24;

/// The rows of a file, by column.
type Rows = Vec<Vec<ScalarValue>>;

/// A manifest and the rows of its files.
struct World {
    columns: Vec<Column>,
    shown: TableColumns,
    spec: PartitionSpec,
    manifest: LoadedManifest,
    files: Vec<Rows>,
}

impl World {
    async fn draw(random: &mut StdRng) -> Self {
        let columns = columns();
        let schema = iceberg_schema(&columns);
        let shown = TableColumns::try_new("ns.t", &schema).unwrap();
        let spec = draw_spec(random, &columns, &schema);
        let io = FileIO::new_with_memory();
        let output = io.new_output("memory:/m.avro").unwrap();
        let mut writer =
            ManifestWriterBuilder::new(output, Some(1), Arc::clone(&schema), spec.clone())
                .build_v2_data();
        let mut files = Vec::new();
        for number in 0..FILES {
            let (rows, tuple) = draw_rows(random, &columns, &spec);
            let records = rows[0].len() as u64;
            let metrics = metrics::draw(random, &columns, &rows);
            let file = DataFileBuilder::default()
                .content(DataContentType::Data)
                .file_path(format!("memory:/{number}.parquet"))
                .file_format(DataFileFormat::Parquet)
                .partition(tuple)
                .record_count(records)
                .file_size_in_bytes(1)
                .null_value_counts(metrics.nulls)
                .nan_value_counts(metrics.nans)
                .lower_bounds(metrics.lower)
                .upper_bounds(metrics.upper)
                .build();
            writer.add_file(file.unwrap(), 1).unwrap();
            files.push(rows);
        }
        let listed = writer.write_manifest_file().await.unwrap();
        let bytes = io
            .new_input("memory:/m.avro")
            .unwrap()
            .read()
            .await
            .unwrap();
        let types = columns
            .iter()
            .map(|c| (c.id, c.primitive.clone()))
            .collect();
        let entries = decode(
            &bytes,
            &listed,
            &Arc::new(spec.clone()),
            &types,
            Detail::Planning,
        )
        .unwrap();
        Self {
            columns,
            shown,
            spec,
            manifest: LoadedManifest {
                file: listed,
                manifest: Arc::new(entries),
            },
            files,
        }
    }

    /// All rows, file after file.
    fn batch(&self) -> RecordBatch {
        let column = |at: usize| {
            let values = self.files.iter().flat_map(|rows| rows[at].iter().cloned());
            ScalarValue::iter_to_array(values).unwrap()
        };
        let columns = (0..self.columns.len()).map(column).collect();
        RecordBatch::try_new(Arc::clone(self.shown.arrow()), columns).unwrap()
    }

    /// For each file whether a row is selected. None when the predicate fails on a row.
    fn matches(&self, batch: &RecordBatch, predicate: &Arc<dyn PhysicalExpr>) -> Option<Vec<bool>> {
        let value = predicate.evaluate(batch).ok()?;
        let value = value.into_array(batch.num_rows()).ok()?;
        let selected = value.as_boolean();
        let mut row = 0;
        let mut file = |rows: &Rows| {
            let of_file = row..row + rows[0].len();
            row = of_file.end;
            of_file
                .into_iter()
                .any(|r| selected.is_valid(r) && selected.value(r))
        };
        Some(self.files.iter().map(&mut file).collect())
    }

    fn kept(&self, predicate: &Arc<dyn PhysicalExpr>) -> Vec<bool> {
        let manifests = std::slice::from_ref(&self.manifest);
        let selection = select_files(manifests, Some(predicate), &self.shown).unwrap();
        let mut kept = vec![false; self.files.len()];
        for file in selection.files {
            kept[file.entry as usize] = true;
        }
        kept
    }

    /// Bounds read at once are those that are read one by one.
    fn check_bounds(&self) {
        let manifests = std::slice::from_ref(&self.manifest);
        let files = select_files(manifests, None, &self.shown).unwrap().files;
        for column in self.shown.columns() {
            let entries = &self.manifest.manifest;
            let place = entries.column(column.id);
            let facts = files.iter().map(|file| match place {
                Some(place) => {
                    let metrics = entries.metrics(place, file.entry);
                    metrics_facts(&metrics, entries.records(file.entry), column)
                }
                None => ColumnFacts::default(),
            });
            let single = ContainerColumn::of_facts(&column.data_type, facts.collect());
            let many = file_metrics(manifests, &files, column).checked();
            let null = arrow::array::new_null_array(&column.data_type, files.len());
            let or_null = |values: Option<ArrayRef>| values.unwrap_or_else(|| Arc::clone(&null));
            assert_eq!(
                &or_null(single.min),
                &or_null(many.min),
                "column {}",
                column.id
            );
            assert_eq!(
                &or_null(single.max),
                &or_null(many.max),
                "column {}",
                column.id
            );
            assert_eq!(single.nulls, many.nulls, "column {}", column.id);
        }
    }

    /// Whether the summaries keep the manifest.
    fn manifest_kept(&self, predicate: &Arc<dyn PhysicalExpr>) -> bool {
        let listed = std::slice::from_ref(&self.manifest.file);
        let summaries = self.manifest.file.partitions.as_deref().unwrap_or_default();
        let containers = Containers::collect(
            listed,
            predicate,
            &self.shown,
            |_| None,
            |_, column| -> ColumnFacts { summary_facts(&self.spec, summaries, column) },
        );
        may_match(predicate, self.shown.arrow(), &containers)[0]
    }
}

/// Rows that all lie in one partition, and that partition.
fn draw_rows(random: &mut StdRng, columns: &[Column], spec: &PartitionSpec) -> (Rows, Struct) {
    let count = random.random_range(1..6);
    let mut tuple: Vec<Option<Literal>> = vec![None; spec.fields().len()];
    let mut rows = Vec::new();
    for column in columns {
        let mut pool = column.pool(random);
        for (field, value) in spec.fields().iter().zip(&mut tuple) {
            if field.source_id == column.id {
                let chosen = draw::transformed(field.transform, column, &pool[0]);
                pool.retain(|v| draw::transformed(field.transform, column, v) == chosen);
                *value = chosen.map(|datum| Literal::Primitive(datum.literal().clone()));
            }
        }
        let pick = |_| pool[random.random_range(0..pool.len())].clone();
        rows.push((0..count).map(pick).collect());
    }
    (rows, Struct::from_iter(tuple))
}

#[tokio::test]
async fn no_pruned_file_has_a_selected_row() {
    let rounds = std::env::var("PRUNING_ROUNDS").map_or(ROUNDS, |r| r.parse().unwrap());
    let state = SessionContext::new().state();
    let (mut checked, mut pruned, mut exact) = (0, 0, 0);
    for seed in 0..rounds {
        let mut random = StdRng::seed_from_u64(seed);
        let world = World::draw(&mut random).await;
        world.check_bounds();
        let batch = world.batch();
        let schema = DFSchema::try_from(world.shown.arrow().as_ref().clone()).unwrap();
        for _ in 0..PREDICATES {
            let expr = predicates::draw(&mut random, &world.columns, 2);
            let Ok(predicate) = state.create_physical_expr(expr.clone(), &schema) else {
                continue;
            };
            let Some(matches) = world.matches(&batch, &predicate) else {
                continue;
            };
            let kept = world.kept(&predicate);
            for (file, (kept, matches)) in kept.iter().zip(&matches).enumerate() {
                assert!(
                    *kept || !*matches,
                    "seed {seed}: file {file} was pruned but has a row for {expr}\nrows: {:?}\n\
                     partition spec: {:?}\nas {predicate}",
                    world.files[file],
                    world.spec.fields(),
                );
                checked += 1;
                pruned += usize::from(!kept);
                exact += usize::from(!matches);
            }
            let any = matches.contains(&true);
            assert!(
                world.manifest_kept(&predicate) || !any,
                "seed {seed}: the manifest was pruned but has a row for {expr}"
            );
        }
    }
    println!("{checked} files checked, {exact} without a row, {pruned} of them pruned");
    assert!(
        checked > 500 && pruned * 4 > exact,
        "{pruned} of {exact} were pruned"
    );
}
