// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Feast's observed answers, asked in SQL.
//!
//! Each case of `tests/data/cases` and of the file or folder named by `FEAST_CASES` runs over tables of
//! the session and again over Parquet files. Where Feast gave rows, ours must be the same by value, and
//! the same as the oracle's; where Feast refused, we must. A time range without entity rows is asked as
//! `feast_snapshot_at`. A case that SQL cannot express is listed with the reason.

mod online;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion_feast::FeastContext;
use feast_testkit::cases::{
    Case, EntityRows, Expected, Sources, Wanted, canonical, case_files, read_cases,
};
use feast_testkit::compare::{RowOrder, compare, compare_rows, rows_of};
use feast_testkit::define::{name, string};
use feast_testkit::oracle::answer;
use serde_json::Value as Json;

use crate::tables::{register, text, write};

const ENTITY: &str = "entity_df";

#[tokio::test]
async fn feast_cases() {
    let mut files = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/cases")];
    files.extend(std::env::var_os("FEAST_CASES").map(PathBuf::from));
    let (mut right, mut left_out, mut wrong) = (0, Vec::new(), Vec::new());
    for file in files.iter().flat_map(|path| case_files(path).unwrap()) {
        for case in read_cases(&file).unwrap() {
            if let Some(reason) = why_not_sql(&case) {
                left_out.push(format!("{}: {reason}", case.id));
                continue;
            }
            for field in unknown_fields(&case) {
                println!(
                    "{}: field {field} is not known to this test and is not looked at",
                    case.id
                );
            }
            match right_in_both_forms(&case).await {
                Ok(()) => right += 1,
                Err(difference) => {
                    wrong.push(format!("{} ({})\n{difference}", case.id, case.title))
                }
            }
        }
    }
    println!("{right} cases of Feast are answered as Feast answers them");
    println!(
        "{} cases are not in SQL:\n  {}",
        left_out.len(),
        left_out.join("\n  ")
    );
    assert!(
        wrong.is_empty(),
        "{} cases differ:\n\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
    assert!(right > 0, "there are no cases");
}

/// Why a case cannot be asked in SQL, by what it asks.
fn why_not_sql(case: &Case) -> Option<String> {
    let on_demand = |field: &String| field.contains("on_demand");
    let fields = case.raw.as_object()?;
    if let Some(field) = fields.keys().find(|field| on_demand(field)) {
        return Some(format!("{field}: transformations in Python run in Python"));
    }
    let views = case.raw.get("feature_views").and_then(Json::as_array);
    let python = |view: &&Json| {
        [
            "udf",
            "transformation",
            "feature_transformation",
            "aggregations",
        ]
        .iter()
        .any(|field| view.get(field).is_some_and(|value| !value.is_null()))
    };
    if let Some(view) = views.into_iter().flatten().find(python) {
        return Some(format!(
            "view {} computes its features in Python",
            view["name"]
        ));
    }
    if let Some(entity) = case.raw.get("entity_df").and_then(Json::as_object)
        && let Some(field) = entity
            .keys()
            .find(|key| !["columns", "rows"].contains(&key.as_str()))
    {
        return Some(format!("entity_df.{field} is a property of a pandas frame"));
    }
    let Wanted::References(references) = &case.wanted else {
        return None;
    };
    let expects_rows = matches!(case.expected, Expected::Rows { .. });
    let version = references
        .iter()
        .find(|reference| expects_rows && is_pinned(reference))?;
    Some(format!(
        "{version}: the registry that SQL definitions are kept in has one version of a view"
    ))
}

/// `view@v2:feature`
fn is_pinned(reference: &str) -> bool {
    let view = reference
        .split_once(':')
        .map_or(reference, |(view, _)| view);
    let version = view
        .split_once('@')
        .map_or("", |(_, version)| version)
        .to_ascii_lowercase();
    let number = version.strip_prefix('v').unwrap_or_default();
    !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
}

/// Fields that the reader has no meaning for, so that a new kind of case does not pass by accident.
fn unknown_fields(case: &Case) -> Vec<String> {
    let known = [
        "id title entities sources feature_views feature_services entity_df request ran_on results \
         agree advised_to_match note undefined_value",
        "features full_feature_names filter_by_created_timestamp start_date end_date",
        "name source entities schema ttl_seconds timestamp_field created_timestamp_column \
         field_mapping",
    ];
    let mut unknown = Vec::new();
    let mut look = |at: &str, json: &Json, known: &str| {
        for key in json
            .as_object()
            .into_iter()
            .flat_map(|object| object.keys())
        {
            if !known.split_whitespace().any(|word| word == key) {
                unknown.push(format!("{at}{key}"));
            }
        }
    };
    look("", &case.raw, known[0]);
    look("request.", &case.raw["request"], known[1]);
    for view in case.raw["feature_views"].as_array().into_iter().flatten() {
        look("feature_views.", view, known[2]);
    }
    unknown
}

async fn right_in_both_forms(case: &Case) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(text)?;
    for form in [Form::Tables, Form::Files(folder.path())] {
        let asked = ask(case, form).await;
        is_right(case, form, asked)
            .await
            .map_err(|error| format!("over {form:?}: {error}"))?;
    }
    Ok(())
}

/// Where the case's tables are.
#[derive(Debug, Clone, Copy)]
enum Form<'a> {
    Tables,
    Files(&'a Path),
}

type Answer = (SchemaRef, Vec<RecordBatch>);

async fn is_right(
    case: &Case,
    form: Form<'_>,
    asked: Result<Answer, String>,
) -> Result<(), String> {
    if let Expected::Error(feast) = &case.expected {
        return match asked {
            Err(ours) => {
                println!("{}\n  Feast: {feast}\n  ours:  {ours}", case.id);
                Ok(())
            }
            Ok((schema, rows)) => {
                let rows: usize = rows.iter().map(RecordBatch::num_rows).sum();
                Err(format!(
                    "expected an error ({feast}), got {rows} rows of {schema:?}"
                ))
            }
        };
    }
    let (schema, rows) = asked?;
    case.check(&schema, &rows)
        .map_err(|difference| format!("not as Feast: {difference}"))?;
    let entity = match &case.entity_rows {
        EntityRows::Sql(sql) => rows_of_query(sql).await?,
        EntityRows::Absent => keys_and_time(&schema, &rows)?,
        EntityRows::Table(_) => case
            .entity_batch()
            .map_err(text)?
            .ok_or("there are no entity rows")?,
    };
    let expected = answer(&case.query(entity).map_err(text)?).map_err(text)?;
    let difference = match form {
        Form::Tables => compare(&expected, &schema, &rows, RowOrder::Exact),
        // A Parquet reader chooses its own string types.
        Form::Files(_) => {
            let names: Vec<_> = schema.fields().iter().map(|f| f.name().clone()).collect();
            let plain = |batches: &[RecordBatch]| -> Result<Vec<Vec<_>>, String> {
                let rows = rows_of(batches).map_err(text)?;
                Ok(rows
                    .into_iter()
                    .map(|r| r.into_iter().map(canonical).collect())
                    .collect())
            };
            compare_rows(&names, plain(&[expected])?, plain(&rows)?, RowOrder::Exact)
        }
    };
    difference.map_err(|difference| format!("not as the oracle: {difference}"))
}

/// Defines what the case defines and asks what it asks, in a context of its own.
async fn ask(case: &Case, form: Form<'_>) -> Result<Answer, String> {
    let feast = FeastContext::builder().build().await.map_err(text)?;
    let mut tables: Vec<(String, RecordBatch)> = Vec::new();
    for (source, table) in &case.sources {
        tables.push((source.clone(), table.batch().map_err(text)?));
    }
    if let EntityRows::Table(table) = &case.entity_rows {
        tables.push((ENTITY.into(), table.batch().map_err(text)?));
    }
    let mut sources = Sources {
        tables: BTreeMap::new(),
        entity: String::new(),
    };
    for (table, batch) in tables {
        let reference = match form {
            Form::Tables => {
                register(&feast, &table, batch.schema(), vec![vec![batch]])?;
                name(&table)
            }
            Form::Files(folder) => {
                let path = folder.join(format!("{table}.parquet"));
                write(&path, &batch.schema(), &[batch], 1_000)?;
                string(&path.display().to_string())
            }
        };
        match table.as_str() {
            ENTITY => sources.entity = reference,
            _ => drop(sources.tables.insert(table, reference)),
        }
    }
    let sql = case.definitions(&sources).map_err(text)?;
    for definition in &sql.definitions {
        run(&feast, definition).await?;
    }
    run(&feast, &sql.query).await
}

async fn run(feast: &FeastContext, sql: &str) -> Result<Answer, String> {
    let failed = |error: datafusion::error::DataFusionError| format!("{sql}\n  {error}");
    let frame = feast.sql(sql).await.map_err(failed)?;
    let schema = Arc::clone(frame.schema().inner());
    let rows = frame.collect().await.map_err(failed)?;
    Ok((schema, rows))
}

/// The keys and the time of an answer that has no entity rows: for those the features have to be right.
fn keys_and_time(schema: &SchemaRef, rows: &[RecordBatch]) -> Result<RecordBatch, String> {
    let time = schema.index_of("event_timestamp").map_err(text)?;
    let all = arrow::compute::concat_batches(schema, rows).map_err(text)?;
    all.project(&(0..=time).collect::<Vec<_>>()).map_err(text)
}

async fn rows_of_query(sql: &str) -> Result<RecordBatch, String> {
    let feast = FeastContext::builder().build().await.map_err(text)?;
    let (schema, rows) = run(&feast, sql).await?;
    arrow::compute::concat_batches(&schema, &rows).map_err(text)
}
