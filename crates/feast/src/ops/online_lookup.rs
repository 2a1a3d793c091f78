// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `feast_online_lookup`: the newest features of keys.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StructArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::LogicalPlan;
use feast_online::{
    LookupOptions, LookupSource, LookupView, ONLINE_LOOKUP, ViewReport, explain_lookup, lookup_in,
    lookup_schema,
};
use futures::future::try_join_all;

use super::Effect;
use super::online_view::{instant, now_nanos, online_view, selected};
use super::pit_join::{Call, PitJoinRequest};
use crate::session::{FeastScope, wait};

const FUNCTION: &str = ONLINE_LOOKUP;

/// The keys of a call.
#[derive(Debug, Clone)]
pub(crate) enum LookupKeys {
    /// A list of values or of structs.
    List(ScalarValue),
    /// The rows of a plan.
    Rows(Box<LogicalPlan>),
}

/// A lookup that is ready to run.
#[derive(Debug)]
pub(crate) struct OnlineLookup {
    views: Vec<LookupView>,
    request: Request,
    options: LookupOptions,
    schema: SchemaRef,
    scope: FeastScope,
    /// How the views were answered, or would be.
    reports: Mutex<Option<Vec<ViewReport>>>,
}

#[derive(Debug)]
enum Request {
    Rows(RecordBatch),
    Plan(Box<LogicalPlan>),
}

/// Plans a lookup from its arguments, the options by their names.
pub(crate) async fn online_lookup(
    scope: &FeastScope,
    features: &ScalarValue,
    keys: LookupKeys,
    options: Vec<(String, ScalarValue)>,
) -> Result<OnlineLookup> {
    let scope = &scope.allowing_staleness();
    let mut request = PitJoinRequest::try_new(Call::OnlineLookup, features, &[])?;
    let mut read = LookupOptions {
        function: FUNCTION,
        status: false,
        timestamps: false,
        max_age: false,
        as_of: None,
        now: now_nanos(scope),
        source: LookupSource::Auto,
        timeout: Some(scope.online_settings().read_timeout),
    };
    let mut given: Vec<&str> = Vec::new();
    for (name, value) in &options {
        Call::OnlineLookup.check_option(name)?;
        if given.contains(&name.as_str()) {
            return plan_err!("{FUNCTION}: argument {name} is given twice");
        }
        given.push(name);
        match name.as_str() {
            "status" => read.status = flag(name, value)?,
            "timestamps" => read.timestamps = flag(name, value)?,
            "max_age" => read.max_age = flag(name, value)?,
            "as_of" => read.as_of = instant(FUNCTION, name, value)?,
            "source" => read.source = source(value)?,
            "timeout_ms" => read.timeout = timeout(value)?.or(read.timeout),
            _ => {
                if flag(name, value)? {
                    request = request.with_full_feature_names();
                }
            }
        }
    }
    let views = lookup_views(scope, &request).await?;
    let request = match keys {
        LookupKeys::Rows(plan) => Request::Plan(plan),
        LookupKeys::List(list) => Request::Rows(listed(&list, &views)?),
    };
    let columns = match &request {
        Request::Rows(rows) => rows.schema(),
        Request::Plan(plan) => Arc::clone(plan.schema().inner()),
    };
    let schema = lookup_schema(&columns, &views, &read)?;
    Ok(OnlineLookup {
        views,
        request,
        options: read,
        schema,
        scope: scope.clone(),
        reports: Mutex::default(),
    })
}

impl OnlineLookup {
    fn reports(&self) -> MutexGuard<'_, Option<Vec<ViewReport>>> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the views will be answered, by the metadata of their online tables.
    fn explained(&self) -> Result<Vec<ViewReport>> {
        let request = match &self.request {
            Request::Rows(rows) => Some(rows),
            Request::Plan(_) => None,
        };
        wait(explain_lookup(&self.views, request, &self.options))
    }
}

/// The views that a request asks for, as they are looked up.
pub(crate) async fn lookup_views(
    scope: &FeastScope,
    request: &PitJoinRequest,
) -> Result<Vec<LookupView>> {
    let selections = selected(scope, request)?;
    let views = selections.iter();
    // The catalogs of all sources are asked at the same time.
    try_join_all(views.map(|view| online_view(scope, view, request.full_feature_names))).await
}

#[async_trait]
impl Effect for OnlineLookup {
    fn label(&self) -> String {
        let views: Vec<&str> = self.views.iter().map(|view| view.name.as_str()).collect();
        format!("online lookup of {}", views.join(", "))
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Tables, snapshots, and what is read of them. What went wrong is told by the lookup itself.
    fn details(&self) -> Option<String> {
        let mut reports = self.reports();
        if reports.is_none() {
            *reports = self.explained().ok();
        }
        let reports: Vec<String> = reports
            .as_ref()?
            .iter()
            .map(ViewReport::to_string)
            .collect();
        Some(format!("[{}]", reports.join("; ")))
    }

    async fn run(&self) -> Result<RecordBatch> {
        let rows = match &self.request {
            Request::Rows(rows) => rows.clone(),
            Request::Plan(plan) => {
                let schema = Arc::clone(plan.schema().inner());
                let rows = DataFrame::new(self.scope.state(), plan.as_ref().clone());
                concat_batches(&schema, &rows.collect().await?)?
            }
        };
        let found = lookup_in(&self.scope, &self.views, &rows, &self.options);
        let found = Box::pin(found).await?;
        *self.reports() = Some(found.views);
        Ok(found.rows)
    }
}

/// The rows of a list: of values of the only join key, or of structs.
fn listed(list: &ScalarValue, views: &[LookupView]) -> Result<RecordBatch> {
    const EXPECTED: &str = "a list of keys such as [1, 2], a list of structs such as [{'a': 1, 'b': 'x'}], a query (SELECT …), a table's \
                            name or a file's path";
    let items = match list {
        ScalarValue::List(list) => list.value(0),
        ScalarValue::LargeList(list) => list.value(0),
        ScalarValue::FixedSizeList(list) => list.value(0),
        other => return plan_err!("{FUNCTION}: keys expects {EXPECTED}, found {other}"),
    };
    if let Some(structs) = items.as_struct_opt() {
        return rows_of_structs(structs);
    }
    let mut names: Vec<&String> = views.iter().flat_map(|view| &view.keys).collect();
    names.sort();
    names.dedup();
    let name = match names.as_slice() {
        [only] => (*only).clone(),
        // Nothing is asked by key; the rows are counted, and come back.
        [] => "key".to_owned(),
        several => {
            let several: Vec<&str> = several.iter().map(|name| name.as_str()).collect();
            return plan_err!(
                "{FUNCTION}: the views are looked up by {}, so keys needs a name for each: [{{'{}': …, '{}': …}}]",
                several.join(", "),
                several[0],
                several[1]
            );
        }
    };
    let field = Field::new(name, items.data_type().clone(), true);
    Ok(RecordBatch::try_new(
        Arc::new(Schema::new(vec![field])),
        vec![items],
    )?)
}

fn rows_of_structs(structs: &StructArray) -> Result<RecordBatch> {
    if structs.null_count() > 0 {
        return plan_err!(
            "{FUNCTION}: keys has a NULL in place of a struct; give {{'key': NULL}} for a NULL key"
        );
    }
    let columns: Vec<ArrayRef> = structs.columns().to_vec();
    let fields = structs
        .fields()
        .iter()
        .map(|field| field.as_ref().clone().with_nullable(true));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    Ok(RecordBatch::try_new(Arc::new(schema), columns)?)
}

fn flag(name: &str, value: &ScalarValue) -> Result<bool> {
    match value {
        ScalarValue::Boolean(Some(flag)) => Ok(*flag),
        other => plan_err!("{FUNCTION}: {name} expects true or false, found {other}"),
    }
}

fn source(value: &ScalarValue) -> Result<LookupSource> {
    match value
        .try_as_str()
        .flatten()
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        Some("auto") => Ok(LookupSource::Auto),
        Some("online") => Ok(LookupSource::Online),
        Some("offline") => Ok(LookupSource::Offline),
        _ => plan_err!("{FUNCTION}: source expects 'online', 'offline' or 'auto', found {value}"),
    }
}

/// NULL is what the setting says.
fn timeout(value: &ScalarValue) -> Result<Option<Duration>> {
    if value.is_null() {
        return Ok(None);
    }
    match value.cast_to(&arrow::datatypes::DataType::Int64) {
        Ok(ScalarValue::Int64(Some(millis))) if millis > 0 => {
            Ok(Some(Duration::from_millis(millis.unsigned_abs())))
        }
        _ => plan_err!("{FUNCTION}: timeout_ms expects a whole number above 0, found {value}"),
    }
}
