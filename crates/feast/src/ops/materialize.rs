// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `MATERIALIZE` and `feast_materialize`.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::physical_plan::metrics::Time;
use feast_online::{Materialization, MaterializeMode, Materialized, ProgressTo, materialize};
use feast_registry::{FeatureView, Registry, Timestamp};

use super::error::from_registry;
use super::objects::place;
use super::online_view::{about, instant, now_nanos, online_view, selected, store};
use super::operation::now;
use super::pit_join::PitJoinRequest;
use crate::ddl::{self, MaterializeRows};
use crate::session::FeastScope;

/// What is materialized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MaterializeWhat {
    /// These views.
    Views(Vec<String>),
    /// The online views of a service.
    Service(String),
    /// The view or the service of that name.
    Named(String),
}

/// What `MATERIALIZE` is given.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Materialize {
    pub(crate) what: MaterializeWhat,
    pub(crate) mode: MaterializeMode,
}

impl Materialize {
    /// What a statement asks for.
    pub(super) fn try_new(statement: ddl::Materialize) -> Result<Self> {
        const STATEMENT: &str = "MATERIALIZE";
        let at = |name, text: String| instant(STATEMENT, name, &ScalarValue::from(text));
        let mode = match statement.rows {
            MaterializeRows::Incremental => MaterializeMode::Incremental,
            MaterializeRows::Full => MaterializeMode::Full,
            MaterializeRows::Window(start, end) => match (at("FROM", start)?, at("TO", end)?) {
                (Some(start), Some(end)) => MaterializeMode::Window { start, end },
                _ => return plan_err!("{STATEMENT}: FROM and TO expect instants"),
            },
        };
        let mut names = statement.names;
        let what = match (statement.service, names.pop()) {
            (true, Some(name)) => MaterializeWhat::Service(name),
            (_, last) => {
                names.extend(last);
                MaterializeWhat::Views(names)
            }
        };
        Ok(Self { what, mode })
    }

    /// What it is, for plans.
    pub(super) fn label(&self) -> String {
        let mode = match self.mode {
            MaterializeMode::Full => ", full",
            MaterializeMode::Incremental => "",
            MaterializeMode::Window { .. } => ", window",
        };
        match &self.what {
            MaterializeWhat::Views(names) => format!("materialize {}{mode}", names.join(", ")),
            MaterializeWhat::Service(name) | MaterializeWhat::Named(name) => {
                format!("materialize {name}{mode}")
            }
        }
    }
}

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let count = |name| Field::new(name, DataType::Int64, false);
    Arc::new(Schema::new(vec![
        Field::new("view", DataType::Utf8, false),
        Field::new("source_snapshot", DataType::Int64, true),
        count("rows_read"),
        count("rows_written"),
        count("rows_skipped"),
        count("files"),
        count("bytes"),
        Field::new("snapshot_id", DataType::Int64, true),
        Field::new("seconds", DataType::Float64, false),
        Field::new("notice", DataType::Utf8, true),
    ]))
});

/// The columns of the result: a row a view.
pub(super) fn result_schema() -> SchemaRef {
    SchemaRef::clone(&SCHEMA)
}

/// The mode that the arguments of the function mean.
pub(super) fn mode(
    start: &ScalarValue,
    end: &ScalarValue,
    mode: Option<&str>,
) -> Result<MaterializeMode> {
    const FUNCTION: &str = "feast_materialize";
    let window = (
        instant(FUNCTION, "start", start)?,
        instant(FUNCTION, "end", end)?,
    );
    let mode = mode.map(str::to_ascii_lowercase);
    match (window, mode.as_deref()) {
        ((Some(start), Some(end)), None | Some("window")) => {
            Ok(MaterializeMode::Window { start, end })
        }
        ((None, None), None | Some("incremental")) => Ok(MaterializeMode::Incremental),
        ((None, None), Some("full")) => Ok(MaterializeMode::Full),
        ((_, _), None | Some("window")) => {
            plan_err!("{FUNCTION}: a window needs both start and end")
        }
        ((_, _), Some("full" | "incremental")) => {
            plan_err!("{FUNCTION}: start and end are for mode => 'window'; leave them out")
        }
        (_, Some(other)) => {
            plan_err!("{FUNCTION}: mode expects 'incremental', 'full' or 'window', found '{other}'")
        }
    }
}

/// Materializes one view after the other. Each is a commit of its own: when one fails, those before
/// it stay.
pub(super) async fn run(scope: &FeastScope, call: &Materialize) -> Result<RecordBatch> {
    let mut done = Vec::new();
    for name in names(scope, &call.what)? {
        let time = Time::new();
        let timer = time.timer();
        let materialized = one(scope, &name, call.mode).await;
        timer.done();
        let materialized = materialized.map_err(|error| about(error, "materialize", &name))?;
        done.push((name, materialized, time.value()));
    }
    rows(&done)
}

async fn one(scope: &FeastScope, name: &str, mode: MaterializeMode) -> Result<Materialized> {
    let request = PitJoinRequest::features([format!("{name}:*")]);
    let selections = selected(scope, &request)?;
    let Some(selection) = selections.first() else {
        return plan_err!("there is no feature view {name}");
    };
    let view = online_view(scope, selection, false).await?;
    let state = scope.state();
    let progress = state.config().get_extension::<ProgressTo>();
    let asked = Materialization {
        store: store(&view)?,
        view: &view.view,
        source: Arc::clone(&view.source),
        columns: &view.columns,
        source_name: &place(&selection.view.source.source),
        mode,
        now: now_nanos(scope),
        progress: progress.map(|to| Arc::clone(&to.0)),
    };
    let materialized = Box::pin(materialize(&state, &asked)).await?;
    if let Some(interval) = materialized.interval {
        record(scope, name, interval)?;
    }
    Ok(materialized)
}

/// Enters the interval in the registry, where Feast looks for it, unless it is there: the commit may have been made by a statement that
/// did not come to this.
fn record(scope: &FeastScope, name: &str, (start, end): (i128, i128)) -> Result<()> {
    let at = |nanos: i128| {
        let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or(i64::MAX);
        let nanos = i32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or(0);
        Timestamp::new(seconds, nanos)
    };
    let project = scope.project();
    let interval = (at(start), at(end));
    scope.registry().update(|registry| {
        let found = registry
            .feature_view(project, name)
            .map_err(from_registry)?;
        let Some(mut view) = found else {
            return Ok(());
        };
        if view.materialization_intervals.contains(&interval) {
            return Ok(());
        }
        view.materialization_intervals.push(interval);
        registry
            .put_feature_view(project, &view, now(scope))
            .map_err(from_registry)?;
        registry.touch(now(scope)).map_err(from_registry)
    })
}

/// The views by their names. One that is not for serving online is an error where it is named itself,
/// and left out of a service.
fn names(scope: &FeastScope, what: &MaterializeWhat) -> Result<Vec<String>> {
    let registry = scope.registry().read()?;
    let project = scope.project();
    let of_service = |name: &str| -> Result<Option<Vec<String>>> {
        let service = registry
            .feature_service(project, name)
            .map_err(from_registry)?;
        let Some(service) = service else {
            return Ok(None);
        };
        let mut names: Vec<String> = Vec::new();
        for projection in service.projections {
            let view = stored(&registry, project, &projection.view)?;
            if view.online && !names.contains(&view.name) {
                names.push(view.name);
            }
        }
        Ok(Some(names))
    };
    match what {
        MaterializeWhat::Views(names) => {
            for name in names {
                online(&registry, project, name)?;
            }
            Ok(names.clone())
        }
        MaterializeWhat::Service(name) => match of_service(name)? {
            Some(names) => Ok(names),
            None => plan_err!("there is no feature service {name} in project {project}"),
        },
        MaterializeWhat::Named(name) => {
            let is_view = registry
                .feature_view(project, name)
                .map_err(from_registry)?
                .is_some();
            match (is_view, of_service(name)?) {
                (true, Some(_)) => plan_err!(
                    "{name} is a feature view and a feature service; name the view as ['{name}'], or use MATERIALIZE FEATURE SERVICE"
                ),
                (false, Some(names)) => Ok(names),
                _ => {
                    online(&registry, project, name)?;
                    Ok(vec![name.clone()])
                }
            }
        }
    }
}

fn stored(registry: &Registry, project: &str, name: &str) -> Result<FeatureView> {
    match registry
        .feature_view(project, name)
        .map_err(from_registry)?
    {
        Some(view) => Ok(view),
        None => plan_err!("there is no feature view {name} in project {project}"),
    }
}

fn online(registry: &Registry, project: &str, name: &str) -> Result<()> {
    if stored(registry, project, name)?.online {
        return Ok(());
    }
    plan_err!(
        "feature view {name} is OFFLINE ONLY; ALTER FEATURE VIEW {name} SET ONLINE to serve it"
    )
}

fn rows(done: &[(String, Materialized, usize)]) -> Result<RecordBatch> {
    let count = |of: fn(&Materialized) -> u64| -> ArrayRef {
        let counts = done
            .iter()
            .map(|(_, it, _)| i64::try_from(of(it)).unwrap_or(i64::MAX));
        Arc::new(Int64Array::from_iter_values(counts))
    };
    let id = |of: fn(&Materialized) -> Option<i64>| -> ArrayRef {
        Arc::new(done.iter().map(|(_, it, _)| of(it)).collect::<Int64Array>())
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(
            done.iter().map(|(name, _, _)| name),
        )),
        id(|it| it.source_snapshot),
        count(|it| it.rows_read),
        count(|it| it.rows_written),
        count(|it| it.rows_skipped),
        count(|it| it.files),
        count(|it| it.bytes),
        id(|it| it.snapshot_id),
        Arc::new(Float64Array::from_iter_values(
            done.iter().map(|(_, _, nanos)| *nanos as f64 / 1e9),
        )),
        Arc::new(
            done.iter()
                .map(|(_, it, _)| it.notice.clone())
                .collect::<StringArray>(),
        ),
    ];
    Ok(RecordBatch::try_new(result_schema(), columns)?)
}
