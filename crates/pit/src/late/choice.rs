// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! One pass or late payload: what a session says, and what pays.

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::config::ConfigOptions;

use super::LatePayload;

/// How the payload of winners is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PayloadMode {
    /// Late where it is expected to be faster.
    #[default]
    Auto,
    /// Late wherever rows can be referred to.
    Late,
    /// In one pass with keys and times.
    OnePass,
}

/// What a session's joins know of late payload. It is an extension of the session's configuration, which joins look for when they
/// run; without it they read their views in one pass.
///
/// ```
/// use datafusion::prelude::SessionConfig;
/// use feast_pit::{LatePayload, LatePayloads, LateScan, PayloadMode};
/// use std::sync::Arc;
///
/// #[derive(Debug)]
/// struct Never;
///
/// impl LatePayload for Never {
///     fn split(
///         &self,
///         _scan: &Arc<dyn datafusion::physical_plan::ExecutionPlan>,
///         _narrow: &[usize],
///     ) -> datafusion::error::Result<Option<LateScan>> {
///         Ok(None)
///     }
/// }
///
/// let late = LatePayloads::new(Arc::new(Never), |_| PayloadMode::Auto);
/// let config = SessionConfig::new().with_extension(Arc::new(late));
/// assert!(config.get_extension::<LatePayloads>().is_some());
/// ```
#[derive(Clone)]
pub struct LatePayloads {
    scans: Arc<dyn LatePayload>,
    mode: fn(&ConfigOptions) -> PayloadMode,
}

impl LatePayloads {
    /// Scans are split by `scans`; `mode` tells from a session's options which payload is read late.
    pub fn new(scans: Arc<dyn LatePayload>, mode: fn(&ConfigOptions) -> PayloadMode) -> Self {
        Self { scans, mode }
    }

    pub(crate) fn scans(&self) -> &dyn LatePayload {
        &*self.scans
    }

    pub(crate) fn mode(&self, options: &ConfigOptions) -> PayloadMode {
        (self.mode)(options)
    }
}

impl Debug for LatePayloads {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("LatePayloads")
            .field("scans", &self.scans)
            .finish_non_exhaustive()
    }
}

/// Late pays when winners are at most one of so many rows …
const ROWS_A_WINNER: usize = 16;
/// … of at least so many rows …
const LEAST_ROWS: usize = 1 << 20;
/// … and there are at least so many bytes of payload a row.
const LEAST_WIDTH: usize = 32;

/// Whether the payload of `slots` winners at most, of so many bytes each, is read faster by itself than with all of `rows` rows.
pub(crate) fn pays(slots: usize, rows: usize, width: usize) -> bool {
    rows >= LEAST_ROWS && width >= LEAST_WIDTH && slots.saturating_mul(ROWS_A_WINNER) <= rows
}

/// About how many bytes a value takes.
pub(crate) fn width(data_type: &DataType) -> usize {
    match data_type {
        DataType::Boolean => 1,
        DataType::FixedSizeBinary(bytes) => usize::try_from(*bytes).unwrap_or(0),
        DataType::FixedSizeList(field, length) => {
            usize::try_from(*length).unwrap_or(0) * width(field.data_type())
        }
        DataType::Struct(fields) => fields.iter().map(|f| width(f.data_type())).sum(),
        DataType::Dictionary(_, values) => width(values),
        // Nothing is known of strings and lists: more than a number.
        other => other.primitive_width().unwrap_or(24),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::Field;

    use super::*;

    #[test]
    fn few_winners_of_wide_rows_pay() {
        assert!(pays(5_000, 10_000_000, 64));
        assert!(pays(500_000, 10_000_000, 64));
        assert!(!pays(1_000_000, 10_000_000, 64));
        assert!(!pays(5_000, 10_000_000, 8));
        assert!(!pays(5, 10_000, 64));
        assert!(!pays(usize::MAX, 10_000_000, 64));
    }

    #[test]
    fn widths_are_told_by_types() {
        let item = Arc::new(Field::new("item", DataType::Float32, true));
        let vector = DataType::FixedSizeList(Arc::clone(&item), 128);
        assert_eq!(width(&vector), 512);
        assert_eq!(width(&DataType::Struct(vec![item].into())), 4);
        assert_eq!(width(&DataType::Float64), 8);
        assert_eq!(width(&DataType::Utf8), 24);
    }
}
