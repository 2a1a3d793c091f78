// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Every verb as one function on a scope. Statements, table functions and Rust calls all end here.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::common::Result;
use feast_iceberg::CatalogOptions;
use feast_registry::Timestamp;

use super::apply::{self, Apply};
use super::change::{Action, Definition, Outcome, make, outcome_rows, outcome_schema, prepare};
use super::export_python::{self, ExportPython};
use super::list::List;
use super::materialize::{self, Materialize};
use super::provider::Effect;
use super::register::{self, Register};
use super::{RegistryHandle, alter, arrow_types, describe, remove, show_create, validate};
use crate::ddl;
use crate::session::FeastScope;

/// A verb with what it is applied to.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    /// Attaches an Iceberg catalog to the session.
    CreateCatalog(ddl::CreateCatalog),
    /// Records an entity.
    CreateEntity(ddl::CreateEntity),
    /// Records a feature view.
    CreateFeatureView(Box<ddl::CreateFeatureView>),
    /// Records a feature service.
    CreateFeatureService(ddl::CreateFeatureService),
    /// Changes an object.
    Alter(ddl::Alter),
    /// Removes an object.
    Drop(ddl::Drop),
    /// The columns of an object.
    Describe(ddl::Describe),
    /// The statement that makes an object.
    ShowCreate(ddl::ShowCreate),
    /// Brings the registry up to a set of definitions.
    Apply(Apply),
    /// Defines a view over a table.
    Register(Register),
    /// Brings views' features online.
    Materialize(Materialize),
    /// What no longer fits its source.
    Validate,
    /// Feast's types beside Arrow's and Iceberg's.
    ValueTypes,
    /// The definitions as Feast's Python.
    ExportPython(ExportPython),
}

impl Operation {
    /// What it is, for plans and errors; no option's value is in it.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::CreateCatalog(it) => format!("create catalog {}", it.name),
            Self::CreateEntity(it) => format!("create entity {}", it.name),
            Self::CreateFeatureView(it) => format!("create feature view {}", it.name),
            Self::CreateFeatureService(it) => format!("create feature service {}", it.name),
            Self::Alter(it) => format!("alter {} {}", it.kind, it.name),
            Self::Drop(it) => format!("drop {} {}", it.kind, it.name),
            Self::Describe(it) => format!("describe {} {}", it.kind, it.name),
            Self::ShowCreate(it) => format!("show create {} {}", it.kind, it.name),
            Self::Apply(it) if it.dry_run => "apply, dry run".to_owned(),
            Self::Apply(_) => "apply".to_owned(),
            Self::Register(it) => format!("register feature view {}", it.name),
            Self::Materialize(it) => it.label(),
            Self::Validate => "validate".to_owned(),
            Self::ValueTypes => "value types".to_owned(),
            Self::ExportPython(_) => "export Python".to_owned(),
        }
    }

    /// The columns of its result.
    pub(crate) fn schema(&self) -> SchemaRef {
        match self {
            Self::Describe(_) => describe::result_schema(),
            Self::ShowCreate(_) => show_create::result_schema(),
            Self::Register(_) => register::result_schema(),
            Self::Materialize(_) => materialize::result_schema(),
            Self::Validate => validate::result_schema(),
            Self::ValueTypes => arrow_types::result_schema(),
            Self::ExportPython(_) => export_python::result_schema(),
            _ => outcome_schema(),
        }
    }

    /// Does it.
    pub(crate) async fn run(&self, scope: &FeastScope) -> Result<RecordBatch> {
        let project = scope.project();
        match self {
            Self::CreateCatalog(statement) => create_catalog(scope, statement).await,
            Self::CreateEntity(it) => define(scope, Definition::Entity(it.clone())).await,
            Self::CreateFeatureView(it) => define(scope, Definition::FeatureView(it.clone())).await,
            Self::CreateFeatureService(it) => {
                define(scope, Definition::FeatureService(it.clone())).await
            }
            Self::Alter(statement) => alter::alter(scope, statement).await,
            Self::Drop(statement) => {
                let now = now(scope);
                let change = |registry: &mut _| remove::remove(registry, project, statement, now);
                outcome_rows(&[scope.registry().update(change)?])
            }
            Self::Describe(statement) => describe::rows(scope, statement).await,
            Self::ShowCreate(statement) => {
                show_create::rows(&*scope.registry().read()?, project, statement)
            }
            Self::Apply(statement) => apply::apply(scope, statement).await,
            Self::Register(call) => register::register(scope, call).await,
            Self::Materialize(call) => materialize::run(scope, call).await,
            Self::Validate => validate::validate(scope).await,
            Self::ValueTypes => arrow_types::rows(),
            Self::ExportPython(call) => export_python::export(scope, call),
        }
    }
}

/// When the statement started, as the registry writes instants.
pub(super) fn now(scope: &FeastScope) -> Timestamp {
    Timestamp::from_micros(scope.now().timestamp_micros())
}

async fn define(scope: &FeastScope, definition: Definition) -> Result<RecordBatch> {
    let changes = prepare(scope, vec![definition]).await?;
    outcome_rows(&make(scope, &changes)?)
}

async fn create_catalog(scope: &FeastScope, statement: &ddl::CreateCatalog) -> Result<RecordBatch> {
    let name = &statement.name;
    let options = CatalogOptions::from_pairs(name, statement.options.iter().cloned())?;
    let known = scope.catalog_options(name).is_some();
    scope
        .attach_catalog(options, statement.if_not_exists)
        .await?;
    let action = if known {
        Action::Unchanged
    } else {
        Action::Create
    };
    outcome_rows(&[Outcome::new("catalog", name, action, String::new())])
}

/// An operation bound to the statement it belongs to.
#[derive(Debug, Clone)]
pub(crate) struct BoundOperation {
    pub(crate) operation: Operation,
    pub(crate) scope: FeastScope,
    /// Gives no result: the form of statements that only have an effect.
    pub(crate) silent: bool,
}

#[async_trait]
impl Effect for BoundOperation {
    fn label(&self) -> String {
        self.operation.label()
    }

    fn schema(&self) -> SchemaRef {
        if self.silent {
            return Arc::new(arrow::datatypes::Schema::empty());
        }
        self.operation.schema()
    }

    async fn run(&self) -> Result<RecordBatch> {
        let result = self.operation.run(&self.scope).await?;
        if self.silent {
            super::columns::nothing()
        } else {
            Ok(result)
        }
    }
}

/// A list of what is defined, read when it is run.
#[derive(Debug, Clone)]
pub(crate) struct RegistryList {
    /// Which list.
    pub(crate) list: List,
    /// A `LIKE` pattern for the name.
    pub(crate) like: Option<String>,
    /// Where the definitions are.
    pub(crate) registry: RegistryHandle,
    /// Whose definitions.
    pub(crate) project: String,
}

#[async_trait]
impl Effect for RegistryList {
    fn label(&self) -> String {
        match &self.like {
            Some(pattern) => format!("{}, name like {pattern}", self.list.name()),
            None => self.list.name().to_owned(),
        }
    }

    fn schema(&self) -> SchemaRef {
        self.list.schema()
    }

    async fn run(&self) -> Result<RecordBatch> {
        self.list
            .rows(&*self.registry.read()?, &self.project, self.like.as_deref())
    }
}
