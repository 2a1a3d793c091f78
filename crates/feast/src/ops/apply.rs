// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `feast_apply`: brings the registry up to a set of definitions, all or none of them.
//!
//! What exists is updated, unless its statement says `IF NOT EXISTS`; what is not mentioned stays. The
//! order of the definitions does not matter. With `dry_run` the same checks give the same rows and
//! nothing is written.

use arrow::array::RecordBatch;
use datafusion::common::{DataFusionError, Result};
use feast_registry::ErrorKind;

use super::apply_json;
use super::change::{Definition, make, make_in, outcome_rows, prepare};
use super::error::fail;
use crate::ddl::{self, Statement};
use crate::session::FeastScope;
use crate::statement::split_statements;

/// The definitions to apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Apply {
    /// JSON text, or the path of a SQL file with CREATE statements.
    pub(crate) definitions: String,
    /// Only say what would be done.
    pub(crate) dry_run: bool,
}

/// Applies the definitions.
pub(super) async fn apply(scope: &FeastScope, apply: &Apply) -> Result<RecordBatch> {
    let mut definitions = match apply.definitions.trim_start() {
        text if text.starts_with('{') => apply_json::read(text)?,
        "" => {
            return Err(invalid(
                "expected the path of a SQL file or JSON text, found ''",
            ));
        }
        path => sql_file(path.trim_end())?,
    };
    // Entities first, then views, then services: each may name what came before.
    definitions.sort_by_key(|definition| definition.kind() as u8);
    refuse_twice(&definitions)?;
    let definitions = definitions.into_iter().map(Definition::replacing).collect();
    let changes = prepare(scope, definitions).await?;
    let outcomes = if apply.dry_run {
        let mut tried = (*scope.registry().read()?).clone();
        make_in(&mut tried, scope, &changes)?
    } else {
        make(scope, &changes)?
    };
    outcome_rows(&outcomes)
}

fn invalid(message: &str) -> DataFusionError {
    fail(
        ErrorKind::InvalidDefinition,
        format!("feast_apply: {message}"),
    )
}

fn refuse_twice(definitions: &[Definition]) -> Result<()> {
    for (index, definition) in definitions.iter().enumerate() {
        let (kind, name) = (definition.kind(), definition.name());
        let same = |other: &Definition| other.kind() == kind && other.name() == name;
        if definitions.iter().take(index).any(same) {
            return Err(invalid(&format!(
                "{kind} {name} is defined twice; keep one"
            )));
        }
    }
    Ok(())
}

fn sql_file(path: &str) -> Result<Vec<Definition>> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        invalid(&format!(
            "cannot read {path}: {error}; give the path of a SQL file, or JSON text that begins \
             with a brace"
        ))
    })?;
    let in_file = |error: DataFusionError| invalid(&format!("{path}: {}", message(&error)));
    let mut definitions = Vec::new();
    for statement in split_statements(&text).map_err(in_file)? {
        // Lines before it, so that errors point into the file.
        let placed = format!("{}{}", "\n".repeat(statement.line - 1), statement.text);
        match ddl::parse(&placed).map_err(in_file)? {
            Some(Statement::CreateEntity(entity)) => definitions.push(Definition::Entity(entity)),
            Some(Statement::CreateFeatureView(view)) => {
                definitions.push(Definition::FeatureView(Box::new(view)));
            }
            Some(Statement::CreateFeatureService(service)) => {
                definitions.push(Definition::FeatureService(service));
            }
            _ => {
                let words: Vec<&str> = statement.text.split_whitespace().take(3).collect();
                return Err(invalid(&format!(
                    "{path}: line {}: expected CREATE ENTITY, CREATE FEATURE VIEW or CREATE FEATURE \
                     SERVICE, found {}; run other statements by themselves",
                    statement.line,
                    words.join(" ")
                )));
            }
        }
    }
    Ok(definitions)
}

/// The error's text without the words DataFusion puts before it.
fn message(error: &DataFusionError) -> String {
    match error.find_root() {
        DataFusionError::Plan(message) => message.clone(),
        other => other.strip_backtrace(),
    }
}
