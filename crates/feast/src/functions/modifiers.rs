// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What may follow a table's name in SQL and is not understood.

use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::planner::{
    RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::sql::sqlparser::ast::TableFactor;

/// Refuses modifiers of a table that no planner before it has planned. DataFusion's own planner would leave them out without a
/// word, and read other rows than those asked for.
#[derive(Debug)]
pub(crate) struct RefuseModifiers;

impl RelationPlanner for RefuseModifiers {
    fn plan_relation(
        &self,
        relation: TableFactor,
        _context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let TableFactor::Table {
            name,
            with_hints,
            version,
            with_ordinality,
            partitions,
            json_path,
            sample,
            index_hints,
            ..
        } = &relation
        else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let found = [
            (version.is_some(), "a version"),
            (sample.is_some(), "a sample"),
            (!with_hints.is_empty() || !index_hints.is_empty(), "hints"),
            (*with_ordinality, "WITH ORDINALITY"),
            (!partitions.is_empty(), "PARTITION"),
            (json_path.is_some(), "a JSON path"),
        ];
        match found.iter().find(|(found, _)| *found) {
            Some((_, modifier)) => plan_err!(
                "{modifier} after table {name} is not understood; found {relation}; a table takes FOR VERSION AS OF, FOR TIMESTAMP \
                 AS OF and an alias"
            ),
            None => Ok(RelationPlanning::Original(Box::new(relation))),
        }
    }
}
