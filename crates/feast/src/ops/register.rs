// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `feast_register`: a feature view from a table, with as little said as the table allows.

use std::sync::LazyLock;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::{Result, TableReference};
use feast_registry::{ErrorKind, Registry};

use super::change::{Action, Definition, Outcome, make, prepare};
use super::columns::ColumnType::Text;
use super::columns::{schema, texts};
use super::error::{fail, from_registry};
use super::objects::{find, place};
use super::source_columns::SourceColumns;
use super::value_types::feast_type;
use super::{infer, view_source};
use crate::ddl::{
    CreateEntity, CreateFeatureView, CreateMode, FeatureColumn, JoinKey, Properties, SourceClause,
    Written, suggestion,
};
use crate::session::{FeastScope, is_path};

static SCHEMA: LazyLock<SchemaRef> =
    LazyLock::new(|| schema(&[("name", Text), ("source_table", Text), ("message", Text)]));

/// The columns of the result: the view, where its rows are, and what was done and inferred.
pub(super) fn result_schema() -> SchemaRef {
    SchemaRef::clone(&SCHEMA)
}

/// What `feast_register` is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Register {
    /// The view's name.
    pub(crate) name: String,
    /// A table's name or a path.
    pub(crate) source_table: String,
    /// Entities, or columns that are keys; `None` takes the entities whose keys the table has.
    pub(crate) entities: Option<Vec<String>>,
    /// Columns; `None` takes all that have no other role.
    pub(crate) features: Option<Vec<String>>,
    /// The column with the event time; `None` takes it from the table.
    pub(crate) timestamp_field: Option<String>,
    /// Whether it is meant to be served online.
    pub(crate) online: bool,
}

/// Defines the view, and the entities that are named as columns and do not exist yet.
pub(super) async fn register(scope: &FeastScope, call: &Register) -> Result<RecordBatch> {
    let registry = scope.registry().read()?;
    let mut stated = statement(call);
    let found = view_source::find(scope, &stated).await?;
    let source = place(&found.source.source);
    let columns = SourceColumns::new(&call.name, &source, &found.schema, &[])?;
    stated.features = features(call, &columns)?;
    let mut definitions = new_entities(&registry, scope.project(), call, &columns)?;
    if stated.timestamp.is_some() && stated.entities.is_none() {
        stated.entities = Some(infer::entities(&registry, scope.project(), &columns)?);
    }
    definitions.push(Definition::FeatureView(Box::new(stated)).replacing());
    let changes = prepare(scope, definitions).await?;
    let outcomes = make(scope, &changes)?;
    let rows = vec![
        texts([call.name.clone()]),
        texts([source]),
        texts([message(&outcomes)]),
    ];
    Ok(RecordBatch::try_new(result_schema(), rows)?)
}

fn statement(call: &Register) -> CreateFeatureView {
    let table = &call.source_table;
    let source = if is_path(table) {
        SourceClause::Path(table.clone())
    } else {
        SourceClause::Table(TableReference::parse_str(table))
    };
    CreateFeatureView {
        mode: CreateMode::New,
        name: call.name.clone(),
        entities: call.entities.clone(),
        features: None,
        source,
        timestamp: call.timestamp_field.clone(),
        created: None,
        tie_break: Vec::new(),
        field_mapping: Vec::new(),
        ttl: None,
        online: call.online,
        properties: Properties::default(),
        written: Written::default(),
    }
}

/// The features named, with the types of their columns.
fn features(call: &Register, columns: &SourceColumns) -> Result<Option<Vec<FeatureColumn>>> {
    let Some(names) = &call.features else {
        return Ok(None);
    };
    let feature = |name: &String| {
        let data_type = columns.get("feature", name)?;
        match feast_type(data_type) {
            Some(value_type) => Ok(FeatureColumn {
                name: name.clone(),
                value_type,
                comment: None,
            }),
            None => columns.invalid(&format!(
                "feature {name} of {} is {data_type}, which no Feast type holds; cast the column, \
                 or leave it out",
                columns.source()
            )),
        }
    };
    names.iter().map(feature).collect::<Result<_>>().map(Some)
}

/// An entity for each name that is none yet and is a column: its own join key.
fn new_entities(
    registry: &Registry,
    project: &str,
    call: &Register,
    columns: &SourceColumns,
) -> Result<Vec<Definition>> {
    let known = registry.entities(project).map_err(from_registry)?;
    let mut definitions = Vec::new();
    for name in call.entities.iter().flatten() {
        if find(&known, name).is_some() {
            continue;
        }
        let Some((_, data_type)) = columns.iter().find(|(column, _)| column == name) else {
            let mut names: Vec<String> = known.iter().map(|it| it.name.clone()).collect();
            names.extend(columns.iter().map(|(column, _)| column.to_owned()));
            let hint = suggestion(name, &names, "entities and columns");
            let message = format!(
                "feature view {}: {name} is neither an entity nor a column of {}; {hint}",
                call.name,
                columns.source()
            );
            return Err(fail(ErrorKind::NotFound, message));
        };
        definitions.push(Definition::Entity(CreateEntity {
            mode: CreateMode::IfNotExists,
            name: name.clone(),
            join_key: Some(JoinKey {
                column: name.clone(),
                value_type: feast_type(data_type),
            }),
            properties: Properties::default(),
            written: Written::default(),
        }));
    }
    Ok(definitions)
}

/// What was done to each object, and what was inferred.
fn message(outcomes: &[Outcome]) -> String {
    let told = |outcome: &Outcome| {
        let done = match outcome.action {
            Action::Create => "created",
            Action::Update => "updated",
            Action::Drop => "dropped",
            Action::Unchanged => "left as it is",
        };
        let detail = match outcome.detail.as_str() {
            "" => String::new(),
            detail => format!(" ({detail})"),
        };
        format!("{} {} {done}{detail}", outcome.kind, outcome.name)
    };
    outcomes.iter().map(told).collect::<Vec<_>>().join("; ")
}
