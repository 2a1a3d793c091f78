// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Metadata tables against the model: every one answers, and names the model's live files.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use datafusion_feast::FeastContext;
use feast_iceberg::{IcebergMetadataTable, MetadataTableKind, SnapshotSelector, TableStorage};
use feast_testkit::tables::{DeleteKind, Snapshot, TableFile};
use iceberg::table::Table;

use super::made::{answer, replace};
use crate::tables::text;

/// Registers the metadata tables of a table as `t_files` and so on.
pub(super) fn register_metadata(
    feast: &FeastContext,
    table: &Table,
    at: &SnapshotSelector,
) -> Result<(), String> {
    let storage = Arc::new(TableStorage::for_table(table));
    for kind in MetadataTableKind::ALL {
        let shown = IcebergMetadataTable::try_new(table.clone(), Arc::clone(&storage), kind, at);
        replace(feast, &format!("t_{kind}"), Arc::new(shown.map_err(text)?))?;
    }
    Ok(())
}

/// Whether the metadata tables at a version name the files of its snapshot.
pub(super) async fn files_agree(
    feast: &FeastContext,
    table: &Table,
    at: &SnapshotSelector,
    snapshot: Option<&Snapshot>,
) -> Result<(), String> {
    register_metadata(feast, table, at)?;
    for kind in MetadataTableKind::ALL {
        answer(feast, &format!("SELECT * FROM t_{kind}")).await?;
    }
    let live = |of: fn(&Snapshot) -> &[Arc<TableFile>]| snapshot.map_or(&[][..], of);
    let data = live(|snapshot| &snapshot.data).iter();
    let data = data.map(|file| format!("0 {} {}", file.path, file.rows.len()));
    let deletes = live(|snapshot| &snapshot.deletes).iter();
    let deletes = deletes.map(|file| match &file.deletes {
        Some(DeleteKind::Equality { keys, .. }) => format!("2 {} {}", file.path, keys.len()),
        Some(DeleteKind::Positions { rows, .. }) => format!("1 {} {}", file.path, rows.len()),
        Some(DeleteKind::Vector { positions, .. }) => {
            format!("1 {} {}", file.path, positions.len())
        }
        None => file.path.clone(),
    });
    let (mut data, mut deletes): (Vec<_>, Vec<_>) = (data.collect(), deletes.collect());
    let counts = [data.len() as i64, deletes.len() as i64];
    data.sort();
    deletes.sort();
    same(feast, "data_files", &data).await?;
    same(feast, "delete_files", &deletes).await?;
    data.extend(deletes);
    data.sort();
    same(feast, "files", &data).await?;
    let counted = "SELECT coalesce(sum(file_count), 0), coalesce(sum(position_delete_file_count \
                   + equality_delete_file_count), 0) FROM t_partitions";
    let counted = answer(feast, counted).await?;
    let count = |at: usize| counted[0].column(at).as_primitive::<Int64Type>().value(0);
    if counts != [count(0), count(1)] {
        return Err(format!(
            "t$partitions: expected {counts:?}, found {counted:?}"
        ));
    }
    Ok(())
}

async fn same(feast: &FeastContext, kind: &str, known: &[String]) -> Result<(), String> {
    let lines = format!("SELECT concat(content, ' ', file_path, ' ', record_count) FROM t_{kind}");
    let mut found = Vec::new();
    for batch in answer(feast, &lines).await? {
        let lines = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8);
        let lines = lines.map_err(text)?;
        found.extend(lines.as_string::<i32>().iter().flatten().map(str::to_owned));
    }
    found.sort();
    if found != known {
        return Err(format!("t${kind}: expected {known:?}, found {found:?}"));
    }
    Ok(())
}
