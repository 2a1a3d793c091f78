// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The physical operator.
//!
//! # Semantics
//!
//! Every entity row comes back once, in the order read, with the features of one winning row a view: the newest by (event
//! time, created time, tie-break columns) among the rows with equal keys, not after the entity row's time, and within the
//! view's TTL. No winner: NULLs.
//!
//! ```text
//!   entity side          view, TTL 3        answer
//!   key  time            key  event  v      key  time  v
//!   A    5               A    1      10     A    5     40      4 is the newest not after 5
//!   A    9               A    4      40     A    9     NULL    4 + 3 < 9: expired
//!   B    2               A    6?     -      B    2     NULL    no row of B
//! ```
//!
//! # Inputs
//!
//! ```text
//!   PitJoinExec ─┬─ entity side
//!                ├─ view 1          keys, times, the features asked for
//!                ├─ view 2
//!                └─ view 1, ties    the same rows with all columns that break ties: read only where rows tied
//! ```
//!
//! Views are read in any order and any number of partitions. Each has to give the same rows when it is read again.
//!
//! # Two forms
//!
//! **Collected**: one partition of output; the entity side is read partition after partition, and an order that its plan declares is
//! required and kept. **Partitioned**: all inputs are hash-partitioned on one expression over the keys, and each partition joins its
//! part; no order is kept.
//!
//! # Phases
//!
//! 1. **Build**: read the entity side; lay out the slots of every distinct key set once; publish what is known of keys and
//!    times as dynamic filters, which prune the views' files, row groups and pages.
//! 2. **Probe**: the partitions of every view compete for its slots, which they share; as slots fill up, the filters tighten.
//! 3. **Ties**: where rows tied by all that was read, the view is read again with the other columns, for the tied keys.
//! 4. **Gather**: winners run along each key's slots, TTL is applied, batches are written in the entity side's order.
//!
//! # Memory
//!
//! The entity side; for each slot its time, and a view's best row for it (see `kernel::row_format`). All of it is reserved, most of
//! it before a view is read. The history is never held. With too little memory the entity side goes to temporary files and is
//! joined in parts, each of which reads the views again.

mod answering;
mod bounds;
mod entities;
mod filters;
mod gather;
mod key_expr;
mod key_set;
mod late;
mod lease;
mod metrics;
mod newest_first;
mod plan;
mod probing;
mod rising;
mod running;
mod scan_metrics;
mod task;
#[cfg(test)]
mod tests;
mod ties;
mod view;

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::{Result, internal_err, plan_err};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::{
    ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};

use crate::spec::{PitSpec, PitView};
use filters::ViewFilter;
use lease::SharedFilters;
use view::ViewPlan;

/// How a join is spread over partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PitJoinMode {
    /// One partition of output, in the order of the entity side.
    #[default]
    Collected,
    /// As many partitions as the entity side has, all inputs hash-partitioned on one expression over the keys: for clusters. All
    /// views have to share one key set, rows come in no order, and payload is read in one pass: after an exchange a row's place is
    /// not known. Dynamic filters hold what all partitions need, so they prune only where one process executes all of them, and
    /// only files that are opened once each partition has laid out its slots.
    Partitioned,
}

/// A view's input, and the same with all columns that break ties where it has not all.
type ViewInput = (Arc<dyn ExecutionPlan>, Option<Arc<dyn ExecutionPlan>>);

/// A point-in-time join; see the module's page.
#[derive(Debug, Clone)]
pub struct PitJoinExec {
    entity: Arc<dyn ExecutionPlan>,
    views: Vec<SidePlan>,
    spec: Arc<PitSpec>,
    mode: PitJoinMode,
    filters: Arc<SharedFilters>,
    /// The order the entity side declared when the join was planned. It is required of the entity side and claimed for the answer;
    /// `maintains_input_order` stays false, or a sort above would be moved below where another order is required.
    order: Option<LexOrdering>,
    /// How many entity rows are wanted, the first ones.
    fetch: Option<usize>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

/// The inputs of one view.
#[derive(Debug, Clone)]
struct SidePlan {
    input: Arc<dyn ExecutionPlan>,
    plan: Arc<ViewPlan>,
    ties: Option<(Arc<dyn ExecutionPlan>, Arc<ViewPlan>)>,
}

/// A view's inputs, each with what is made of its columns.
struct Side<'a> {
    input: &'a Arc<dyn ExecutionPlan>,
    plan: &'a Arc<ViewPlan>,
    ties: Option<(&'a Arc<ViewPlan>, &'a Arc<dyn ExecutionPlan>)>,
}

impl PitJoinExec {
    /// A join of these inputs in one partition; the checks of [`PitSpec::output_schema`] apply.
    ///
    /// # Errors
    ///
    /// A column is missing or of a wrong type, or two columns of the answer share a name.
    pub fn try_new(
        entity: Arc<dyn ExecutionPlan>,
        views: Vec<Arc<dyn ExecutionPlan>>,
        spec: Arc<PitSpec>,
    ) -> Result<Self> {
        Self::try_new_with_mode(entity, views, spec, PitJoinMode::Collected)
    }

    /// A join of these inputs, spread over partitions as `mode` says.
    ///
    /// # Errors
    ///
    /// As for [`PitJoinExec::try_new`]; and when views with different keys are to be partitioned.
    pub fn try_new_with_mode(
        entity: Arc<dyn ExecutionPlan>,
        views: Vec<Arc<dyn ExecutionPlan>>,
        spec: Arc<PitSpec>,
        mode: PitJoinMode,
    ) -> Result<Self> {
        if views.len() != spec.views.len() {
            return internal_err!(
                "a point-in-time join of {} views got {} inputs",
                spec.views.len(),
                views.len()
            );
        }
        let schemas = views.iter().map(|v| v.schema()).collect::<Vec<_>>();
        let schema = spec.output_schema(&entity.schema(), &schemas)?;
        let order = match mode {
            PitJoinMode::Collected => entity.properties().output_ordering().cloned(),
            PitJoinMode::Partitioned => None,
        };
        let inputs = views
            .into_iter()
            .zip(&spec.views)
            .map(|(input, view)| narrowed(input, view))
            .collect::<Result<Vec<_>>>()?;
        let views = sides(&entity, inputs, &spec)?;
        if mode == PitJoinMode::Partitioned {
            check_one_key_set(&views)?;
        }
        let filters = Arc::new(SharedFilters::new(
            views
                .iter()
                .map(|v| Some(ViewFilter::new(&v.plan, &v.input.schema())))
                .chain(views.iter().map(|v| {
                    let (input, plan) = v.ties.as_ref()?;
                    Some(ViewFilter::new(plan, &input.schema()))
                }))
                .collect(),
        ));
        let properties = properties(schema, &entity, order.as_ref(), mode);
        Ok(Self {
            entity,
            views,
            spec,
            mode,
            filters,
            order,
            fetch: None,
            properties,
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }

    /// What is asked.
    pub fn spec(&self) -> &Arc<PitSpec> {
        &self.spec
    }

    /// How the join is spread over partitions.
    pub fn mode(&self) -> PitJoinMode {
        self.mode
    }

    /// The same join over other inputs that give the same columns. The filters stay the same: inputs may hold them already.
    fn with_inputs(&self, entity: Arc<dyn ExecutionPlan>, inputs: Vec<ViewInput>) -> Result<Self> {
        let views = sides(&entity, inputs, &self.spec)?;
        let schema = Arc::clone(self.properties.eq_properties.schema());
        Ok(Self {
            properties: properties(schema, &entity, self.order.as_ref(), self.mode),
            entity,
            views,
            metrics: ExecutionPlanMetricsSet::new(),
            ..self.clone()
        })
    }

    fn sides(&self) -> impl Iterator<Item = Side<'_>> {
        self.views.iter().map(|view| Side {
            input: &view.input,
            plan: &view.plan,
            ties: view.ties.as_ref().map(|(input, plan)| (plan, input)),
        })
    }
}

fn properties(
    schema: SchemaRef,
    entity: &Arc<dyn ExecutionPlan>,
    order: Option<&LexOrdering>,
    mode: PitJoinMode,
) -> Arc<PlanProperties> {
    let equivalence = match order {
        Some(order) => EquivalenceProperties::new_with_orderings(schema, [order.clone()]),
        None => EquivalenceProperties::new(schema),
    };
    let partitions = match mode {
        PitJoinMode::Collected => 1,
        PitJoinMode::Partitioned => entity.output_partitioning().partition_count(),
    };
    Arc::new(PlanProperties::new(
        equivalence,
        Partitioning::UnknownPartitioning(partitions),
        EmissionType::Final,
        Boundedness::Bounded,
    ))
}

/// The views' inputs with what is made of their columns.
fn sides(
    entity: &Arc<dyn ExecutionPlan>,
    inputs: Vec<ViewInput>,
    spec: &PitSpec,
) -> Result<Vec<SidePlan>> {
    let schema = entity.schema();
    let plan = |view: &PitView, input: &Arc<dyn ExecutionPlan>| {
        ViewPlan::try_new(view, spec, &schema, &input.schema()).map(Arc::new)
    };
    let sides = inputs.into_iter().zip(&spec.views);
    sides
        .map(|((input, ties), view)| {
            let ties = match ties {
                Some(ties) => Some((Arc::clone(&ties), plan(view, &ties)?)),
                None => None,
            };
            Ok(SidePlan {
                plan: plan(view, &input)?,
                input,
                ties,
            })
        })
        .collect()
}

/// A view's input without the columns that only break ties, and the whole of it where it has such columns.
fn narrowed(input: Arc<dyn ExecutionPlan>, view: &PitView) -> Result<ViewInput> {
    let mut view = view.clone();
    let ties = std::mem::take(&mut view.tie_break);
    let kept = view.columns().collect::<HashSet<_>>();
    if ties.iter().all(|name| kept.contains(name.as_str())) {
        return Ok((input, None));
    }
    let schema = input.schema();
    let columns = schema
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, field)| kept.contains(field.name().as_str()))
        .map(|(index, field)| ProjectionExpr {
            expr: Arc::new(Column::new(field.name(), index)),
            alias: field.name().clone(),
        })
        .collect::<Vec<_>>();
    let narrow = ProjectionExec::try_new(columns, Arc::clone(&input))?;
    Ok((Arc::new(narrow), Some(input)))
}

fn check_one_key_set(views: &[SidePlan]) -> Result<()> {
    let Some(first) = views.first() else {
        return Ok(());
    };
    if first.plan.keys.is_empty() {
        return plan_err!(
            "feast_pit_join: view {} has no join key, so its rows cannot be partitioned by it; join it collected",
            first.plan.name
        );
    }
    match views
        .iter()
        .find(|v| v.plan.key_set() != first.plan.key_set())
    {
        Some(other) => plan_err!(
            "feast_pit_join: views {} and {} have different join keys, so their rows cannot be partitioned together; join them \
             collected, or in two joins",
            first.plan.name,
            other.plan.name
        ),
        None => Ok(()),
    }
}
