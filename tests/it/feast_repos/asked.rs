// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What Feast was asked and what it answered, as `make.py` and `alter.py` record it.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, RecordBatch, Scalar};
use arrow::compute::kernels::cmp::eq;
use arrow::compute::{cast, concat_batches, filter_record_batch};
use arrow::datatypes::{Field, Int32Type, Schema};
use datafusion::datasource::MemTable;
use datafusion_feast::{FeastContext, PitJoinRequest};
use feast_testkit::compare::{RowOrder, compare};
use feast_testkit::define::string;
use serde_json::Value as Json;

use super::{read, rows};

/// A folder with `requests.json`, `entities.parquet` and `answers.parquet`.
pub(super) struct Recording {
    pub(super) asked: Vec<Asked>,
    entities: RecordBatch,
    answers: RecordBatch,
}

impl Recording {
    pub(super) async fn read(feast: &FeastContext, folder: &Path) -> Self {
        let asked: Json = serde_json::from_slice(&read(folder.join("requests.json"))).unwrap();
        let table = async |file: &str| {
            let path = folder.join(file);
            let sql = format!("SELECT * FROM '{}' ORDER BY request, row", path.display());
            let batches = rows(feast, &sql).await.unwrap();
            concat_batches(&batches[0].schema(), &batches).unwrap()
        };
        Self {
            asked: asked.as_array().unwrap().iter().map(Asked::read).collect(),
            entities: table("entities.parquet").await,
            answers: table("answers.parquet").await,
        }
    }

    /// The entity rows of a request.
    pub(super) fn entities(&self, number: usize) -> RecordBatch {
        of(&self.entities, number)
    }

    /// The entity columns and what Feast answered, under the names of the answer.
    pub(super) fn expected(&self, number: usize) -> RecordBatch {
        let (asked, entities) = (&self.asked[number], self.entities(number));
        let answers = of(&self.answers, number);
        let mut fields: Vec<Arc<Field>> = entities.schema().fields().iter().cloned().collect();
        let mut columns: Vec<ArrayRef> = entities.columns().to_vec();
        for (name, recorded) in asked.columns.iter().zip(&asked.recorded) {
            let column = answers.column_by_name(recorded).unwrap();
            fields.push(Arc::new(Field::new(name, column.data_type().clone(), true)));
            columns.push(Arc::clone(column));
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
    }

    /// Our answer in SQL.
    pub(super) async fn in_sql(
        &self,
        feast: &FeastContext,
        number: usize,
    ) -> Result<Vec<RecordBatch>, String> {
        in_sql(feast, &self.asked[number], &self.entities(number))
            .await
            .map_err(|error| error.strip_backtrace())
    }

    /// Our answer to every request from `first` on, in steps, agrees. Gives how many values there were, and how many not NULL.
    pub(super) async fn agrees(&self, feast: &FeastContext, step: usize) -> (usize, usize) {
        let (mut cells, mut found) = (0, 0);
        for number in (0..self.asked.len()).step_by(step) {
            let expected = self.expected(number);
            let what = || format!("request {number}: {}", self.asked[number].sql());
            let answer = self.in_sql(feast, number).await;
            let answer = answer.unwrap_or_else(|e| panic!("{}\n{e}", what()));
            check(&expected, &answer).unwrap_or_else(|e| panic!("{}\n{e}", what()));
            for column in &expected.columns()[self.entities(number).num_columns()..] {
                cells += column.len();
                found += column.len() - column.null_count();
            }
        }
        (cells, found)
    }
}

/// What Feast was asked.
#[derive(Clone)]
pub(super) struct Asked {
    features: Vec<String>,
    service: Option<String>,
    full_feature_names: bool,
    pub(super) created_cutoff: bool,
    /// The features' names in the answer.
    columns: Vec<String>,
    /// The same as `view__feature`, as the answers are recorded.
    recorded: Vec<String>,
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
            recorded: texts("recorded"),
        }
    }

    pub(super) fn sql(&self) -> String {
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

    pub(super) fn request(&self) -> PitJoinRequest {
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
}

/// The rows of one request, without its number.
fn of(batch: &RecordBatch, request: usize) -> RecordBatch {
    let number = Scalar::new(Int32Array::from(vec![i32::try_from(request).unwrap()]));
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

pub(super) async fn in_sql(
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
pub(super) fn check(expected: &RecordBatch, answer: &[RecordBatch]) -> Result<(), String> {
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
