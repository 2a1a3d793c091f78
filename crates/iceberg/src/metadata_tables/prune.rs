// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Which manifests a query about files has to open.

use std::sync::Arc;

use arrow::array::{Array, AsArray, Int32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::Session;
use datafusion::common::DFSchema;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr_rewriter::unnormalize_col;
use iceberg::spec::{ManifestContentType, ManifestFile};

/// The columns whose values a manifest's entry in the list tells for all of its files.
const TOLD: [&str; 2] = ["content", "spec_id"];

/// Whether `filter` can tell manifests apart.
pub(super) fn can_prune(filter: &Expr) -> bool {
    let columns = filter.column_refs();
    !columns.is_empty() && !filter.is_volatile() && columns.iter().all(|c| TOLD.contains(&c.name()))
}

/// The manifests that may have files for which all `filters` hold.
pub(super) fn pruned(
    session: &dyn Session,
    filters: &[Expr],
    manifests: Vec<ManifestFile>,
) -> Vec<ManifestFile> {
    let usable = filters.iter().filter(|filter| can_prune(filter));
    usable.fold(manifests, |manifests, filter| {
        match holds(session, filter, &manifests) {
            Some(holds) => kept(manifests, &holds),
            None => manifests,
        }
    })
}

fn kept(manifests: Vec<ManifestFile>, holds: &[bool]) -> Vec<ManifestFile> {
    let kept = manifests.into_iter().zip(holds);
    kept.filter_map(|(manifest, holds)| holds.then_some(manifest))
        .collect()
}

/// Whether `filter` may hold for a file of each manifest; None if that cannot be told.
fn holds(session: &dyn Session, filter: &Expr, manifests: &[ManifestFile]) -> Option<Vec<bool>> {
    let schema = Schema::new(
        TOLD.map(|name| Field::new(name, DataType::Int32, false))
            .to_vec(),
    );
    let named = DFSchema::try_from(schema.clone()).ok()?;
    let filter = unnormalize_col(filter.clone());
    let filter = session.create_physical_expr(filter, &named).ok()?;
    let mut rows = Vec::new();
    for (at, manifest) in manifests.iter().enumerate() {
        let contents: &[i32] = match manifest.content {
            ManifestContentType::Data => &[0],
            ManifestContentType::Deletes => &[1, 2],
        };
        rows.extend(
            contents
                .iter()
                .map(|content| (at, *content, manifest.partition_spec_id)),
        );
    }
    let contents = Int32Array::from_iter_values(rows.iter().map(|(_, content, _)| *content));
    let specs = Int32Array::from_iter_values(rows.iter().map(|(_, _, spec)| *spec));
    let batch =
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(contents), Arc::new(specs)]).ok()?;
    let found = filter.evaluate(&batch).ok()?.into_array(rows.len()).ok()?;
    let found = found.as_boolean_opt()?;
    let mut holds = vec![false; manifests.len()];
    for (row, (at, _, _)) in rows.iter().enumerate() {
        holds[*at] |= found.is_valid(row) && found.value(row);
    }
    Some(holds)
}
