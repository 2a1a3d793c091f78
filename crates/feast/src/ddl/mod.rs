// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The statements that are ours: text to [`Statement`] and back.
//!
//! [`parse`] looks at the first words only; what is not ours is left to DataFusion untouched. Names
//! fold to lower case unless quoted, as everywhere in DataFusion. [`Statement`] prints as canonical
//! SQL that parses back to the same statement, which is what `SHOW CREATE` shows.

mod alter;
mod catalog;
mod create_table;
mod cursor;
mod display;
mod entity;
mod explain_clause;
mod feature_service;
mod feature_view;
mod materialize;
mod nearest;
mod parse;
mod place;
mod statement;
mod types;

#[cfg(test)]
mod tests;

pub(crate) use alter::{Alter, AlterAction};
pub(crate) use create_table::{named_table, parse_create_table};
pub(crate) use cursor::alternatives;
pub(crate) use display::{quoted_name, ttl_text};
pub(crate) use explain_clause::ExplainClause;
pub(crate) use feature_view::parse_ttl;
pub(crate) use materialize::{Materialize, MaterializeRows};
pub(crate) use nearest::{did_you_mean, nearest, suggestion};
pub(crate) use parse::parse;
pub(crate) use place::Written;
pub(crate) use statement::{
    CreateCatalog, CreateEntity, CreateFeatureService, CreateFeatureView, CreateMode, Describe,
    Drop, Explain, FeatureColumn, JoinKey, ObjectKind, Properties, ServiceItem, Show, ShowCreate,
    ShowKind, SourceClause, Statement,
};
pub(crate) use types::{list_of, sql_type_name, type_from_text};
