// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! One definition put into the registry, and what came of it.

use std::sync::LazyLock;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::{DataFusionError, Result};
use feast_iceberg::SnapshotSelector;
use feast_registry::{ErrorKind, Registry, Timestamp};

use super::columns::ColumnType::{OptionalText, Text};
use super::columns::{optional_texts, schema, texts};
use super::error::{already_exists, fail, from_registry, pointing};
use super::record::replace_or_keep;
use super::view_source::{self, FoundSource};
use super::{entity, feature_service, feature_view, now};
use crate::ddl::{
    CreateEntity, CreateFeatureService, CreateFeatureView, CreateMode, ObjectKind, SourceClause,
    Written,
};
use crate::session::FeastScope;

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema(&[
        ("object", Text),
        ("kind", Text),
        ("action", Text),
        ("detail", OptionalText),
    ])
});

/// The columns in which changes are reported: `object` (the name), `kind`, `action` (`create`, `update`,
/// `drop`, `unchanged`) and `detail` (what is different, NULL where there is nothing to say).
pub(super) fn outcome_schema() -> SchemaRef {
    SchemaRef::clone(&SCHEMA)
}

/// What was done to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Create,
    Update,
    Drop,
    Unchanged,
}

/// What was done to which object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) action: Action,
    pub(super) detail: String,
}

impl Outcome {
    /// What recording an object came to: `differences` from the one that was there, and what the
    /// definition left to be found out.
    pub(super) fn of(
        kind: ObjectKind,
        name: &str,
        differences: Option<Vec<String>>,
        inferred: Option<String>,
    ) -> Self {
        let (action, changed) = match differences {
            None => (Action::Create, None),
            Some(list) if list.is_empty() => {
                return Self::new(kind, name, Action::Unchanged, String::new());
            }
            Some(list) => (
                Action::Update,
                Some(format!("changed: {}", list.join(", "))),
            ),
        };
        let detail: Vec<String> = changed.into_iter().chain(inferred).collect();
        Self::new(kind, name, action, detail.join("; "))
    }

    pub(super) fn new(kind: impl ToString, name: &str, action: Action, detail: String) -> Self {
        Self {
            kind: kind.to_string(),
            name: name.to_owned(),
            action,
            detail,
        }
    }
}

/// Outcomes as rows.
pub(super) fn outcome_rows(outcomes: &[Outcome]) -> Result<RecordBatch> {
    let action = |outcome: &Outcome| match outcome.action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Drop => "drop",
        Action::Unchanged => "unchanged",
    };
    let columns = vec![
        texts(outcomes.iter().map(|outcome| outcome.name.clone())),
        texts(outcomes.iter().map(|outcome| outcome.kind.clone())),
        texts(outcomes.iter().map(|outcome| action(outcome).to_owned())),
        optional_texts(outcomes.iter().map(|outcome| Some(outcome.detail.clone()))),
    ];
    Ok(RecordBatch::try_new(outcome_schema(), columns)?)
}

/// A definition to make.
#[derive(Debug, Clone)]
pub(super) enum Definition {
    Entity(CreateEntity),
    FeatureView(Box<CreateFeatureView>),
    FeatureService(CreateFeatureService),
}

impl Definition {
    pub(super) fn kind(&self) -> ObjectKind {
        match self {
            Self::Entity(_) => ObjectKind::Entity,
            Self::FeatureView(_) => ObjectKind::FeatureView,
            Self::FeatureService(_) => ObjectKind::FeatureService,
        }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Entity(statement) => &statement.name,
            Self::FeatureView(statement) => &statement.name,
            Self::FeatureService(statement) => &statement.name,
        }
    }

    fn mode(&self) -> CreateMode {
        match self {
            Self::Entity(statement) => statement.mode,
            Self::FeatureView(statement) => statement.mode,
            Self::FeatureService(statement) => statement.mode,
        }
    }

    /// Takes an existing object of the name as one to bring up to date, unless it says IF NOT EXISTS.
    pub(super) fn replacing(mut self) -> Self {
        let mode = match &mut self {
            Self::Entity(statement) => &mut statement.mode,
            Self::FeatureView(statement) => &mut statement.mode,
            Self::FeatureService(statement) => &mut statement.mode,
        };
        if *mode == CreateMode::New {
            *mode = CreateMode::OrReplace;
        }
        self
    }

    fn written(&self) -> &Written {
        match self {
            Self::Entity(statement) => &statement.written,
            Self::FeatureView(statement) => &statement.written,
            Self::FeatureService(statement) => &statement.written,
        }
    }

    /// The error with its place in the definition's text.
    fn pointing(&self, error: DataFusionError) -> DataFusionError {
        pointing(error, self.written(), self.name())
    }

    fn exists(&self, registry: &Registry, project: &str) -> Result<bool> {
        let name = self.name();
        let exists = match self {
            Self::Entity(_) => registry.entity(project, name).map(|it| it.is_some()),
            Self::FeatureView(_) => registry.feature_view(project, name).map(|it| it.is_some()),
            Self::FeatureService(_) => registry
                .feature_service(project, name)
                .map(|it| it.is_some()),
        };
        exists.map_err(from_registry)
    }

    /// Whether its rows come from a query, which may read other views.
    fn is_over_query(&self) -> bool {
        matches!(self, Self::FeatureView(view) if matches!(view.source, SourceClause::Query(_)))
    }
}

/// A definition with what had to be looked up outside the registry.
#[derive(Debug, Clone)]
pub(super) struct Change {
    definition: Definition,
    source: Option<FoundSource>,
}

/// Looks up the sources of definitions and checks that all of them can be made, one after the other.
pub(super) async fn prepare(
    scope: &FeastScope,
    definitions: Vec<Definition>,
) -> Result<Vec<Change>> {
    let (project, now) = (scope.project(), now(scope));
    let mut staged = (*scope.registry().read()?).clone();
    let mut changes = Vec::with_capacity(definitions.len());
    let over_query = definitions.iter().any(Definition::is_over_query);
    for definition in definitions {
        // A query may read views that are defined before it.
        let change = if definition.is_over_query() {
            Change::prepare(&scope.with_registry(&staged)?, definition).await?
        } else {
            Change::prepare(scope, definition).await?
        };
        if over_query {
            change.make(&mut staged, project, now)?;
        }
        changes.push(change);
    }
    if over_query {
        refuse_recursion(&scope.with_registry(&staged)?, &changes).await?;
    }
    Ok(changes)
}

/// Makes all changes in the session's registry, or none.
pub(super) fn make(scope: &FeastScope, changes: &[Change]) -> Result<Vec<Outcome>> {
    scope
        .registry()
        .update(|registry| make_in(registry, scope, changes))
}

/// Makes the changes in a registry.
pub(super) fn make_in(
    registry: &mut Registry,
    scope: &FeastScope,
    changes: &[Change],
) -> Result<Vec<Outcome>> {
    let (project, now) = (scope.project(), now(scope));
    changes
        .iter()
        .map(|change| change.make(registry, project, now))
        .collect()
}

/// Plans each query once among the definitions as they would be: one that reads its own view fails.
async fn refuse_recursion(scope: &FeastScope, changes: &[Change]) -> Result<()> {
    let registry = scope.registry().read()?;
    for change in changes.iter().filter(|it| it.definition.is_over_query()) {
        let name = change.definition.name();
        let view = registry.feature_view(scope.project(), name);
        if let Some(view) = view.map_err(from_registry)? {
            let source = scope.source_table(&view.source, SnapshotSelector::Current);
            source.await?;
        }
    }
    Ok(())
}

impl Change {
    /// Looks up the source of a view, unless the view is there and is to be left alone.
    async fn prepare(scope: &FeastScope, definition: Definition) -> Result<Self> {
        let source = match &definition {
            Definition::FeatureView(statement) => {
                let registry = scope.registry().read()?;
                let exists = definition.exists(&registry, scope.project())?;
                match statement.mode {
                    CreateMode::New if exists => {
                        return Err(already_exists(definition.kind(), definition.name()));
                    }
                    CreateMode::IfNotExists if exists => None,
                    _ => {
                        let found = view_source::find(scope, statement).await;
                        Some(found.map_err(|error| no_source(error, statement))?)
                    }
                }
            }
            _ => None,
        };
        Ok(Self { definition, source })
    }

    /// Puts the definition into the registry.
    pub(super) fn make(
        &self,
        registry: &mut Registry,
        project: &str,
        now: Timestamp,
    ) -> Result<Outcome> {
        let (kind, name) = (self.definition.kind(), self.definition.name());
        let exists = self.definition.exists(registry, project)?;
        match self.definition.mode() {
            CreateMode::New if exists => return Err(already_exists(kind, name)),
            CreateMode::IfNotExists if exists => {
                let detail = "it exists already".to_owned();
                return Ok(Outcome::new(kind, name, Action::Unchanged, detail));
            }
            _ => {}
        }
        let made = self.put(registry, project, now);
        let (differences, inferred) = made.map_err(|error| self.definition.pointing(error))?;
        Ok(Outcome::of(kind, name, differences, inferred))
    }

    /// Records the object; what differs from the one that was there, and what was inferred.
    fn put(
        &self,
        registry: &mut Registry,
        project: &str,
        now: Timestamp,
    ) -> Result<(Option<Vec<String>>, Option<String>)> {
        let mut inferred = None;
        let differences = match (&self.definition, &self.source) {
            (Definition::Entity(statement), _) => {
                let new = entity::define(registry, project, statement)?;
                replace_or_keep(registry, project, now, &new)?
            }
            (Definition::FeatureView(statement), Some(found)) => {
                let defined = feature_view::define(registry, project, statement, found)?;
                inferred = defined.inferred;
                replace_or_keep(registry, project, now, &defined.view)?
            }
            // It was there to be left alone when its source was not looked up, and is gone since.
            (Definition::FeatureView(_), None) => {
                let name = self.definition.name();
                let message = format!("feature view {name} was dropped meanwhile; try again");
                return Err(fail(ErrorKind::Conflict, message));
            }
            (Definition::FeatureService(statement), _) => {
                let new = feature_service::define(registry, project, statement)?;
                replace_or_keep(registry, project, now, &new)?
            }
        };
        Ok((differences, inferred))
    }
}

/// The error about a source that is not there, with its place in the definition's text.
fn no_source(error: DataFusionError, statement: &CreateFeatureView) -> DataFusionError {
    let name = match &statement.source {
        SourceClause::Table(table) => table.table(),
        SourceClause::Path(path) => path,
        SourceClause::Query(_) => return error,
    };
    match (error, statement.written.place_of(name, &statement.name)) {
        (DataFusionError::Plan(message), Some((before, behind))) => {
            DataFusionError::Plan(format!("{before}{message}{behind}"))
        }
        (error, _) => error,
    }
}
