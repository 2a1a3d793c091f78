// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What manifests say about the columns of a file.

use std::collections::BTreeMap;

use super::datum::Datum;
use super::single::{bytes, truncated_lower, truncated_upper};
use super::types::{Field, Type};

/// How much manifests say about the columns of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsMode {
    /// Nothing.
    None,
    /// Counts.
    Counts,
    /// Counts, and bounds of text and bytes cut after so many characters.
    Truncated(usize),
    /// Bounds alone.
    BoundsOnly,
    /// Counts and bounds.
    Full,
}

/// Counts and bounds by field id.
#[derive(Debug, Clone, Default)]
pub(super) struct Metrics {
    pub(super) values: BTreeMap<i32, i64>,
    pub(super) nulls: BTreeMap<i32, i64>,
    pub(super) nans: BTreeMap<i32, i64>,
    pub(super) lower: BTreeMap<i32, Vec<u8>>,
    pub(super) upper: BTreeMap<i32, Vec<u8>>,
}

impl Metrics {
    /// The metrics of rows of `columns`; those of columns in structs too, those below lists and
    /// maps not.
    pub(super) fn of(columns: &[Field], rows: &[Vec<Datum>], mode: MetricsMode) -> Self {
        let mut metrics = Self::default();
        if mode == MetricsMode::None {
            return metrics;
        }
        for (at, column) in columns.iter().enumerate() {
            let values: Vec<&Datum> = rows.iter().map(|row| &row[at]).collect();
            metrics.add(column, &values, mode);
        }
        metrics
    }

    fn add(&mut self, field: &Field, values: &[&Datum], mode: MetricsMode) {
        if let Type::Struct(children) = &field.ty {
            for child in children {
                let inside = values
                    .iter()
                    .map(|v| v.inside(child.id).unwrap_or(&Datum::Null));
                self.add(child, &inside.collect::<Vec<_>>(), mode);
            }
            return;
        }
        if !field.is_primitive() {
            return;
        }
        if mode != MetricsMode::BoundsOnly {
            let count = |of: fn(&Datum) -> bool| values.iter().filter(|v| of(v)).count() as i64;
            self.values.insert(field.id, values.len() as i64);
            self.nulls.insert(field.id, count(Datum::is_null));
            if matches!(field.ty, Type::Float | Type::Double) {
                self.nans.insert(field.id, count(Datum::is_nan));
            }
        }
        if mode != MetricsMode::Counts {
            self.add_bounds(field, values, mode);
        }
    }

    fn add_bounds(&mut self, field: &Field, values: &[&Datum], mode: MetricsMode) {
        let numbers = values.iter().filter(|v| !v.is_null() && !v.is_nan());
        let numbers: Vec<&Datum> = numbers.copied().collect();
        let (Some(least), Some(greatest)) = (
            numbers.iter().min_by(|a, b| a.order(b)),
            numbers.iter().max_by(|a, b| a.order(b)),
        ) else {
            return;
        };
        let (least, greatest) = match mode {
            MetricsMode::Truncated(length) if field.ty != Type::Uuid => (
                truncated_lower(least, length),
                truncated_upper(greatest, length),
            ),
            _ => ((*least).clone(), Some((*greatest).clone())),
        };
        if let Some(bytes) = bytes(&least, &field.ty) {
            self.lower.insert(field.id, bytes);
        }
        if let Some(bytes) = greatest.and_then(|greatest| bytes(&greatest, &field.ty)) {
            self.upper.insert(field.id, bytes);
        }
    }

    /// The bounds of the paths in a file of position deletes.
    pub(super) fn of_positions(paths: &[(String, i64)]) -> Self {
        const PATH: i32 = 2_147_483_546;
        let mut metrics = Self::default();
        if let (Some(least), Some(greatest)) = (
            paths.iter().map(|(path, _)| path).min(),
            paths.iter().map(|(path, _)| path).max(),
        ) {
            metrics.lower.insert(PATH, least.clone().into_bytes());
            metrics.upper.insert(PATH, greatest.clone().into_bytes());
        }
        metrics
    }
}
