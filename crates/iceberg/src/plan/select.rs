// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Chooses data files by their partitions and bounds. A partition is looked at once for each
//! manifest, and its files only when it may match.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::UInt32Array;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::collect_columns;
use iceberg::spec::DataContentType;

use super::bound_arrays::bound_arrays;
use super::bounds::{known_nulls, metrics_facts};
use super::containers::{ContainerColumn, Containers, may_match};
use super::entry_columns::Metrics;
use super::manifests::LoadedManifest;
use super::partitions::tuple_facts;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{TableColumn, TableColumns};

/// A live file of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SelectedFile {
    /// Which of the manifests.
    pub(crate) manifest: usize,
    /// Which of its entries.
    pub(crate) entry: u32,
}

/// The files that may hold rows that are wanted.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    pub(crate) files: Vec<SelectedFile>,
    /// The live files of all manifests.
    pub(crate) total: usize,
    pub(crate) pruned_by_partition: usize,
    pub(crate) pruned_by_bounds: usize,
}

/// Chooses among the files of `manifests`, in their order.
pub(crate) fn select_files(
    manifests: &[LoadedManifest],
    predicate: Option<&Arc<dyn PhysicalExpr>>,
    columns: &TableColumns,
) -> Result<Selection> {
    let mut selection = Selection::default();
    for (manifest, loaded) in manifests.iter().enumerate() {
        refuse_deletes(loaded)?;
        let files = loaded.manifest.live();
        let files = files.map(|entry| SelectedFile { manifest, entry });
        selection.files.extend(files);
    }
    selection.total = selection.files.len();
    let Some(predicate) = predicate else {
        return Ok(selection);
    };
    let partitions = Partitions::collect(manifests, predicate, columns);
    let may = may_match(predicate, columns.arrow(), &partitions.containers);
    let place = |file: &SelectedFile| partitions.place(&manifests[file.manifest], file);
    selection.files.retain(|file| may[place(file) as usize]);
    selection.pruned_by_partition = selection.total - selection.files.len();

    let places: UInt32Array = selection.files.iter().map(place).collect();
    let by_bounds = bounds(manifests, &selection.files, predicate, columns, |name| {
        Some(partitions.containers.column(name)?.rows(&places))
    });
    let may = may_match(predicate, columns.arrow(), &by_bounds);
    let before = selection.files.len();
    let mut may = may.into_iter();
    selection.files.retain(|_| may.next().unwrap_or(true));
    selection.pruned_by_bounds = before - selection.files.len();
    Ok(selection)
}

/// Refuses a manifest of data files that has delete files.
pub(super) fn refuse_deletes(loaded: &LoadedManifest) -> Result<()> {
    let Some(entry) = loaded.manifest.first_of_other_content() else {
        return Ok(());
    };
    let content = match entry.1 {
        DataContentType::EqualityDeletes => "equality deletes",
        _ => "position deletes",
    };
    let message = format!(
        "manifest '{}' is listed as one of data files, but has the file '{}' of {content}; rewrite \
         the table's manifests",
        loaded.file.manifest_path, entry.0
    );
    Err(Error::new(ErrorKind::Damaged, message))
}

/// The distinct partitions of all manifests.
struct Partitions {
    /// For each manifest where its partitions are among the distinct ones.
    places: Vec<Vec<u32>>,
    containers: Containers,
}

impl Partitions {
    fn collect(
        manifests: &[LoadedManifest],
        predicate: &Arc<dyn PhysicalExpr>,
        columns: &TableColumns,
    ) -> Self {
        let mut distinct = Vec::new();
        let mut known = HashMap::new();
        let mut places = Vec::with_capacity(manifests.len());
        for loaded in manifests {
            let spec = loaded.manifest.spec();
            let place = |tuple| {
                *known.entry((spec.spec_id(), tuple)).or_insert_with(|| {
                    distinct.push((spec, tuple));
                    (distinct.len() - 1) as u32
                })
            };
            places.push(loaded.manifest.tuples().iter().map(place).collect());
        }
        // All rows of a partition have its values: what holds for one holds for each.
        let containers = Containers::collect(
            &distinct,
            predicate,
            columns,
            |_| Some(1),
            |(spec, tuple), column| tuple_facts(spec, tuple, column),
        );
        Self { places, containers }
    }

    fn place(&self, loaded: &LoadedManifest, file: &SelectedFile) -> u32 {
        self.places[file.manifest][loaded.manifest.tuple_of(file.entry)]
    }
}

/// What the metrics of `files`, and their partitions, say about the columns of `predicate`.
fn bounds(
    manifests: &[LoadedManifest],
    files: &[SelectedFile],
    predicate: &Arc<dyn PhysicalExpr>,
    columns: &TableColumns,
    partition: impl Fn(&str) -> Option<ContainerColumn>,
) -> Containers {
    let records = |file: &SelectedFile| manifests[file.manifest].manifest.records(file.entry);
    let mut named = HashMap::new();
    for column in collect_columns(predicate) {
        let (name, Some(known)) = (column.name(), columns.column(column.name())) else {
            continue;
        };
        let metrics = file_metrics(manifests, files, known);
        let metrics = match partition(name) {
            Some(partition) => metrics.and(partition),
            None => metrics,
        };
        named.insert(name.to_string(), metrics.checked());
    }
    let rows = files.iter().map(|file| Some(records(file))).collect();
    Containers::new(rows, named)
}

pub(super) fn file_metrics(
    manifests: &[LoadedManifest],
    files: &[SelectedFile],
    column: &TableColumn,
) -> ContainerColumn {
    let places: Vec<_> = manifests
        .iter()
        .map(|m| m.manifest.column(column.id))
        .collect();
    let metrics = files.iter().map(|file| match places[file.manifest] {
        Some(place) => manifests[file.manifest].manifest.metrics(place, file.entry),
        None => Metrics::default(),
    });
    let metrics: Vec<_> = metrics.collect();
    let records = files
        .iter()
        .map(|f| manifests[f.manifest].manifest.records(f.entry));
    let known = metrics.iter().zip(records);
    match bound_arrays(&metrics, column) {
        Some((min, max)) => ContainerColumn {
            data_type: column.data_type.clone(),
            min: Some(min),
            max: Some(max),
            nulls: known
                .map(|(m, records)| known_nulls(m.nulls, records))
                .collect(),
            buckets: Vec::new(),
        },
        None => {
            let facts = known.map(|(m, records)| metrics_facts(m, records, column));
            ContainerColumn::of_facts(&column.data_type, facts.collect())
        }
    }
}
