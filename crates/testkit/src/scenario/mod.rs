// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Random point-in-time joins, each from one seed.
//!
//! A [`Scenario`] is an entity table, feature views with their tables, and a call. It writes itself
//! as SQL, asks the oracle for the answer, prints itself, and proposes smaller scenarios when it
//! has found something.

mod draw;
mod keys;
mod request;
mod shrink;
mod table;
mod times;
mod values;
mod view;

#[cfg(test)]
mod tests;

pub use table::Table;

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema};
use arrow::error::ArrowError;

use crate::define::{
    EntityDefinition, Features, JoinCall, ServiceDefinition, ServiceItem, ViewDefinition, name,
};
use crate::dice;
use crate::oracle::{PitQuery, PitView, answer};

/// The name under which a scenario expects its entity table.
pub const ENTITY_TABLE: &str = "entity_rows";

/// The name of the service of a scenario that calls by service.
pub const SERVICE: &str = "training_set";

/// A random point-in-time join.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What it was drawn from.
    pub seed: u64,
    /// The entity rows.
    pub entity: Table,
    /// The entity table's time column.
    pub entity_time: String,
    /// Does the call name the time column?
    pub names_time: bool,
    /// The entities.
    pub entities: Vec<EntityDefinition>,
    /// The feature views.
    pub views: Vec<ScenarioView>,
    /// What the call takes of them.
    pub projections: Vec<Projection>,
    /// Does the call name a service instead of features?
    pub by_service: bool,
    /// `full_feature_names`
    pub full_feature_names: bool,
    /// `filter_by_created_timestamp`
    pub created_cutoff: bool,
    /// Where the tables are kept.
    pub storage: Storage,
}

/// Where a scenario's tables are kept. In files, what the join tells the scans of keys and times prunes
/// row groups and pages.
#[derive(Debug, Clone, Copy, Default)]
pub struct Storage {
    /// The entity rows are in a Parquet file, if they are in one partition.
    pub entity_in_file: bool,
    /// The views' rows are in Parquet files, one a partition.
    pub sources_in_files: bool,
    /// So many rows are in a row group.
    pub rows_a_group: usize,
}

/// A feature view and its source.
#[derive(Debug, Clone)]
pub struct ScenarioView {
    /// Its definition; the source table has the view's name with `_rows` behind it.
    pub definition: ViewDefinition,
    /// Its join keys.
    pub keys: Vec<String>,
    /// Its features in declared order.
    pub features: Vec<String>,
    /// The source's rows, columns under the source's names.
    pub source: Table,
}

/// What a call takes of a view.
#[derive(Debug, Clone)]
pub struct Projection {
    /// The view's place among the views.
    pub view: usize,
    /// The name it goes by; only in services.
    pub alias: Option<String>,
    /// The features; `None` takes all in declared order.
    pub requested: Option<Vec<String>>,
    /// Join keys that are joined to an entity column of another name; only in services.
    pub join_keys: Vec<(String, String)>,
}

impl ScenarioView {
    /// The name under which the view expects its source table.
    pub fn source_name(&self) -> String {
        format!("{}_rows", self.definition.name)
    }

    fn mapped_rows(&self) -> Result<RecordBatch, ArrowError> {
        let batch = self.source.batch()?;
        let rename = |field: &Arc<Field>| {
            let mapping = &self.definition.field_mapping;
            let mapped = mapping.iter().find(|(from, _)| from == field.name());
            let name = mapped.map_or_else(|| field.name(), |(_, to)| to);
            field.as_ref().clone().with_name(name)
        };
        let fields: Vec<Field> = batch.schema().fields().iter().map(rename).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), batch.columns().to_vec())
    }
}

impl Scenario {
    /// Draws the scenario of a seed.
    pub fn draw(seed: u64) -> Result<Self, ArrowError> {
        draw::scenario(seed)
    }

    /// The definitions, in an order in which they can be made.
    pub fn definitions(&self) -> Vec<String> {
        let entities = self.entities.iter().map(ToString::to_string);
        let views = self.views.iter().map(|view| view.definition.to_string());
        let service = self.by_service.then(|| self.service().to_string());
        entities.chain(views).chain(service).collect()
    }

    fn service(&self) -> ServiceDefinition {
        let item = |projection: &Projection| ServiceItem {
            view: self.views[projection.view].definition.name.clone(),
            features: projection.requested.clone(),
            alias: projection.alias.clone(),
            join_keys: projection.join_keys.clone(),
        };
        let items = self.projections.iter().map(item).collect();
        ServiceDefinition {
            name: SERVICE.into(),
            items,
        }
    }

    /// The call.
    pub fn call(&self) -> String {
        let features = match self.by_service {
            true => Features::Service(SERVICE.into()),
            false => Features::References(self.references()),
        };
        let call = JoinCall {
            entities: format!("(SELECT * FROM {})", name(ENTITY_TABLE)),
            features,
            full_feature_names: Some(self.full_feature_names),
            event_timestamp: self.names_time.then(|| self.entity_time.clone()),
            filter_by_created_timestamp: self.created_cutoff.then_some(true),
            further: vec![],
        };
        call.to_string()
    }

    fn references(&self) -> Vec<String> {
        let mut references = Vec::new();
        for projection in &self.projections {
            let view = &self.views[projection.view].definition.name;
            match &projection.requested {
                None => references.push(format!("{view}:*")),
                Some(features) => {
                    references.extend(features.iter().map(|feature| format!("{view}:{feature}")));
                }
            }
        }
        references
    }

    /// The oracle's answer, in the order of the entity rows.
    pub fn expected(&self) -> Result<RecordBatch, ArrowError> {
        answer(&self.query()?)
    }

    /// The question to the oracle.
    pub fn query(&self) -> Result<PitQuery, ArrowError> {
        Ok(PitQuery {
            entity: self.entity.batch()?,
            entity_time: self.entity_time.clone(),
            views: self
                .projections
                .iter()
                .map(|p| self.pit_view(p))
                .collect::<Result<_, _>>()?,
            created_cutoff: self.created_cutoff,
            full_feature_names: self.full_feature_names,
        })
    }

    fn pit_view(&self, projection: &Projection) -> Result<PitView, ArrowError> {
        let view = &self.views[projection.view];
        let definition = &view.definition;
        let entity_column = |key: &String| {
            let mapped = projection.join_keys.iter().find(|(from, _)| from == key);
            mapped.map_or_else(|| key.clone(), |(_, to)| to.clone())
        };
        Ok(PitView {
            label: projection
                .alias
                .clone()
                .unwrap_or_else(|| definition.name.clone()),
            rows: view.mapped_rows()?,
            keys: view
                .keys
                .iter()
                .map(|key| (key.clone(), entity_column(key)))
                .collect(),
            time: definition.timestamp.clone(),
            created: definition.created.clone(),
            ttl: definition.ttl,
            tie_break: definition.tie_break.clone(),
            features: view.features.clone(),
            requested: projection
                .requested
                .clone()
                .unwrap_or_else(|| view.features.clone()),
        })
    }

    /// Is the order of the answer's rows promised? It is where the entity rows are read in one order.
    pub fn is_ordered(&self) -> bool {
        self.entity.partitions.len() == 1
    }
}

/// Everything needed to see what happens, and the seed to see it again.
impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "scenario {}", self.seed)?;
        if self.storage.entity_in_file || self.storage.sources_in_files {
            writeln!(f, "  {:?}", self.storage)?;
        }
        writeln!(f, "  entity table {ENTITY_TABLE}")?;
        write!(f, "{}", self.entity)?;
        for view in &self.views {
            writeln!(f, "  table {}", view.source_name())?;
            write!(f, "{}", view.source)?;
        }
        for definition in self.definitions() {
            writeln!(f, "  {definition};")?;
        }
        write!(f, "  {};", self.call())
    }
}
