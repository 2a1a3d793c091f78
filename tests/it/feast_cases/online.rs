// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Feast's observed materializations and online reads, asked in SQL.
//!
//! Every case runs over tables of the session and an Iceberg catalog for the online tables. Where ours
//! differs from Feast on purpose, the case is in `differs` with what it gives here.

use std::sync::Arc;

use arrow::util::display::array_value_to_string;
use datafusion::sql::TableReference;
use datafusion_feast::FeastContext;
use feast_registry::{Registry, RegistryStore};
use feast_testkit::cases::CaseTable;
use feast_testkit::define::{name, string};
use serde_json::{Value as Json, json};

use crate::online::{OnlineLake, try_rows};
use crate::tables::register;

#[tokio::test]
async fn online_cases() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/cases/feast_cases.json"
    );
    let all: Json = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let (mut right, mut left_out) = (0, Vec::new());
    for case in all["online"].as_array().unwrap() {
        let id = case["id"].as_str().unwrap();
        if id.starts_with("ON17") {
            left_out.push(format!(
                "{id}: writing to offline stores is INSERT INTO, with its own rules"
            ));
            continue;
        }
        if let Err(difference) = run(case).await {
            panic!("{id} ({})\n{difference}", case["title"]);
        }
        right += 1;
    }
    println!(
        "{right} online cases are answered; not in SQL:\n  {}",
        left_out.join("\n  ")
    );
    assert_eq!((right, left_out.len()), (14, 1));
}

/// What a read gives here where Feast gives something else, by the case's id.
fn differs(id: &str) -> Option<Json> {
    let v = |values: Json| json!({ "v": { "values": values } });
    match id.split('_').next()? {
        // Late rows are picked up.
        "ON10" => Some(v(json!([33]))),
        // A NULL key is no error.
        "ON19" => Some(v(json!([1, null]))),
        // A NULL key in the source is left out.
        "ON20" => Some(v(json!([1]))),
        _ => None,
    }
}

async fn run(case: &Json) -> Result<(), String> {
    let id = case["id"].as_str().unwrap_or_default();
    let lake = OnlineLake::new().await;
    let feast = lake.session().await;
    for (source, table) in case["sources"].as_object().unwrap() {
        replace(&feast, source, table)?;
    }
    define(&feast, case).await?;
    // The stores that need a work-around for the case are not asked.
    let asked = ["dask+redis", "dask", "both", "duckdb"];
    let results = &case["results"];
    let order: &[&str] = if id.starts_with("ON22") {
        &asked
    } else {
        &asked[1..]
    };
    let observed = order.iter().find_map(|store| results.get(*store)).unwrap();
    let mut observed = observed["ok"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it.get("result").is_some());
    for step in case["steps"].as_array().unwrap() {
        match step["op"].as_str().unwrap() {
            "materialize" => {
                let views = views(case);
                let (start, end) = (
                    step["start"].as_str().unwrap(),
                    step["end"].as_str().unwrap(),
                );
                let statement =
                    format!("MATERIALIZE FEATURE VIEW {views} FROM '{start}' TO '{end}'");
                try_rows(&feast, &statement).await?;
            }
            "materialize_incremental" => {
                try_rows(&feast, &format!("MATERIALIZE FEATURE VIEW {}", views(case))).await?;
            }
            "replace_source" => replace(&feast, step["source"].as_str().unwrap(), &step["table"])?,
            "read" => {
                let observed = observed.next().map(|it| &it["result"]["columns"]);
                let expected = differs(id).or_else(|| observed.cloned()).unwrap();
                read(&feast, case, step, &expected).await?;
            }
            "intervals" => {
                let expected = &observed.next().unwrap()["result"];
                let found = intervals(&lake, "ds");
                if found.len() != expected.as_array().unwrap().len() {
                    return Err(format!("{expected} intervals in Feast, ours {found:?}"));
                }
                for (ours, feast) in found.iter().zip(expected.as_array().unwrap()) {
                    let text = [seconds(&feast[0]), seconds(&feast[1])];
                    if [ours.0, ours.1] != text {
                        return Err(format!("interval {feast} in Feast, ours {ours:?}"));
                    }
                }
            }
            other => return Err(format!("there is no step {other}")),
        }
    }
    Ok(())
}

fn seconds(time: &Json) -> i64 {
    let time = time.as_str().unwrap();
    chrono::DateTime::parse_from_rfc3339(time)
        .unwrap()
        .timestamp()
}

fn intervals(lake: &OnlineLake, view: &str) -> Vec<(i64, i64)> {
    let bytes = lake.store.read().unwrap().unwrap().bytes;
    let view = Registry::parse(&bytes)
        .unwrap()
        .feature_view("rides", view)
        .unwrap()
        .unwrap();
    let intervals = view.materialization_intervals.iter();
    intervals
        .map(|(start, end)| (start.seconds, end.seconds))
        .collect()
}

fn replace(feast: &FeastContext, source: &str, table: &Json) -> Result<(), String> {
    let batch = CaseTable::read(table)
        .map_err(|e| e.to_string())?
        .batch()
        .map_err(|e| e.to_string())?;
    drop(
        feast
            .session()
            .deregister_table(TableReference::bare(source)),
    );
    register(feast, source, batch.schema(), vec![vec![batch]])
}

fn views(case: &Json) -> String {
    let views = case["feature_views"].as_array().unwrap().iter();
    let views: Vec<String> = views
        .map(|view| name(view["name"].as_str().unwrap()))
        .collect();
    views.join(", ")
}

async fn define(feast: &FeastContext, case: &Json) -> Result<(), String> {
    let mut keys = Vec::new();
    for entity in case["entities"].as_array().unwrap() {
        let key = entity["join_key"].as_str().unwrap();
        keys.push(key);
        let entity = name(entity["name"].as_str().unwrap());
        try_rows(
            feast,
            &format!("CREATE ENTITY {entity} JOIN KEY ({} BIGINT)", name(key)),
        )
        .await?;
    }
    for view in case["feature_views"].as_array().unwrap() {
        let text = |field: &str| view[field].as_str().filter(|text| !text.is_empty());
        let mut sql = format!("CREATE FEATURE VIEW {}", name(text("name").unwrap()));
        let entities = view["entities"].as_array().unwrap().iter();
        let entities: Vec<String> = entities.map(|it| name(it.as_str().unwrap())).collect();
        if !entities.is_empty() {
            sql.push_str(&format!(" ENTITIES ({})", entities.join(", ")));
        }
        let columns = view["schema"].as_array().unwrap().iter();
        let columns = columns.map(|column| column[0].as_str().unwrap());
        let features = columns.filter(|column| !keys.contains(column));
        let features: Vec<String> = features
            .map(|column| format!("{} BIGINT", name(column)))
            .collect();
        sql.push_str(&format!(
            " FEATURES ({}) FROM {}",
            features.join(", "),
            name(text("source").unwrap())
        ));
        let time = text("timestamp_field").unwrap_or("event_timestamp");
        sql.push_str(&format!(" TIMESTAMP {}", name(time)));
        if let Some(created) = text("created_timestamp_column") {
            sql.push_str(&format!(" CREATED TIMESTAMP {}", name(created)));
        }
        if let Some(mapping) = view["field_mapping"].as_object() {
            let pairs = mapping
                .iter()
                .map(|(from, to)| format!("{} AS {}", name(from), name(to.as_str().unwrap())));
            sql.push_str(&format!(
                " FIELD MAPPING ({})",
                pairs.collect::<Vec<_>>().join(", ")
            ));
        }
        try_rows(feast, &sql).await?;
    }
    Ok(())
}

/// Reads what a step reads and compares values, statuses and times with those of `expected`.
async fn read(
    feast: &FeastContext,
    case: &Json,
    step: &Json,
    expected: &Json,
) -> Result<(), String> {
    let features = match step["features"].as_array() {
        Some(features) => features
            .iter()
            .map(|it| string(it.as_str().unwrap()))
            .collect(),
        None => vec![string(&format!(
            "{}:*",
            case["feature_views"][0]["name"].as_str().unwrap()
        ))],
    };
    let keys = step["entity_rows"].as_array().unwrap().iter();
    let keys: Vec<String> = keys
        .map(|row| match row["driver_id"].as_i64() {
            Some(key) => format!("(CAST({key} AS BIGINT))"),
            None => "(CAST(NULL AS BIGINT))".to_owned(),
        })
        .collect();
    let full = step["full_feature_names"].as_bool().unwrap_or(false);
    let sql = format!(
        "SELECT * FROM feast_online_lookup([{}], (SELECT * FROM (VALUES {}) AS t(driver_id)), status => true, timestamps => true, \
         full_feature_names => {full})",
        features.join(", "),
        keys.join(", ")
    );
    let rows = try_rows(feast, &sql).await?;
    let rows = arrow::compute::concat_batches(&rows[0].schema(), &rows).unwrap();
    for (feature, columns) in expected.as_object().unwrap() {
        if feature == "driver_id" {
            continue;
        }
        let cells = |name: &str| {
            let column = Arc::clone(
                rows.column_by_name(name)
                    .unwrap_or_else(|| panic!("{name} in {:?}", rows.schema())),
            );
            let cells =
                (0..rows.num_rows()).map(|row| array_value_to_string(&column, row).unwrap());
            cells.collect::<Vec<String>>()
        };
        let (values, statuses) = (cells(feature), cells(&format!("{feature}__status")));
        let times = cells(&format!("{feature}__event_timestamp"));
        let wanted = columns["values"].as_array().unwrap();
        for (row, wanted) in wanted.iter().enumerate() {
            let wanted = wanted
                .as_i64()
                .map_or_else(String::new, |value| value.to_string());
            if values[row] != wanted {
                return Err(format!(
                    "{sql}\n{feature} of row {row}: '{wanted}' in Feast, ours '{}'",
                    values[row]
                ));
            }
            let (Some(status), Some(time)) = (
                columns["statuses"][row].as_str(),
                columns["event_timestamps"][row].as_str(),
            ) else {
                continue;
            };
            // A stored NULL is told apart; Feast's store in Redis never says NOT_FOUND.
            let (status, time) = match (status, time) {
                ("PRESENT", "1970-01-01T00:00:00Z") => ("NOT_FOUND", ""),
                ("NOT_FOUND", _) => ("NOT_FOUND", ""),
                ("PRESENT", time) if wanted.is_empty() => ("NULL_VALUE", time),
                other => other,
            };
            if statuses[row] != status || times[row] != time {
                return Err(format!(
                    "{sql}\n{feature} of row {row}: {status} {time} in Feast, ours {} {}",
                    statuses[row], times[row]
                ));
            }
        }
    }
    Ok(())
}
