// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What the build phase knows of a key set.

use arrow::array::ArrayRef;
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_aggregate::min_max::{MaxAccumulator, MinAccumulator};
use datafusion::logical_expr::Accumulator;

use super::task::Ended;

/// What is known of all slots of a key set.
#[derive(Debug, Default)]
pub(super) struct KeySetBounds {
    /// Each key column's values, compared as the key set's types.
    pub(super) keys: Vec<KeyBounds>,
    /// The earliest and latest entity time, in the entity side's unit.
    pub(super) times: Option<(i64, i64)>,
}

/// What is known of one key column.
#[derive(Debug, Default)]
pub(super) struct KeyBounds {
    /// The smallest and the greatest value.
    pub(super) range: Option<(ScalarValue, ScalarValue)>,
    /// All values, where they are few.
    pub(super) listed: Vec<ScalarValue>,
}

/// The smallest and greatest value of a key column over all batches, or none where the type has no order here. Gives up soon
/// after `ended` says so.
pub(super) fn key_range(
    columns: &[ArrayRef],
    ended: &Ended,
) -> Result<Option<(ScalarValue, ScalarValue)>> {
    let Some(first) = columns.first() else {
        return Ok(None);
    };
    let (Ok(mut low), Ok(mut high)) = (
        MinAccumulator::try_new(first.data_type()),
        MaxAccumulator::try_new(first.data_type()),
    ) else {
        return Ok(None);
    };
    for column in columns {
        ended.check()?;
        let values = std::slice::from_ref(column);
        // A type that cannot be ordered here bounds nothing.
        if low.update_batch(values).is_err() || high.update_batch(values).is_err() {
            return Ok(None);
        }
    }
    let (low, high) = (low.evaluate()?, high.evaluate()?);
    Ok((!low.is_null() && !high.is_null()).then_some((low, high)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringViewArray};

    use super::super::task::EndOnDrop;
    use super::*;

    #[test]
    fn a_range_spans_batches_and_leaves_nulls_out() {
        let column = |v: Vec<Option<i64>>| Arc::new(Int64Array::from(v)) as ArrayRef;
        let columns = [column(vec![Some(3), None]), column(vec![Some(-1)])];
        let here = EndOnDrop::default();
        let key_range = |columns: &[ArrayRef]| key_range(columns, &here.signal());
        let range = key_range(&columns).unwrap();
        assert_eq!(
            range,
            Some((ScalarValue::from(-1_i64), ScalarValue::from(3_i64)))
        );
        assert_eq!(key_range(&[column(vec![None])]).unwrap(), None);
        let text = Arc::new(StringViewArray::from(vec!["b", "a"])) as ArrayRef;
        let (low, _) = key_range(&[text]).unwrap().unwrap();
        assert_eq!(low, ScalarValue::Utf8View(Some("a".to_owned())));
    }
}
