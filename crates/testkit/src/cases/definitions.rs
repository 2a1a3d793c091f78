// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A case as SQL statements.

use std::collections::BTreeMap;

use arrow::datatypes::DataType;

use super::types::sql_type;
use super::{Case, CaseError, CaseView, EntityRows, Wanted};
use crate::define::{
    EntityDefinition, Features, JoinCall, ServiceDefinition, ServiceItem, SnapshotCall,
    ViewDefinition, name, string,
};

/// The statements of a case.
#[derive(Debug, Clone)]
pub struct CaseSql {
    /// Definitions, in an order in which they can be made.
    pub definitions: Vec<String>,
    /// The call.
    pub query: String,
}

/// How the SQL names the case's tables.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// What stands after `FROM` for a source table: a quoted name or a path in quotes.
    pub tables: BTreeMap<String, String>,
    /// What stands after `FROM` for the entity rows.
    pub entity: String,
}

impl Case {
    /// The case as SQL.
    pub fn definitions(&self, sources: &Sources) -> Result<CaseSql, CaseError> {
        let mut definitions: Vec<String> = self
            .entities
            .iter()
            .map(|entity| self.entity(entity).to_string())
            .collect();
        for view in &self.views {
            let source = sources
                .tables
                .get(&view.source)
                .ok_or_else(|| CaseError::new(format!("there is no source {}", view.source)))?;
            definitions.push(self.view(view, source.clone()).to_string());
        }
        for service in &self.services {
            let items = service.items.iter().map(|item| ServiceItem {
                view: item.view.clone(),
                features: item.features.clone(),
                alias: item.alias.clone(),
                join_keys: item.join_keys.clone(),
            });
            let service = ServiceDefinition {
                name: service.name.clone(),
                items: items.collect(),
            };
            definitions.push(service.to_string());
        }
        let query = match self.entity_rows {
            EntityRows::Absent => self.snapshot_call().to_string(),
            _ => self.join_call(&sources.entity)?.to_string(),
        };
        Ok(CaseSql { definitions, query })
    }

    fn join_call(&self, entities: &str) -> Result<JoinCall, CaseError> {
        Ok(JoinCall {
            entities: self.entities_argument(entities)?,
            features: self.features(),
            full_feature_names: self.full_feature_names,
            event_timestamp: None,
            filter_by_created_timestamp: self.created_cutoff,
            further: self.time_range(),
        })
    }

    /// A time range without entity rows asks for the rows that are the latest at its end.
    fn snapshot_call(&self) -> SnapshotCall {
        let range = self.time_range().into_iter();
        let mut ends = range.filter(|(argument, _)| argument == "end_date");
        SnapshotCall {
            features: self.features(),
            at: ends.next().map(|(_, instant)| instant),
            full_feature_names: self.full_feature_names,
            filter_by_created_timestamp: self.created_cutoff,
        }
    }

    fn features(&self) -> Features {
        match &self.wanted {
            Wanted::References(references) => Features::References(references.clone()),
            Wanted::Service(service) => Features::Service(service.clone()),
        }
    }

    fn entity(&self, entity: &super::CaseEntity) -> EntityDefinition {
        EntityDefinition {
            name: entity.name.clone(),
            join_key: entity.join_key.clone(),
            sql_type: entity.value_type.as_deref().and_then(sql_type),
        }
    }

    fn view(&self, view: &CaseView, source: String) -> ViewDefinition {
        let features = self.feature_columns(view);
        let typed = features
            .iter()
            .map(|(feature, feast)| Some((feature.clone(), sql_type(feast)?)))
            .collect::<Option<Vec<_>>>();
        ViewDefinition {
            name: view.name.clone(),
            entities: view.entities.clone(),
            features: typed.filter(|features| !features.is_empty()),
            source,
            timestamp: view.timestamp.clone(),
            created: view.created.clone(),
            tie_break: vec![],
            field_mapping: view.field_mapping.clone(),
            ttl: view.ttl,
        }
    }

    /// The view's columns that are no join keys.
    pub(super) fn feature_columns<'a>(&self, view: &'a CaseView) -> Vec<&'a (String, String)> {
        let keys = self.join_keys(view);
        view.schema
            .iter()
            .filter(|(column, _)| !keys.contains(&column.as_str()))
            .collect()
    }

    /// The join keys of a view.
    pub(super) fn join_keys(&self, view: &CaseView) -> Vec<&str> {
        let key = |name: &String| {
            let entity = self.entities.iter().find(|entity| &entity.name == name)?;
            Some(entity.join_key.as_str())
        };
        view.entities.iter().filter_map(key).collect()
    }

    /// Times that are text are cast where the rows are read: SQL has a word for it, and the join takes
    /// no text for a time.
    fn entities_argument(&self, from: &str) -> Result<String, CaseError> {
        match &self.entity_rows {
            EntityRows::Sql(sql) => Ok(format!("({sql})")),
            EntityRows::Table(table) => {
                let column = |(column, t): &(String, DataType)| match t {
                    DataType::Utf8 if column == "event_timestamp" => {
                        let to = string("Timestamp(Microsecond, Some(\"UTC\"))");
                        format!("arrow_cast({0}, {to}) AS {0}", name(column))
                    }
                    _ => name(column),
                };
                let columns: Vec<_> = table.columns.iter().map(column).collect();
                Ok(format!("(SELECT {} FROM {from})", columns.join(", ")))
            }
            EntityRows::Absent => Err(CaseError::new("the case has no entity rows")),
        }
    }

    /// A time range beside entity rows is written as it stands: it must be refused.
    fn time_range(&self) -> Vec<(String, String)> {
        let request = self.raw.get("request");
        ["start_date", "end_date"]
            .into_iter()
            .filter_map(|argument| {
                let value = request?.get(argument)?.as_str()?;
                Some((argument.to_string(), format!("TIMESTAMP {}", string(value))))
            })
            .collect()
    }
}
