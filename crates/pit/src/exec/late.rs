// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Views read in two passes: keys and times of all rows, then the payload of the winners.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, new_null_array};
use arrow::datatypes::DataType;
use datafusion::common::stats::Precision;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::physical_plan::spill::get_record_batch_memory_size;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use futures::future::join;
use futures::stream::BoxStream;
use futures::{StreamExt, stream};

use super::key_set::KeySet;
use super::probing::Input;
use super::running::RunningView;
use super::task::Turn;
use super::view::ViewPlan;
use crate::kernel::row_format::RowFormat;
use crate::kernel::time::{Times, Ttl, Unit};
use crate::kernel::winners::Winners;
use crate::late::{FetchRows, LatePayloads, PayloadMode, pays, width};

/// A view whose payload may be read late.
#[derive(Debug)]
pub(super) struct LateView {
    mode: PayloadMode,
    /// The view over the narrow pass.
    pub(super) plan: Arc<ViewPlan>,
    pub(super) input: Input,
    fetch: Arc<dyn FetchRows>,
}

impl LateView {
    /// The two passes of a view, None where one is always better or two are impossible.
    pub(super) fn try_new(
        view: &ViewPlan,
        input: &Input,
        context: &TaskContext,
    ) -> Result<Option<Self>> {
        let config = context.session_config();
        let Some(late) = config.get_extension::<LatePayloads>() else {
            return Ok(None);
        };
        let mode = late.mode(config.options());
        let possible = match mode {
            PayloadMode::OnePass => false,
            PayloadMode::Late => view.late_types().next().is_some(),
            // No slot at all: as good as it gets.
            PayloadMode::Auto => pays(0, rows(input)?.unwrap_or(0), late_width(view)),
        };
        if !possible {
            return Ok(None);
        }
        let Some(split) = late.scans().split(input.plan(), &view.narrow_columns())? else {
            return Ok(None);
        };
        let count = |plan: &Arc<dyn ExecutionPlan>| plan.output_partitioning().partition_count();
        let (all, narrow) = (count(input.plan()), count(&split.narrow));
        // Some partitions of the one are read by some of the other.
        if all != narrow {
            return Ok(None);
        }
        Ok(Some(Self {
            mode,
            plan: Arc::new(view.narrowed()),
            input: Input::new(split.narrow, input.partitions()),
            fetch: split.fetch,
        }))
    }

    /// Whether two passes are expected to be faster for these slots.
    pub(super) fn is_better(&self, view: &ViewPlan, input: &Input, set: &KeySet) -> Result<bool> {
        if self.mode == PayloadMode::Late {
            return Ok(true);
        }
        let slots = set.layout.times.len();
        let rows = rows_within(view, input, set)?;
        Ok(rows.is_some_and(|rows| pays(slots, rows, late_width(view))))
    }

    /// The winners that the narrow pass found, with their payload.
    pub(super) async fn fetch(
        &self,
        view: &RunningView,
        narrow: Winners,
        context: &Arc<TaskContext>,
        reservation: &MemoryReservation,
    ) -> Result<Winners> {
        let (view, metrics) = (&*view.plan, &view.metrics);
        let timer = metrics.fetch_time.timer();
        let format = RowFormat::try_new(view.payload_types())?;
        let mut held = narrow.widened_size(&format);
        reservation.try_grow(held)?;
        let found = narrow.references(self.plan.features[0]);
        let wanted = found.len();
        let mut rows = self.rows(view, &found, context)?;
        let mut slots = found.into_iter().map(|(_, slot)| slot);
        // Room is made while the first rows are read.
        let widened = async { narrow.widened(format) };
        let (mut next, mut winners) = join(rows.next(), widened).await;
        drop(narrow);
        let mut turn = Turn::default();
        while let Some(batch) = next.transpose()? {
            metrics.rows_fetched.add(batch.num_rows());
            let fetched = get_record_batch_memory_size(&batch);
            reservation.try_grow(fetched)?;
            let slots: Vec<u32> = slots.by_ref().take(batch.num_rows()).collect();
            if slots.len() < batch.num_rows() {
                return lost(view, wanted);
            }
            winners.replace(&slots, &with_nulls(view, &batch))?;
            let size = winners.size();
            if size > held {
                reservation.try_grow(size - held)?;
                held = size;
            }
            reservation.shrink(fetched);
            turn.after(batch.num_rows()).await;
            next = rows.next().await;
        }
        if slots.next().is_some() {
            return lost(view, wanted);
        }
        metrics.late_payload.add(1);
        timer.done();
        Ok(winners)
    }

    /// The columns of these rows that are asked for.
    fn rows(
        &self,
        view: &ViewPlan,
        found: &[(u64, u32)],
        context: &Arc<TaskContext>,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        if found.is_empty() {
            return Ok(stream::empty().boxed());
        }
        let references = found.iter().map(|(reference, _)| *reference).collect();
        let kept = view.payload_columns().iter().enumerate();
        let asked = kept.filter(|(cell, _)| view.features.contains(cell));
        let asked: Vec<usize> = asked.map(|(_, column)| *column).collect();
        let rows = self.fetch.fetch(references, &asked, Arc::clone(context))?;
        Ok(rows.boxed())
    }
}

/// The columns kept of a winner from those that are asked for. The others told who wins, and are not looked at any more.
fn with_nulls(view: &ViewPlan, asked: &RecordBatch) -> Vec<ArrayRef> {
    let mut asked_columns = asked.columns().iter();
    let cells = view.payload_types().iter().enumerate();
    let column = |(cell, data_type): (usize, &DataType)| {
        let asked_column = match view.features.contains(&cell) {
            true => asked_columns.next().map(Arc::clone),
            false => None,
        };
        asked_column.unwrap_or_else(|| new_null_array(data_type, asked.num_rows()))
    };
    cells.map(column).collect()
}

fn lost<T>(view: &ViewPlan, wanted: usize) -> Result<T> {
    exec_err!(
        "feast_pit_join: fetching {wanted} rows of feature view {} did not give as many rows; its source has to give the rows \
         that it referred to",
        view.name
    )
}

fn late_width(view: &ViewPlan) -> usize {
    view.late_types().map(width).sum()
}

fn rows(input: &Input) -> Result<Option<usize>> {
    let statistics = input.plan().partition_statistics(None)?;
    Ok(statistics.num_rows.get_value().copied())
}

/// About how many rows of the view are within the times of the slots, which the view's filter leaves.
fn rows_within(view: &ViewPlan, input: &Input, set: &KeySet) -> Result<Option<usize>> {
    let statistics = input.plan().partition_statistics(None)?;
    let Some(rows) = statistics.num_rows.get_value().copied() else {
        return Ok(None);
    };
    let bound = |value: &Precision<ScalarValue>| {
        let value: &ScalarValue = value.get_value()?;
        let times = Times::try_new(&value.to_array().ok()?, "").ok()?;
        times.is_valid(0).then(|| times.values[0])
    };
    let column = statistics.column_statistics.get(view.event);
    let Some((first, last)) = column.and_then(|c| bound(&c.min_value).zip(bound(&c.max_value)))
    else {
        return Ok(Some(rows));
    };
    let Some((earliest, latest)) = set.bounds.times else {
        return Ok(Some(0));
    };
    let ttl = Ttl::new(view.ttl_nanos, view.entity_unit, view.view_unit);
    let seconds = |value: i64, unit: Unit| value as f64 * unit.nanos() as f64 / 1e9;
    let (first, last) = (
        seconds(first, view.view_unit),
        seconds(last, view.view_unit),
    );
    let from = ttl
        .oldest(earliest)
        .map(|time| seconds(time, view.view_unit));
    let from = from.unwrap_or(first).max(first);
    let to = seconds(latest, view.entity_unit).min(last);
    let share = match last > first {
        true => ((to - from) / (last - first)).clamp(0.0, 1.0),
        false => 1.0,
    };
    Ok(Some((rows as f64 * share) as usize))
}

#[cfg(test)]
mod tests;
