// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Random keys against a model that compares value by value.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

use super::fixture::{Fixture, batch, by_equality, metadata, optional};

/// A key: floats by their bits, all NaN as one.
type Key = (Option<i64>, Option<u64>, Option<String>);

fn floats() -> [f64; 5] {
    [0.0, -0.0, 1.5, f64::NAN, -f64::NAN]
}

fn key(random: &mut StdRng, reach: i64) -> Key {
    let float = floats()[random.random_range(0..5)];
    let float = if float.is_nan() { f64::NAN } else { float };
    (
        (!random.random_bool(0.2)).then(|| random.random_range(0..reach)),
        (!random.random_bool(0.2)).then(|| float.to_bits()),
        (!random.random_bool(0.2)).then(|| "x".repeat(random.random_range(0..3))),
    )
}

fn arrays(keys: &[Key], random: &mut StdRng) -> [ArrayRef; 3] {
    let float = |bits: &u64| {
        let float = f64::from_bits(*bits);
        match float.is_nan() && random.random_bool(0.5) {
            true => -float,
            false => float,
        }
    };
    let longs: Int64Array = keys.iter().map(|key| key.0).collect();
    let floats: Vec<Option<f64>> = keys
        .iter()
        .map(|key| key.1.as_ref())
        .map({
            let mut float = float;
            move |bits| bits.map(&mut float)
        })
        .collect();
    let strings: StringArray = keys.iter().map(|key| key.2.as_deref()).collect();
    [
        Arc::new(longs),
        Arc::new(Float64Array::from(floats)),
        Arc::new(strings),
    ]
}

#[tokio::test]
async fn random_keys_are_deleted_as_the_model_says() {
    for seed in 0..20 {
        let mut random = StdRng::seed_from_u64(seed);
        let reach = if random.random_bool(0.5) { 5 } else { 5_000 };
        let schema = json!([
            optional(1, "a", "long"),
            optional(2, "b", "double"),
            optional(3, "c", "string")
        ]);
        let fixture = Fixture::with(metadata(&[schema], &json!({})));
        let mut model: HashMap<Key, i64> = HashMap::new();
        let mut files = Vec::new();
        for file in 0..random.random_range(1..4) {
            let sequence = random.random_range(1..6);
            let count = random.random_range(0..1_500);
            let keys: Vec<Key> = (0..count).map(|_| key(&mut random, reach)).collect();
            let [a, b, c] = arrays(&keys, &mut random);
            let rows = batch([(3, "c", c), (1, "a", a), (2, "b", b)]);
            let path = format!("memory:///e{file}");
            files.push(fixture.equality(&path, &rows, &[3, 1, 2], sequence).await);
            for key in keys {
                let latest = model.entry(key).or_insert(sequence);
                *latest = sequence.max(*latest);
            }
        }
        let files: Vec<_> = files.iter().collect();
        let sets = fixture
            .loader()
            .equality(&by_equality(&files))
            .await
            .unwrap();
        for sequence in 0..7 {
            let count = random.random_range(0..1_000);
            let keys: Vec<Key> = (0..count).map(|_| key(&mut random, reach)).collect();
            let kept = sets[0].keep(&arrays(&keys, &mut random), sequence).unwrap();
            for (row, key) in keys.iter().enumerate() {
                let deleted = model.get(key).is_some_and(|deleted| *deleted > sequence);
                assert_eq!(
                    kept.value(row),
                    !deleted,
                    "seed {seed}, {key:?} at {sequence}"
                );
            }
        }
    }
}
