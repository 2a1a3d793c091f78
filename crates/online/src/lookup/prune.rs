// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a scan is told of the keys that are looked up, so that it opens and reads little.

use std::collections::BTreeSet;

use arrow::array::{Array, ArrayRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Expr, lit};

use crate::append::column;
use crate::names::ENTITY_HASH;
use crate::store::OnlineTable;
use crate::view::OnlineView;

/// Longer lists are not looked up in bounds; ranges are.
const LONG_LIST: usize = 20;
/// More keys than this are told by their least and greatest one.
const MANY_KEYS: usize = 256;

/// A filter that every row of these keys passes; none if all rows may be wanted.
pub(super) fn key_filter(
    view: &OnlineView,
    table: &OnlineTable,
    keys: &[ArrayRef],
) -> Result<Option<Expr>> {
    let Some(rows) = keys.first().map(|key| key.len()) else {
        return Ok(None);
    };
    let hashes: BTreeSet<i32> = table.hash.of(keys, rows)?.iter().flatten().collect();
    let mut filter = in_parts(&hashes);
    for (key, values) in view.keys.iter().zip(keys) {
        filter = filter.and(among(&key.name, values)?);
    }
    Ok(Some(filter))
}

fn in_parts(hashes: &BTreeSet<i32>) -> Expr {
    let hash = || column(ENTITY_HASH);
    if hashes.len() <= LONG_LIST {
        return hash().in_list(hashes.iter().map(|part| lit(*part)).collect(), false);
    }
    let mut runs: Vec<(i32, i32)> = Vec::new();
    for part in hashes {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *part => *last = *part,
            _ => runs.push((*part, *part)),
        }
    }
    any(runs
        .into_iter()
        .map(|(first, last)| hash().gt_eq(lit(first)).and(hash().lt_eq(lit(last))))
        .collect())
}

/// One of the conditions holds; a tree that is no deeper than it has to be.
fn any(mut conditions: Vec<Expr>) -> Expr {
    if conditions.len() > 1 {
        let rest = conditions.split_off(conditions.len() / 2);
        return any(conditions).or(any(rest));
    }
    conditions.pop().unwrap_or_else(|| lit(false))
}

fn among(name: &str, values: &ArrayRef) -> Result<Expr> {
    let mut distinct: Vec<ScalarValue> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let (mut least, mut greatest): (Option<ScalarValue>, Option<ScalarValue>) = (None, None);
    for row in 0..values.len() {
        if values.is_null(row) {
            continue;
        }
        let value = ScalarValue::try_from_array(values, row)?;
        if !seen.insert(value.clone()) {
            continue;
        }
        if least.as_ref().is_none_or(|it| value < *it) {
            least = Some(value.clone());
        }
        if greatest.as_ref().is_none_or(|it| value > *it) {
            greatest = Some(value.clone());
        }
        distinct.push(value);
    }
    let key = || column(name);
    Ok(match (least, greatest) {
        (Some(least), Some(greatest)) if distinct.len() > MANY_KEYS => {
            key().gt_eq(lit(least)).and(key().lt_eq(lit(greatest)))
        }
        (Some(_), Some(_)) => key().in_list(distinct.into_iter().map(lit).collect(), false),
        _ => lit(false),
    })
}
