// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Random retrievals that Feast answered over the same files and tables: every row and column agrees.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, Scalar};
use arrow::compute::kernels::cmp::eq;
use arrow::compute::{cast, concat_batches, filter_record_batch};
use arrow::datatypes::{Field, Int32Type, Schema};
use datafusion::datasource::MemTable;
use datafusion_feast::{FeastContext, PitJoinRequest};
use feast_testkit::compare::{RowOrder, compare};
use feast_testkit::define::string;
use serde_json::Value as Json;

use super::{Repositories, read, rows};

/// What Feast was asked.
struct Asked {
    features: Vec<String>,
    service: Option<String>,
    full_feature_names: bool,
    created_cutoff: bool,
    columns: Vec<String>,
}

impl Asked {
    fn read(json: &Json) -> Self {
        let texts = |key: &str| -> Vec<String> {
            let items = json[key].as_array().into_iter().flatten();
            items
                .map(|item| item.as_str().unwrap().to_owned())
                .collect()
        };
        Self {
            features: texts("features"),
            service: json["service"].as_str().map(str::to_owned),
            full_feature_names: json["full_feature_names"].as_bool().unwrap(),
            created_cutoff: json["filter_by_created_timestamp"].as_bool().unwrap(),
            columns: texts("columns"),
        }
    }

    fn sql(&self) -> String {
        let features = match &self.service {
            Some(service) => string(service),
            None => {
                let features: Vec<_> = self.features.iter().map(|f| string(f)).collect();
                format!("[{}]", features.join(", "))
            }
        };
        format!(
            "SELECT * FROM feast_pit_join(entities => entity_df, features => {features}, full_feature_names => {}, \
             filter_by_created_timestamp => {})",
            self.full_feature_names, self.created_cutoff
        )
    }

    fn request(&self) -> PitJoinRequest {
        let mut request = match &self.service {
            Some(service) => PitJoinRequest::service(service),
            None => PitJoinRequest::features(&self.features),
        };
        if self.full_feature_names {
            request = request.with_full_feature_names();
        }
        if self.created_cutoff {
            request = request.with_created_cutoff();
        }
        request
    }

    /// The features as `view__feature`, as the answers are recorded, for the columns of the answer.
    fn recorded(&self, answers: &RecordBatch) -> Vec<String> {
        if self.full_feature_names {
            return self.columns.clone();
        }
        let prefixes: Vec<String> = match &self.service {
            Some(_) => vec![
                "driver_stats__".into(),
                "driver_profile__".into(),
                "driver_customer__".into(),
            ],
            None => self
                .features
                .iter()
                .map(|f| format!("{}__", f.split(':').next().unwrap()))
                .collect(),
        };
        let full = |column: &String| {
            let mut names = prefixes.iter().map(|prefix| format!("{prefix}{column}"));
            let asked = |name: &String| {
                let asked = self.features.contains(&name.replacen("__", ":", 1));
                answers.schema().column_with_name(name).is_some()
                    && (asked || self.service.is_some())
            };
            names.find(asked).unwrap()
        };
        self.columns.iter().map(full).collect()
    }
}

#[tokio::test]
async fn feast_and_we_agree_on_random_retrievals() {
    let repositories = Repositories::place();
    let folder = repositories.dir("answers");
    let asked: Json = serde_json::from_slice(&read(folder.join("requests.json"))).unwrap();
    let asked: Vec<Asked> = asked.as_array().unwrap().iter().map(Asked::read).collect();
    assert_eq!(asked.len(), 200);
    for name in ["rides", "sql"] {
        let feast = repositories.open(name).await;
        let table = |file: &str| {
            format!(
                "SELECT * FROM '{}' ORDER BY request, row",
                folder.join(file).display()
            )
        };
        let all =
            |batches: Vec<RecordBatch>| concat_batches(&batches[0].schema(), &batches).unwrap();
        let entities = all(rows(&feast, &table("entities.parquet")).await.unwrap());
        let answers = all(rows(&feast, &table("answers.parquet")).await.unwrap());
        let (mut cells, mut found) = (0, 0);
        // The definitions are the same ones: for the second kind of registry a part is enough.
        let step = if name == "rides" { 1 } else { 5 };
        for (number, asked) in asked.iter().enumerate().step_by(step) {
            let number = i32::try_from(number).unwrap();
            let (entities, answers) = (of(&entities, number), of(&answers, number));
            let expected = expected(asked, &entities, &answers);
            let what = format!("request {number} of {name}: {}", asked.sql());
            let in_sql = in_sql(&feast, asked, &entities)
                .await
                .unwrap_or_else(|e| panic!("{what}\n{e}"));
            check(&expected, &in_sql).unwrap_or_else(|e| panic!("{what}\n{e}"));
            if number % 10 == 0 {
                let frame = feast.session().read_batch(entities).unwrap();
                let frame = Box::pin(feast.pit_join(frame, &asked.request()))
                    .await
                    .unwrap();
                let in_rust = Box::pin(frame.collect()).await.unwrap();
                check(&expected, &in_rust).unwrap_or_else(|e| panic!("in Rust, {what}\n{e}"));
            }
            for column in &expected.columns()[7..] {
                cells += column.len();
                found += column.len() - column.null_count();
            }
        }
        println!(
            "{name}: {} requests, {cells} values, {found} of them not NULL",
            asked.len() / step
        );
        assert!(found > cells / 3);
    }
}

/// The comparison finds out when a rule is not followed.
#[tokio::test]
async fn answers_to_other_questions_differ() {
    let repositories = Repositories::place();
    let folder = repositories.dir("answers");
    let asked: Json = serde_json::from_slice(&read(folder.join("requests.json"))).unwrap();
    let feast = repositories.open("rides").await;
    let table = |file: &str| {
        format!(
            "SELECT * FROM '{}' ORDER BY request, row",
            folder.join(file).display()
        )
    };
    let all = |batches: Vec<RecordBatch>| concat_batches(&batches[0].schema(), &batches).unwrap();
    let entities = all(rows(&feast, &table("entities.parquet")).await.unwrap());
    let answers = all(rows(&feast, &table("answers.parquet")).await.unwrap());
    let mut differ = [0, 0];
    for number in 0..20 {
        let mut asked = Asked::read(&asked[usize::try_from(number).unwrap()]);
        let (entities, answers) = (of(&entities, number), of(&answers, number));
        let expected = expected(&asked, &entities, &answers);
        asked.created_cutoff = !asked.created_cutoff;
        let cutoff = in_sql(&feast, &asked, &entities).await.unwrap();
        differ[0] += usize::from(check(&expected, &cutoff).is_err());
        asked.created_cutoff = !asked.created_cutoff;
        let earlier =
            "SELECT * REPLACE (event_timestamp - INTERVAL '1 microsecond' AS event_timestamp) FROM";
        let earlier = asked.sql().replace(
            "entities => entity_df",
            &format!("entities => ({earlier} entity_df)"),
        );
        let earlier = all(rows(&feast, &earlier).await.unwrap());
        let features = earlier.columns()[7..].iter();
        let columns = entities.columns().iter().chain(features).cloned().collect();
        let earlier = RecordBatch::try_new(earlier.schema(), columns).unwrap();
        differ[1] += usize::from(check(&expected, &[earlier]).is_err());
    }
    println!(
        "of 20 requests {} differ with the other cutoff, {} a microsecond earlier",
        differ[0], differ[1]
    );
    assert!(differ.iter().all(|count| *count > 5), "{differ:?}");
}

/// The rows of one request, without its number.
fn of(batch: &RecordBatch, request: i32) -> RecordBatch {
    let number = Scalar::new(arrow::array::Int32Array::from(vec![request]));
    let mine = eq(batch.column(0), &number).unwrap();
    let mut mine = filter_record_batch(batch, &mine).unwrap();
    assert_eq!(
        mine.remove_column(0)
            .as_primitive::<Int32Type>()
            .null_count(),
        0
    );
    mine
}

/// The columns of the entities and the recorded ones, under the names they have in the answer.
fn expected(asked: &Asked, entities: &RecordBatch, answers: &RecordBatch) -> RecordBatch {
    let mut fields: Vec<Arc<Field>> = entities.schema().fields().iter().cloned().collect();
    let mut columns: Vec<ArrayRef> = entities.columns().to_vec();
    for (name, recorded) in asked.columns.iter().zip(asked.recorded(answers)) {
        let column = answers.column_by_name(&recorded).unwrap();
        fields.push(Arc::new(Field::new(name, column.data_type().clone(), true)));
        columns.push(Arc::clone(column));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

async fn in_sql(
    feast: &FeastContext,
    asked: &Asked,
    entities: &RecordBatch,
) -> datafusion::common::Result<Vec<RecordBatch>> {
    let table = MemTable::try_new(entities.schema(), vec![vec![entities.clone()]])?;
    feast.session().deregister_table("entity_df")?;
    feast
        .session()
        .register_table("entity_df", Arc::new(table))?;
    rows(feast, &asked.sql()).await
}

/// Names, order and values agree; a type may be one that holds the same values, such as a string of another layout.
fn check(expected: &RecordBatch, answer: &[RecordBatch]) -> Result<(), String> {
    let schema = expected.schema();
    let all = concat_batches(&answer[0].schema(), answer).map_err(|e| e.to_string())?;
    let names = |schema: &Schema| {
        schema
            .fields()
            .iter()
            .map(|f| f.name().clone())
            .collect::<Vec<_>>()
    };
    if names(&schema) != names(&all.schema()) {
        return Err(format!(
            "columns {:?}, expected {:?}",
            names(&all.schema()),
            names(&schema)
        ));
    }
    let columns = all.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| cast(column, field.data_type()));
    let columns: Vec<ArrayRef> = columns
        .collect::<Result<_, _>>()
        .map_err(|e| e.to_string())?;
    let fields: Vec<_> = schema
        .fields()
        .iter()
        .map(|f| f.as_ref().clone().with_nullable(true))
        .collect();
    let all =
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|e| e.to_string())?;
    compare(
        expected,
        &all.schema(),
        std::slice::from_ref(&all),
        RowOrder::Exact,
    )
    .map_err(|e| e.to_string())
}
