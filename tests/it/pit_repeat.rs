// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The same rows in any order, in any number of partitions, in memory or in files, give the same answer to the byte.
//!
//! `FEAST_REPEAT_SCENARIOS` says how many scenarios (20), each shuffled 20 times.

use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use datafusion_feast::FeastContext;
use feast_testkit::scenario::{ENTITY_TABLE, Scenario};
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;

use crate::seeds::runtime;
use crate::tables::{register, register_files, text};

const REPETITIONS: u64 = 20;

#[test]
fn shuffled_rows_give_identical_answers() {
    let scenarios = std::env::var("FEAST_REPEAT_SCENARIOS").map_or(20, |n| n.parse().unwrap());
    let runtime = runtime();
    let mut compared = 0;
    for seed in 0.. {
        if compared == scenarios {
            break;
        }
        let scenario = Scenario::draw(seed).unwrap();
        if !scenario.is_ordered() {
            continue;
        }
        compared += 1;
        let first = runtime.block_on(answer(&scenario, 0));
        for repetition in 1..REPETITIONS {
            let again = runtime.block_on(answer(&scenario, repetition));
            assert!(again == first, "seed {seed}, repetition {repetition}");
        }
    }
}

/// The answer as a Parquet file, over the views' rows in an order that follows from `repetition`.
async fn answer(scenario: &Scenario, repetition: u64) -> Vec<u8> {
    match try_answer(scenario, repetition).await {
        Ok(answer) => answer,
        Err(error) => panic!("repetition {repetition}: {error}\n{scenario}"),
    }
}

async fn try_answer(scenario: &Scenario, repetition: u64) -> Result<Vec<u8>, String> {
    let feast = FeastContext::builder().build().await.map_err(text)?;
    {
        let state = feast.session().state_ref();
        let mut state = state.write();
        let execution = &mut state.config_mut().options_mut().execution;
        execution.target_partitions = [1, 2, 7][repetition as usize % 3];
        execution.batch_size = [8192, 3, 1, 8192][repetition as usize % 4];
        execution.parquet.schema_force_view_types = false;
    }
    let folder = tempfile::tempdir().map_err(text)?;
    let in_files = scenario.storage.sources_in_files && repetition % 2 == 1;
    let entity = &scenario.entity;
    let schema = Arc::clone(&entity.schema);
    register(&feast, ENTITY_TABLE, schema, entity.partitions.clone())?;
    for view in &scenario.views {
        let source = &view.source;
        let rows = concat_batches(&source.schema, source.partitions.iter().flatten());
        let partitions = shuffled(&rows.map_err(text)?, repetition);
        let (name, schema) = (view.source_name(), Arc::clone(&source.schema));
        if in_files {
            let rows = scenario.storage.rows_a_group;
            register_files(&feast, folder.path(), &name, schema, &partitions, rows).await?;
        } else {
            register(&feast, &name, schema, partitions)?;
        }
    }
    for definition in scenario.definitions() {
        let frame = feast.sql(&definition).await.map_err(text)?;
        frame.collect().await.map_err(text)?;
    }
    let frame = feast.sql(&scenario.call()).await.map_err(text)?;
    let schema = Arc::clone(frame.schema().inner());
    let rows = frame.collect().await.map_err(text)?;
    let rows = concat_batches(&schema, &rows).map_err(text)?;
    file_of(&rows).map_err(text)
}

/// The rows as a Parquet file: what stands below a NULL and how texts are laid out is no part of it.
fn file_of(rows: &RecordBatch) -> Result<Vec<u8>, ParquetError> {
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), None)?;
    writer.write(rows)?;
    writer.into_inner()
}

/// The rows in another order, in one to five partitions.
fn shuffled(rows: &RecordBatch, seed: u64) -> Vec<Vec<RecordBatch>> {
    let mut order: Vec<u32> = (0..rows.num_rows() as u32).collect();
    let mut state = seed;
    for at in (1..order.len()).rev() {
        // Knuth's linear congruential generator; its high bits are good.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        order.swap(at, (state >> 33) as usize % (at + 1));
    }
    let partitions = seed as usize % 5 + 1;
    let size = order.len().div_ceil(partitions).max(1);
    let mut dealt: Vec<Vec<RecordBatch>> = order
        .chunks(size)
        .map(|rows_of| {
            let rows_of = UInt32Array::from(rows_of.to_vec());
            vec![take_record_batch(rows, &rows_of).unwrap()]
        })
        .collect();
    dealt.resize(partitions, Vec::new());
    dealt
}
