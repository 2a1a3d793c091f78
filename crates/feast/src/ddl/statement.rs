// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a statement says, one struct a statement.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use datafusion::sql::TableReference;
use feast_registry::ValueType;

use super::{Alter, Materialize, Written};

/// A statement of ours.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Statement {
    /// `CREATE EXTERNAL CATALOG`
    CreateCatalog(CreateCatalog),
    /// `CREATE ENTITY`
    CreateEntity(CreateEntity),
    /// `CREATE FEATURE VIEW`
    CreateFeatureView(CreateFeatureView),
    /// `CREATE FEATURE SERVICE`
    CreateFeatureService(CreateFeatureService),
    /// `ALTER {ENTITY|FEATURE VIEW|FEATURE SERVICE}`
    Alter(Alter),
    /// `DROP {ENTITY|FEATURE VIEW|FEATURE SERVICE}`
    Drop(Drop),
    /// `SHOW {ENTITIES|FEATURE VIEWS|FEATURE SERVICES|DATA SOURCES}`
    Show(Show),
    /// `DESCRIBE {ENTITY|FEATURE VIEW|FEATURE SERVICE}`
    Describe(Describe),
    /// `SHOW CREATE {ENTITY|FEATURE VIEW|FEATURE SERVICE}`
    ShowCreate(ShowCreate),
    /// `MATERIALIZE`
    Materialize(Materialize),
    /// `EXPLAIN` in front of one of the others
    Explain(Explain),
}

/// What to do when the object to create is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum CreateMode {
    /// Refuse.
    #[default]
    New,
    /// Leave it as it is.
    IfNotExists,
    /// Replace its definition.
    OrReplace,
}

/// The kinds of objects that are created, dropped and described by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ObjectKind {
    /// An entity.
    Entity,
    /// A feature view.
    FeatureView,
    /// A feature service.
    FeatureService,
}

impl ObjectKind {
    /// All kinds, in the order in which they depend on each other.
    pub(crate) const ALL: [ObjectKind; 3] = [
        ObjectKind::Entity,
        ObjectKind::FeatureView,
        ObjectKind::FeatureService,
    ];

    /// The keywords of the kind.
    pub(crate) fn sql(self) -> &'static str {
        match self {
            ObjectKind::Entity => "ENTITY",
            ObjectKind::FeatureView => "FEATURE VIEW",
            ObjectKind::FeatureService => "FEATURE SERVICE",
        }
    }

    /// The plural, in lower case.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            ObjectKind::Entity => "entities",
            ObjectKind::FeatureView => "feature views",
            ObjectKind::FeatureService => "feature services",
        }
    }

    /// The kind that `text` names: `entity`, `feature view` or `feature_view`, in any case.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let text = text.trim().replace('_', " ");
        Self::ALL
            .into_iter()
            .find(|kind| kind.sql().eq_ignore_ascii_case(&text))
    }
}

impl fmt::Display for ObjectKind {
    /// The kind as messages and results name it: `feature view`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ObjectKind::Entity => "entity",
            ObjectKind::FeatureView => "feature view",
            ObjectKind::FeatureService => "feature service",
        })
    }
}

/// The lists that `SHOW` gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShowKind {
    /// `SHOW ENTITIES`
    Entities,
    /// `SHOW FEATURE VIEWS`
    FeatureViews,
    /// `SHOW FEATURE SERVICES`
    FeatureServices,
    /// `SHOW DATA SOURCES`
    DataSources,
}

impl ShowKind {
    /// The keywords of the list.
    pub(crate) fn sql(self) -> &'static str {
        match self {
            ShowKind::Entities => "ENTITIES",
            ShowKind::FeatureViews => "FEATURE VIEWS",
            ShowKind::FeatureServices => "FEATURE SERVICES",
            ShowKind::DataSources => "DATA SOURCES",
        }
    }
}

/// `[COMMENT '…'] [OWNER '…'] [TAGS (key 'value', …)]`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Properties {
    /// What the object is, in words.
    pub(crate) comment: Option<String>,
    /// Who answers for it.
    pub(crate) owner: Option<String>,
    /// Free key-value pairs.
    pub(crate) tags: BTreeMap<String, String>,
}

/// `CREATE EXTERNAL CATALOG [IF NOT EXISTS] name STORED AS ICEBERG OPTIONS (…)`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CreateCatalog {
    /// Keep an attached catalog of that name.
    pub(crate) if_not_exists: bool,
    /// The name it gets in this session.
    pub(crate) name: String,
    /// The options as written: `${VAR}` is expanded when the statement runs, so that no secret
    /// is in a plan.
    pub(crate) options: Vec<(String, String)>,
}

/// `CREATE ENTITY`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateEntity {
    /// What to do when it exists.
    pub(crate) mode: CreateMode,
    /// Its name.
    pub(crate) name: String,
    /// Its join key. Left out: a key named as the entity, of a type that each view takes from its
    /// source, as in Feast.
    pub(crate) join_key: Option<JoinKey>,
    /// Comment, owner, tags.
    pub(crate) properties: Properties,
    /// Where it was read from.
    pub(crate) written: Written,
}

/// `JOIN KEY (column [type])`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JoinKey {
    /// The column's name.
    pub(crate) column: String,
    /// Its type.
    pub(crate) value_type: Option<ValueType>,
}

/// A feature with its type: `name type [COMMENT '…']`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FeatureColumn {
    /// The feature's name, which is the column's name after the field mapping.
    pub(crate) name: String,
    /// Its type.
    pub(crate) value_type: ValueType,
    /// What it is, in words.
    pub(crate) comment: Option<String>,
}

/// What stands after `FROM`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SourceClause {
    /// A table that the session knows.
    Table(TableReference),
    /// A Parquet file, a directory of them or a glob.
    Path(String),
    /// A query, without the parentheses around it.
    Query(String),
}

/// `CREATE FEATURE VIEW`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateFeatureView {
    /// What to do when it exists.
    pub(crate) mode: CreateMode,
    /// Its name.
    pub(crate) name: String,
    /// The entities it describes; an empty list makes a view without keys. Left out, so does
    /// `None`, unless the event time is left out too: then they are taken from the source.
    pub(crate) entities: Option<Vec<String>>,
    /// Its features; `None` takes them from the source.
    pub(crate) features: Option<Vec<FeatureColumn>>,
    /// Where the rows are.
    pub(crate) source: SourceClause,
    /// The column with the event time; `None` takes it, and the created time, from the source.
    pub(crate) timestamp: Option<String>,
    /// The column with the time at which the row was written.
    pub(crate) created: Option<String>,
    /// The columns that decide between rows of one key with equal times.
    pub(crate) tie_break: Vec<String>,
    /// Source column and the name it has in the view.
    pub(crate) field_mapping: Vec<(String, String)>,
    /// How long a row stays valid; `None` is for ever.
    pub(crate) ttl: Option<Duration>,
    /// Whether it is meant to be served online.
    pub(crate) online: bool,
    /// Comment, owner, tags.
    pub(crate) properties: Properties,
    /// Where it was read from.
    pub(crate) written: Written,
}

/// `CREATE FEATURE SERVICE`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateFeatureService {
    /// What to do when it exists.
    pub(crate) mode: CreateMode,
    /// Its name.
    pub(crate) name: String,
    /// The views it takes features from.
    pub(crate) items: Vec<ServiceItem>,
    /// Comment, owner, tags.
    pub(crate) properties: Properties,
    /// Where it was read from.
    pub(crate) written: Written,
}

/// `view [(feature, …)] [AS alias] [ON (view_key = entity_column, …)]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceItem {
    /// The view.
    pub(crate) view: String,
    /// The features taken; `None` takes all.
    pub(crate) features: Option<Vec<String>>,
    /// The name the view goes by in the service.
    pub(crate) alias: Option<String>,
    /// The view's join key and the entity column it meets, where the names differ.
    pub(crate) join_keys: Vec<(String, String)>,
}

/// `DROP … [IF EXISTS] name`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Drop {
    /// What is dropped.
    pub(crate) kind: ObjectKind,
    /// Do nothing when it does not exist.
    pub(crate) if_exists: bool,
    /// Its name.
    pub(crate) name: String,
}

/// `SHOW … [LIKE '…']`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Show {
    /// What is listed.
    pub(crate) kind: ShowKind,
    /// A `LIKE` pattern for the name.
    pub(crate) like: Option<String>,
}

/// `DESCRIBE … name`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Describe {
    /// What is described.
    pub(crate) kind: ObjectKind,
    /// Its name.
    pub(crate) name: String,
}

/// `SHOW CREATE … name`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShowCreate {
    /// What is shown.
    pub(crate) kind: ObjectKind,
    /// Its name.
    pub(crate) name: String,
}

/// `EXPLAIN [ANALYZE] [VERBOSE] [FORMAT format] statement`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Explain {
    /// Run it and show what happened.
    pub(crate) analyze: bool,
    /// Show every step of the planning.
    pub(crate) verbose: bool,
    /// DataFusion's format name, as written.
    pub(crate) format: Option<String>,
    /// The statement.
    pub(crate) statement: Box<Statement>,
}
