// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What the partitions of one scan share, so that each delete file is read once.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Mutex as AsyncMutex;

use crate::error::Result;

/// Values by name, each loaded by whoever asks first. Others wait for that load; if it fails or its
/// caller is cancelled, the next one in the queue loads.
pub(super) struct LoadOnce<T> {
    slots: Mutex<HashMap<String, Arc<Slot<T>>>>,
}

type Slot<T> = AsyncMutex<Kept<T>>;

/// How a value is kept for those who ask later.
enum Kept<T> {
    Nothing,
    /// While somebody uses it.
    Used(Weak<T>),
    /// For the whole scan.
    Owned(Arc<T>),
}

/// How long to keep a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    WhileUsed,
    ForTheScan,
}

impl<T> LoadOnce<T> {
    /// The value called `name`, loaded by `load` if nobody has it, and how long to keep it.
    pub(super) async fn get_or_load<F>(&self, name: &str, load: F) -> Result<Arc<T>>
    where
        F: Future<Output = Result<(Arc<T>, Keep)>>,
    {
        let slot = self.slot(name);
        let mut kept = slot.lock().await;
        if let Some(value) = kept.get() {
            return Ok(value);
        }
        let (value, keep) = load.await?;
        *kept = match keep {
            Keep::WhileUsed => Kept::Used(Arc::downgrade(&value)),
            Keep::ForTheScan => Kept::Owned(Arc::clone(&value)),
        };
        Ok(value)
    }

    fn slot(&self, name: &str) -> Arc<Slot<T>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(name) {
            return Arc::clone(slot);
        }
        // Before it grows, the map forgets what nobody uses.
        if slots.len() == slots.capacity() {
            slots.retain(|_, slot| Arc::strong_count(slot) > 1 || is_kept(slot));
        }
        let slot = Arc::new(AsyncMutex::new(Kept::Nothing));
        slots.insert(name.to_string(), Arc::clone(&slot));
        slot
    }
}

fn is_kept<T>(slot: &Slot<T>) -> bool {
    slot.try_lock().map_or(true, |kept| kept.get().is_some())
}

impl<T> Kept<T> {
    fn get(&self) -> Option<Arc<T>> {
        match self {
            Self::Nothing => None,
            Self::Used(value) => value.upgrade(),
            Self::Owned(value) => Some(Arc::clone(value)),
        }
    }
}

impl<T> Default for LoadOnce<T> {
    fn default() -> Self {
        Self {
            slots: Mutex::default(),
        }
    }
}

impl<T> fmt::Debug for LoadOnce<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadOnce").finish_non_exhaustive()
    }
}
