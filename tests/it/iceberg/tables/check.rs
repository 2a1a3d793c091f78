// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! One table against its `expected.json`.

use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, SchemaRef};
use datafusion_feast::FeastContext;
use feast_testkit::canonical::{expected_rows, found_rows};
use serde_json::{Value as Json, json};

use super::reader::{At, Failure, Lake, Way, expected, read};
use crate::iceberg::made::Setting;

/// What became of a table that is not read wrong.
pub(super) enum Outcome {
    /// Every version that can be read has its rows; what is worth telling.
    Right(Vec<String>),
    /// Refused, and why.
    Refused(String),
}

const SETTINGS: [Setting; 4] = [
    Setting::AUTO,
    Setting::MERGED,
    Setting {
        partitions: 4,
        batch_size: 7,
        merge_on_read: true,
        pushed: false,
    },
    Setting {
        partitions: 1,
        batch_size: 2,
        merge_on_read: false,
        pushed: true,
    },
];

pub(super) async fn check(lake: &Lake, name: &str, folder: &Path) -> Result<Outcome, String> {
    let expected = expected(folder);
    let metadata = expected["metadata_file"].as_str().unwrap_or_default();
    let (mut notes, mut refused) = (Vec::new(), Vec::new());
    let mut ways = vec![Way::File(folder.join("table").join(metadata))];
    match lake.register(name, &folder.join("table"), metadata) {
        Ok(()) => ways.push(Way::Catalog(name.to_owned())),
        Err(reason) => notes.push(format!("not in a catalog: {reason}")),
    }
    let feast = lake.context().await;
    for way in ways {
        for (at, setting) in SETTINGS.into_iter().enumerate() {
            let about = |reason: String| format!("{way} with {setting:?}: {reason}");
            setting.apply(&feast).map_err(about)?;
            match current(&feast, &way, &expected).await {
                Ok(()) => {}
                Err(Failure::Refused(reason)) => refused.push(reason),
                Err(Failure::Wrong(reason)) => return Err(about(reason)),
            }
            // Older versions in the first setting and in its opposite.
            if at < 2 {
                notes.extend(older(&feast, &way, &expected).await.map_err(about)?);
            }
        }
        // A table is read every way or none.
        if !refused.is_empty() && !refused.len().is_multiple_of(SETTINGS.len()) {
            return Err(format!("refused only at times: {}", refused[0]));
        }
    }
    notes.sort();
    notes.dedup();
    match refused.into_iter().next() {
        Some(reason) => Ok(Outcome::Refused(reason)),
        None => Ok(Outcome::Right(notes)),
    }
}

/// The current rows.
async fn current(feast: &FeastContext, way: &Way, expected: &Json) -> Result<(), Failure> {
    let from = way.from(At::Current);
    let (schema, found) = read(feast, &format!("SELECT * FROM {from}")).await?;
    let wrong = |reason: String| Failure::Wrong(reason);
    same_columns(&schema, &expected["columns"]).map_err(wrong)?;
    same_count(&found, &expected["row_count"]).map_err(wrong)?;
    if expected["rows"].is_null() {
        aggregates(feast, &from, &expected["aggregates"]).await?;
    } else {
        same_rows(&found, &schema, &expected["rows"]).map_err(wrong)?;
    }
    let (_, counted) = read(feast, &format!("SELECT count(*) FROM {from}")).await?;
    let counted = first_cell(&counted).map_err(wrong)?;
    match counted == expected["row_count"] {
        true => Ok(()),
        false => Err(Failure::Wrong(format!(
            "count(*) is {counted}, not {}",
            expected["row_count"]
        ))),
    }
}

fn same_columns(schema: &SchemaRef, expected: &Json) -> Result<(), String> {
    let Some(expected) = expected.as_array() else {
        return Ok(());
    };
    let name = |column: &Json| match column {
        Json::Array(pair) => pair[0].as_str().unwrap_or_default().to_owned(),
        Json::Object(object) => object["name"].as_str().unwrap_or_default().to_owned(),
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    let expected: Vec<String> = expected.iter().map(name).collect();
    let found: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    // Some of the readers fold names.
    let lower = |names: &[String]| names.iter().map(|n| n.to_lowercase()).collect::<Vec<_>>();
    match lower(&found) == lower(&expected) {
        true => Ok(()),
        false => Err(format!("columns {found:?} instead of {expected:?}")),
    }
}

fn same_count(found: &[RecordBatch], expected: &Json) -> Result<(), String> {
    let count: usize = found.iter().map(RecordBatch::num_rows).sum();
    match expected.is_null() || json!(count) == *expected {
        true => Ok(()),
        false => Err(format!("{count} rows instead of {expected}")),
    }
}

fn same_rows(found: &[RecordBatch], schema: &SchemaRef, expected: &Json) -> Result<(), String> {
    let fields = schema.fields().iter().map(|field| field.as_ref());
    let wanted = expected_rows(expected, fields);
    let found = found_rows(found).map_err(|error| error.to_string())?;
    if found == wanted {
        return Ok(());
    }
    let lacks = |of: &[Vec<Json>], other: &[Vec<Json>]| {
        let gone = of.iter().filter(|row| !other.contains(row)).take(5);
        gone.map(|row| Json::from(row.clone()).to_string())
            .collect::<Vec<_>>()
            .join("\n      ")
    };
    Err(format!(
        "{} rows instead of {}\n    missing:\n      {}\n    not expected:\n      {}",
        found.len(),
        wanted.len(),
        lacks(&wanted, &found),
        lacks(&found, &wanted)
    ))
}

/// Counts, least and greatest values and sums by column, for tables of many rows.
async fn aggregates(feast: &FeastContext, from: &str, expected: &Json) -> Result<(), Failure> {
    for (column, values) in expected.as_object().into_iter().flatten() {
        let column = format!("\"{}\"", column.replace('"', "\"\""));
        for (name, wanted) in values.as_object().into_iter().flatten() {
            let shown = match name.as_str() {
                "count" | "non_null" => format!("count({column})"),
                "nulls" | "null_count" => format!("count(*) - count({column})"),
                "distinct" | "count_distinct" => format!("count(DISTINCT {column})"),
                "min" | "max" | "sum" | "avg" => format!("{name}({column})"),
                _ => continue,
            };
            let sql = format!("SELECT {shown} FROM {from}");
            let (schema, found) = read(feast, &sql).await?;
            let field: &Field = schema.field(0);
            let wanted = expected_rows(&json!([[wanted]]), std::iter::once(field));
            let found = found_rows(&found).map_err(|e| Failure::Wrong(e.to_string()))?;
            if found != wanted {
                let reason = format!("{shown} is {found:?}, not {wanted:?}");
                return Err(Failure::Wrong(reason));
            }
        }
    }
    Ok(())
}

/// Row counts of snapshots, rows of branches and tags. One that is refused is told of.
async fn older(feast: &FeastContext, way: &Way, expected: &Json) -> Result<Vec<String>, String> {
    let mut notes = Vec::new();
    for snapshot in expected["snapshots"].as_array().into_iter().flatten() {
        let (Some(id), false) = (
            snapshot["snapshot_id"].as_i64(),
            snapshot["row_count"].is_null(),
        ) else {
            continue;
        };
        let found = version(feast, &way.from(At::Snapshot(id)), snapshot, &Json::Null).await;
        notes.extend(noted(found, &format!("snapshot {id}"))?);
    }
    for (name, reference) in expected["refs"].as_object().into_iter().flatten() {
        let counted = json!({"row_count": reference["count"]});
        let from = way.from(At::Reference(name));
        let found = version(feast, &from, &counted, &reference["rows"]).await;
        notes.extend(noted(found, name)?);
    }
    Ok(notes)
}

fn noted(found: Result<(), Failure>, what: &str) -> Result<Option<String>, String> {
    match found {
        Ok(()) => Ok(None),
        Err(Failure::Refused(reason)) => Ok(Some(format!("{what} is refused: {reason}"))),
        Err(Failure::Wrong(reason)) => Err(format!("{what}: {reason}")),
    }
}

async fn version(
    feast: &FeastContext,
    from: &str,
    counted: &Json,
    rows: &Json,
) -> Result<(), Failure> {
    let (schema, found) = read(feast, &format!("SELECT * FROM {from}")).await?;
    same_count(&found, &counted["row_count"]).map_err(Failure::Wrong)?;
    if !rows.is_null() {
        same_rows(&found, &schema, rows).map_err(Failure::Wrong)?;
    }
    let (_, found) = read(feast, &format!("SELECT count(*) FROM {from}")).await?;
    let found = first_cell(&found).map_err(Failure::Wrong)?;
    match found == counted["row_count"] {
        true => Ok(()),
        false => Err(Failure::Wrong(format!(
            "count(*) is {found}, not {}",
            counted["row_count"]
        ))),
    }
}

fn first_cell(found: &[RecordBatch]) -> Result<Json, String> {
    let rows = found_rows(found).map_err(|error| error.to_string())?;
    let row = rows.into_iter().next().unwrap_or_default();
    Ok(row.into_iter().next().unwrap_or_default())
}
