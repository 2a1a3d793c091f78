// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! One definition put into the registry, and what came of it.

use std::sync::LazyLock;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use feast_registry::{Registry, Timestamp};

use super::columns::ColumnType::{OptionalText, Text};
use super::columns::{optional_texts, schema, texts};
use super::error::{already_exists, from_registry};
use super::view_source::{self, FoundSource};
use super::{entity, feature_service, feature_view};
use crate::ddl::{CreateEntity, CreateFeatureService, CreateFeatureView, CreateMode, ObjectKind};
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

    fn exists(&self, registry: &Registry, project: &str) -> Result<bool> {
        let name = self.name();
        Ok(match self {
            Self::Entity(_) => registry
                .entity(project, name)
                .map_err(from_registry)?
                .is_some(),
            Self::FeatureView(_) => registry
                .feature_view(project, name)
                .map_err(from_registry)?
                .is_some(),
            Self::FeatureService(_) => registry
                .feature_service(project, name)
                .map_err(from_registry)?
                .is_some(),
        })
    }
}

/// A definition with what had to be looked up outside the registry.
#[derive(Debug, Clone)]
pub(super) struct Change {
    definition: Definition,
    source: Option<FoundSource>,
}

impl Change {
    /// Looks up the source of a view, unless the view is there and is to be left alone.
    pub(super) async fn prepare(scope: &FeastScope, definition: Definition) -> Result<Self> {
        let source = match &definition {
            Definition::FeatureView(statement) => {
                let registry = scope.registry().read()?;
                let exists = definition.exists(&registry, scope.project())?;
                match statement.mode {
                    CreateMode::New if exists => {
                        return Err(already_exists(definition.kind(), definition.name()));
                    }
                    CreateMode::IfNotExists if exists => None,
                    _ => Some(view_source::find(scope, statement).await?),
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
        let differences = self.put(registry, project, now)?;
        let Some(differences) = differences else {
            return Ok(Outcome::new(kind, name, Action::Create, String::new()));
        };
        if differences.is_empty() {
            return Ok(Outcome::new(kind, name, Action::Unchanged, String::new()));
        }
        let detail = format!("changed: {}", differences.join(", "));
        Ok(Outcome::new(kind, name, Action::Update, detail))
    }

    /// Writes the object unless it is there as defined; what differs from the one that was there.
    fn put(
        &self,
        registry: &mut Registry,
        project: &str,
        now: Timestamp,
    ) -> Result<Option<Vec<&'static str>>> {
        let differences = match (&self.definition, &self.source) {
            (Definition::Entity(statement), _) => {
                let old = registry
                    .entity(project, &statement.name)
                    .map_err(from_registry)?;
                let new = entity::define(registry, project, statement)?;
                let differences = old.map(|old| entity::differences(&old, &new));
                if is_new(&differences) {
                    registry
                        .put_entity(project, &new, now)
                        .map_err(from_registry)?;
                }
                differences
            }
            (Definition::FeatureView(statement), Some(found)) => {
                let old = registry
                    .feature_view(project, &statement.name)
                    .map_err(from_registry)?;
                let new = feature_view::define(registry, project, statement, found)?;
                let differences = old.map(|old| feature_view::differences(&old, &new));
                if is_new(&differences) {
                    registry
                        .put_feature_view(project, &new, now)
                        .map_err(from_registry)?;
                }
                differences
            }
            // It was there to be left alone when its source was not looked up, and is gone since.
            (Definition::FeatureView(statement), None) => {
                let name = &statement.name;
                let message = format!("feature view {name} was dropped meanwhile; try again");
                return Err(super::error::fail(
                    feast_registry::ErrorKind::Conflict,
                    message,
                ));
            }
            (Definition::FeatureService(statement), _) => {
                let name = &statement.name;
                let old = registry
                    .feature_service(project, name)
                    .map_err(from_registry)?;
                let new = feature_service::define(registry, project, statement)?;
                let differences = old.map(|old| feature_service::differences(&old, &new));
                if is_new(&differences) {
                    registry
                        .put_feature_service(project, &new, now)
                        .map_err(from_registry)?;
                }
                differences
            }
        };
        if is_new(&differences) {
            registry.touch(now).map_err(from_registry)?;
        }
        Ok(differences)
    }
}

/// Whether there is something to write: no object was there, or another one.
fn is_new(differences: &Option<Vec<&'static str>>) -> bool {
    differences.as_ref().is_none_or(|list| !list.is_empty())
}
