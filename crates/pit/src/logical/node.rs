// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The logical node.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::{DFSchema, DFSchemaRef, Result, internal_err, plan_err};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};

use crate::spec::{PitSpec, PitView};

/// A point-in-time join: the entity side and one input a view.
///
/// ```text
///   PitJoin ─┬─ entity side      every row comes back once, in order
///            ├─ view 1           its history
///            └─ view 2
/// ```
///
/// The answer has the entity side's columns first and complete, then the features; its columns carry no qualifier. A view
/// none of whose features is used is dropped from the node when columns are pruned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PitJoinNode {
    entity: LogicalPlan,
    views: Vec<LogicalPlan>,
    spec: Arc<PitSpec>,
    schema: DFSchemaRef,
}

impl PitJoinNode {
    /// A node over these inputs, or an error that says which column is missing, of a wrong type or named twice.
    pub fn try_new(
        entity: LogicalPlan,
        views: Vec<LogicalPlan>,
        spec: Arc<PitSpec>,
    ) -> Result<Self> {
        if spec.views.len() != views.len() {
            return internal_err!(
                "a point-in-time join of {} views got {} inputs",
                spec.views.len(),
                views.len()
            );
        }
        let entity_schema = entity.schema().as_arrow();
        for (at, field) in entity_schema.fields().iter().enumerate() {
            if entity_schema.fields()[..at]
                .iter()
                .any(|f| f.name() == field.name())
            {
                return plan_err!(
                    "feast_pit_join: the entity query has two columns called {}; name its columns apart with AS",
                    field.name()
                );
            }
        }
        let view_schemas = views
            .iter()
            .map(|v| Arc::clone(v.schema().inner()))
            .collect::<Vec<SchemaRef>>();
        let schema = spec.output_schema(entity_schema, &view_schemas)?;
        let schema = Arc::new(DFSchema::try_from(schema)?);
        Ok(Self {
            entity,
            views,
            spec,
            schema,
        })
    }

    /// The entity side.
    pub fn entity(&self) -> &LogicalPlan {
        &self.entity
    }

    /// The views' inputs.
    pub fn views(&self) -> &[LogicalPlan] {
        &self.views
    }

    /// What is asked.
    pub fn spec(&self) -> &Arc<PitSpec> {
        &self.spec
    }

    /// The same join over another entity side.
    pub(crate) fn with_inputs(&self, entity: LogicalPlan, views: Vec<LogicalPlan>) -> Result<Self> {
        Self::try_new(entity, views, Arc::clone(&self.spec))
    }

    fn view_has_its_columns(view: &PitView, input: &LogicalPlan) -> bool {
        view.columns()
            .all(|name| input.schema().has_column_with_unqualified_name(name))
    }
}

impl UserDefinedLogicalNodeCore for PitJoinNode {
    fn name(&self) -> &'static str {
        "PitJoin"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        std::iter::once(&self.entity).chain(&self.views).collect()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    /// None: the columns read are told by `necessary_children_exprs`, view by view. Columns listed here would be kept in every
    /// input that has one of that name, used or not.
    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(
            f,
            "PitJoin: time={}, views=[{}]",
            self.spec.event_time,
            describe_views(&self.spec)
        )
    }

    /// The node's columns are plain names that rules do not rewrite, so the specification stays; what may change are the inputs. An
    /// input pruned down to nothing means that none of its view's features is used.
    fn with_exprs_and_inputs(
        &self,
        _exprs: Vec<Expr>,
        mut inputs: Vec<LogicalPlan>,
    ) -> Result<Self> {
        if inputs.len() != self.views.len() + 1 {
            return internal_err!(
                "a point-in-time join of {} views got {} inputs",
                self.views.len(),
                inputs.len()
            );
        }
        let views = inputs.split_off(1);
        let entity = inputs.remove(0);
        if self
            .spec
            .views
            .iter()
            .zip(&views)
            .all(|(v, input)| Self::view_has_its_columns(v, input))
        {
            return self.with_inputs(entity, views);
        }
        let (kept, views) = self
            .spec
            .views
            .iter()
            .cloned()
            .zip(views)
            .filter(|(view, input)| Self::view_has_its_columns(view, input))
            .unzip();
        let spec = PitSpec {
            event_time: self.spec.event_time.clone(),
            views: kept,
        };
        Self::try_new(entity, views, Arc::new(spec))
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let width = self.entity.schema().fields().len();
        let by_name = |plan: &LogicalPlan, names: &mut dyn Iterator<Item = &str>| {
            names
                .filter_map(|n| plan.schema().index_of_column_by_name(None, n))
                .collect::<BTreeSet<_>>()
        };
        let mut entity = by_name(&self.entity, &mut self.spec.entity_columns());
        entity.extend(output_columns.iter().copied().filter(|at| *at < width));
        let mut needed = vec![entity.into_iter().collect::<Vec<_>>()];
        let mut first = width;
        for (view, input) in self.spec.views.iter().zip(&self.views) {
            let features = first..first + view.features.len();
            first = features.end;
            let used = output_columns.iter().any(|at| features.contains(at));
            let columns = if used {
                by_name(input, &mut view.columns())
            } else {
                BTreeSet::new()
            };
            needed.push(columns.into_iter().collect());
        }
        Some(needed)
    }
}

/// The views as EXPLAIN shows them, in logical and physical plans.
pub(crate) fn describe_views(spec: &PitSpec) -> String {
    let describe = |view: &PitView| {
        let keys = view
            .keys
            .iter()
            .map(|k| {
                if k.entity == k.view {
                    k.view.clone()
                } else {
                    format!("{}={}", k.entity, k.view)
                }
            })
            .collect::<Vec<_>>()
            .join(", ");
        let features = view
            .features
            .iter()
            .map(|f| f.column.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        let ttl = view
            .ttl
            .filter(|t| !t.is_zero())
            .map_or("none".to_owned(), |t| format!("{t:?}"));
        let created = view.created_time.as_ref().map_or(String::new(), |c| {
            format!(
                ", created={c}{}",
                if view.created_cutoff { " (cutoff)" } else { "" }
            )
        });
        format!(
            "{}: on=[{keys}], time={}{created}, ttl={ttl}, features=[{features}]",
            view.name, view.event_time
        )
    };
    spec.views
        .iter()
        .map(describe)
        .collect::<Vec<_>>()
        .join("; ")
}

impl Hash for PitJoinNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.entity.hash(state);
        self.views.hash(state);
        self.spec.hash(state);
    }
}

impl PartialOrd for PitJoinNode {
    /// Two joins have no order unless they are the same.
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}
