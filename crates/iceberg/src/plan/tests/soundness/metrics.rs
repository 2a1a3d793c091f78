// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Metrics as writers write them.

use std::cmp::Ordering;
use std::collections::HashMap;

use datafusion::common::ScalarValue as S;
use iceberg::spec::{Datum, PrimitiveType as T};
use rand::Rng;
use rand::rngs::StdRng;

use super::Rows;
use super::draw::{Column, datum};

#[derive(Debug, Default)]
pub(super) struct Metrics {
    pub(super) nulls: HashMap<i32, u64>,
    pub(super) nans: HashMap<i32, u64>,
    pub(super) lower: HashMap<i32, Datum>,
    pub(super) upper: HashMap<i32, Datum>,
}

/// Metrics of a file with these rows, each perhaps missing.
pub(super) fn draw(random: &mut StdRng, columns: &[Column], rows: &Rows) -> Metrics {
    let mut metrics = Metrics::default();
    for (column, values) in columns.iter().zip(rows) {
        let mut say = || random.random_range(0..5) > 0;
        let (nulls, nans, lower, upper) = (say(), say(), say(), say());
        let count = |is: fn(&S) -> bool| values.iter().filter(|v| is(v)).count() as u64;
        if nulls {
            metrics.nulls.insert(column.id, count(S::is_null));
        }
        if nans && matches!(column.primitive, T::Float | T::Double) {
            metrics.nans.insert(column.id, count(is_nan));
        }
        // Java orders UUIDs by their halves as signed numbers.
        let signed = random.random::<bool>();
        let compare = |a: &&S, b: &&S| order(a, b, signed);
        let bounded = || values.iter().filter(|v| !v.is_null() && !is_nan(v));
        if let Some(least) = bounded().min_by(compare).filter(|_| lower) {
            let least = loosened_lower(random, least);
            metrics.lower.extend(bound(random, column, &least));
        }
        let greatest = bounded().max_by(compare).filter(|_| upper);
        if let Some(greatest) = greatest.and_then(|g| loosened_upper(random, g)) {
            metrics.upper.extend(bound(random, column, &greatest));
        }
    }
    metrics
}

fn is_nan(value: &S) -> bool {
    match value {
        S::Float32(Some(v)) => v.is_nan(),
        S::Float64(Some(v)) => v.is_nan(),
        _ => false,
    }
}

fn order(a: &S, b: &S, signed: bool) -> Ordering {
    let halves = |value: &S| match value {
        S::FixedSizeBinary(16, Some(bytes)) => {
            let half = |at: usize| i64::from_be_bytes(bytes[at..at + 8].try_into().unwrap());
            Some((half(0), half(8)))
        }
        _ => None,
    };
    match (halves(a), halves(b)) {
        (Some(a), Some(b)) if signed => a.cmp(&b),
        _ => a.partial_cmp(b).unwrap(),
    }
}

/// Written as an int, before the column was a long.
fn bound(random: &mut StdRng, column: &Column, value: &S) -> Option<(i32, Datum)> {
    if let S::Int64(Some(v)) = value
        && let Ok(v) = i32::try_from(*v)
        && random.random_range(0..4) == 0
    {
        return Some((column.id, Datum::int(v)));
    }
    if let S::Float64(Some(v)) = value
        && f64::from(*v as f32) == *v
        && random.random_range(0..4) == 0
    {
        return Some((column.id, Datum::float(*v as f32)));
    }
    Some((column.id, datum(value, &column.primitive)?))
}

fn cut(random: &mut StdRng, length: usize) -> usize {
    match random.random_range(0..3) {
        0 => length,
        _ => length.min(random.random_range(1..4)),
    }
}

fn loosened_lower(random: &mut StdRng, value: &S) -> S {
    match value {
        S::Utf8(Some(text)) => {
            let length = cut(random, text.chars().count());
            S::Utf8(Some(text.chars().take(length).collect()))
        }
        S::LargeBinary(Some(bytes)) => {
            let length = cut(random, bytes.len());
            S::LargeBinary(Some(bytes[..length].to_vec()))
        }
        S::Float64(Some(v)) if *v == 0.0 && random.random() => S::Float64(Some(-*v)),
        S::Float32(Some(v)) if *v == 0.0 && random.random() => S::Float32(Some(-*v)),
        S::Int32(Some(v)) if random.random_range(0..4) == 0 => S::Int32(Some(v.saturating_sub(3))),
        other => other.clone(),
    }
}

/// None where a writer finds no bound.
fn loosened_upper(random: &mut StdRng, value: &S) -> Option<S> {
    Some(match value {
        S::Utf8(Some(text)) => {
            let length = cut(random, text.chars().count());
            let mut kept: Vec<char> = text.chars().take(length).collect();
            let whole = length == text.chars().count();
            // Cut and rounded up, or just cut.
            if !whole && random.random() {
                let last = kept.pop()?;
                kept.push(char::from_u32(u32::from(last) + 1)?);
            }
            S::Utf8(Some(kept.into_iter().collect()))
        }
        S::LargeBinary(Some(bytes)) => {
            let length = cut(random, bytes.len());
            let mut kept = bytes[..length].to_vec();
            if length < bytes.len() && random.random() {
                let last = kept.pop()?;
                kept.push(last.checked_add(1)?);
            }
            S::LargeBinary(Some(kept))
        }
        S::Float64(Some(v)) if *v == 0.0 && random.random() => S::Float64(Some(-*v)),
        S::Float32(Some(v)) if *v == 0.0 && random.random() => S::Float32(Some(-*v)),
        S::Int32(Some(v)) if random.random_range(0..4) == 0 => S::Int32(Some(v.saturating_add(3))),
        other => other.clone(),
    })
}
