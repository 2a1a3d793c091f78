// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Whether a view still fits the table that was made for it, and what the table lacks if not.

use arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};
use feast_pit::utc;

use crate::layout::table_schema;
use crate::names::RESERVED;
use crate::store::OnlineTable;
use crate::view::OnlineView;

impl OnlineTable {
    /// Fails unless the table's rows are told apart by the view's keys. Features may come and go, keys
    /// may not: rows would be found by other keys than they were written for.
    pub(crate) fn check_keys(&self, view: &OnlineView) -> Result<()> {
        let columns = self.columns();
        let required = columns.fields().iter().filter(|field| !field.is_nullable());
        let mut of_table: Vec<&str> = required
            .map(|field| field.name().as_str())
            .filter(|name| !RESERVED.contains(name))
            .collect();
        let mut of_view: Vec<&str> = view.keys.iter().map(|key| key.name.as_str()).collect();
        of_table.sort_unstable();
        of_view.sort_unstable();
        if of_table == of_view {
            return Ok(());
        }
        plan_err!(
            "online table {} has the keys [{}], feature view {} has [{}]; keys of a table do not change: drop it and materialize the view \
             in full, or give the view another name",
            self.name(),
            of_table.join(", "),
            view.name,
            of_view.join(", ")
        )
    }

    /// The columns of the view that the table does not have, or has in a type that can be widened to
    /// the view's. Any other type is an error: keys and times never change theirs.
    pub(crate) fn missing(&self, view: &OnlineView) -> Result<Vec<(String, DataType)>> {
        let columns = self.columns();
        let mut missing = Vec::new();
        for wanted in table_schema(view).fields() {
            let (name, to) = (wanted.name(), wanted.data_type());
            let is_kept = view.columns.iter().any(|kept| &kept.name == name);
            match columns.column_with_name(name) {
                Some((_, found)) if fits(found.data_type(), to, false) => {}
                Some((_, found)) if is_kept && fits(found.data_type(), to, true) => {
                    missing.push((name.clone(), to.clone()));
                }
                None => missing.push((name.clone(), to.clone())),
                Some((_, found)) => return self.misfit(view, name, found.data_type(), to),
            }
        }
        Ok(missing)
    }

    fn misfit<T>(
        &self,
        view: &OnlineView,
        column: &str,
        found: &DataType,
        wanted: &DataType,
    ) -> Result<T> {
        let what = match () {
            () if view.keys.iter().any(|key| key.name == column) => "key",
            () if view.features.iter().any(|feature| feature == column) => "feature",
            () => "column",
        };
        let legal = match what {
            "feature" => {
                "Int32 can become Int64, Float32 Float64, and a decimal one of more digits"
            }
            "key" => "a key's type never changes",
            _ => "its type does not change so",
        };
        plan_err!(
            "{what} {column} of feature view {} is {wanted}, column {column} of online table {} is {found} ({legal}): drop the \
             online table and materialize the view in full, or give the {what} or the view another name",
            view.name,
            self.name()
        )
    }
}

/// Whether a column of the table holds values of the view's type, whatever the names of nested fields'
/// items; or would, if Iceberg `widens` its type.
fn fits(found: &DataType, wanted: &DataType, widens: bool) -> bool {
    let found = &utc(found);
    found.equals_datatype(wanted)
        || (widens && becomes(found, wanted))
        || match (found, wanted) {
            (
                DataType::List(a),
                DataType::List(b) | DataType::LargeList(b) | DataType::FixedSizeList(b, _),
            ) => fits(a.data_type(), b.data_type(), widens),
            (DataType::Struct(a), DataType::Struct(b)) => {
                let mut fields = a.iter().zip(b);
                a.len() == b.len()
                    && fields.all(|(a, b)| {
                        a.name() == b.name() && fits(a.data_type(), b.data_type(), widens)
                    })
            }
            (DataType::Map(a, _), DataType::Map(b, _)) => entry_types(a.data_type())
                .zip(entry_types(b.data_type()))
                .is_some_and(|((ka, va), (kb, vb))| fits(ka, kb, false) && fits(va, vb, widens)),
            (DataType::LargeBinary, DataType::Binary) => true,
            (DataType::Int32, DataType::Int8 | DataType::Int16) => true,
            (DataType::Utf8, DataType::LargeUtf8 | DataType::Utf8View) => true,
            _ => false,
        }
}

/// Iceberg's promotions of types: every value has an equal one.
fn becomes(found: &DataType, wanted: &DataType) -> bool {
    match (found, wanted) {
        (DataType::Int32, DataType::Int64) | (DataType::Float32, DataType::Float64) => true,
        (DataType::Decimal128(digits, scale), DataType::Decimal128(more, to_scale)) => {
            scale == to_scale && digits <= more
        }
        _ => false,
    }
}

fn entry_types(entries: &DataType) -> Option<(&DataType, &DataType)> {
    match entries {
        DataType::Struct(fields) if fields.len() == 2 => {
            Some((fields[0].data_type(), fields[1].data_type()))
        }
        _ => None,
    }
}
