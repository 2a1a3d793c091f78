// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The rows of keys in an online table.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int32Array, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Schema};
use arrow::row::{RowConverter, SortField};
use datafusion::common::Result;
use datafusion::execution::TaskContext;
use feast_iceberg::{PointPlan, PointRows};

use super::LookupView;
use super::join::{Competing, Rows};
use super::prune::key_filter;
use super::report::Origin;
use crate::live::{live_rows, shown};
use crate::names::{CREATED_TIME, ENTITY_HASH, EVENT_TIME, IS_DELETED};
use crate::store::OnlineTable;

/// So many columns more than those asked for are read along: rows that tie in their times need them.
const FEW_COLUMNS: usize = 16;

/// Where the rows of keys are.
pub(super) struct KeyedTable<'a> {
    table: &'a OnlineTable,
    wanted: &'a LookupView,
    keys: &'a [ArrayRef],
    hashes: Int32Array,
    /// None where only a scan tells which rows are left.
    plan: Option<PointPlan>,
}

impl<'a> KeyedTable<'a> {
    /// Looks for `keys`, of which there are `rows`, in the table's metadata.
    pub(super) async fn find(
        table: &'a OnlineTable,
        wanted: &'a LookupView,
        keys: &'a [ArrayRef],
        rows: usize,
    ) -> Result<Self> {
        let hashes = table.hash.of(keys, rows)?;
        let names = wanted.view.keys.iter().map(|key| key.name.as_str());
        let mut fields = vec![Field::new(ENTITY_HASH, hashes.data_type().clone(), true)];
        fields.extend(
            names
                .zip(keys)
                .map(|(name, key)| Field::new(name, key.data_type().clone(), true)),
        );
        let mut columns: Vec<ArrayRef> = vec![Arc::new(hashes.clone())];
        columns.extend(keys.iter().cloned());
        let asked = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?;
        let plan = table.provider.point_plan(&asked).await?;
        Ok(Self {
            table,
            wanted,
            keys,
            hashes,
            plan,
        })
    }

    /// What the metadata told.
    pub(super) fn report(&self) -> Origin {
        let counts = self.plan.as_ref().map(PointPlan::counts);
        Origin::online(self.table).of_keys(&self.hashes, self.table.hash.parts(), counts)
    }

    /// What is done for the rows, for the message when it takes too long.
    pub(super) fn reading(&self) -> String {
        let table = self.table.name();
        match &self.plan {
            Some(plan) => {
                let files = plan.counts().files_left();
                format!("reading rows of {files} files of online table {table}")
            }
            None => format!("scanning online table {table}"),
        }
    }

    /// The rows that compete, and how they were found.
    pub(super) async fn rows(&self, context: &TaskContext) -> Result<(Rows, Origin)> {
        let view = &self.wanted.view;
        let has = |name: &str| self.table.has(name);
        let columns = view.columns.iter().map(|column| column.name.as_str());
        let all: Vec<&str> = columns.filter(|name| has(name)).collect();
        let Some(plan) = &self.plan else {
            let filter = key_filter(view, self.table, self.keys)?;
            let scan = live_rows(self.table, view, filter).await?;
            return Ok((
                Rows::new(Competing::Plan(Box::new(scan)), &all),
                self.report(),
            ));
        };
        let asked: BTreeSet<&str> = self
            .wanted
            .features
            .iter()
            .map(|it| it.name.as_str())
            .collect();
        let narrow: Vec<&str> = all
            .iter()
            .copied()
            .filter(|name| asked.contains(name))
            .collect();
        let is_wide = all.len() > narrow.len() + FEW_COLUMNS;
        let mut columns = if is_wide { narrow } else { all.clone() };
        let mut read = self.read(plan, context, &columns).await?;
        let mut rows = self.live(&read)?;
        if columns.len() < all.len() && self.ties(&rows)? {
            columns = all;
            read = self.read(plan, context, &columns).await?;
            rows = self.live(&read)?;
        }
        let report = Origin::online(self.table);
        let report = report.of_keys(&self.hashes, self.table.hash.parts(), Some(read.counts));
        Ok((Rows::new(Competing::Batch(rows), &columns), report))
    }

    async fn read(
        &self,
        plan: &PointPlan,
        context: &TaskContext,
        columns: &[&str],
    ) -> Result<PointRows> {
        let keys = self.wanted.view.keys.iter().map(|key| key.name.as_str());
        let own = [EVENT_TIME, CREATED_TIME, IS_DELETED];
        let all: Vec<&str> = keys.chain(own).chain(columns.iter().copied()).collect();
        plan.read(&context.runtime_env(), &all).await
    }

    fn live(&self, read: &PointRows) -> Result<RecordBatch> {
        let live = shown(&self.wanted.view, &read.batches)?;
        Ok(concat_batches(&read.schema, &live)?)
    }

    /// Whether two rows of a key have the same times, so that other columns decide.
    fn ties(&self, rows: &RecordBatch) -> Result<bool> {
        let keys = self.wanted.view.keys.iter().map(|key| key.name.as_str());
        let columns = keys.chain([EVENT_TIME, CREATED_TIME]);
        let columns: Vec<ArrayRef> = columns
            .filter_map(|name| rows.column_by_name(name).cloned())
            .collect();
        let types = columns
            .iter()
            .map(|it| SortField::new(it.data_type().clone()));
        let encoded = RowConverter::new(types.collect())?.convert_columns(&columns)?;
        let mut seen = HashSet::with_capacity(rows.num_rows());
        Ok(!encoded.iter().all(|row| seen.insert(row)))
    }
}
