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
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};

use super::describe::describe_views;
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

    /// The same join with no more than these columns of its answer besides the entity side's, or none when it has no others.
    ///
    /// Features not named are left out, and so is a view of which no column is left; the provenance of a view stays whole.
    pub fn with_columns(&self, used: &BTreeSet<&str>) -> Result<Option<Self>> {
        let mut views = Vec::with_capacity(self.views.len());
        let mut inputs = Vec::with_capacity(self.views.len());
        let mut dropped = false;
        for (view, input) in self.spec.views.iter().zip(&self.views) {
            let mut kept = view.clone();
            kept.features.retain(|f| used.contains(f.output.as_str()));
            kept.provenance = kept
                .provenance
                .take()
                .filter(|told| told.columns().any(|name| used.contains(name)));
            dropped |= kept.output_count() < view.output_count();
            if kept.output_count() > 0 {
                views.push(kept);
                inputs.push(input.clone());
            }
        }
        if !dropped {
            return Ok(None);
        }
        let spec = PitSpec {
            event_time: self.spec.event_time.clone(),
            views,
        };
        Self::try_new(self.entity.clone(), inputs, Arc::new(spec)).map(Some)
    }

    /// Whether the inputs have these plans' columns: what the specification asks of them then holds for these as well. Rules rebuild
    /// a node more often than they change it, and to check hundreds of wide views each time is most of what planning them takes.
    fn has_schemas_of(&self, entity: &LogicalPlan, views: &[LogicalPlan]) -> bool {
        let same = |one: &LogicalPlan, other: &LogicalPlan| {
            Arc::ptr_eq(one.schema(), other.schema())
                || one.schema().as_arrow() == other.schema().as_arrow()
        };
        same(&self.entity, entity)
            && self
                .views
                .iter()
                .zip(views)
                .all(|(one, other)| same(one, other))
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
        if self.has_schemas_of(&entity, &views) {
            return Ok(Self {
                entity,
                views,
                spec: Arc::clone(&self.spec),
                schema: Arc::clone(&self.schema),
            });
        }
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
            let outputs = first..first + view.output_count();
            first = outputs.end;
            let used = output_columns.iter().any(|at| outputs.contains(at));
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

/// The join a plan is, if it is one.
pub(super) fn pit_join(plan: &LogicalPlan) -> Option<&PitJoinNode> {
    match plan {
        LogicalPlan::Extension(extension) => extension.node.as_any().downcast_ref::<PitJoinNode>(),
        _ => None,
    }
}

/// The plan with the join below it replaced by another one with the columns it reads.
pub(super) fn with_join(plan: &LogicalPlan, join: &Arc<PitJoinNode>) -> Result<LogicalPlan> {
    if pit_join(plan).is_some() {
        return Ok(LogicalPlan::Extension(Extension {
            node: Arc::clone(join) as _,
        }));
    }
    let inputs = plan
        .inputs()
        .into_iter()
        .map(|input| with_join(input, join))
        .collect::<Result<Vec<_>>>()?;
    plan.with_new_exprs(plan.expressions(), inputs)
}
