// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The time by which credentials expire.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time in milliseconds since 1970.
#[derive(Clone)]
pub(crate) struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Clock {
    /// The machine's clock.
    pub(crate) fn of_machine() -> Self {
        Self(Arc::new(machine_time))
    }

    /// A clock that `tell`s.
    #[cfg(test)]
    pub(crate) fn new(tell: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    pub(crate) fn now(&self) -> i64 {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// An instant in milliseconds since 1970.
pub(super) fn milliseconds(instant: SystemTime) -> i64 {
    let since = instant.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[expect(
    clippy::disallowed_methods,
    reason = "whoever grants credentials says by the clock when they end; no result depends on it"
)]
fn machine_time() -> i64 {
    milliseconds(SystemTime::now())
}

/// Credentials are renewed this long before their end, or a quarter of their time if that is less.
const AHEAD: i64 = 5 * 60 * 1000;

/// Credentials are not renewed more often than this, whatever their end is said to be.
const SELDOM: i64 = 1000;

/// When to renew what was got at `got` and ends at `ends`; never for what had ended already, since
/// then the clocks differ.
pub(super) fn renew_at(got: i64, ends: Option<i64>) -> Option<i64> {
    let left = ends?.saturating_sub(got);
    (left > 0).then(|| got.saturating_add((left - AHEAD.min(left / 4)).max(SELDOM)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewal_is_ahead_of_the_end() {
        assert_eq!(renew_at(1000, None), None);
        assert_eq!(renew_at(1000, Some(500)), None);
        assert_eq!(renew_at(0, Some(3_600_000)), Some(3_300_000));
        assert_eq!(renew_at(0, Some(60_000)), Some(45_000));
        assert_eq!(renew_at(0, Some(500)), Some(1000));
    }
}
